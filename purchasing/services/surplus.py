"""Surplus between members: offered, reserved exactly once, handed over and confirmed by both sides.

The association is not party to the sale: the member that offers invoices the member that takes.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Sum
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import has_role, require
from companies.errors import DomainError, Invalid
from companies.models import Company, Role, Site, User
from companies.money import line_total, vat
from companies.states import move
from purchasing import access, mails_exchange
from purchasing.models import Article, Commitment, ExchangeOffer, PurchaseOrderLine, Reservation
from purchasing.models.article import VatRate
from purchasing.rules import surplus as rules
from purchasing.services import parcels
from purchasing.states_exchange import OFFER, RESERVATION, OfferState, ReservationState

OFFER_DAYS = 30
MOST_DAYS = 180
HOLD_DAYS = 7  # so long units are kept for whoever reserved them


class TextMissing(Invalid):
    code = "offer_text_missing"
    message = _("Say what you offer.")
    field = "text"


class QuantityWrong(Invalid):
    code = "offer_quantity_invalid"
    message = _("Enter how many units: at least one, and at least one lot.")
    field = "quantity"


class BelowTaken(Invalid):
    code = "offer_below_reserved"
    message = _("%(taken)s units are reserved already: you cannot offer fewer.")
    field = "quantity"


class EndWrong(Invalid):
    code = "offer_end_invalid"
    message = _("Choose a day from tomorrow on, within %(days)s days.")
    field = "expires_on"


class NothingSpare(DomainError):
    code = "nothing_spare"
    message = _("Nothing of this share is left over: you have what you wanted, or you offer the rest already.")


class NotOnOffer(DomainError):
    code = "not_on_offer"
    message = _("This is no longer on offer. Look at what other members offer.")


class OwnOffer(DomainError):
    code = "own_offer"
    message = _("This is your own company's offer.")


class NotSoMany(DomainError):
    code = "offer_too_few_left"
    message = _("Only %(left)s are left. Reserve at most that many.")
    field = "quantity"


class LotsOnly(Invalid):
    code = "offer_whole_lots"
    message = _("Only in lots of %(lot)s, or all %(left)s that are left.")
    field = "quantity"


class ReasonMissing(Invalid):
    code = "exchange_reason_missing"
    message = _("Say why in a few words: the other company reads it.")
    field = "note"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a member offers; prices in ten-thousandths of a euro before VAT, 0 for a gift."""

    text: str
    quantity: int
    unit_price_e4: int
    unit: str = "piece"
    vat_bp: int = 2000
    lot: int = 1
    description: str = ""
    article: Article | None = None
    site: Site | None = None
    best_before: date | None = None
    expires_at: datetime | None = None


def _checked_end(end: datetime | None, at: datetime) -> datetime:
    end = end or at + timedelta(days=OFFER_DAYS)
    if not at < end <= at + timedelta(days=MOST_DAYS + 1):
        raise EndWrong(days=MOST_DAYS)
    return end


@transaction.atomic(durable=True)
def offer(*, actor: User, company: Company, draft: Draft, at: datetime) -> ExchangeOffer:
    """Offer units to the other members. Those that ask for the same are told. A form sent twice is one offer."""
    require(access.can_request(actor, company))
    Company.objects.select_for_update(of=("self",), no_key=True).get(pk=company.pk)
    fresh = company.exchange_offers.filter(
        author=actor, state="open", taken=0, created_at__gt=at - timedelta(minutes=2)
    )
    said = {name: getattr(draft, name) for name in ("article", "site", "quantity", "unit_price_e4", "lot")}
    return fresh.filter(text=draft.text.strip(), **said).first() or _create(actor, company, draft, at=at)


