"""Suppliers' accounts at Stripe: opening them, reading them, and putting right what a claim moved between us and them."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from companies.billing import connected
from companies.billing.models import ConnectedAccount, Payment
from companies.billing.payments.gateway import PaymentServiceDown, client, plain

if TYPE_CHECKING:
    from stripe import RequestOptions
    from stripe.params import AccountCreateParams, TransferCreateParams, TransferReversalCreateParams

log = logging.getLogger(__name__)


def account_params(row: ConnectedAccount) -> "AccountCreateParams":
    """Stripe asks the supplier for its papers and shows it its payouts; fees and losses are the platform's."""
    return {
        "country": "FR",
        "email": row.email,
        "business_type": "company",
        "business_profile": {"name": row.name},
        "controller": {
            "fees": {"payer": "application"},
            "losses": {"payments": "application"},
            "requirement_collection": "stripe",
            "stripe_dashboard": {"type": "express"},
        },
        "capabilities": {
            "card_payments": {"requested": True},
            "sepa_debit_payments": {"requested": True},
            "transfers": {"requested": True},
        },
        "metadata": {"siren": row.siren},
    }


def open_account(row: ConnectedAccount, *, at: datetime) -> ConnectedAccount:
    """The supplier's account at Stripe, made on first need. Raises PaymentServiceDown."""
    import stripe

    if row.account_id:
        return row
    try:
        made = plain(client().v1.accounts.create(account_params(row), {"idempotency_key": f"supplier-{row.siren}"}))
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    ConnectedAccount.objects.filter(pk=row.pk, account_id="").update(account_id=made["id"])
    return connected.follow(row_id=row.pk, found=made, at=at)


def onboarding(row: ConnectedAccount, *, back: str, at: datetime) -> str:
    """The address of Stripe's own page where the supplier identifies itself; it lives minutes. Raises PaymentServiceDown."""
    import stripe

    row = open_account(row, at=at)
    try:
        link = client().v1.account_links.create(
            {"account": row.account_id, "type": "account_onboarding", "return_url": back, "refresh_url": back}
        )
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return link.url


def refresh_account(*, row_id: int, at: datetime) -> ConnectedAccount:
    """Ask Stripe how a supplier's account stands. Safe to run twice."""
    import stripe

    row = ConnectedAccount.objects.get(pk=row_id)
    if not row.account_id:
        return row
    try:
        found = plain(client().v1.accounts.retrieve(row.account_id))
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return connected.follow(row_id=row.pk, found=found, at=at)


def settle(payment: Payment, *, at: datetime) -> bool:
    """Reverse or repeat the transfers that claims and bounced refunds ask for; each once, however often this runs.

    Returns whether something was done. A supplier without enough at Stripe leaves it open: it stands on the account of
    Connect, and the sweeper asks again.
    """
    import stripe

    done = False
    for step in connected.to_settle(payment):
        try:
            transfer_id = _carried_out(step, payment)
        except stripe.InvalidRequestError as refusal:
            log.warning("payment %s, %s: %s", payment.pk, step.key, refusal)
            continue
        except stripe.StripeError as error:
            raise PaymentServiceDown from error
        with transaction.atomic(durable=True):
            connected.post_settled(step, payment, transfer_id=transfer_id, at=at)
        done = True
    return done


def _carried_out(step: connected.Step, payment: Payment) -> str:
    """Ask Stripe for one step; the id of the transfer it made, empty for a reversal.

    Stripe forgets a key after a day: what carries the step's mark was done by an earlier try and is not done again.
    """
    options: RequestOptions = {"idempotency_key": step.key}
    marks = {"for": step.key.removeprefix("connect-")}
    if step.cents < 0:
        group = f"payment-{payment.pk}"
        made = client().v1.transfers.list({"transfer_group": group, "limit": 100})
        for transfer in made.auto_paging_iter():
            if plain(transfer)["metadata"].get("for") == marks["for"]:
                return transfer.id
        cents = -step.cents - connected.commission_again(payment, -step.cents)
        wanted: TransferCreateParams = {
            "amount": cents,
            "currency": "eur",
            "destination": payment.destination,
            "transfer_group": group,
            "metadata": marks,
        }
        return client().v1.transfers.create(wanted, options).id
    params: TransferReversalCreateParams = {"metadata": marks}
    if step.source is None:
        transfer_id = payment.transfer_id
        params |= {"amount": step.cents, "refund_application_fee": True}
    else:  # no commission was taken of this transfer, it was less by it
        before, after = connected.commission_of(payment, step)
        transfer_id = step.source.transfer_id
        params |= {"amount": step.cents - (before - after)}
    reversals = client().v1.transfers.reversals
    done = reversals.list(transfer_id, {"limit": 100}).auto_paging_iter()
    if not any((plain(one)["metadata"] or {}).get("for") == marks["for"] for one in done):
        reversals.create(transfer_id, params, options)
    return ""


def sweep(*, at: datetime) -> None:
    """Do what a crash or an empty balance left open, and ask about accounts whose news did not come."""
    quiet = ConnectedAccount.objects.exclude(account_id="").filter(charges_enabled=False)
    for pk in quiet.filter(seen_at__lt=at - timedelta(minutes=10)).values_list("pk", flat=True)[:50]:
        refresh_account(row_id=pk, at=at)
    rows = Payment.objects.exclude(destination="").filter(disputes__isnull=False) | Payment.objects.exclude(
        destination=""
    ).filter(refunds__state="failed")
    for payment in rows.select_related("invoice").distinct().order_by("-pk")[:100]:
        settle(payment, at=at)
