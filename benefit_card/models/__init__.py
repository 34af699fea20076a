"""Tables of the room, one module per concept."""

from benefit_card.models.card import ActivationCode, BatchPurpose, Card, CardBatch
from benefit_card.models.key import KeyUse, PublishedList, SigningKey
from benefit_card.models.redemption import Quota, Redemption, RedemptionRequest, Shown

__all__ = [
    "ActivationCode",
    "BatchPurpose",
    "Card",
    "CardBatch",
    "KeyUse",
    "PublishedList",
    "Quota",
    "Redemption",
    "RedemptionRequest",
    "Shown",
    "SigningKey",
]
