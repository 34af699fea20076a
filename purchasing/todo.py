"""What needs somebody now, for the home pages: approvals, requests that came back, tenders, pools."""

from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from companies.models import Company, User
from companies.shell import Todo
from companies.templatetags.ui import euros
from purchasing import prices, selectors, todo_exchange, todo_framework
from purchasing.authority import may_approve_in
from purchasing.models import Pool, PurchaseRequest, Tender, TenderQuestion
from purchasing.services import supplier as suppliers
from purchasing.states import AwardState, PoolState, RequestState, TenderState

SOON = timedelta(days=2)


def _back(function: str, *args: object) -> list[Todo]:
    """What the other parts of the room (commitments, orders, deliveries; employee pools) add."""
    found: list[Todo] = []
    for part in ("purchasing.todo_back", "purchasing.todo_employees"):
        ask = getattr(import_module(part), function, None) if find_spec(part) else None
        found += ask(*args) if ask else []
    return found


def for_company(user: User, company: Company, roles: set[str], at: datetime) -> list[Todo]:
    """Approvals for approvers; returned requests and drafts for their buyers; pools for lead buyers."""
    found: list[Todo] = []
    if "approver" in roles or may_approve_in(user, company, at=at):
        found += _to_approve(user, company)
    if "buyer" in roles:
        found += _price_rises(company, at)
        found += _of_buyer(user, company)
        found += _of_pools(Pool.objects.filter(lead=user), at)
        found += todo_framework.for_company(company, at)
    found += todo_exchange.for_company(user, company, roles, at)
    return found + _back("for_company", user, company, roles, at)


def _to_approve(user: User, company: Company) -> list[Todo]:
    return [
        Todo(
            _("Approve: %(title)s") % {"title": request.title},
            f"{euros(request.amount_cents)} · {request.requester}",
            reverse("purchasing:request", args=[company.pk, request.pk]),
            tone="warning",
        )
        for request in selectors.to_approve(user, company)[:10]
    ]


def _price_rises(company: Company, at: datetime) -> list[Todo]:
    """One line for all articles of the company that became dearer."""
    found = list(prices.rises_for(company, at)[:20])
    if not found:
        return []
    words = ngettext(
        "The price of %(n)d article you buy rose", "The prices of %(n)d articles you buy rose", len(found)
    ) % {"n": len(found)}
    url = (
        reverse("purchasing:article", args=[found[0].article_id])
        if len(found) == 1
        else reverse("purchasing:catalogue")
    )
    return [Todo(words, found[0].article.name, url)]


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
    rising = prices.rises(at).count()
    if rising:
        words = ngettext("%(n)d price rose", "%(n)d prices rose", rising) % {"n": rising}
        found.append(Todo(words, _("Companies that buy them are told."), reverse("purchasing:catalogue")))
    for document in suppliers.expiring(at)[:5]:
        words = _("%(kind)s of %(name)s") % {"kind": document.get_kind_display(), "name": document.supplier.name}
        over = document.expires_on is not None and document.expires_on < timezone.localdate(at)
        detail = _("This document has expired: ask for a new one.") if over else _("This document expires soon.")
        url = reverse("purchasing:supplier_file", args=[document.supplier_id])
        found.append(Todo(words, detail, url, tone="danger" if over else "warning"))
    found += todo_framework.for_staff(at)
    found += todo_exchange.for_staff(user, at)
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
    waiting = TenderQuestion.objects.filter(tender__in=running, answered_at__isnull=True).select_related("tender__pool")
    for question in waiting[:10]:
        url = reverse("purchasing:tender", args=[question.tender.pool_id])
        found.append(Todo(_("Answer a supplier's question"), question.tender.pool.title, url, tone="warning"))
    for pool in pools.filter(state=PoolState.OFFER_READY):
        url = reverse("purchasing:pool", args=[pool.pk])
        found.append(Todo(_("Open it for commitments"), pool.title, url, tone="warning"))
    return found
