"""Giving money back."""

from datetime import datetime

from django.db import transaction

from companies import audit, money
from companies.access import require
from companies.billing import access, returns
from companies.billing.models import DepositRefund, DepositRefundState, Invoice, Payment, PaymentState, Refund
from companies.billing.payments.attempts import refresh
from companies.billing.payments.gateway import PaymentServiceDown, RefundRefused, client, plain
from companies.models import User


def refund(*, payment: Payment, amount_cents: int, reason: str, actor: User, at: datetime) -> Refund:
    """Send part or all of a received payment back. Its key at Stripe comes from our row, so a repeat sends nothing more.

    Raises NotAllowed, RefundRefused, PaymentServiceDown.
    """
    require(access.can_refund(actor))
    with transaction.atomic(durable=True):
        locked = Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
        asked = sum(row.amount_cents for row in locked.refunds.exclude(state="failed"))
        if locked.state != PaymentState.SUCCEEDED or not 0 < amount_cents <= locked.amount_cents - asked:
            raise RefundRefused
        row = Refund.objects.create(
            payment=locked, amount_cents=amount_cents, reason=reason[:240], created_by=actor, created_at=at
        )
        audit.record(
            "invoice.refund_asked",
            target=payment.invoice,
            at=at,
            actor=actor,
            company=payment.invoice.company,
            reason=reason,
            data={"cents": amount_cents},
        )
    return send_refund(row, at=at)


def send_refund(row: Refund, *, at: datetime) -> Refund:
    """Ask Stripe for a refund that has its row; the sweeper repeats what a crash interrupted."""
    import stripe

    payment = row.payment
    try:
        made = plain(
            client().v1.refunds.create(
                {
                    "payment_intent": payment.intent_id,
                    "amount": row.amount_cents,
                    "metadata": {"refund": str(row.pk)},
                },
                {"idempotency_key": f"refund-{row.pk}"},
            )
        )
    except stripe.InvalidRequestError as error:
        _refused(row, at=at)
        raise RefundRefused from error
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    Refund.objects.filter(pk=row.pk).update(refund_id=made["id"])
    refresh(payment_id=payment.pk, at=at)
    row.refresh_from_db()
    return row


def _refused(row: Refund, *, at: datetime) -> None:
    """Stripe will never send it; what was kept for a company stays kept."""
    with transaction.atomic(durable=True):
        if not Refund.objects.filter(pk=row.pk, state="asked").update(state="failed"):
            return
        kept = DepositRefund.objects.select_for_update(of=("self",)).select_related("company").filter(refund=row)
        for waiting in kept.filter(state=DepositRefundState.ASKED):
            returns.stays(waiting, at=at, reason=row.reason, label="Stripe")


def refund_in_proportion(*, invoice: Invoice, cents: int, reason: str, actor: User, at: datetime) -> list[Refund]:
    """Send an amount back over the payments an invoice was paid with, each in proportion to what is left of it.

    Raises NotAllowed, RefundRefused, PaymentServiceDown.
    """
    require(access.can_refund(actor))
    rows = list(invoice.payments.filter(state=PaymentState.SUCCEEDED).order_by("pk").prefetch_related("refunds"))
    rooms = [
        row.amount_cents - sum(back.amount_cents for back in row.refunds.all() if back.state != "failed")
        for row in rows
    ]
    if not 0 < cents <= sum(rooms):
        raise RefundRefused
    made = []
    for row, part in zip(rows, money.share(cents, rooms), strict=True):
        if part:
            row.invoice = invoice
            made.append(refund(payment=row, amount_cents=part, reason=reason, actor=actor, at=at))
    return made
