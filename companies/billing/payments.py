"""Stripe: the only module that calls it, and never inside a database transaction.

Every call that makes something carries an idempotency key made from our row, so a repeat after a crash makes nothing new.
"""

import json
import logging
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import access, settlement
from companies.billing.checks import live_key_in_debug
from companies.billing.models import Invoice, InvoiceState, Payment, PaymentState, Refund, StripeCustomer
from companies.billing.models.payment import UNDER_WAY
from companies.errors import DomainError
from companies.mail import absolute
from companies.models import Company, User

if TYPE_CHECKING:
    import stripe
    from stripe.params.checkout import SessionCreateParams

log = logging.getLogger(__name__)
SESSION_LIFE = timedelta(hours=2)
SEPA_LIMIT_CENTS = 1_000_000
TIMEOUT_SECONDS = 20


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

    addresses: Any = {"api": base} if base else {}
    return stripe.StripeClient(
        key,
        base_addresses=addresses,
        max_network_retries=2,
        http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
    )


def client() -> "stripe.StripeClient":
    """The SDK, pointed at Stripe or at its double. Refuses live keys while DEBUG is on, and open transactions."""
    if live_key_in_debug():
        raise RuntimeError("a live Stripe key is set while DEBUG is on")
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise transaction.TransactionManagementError("Stripe must never be called inside a transaction")
    return _client(settings.STRIPE_API_KEY, settings.STRIPE_API_BASE)


def _plain(found: Any) -> dict[str, Any]:
    """A Stripe object as plain JSON (since SDK 16 it is no dict any more)."""
    plain: dict[str, Any] = json.loads(str(found))
    return plain


def verify(body: bytes, signature: str) -> dict[str, Any]:
    """The event in a webhook's body; raises SignatureRefused unless Stripe signed it in the last five minutes."""
    import stripe

    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(text, signature, settings.STRIPE_WEBHOOK_SECRET, tolerance=300)
        event = json.loads(text)
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise SignatureRefused from error
    if not isinstance(event, dict) or not isinstance(event.get("id"), str):
        raise SignatureRefused
    return event


# Starting a payment ---------------------------------------------------------------------------------------------
def start(*, invoice: Invoice, actor: User, at: datetime) -> Payment:
    """Open the payment page of an invoice; a second click, or a second tab, gets the page that is open already.

    Raises NotAllowed, NotPayable, PaymentUnderWay, PaymentServiceDown. That something was paid is only learnt from
    Stripe's own answer.
    """
    require(access.can_pay(actor, invoice.company))
    if invoice.is_settled:
        raise NotPayable(state=invoice.get_state_display())
    for _try in range(3):
        payment = _attempt(invoice_id=invoice.pk, actor=actor, at=at)
        if payment.state != PaymentState.CREATED:
            # The payer may have finished in another tab, and the news not have come yet.
            payment = refresh(payment_id=payment.pk, at=at)
        if payment.state == PaymentState.CREATED:
            payment = _open_session(payment, at=at)
        if payment.state == PaymentState.PROCESSING:
            raise PaymentUnderWay
        if not payment.is_under_way:
            continue
        fresh = Invoice.objects.only("balance_cents").get(pk=invoice.pk)
        if payment.expires_at > at + timedelta(minutes=2) and payment.amount_cents == fresh.balance_cents:
            return payment
        give_up(payment, at=at)
    raise PaymentServiceDown


def _attempt(*, invoice_id: int, actor: User, at: datetime) -> Payment:
    """The attempt under way, or a new one for what is owed now."""
    with transaction.atomic(durable=True):
        invoice = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice_id)
        under_way = invoice.payments.filter(state__in=UNDER_WAY).select_related("invoice__company").first()
        if under_way is not None:
            return under_way
        if not invoice.is_payable:
            raise NotPayable(state=invoice.get_state_display())
        last = invoice.payments.aggregate(last=Max("attempt"))["last"] or 0
        made = Payment.objects.create(
            invoice=invoice,
            attempt=last + 1,
            amount_cents=invoice.balance_cents,
            created_by=actor,
            created_at=at,
            expires_at=at + SESSION_LIFE,
        )
    return Payment.objects.select_related("invoice__company").get(pk=made.pk)


