"""The supplier's side: a link, a draft that is never lost, versions, a refusal."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError
from companies.states import move
from purchasing import links, mails
from purchasing.models import PoolLine, PriceTier, Quote, QuoteLine, TenderInvitation
from purchasing.services import telling
from purchasing.states import QUOTE, PoolLineState, QuoteState, TenderState


class LinkRefused(DomainError):
    code, status = "link_refused", 404
    message = _("This link is not valid. Check that it was copied whole, or ask your contact for a new one.")


class LinkExpired(DomainError):
    code, status = "link_expired", 410
    message = _("This link expired on %(day)s. Ask your contact for a new one.")


class LinkRevoked(DomainError):
    code, status = "link_revoked", 410
    message = _("This link was withdrawn. Ask your contact for a new one.")


class AnswerClosed(DomainError):
    code = "answer_closed"
    message = _("This tender is decided: the answer can no longer change.")


class QuoteEmpty(DomainError):
    code = "quote_empty"
    message = _("Give a price for at least one article, or decline.")


class ValidityMissing(DomainError):
    code = "validity_missing"
    message = _("Say until when your prices hold.")


class ValidityPast(DomainError):
    code = "validity_past"
    message = _("This date is in the past. Choose a later one.")


class TiersWrong(DomainError):
    code = "tiers_wrong"
    message = _("%(article)s: each quantity appears once, and the price never rises with the quantity.")


class PriceZero(DomainError):
    code = "price_zero"
    message = _(
        "%(article)s: a price of 0 would win against everybody. Leave the price empty if you do not offer the article; "
        "say in the remark what is free of charge."
    )


@dataclass(frozen=True, slots=True)
class OfferDraft:
    """What is offered for one pool line: tiers as (from quantity, unit price in ten-thousandths)."""

    pool_line: PoolLine
    tiers: Sequence[tuple[int, int]]
    pack: int = 1
    moq: int = 0
    available: int | None = None
    reference: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class QuoteDraft:
    offers: Sequence[OfferDraft] = ()
    valid_until: date | None = None
    minimum_cents: int = 0
    freight_cents: int = 0
    franco_cents: int | None = None
    lead_days: int | None = None
    payment_days: int = 30
    terms: str = ""
    signatory: str = ""


EDITABLE = (
    QuoteState.INVITED, QuoteState.OPENED, QuoteState.SUBMITTED, QuoteState.NEGOTIATING, QuoteState.LATE,
    QuoteState.DECLINED, QuoteState.SHORTLISTED, QuoteState.EXPIRED,
)  # fmt: skip

SILENT_UNTIL_NOW = (QuoteState.INVITED, QuoteState.OPENED, QuoteState.DECLINED, QuoteState.EXPIRED)


def find(token: str, *, at: datetime) -> TenderInvitation:
    """The invitation behind a link, or a sentence that says why not."""
    if not links.is_ours(token):
        raise LinkRefused
    invitation = (
        TenderInvitation.objects.select_related("tender__pool", "supplier", "contact")
        .filter(token_hash=links.digest(token), invited_at__isnull=False)
        .first()
    )
    if invitation is None:
        raise LinkRefused
    if invitation.revoked_at is not None:
        raise LinkRevoked
    if invitation.expires_at <= at:
        raise LinkExpired(day=date_format(timezone.localtime(invitation.expires_at), "j F Y"))
    return invitation


def is_editable(invitation: TenderInvitation) -> bool:
    """Whether the supplier may still answer; late answers count as answers too."""
    return invitation.tender.state in (TenderState.OPEN, TenderState.OPENED) and invitation.state in EDITABLE


@transaction.atomic(durable=True)
def mark_opened(*, invitation: TenderInvitation, at: datetime) -> None:
    """Note that the supplier looked, once."""
    invitation = _locked(invitation)
    if invitation.state == QuoteState.INVITED:
        _move(invitation, QuoteState.OPENED, at=at, opened_at=at)


@transaction.atomic(durable=True)
def save_draft(*, invitation: TenderInvitation, draft: QuoteDraft, at: datetime) -> Quote:
    """Keep a whole answer as far as it goes; half a quote is fine here."""
    return _write(_editable(invitation), draft, at=at)


@transaction.atomic(durable=True)
def save_offer(*, invitation: TenderInvitation, offer: OfferDraft, at: datetime) -> Quote:
    """Keep what is typed for one article. An offer without a price says that the article is not offered."""
    invitation = _editable(invitation)
    _check_tiers(offer)
    quote = _draft(invitation, at=at)
    quote.lines.filter(pool_line=offer.pool_line).delete()
    _write_offers(quote, [offer])
    return quote


@transaction.atomic(durable=True)
def save_terms(*, invitation: TenderInvitation, draft: QuoteDraft, at: datetime) -> Quote:
    """Keep the conditions of the whole quote; its offers stay as they are."""
    quote = _draft(_editable(invitation), at=at)
    _set_terms(quote, draft, at=at)
    return quote


@transaction.atomic(durable=True)
def submit(*, invitation: TenderInvitation, at: datetime, draft: QuoteDraft | None = None) -> Quote:
    """Send the open version. From the deadline on it is stored as late and waits for a reasoned acceptance.

    Sent again without a change, by a double click or a program that lost the answer, it is the version sent before.
    """
    invitation = _editable(invitation)
    quote = _write(invitation, draft, at=at) if draft is not None else _draft(invitation, at=at)
    _check(quote, at=at)
    before = invitation.quotes.filter(submitted_at__isnull=False).order_by("-version").first()
    if before is not None and invitation.state == QuoteState.SUBMITTED and _content(before) == _content(quote):
        quote.delete()
        return before
    # After the opening a version nobody asked for is late even before the deadline: prices are known by then.
    tender = invitation.tender
    after = at >= tender.deadline or tender.state == TenderState.OPENED
    late = after and invitation.state != QuoteState.NEGOTIATING
    quote.late, quote.submitted_at = late, at
    quote.save(update_fields=["late", "submitted_at"])
    if not late and invitation.state != QuoteState.SUBMITTED:
        if invitation.state == QuoteState.SHORTLISTED:
            _move(invitation, QuoteState.NEGOTIATING, at=at)
        _move(invitation, QuoteState.SUBMITTED, at=at, answered_at=at)
    elif late and invitation.state in SILENT_UNTIL_NOW:
        _move(invitation, QuoteState.LATE, at=at, answered_at=at)
    mails.quote_received(invitation, quote.version, late=late, at=at)
    telling.quote_received(tender, at=at)
    return quote


@transaction.atomic(durable=True)
def decline(*, invitation: TenderInvitation, reason: str, at: datetime) -> TenderInvitation:
    """Say no, with or without a reason; a supplier that changes its mind may still answer."""
    invitation = _locked(invitation)
    if invitation.tender.state not in (TenderState.OPEN, TenderState.OPENED):
        raise AnswerClosed
    _move(invitation, QuoteState.DECLINED, at=at, answered_at=at, decline_reason=reason)
    return invitation


@transaction.atomic(durable=True)
def withdraw(*, invitation: TenderInvitation, reason: str, at: datetime) -> TenderInvitation:
    """Take an answer back before the award. Its versions stay on file."""
    invitation = _locked(invitation)
    if invitation.tender.state not in (TenderState.OPEN, TenderState.OPENED):
        raise AnswerClosed
    _move(invitation, QuoteState.WITHDRAWN, at=at, decline_reason=reason)
    return invitation


def _draft(invitation: TenderInvitation, *, at: datetime) -> Quote:
    """The open version of an answer: the one there is, else a copy of the last one sent, else a blank one."""
    quote = invitation.quotes.filter(submitted_at__isnull=True).first()
    if quote is not None:
        return quote
    last = invitation.quotes.order_by("-version").prefetch_related("lines__tiers").first()
    quote = Quote(invitation=invitation, version=(last.version if last else 0) + 1, saved_at=at)
    if last is not None:
        for name in FIELDS:
            setattr(quote, name, getattr(last, name))
    quote.save()
    if last is not None:
        _write_offers(quote, [_offer_of(line) for line in last.lines.all()])
    return quote


def _content(quote: Quote) -> tuple[Any, ...]:
    """What a version says, without when it was said."""
    lines = quote.lines.prefetch_related("tiers").order_by("pool_line_id")
    offers = [_offer_of(line) for line in lines]
    told = [(o.pool_line.pk, tuple(o.tiers), o.pack, o.moq, o.available, o.reference, o.note) for o in offers]
    return (*(getattr(quote, name) for name in FIELDS), told)


def _offer_of(line: QuoteLine) -> OfferDraft:
    tiers = [(tier.from_qty, tier.unit_price_e4) for tier in line.tiers.all()]
    return OfferDraft(line.pool_line, tiers, line.pack, line.moq, line.available, line.reference, line.note)


def _write(invitation: TenderInvitation, draft: QuoteDraft, *, at: datetime) -> Quote:
    """Replace the open version of an answer as a whole."""
    quote = _draft(invitation, at=at)
    _set_terms(quote, draft, at=at)
    quote.lines.all().delete()
    for offer in draft.offers:
        _check_tiers(offer)
    _write_offers(quote, draft.offers)
    return quote


FIELDS = (
    "valid_until", "minimum_cents", "freight_cents", "franco_cents", "lead_days", "payment_days", "terms", "signatory"
)  # fmt: skip


def _set_terms(quote: Quote, draft: QuoteDraft, *, at: datetime) -> None:
    for name in FIELDS:
        setattr(quote, name, getattr(draft, name))
    quote.saved_at = at
    quote.save()


def _write_offers(quote: Quote, offers: Sequence[OfferDraft]) -> None:
    asked = set(quote.invitation.tender.pool.lines.exclude(state=PoolLineState.CANCELLED).values_list("pk", flat=True))
    offers = [offer for offer in offers if offer.pool_line.pk in asked]
    lines = QuoteLine.objects.bulk_create(
        QuoteLine(
            quote=quote,
            pool_line=offer.pool_line,
            pack=offer.pack,
            moq=offer.moq,
            available=offer.available,
            reference=offer.reference,
            note=offer.note,
        )
        for offer in offers
    )
    PriceTier.objects.bulk_create(
        PriceTier(quote_line=line, from_qty=quantity, unit_price_e4=price)
        for line, offer in zip(lines, offers, strict=True)
        for quantity, price in offer.tiers
    )


def _check(quote: Quote, *, at: datetime) -> None:
    if not PriceTier.objects.filter(quote_line__quote=quote).exists():
        raise QuoteEmpty
    if quote.valid_until is None:
        raise ValidityMissing(field="valid_until")
    if quote.valid_until < timezone.localdate(at):
        raise ValidityPast(field="valid_until")


def _check_tiers(offer: OfferDraft) -> None:
    tiers = sorted(offer.tiers)
    quantities = [quantity for quantity, _price in tiers]
    prices = [price for _quantity, price in tiers]
    if 0 in prices:
        raise PriceZero(article=offer.pool_line.text, field="lines")
    if len(set(quantities)) != len(quantities) or prices != sorted(prices, reverse=True):
        raise TiersWrong(article=offer.pool_line.text, field="lines")


def _move(invitation: TenderInvitation, to: str, *, at: datetime, **fields: Any) -> None:
    move(invitation, to, table=QUOTE, at=at, actor=None, actor_label=invitation.supplier.name, **fields)


def _locked(invitation: TenderInvitation) -> TenderInvitation:
    return (
        TenderInvitation.objects.select_for_update(of=("self",))
        .select_related("tender__pool", "supplier")
        .get(pk=invitation.pk)
    )


def _editable(invitation: TenderInvitation) -> TenderInvitation:
    invitation = _locked(invitation)
    if not is_editable(invitation):
        raise AnswerClosed
    return invitation


def open_lines(invitation: TenderInvitation) -> list[PoolLine]:
    """What the supplier is asked to quote."""
    return list(
        invitation.tender.pool.lines.exclude(state=PoolLineState.CANCELLED)
        .select_related("article")
        .order_by("position")
    )
