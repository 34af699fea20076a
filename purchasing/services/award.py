"""Deciding a tender: who gets which line, why, and who looked at it."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import User
from companies.states import move
from purchasing import access, mails
from purchasing.comparison import cost_of, landed_line
from purchasing.models import Award, AwardLine, Pool, QuoteLine, Tender
from purchasing.selectors import current_quotes, pool_lines
from purchasing.services import award_measure, telling
from purchasing.services.pool import locked as locked_pool
from purchasing.states import AWARD, POOL, QUOTE, TENDER, AwardState, PoolState, QuoteState, TenderState


class NotOpened(DomainError):
    code = "tender_not_opened"
    message = _("Open the quotes first.")


class AwardEmpty(DomainError):
    code = "award_empty"
    message = _("Choose a quote for at least one line.")


class QuoteNotCurrent(DomainError):
    code = "quote_not_current"
    message = _("One of the chosen quotes was replaced, withdrawn or came late. Look at the comparison again.")


class QuoteExpired(DomainError):
    code = "quote_expired"
    message = _("The quote of %(supplier)s expired on %(day)s. Ask for a new version before you award it.")


class ReasonMissing(DomainError):
    code = "reason_missing"
    message = _("Say in a sentence why this choice: it is kept with the award.")


class SamePerson(DomainError):
    code = "second_person_needed"
    message = _("Whoever proposed this award cannot confirm it. Ask a second person.")


class AwardPending(DomainError):
    code = "award_pending"
    message = _("An award of this tender already waits for a second person.")


@transaction.atomic(durable=True)
def decide(
    *,
    actor: User,
    tender: Tender,
    choices: Mapping[int, int],
    reason: str,
    at: datetime,
    quantities: Mapping[int, int] | None = None,
) -> Award:
    """Award each pool line to a quote line (`choices` maps their ids). Above the threshold the opener only proposes.

    `quantities` says for which volume a line is decided, where it is not the pooled one. Beside a computed award, what
    this one costs more is kept with it.
    """
    require(access.can_run_tender(actor, tender))
    pool = locked_pool(tender.pool)
    tender = Tender.objects.select_for_update(of=("self",)).select_related("pool").get(pk=tender.pk)
    if tender.state != TenderState.OPENED:
        raise NotOpened
    if not reason.strip():
        raise ReasonMissing(field="reason")
    if tender.awards.filter(state=AwardState.PROPOSED).exists():
        raise AwardPending
    lines, value = _award_lines(tender, choices, quantities or {}, at=at)
    second = value > pool.second_person_above_cents and tender.opened_by_id == actor.pk
    award = Award.objects.create(
        tender=tender,
        reason=reason.strip(),
        value_cents=value,
        decided_by=actor,
        decided_at=at,
        needs_second_person=second,
    )
    for line in lines:
        line.award = award
    AwardLine.objects.bulk_create(lines)
    award_measure.measure(award, lines)
    audit.record("award.proposed", target=award, at=at, actor=actor, reason=reason, data={"value_cents": value})
    if second:
        mails.second_person_asked(award, others_of(pool, actor), at=at)
    else:
        _conclude(award, pool, tender, actor=actor, at=at)
    return award


def _award_lines(
    tender: Tender, choices: Mapping[int, int], quantities: Mapping[int, int], *, at: datetime
) -> tuple[list[AwardLine], int]:
    """The rows of the award and its landed value; refuses what is stale or expired."""
    offers: dict[int, QuoteLine] = {o.pk: o for q in current_quotes(tender) for o in _offers(q)}
    chosen = [(line, choices[line.pk]) for line in pool_lines(tender.pool) if choices.get(line.pk)]
    if not chosen:
        raise AwardEmpty
    rows: list[AwardLine] = []
    landed: dict[int, list[QuoteLine]] = {}
    costs = {}
    for line, offer_id in chosen:
        offer = offers.get(offer_id)
        if offer is None or offer.pool_line_id != line.pk:
            raise QuoteNotCurrent
        quote = offer.quote
        if quote.has_expired(timezone.localdate(at)):
            raise QuoteExpired(supplier=quote.invitation.supplier.name, day=f"{quote.valid_until:%d/%m/%Y}")
        quantity = quantities.get(line.pk, line.asked_quantity)
        cost = landed_line(offer, quantity)
        costs[offer.pk] = cost
        landed.setdefault(quote.pk, []).append(offer)
        rows.append(AwardLine(pool_line=line, quote_line=offer, quantity=quantity, landed_cents=cost.total_cents))
    value = sum(cost_of(group[0].quote, [costs[o.pk] for o in group]).total_cents for group in landed.values())
    return rows, value


def _offers(quote: object) -> list[QuoteLine]:
    lines = []
    for offer in quote.lines.all():  # type: ignore[attr-defined]  # a reverse relation
        if offer.tiers.all():
            offer.quote = quote
            lines.append(offer)
    return lines


@transaction.atomic(durable=True)
def confirm(*, actor: User, award: Award, at: datetime) -> Award:
    """The second person agrees: now the suppliers are told."""
    require(access.can_run_tender(actor, award.tender))
    pool = locked_pool(award.tender.pool)
    award = Award.objects.select_for_update(of=("self",)).select_related("tender__pool").get(pk=award.pk)
    if actor.pk in (award.decided_by_id, award.tender.opened_by_id):
        raise SamePerson
    for line in award.lines.select_related("quote_line__quote__invitation__supplier"):
        quote = line.quote_line.quote
        if quote.has_expired(timezone.localdate(at)):
            raise QuoteExpired(supplier=quote.invitation.supplier.name, day=f"{quote.valid_until:%d/%m/%Y}")
    _conclude(award, pool, award.tender, actor=actor, at=at)
    return award


@transaction.atomic(durable=True)
def refuse(*, actor: User, award: Award, reason: str, at: datetime) -> Award:
    """The second person does not agree: the comparison is open again."""
    require(access.can_run_tender(actor, award.tender))
    if not reason.strip():
        raise ReasonMissing(field="reason")
    award = Award.objects.select_for_update(of=("self",)).select_related("tender__pool").get(pk=award.pk)
    move(award, AwardState.REFUSED, table=AWARD, at=at, actor=actor, reason=reason)
    return award


def _conclude(award: Award, pool: Pool, tender: Tender, *, actor: User, at: datetime) -> None:
    move(award, AwardState.CONFIRMED, table=AWARD, at=at, actor=actor, confirmed_by=actor, confirmed_at=at)
    move(tender, TenderState.AWARDED, table=TENDER, at=at, actor=actor)
    won: dict[int, int] = {}
    for line in award.lines.select_related("quote_line__quote"):
        invitation_id = line.quote_line.quote.invitation_id
        won[invitation_id] = won.get(invitation_id, 0) + 1
    asked = pool_lines(pool).count()
    answered = Q(state__in=[QuoteState.SUBMITTED, QuoteState.NEGOTIATING, QuoteState.SHORTLISTED, QuoteState.LATE])
    answered |= Q(state=QuoteState.EXPIRED, quotes__submitted_at__isnull=False)
    for invitation in tender.invitations.filter(answered).distinct().select_related("supplier").order_by("pk"):
        lines = won.get(invitation.pk, 0)
        outcome = QuoteState.LOST
        if lines:
            outcome = QuoteState.AWARDED if lines == asked else QuoteState.PART_AWARDED
        if outcome != QuoteState.LOST and invitation.state == QuoteState.NEGOTIATING:
            move(invitation, QuoteState.SUBMITTED, table=QUOTE, at=at, actor=actor)
        move(invitation, outcome, table=QUOTE, at=at, actor=actor)
    move(pool, PoolState.OFFER_READY, table=POOL, at=at, actor=actor)
    tender.pool = pool
    telling.tender_event(tender, "awarded", at=at, actor=actor)
    mails.awarded(award, at=at)


def others_of(pool: Pool, actor: User) -> list[User]:
    """Who may confirm instead of the actor: association staff and the pool's lead."""
    people = User.objects.filter(Q(staff_role__isnull=False) | Q(pk=pool.lead_id), is_active=True)
    return list(people.exclude(pk=actor.pk).distinct().order_by("pk"))
