"""Tables of the room, one module per concept."""

from benefit_card.models.card import ActivationCode, BatchPurpose, Card, CardBatch
from benefit_card.models.key import KeyUse, PublishedList, SigningKey
from benefit_card.models.offline import EntryVerdict, OfflineEntry
from benefit_card.models.redemption import Quota, Redemption, RedemptionRequest, Shown, Standing

__all__ = [
    "ActivationCode",
    "BatchPurpose",
    "Card",
    "CardBatch",
    "EntryVerdict",
    "KeyUse",
    "OfflineEntry",
    "PublishedList",
    "Quota",
    "Redemption",
    "RedemptionRequest",
    "Shown",
    "SigningKey",
    "Standing",
]
