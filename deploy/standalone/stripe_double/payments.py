"""Payment intents and their charges, with the slow life of a SEPA debit."""

from typing import Any

from deploy.standalone.stripe_double import cards, connect
from deploy.standalone.stripe_double.refunds import open_dispute
from deploy.standalone.stripe_double.resources import (
    attach_payment_method,
    create_mandate,
    create_payment_method,
    demo_mandate,
    mandate_of,
    payment_method,
    redirect_action,
)
from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.world import ApiError, World, flag, integer, invalid, known, listed, metadata

INTENT_FIELDS = [
    "amount",
    "currency",
    "customer",
    "description",
    "metadata",
    "payment_method",
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "off_session",
    "mandate",
    "mandate_data",
    "setup_future_usage",
    "statement_descriptor",
    "receipt_email",
    "return_url",
    "error_on_requires_action",
    "payment_method_options",
    "transfer_group",
    "payment_method_data",
    "confirmation_method",
    "transfer_data",
    "on_behalf_of",
    "application_fee_amount",
]
SEPA_LIMIT_CENTS = 1_000_000


def create_payment_intent(world: World, params: JSON) -> JSON:
    known(params, *INTENT_FIELDS)
    amount = integer(params, "amount", least=1)
    if amount < 50:
        raise invalid("Amount must be at least €0.50 eur", code="amount_too_small", param="amount")
    if str(params.get("currency", "")).lower() != "eur":
        raise invalid("Missing or unknown currency: this double knows eur.", param="currency")
    if params.get("customer"):
        world.find(params["customer"], "customer")
    given = params.get("payment_method")
    method = payment_method(world, given)["id"] if given else None
    if "payment_method_data" in params:
        method = create_payment_method(world, params["payment_method_data"])["id"]
    intent = world.create(
        "pi",
        "payment_intent",
        amount=amount,
        amount_capturable=0,
        amount_received=0,
        currency="eur",
        customer=params.get("customer"),
        description=params.get("description"),
        metadata=metadata(params),
        payment_method=method,
        payment_method_types=listed(params, "allowed_payment_method_types") or ["card", "sepa_debit"],
        capture_method=params.get("capture_method", "automatic"),
        setup_future_usage=params.get("setup_future_usage"),
        statement_descriptor=params.get("statement_descriptor"),
        receipt_email=params.get("receipt_email"),
        return_url=params.get("return_url"),
        status="requires_confirmation" if method else "requires_payment_method",
        client_secret="",
        latest_charge=None,
        last_payment_error=None,
        next_action=None,
        canceled_at=None,
        cancellation_reason=None,
        _mandate=params.get("mandate"),
        **connect.wanted(world, params),
    )
    intent["client_secret"] = f"{intent['id']}_secret_double"
    world.emit("payment_intent.created", world.store.save(intent))
    confirm = {
        name: params[name] for name in CONFIRM_FIELDS if name in params and not name.startswith("payment_method")
    }
    return confirm_payment_intent(world, intent["id"], confirm) if flag(params, "confirm") else intent


CONFIRM_FIELDS = [
    "payment_method",
    "mandate",
    "mandate_data",
    "off_session",
    "return_url",
    "setup_future_usage",
    "error_on_requires_action",
    "receipt_email",
    "allowed_payment_method_types",
    "payment_method_options",
    "payment_method_data",
    "capture_method",
]


def update_payment_intent(world: World, intent_id: str, params: JSON) -> JSON:
    known(params, *INTENT_FIELDS)
    intent = world.find(intent_id, "payment_intent")
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise unexpected(intent, "update")
    for name in ("description", "customer", "receipt_email", "setup_future_usage", "statement_descriptor"):
        if name in params:
            intent[name] = params[name]
    if "amount" in params:
        intent["amount"] = integer(params, "amount", least=50)
    if params.get("payment_method"):
        intent |= {
            "payment_method": payment_method(world, params["payment_method"])["id"],
            "status": "requires_confirmation",
        }
    intent["metadata"] = metadata(params, intent["metadata"])
    return world.store.save(intent)


def unexpected(intent: JSON, verb: str) -> ApiError:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}."
    return invalid(message, code="payment_intent_unexpected_state")


