"""Tables of the room, one module per concept."""

from merchants.models.merchant import Category, Merchant, MerchantRole, MerchantStatus, Shop
from merchants.models.offer import Kind, Offer, OfferState, OfferVersion, OfflinePolicy, Period
from merchants.models.till import PairingCode, Till

__all__ = [
    "Category",
    "Kind",
    "Merchant",
    "MerchantRole",
    "MerchantStatus",
    "Offer",
    "OfferState",
    "OfferVersion",
    "OfflinePolicy",
    "PairingCode",
    "Period",
    "Shop",
    "Till",
]
