"""Who may do what with a merchant. Services call `require(rule(...))` before anything else."""

from typing import TYPE_CHECKING

from companies.access import is_staff
from merchants.models import Merchant, MerchantRole, MerchantStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from companies.models import User

    AnyUser = User | AnonymousUser | None


def owns(user: "AnyUser", merchant: Merchant) -> bool:
    """An owner of the merchant; one cached query per user object."""
    if user is None or not user.is_authenticated:
        return False
    cached: set[int] | None = getattr(user, "_owned_merchants", None)
    if cached is None:
        cached = set(MerchantRole.objects.filter(user=user).values_list("merchant_id", flat=True))
        user._owned_merchants = cached  # type: ignore[attr-defined]  # for the template
    return merchant.pk in cached


def can_manage(user: "AnyUser", merchant: Merchant) -> bool:
    """Owners look after their shops, offers and tills; the association's staff help them."""
    return owns(user, merchant) or is_staff(user)


def can_trade(user: "AnyUser", merchant: Merchant) -> bool:
    """Publishing and pairing also need an approved merchant."""
    return can_manage(user, merchant) and merchant.status == MerchantStatus.ACTIVE


def can_approve(user: "AnyUser") -> bool:
    """Only the association's staff admit and suspend merchants."""
    return is_staff(user)
