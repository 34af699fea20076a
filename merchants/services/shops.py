"""Shops of a merchant."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from companies import audit
from companies.access import require
from companies.models import User
from merchants import access
from merchants.models import Merchant, Shop, Till


@transaction.atomic(durable=True)
def save_shop(
    *,
    actor: User,
    merchant: Merchant,
    name: str,
    street: str,
    postcode: str,
    city: str,
    hours: dict[str, list[list[str]]],
    at: datetime,
    closures: list[list[str]] | None = None,
    lat: Decimal | None = None,
    lon: Decimal | None = None,
    shop: Shop | None = None,
) -> Shop:
    """Open a shop or correct one."""
    require(access.can_manage(actor, merchant))
    values: dict[str, Any] = {"name": name, "street": street, "postcode": postcode, "city": city, "hours": hours}
    values |= {"closures": closures or [], "lat": lat, "lon": lon}
    if shop is None:
        shop = Shop.objects.create(merchant=merchant, **values)
        action = "shop.opened"
    else:
        for field, value in values.items():
            setattr(shop, field, value)
        shop.save(update_fields=list(values))
        action = "shop.changed"
    audit.record(action, target=shop, at=at, actor=actor, data={"name": name})
    return shop


@transaction.atomic(durable=True)
def close_shop(*, actor: User, shop: Shop, at: datetime) -> None:
    """Close a shop for good; its tills are revoked with it. Closing twice changes nothing."""
    require(access.can_manage(actor, shop.merchant))
    if not Shop.objects.filter(pk=shop.pk, closed_at__isnull=True).update(closed_at=at):
        return
    Till.objects.filter(shop=shop, revoked_at__isnull=True).update(revoked_at=at)
    audit.record("shop.closed", target=shop, at=at, actor=actor)
