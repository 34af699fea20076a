"""What a till may have given without network, judged again when it arrives, by the rules of the moment of the scan."""

from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings

from benefit_card import case as cases
from benefit_card import credential, refusals
from benefit_card.case import Case, Deal
from benefit_card.credential import PARIS, Key, Verdict
from benefit_card.models import Redemption, Shown, SigningKey
from benefit_card.offline_entry import Entry
from benefit_card.revocation import AMBER, STALE
from benefit_card.services import cashiers
from benefit_card.services.booking import Sale
from benefit_card.services.redemption import body_hash, price
from benefit_card.services.scan import Presented, refusal_of, why_not_holder
from companies.errors import DomainError
from companies.money import parse_cents
from merchants.models import Combine, OfflinePolicy, Till

CLOCK = timedelta(minutes=5)
SLACK = 2  # slots of 30 s a phone may be early or late without network
NEAR = timedelta(minutes=15)  # a code is taken within minutes of its half minute: only that month is looked into
OLD_OFFER = timedelta(hours=96)  # a till's copy of the offers is at most 72 h old, and a day of grace


def digest(entry: Entry) -> str:
    """The same as at the counter, so that a sale sent both ways is recognised."""
    return body_hash(
        code=entry.code, offer_id=entry.offer, amount_cents=_cents(entry.amount), version=entry.offer_version
    )


def _cents(amount: str) -> int:
    try:
        return parse_cents(amount)
    except DomainError:
        return -1


def evidence(code: str) -> bytes:
    """The bytes of the code that was shown: proof of the half minute for a phone."""
    try:
        return credential.from_text(code, host=settings.CARD_HOST or None)[: credential.PHONE_SIZE]
    except credential.Malformed:
        return b""


class Keys:
    """Every key there ever was, read once for a batch, and which of them counted at the moment of a scan."""

    @cached_property
    def rows(self) -> list[SigningKey]:
        return list(SigningKey.objects.all())

    def at(self, moment: datetime) -> dict[int, Key]:
        return {row.kid: row.public_key() for row in self.rows if row.withdrawn_at is None or row.withdrawn_at > moment}


def judge(
    *, till: Till, entry: Entry, digest: str, at: datetime, keys: Keys
) -> tuple[Sale, refusals.TillRefusal | None]:
    """The sale as it was made, and the doubt that makes it a conflict; raises a refusal when it may not be honoured."""
    if entry.scanned_at > at + CLOCK:
        raise refusals.ClockWrong
    sold = min(entry.scanned_at, at)
    presented = _present(entry, at=sold, keys=keys)
    found = cases.read(
        merchant_id=till.shop.merchant_id, at=sold, status_index=presented.status_index, offer_id=entry.offer,
        version=entry.offer_version, past=True,
    )  # fmt: skip
    if found is None:
        raise refusals.CardRefused
    deal = _deal(found, at=sold)
    _policy(entry, deal, presented, at=sold)
    doubt = _holder(entry, found, presented, at=sold) or _elsewhere(till, found, presented)
    if doubt is None and (not_theirs := why_not_holder(deal)):
        doubt = not_theirs()  # a till without network knows no employer and no history: honoured, and not counted
    cents = _cents(entry.amount)
    sale = Sale(
        till=till, client_id=entry.client_id, digest=digest, presented=presented, found=found, deal=deal,
        amount_cents=cents, off=price(deal, amount_cents=cents, at=sold), at=sold, arrived_at=at,
        cashier_id=cashiers.of_pass(entry.cashier, till=till, fresh=False),
    )  # fmt: skip
    return sale, doubt


def _present(entry: Entry, *, at: datetime, keys: Keys) -> Presented:
    """Check the code as the till did, with the keys that counted at the moment of the scan."""
    check = credential.verify(entry.code, keys=keys.at(at), at=at, slack=SLACK, host=settings.CARD_HOST or None)
    if check.verdict == Verdict.MALFORMED and ":" not in entry.code:
        raise refusals.OfflinePolicy  # a typed code needs the server
    if check.verdict != Verdict.VALID or check.token is None:
        raise refusal_of(check.verdict)
    if isinstance(check.token, credential.PhoneCode):
        return Presented(shown=Shown.PHONE, status_index=check.token.index, slot=check.token.absolute_slot)
    return Presented(shown=Shown.PRINT, status_index=check.token.index)


def _deal(found: Case, *, at: datetime) -> Deal:
    """The version scanned applies, however often the offer was edited since, if a till may still have had it."""
    if not found.deals:
        raise refusals.OfferUnknown
    deal = found.deals[0]
    if deal.number != deal.latest_number and at - deal.latest_since > OLD_OFFER:
        raise refusals.OfferChanged
    return deal


def _policy(entry: Entry, deal: Deal, presented: Presented, *, at: datetime) -> None:
    """The offer's policy and the age of the list: what the till enforced, so that a changed till gains nothing."""
    if deal.offline == OfflinePolicy.ONLINE or (
        deal.offline == OfflinePolicy.DYNAMIC and presented.shown != Shown.PHONE
    ):
        raise refusals.OfflinePolicy
    age = at - entry.list_issued_at if entry.list_issued_at else STALE + CLOCK
    if age > AMBER + CLOCK and (limited(deal) or (age > STALE + CLOCK and presented.shown != Shown.PHONE)):
        raise refusals.StaleList


def limited(terms: Any) -> bool:
    """Whether a till without network has to leave something unchecked: uses, employer, first visit, other offers."""
    return terms.per_person_limit is not None or terms.stock is not None or bool(unchecked(terms))


def unchecked(terms: Any) -> list[str]:
    """What a till without network cannot know of an offer in a version, by code; the server judges it later."""
    return [
        name
        for name, asked in (
            ("uses", terms.per_person_limit is not None or terms.stock is not None),
            ("holder", terms.restricted),
            ("first_visit", terms.first_visit),
            ("combine", terms.combine != Combine.ANY),
        )
        if asked
    ]


def _holder(entry: Entry, found: Case, presented: Presented, *, at: datetime) -> refusals.TillRefusal | None:
    """None for a card that was good at the scan; a doubt when it stopped after the till's list was made."""
    if found.usable(today=at.astimezone(PARIS).date()) or cases.stood_at(found.card_id, at):
        return None  # what may be used now and was not blocked meanwhile may have been used then
    if entry.list_issued_at and cases.stood_at(found.card_id, min(entry.list_issued_at, at)):
        return refusals.CardRefused()
    if presented.shown == Shown.PHONE and entry.list_issued_at is None:
        return refusals.CardRefused()  # a day pass on an unlimited offer: the till had no list to look into
    raise refusals.CardReplaced if found.replaced and presented.shown == Shown.PRINT else refusals.CardRefused


def _elsewhere(till: Till, found: Case, presented: Presented) -> refusals.TillRefusal | None:
    """One phone code at two merchants within three minutes: a doubt, and a signal for people."""
    if presented.slot is None:
        return None
    shown = credential.slot_start(presented.slot)
    other = (
        Redemption.objects.filter(card_id=found.card_id, slot=presented.slot)
        .between(shown - NEAR, shown + NEAR)
        .exclude(merchant_id=till.shop.merchant_id)
        .values_list("merchant_id", flat=True)
        .first()
    )
    if other is None:
        return None
    from benefit_card.tasks import report_seen_elsewhere

    report_seen_elsewhere.delay_on_commit(
        status_index=presented.status_index, slot=presented.slot, first=other, second=till.shop.merchant_id
    )
    return refusals.SeenElsewhere()
