"""Giving money back."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from companies import audit, money
from companies.access import require
from companies.billing import access, returns
from companies.billing.models import DepositRefund, DepositRefundState, Invoice, Payment, PaymentState, Refund
from companies.billing.payments.attempts import refresh
from companies.billing.payments.gateway import KEY_LIFE, PaymentServiceDown, RefundRefused, client, plain
from companies.models import User

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams


def refund(*, payment: Payment, amount_cents: int, reason: str, key: str, actor: User, at: datetime) -> Refund:
    """Send part or all of a received payment back, once per key: a form sent twice sends money once.

    Raises NotAllowed, RefundRefused, PaymentServiceDown; after the last, the same key asks Stripe again.
    """
    require(access.can_refund(actor))
    with transaction.atomic(durable=True):
        locked = Payment.objects.select_for_update(of=("self",)).select_related("invoice__company").get(pk=payment.pk)
        made = locked.refunds.filter(key=key).first() or _ask(locked, amount_cents, reason, key, actor, at)
    return _sent(made, at=at)


def _ask(payment: Payment, cents: int, reason: str, key: str, actor: User, at: datetime) -> Refund:
    """The row of a refund of a locked payment. Its key at Stripe comes from it, so that a repeat sends nothing more."""
    if payment.state != PaymentState.SUCCEEDED or not 0 < cents <= _room(payment):
        raise RefundRefused
    row = Refund.objects.create(
        payment=payment, amount_cents=cents, key=key, reason=reason[:240], created_by=actor, created_at=at
    )
    audit.record(
        "invoice.refund_asked", target=payment.invoice, at=at, actor=actor, company=payment.invoice.company,
        reason=reason, data={"cents": cents},
    )  # fmt: skip
    return row


def _room(payment: Payment) -> int:
    return payment.amount_cents - sum(row.amount_cents for row in payment.refunds.exclude(state="failed"))


def _sent(row: Refund, *, at: datetime) -> Refund:
    """Ask Stripe unless it has answered already; what it answered may not have reached the books."""
    if row.state == "failed":
        raise RefundRefused
    if not row.refund_id:
        return send_refund(row, at=at)
    if row.state == "asked":
        refresh(payment_id=row.payment_id, at=at)
        row.refresh_from_db()
    return row


def unbooked(*, at: datetime) -> list[int]:
    """Payments with a refund that Stripe has and the books do not: it is pending there, or the news was lost."""
    rows = Refund.objects.filter(state="asked", created_at__lt=at - timedelta(minutes=2)).exclude(refund_id="")
    rows = rows.filter(payment__seen_at__lt=at - timedelta(minutes=10))
    return sorted(set(rows.values_list("payment", flat=True)[:200]))


def send_refund(row: Refund, *, at: datetime) -> Refund:
    """Ask Stripe for a refund that has its row; the sweeper repeats what a crash interrupted."""
    import stripe

    payment = row.payment
    if at - row.created_at > KEY_LIFE and _sent_before(row, at=at):
        return row
    try:
        made = plain(client().v1.refunds.create(refund_params(row), {"idempotency_key": f"refund-{row.pk}"}))
    except stripe.InvalidRequestError as error:
        _refused(row, at=at)
        raise RefundRefused from error
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    Refund.objects.filter(pk=row.pk).update(refund_id=made["id"])
    refresh(payment_id=payment.pk, at=at)
    row.refresh_from_db()
    return row


def refund_params(row: Refund) -> "RefundCreateParams":
    """What we ask for; what a supplier got is taken back from it, and our commission goes back to it."""
    payment = row.payment
    params: RefundCreateParams = {
        "payment_intent": payment.intent_id,
        "amount": row.amount_cents,
        "metadata": {"refund": str(row.pk)},
    }
    if payment.destination:
        params["reverse_transfer"] = True
        if payment.commission_cents:
            params["refund_application_fee"] = True
    return params


def _sent_before(row: Refund, *, at: datetime) -> bool:
    """Whether Stripe has this refund, found by the mark we put on it; our rows are then brought to what it says."""
    refresh(payment_id=row.payment_id, at=at)
    row.refresh_from_db()
    return bool(row.refund_id)


def _refused(row: Refund, *, at: datetime) -> None:
    """Stripe will never send it; what was kept for a company stays kept."""
    with transaction.atomic(durable=True):
        if not Refund.objects.filter(pk=row.pk, state="asked").update(state="failed"):
            return
        kept = DepositRefund.objects.select_for_update(of=("self",)).select_related("company").filter(refund=row)
        for waiting in kept.filter(state=DepositRefundState.ASKED):
            returns.stays(waiting, at=at, reason=row.reason, label="Stripe")


def refund_in_proportion(
    *, invoice: Invoice, cents: int, reason: str, key: str, actor: User, at: datetime
) -> list[Refund]:
    """Send an amount back over an invoice's payments, each in proportion to what is left of it; once per key.

    Raises NotAllowed, RefundRefused, PaymentServiceDown.
    """
    require(access.can_refund(actor))
    with transaction.atomic(durable=True):
        rows = list(
            Payment.objects.select_for_update(of=("self",))
            .filter(invoice=invoice, state=PaymentState.SUCCEEDED)
            .select_related("invoice__company")
            .order_by("pk")
        )
        made = list(Refund.objects.filter(payment__in=rows, key=key).select_related("payment").order_by("pk"))
        if not made:
            rooms = [_room(row) for row in rows]
            if not 0 < cents <= sum(rooms):
                raise RefundRefused
            parts = zip(rows, money.share(cents, rooms), strict=True)
            made = [_ask(row, part, reason, key, actor, at) for row, part in parts if part]
    return [_sent(row, at=at) for row in made]
