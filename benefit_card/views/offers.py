"""The offers with the uses that are left to the reader: shown before somebody goes there."""

from collections import Counter
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from benefit_card import selectors
from benefit_card.credential import PARIS
from benefit_card.models import Quota, Redemption
from benefit_card.quota import STOCK, in_window, period_of, person_key
from companies.models import User
from merchants.models import Favourite, Offer
from merchants.selectors import find_offers
from merchants.views import discovery


@require_safe
@never_cache
def offers(request: HttpRequest) -> HttpResponse:
    return discovery.offers(request, uses=uses_left)


def beside_the_card(user: User, *, at: datetime, count: int = 3) -> list[tuple[Offer, int | None]]:
    """One offer of each of the first shops that is not used up, with the uses left (None: no limit): marked shops first,
    then by name."""
    found = list(
        find_offers(text="", category=None, today=at.astimezone(PARIS).date(), person=user.person)[: discovery.PAGE]
    )
    left = uses_left(user, found)
    marked = set(Favourite.objects.filter(user=user).values_list("merchant_id", flat=True))
    by_shop: dict[int, tuple[Offer, int | None]] = {}
    for offer in found:
        if left.get(offer.pk) != 0:
            by_shop.setdefault(offer.merchant_id, (offer, left.get(offer.pk)))
    return sorted(by_shop.values(), key=lambda row: row[0].merchant_id not in marked)[:count]


def uses_left(user: User, offers: list[Offer]) -> dict[int, int | None]:
    """For each limited offer the uses left to a holder now: three queries; nothing for people without a card."""
    card = selectors.card_of(user) if hasattr(user, "person") else None
    if card is None:
        return {}
    now = timezone.now().astimezone(PARIS)
    versions = {offer.pk: offer.current for offer in offers if offer.current}
    mine = {
        person_key(card.holder_key, pk): pk for pk, version in versions.items() if version.per_person_limit is not None
    }
    stocks = {str(pk): pk for pk, version in versions.items() if version.stock is not None}
    left: dict[int, int | None] = {pk: versions[pk].per_person_limit for pk in mine.values()}
    taken: Counter[int] = Counter()
    for scope, key, period, used, days in Quota.objects.filter(key__in=[*mine, *stocks]).values_list(
        "scope", "key", "period", "used", "days"
    ):
        if scope == STOCK and key in stocks:
            taken[stocks[key]] += used
        elif key in mine and period == period_of(versions[mine[key]].period, timezone.localdate(now)):
            version = versions[mine[key]]
            used = in_window(days or [], timezone.localdate(now), version.window_days) if version.window_days else used
            left[mine[key]] = max(0, (version.per_person_limit or 0) - used)
    for pk in stocks.values():
        rest = max(0, (versions[pk].stock or 0) - taken[pk])
        left[pk] = min(rest, left.get(pk, rest) or 0) if pk in left else rest
    return left | _first_visits(user, offers, now)


def _first_visits(user: User, offers: list[Offer], now: datetime) -> dict[int, int | None]:
    """Offers for a first visit at merchants where the holder was before today: nothing is left of them."""
    asked = {offer.pk: offer.merchant_id for offer in offers if offer.current and offer.current.first_visit}
    if not asked:
        return {}
    known = set(
        Redemption.objects.counted()
        .filter(
            person__user=user,
            merchant__in=asked.values(),
            at__lt=now.replace(hour=0, minute=0, second=0, microsecond=0),
        )
        .values_list("merchant_id", flat=True)
    )
    return {pk: 0 for pk, merchant in asked.items() if merchant in known}