def confirm_payment_intent(world: World, intent_id: str, params: JSON) -> JSON:
    known(params, *CONFIRM_FIELDS)
    intent = world.find(intent_id, "payment_intent")
    if intent["status"] not in ("requires_payment_method", "requires_confirmation", "requires_action"):
        raise unexpected(intent, "confirm")
    if "payment_method_data" in params:
        params = params | {"payment_method": create_payment_method(world, params["payment_method_data"])["id"]}
    method_id = params.get("payment_method") or intent["payment_method"]
    if not method_id:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
            param="payment_method",
        )
    method = payment_method(world, method_id)
    if method["type"] not in intent["payment_method_types"]:
        raise invalid("The payment method type is not allowed for this PaymentIntent.", param="payment_method")
    if method["customer"] and method["customer"] != intent["customer"]:
        raise invalid("The payment method belongs to another customer.", param="payment_method")
    for name in ("return_url", "setup_future_usage", "receipt_email"):
        intent[name] = params.get(name) or intent[name]
    intent["payment_method"] = method["id"]
    world.store.save(intent)
    if method["type"] == "sepa_debit":
        return _start_debit(world, intent, method, params)
    card = cards.CARDS[method["_secret"]]
    if card.decline:
        return decline(world, intent, card.decline)
    if card.authenticate:
        if flag(params, "off_session") or flag(params, "error_on_requires_action"):
            return decline(world, intent, "authentication_required")
        intent |= {"status": "requires_action", "next_action": redirect_action(world, intent)}
        world.emit("payment_intent.requires_action", world.store.save(intent))
        return intent
    return authorise(world, intent)


def _charge(world: World, intent: JSON, **fields: Any) -> JSON:
    method = world.find(intent["payment_method"], "payment_method")
    details: JSON = {"type": method["type"], method["type"]: dict(method[method["type"]])}
    if intent.get("_mandate"):
        details["sepa_debit"]["mandate"] = intent["_mandate"]
    charge = world.create(
        "py" if method["type"] == "sepa_debit" else "ch",
        "charge",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        currency="eur",
        customer=intent["customer"],
        description=intent["description"],
        metadata=intent["metadata"],
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details=details,
        billing_details=method["billing_details"],
        balance_transaction=None,
        captured=False,
        disputed=False,
        refunded=False,
        paid=False,
        failure_code=None,
        failure_message=None,
        **fields,
    )
    intent["latest_charge"] = charge["id"]
    world.store.save(intent)
    return charge


def decline(world: World, intent: JSON, reason: str) -> JSON:
    """The card says no: a failed charge stays on the intent, the caller gets 402."""
    code = reason if reason in cards.OWN_CODES or reason == "authentication_required" else "card_declined"
    message = cards.MESSAGES.get(reason, "Your card was declined. This transaction requires authentication.")
    charge = _charge(world, intent, status="failed")
    charge |= {"failure_code": code, "failure_message": message}
    world.store.save(charge)
    error = {
        "type": "card_error",
        "code": code,
        "decline_code": reason,
        "message": message,
        "charge": charge["id"],
        "payment_method": world.find(intent["payment_method"], "payment_method"),
    }
    intent |= {"status": "requires_payment_method", "last_payment_error": error, "next_action": None}
    intent["payment_method"] = None
    world.store.save(intent)
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    details = {name: value for name, value in error.items() if name not in ("type", "message")}
    raise ApiError(402, "card_error", message, keep=True, payment_intent=intent, **details)


def authorise(world: World, intent: JSON) -> JSON:
    """The card says yes: captured at once, or held until `capture`."""
    charge = _charge(world, intent, status="succeeded")
    charge["paid"] = True
    intent |= {"next_action": None, "last_payment_error": None}
    _keep_method(world, intent)
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        world.emit("charge.succeeded", world.store.save(charge))
        world.emit("payment_intent.amount_capturable_updated", world.store.save(intent))
        return intent
    return _settle(world, intent, charge, intent["amount"])


def _keep_method(world: World, intent: JSON) -> None:
    if intent["setup_future_usage"] and intent["customer"]:
        attach_payment_method(world, intent["payment_method"], {"customer": intent["customer"]})


def _settle(world: World, intent: JSON, charge: JSON, amount: int) -> JSON:
    """The money has arrived: charge, balance transaction (with Stripe's fee) and intent all say so."""
    sepa = charge["payment_method_details"]["type"] == "sepa_debit"
    fee = 35 if sepa else 25 + (amount * 15 + 500) // 1000
    entry = world.create(
        "txn",
        "balance_transaction",
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency="eur",
        source=charge["id"],
        type="payment" if sepa else "charge",
        status="pending",
        fee_details=[{"amount": fee, "currency": "eur", "type": "stripe_fee", "description": "Stripe processing fees"}],
    )
    charge |= {
        "status": "succeeded",
        "paid": True,
        "captured": True,
        "amount_captured": amount,
        "balance_transaction": entry["id"],
    }
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0, "last_payment_error": None}
    connect.settled(world, intent, charge, amount)
    world.emit("charge.succeeded" if sepa or intent["capture_method"] != "manual" else "charge.captured", charge)
    world.store.save(charge)
    world.emit("payment_intent.succeeded", world.store.save(intent))
    secret = world.find(charge["payment_method"], "payment_method")["_secret"]
    card = cards.CARDS.get(secret)
    if (card and card.dispute) or (sepa and cards.debit_of(secret).outcome == "disputed"):
        world.store.at(world.now() + world.sepa_delay, "dispute", intent["id"])
    return intent


