"""What needs somebody now, for the home pages: approvals, requests that came back, tenders, pools."""

from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.models import Company, User
from companies.shell import Todo
from companies.templatetags.ui import euros
from purchasing import selectors
from purchasing.models import Pool, PurchaseRequest, Tender
from purchasing.states import AwardState, PoolState, RequestState, TenderState

SOON = timedelta(days=2)


def _back(function: str, *args: object) -> list[Todo]:
    """What the second half of the room (commitments, orders, deliveries) adds."""
    if not find_spec("purchasing.todo_back"):
        return []
    ask = getattr(import_module("purchasing.todo_back"), function, None)
    return list(ask(*args)) if ask else []


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """Approvals for approvers; returned requests and drafts for their buyers; pools for lead buyers."""
    found: list[Todo] = []
    if "approver" in roles:
        found += [
            Todo(
                _("Approve: %(title)s") % {"title": request.title},
                f"{euros(request.amount_cents)} · {request.requester}",
                reverse("purchasing:request", args=[company.pk, request.pk]),
                tone="warning",
            )
            for request in selectors.to_approve(user, company)[:10]
        ]
    if "buyer" in roles:
        found += _of_buyer(user, company)
        found += _of_pools(Pool.objects.filter(lead=user), at)
    return found + _back("for_company", user, company, roles, at)


def _of_buyer(user: User, company: Company) -> list[Todo]:
    rows = PurchaseRequest.objects.filter(company=company, requester=user, state=RequestState.RETURNED)
    return [
        Todo(
            _("Correct: %(title)s") % {"title": request.title},
            _("An approver sent this request back."),
            reverse("purchasing:request", args=[company.pk, request.pk]),
            tone="warning",
        )
        for request in rows[:10]
    ]


def for_staff(user: User, at: datetime) -> list[Todo]:
    """Needs that wait for a pool, tenders to open, awards to decide or confirm, pools without a date."""
    found: list[Todo] = []
    waiting = selectors.open_needs().count()
    if waiting:
        words = ngettext("%(n)d need waits for a pool", "%(n)d needs wait for a pool", waiting) % {"n": waiting}
        found.append(Todo(words, _("Group what several companies need."), reverse("purchasing:needs")))
    return found + _of_pools(Pool.objects.all(), at, user=user) + _back("for_staff", user, at)


def _of_pools(pools: QuerySet[Pool], at: datetime, user: User | None = None) -> list[Todo]:
    """Steps of the front half that wait for whoever runs these pools. Three queries."""
    found: list[Todo] = []
    running = Tender.objects.filter(pool__in=pools.values("pk"), state__in=[TenderState.OPEN, TenderState.OPENED])
    for tender in running.select_related("pool").prefetch_related("awards"):
        title, opened = tender.pool.title, tender.state == TenderState.OPENED
        url = reverse("purchasing:comparison" if opened else "purchasing:tender", args=[tender.pool_id])
        proposed = [award for award in tender.awards.all() if award.state == AwardState.PROPOSED]
        if proposed and user is not None and user.pk not in (proposed[0].decided_by_id, tender.opened_by_id):
            found.append(Todo(_("Confirm an award as second person"), title, url, tone="warning"))
        elif opened and not proposed:
            found.append(Todo(_("Compare and award"), title, url, tone="warning"))
        elif not opened and tender.deadline <= at:
            found.append(Todo(_("Open the quotes"), title, url, tone="warning"))
        elif not opened and tender.deadline <= at + SOON:
            found.append(Todo(_("Answers of suppliers end soon"), title, url, due=tender.deadline))
    for pool in pools.filter(state=PoolState.OFFER_READY):
        url = reverse("purchasing:pool", args=[pool.pk])
        found.append(Todo(_("Open it for commitments"), pool.title, url, tone="warning"))
    return found