def _open_session(payment: Payment, *, at: datetime) -> Payment:
    """Ask Stripe for the page of an attempt and remember it. Asking again gives the same page."""
    import stripe

    try:
        customer = customer_of(payment.invoice.company)
        session = _plain(
            client().v1.checkout.sessions.create(
                session_params(payment, customer), {"idempotency_key": payment.idempotency_key}
            )
        )
    except (stripe.InvalidRequestError, stripe.IdempotencyError):
        # Too late for this attempt (its end lies too near, or our address has changed): take the next number.
        with transaction.atomic(durable=True):
            settlement.mark_cancelled(payment, at=at)
        return payment
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    opened = {"state": PaymentState.OPEN, "session_id": session["id"], "url": session["url"] or ""}
    Payment.objects.filter(pk=payment.pk, state=PaymentState.CREATED).update(**opened)
    return Payment.objects.select_related("invoice__company").get(pk=payment.pk)


def session_params(payment: Payment, customer: str) -> "SessionCreateParams":
    """What we ask for; made of the row alone, so that a repeat is the same request."""
    invoice = payment.invoice
    args = [invoice.company_id, invoice.pk]
    language = payment.created_by.language if payment.created_by else "fr"
    marks = {"payment": str(payment.pk), "invoice": invoice.number}
    methods: Any = ["card", "sepa_debit"] if payment.amount_cents <= SEPA_LIMIT_CENTS else ["card"]
    locale: Any = "en" if language == "en" else "fr"
    return {
        "mode": "payment",
        "customer": customer,
        "client_reference_id": invoice.number,
        "allowed_payment_method_types": methods,
        "locale": locale,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "eur",
                    "unit_amount": payment.amount_cents,
                    "product_data": {"name": f"Facture {invoice.number}"},
                },
            }
        ],
        "metadata": marks,
        "payment_intent_data": {"description": invoice.number, "metadata": marks},
        "success_url": absolute(reverse("billing:payment_result", args=[*args, payment.pk])),
        "cancel_url": absolute(reverse("billing:invoice", args=args)),
        "expires_at": int(payment.expires_at.timestamp()),
    }


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


def give_up(payment: Payment, *, at: datetime) -> Payment:
    """Close the page of an attempt; when the payer was quicker, what they did counts."""
    import stripe

    try:
        client().v1.checkout.sessions.expire(payment.session_id)
    except stripe.InvalidRequestError:
        pass  # complete or expired already: read what became of it
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return refresh(payment_id=payment.pk, at=at)


# Reading what became of it --------------------------------------------------------------------------------------
def refresh(*, payment_id: int, at: datetime) -> Payment:
    """Ask Stripe about one attempt and bring our rows to its answer. Safe to run twice or at the same time."""
    import stripe

    payment = Payment.objects.select_related("invoice__company", "created_by").get(pk=payment_id)
    if payment.state == PaymentState.CREATED:
        payment = _open_session(payment, at=at)
    if not payment.session_id:
        return payment
    try:
        seen = observe(payment)
    except stripe.InvalidRequestError as error:  # Stripe does not know it: asking again would not help
        log.warning("payment %s: %s", payment.pk, error)
        Payment.objects.filter(pk=payment.pk).update(seen_at=at)
        return payment
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return settlement.apply(payment_id=payment.pk, seen=seen, at=at)


def mark_of(intent_id: str) -> str:
    """The mark we put on an intent when we asked for it; empty when it is not one of ours."""
    import stripe

    try:
        intent = _plain(client().v1.payment_intents.retrieve(intent_id))
    except stripe.InvalidRequestError:
        return ""
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return str((intent.get("metadata") or {}).get("payment", ""))


