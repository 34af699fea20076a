"""Setting a mandate up at Stripe, and ending it there. The rows and their rules are in `companies.billing.mandates`."""

import logging
from datetime import datetime
from typing import TYPE_CHECKING

from companies.billing import mandates
from companies.billing.models import Mandate, MandateState
from companies.billing.payments.gateway import PaymentServiceDown, client, customer_of, plain

if TYPE_CHECKING:
    from stripe.params import SetupIntentConfirmParams, SetupIntentCreateParams

log = logging.getLogger(__name__)


def set_up(mandate: Mandate, *, iban: str, email: str, at: datetime) -> Mandate:
    """Register a mandate that has its row. The IBAN goes to Stripe and is kept nowhere else.

    Raises mandates.IbanRefused and PaymentServiceDown; a mandate left half-way is finished or refused by the sweeper.
    """
    import stripe

    if mandate.state != MandateState.ASKED:
        return mandate  # the same form was quicker in another tab
    try:
        intent = client().v1.setup_intents.create(
            setup_params(mandate, customer_of(mandate.company)), {"idempotency_key": f"mandate-{mandate.pk}"}
        )
        Mandate.objects.filter(pk=mandate.pk).update(setup_id=intent.id)
        client().v1.setup_intents.confirm(
            intent.id, confirm_params(mandate, iban, email), {"idempotency_key": f"mandate-{mandate.pk}-confirm"}
        )
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        mandates.refuse(mandate_id=mandate.pk, reason=str(error.code or ""), at=at)
        raise mandates.IbanRefused(field="iban") from error
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return refresh_mandate(mandate_id=mandate.pk, at=at)


def setup_params(mandate: Mandate, customer: str) -> "SetupIntentCreateParams":
    """Made of the row alone, so that a repeat is the same request."""
    return {
        "customer": customer,
        "allowed_payment_method_types": ["sepa_debit"],
        "usage": "off_session",
        "payment_method_options": {"sepa_debit": {"mandate_options": {"reference_prefix": "ERB-"}}},
        "metadata": {"mandate": str(mandate.pk)},
    }


def confirm_params(mandate: Mandate, iban: str, email: str) -> "SetupIntentConfirmParams":
    """The account and the acceptance: who agreed, from where, with what."""
    return {
        "payment_method_data": {
            "type": "sepa_debit",
            "sepa_debit": {"iban": iban},
            "billing_details": {"name": mandate.holder, "email": email},
        },
        "mandate_data": {
            "customer_acceptance": {
                "type": "online",
                "online": {"ip_address": mandate.ip or "", "user_agent": mandate.user_agent},
            }
        },
    }


def refresh_mandate(*, mandate_id: int, at: datetime) -> Mandate:
    """Ask Stripe about a mandate and bring our row to its answer. Safe to run twice."""
    import stripe

    row = Mandate.objects.select_related("company").get(pk=mandate_id)
    if not row.setup_id or row.state not in (MandateState.ASKED, MandateState.ACTIVE):
        return row
    try:
        if row.state == MandateState.ACTIVE:
            found = plain(client().v1.mandates.retrieve(row.stripe_id))
            if found["status"] == "inactive":
                row = mandates.end(mandate_id=row.pk, to=MandateState.REVOKED, reason="bank", at=at)
            return row
        intent = plain(client().v1.setup_intents.retrieve(row.setup_id))
        if intent["status"] == "succeeded" and intent.get("mandate"):
            found = plain(client().v1.mandates.retrieve(intent["mandate"]))
            reference = str(found["payment_method_details"]["sepa_debit"]["reference"])
            return mandates.activate(
                mandate_id=row.pk,
                reference=reference,
                method_id=intent["payment_method"],
                stripe_id=found["id"],
                at=at,
            )
        if intent["status"] in ("requires_payment_method", "canceled"):
            return mandates.refuse(mandate_id=row.pk, reason="given up", at=at)
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return row


def forget(mandate: Mandate) -> None:
    """Detach the account of an ended mandate at Stripe, so that nothing can be debited with it any more."""
    import stripe

    try:
        client().v1.payment_methods.detach(mandate.method_id)
    except stripe.InvalidRequestError as error:
        log.info("mandate %s was detached before: %s", mandate.pk, error)
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    Mandate.objects.filter(pk=mandate.pk).update(method_id="")


def sweep(*, at: datetime) -> None:
    """Finish what a crash left: mandates half set up, ended ones still attached."""
    for pk in mandates.unfinished(at=at):
        refresh_mandate(mandate_id=pk, at=at)
    for row in mandates.ended_and_attached()[:50]:
        forget(row)
