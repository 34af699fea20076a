"""What happens to merchants, shops, offers and tills. Each function owns its transaction."""

from merchants.services.applications import accept_agreement, apply, approve, ask_for_agreement, refuse, suspend
from merchants.services.offers import (
    drop_draft,
    end,
    follow_plans,
    pause,
    publish,
    put_in_force,
    save_offer,
    schedule,
)
from merchants.services.pictures import forget_pictures, keep_picture
from merchants.services.shops import close_shop, save_shop
from merchants.services.terms import OfferTerms
from merchants.services.tills import create_pairing, pair, revoke

__all__ = [
    "OfferTerms",
    "accept_agreement",
    "apply",
    "approve",
    "ask_for_agreement",
    "close_shop",
    "create_pairing",
    "drop_draft",
    "end",
    "follow_plans",
    "forget_pictures",
    "keep_picture",
    "pair",
    "pause",
    "publish",
    "put_in_force",
    "refuse",
    "revoke",
    "save_offer",
    "save_shop",
    "schedule",
    "suspend",
]