def _create(
    actor: User, company: Company, draft: Draft, *, at: datetime, commitment: Commitment | None = None
) -> ExchangeOffer:
    text = (draft.text.strip() or (draft.article.name if draft.article else ""))[:200]
    if not text:
        raise TextMissing
    if draft.quantity < 1 or not 1 <= draft.lot <= draft.quantity:
        raise QuantityWrong
    row = ExchangeOffer.objects.create(
        company=company,
        author=actor,
        article=draft.article,
        commitment=commitment,
        site=draft.site if draft.site and draft.site.company_id == company.pk else None,
        text=text,
        unit=draft.article.unit if draft.article else draft.unit,
        description=draft.description.strip(),
        quantity=draft.quantity,
        lot=draft.lot,
        unit_price_e4=draft.unit_price_e4,
        vat_bp=draft.vat_bp,
        best_before=draft.best_before,
        expires_at=_checked_end(draft.expires_at, at),
        created_at=at,
    )
    audit.record("exchangeoffer.open", target=row, at=at, actor=actor, company=company, data={"units": draft.quantity})
    mails_exchange.offered(row, at=at)
    return row


@transaction.atomic(durable=True)
def offer_rest(*, actor: User, commitment: Commitment, at: datetime) -> ExchangeOffer:
    """Offer what a company got beyond its wish, at the pool's price, in one tap. A second tap returns the first offer."""
    company = commitment.company
    require(access.can_request(actor, company))
    Commitment.objects.select_for_update(of=("self",)).get(pk=commitment.pk)
    known = ExchangeOffer.objects.filter(commitment=commitment, state=OfferState.OPEN).first()
    if known is not None:
        return known
    units = spare_of([commitment]).get(commitment.pk, 0)
    if not units:
        raise NothingSpare
    line = commitment.pool_line
    bought = PurchaseOrderLine.objects.filter(pool_line=line).exclude(order__state="cancelled").order_by("-pk").first()
    draft = Draft(
        text=line.text,
        quantity=units,
        unit_price_e4=bought.unit_price_e4 if bought else 0,
        unit=line.unit,
        vat_bp=line.vat_bp if line.vat_bp in VatRate.values else VatRate.STANDARD,
        article=line.article,
        site=commitment.site,
    )
    return _create(actor, company, draft, at=at, commitment=commitment)


def spare_of(held: Iterable[Commitment]) -> dict[int, int]:
    """Units beyond what was wanted, in the company's hands and not offered yet, by commitment. Two queries."""
    rows = {row.pk: row for row in held}
    got = parcels.handed(rows.values())
    offers = ExchangeOffer.objects.filter(commitment__in=rows)
    # What was taken off or has ended without a taker is spare again.
    gone = dict(offers.values_list("commitment").annotate(n=Sum("taken")).order_by())
    still = offers.filter(state__in=[OfferState.OPEN, OfferState.HIDDEN]).values_list("commitment")
    kept = dict(still.annotate(n=Sum(F("quantity") - F("taken"))).order_by())
    found = {
        pk: rules.spare(got.get(pk, 0), row.quantity, gone.get(pk, 0) + kept.get(pk, 0)) for pk, row in rows.items()
    }
    return {pk: units for pk, units in found.items() if units}


def _locked(row: ExchangeOffer) -> ExchangeOffer:
    return (
        ExchangeOffer.objects.select_for_update(of=("self",))
        .select_related("company", "article", "site")
        .get(pk=row.pk)
    )


@transaction.atomic(durable=True)
def change(
    *, actor: User, offer: ExchangeOffer, quantity: int, unit_price_e4: int, expires_at: datetime, at: datetime
) -> ExchangeOffer:
    """Offer more or fewer, at another price, longer. What is reserved keeps its units and its price."""
    require(has_role(actor, offer.company, Role.BUYER))
    row = _locked(offer)
    if row.state not in (OfferState.OPEN, OfferState.EXPIRED):
        raise NotOnOffer
    if quantity < row.taken:
        raise BelowTaken(taken=row.taken)
    if quantity < max(1, row.lot):
        raise QuantityWrong
    changes: dict[str, Any] = {
        "quantity": quantity,
        "unit_price_e4": unit_price_e4,
        "expires_at": _checked_end(expires_at, at),
    }
    before = {"quantity": row.quantity, "unit_price_e4": row.unit_price_e4}
    if row.state == OfferState.EXPIRED:
        move(row, OfferState.OPEN, table=OFFER, at=at, actor=actor, company=row.company, **changes)
        return row
    ExchangeOffer.objects.filter(pk=row.pk).update(**changes)
    audit.record("exchangeoffer.changed", target=row, at=at, actor=actor, company=row.company, data=before)
    row.refresh_from_db()
    return row


