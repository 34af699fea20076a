"""The letters of the buying centre. Each is queued inside the transaction that causes it, once per key."""

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse

from companies import mail
from companies.models import Company, Role, User
from purchasing.models import Award, Pool, PurchaseRequest, Tender, TenderInvitation, TenderQuestion


def _people(company: Company, *roles: Role) -> list[User]:
    return list(
        User.objects.filter(memberships__company=company, memberships__role__in=roles, is_active=True)
        .distinct()
        .order_by("pk")
    )


def _send(user: User, template: str, context: dict[str, object], key: str, at: datetime) -> None:
    mail.queue(
        to=user.email,
        template=f"purchasing/mail/{template}",
        context={"user": user, **context},
        key=f"{key}:{user.pk}",
        language=user.language,
        at=at,
    )


def request_decided(request: PurchaseRequest, *, verdict: str, reason: str, at: datetime) -> None:
    """Tell the requester what was decided and why."""
    link = mail.absolute(reverse("purchasing:request", args=[request.company_id, request.pk]))
    context: dict[str, object] = {"request": request, "verdict": verdict, "reason": reason, "link": link}
    _send(request.requester, "request_decided", context, f"decided:{request.pk}:{at.isoformat()}", at)


def request_expired(request: PurchaseRequest, *, at: datetime) -> None:
    link = mail.absolute(reverse("purchasing:request", args=[request.company_id, request.pk]))
    _send(request.requester, "request_expired", {"request": request, "link": link}, f"expired:{request.pk}", at)


def pool_members(pool: Pool) -> list[Company]:
    """The companies with a need in the pool today."""
    return list(
        Company.objects.filter(
            purchase_requests__lines__pooled__pool_line__pool=pool,
            purchase_requests__lines__pooled__released_at__isnull=True,
        )
        .distinct()
        .order_by("pk")
    )


def _to_members(
    pool: Pool, companies: Iterable[Company], template: str, key: str, at: datetime, **context: object
) -> None:
    for company in companies:
        link = mail.absolute(reverse("purchasing:company_pool", args=[company.pk, pool.pk]))
        for user in _people(company, Role.BUYER):
            _send(
                user, template, {"pool": pool, "company": company, "link": link, **context}, f"{key}:{company.pk}", at
            )


def commitments_open(pool: Pool, *, at: datetime) -> None:
    """Tell the buyers of every company in the pool that they can commit, and until when."""
    _to_members(pool, pool_members(pool), "commitments_open", f"committing:{pool.pk}:{at.isoformat()}", at)


def pool_cancelled(pool: Pool, companies: Iterable[Company], *, reason: str, at: datetime) -> None:
    _to_members(pool, companies, "pool_cancelled", f"cancelled:{pool.pk}", at, reason=reason)


def _to_supplier(
    invitation: TenderInvitation, template: str, key: str, at: datetime, *, token: str = "", **context: object
) -> None:
    link = mail.absolute(reverse("purchasing:quote", args=[token])) if token else ""
    mail.queue(
        to=invitation.email,
        template=f"purchasing/mail/{template}",
        context={"invitation": invitation, "tender": invitation.tender, "link": link, **context},
        key=key,
        language=invitation.language,
        at=at,
    )


def invited(invitation: TenderInvitation, token: str, *, at: datetime) -> None:
    """Send the supplier its link: the only place the token is ever written in clear."""
    _to_supplier(invitation, "quote_asked", f"quote:{invitation.pk}:{invitation.token_hash[:16]}", at, token=token)


def tender_reminder(invitation: TenderInvitation, token: str, *, at: datetime) -> None:
    key = f"quote-reminder:{invitation.pk}:{invitation.token_hash[:16]}"
    _to_supplier(invitation, "quote_reminder", key, at, token=token)


def negotiation(invitation: TenderInvitation, token: str, message: str, *, at: datetime) -> None:
    key = f"negotiation:{invitation.pk}:{invitation.token_hash[:16]}"
    _to_supplier(invitation, "quote_negotiation", key, at, token=token, message=message)


def quote_received(invitation: TenderInvitation, version: int, *, late: bool, at: datetime) -> None:
    """Give the supplier a receipt of what it sent."""
    key = f"quote-received:{invitation.pk}:{version}"
    _to_supplier(invitation, "quote_received", key, at, version=version, late=late)


def question_asked(question: TenderQuestion, *, at: datetime) -> None:
    """Tell who leads the pool that a supplier asks something."""
    pool = question.tender.pool
    link = mail.absolute(reverse("purchasing:tender", args=[pool.pk]))
    context: dict[str, object] = {"pool": pool, "question": question, "link": link}
    _send(pool.lead, "question_asked", context, f"question:{question.pk}", at)


def question_answered(question: TenderQuestion, tender: Tender, *, at: datetime) -> None:
    """Every invited supplier reads the question, without its author, and the answer."""
    rows = tender.invitations.filter(invited_at__isnull=False, revoked_at__isnull=True)
    for invitation in rows.select_related("supplier", "tender__pool").order_by("pk"):
        key = f"answer:{question.pk}:{invitation.pk}"
        _to_supplier(invitation, "question_answered", key, at, question=question)


def tender_cancelled(tender: Tender, *, reason: str, at: datetime) -> None:
    for invitation in tender.invitations.exclude(state="declined").filter(invited_at__isnull=False):
        _to_supplier(invitation, "tender_cancelled", f"tender-cancelled:{invitation.pk}", at, reason=reason)


def awarded(award: Award, *, at: datetime) -> None:
    """Tell winners and losers; nobody learns another supplier's name or price."""
    answered = award.tender.invitations.filter(state__in=["awarded", "part_awarded", "lost"])
    for invitation in answered.select_related("supplier", "tender__pool"):
        template = "quote_lost" if invitation.state == "lost" else "quote_won"
        lines = [
            line.pool_line.text
            for line in award.lines.select_related("pool_line").filter(quote_line__quote__invitation=invitation)
        ]
        _to_supplier(invitation, template, f"award:{award.pk}:{invitation.pk}", at, lines=lines)


def second_person_asked(award: Award, people: Iterable[User], *, at: datetime) -> None:
    """Ask the others who may run the pool to look at an award above the threshold."""
    link = mail.absolute(reverse("purchasing:comparison", args=[award.tender.pool_id]))
    for user in people:
        _send(
            user, "award_to_confirm", {"award": award, "pool": award.tender.pool, "link": link}, f"award:{award.pk}", at
        )
