"""Owners of merchants and the terms of offers. Merchants, shops and tills: see `benefit_card`."""

from datetime import date
from typing import Any

from companies.models import User
from merchants.models import Kind, Merchant, MerchantRole
from merchants.services import OfferTerms
from tests.factories.companies import UserFactory


def owner(merchant: Merchant) -> User:
    """Somebody who owns the merchant."""
    user = UserFactory()
    MerchantRole.objects.create(user=user, merchant=merchant)
    return user


def terms(**changes: Any) -> OfferTerms:
    """10 % off, every day, for ever; change what matters."""
    values: dict[str, Any] = {"title": "10 % off", "kind": Kind.PERCENT, "percent": 10, "starts_on": date(2026, 1, 1)}
    return OfferTerms(**{**values, **changes})
