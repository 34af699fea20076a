"""Debits off session, on the mandate a company has given."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from companies.billing import buyers, settlement
from companies.billing.models import Payment
from companies.billing.payments.gateway import KEY_LIFE, PaymentServiceDown, client, customer_of, plain
from companies.billing.payments.reading import failure_of, of_intent

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams


def debit_params(payment: Payment, customer: str) -> "PaymentIntentCreateParams":
    """What we ask for; made of the row alone, so that a repeat is the same request."""
    mandate = payment.mandate
    assert mandate is not None
    return {
        "amount": payment.amount_cents,
        "currency": "eur",
        "customer": customer,
        "payment_method": mandate.method_id,
        "mandate": mandate.stripe_id,
        "allowed_payment_method_types": ["sepa_debit"],
        "confirm": True,
        "off_session": True,
        "description": payment.invoice.number,
        "metadata": {"payment": str(payment.pk), "invoice": payment.invoice.number},
    }


def send(payment: Payment, *, at: datetime) -> Payment:
    """Send the debit of an attempt that has its row. However often this is asked, there is one debit.

    Raises PaymentServiceDown; the sweeper asks again.
    """
    import stripe

    try:
        customer = customer_of(buyers.member(payment.invoice))
        intent = _sent_before(payment, customer) if at - payment.created_at > KEY_LIFE else None
        if intent is None:
            params = debit_params(payment, customer)
            made = client().v1.payment_intents.create(params, {"idempotency_key": payment.idempotency_key})
            intent = plain(made)
    except stripe.IdempotencyError:
        intent = _sent_before(payment, customer)
        if intent is None:
            raise PaymentServiceDown from None
    except (stripe.CardError, stripe.InvalidRequestError) as refusal:
        return _refused(payment, refusal.json_body, at=at)
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return settlement.apply(payment_id=payment.pk, seen=of_intent(payment, intent), at=at)


def _sent_before(payment: Payment, customer: str) -> dict[str, Any] | None:
    """The debit Stripe has for this attempt, found by the mark we put on it."""
    since = int((payment.created_at - timedelta(minutes=5)).timestamp())
    for page in client().v1.payment_intents.list({"customer": customer, "created": {"gte": since}, "limit": 100}).data:
        intent = plain(page)
        if (intent.get("metadata") or {}).get("payment") == str(payment.pk):
            return intent
    return None


def _refused(payment: Payment, body: Any, *, at: datetime) -> Payment:
    """Stripe would not even try: the mandate is no longer good, or the account is closed."""
    error: dict[str, Any] = (body or {}).get("error") or {}
    seen = settlement.Observation(
        "failed", intent_id=str((error.get("payment_intent") or {}).get("id", "")), failure=failure_of(error)
    )
    return settlement.apply(payment_id=payment.pk, seen=seen, at=at)