@transaction.atomic(durable=True)
def withdraw(*, actor: User, offer: ExchangeOffer, at: datetime) -> ExchangeOffer:
    """Take an offer off. What is reserved stays reserved."""
    require(has_role(actor, offer.company, Role.BUYER))
    row = _locked(offer)
    if row.state != OfferState.CLOSED:
        move(row, OfferState.CLOSED, table=OFFER, at=at, actor=actor, company=row.company)
    return row


@transaction.atomic(durable=True)
def moderate(*, actor: User, offer: ExchangeOffer, hide: bool, reason: str, at: datetime) -> ExchangeOffer:
    """The association hides an offer that has no place here, or shows it again; its member reads why."""
    require(access.can_keep_catalogue(actor))
    if not reason.strip():
        raise ReasonMissing(field="reason")
    row, to = _locked(offer), OfferState.HIDDEN if hide else OfferState.OPEN
    why = reason.strip()[:200]
    move(row, to, table=OFFER, at=at, actor=actor, company=row.company, reason=why, moderation=why)
    return row


@transaction.atomic(durable=True)
def reserve(
    *, actor: User, company: Company, offer: ExchangeOffer, quantity: int, client_id: UUID, at: datetime
) -> Reservation:
    """Keep so many units for a company, exactly once: a retry with the same `client_id` returns the first reservation.

    Raises NotOnOffer, OwnOffer, NotSoMany, LotsOnly.
    """
    require(access.can_request(actor, company))
    row = _locked(offer)  # of two companies that want the last units one waits, and reads what is left
    known = Reservation.objects.filter(company=company, client_id=client_id).first()
    if known is not None:
        return known
    if row.company_id == company.pk:
        raise OwnOffer
    if row.state != OfferState.OPEN or row.expires_at <= at or not row.company.is_member:
        raise NotOnOffer
    _end_overdue(row, at=at)
    match rules.refusal(quantity, quantity=row.quantity, taken=row.taken, lot=row.lot):
        case "quantity":
            raise QuantityWrong
        case "gone" | "too_much":
            raise NotSoMany(left=row.left)
        case "lot":
            raise LotsOnly(lot=row.lot, left=row.left)
    net = line_total(quantity, row.unit_price_e4)
    kept = Reservation.objects.create(
        offer=row,
        company=company,
        author=actor,
        client_id=client_id,
        quantity=quantity,
        unit_price_e4=row.unit_price_e4,
        net_cents=net,
        vat_bp=row.vat_bp,
        vat_cents=vat(net, row.vat_bp),
        reserved_at=at,
        expires_at=at + timedelta(days=HOLD_DAYS),
    )
    _take(row, quantity)
    audit.record("reservation.reserved", target=kept, at=at, actor=actor, company=company, data={"units": quantity})
    mails_exchange.reserved(kept, at=at)
    return kept


def _take(row: ExchangeOffer, units: int) -> None:
    ExchangeOffer.objects.filter(pk=row.pk).update(taken=F("taken") + units)
    row.taken += units


def _end_overdue(row: ExchangeOffer, *, at: datetime) -> None:
    for late in row.reservations.filter(state=ReservationState.RESERVED, expires_at__lte=at).order_by("pk"):
        _end(late, row, ReservationState.EXPIRED, actor=None, note="", at=at)


def _end(kept: Reservation, row: ExchangeOffer, to: str, *, actor: User | None, note: str, at: datetime) -> None:
    """Give the units back to the offer; the other side is told."""
    move(kept, to, table=RESERVATION, at=at, actor=actor, company=kept.company, reason=note, note=note[:200])
    _take(row, -kept.quantity)
    mails_exchange.ended(kept, by=actor, at=at)


