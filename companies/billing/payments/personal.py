"""What employees pay in pools opened to them: reserved when they commit, taken when the pool locks, else given back.

The rows and the books are in `companies.billing.personal`; here is what Stripe is asked.
"""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from companies.billing import personal
from companies.billing.models import PersonalPayment, PersonalRefund, PersonalState
from companies.billing.models.personal import HELD
from companies.billing.payments.gateway import KEY_LIFE, PaymentServiceDown, client, plain
from companies.billing.payments.reading import WANTED, failure_of, method_of
from companies.mail import absolute

if TYPE_CHECKING:
    import stripe
    from stripe.params.checkout import SessionCreateParams

log = logging.getLogger(__name__)


def open_page(row: PersonalPayment, *, at: datetime) -> PersonalPayment:
    """Ask Stripe for the page on which the employee reserves the amount. Asking again gives the same page."""
    import stripe

    try:
        session = plain(
            client().v1.checkout.sessions.create(
                session_params(row), {"idempotency_key": f"personal-{row.pk}-{row.attempt}"}
            )
        )
    except (stripe.InvalidRequestError, stripe.IdempotencyError):
        personal.fail(payment_id=row.pk, failure="page_refused", at=at)
        row.refresh_from_db()
        return row
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    personal.opened(payment_id=row.pk, session_id=session["id"], url=session["url"] or "", at=at)
    row.refresh_from_db()
    return row


def session_params(row: PersonalPayment) -> "SessionCreateParams":
    """Made of the row alone. Only cards: a SEPA debit cannot be reserved."""
    marks = {"personal": str(row.pk)}
    locale: Any = "en" if row.language == "en" else "fr"
    return {
        "mode": "payment",
        "client_reference_id": f"P{row.pk}",
        "allowed_payment_method_types": ["card"],
        "locale": locale,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "eur",
                    "unit_amount": row.own_cents,
                    "product_data": {"name": row.subject},
                },
            }
        ],
        "metadata": marks,
        "payment_intent_data": {"capture_method": "manual", "metadata": marks},
        "success_url": absolute(row.return_path),
        "cancel_url": absolute(row.return_path),
        "expires_at": int(row.expires_at.timestamp()),
    }


def refresh(*, payment_id: int, at: datetime) -> PersonalPayment:
    """Ask Stripe about one payment, do there what was decided here, and bring our row to the answer. Safe to repeat."""
    import stripe

    row = PersonalPayment.objects.get(pk=payment_id)
    if row.own_cents == 0:
        return personal.without_stripe(payment_id=row.pk, at=at)
    try:
        if row.state == PersonalState.CREATED and row.wish != "release":
            row = open_page(row, at=at)
        if not row.session_id:
            return personal.apply(payment_id=row.pk, seen=personal.Seen("gone"), at=at)
        seen = _observe(row)
        if seen.status == "authorised":
            # Under the row's lock: only what is decided once the reservation is known here may be done to it.
            row = personal.apply(payment_id=row.pk, seen=seen, at=at)
        if row.wish == "capture" and seen.status == "authorised":
            own = row.wish_cents - personal.subsidy_of(row, row.wish_cents)
            client().v1.payment_intents.capture(
                seen.intent_id, {"amount_to_capture": own}, {"idempotency_key": _key(row, "capture")}
            )
            seen = _observe(row)
        elif row.wish == "release" and seen.status in ("authorised", "open"):
            _let_go(row, seen)
            seen = _observe(row)
    except stripe.InvalidRequestError as error:
        log.warning("personal payment %s: %s", row.pk, error)
        PersonalPayment.objects.filter(pk=row.pk).update(seen_at=at)
        return row
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return personal.apply(payment_id=row.pk, seen=seen, at=at)


def _let_go(row: PersonalPayment, seen: personal.Seen) -> None:
    if seen.status == "open":
        client().v1.checkout.sessions.expire(row.session_id)
    else:
        client().v1.payment_intents.cancel(
            seen.intent_id, {"cancellation_reason": "abandoned"}, {"idempotency_key": _key(row, "release")}
        )


def _key(row: PersonalPayment, what: str) -> str:
    """One key per page: a card asked again after a failure is another reservation."""
    return f"personal-{row.pk}-{row.attempt}-{what}"


def _observe(row: PersonalPayment) -> personal.Seen:
    session = plain(client().v1.checkout.sessions.retrieve(row.session_id, {"expand": [f"payment_intent.{WANTED}"]}))
    intent: dict[str, Any] = session.get("payment_intent") or {}
    charge = intent.get("latest_charge")
    charge = charge if isinstance(charge, dict) else {}
    entry = charge.get("balance_transaction")
    status = {"requires_capture": "authorised", "succeeded": "captured", "canceled": "gone"}.get(
        intent.get("status", ""), ""
    )
    if not status:
        status = "open" if session["status"] == "open" else "gone"
    return personal.Seen(
        status,
        intent_id=intent.get("id", ""),
        received_cents=int(intent.get("amount_received") or 0),
        fee_cents=int(entry.get("fee", 0)) if isinstance(entry, dict) else 0,
        method_hint=method_of(charge)[1],
        failure=failure_of(intent.get("last_payment_error") or {}),
    )


def send_refund(refund: PersonalRefund, *, at: datetime) -> PersonalRefund:
    """Send the person's part of a refund back; the company's part is only booked."""
    import stripe

    if not refund.to_person_cents:
        personal.refunded(refund_id=refund.pk, stripe_id="", at=at)
    else:
        try:
            found = _sent_before(refund) if at - refund.created_at > KEY_LIFE else None
            made = found or client().v1.refunds.create(
                {
                    "payment_intent": refund.payment.intent_id,
                    "amount": refund.to_person_cents,
                    "metadata": {"personal_refund": str(refund.pk)},
                },
                {"idempotency_key": f"personal-refund-{refund.pk}"},
            )
        except stripe.InvalidRequestError as error:
            personal.refund_failed(refund_id=refund.pk)
            raise personal.RefundRefused from error
        except stripe.StripeError as error:
            raise PaymentServiceDown from error
        if made.status == "failed":
            personal.refund_failed(refund_id=refund.pk)
        else:
            personal.refunded(refund_id=refund.pk, stripe_id=made.id, at=at)
    refund.refresh_from_db()
    return refund


def _sent_before(refund: PersonalRefund) -> "stripe.Refund | None":
    """The refund Stripe has for our row, found by the mark we put on it."""
    rows = client().v1.refunds.list({"payment_intent": refund.payment.intent_id, "limit": 100}).data
    mark = str(refund.pk)
    return next((row for row in rows if row.metadata and row.metadata.to_dict().get("personal_refund") == mark), None)


def sweep(*, at: datetime) -> None:
    """Ask again about what was silent, and do what was decided and not done."""
    quiet = PersonalPayment.objects.filter(state__in=HELD, created_at__lt=at - timedelta(minutes=2))
    never, old = quiet.filter(seen_at__isnull=True), quiet.filter(seen_at__lt=at - timedelta(minutes=10))
    wished = quiet.exclude(wish="").filter(seen_at__lt=at - timedelta(minutes=1))
    for pk in (never | old | wished).values_list("pk", flat=True)[:200]:
        refresh(payment_id=pk, at=at)
    for refund in PersonalRefund.objects.filter(state="asked", created_at__lt=at - timedelta(minutes=2))[:50]:
        send_refund(refund, at=at)
