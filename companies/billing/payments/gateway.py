"""The SDK itself: pointed at Stripe or its double, guarded, and its answers as plain JSON."""

import json
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from companies.billing.checks import live_key_in_debug
from companies.billing.models import StripeCustomer
from companies.errors import DomainError
from companies.models import Company

if TYPE_CHECKING:
    import stripe

TIMEOUT_SECONDS = 20  # for a step of a call
WHOLE_SECONDS = 30  # for all of it
# Stripe forgets an idempotency key after a day at the earliest; later we look for what we sent before we send it.
KEY_LIFE = timedelta(hours=20)


class NotPayable(DomainError):
    """The invoice does not wait for a payment."""

    code = "invoice_not_payable"
    message = _("This invoice does not wait for a payment: %(state)s. Reload the page to see where it stands.")


class PaymentUnderWay(DomainError):
    """A debit of this invoice has not ended yet."""

    code = "payment_under_way"
    message = _("A payment of this invoice is on its way. Wait for its result before you pay again.")


class PaymentServiceDown(DomainError):
    """Stripe did not answer, or not as it should."""

    code = "payment_service_down"
    message = _("The payment service does not answer. Nothing was debited; try again in a few minutes.")
    status = 503


class RefundRefused(DomainError):
    """There is not that much to give back."""

    code = "refund_refused"
    message = _("Only a received payment can be refunded, up to what is left of it.")


class SignatureRefused(ValueError):
    """The event was not sent by Stripe, or too long ago."""


@lru_cache(maxsize=4)
def _client(key: str, base: str) -> "stripe.StripeClient":
    import stripe

    from companies.sessions import Session

    addresses: Any = {"api": base, "files": base} if base else {}
    return stripe.StripeClient(
        key,
        base_addresses=addresses,
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS, session=Session(WHOLE_SECONDS)),
    )


def client() -> "stripe.StripeClient":
    """The SDK, pointed at Stripe or at its double. Refuses live keys while DEBUG is on, and open transactions."""
    if live_key_in_debug():
        raise RuntimeError("a live Stripe key is set while DEBUG is on")
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise transaction.TransactionManagementError("Stripe must never be called inside a transaction")
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)


def plain(found: Any) -> dict[str, Any]:
    """A Stripe object as plain JSON (since SDK 16 it is no dict any more)."""
    made: dict[str, Any] = json.loads(str(found))
    return made


def _secret_of(text: str) -> str:
    """With which secret an event says it is signed: those about a connected account name it at the top."""
    event = json.loads(text)
    connect = isinstance(event, dict) and bool(event.get("account"))
    return str(settings.STRIPE_CONNECT_WEBHOOK_SECRET if connect else settings.STRIPE_WEBHOOK_SECRET)


def verify(body: bytes, signature: str) -> dict[str, Any]:
    """The event in a webhook's body; raises SignatureRefused unless Stripe signed it in the last five minutes."""
    import stripe

    try:
        text = body.decode()
        secret = settings.STRIPE_WEBHOOK_SECRET
        if (
            settings.STRIPE_CONNECT_WEBHOOK_SECRET and '"account":' in text
        ):  # events of suppliers' accounts: another door
            secret = _secret_of(text)
        stripe.WebhookSignature.verify_header(text, signature, secret, tolerance=300)
        event = json.loads(text)
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise SignatureRefused from error
    if not isinstance(event, dict) or not isinstance(event.get("id"), str):
        raise SignatureRefused
    return event


def customer_of(company: Company) -> str:
    """The company's id at Stripe, made on first use."""
    known = StripeCustomer.objects.filter(company=company).first()
    if known is not None:
        return known.customer_id
    made = client().v1.customers.create(
        {"name": company.name, "metadata": {"company": str(company.pk), "siren": company.siren}},
        {"idempotency_key": f"company-{company.pk}-{company.siren}"},
    )
    try:
        with transaction.atomic():
            StripeCustomer.objects.create(company=company, customer_id=made.id)
    except IntegrityError:
        return StripeCustomer.objects.get(company=company).customer_id
    return made.id
