"""The letters to those who must agree: requests, commitments, budgets. Queued inside the transaction that causes them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils import timezone

from companies import mail
from companies.models import Role, User
from purchasing import approval_links, mails_back
from purchasing.authority import deciders
from purchasing.models import Pool, PurchaseRequest
from purchasing.rules.approval import Need

if TYPE_CHECKING:
    from purchasing.services.approval import Check


def _send(user: User, template: str, context: dict[str, object], key: str, at: datetime) -> None:
    mail.queue(
        to=user.email,
        template=f"purchasing/mail/{template}",
        context={"user": user, **context},
        key=f"{key}:{user.pk}",
        language=user.language,
        at=at,
    )


def approval_asked(request: PurchaseRequest, need: Need, *, at: datetime) -> None:
    """Tell everybody who may agree that a request waits; each gets a link of their own that says yes in one tap."""
    if mails_back.is_silent():
        return
    link = mail.absolute(reverse("purchasing:request", args=[request.company_id, request.pk]))
    for user in deciders(request.company, need=need, buyers={request.requester_id}, at=at):
        tap = approval_links.create(user, request.company, request.amount_cents, request=request, at=at)
        context: dict[str, object] = {"request": request, "link": link, "tap": tap, "need": need}
        _send(user, "approval_asked", context, f"approval:{request.pk}:{at.isoformat()}", at)


def commitment_to_approve(
    pool: Pool, check: "Check", *, most_cents: int, buyers: Iterable[int], committed_by: User | None, at: datetime
) -> None:
    """Tell everybody who may agree that the company's part of a pool waits for them, and until when."""
    if mails_back.is_silent():
        return
    company = check.company
    link = mail.absolute(reverse("purchasing:commit", args=[company.pk, pool.pk]))
    key = f"commitment-approval:{pool.pk}:{at.isoformat()}:{company.pk}"
    until = pool.completes_at or pool.closes_at
    for user in deciders(company, need=check.need, buyers=set(buyers), at=at):
        tap = approval_links.create(user, company, most_cents, pool=pool, until=until, at=at)
        context: dict[str, object] = {
            "company": company,
            "pool": pool,
            "amount_cents": check.amount_cents,
            "most_cents": most_cents,
            "committed_by": committed_by,
            "link": link,
            "tap": tap,
        }
        _send(user, "commitment_to_approve", context, key, at)


def budget_short(pool: Pool, check: "Check", *, at: datetime) -> None:
    """Tell buyers and who keeps the budgets, once a day, that a budget no longer covers the company's part of a pool."""
    if mails_back.is_silent():
        return
    company = check.company
    link = mail.absolute(reverse("purchasing:commit", args=[company.pk, pool.pk]))
    people = User.objects.filter(
        memberships__company=company, memberships__role__in=[Role.BUYER, Role.ACCOUNTANT], is_active=True
    )
    key = f"budget:{pool.pk}:{company.pk}:{timezone.localdate(at)}"
    for user in people.distinct().order_by("pk"):
        context: dict[str, object] = {"pool": pool, "company": company, "stops": check.stops, "link": link}
        _send(user, "budget_short", context, key, at)
