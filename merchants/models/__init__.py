"""Tables of the room, one module per concept."""

from merchants.models.agreement import AgreementAcceptance
from merchants.models.discovery import DigestChoice, Favourite
from merchants.models.merchant import Category, Merchant, MerchantRole, MerchantStatus, Shop
from merchants.models.offer import (
    Combine,
    Contract,
    Kind,
    Offer,
    OfferState,
    OfferVersion,
    OfflinePolicy,
    Period,
)
from merchants.models.till import Cashier, PairingCode, Till

__all__ = [
    "AgreementAcceptance",
    "Cashier",
    "Category",
    "Combine",
    "Contract",
    "DigestChoice",
    "Favourite",
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
