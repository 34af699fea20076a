"""What becomes of deposits on their way back: they left, or they stay. Called inside the caller's transaction."""

from datetime import datetime
from typing import Any

from companies.billing import ledger
from companies.billing.models import DepositRefund, DepositRefundState, LedgerTransaction
from companies.billing.models.deposit import DEPOSIT_REFUND_TRANSITIONS
from companies.models import User
from companies.states import move


def _move(
    row: DepositRefund, to: DepositRefundState, at: datetime, actor: User | None, label: str, reason: str, **more: Any
) -> None:
    move(
        row,
        to,
        table=DEPOSIT_REFUND_TRANSITIONS,
        at=at,
        actor=actor,
        actor_label="" if actor else label,
        company=row.company,
        reason=reason,
        **more,
    )


def left(row: DepositRefund, *, at: datetime, actor: User | None = None, label: str = "", **more: Any) -> None:
    """The money left: its posting is in the books."""
    _move(row, DepositRefundState.DONE, at, actor, label, "", ended_at=at, **more)


def not_left(row: DepositRefund, *, at: datetime, actor: User | None, reason: str) -> None:
    """The bank line it was matched with is another's: it waits again."""
    _move(row, DepositRefundState.ASKED, at, actor, "", reason, ended_at=None, match=None)


def stays(row: DepositRefund, *, at: datetime, reason: str, actor: User | None = None, label: str = "") -> None:
    """It does not leave, or came back: the sum is kept for the company again."""
    _move(row, DepositRefundState.CANCELLED, at, actor, label, reason, ended_at=at)
    asked = LedgerTransaction.objects.get(key=f"deposit-refund-{row.pk}")
    ledger.reverse(asked, at=at, reason=reason or row.reference)