def _both(kept: Reservation) -> tuple[ExchangeOffer, Reservation]:
    """The offer and its reservation under lock, in that order."""
    row = _locked(kept.offer)
    again = Reservation.objects.select_for_update(of=("self",)).select_related("company", "offer__company")
    return row, again.get(pk=kept.pk)


def _is_giver(actor: User, kept: Reservation) -> bool:
    return has_role(actor, kept.offer.company, Role.BUYER)


def _is_taker(actor: User, kept: Reservation) -> bool:
    return has_role(actor, kept.company, Role.BUYER)


@transaction.atomic(durable=True)
def cancel(*, actor: User, reservation: Reservation, note: str = "", at: datetime) -> Reservation:
    """Either side calls it off before the hand-over; the member that offers says why."""
    giver, taker = _is_giver(actor, reservation), _is_taker(actor, reservation)
    require(giver or taker)
    row, kept = _both(reservation)
    if kept.state == ReservationState.CANCELLED:
        return kept
    if not taker and not note.strip():
        raise ReasonMissing
    _end(kept, row, ReservationState.CANCELLED, actor=actor, note=note.strip(), at=at)
    return kept


@transaction.atomic(durable=True)
def confirm(*, actor: User, company: Company, reservation: Reservation, at: datetime) -> Reservation:
    """One side says that the goods changed hands; when both have, it is done. Saying it twice changes nothing."""
    require(
        has_role(actor, company, Role.BUYER) and company.pk in (reservation.company_id, reservation.offer.company_id)
    )
    _row, kept = _both(reservation)
    giver = company.pk == kept.offer.company_id
    mine, other = ("given", "received") if giver else ("received", "given")
    if kept.state in (mine, ReservationState.DONE):
        return kept
    to = ReservationState.DONE if kept.state == other else ReservationState(mine)
    said: dict[str, Any] = {f"{mine}_at": at, f"{mine}_by": actor}
    move(kept, to, table=RESERVATION, at=at, actor=actor, company=kept.company, **said)
    if to != ReservationState.DONE:
        mails_exchange.to_confirm(kept, giver=giver, at=at)
    return kept


@transaction.atomic(durable=True)
def deny(*, actor: User, company: Company, reservation: Reservation, note: str, at: datetime) -> Reservation:
    """The other side says that nothing changed hands: reserved again, with a new time limit, and the first one is told."""
    require(
        has_role(actor, company, Role.BUYER) and company.pk in (reservation.company_id, reservation.offer.company_id)
    )
    if not note.strip():
        raise ReasonMissing
    _row, kept = _both(reservation)
    giver = company.pk == kept.offer.company_id
    if kept.state == (ReservationState.GIVEN if giver else ReservationState.RECEIVED):
        require(False)  # nobody denies their own word
    move(
        kept, ReservationState.RESERVED, table=RESERVATION, at=at, actor=actor, company=kept.company,
        reason=note.strip(), note=note.strip()[:200], expires_at=at + timedelta(days=HOLD_DAYS),
        given_at=None, given_by=None, received_at=None, received_by=None,
    )  # fmt: skip
    mails_exchange.denied(kept, giver=giver, at=at)
    return kept


def sweep(*, at: datetime) -> int:
    """End what was not collected in time and what is no longer on offer. Safe to run twice."""
    late = Reservation.objects.filter(state=ReservationState.RESERVED, expires_at__lte=at)
    over = ExchangeOffer.objects.filter(state=OfferState.OPEN, expires_at__lte=at)
    ids = sorted({*late.values_list("offer_id", flat=True), *over.values_list("pk", flat=True)})
    for pk in ids:
        _sweep(pk, at=at)
    return len(ids)


@transaction.atomic(durable=True)
def _sweep(pk: int, *, at: datetime) -> None:
    row = ExchangeOffer.objects.select_for_update(of=("self",)).select_related("company").get(pk=pk)
    _end_overdue(row, at=at)
    if row.state == OfferState.OPEN and row.expires_at <= at:
        move(row, OfferState.EXPIRED, table=OFFER, at=at, actor=None, company=row.company)