def observe(payment: Payment) -> settlement.Observation:
    """What Stripe says now about an attempt."""
    session = _plain(
        client().v1.checkout.sessions.retrieve(
            payment.session_id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}
        )
    )
    intent: dict[str, Any] = session.get("payment_intent") or {}
    charge: dict[str, Any] = intent.get("latest_charge") or {}
    outcome = _outcome(session, intent)
    method, hint, mandate_id = _method(charge)
    if outcome != "succeeded":
        error: dict[str, Any] = intent.get("last_payment_error") or {}
        failure = str(error.get("decline_code") or error.get("code") or "") if outcome == "failed" else ""
        return settlement.Observation(
            outcome,
            intent_id=intent.get("id", ""),
            method=method,
            method_hint=hint,
            failure=failure,
            url=session.get("url") or "",
        )
    refunds = _refunds(intent["id"]) if charge.get("amount_refunded") or payment.refunds.exists() else []
    return settlement.Observation(
        outcome,
        received_cents=int(intent["amount_received"]),
        fee_cents=int((charge.get("balance_transaction") or {}).get("fee", 0)),
        intent_id=intent["id"],
        method=method,
        method_hint=hint,
        mandate_reference=_mandate_reference(mandate_id) if mandate_id and not payment.mandate_reference else "",
        disputes=_disputes(intent["id"]) if charge.get("disputed") else (),
        refunds=[(row["id"], int(row["amount"])) for row in refunds if row["status"] == "succeeded"],
        failed_refunds=[row["id"] for row in refunds if row["status"] in ("failed", "canceled")],
    )


def _outcome(session: dict[str, Any], intent: dict[str, Any]) -> str:
    status = intent.get("status", "")
    if status == "succeeded":
        return "succeeded"
    if session["status"] == "open":
        return "open"
    if session["status"] == "expired" or status == "canceled":
        return "cancelled"
    return "failed" if status == "requires_payment_method" else "processing"


def _method(charge: dict[str, Any]) -> tuple[str, str, str]:
    """Kind of means, what the reader recognises it by, and the mandate's id."""
    details: dict[str, Any] = charge.get("payment_method_details") or {}
    kind = str(details.get("type", ""))
    facts: dict[str, Any] = details.get(kind) or {}
    if kind == "sepa_debit":
        return kind, f"IBAN {facts.get('country', '')} … {facts.get('last4', '')}", str(facts.get("mandate") or "")
    return kind, f"{facts.get('brand', '')} … {facts.get('last4', '')}".strip() if facts else "", ""


def _mandate_reference(mandate_id: str) -> str:
    mandate = _plain(client().v1.mandates.retrieve(mandate_id))
    return str(mandate["payment_method_details"].get("sepa_debit", {}).get("reference", ""))


def _disputes(intent_id: str) -> list[settlement.Dispute]:
    """Claims that moved money; a mere inquiry of the bank (`warning_…`) moves none."""
    rows = [_plain(row) for row in client().v1.disputes.list({"payment_intent": intent_id, "limit": 100}).data]
    return [
        settlement.Dispute(row["id"], int(row["amount"]), returned=row["status"] == "won")
        for row in reversed(rows)
        if not row["status"].startswith("warning")
    ]


def _refunds(intent_id: str) -> list[dict[str, Any]]:
    found = client().v1.refunds.list({"payment_intent": intent_id, "limit": 100})
    return [_plain(row) for row in reversed(found.data)]


# Giving money back ----------------------------------------------------------------------------------------------
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
        made = _plain(
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
        Refund.objects.filter(pk=row.pk, state="asked").update(state="failed")
        raise RefundRefused from error
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    Refund.objects.filter(pk=row.pk).update(refund_id=made["id"])
    refresh(payment_id=payment.pk, at=at)
    row.refresh_from_db()
    return row


def stuck(*, at: datetime) -> list[int]:
    """Attempts Stripe should be asked about again: the news may have been lost on its way."""
    rows = Payment.objects.under_way().filter(created_at__lt=at - timedelta(minutes=2))
    rows = rows.exclude(state=PaymentState.PROCESSING, session_id="")  # came from elsewhere than a page of ours
    never = rows.filter(seen_at__isnull=True)
    old = rows.filter(seen_at__lt=at - timedelta(minutes=10))
    lost = Payment.objects.exclude(session_id="").filter(
        invoice__state=InvoiceState.COLLECTING, seen_at__lt=at - timedelta(minutes=10)
    )
    return sorted({*(never | old).values_list("pk", flat=True)[:500], *lost.values_list("pk", flat=True)[:500]})
