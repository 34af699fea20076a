"""What a till sees of a card: a code is judged, the card is read, nothing is changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

from benefit_card import case as cases
from benefit_card import credential, limits, quota, refusals, short_code
from benefit_card.case import Case, Deal
from benefit_card.credential import PARIS, Verdict
from benefit_card.models import Redemption, Shown
from benefit_card.services import specimens
from benefit_card.services.cards import hash_code
from benefit_card.services.keys import remembered, stands
from merchants import words
from merchants.models import Till
from merchants.pricing import is_open_at, runs_on

LOOK_COUNTS = 300  # seconds in which a code that was looked at by a till may be redeemed by it
ELSEWHERE = 180  # seconds in which one phone code may not appear at two merchants
_VERDICTS: dict[Verdict, type[refusals.TillRefusal]] = {
    Verdict.MALFORMED: refusals.CodeMalformed,
    Verdict.FORGED: refusals.CodeForged,
    Verdict.UNKNOWN_KEY: refusals.KeyUnknown,
    Verdict.EXPIRED: refusals.CardExpired,
    Verdict.WRONG_SLOT: refusals.WrongSlot,
}


@dataclass(frozen=True)
class Presented:
    """A code as it was shown: how, and how to find its card."""

    shown: Shown
    status_index: int | None = None
    short_hash: str | None = None
    slot: int | None = None
    kid: int | None = None  # of the key that signed it; whether that still stands is asked with the card

    @property
    def name(self) -> str:
        """What the code is counted and remembered under; never the code itself."""
        return f"{self.status_index}" if self.short_hash is None else self.short_hash


def present(code: str, *, till: Till, at: datetime, again: bool = False) -> Presented:
    """Judge a code's text; raise a refusal. `again` stands for the confirmation of a code this till looked at."""
    try:
        typed = short_code.read(code) if ":" not in code else None
    except short_code.ShortCodeRefused:
        limits.spend(limits.WRONG_CODES_PER_TILL, till.pk)
        raise refusals.CodeMalformed from None
    if typed is not None:
        return Presented(shown=Shown.TYPED, short_hash=hash_code(typed))
    check = credential.verify(code, keys=remembered, at=at, host=settings.CARD_HOST or None)
    token = check.token
    if again and check.verdict == Verdict.WRONG_SLOT and _looked_at(token, till):
        check = credential.Check(Verdict.VALID, token)
    if check.verdict != Verdict.VALID or token is None:
        raise refusal_of(check.verdict)
    if isinstance(token, credential.PhoneCode):
        _once_around_town(token, till)
        cache.add(_looked_key(till, token.index, token.absolute_slot), 1, LOOK_COUNTS)  # never prolonged by its own use
        return Presented(shown=Shown.PHONE, status_index=token.index, slot=token.absolute_slot, kid=token.kid)
    return Presented(shown=Shown.PRINT, status_index=token.index, kid=token.kid)


def refusal_of(verdict: Verdict) -> type[refusals.TillRefusal]:
    """What a till is told of a code that is not valid."""
    return _VERDICTS[verdict]


def _looked_at(token: object, till: Till) -> bool:
    """Whether this till saw this phone code in time, so that typing the price may take longer than a slot."""
    return isinstance(token, credential.PhoneCode) and bool(
        cache.get(_looked_key(till, token.index, token.absolute_slot))
    )


def _looked_key(till: Till, index: int, slot: int) -> str:
    return f"benefit_card.looked:{till.pk}:{index}:{slot}"


def _once_around_town(token: credential.PhoneCode, till: Till) -> None:
    """Refuse a phone code that another merchant saw within three minutes; the same merchant scans twice at will."""
    key = f"benefit_card.slot:{token.index}:{token.absolute_slot}"
    merchant = till.shop.merchant_id
    if not cache.add(key, merchant, ELSEWHERE) and cache.get(key, merchant) != merchant:
        from benefit_card.tasks import report_seen_elsewhere

        report_seen_elsewhere.delay(
            status_index=token.index, slot=token.absolute_slot, first=cache.get(key), second=merchant
        )
        raise refusals.SeenElsewhere


# ---------------------------------------------------------------- look


