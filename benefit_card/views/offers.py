"""The offers with the uses that are left to the reader: shown before somebody goes there."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from benefit_card import selectors
from benefit_card.credential import PARIS
from benefit_card.models import Quota
from benefit_card.quota import PERSON, STOCK, period_of, person_key
from companies.models import User
from merchants.models import Offer
from merchants.views import discovery


@require_safe
@never_cache
def offers(request: HttpRequest) -> HttpResponse:
    return discovery.offers(request, uses=uses_left)


def uses_left(user: User, offers: list[Offer]) -> dict[int, int | None]:
    """For each limited offer the uses left to a holder now: two queries; nothing for people without a card."""
    card = selectors.card_of(user) if hasattr(user, "person") else None
    if card is None:
        return {}
    today = timezone.now().astimezone(PARIS).date()
    wanted: dict[tuple[str, str, str], tuple[int, int]] = {}
    for offer in offers:
        version = offer.current
        if version is None:
            continue
        if version.per_person_limit is not None:
            key = (PERSON, person_key(card.holder_key, offer.pk), period_of(version.period, today))
            wanted[key] = (offer.pk, version.per_person_limit)
        if version.stock is not None:
            wanted[(STOCK, str(offer.pk), "ever")] = (offer.pk, version.stock)
    used = {
        (scope, key, period): count
        for scope, key, period, count in Quota.objects.filter(key__in=[key for _scope, key, _period in wanted])
        .values_list("scope", "key", "period", "used")
    }  # fmt: skip
    left: dict[int, int | None] = {}
    for name, (offer_id, limit) in wanted.items():
        rest = max(0, limit - used.get(name, 0))
        earlier = left.get(offer_id)
        left[offer_id] = rest if earlier is None else min(earlier, rest)
    return left
