"""What a paired till keeps to work without network, beside the signed key set and the list of blocked cards."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from benefit_card import keyring, signing
from benefit_card.revocation import b64
from benefit_card.services import offline_rules, specimens
from merchants import words
from merchants.models import Offer, OfferVersion, Till


def of(till: Till, *, at: datetime) -> dict[str, Any]:
    """The till's pack at a moment."""
    offers = Offer.objects.published().filter(merchant=till.shop.merchant).select_related("current").order_by("pk")
    return {
        "server_time": timezone.localtime(at).isoformat(),
        "shop": till.shop.name,
        "merchant": till.merchant.name,
        "till": till.name,
        "device_key": till.device_key is not None,
        "root_key": b64(keyring.root_public()),
        "specimen": _specimen(at),
        "cashiers": list(till.shop.cashiers.working().values("id", "name")),
        "offers": [_offer(row, row.current) for row in offers if row.current],
    }


def _specimen(at: datetime) -> str:
    """For training only: a till does not wait for it."""
    try:
        return specimens.code(at=at)
    except signing.SignerAway:
        return ""


def _offer(row: Offer, version: OfferVersion) -> dict[str, Any]:
    return {
        "id": row.pk,
        "offer_version": version.number,
        "title": version.title,
        "kind": version.kind,
        "percent": version.percent,
        "amount_cents": version.amount_cents,
        "cap_cents": version.cap_cents,
        "gift": version.gift,
        "min_spend_cents": version.min_spend_cents,
        "weekdays": version.weekdays,
        "hours": version.hours,
        "when": words.hours(version),
        "starts_on": version.starts_on.isoformat(),
        "ends_on": version.ends_on and version.ends_on.isoformat(),
        "excluded": version.excluded,
        "limited": offline_rules.limited(version),
        "unchecked": offline_rules.unchecked(version),
        "offline": version.offline,
    }