def capture_payment_intent(world: World, intent_id: str, params: JSON) -> JSON:
    known(params, "amount_to_capture", "metadata", "final_capture", "statement_descriptor")
    intent = world.find(intent_id, "payment_intent")
    if intent["status"] != "requires_capture":
        raise unexpected(intent, "capture")
    amount = integer(params, "amount_to_capture", default=intent["amount"], least=1)
    if amount > intent["amount_capturable"]:
        raise invalid("The amount to capture is greater than the authorised amount.", param="amount_to_capture")
    return _settle(world, intent, world.find(intent["latest_charge"], "charge"), amount)


def cancel_payment_intent(world: World, intent_id: str, params: JSON) -> JSON:
    known(params, "cancellation_reason")
    intent = world.find(intent_id, "payment_intent")
    if intent["status"] not in (
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "requires_capture",
    ):
        raise unexpected(intent, "cancel")
    intent |= {
        "status": "canceled",
        "canceled_at": int(world.now()),
        "amount_capturable": 0,
        "next_action": None,
        "cancellation_reason": params.get("cancellation_reason"),
    }
    world.emit("payment_intent.canceled", world.store.save(intent))
    return intent


# SEPA ----------------------------------------------------------------------------------------------------------------
def _start_debit(world: World, intent: JSON, method: JSON, params: JSON) -> JSON:
    if intent["amount"] > SEPA_LIMIT_CENTS:
        raise invalid("Amount must be no more than €10,000.00 for SEPA Direct Debit.", code="amount_too_large")
    named = params.get("mandate") or intent.get("_mandate")
    if named and str(named).startswith("mandate_demo_") and world.store.get(named) is None:
        demo_mandate(world, named, method)
    mandate = world.find(named, "mandate") if named else mandate_of(world, method)
    if named and mandate and mandate["status"] != "active":
        raise invalid("The mandate is not active.", code="payment_intent_mandate_invalid", param="mandate")
    if "mandate_data" in params or mandate is None:
        reusable = bool(intent["setup_future_usage"])
        mandate = create_mandate(world, method, params, single_use=not reusable)
    if mandate["status"] != "active":
        raise invalid("The mandate is not active.", code="payment_method_not_available", param="mandate")
    intent |= {"_mandate": mandate["id"], "status": "processing", "next_action": None, "last_payment_error": None}
    _keep_method(world, intent)
    charge = _charge(world, intent, status="pending")
    world.emit("charge.pending", charge)
    world.emit("payment_intent.processing", intent)
    slow = cards.debit_of(method["_secret"]).slow
    world.store.at(world.now() + world.sepa_delay * (3 if slow else 1), "settle", intent["id"])
    return intent


def settle_debit(world: World, intent_id: str, outcome: str = "") -> JSON:
    """End a debit on its way, as its IBAN says or as the caller says: `succeeded`, `failed` or `disputed`."""
    intent = world.find(intent_id, "payment_intent")
    if intent["status"] != "processing":
        return intent
    world.store.drop_timers_of(intent_id)
    charge = world.find(intent["latest_charge"], "charge")
    natural = cards.debit_of(world.find(charge["payment_method"], "payment_method")["_secret"]).outcome
    if (outcome or natural) == "failed":
        message = "The customer's bank account could not be debited: insufficient funds."
        charge |= {"status": "failed", "failure_code": "insufficient_funds", "failure_message": message}
        error = {
            "type": "invalid_request_error",
            "code": "payment_intent_payment_attempt_failed",
            "decline_code": "insufficient_funds",
            "message": message,
            "charge": charge["id"],
        }
        intent |= {"status": "requires_payment_method", "payment_method": None, "last_payment_error": error}
        world.emit("charge.failed", world.store.save(charge))
        world.emit("payment_intent.payment_failed", world.store.save(intent))
        return intent
    intent = _settle(world, intent, charge, intent["amount"])
    if outcome == "disputed":
        open_dispute(world, intent_id)
    return intent