def look(*, till: Till, code: str, at: datetime) -> tuple[Case, Presented]:
    """What a till sees of a card, without effect: the holder's first name and initial, offers, uses left."""
    limits.spend(limits.SCANS_PER_TILL, till.pk)
    limits.check(limits.WRONG_CODES_PER_TILL, till.pk)
    if ":" not in code:
        limits.spend(limits.TYPED_PER_TILL, till.pk)
    presented = present(code, till=till, at=at)
    if not _specimen(presented):
        limits.spend(limits.SCANS_PER_CARD, presented.name)
    return usable_case(till=till, presented=presented, at=at), presented


def _specimen(presented: Presented) -> bool:
    return specimens.is_specimen(presented.status_index) or specimens.is_typed(presented.short_hash)


def usable_case(
    *, till: Till, presented: Presented, at: datetime, offer_id: int | None = None, version: int | None = None
) -> Case:
    """Read the card and refuse it unless it may be used now."""
    found = cases.read(
        merchant_id=till.shop.merchant_id,
        at=at,
        status_index=presented.status_index,
        short_hash=presented.short_hash,
        kid=presented.kid,
        offer_id=offer_id,
        version=version,
    )
    # Nothing more is asked for a card that is unknown than for one that stopped: the time of the answer must not tell.
    specimen = found is None and _specimen(presented)
    if not (found.key_stands if found else not specimen or stands(presented.kid)):
        remembered.forget()
        raise refusals.KeyUnknown
    if specimen:
        return cases.specimen(merchant_id=till.shop.merchant_id, offer_id=offer_id)
    if found is not None and found.replaced and presented.shown == Shown.PRINT:
        raise refusals.CardReplaced  # a signed card: whoever shows it holds it, so this tells a stranger nothing
    if found is None or not found.usable(today=at.astimezone(PARIS).date()):
        if presented.shown == Shown.TYPED:
            limits.spend(limits.WRONG_CODES_PER_TILL, till.pk)
        raise refusals.CardRefused
    return found


def why_not(deal: Deal, *, at: datetime) -> type[refusals.TillRefusal] | None:
    """Why an offer cannot be used now, apart from the price; None when it can."""
    if not is_open_at(deal, at.astimezone(PARIS)):
        return refusals.OfferClosed
    if refused := why_not_holder(deal):
        return refused
    if used_up(deal):
        return refusals.LimitReached
    if deal.stock is not None and deal.stock_used >= deal.stock:
        return refusals.StockUsedUp
    if deal.choosy and not quota.combines(deal.token, deal.used_today):
        return refusals.NotCombinable
    return None


def reason(refusal: type[refusals.TillRefusal], deal: Deal, *, at: datetime) -> str:
    """Why an offer cannot be used, for the person at the counter; with its hours when it is a day for it."""
    when = words.hours(deal) if refusal is refusals.OfferClosed else ""
    if not when or not runs_on(deal, at.astimezone(PARIS).date()):
        return str(refusal.message)
    return f"{refusal.message} {_('It runs %(when)s.') % {'when': when}}"


def last_uses(person_id: int, deals: Sequence[Deal], *, day: date) -> dict[int, dict[str, str]]:
    """When and where a holder used offers last, all of the merchant that asks; and when again, if days in a row count.

    By offer. One statement, and none when there is nothing to ask.
    """
    if not deals:
        return {}
    rows = (
        Redemption.objects.counted()
        .filter(person_id=person_id, offer_id__in=[deal.offer_id for deal in deals])
        .order_by("offer_id", "-at")
        .distinct("offer_id")
        .values_list("offer_id", "at", "till__shop__name")
    )
    found = {pk: {"used_at": timezone.localtime(at).isoformat(), "shop": shop} for pk, at, shop in rows}
    for deal in deals:
        if deal.offer_id in found and deal.window_days is not None and deal.per_person_limit:
            free = quota.next_free(deal.days, day, window=deal.window_days, limit=deal.per_person_limit)
            found[deal.offer_id]["again_on"] = free.isoformat()
    return found


def used_up(deal: Deal) -> bool:
    """Whether the holder has used an offer as often as it allows."""
    return deal.per_person_limit is not None and (deal.used or 0) >= deal.per_person_limit


def why_not_holder(deal: Deal) -> type[refusals.TillRefusal] | None:
    """Why an offer is not for this holder: what a till cannot know without network."""
    if not deal.eligible:
        return refusals.NotEligible
    return refusals.NotTheFirstVisit if deal.been_here else None
