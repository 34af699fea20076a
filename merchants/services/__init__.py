"""What happens to merchants, shops, offers and tills. Each function owns its transaction."""

from merchants.services.applications import apply, approve, suspend
from merchants.services.offers import OfferTerms, end, pause, publish, save_offer
from merchants.services.shops import close_shop, save_shop
from merchants.services.tills import create_pairing, pair, revoke

__all__ = [
    "OfferTerms",
    "apply",
    "approve",
    "close_shop",
    "create_pairing",
    "end",
    "pair",
    "pause",
    "publish",
    "revoke",
    "save_offer",
    "save_shop",
    "suspend",
]
