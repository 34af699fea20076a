"""Attempts to pay an invoice: opening a page, asking what became of it, giving it up."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Max
from django.urls import reverse
from django.utils import timezone

from companies.access import require
from companies.billing import access, buyers, connected, links, settlement, third_party
from companies.billing.models import Invoice, InvoiceState, Payment, PaymentState
from companies.billing.models.payment import UNDER_WAY
from companies.billing.payments import connect, debits
from companies.billing.payments.gateway import (
    NotPayable,
    PaymentServiceDown,
    PaymentUnderWay,
    client,
    customer_of,
    plain,
)
from companies.billing.payments.reading import observe
from companies.mail import absolute
from companies.models import User

if TYPE_CHECKING:
    from stripe.params.checkout import SessionCreateParams, SessionCreateParamsPaymentIntentData

log = logging.getLogger(__name__)
SESSION_LIFE = timedelta(hours=2)
SEPA_LIMIT_CENTS = 1_000_000
STUCK_AT_ONCE = 500


def start(*, invoice: Invoice, actor: User, at: datetime) -> Payment:
    """Open the payment page of an invoice; a second click, or a second tab, gets the page that is open already.

    Raises NotAllowed, NotPayable, PaymentUnderWay, PaymentServiceDown. That something was paid is only learnt from
    Stripe's own answer.
    """
    require(access.can_pay(actor, invoice.company))
    return _page(invoice, actor, at)


def start_by_link(*, invoice: Invoice, at: datetime) -> Payment:
    """The same for whoever holds the signed link of the invoice (links.py): the link is the permission."""
    return _page(invoice, None, at)


def _page(invoice: Invoice, actor: User | None, at: datetime) -> Payment:
    if invoice.is_settled:
        raise NotPayable(state=invoice.get_state_display())
    for _try in range(3):
        payment = _attempt(invoice_id=invoice.pk, actor=actor, at=at)
        if payment.state != PaymentState.CREATED:
            # The payer may have finished in another tab, and the news not have come yet.
            payment = refresh(payment_id=payment.pk, at=at)
        if payment.state == PaymentState.CREATED and not payment.mandate_id:
            payment = _open_session(payment, at=at)
        if payment.state == PaymentState.PROCESSING or (payment.mandate_id and payment.is_under_way):
            raise PaymentUnderWay
        if not payment.is_under_way:
            continue
        fresh = Invoice.objects.only("balance_cents").get(pk=invoice.pk)
        if payment.expires_at > at + timedelta(minutes=2) and payment.amount_cents == fresh.balance_cents:
            return payment
        give_up(payment, at=at)
    raise PaymentServiceDown


def new_attempt(invoice: Invoice, *, amount_cents: int, at: datetime, **more: Any) -> Payment:
    """The next attempt of a locked invoice, inside the caller's transaction: the one door to every payment through Stripe.

    What is a supplier's is charged for its account at Stripe Connect, and only on a page where the payer agrees: our mandates
    name the association as creditor. Raises SuppliersMoney otherwise, SupplierPaysByTransfer for a supplier's commission.
    """
    buyers.member(invoice)
    third_party.require_collectable(invoice)
    if "mandate" in more:
        third_party.require_ours(invoice)
    account = connected.of_invoice(invoice)
    if account is not None:
        more |= {
            "destination": account.account_id,
            "commission_cents": connected.commission(invoice, account, amount_cents),
        }
    last = invoice.payments.aggregate(last=Max("attempt"))["last"] or 0
    return Payment.objects.create(
        invoice=invoice,
        attempt=last + 1,
        amount_cents=amount_cents,
        created_at=at,
        expires_at=at + SESSION_LIFE,
        **more,
    )


def _attempt(*, invoice_id: int, actor: User | None, at: datetime) -> Payment:
    """The attempt under way, or a new one for what is owed now."""
    with transaction.atomic(durable=True):
        invoice = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice_id)
        under_way = invoice.payments.filter(state__in=UNDER_WAY).select_related("invoice__company").first()
        if under_way is not None:
            return under_way
        if not invoice.is_payable:
            raise NotPayable(state=invoice.get_state_display())
        made = new_attempt(invoice, amount_cents=invoice.balance_cents, at=at, created_by=actor)
    return Payment.objects.select_related("invoice__company").get(pk=made.pk)


def _open_session(payment: Payment, *, at: datetime) -> Payment:
    """Ask Stripe for the page of an attempt and remember it. Asking again gives the same page."""
    import stripe

    try:
        customer = customer_of(buyers.member(payment.invoice))
        session = plain(
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
    if payment.created_by_id:
        done, back = reverse("billing:payment_result", args=[*args, payment.pk]), reverse("billing:invoice", args=args)
    else:
        done = back = links.path(invoice, made_on=timezone.localdate(payment.created_at))
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
        "payment_intent_data": intent_data(payment, marks),
        "success_url": absolute(done),
        "cancel_url": absolute(back),
        "expires_at": int(payment.expires_at.timestamp()),
    }


def intent_data(payment: Payment, marks: dict[str, str]) -> "SessionCreateParamsPaymentIntentData":
    """What the payment itself carries; for a supplier's invoice it is a destination charge on its behalf."""
    data: SessionCreateParamsPaymentIntentData = {"description": payment.invoice.number, "metadata": marks}
    if payment.destination:
        data["on_behalf_of"] = payment.destination
        data["transfer_data"] = {"destination": payment.destination}
        if payment.commission_cents:
            data["application_fee_amount"] = payment.commission_cents
    return data


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


def refresh(*, payment_id: int, at: datetime) -> Payment:
    """Ask Stripe about one attempt and bring our rows to its answer. Safe to run twice or at the same time."""
    import stripe

    payment = Payment.objects.select_related("invoice__company", "created_by", "mandate").get(pk=payment_id)
    if payment.state == PaymentState.CREATED and payment.mandate_id:
        return debits.send(payment, at=at)
    if payment.state == PaymentState.CREATED:
        payment = _open_session(payment, at=at)
    if not payment.session_id and not (payment.intent_id and payment.mandate_id):
        return payment
    try:
        seen = observe(payment)
    except stripe.InvalidRequestError as error:  # Stripe does not know it: asking again would not help
        log.warning("payment %s: %s", payment.pk, error)
        Payment.objects.filter(pk=payment.pk).update(seen_at=at)
        return payment
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    applied = settlement.apply(payment_id=payment.pk, seen=seen, at=at)
    if applied.destination and connect.settle(applied, at=at):
        return refresh(payment_id=payment_id, at=at)  # our commission went back with it
    return applied


def stuck(*, at: datetime) -> list[int]:
    """Attempts Stripe should be asked about again: the news may have been lost on its way."""
    rows = Payment.objects.under_way().filter(created_at__lt=at - timedelta(minutes=2))
    rows = rows.exclude(state=PaymentState.PROCESSING, session_id="", mandate=None)  # came from elsewhere than from us
    never = rows.filter(seen_at__isnull=True)
    old = rows.filter(seen_at__lt=at - timedelta(minutes=10))
    lost = Payment.objects.exclude(session_id="", mandate=None).filter(
        invoice__state=InvoiceState.COLLECTING, seen_at__lt=at - timedelta(minutes=10)
    )
    found: set[int] = set()
    for some in (never | old, lost):  # each has its turn, however many there are
        found.update(
            some.order_by(F("seen_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)[:STUCK_AT_ONCE]
        )
    return sorted(found)
