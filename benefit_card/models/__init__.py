"""Tables of the room, one module per concept."""

from benefit_card.models.card import ActivationCode, BatchPurpose, Card, CardBatch
from benefit_card.models.key import KeyUse, PublishedList, SigningKey
from benefit_card.models.offline import EntryVerdict, LateDecision, OfflineEntry
from benefit_card.models.privacy import ErasedHolder, MerchantDay, MerchantUse, MonthlyUse, RetentionReport, UseScope
from benefit_card.models.redemption import Quota, Redemption, RedemptionRequest, Shown, Standing, Undone
from benefit_card.models.signal import SIGNAL_MOVES, Signal, SignalKind, SignalState
from benefit_card.models.statement import LineKind, Statement, StatementLine
from benefit_card.models.text import HolderPhone, PhoneCode, TextMessage
from benefit_card.models.wallet import GooglePass, WalletRegistration

__all__ = [
    "SIGNAL_MOVES",
    "ActivationCode",
    "BatchPurpose",
    "Card",
    "CardBatch",
    "EntryVerdict",
    "ErasedHolder",
    "GooglePass",
    "HolderPhone",
    "KeyUse",
    "LateDecision",
    "LineKind",
    "MerchantDay",
    "MerchantUse",
    "MonthlyUse",
    "OfflineEntry",
    "PhoneCode",
    "PublishedList",
    "Quota",
    "Redemption",
    "RedemptionRequest",
    "RetentionReport",
    "Shown",
    "Signal",
    "SignalKind",
    "SignalState",
    "SigningKey",
    "Standing",
    "Statement",
    "StatementLine",
    "TextMessage",
    "Undone",
    "UseScope",
    "WalletRegistration",
]
