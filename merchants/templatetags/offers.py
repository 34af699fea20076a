"""Offers and opening hours in templates."""

from datetime import date
from typing import Any

from django import template
from django.utils import timezone

from merchants import opening, pricing, words
from merchants.models import Offer, OfferState, OfferVersion, Shop

register = template.Library()
TONES = {
    OfferState.DRAFT: ("muted", "pencil"),
    OfferState.PUBLISHED: ("success", "circle-check"),
    OfferState.PAUSED: ("warning", "circle-pause"),
    OfferState.ENDED: ("muted", "circle-x"),
}


@register.filter
def worth(version: OfferVersion | None) -> str:
    return words.worth(version) if version else ""


@register.filter
def given(version: OfferVersion, discount_cents: int) -> str:
    return words.given(version, discount_cents)


@register.filter
def example(version: OfferVersion | None) -> str:
    return words.example(version) if version else ""


@register.filter
def conditions(version: OfferVersion | None) -> list[str]:
    return words.conditions(version) if version else []


@register.filter
def tone(offer: Offer) -> str:
    return TONES[OfferState(offer.state)][0]


@register.filter
def sign(offer: Offer) -> str:
    return TONES[OfferState(offer.state)][1]


@register.filter
def open_now(shop: Shop) -> bool:
    return opening.is_open(shop.hours, timezone.localtime(), shop.closures)


@register.filter
def holds_now(version: OfferVersion) -> bool:
    """Whether an offer's days and hours hold at this moment."""
    return pricing.is_open_at(version, timezone.localtime())


@register.filter
def hours_of(shop: Shop) -> list[tuple[int, str]]:
    """The week as (ISO weekday, text) pairs; empty text means closed."""
    return [(day, opening.show_day(shop.hours.get(str(day), []))) for day in range(1, 8)]


@register.filter
def closed_for(shop: Shop) -> list[tuple[date, date]]:
    """Exceptional closures that run or are still to come."""
    today = timezone.localdate().isoformat()
    return [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in shop.closures if last >= today]


@register.filter
def of(mapping: dict[Any, Any], key: Any) -> Any:
    """What a mapping holds under a key; empty when nothing."""
    return mapping.get(key, "")
