"""What Stripe says now about one attempt, read at once. Nothing is changed here."""

from typing import Any

from companies.billing import settlement
from companies.billing.models import Payment
from companies.billing.payments.gateway import PaymentServiceDown, client, plain

WANTED = "latest_charge.balance_transaction"
COMMISSION = "latest_charge.application_fee"


def marks_of(intent_id: str) -> dict[str, str]:
    """The marks we put on an intent when we asked for it; empty when it is not one of ours."""
    import stripe

    try:
        intent = plain(client().v1.payment_intents.retrieve(intent_id))
    except stripe.InvalidRequestError:
        return {}
    except stripe.StripeError as error:
        raise PaymentServiceDown from error
    return dict(intent.get("metadata") or {})


def observe(payment: Payment) -> settlement.Observation:
    """What Stripe says now about an attempt, through its page or, for a debit without one, through its intent."""
    if payment.session_id:
        session = plain(
            client().v1.checkout.sessions.retrieve(
                payment.session_id, {"expand": [f"payment_intent.{part}" for part in (WANTED, COMMISSION)]}
            )
        )
        intent: dict[str, Any] = session.get("payment_intent") or {}
        return _seen(payment, intent, _outcome(session, intent), session.get("url") or "")
    intent = plain(client().v1.payment_intents.retrieve(payment.intent_id, {"expand": [WANTED]}))
    return of_intent(payment, intent)


def of_intent(payment: Payment, intent: dict[str, Any]) -> settlement.Observation:
    """The same, from an intent that was just answered."""
    outcomes = {
        "succeeded": "succeeded",
        "processing": "processing",
        "canceled": "cancelled",
        "requires_payment_method": "failed",
        "requires_action": "failed",  # nobody is there to act
    }
    return _seen(payment, intent, outcomes.get(intent["status"], "processing"))


def _seen(payment: Payment, intent: dict[str, Any], outcome: str, url: str = "") -> settlement.Observation:
    found = intent.get("latest_charge")
    charge: dict[str, Any] = found if isinstance(found, dict) else {}
    method, hint, mandate_id = method_of(charge)
    if outcome != "succeeded":
        failure = failure_of(intent.get("last_payment_error") or {}) if outcome == "failed" else ""
        return settlement.Observation(
            outcome, intent_id=intent.get("id", ""), method=method, method_hint=hint, failure=failure, url=url
        )
    refunds = _refunds(intent["id"]) if charge.get("amount_refunded") or payment.refunds.exists() else []
    entry = charge.get("balance_transaction")
    commission = charge.get("application_fee")
    return settlement.Observation(
        outcome,
        transfer_id=str(charge.get("transfer") or ""),
        commission_back_cents=int(commission.get("amount_refunded", 0)) if isinstance(commission, dict) else 0,
        received_cents=int(intent["amount_received"]),
        fee_cents=int(entry.get("fee", 0)) if isinstance(entry, dict) else 0,
        intent_id=intent["id"],
        method=method,
        method_hint=hint,
        mandate_reference=_mandate_reference(mandate_id) if mandate_id and not payment.mandate_reference else "",
        disputes=_disputes(intent["id"]) if charge.get("disputed") else (),
        refunds=[(row["id"], int(row["amount"])) for row in refunds if row["status"] == "succeeded"],
        failed_refunds=[row["id"] for row in refunds if row["status"] in ("failed", "canceled")],
        refund_rows={row["id"]: int(mark) for row in refunds if (mark := _mark(row)).isdecimal()},
    )


def failure_of(error: dict[str, Any]) -> str:
    """Why a payment failed, as the most exact code Stripe gives."""
    return str(error.get("decline_code") or error.get("code") or "")


def _outcome(session: dict[str, Any], intent: dict[str, Any]) -> str:
    status = intent.get("status", "")
    if status == "succeeded":
        return "succeeded"
    if session["status"] == "open":
        return "open"
    if session["status"] == "expired" or status == "canceled":
        return "cancelled"
    return "failed" if status == "requires_payment_method" else "processing"


def method_of(charge: dict[str, Any]) -> tuple[str, str, str]:
    """Kind of means, what the reader recognises it by, and the mandate's id."""
    details: dict[str, Any] = charge.get("payment_method_details") or {}
    kind = str(details.get("type", ""))
    facts: dict[str, Any] = details.get(kind) or {}
    if kind == "sepa_debit":
        return kind, f"IBAN {facts.get('country', '')} … {facts.get('last4', '')}", str(facts.get("mandate") or "")
    return kind, f"{facts.get('brand', '')} … {facts.get('last4', '')}".strip() if facts else "", ""


def _mandate_reference(mandate_id: str) -> str:
    mandate = plain(client().v1.mandates.retrieve(mandate_id))
    return str(mandate["payment_method_details"].get("sepa_debit", {}).get("reference", ""))


def _disputes(intent_id: str) -> list[settlement.Dispute]:
    """Claims that moved money; a mere inquiry of the bank (`warning_…`) moves none."""
    rows = [plain(row) for row in client().v1.disputes.list({"payment_intent": intent_id, "limit": 100}).data]
    return [
        settlement.Dispute(
            row["id"],
            int(row["amount"]),
            returned=row["status"] == "won",
            status=row["status"],
            reason=str(row.get("reason") or ""),
            answer_by=(row.get("evidence_details") or {}).get("due_by"),
        )
        for row in reversed(rows)
        if not row["status"].startswith("warning")
    ]


def _refunds(intent_id: str) -> list[dict[str, Any]]:
    found = client().v1.refunds.list({"payment_intent": intent_id, "limit": 100})
    return [plain(row) for row in reversed(found.data)]


def _mark(refund: dict[str, Any]) -> str:
    """Our row's id, as we put it on the refund."""
    return str((refund.get("metadata") or {}).get("refund", ""))
