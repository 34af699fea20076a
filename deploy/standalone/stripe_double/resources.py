"""Customers, payment methods, mandates and set-up intents."""

from typing import Any

from deploy.standalone.stripe_double import cards
from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.world import ApiError, World, flag, invalid, known, listed, metadata

CUSTOMER_FIELDS = ("name", "email", "phone", "description", "address", "preferred_locales")


def create_customer(world: World, params: JSON) -> JSON:
    known(params, *CUSTOMER_FIELDS, "metadata", "invoice_settings", "shipping", "payment_method")
    fields = {name: params.get(name) for name in CUSTOMER_FIELDS}
    customer = world.create("cus", "customer", **fields, metadata=metadata(params), balance=0, currency=None)
    if "payment_method" in params:
        attach_payment_method(world, params["payment_method"], {"customer": customer["id"]})
    world.emit("customer.created", customer)
    return customer


def update_customer(world: World, customer_id: str, params: JSON) -> JSON:
    known(params, *CUSTOMER_FIELDS, "metadata", "invoice_settings", "shipping")
    customer = world.find(customer_id, "customer")
    customer |= {name: params[name] for name in CUSTOMER_FIELDS if name in params}
    customer["metadata"] = metadata(params, customer["metadata"])
    world.emit("customer.updated", world.store.save(customer))
    return customer


def delete_customer(world: World, customer_id: str, params: JSON) -> JSON:
    customer = world.find(customer_id, "customer")
    world.store.save(customer | {"object": "customer", "deleted": True})
    world.emit("customer.deleted", customer)
    return {"id": customer_id, "object": "customer", "deleted": True}


# Payment methods -----------------------------------------------------------------------------------------------------
def _card(params: JSON) -> JSON:
    given: Any = params.get("card") or {}
    token = str(given.get("token", ""))
    number = cards.TOKENS.get(token.removeprefix("tok_"), "") if token else str(given.get("number", ""))
    card = cards.card_of(number)
    if card is None:
        raise ApiError(
            402, "card_error", "Your card number is incorrect.", code="incorrect_number", param="card[number]"
        )
    return {
        "brand": card.brand,
        "last4": card.number[-4:],
        "exp_month": int(given.get("exp_month", 12)),
        "exp_year": int(given.get("exp_year", 2034)),
        "country": "FR",
        "funding": "credit",
        "fingerprint": f"test{card.number[-8:]}",
        "three_d_secure_usage": {"supported": True},
    }


def _number_of(method: JSON) -> str:
    return str(method["_secret"])


def create_payment_method(world: World, params: JSON) -> JSON:
    known(params, "type", "card", "sepa_debit", "billing_details", "metadata", "allow_redisplay")
    kind = params.get("type")
    billing = {"name": None, "email": None, "phone": None, "address": None} | (params.get("billing_details") or {})
    fields: JSON = {"type": kind, "billing_details": billing, "customer": None, "metadata": metadata(params)}
    if kind == "card":
        fields["card"] = _card(params)
        token = str((params["card"] or {}).get("token", "")).removeprefix("tok_")
        fields["_secret"] = cards.TOKENS.get(token) or cards.clean(str(params["card"].get("number")))
    elif kind == "sepa_debit":
        iban = cards.clean(str((params.get("sepa_debit") or {}).get("iban", "")))
        if not cards.iban_is_valid(iban):
            message = "The IBAN you provided is invalid. The calculated check digits are not correct."
            raise invalid(message, code="invalid_iban", param="sepa_debit[iban]")
        if not (billing["name"] and billing["email"]):
            message = "Missing required param: billing_details[name] and billing_details[email]."
            raise invalid(message, code="parameter_missing", param="billing_details")
        country, last4 = iban[:2], iban[-4:]
        fields["sepa_debit"] = {
            "bank_code": iban[4:9],
            "branch_code": "",
            "country": country,
            "last4": last4,
            "fingerprint": f"test{last4}",
        }
        fields["_secret"] = iban
    else:
        raise invalid(f"Invalid type: {kind} is not offered by this double", param="type")
    return world.create("pm", "payment_method", **fields)


def payment_method(world: World, method_id: str) -> JSON:
    """A stored payment method; `pm_card_visa` and its kin are made on first sight, like at Stripe."""
    found = world.store.get(method_id, "payment_method")
    if found is None and method_id.startswith("pm_card_") and method_id.removeprefix("pm_card_") in cards.TOKENS:
        return create_payment_method(world, {"type": "card", "card": {"token": method_id.removeprefix("pm_card_")}})
    if found is None and method_id.startswith("pm_demo_"):
        return demo_account(world, method_id)
    return world.find(method_id, "payment_method") if found is None else found


def demo_account(world: World, method_id: str) -> JSON:
    """The account of a mandate that a demonstration's seed invented, made on first sight: `pm_demo_<last4>_<company>`."""
    last4 = method_id.split("_")[2]
    iban = next((iban for iban in cards.DEBITS if iban.endswith(last4)), next(iter(cards.DEBITS)))
    made = create_payment_method(
        world,
        {
            "type": "sepa_debit",
            "sepa_debit": {"iban": iban},
            "billing_details": {"name": "Demo", "email": "demo@example.org"},
        },
    )
    world.store.rename(made["id"], method_id)
    made["id"] = method_id
    return world.store.save(made)


def demo_mandate(world: World, mandate_id: str, method: JSON) -> JSON:
    """The mandate that belongs to it."""
    acceptance = {"customer_acceptance": {"type": "offline"}}
    made = create_mandate(world, method, {"mandate_data": acceptance}, single_use=False)
    world.store.rename(made["id"], mandate_id)
    made["id"] = mandate_id
    return world.store.save(made)


def attach_payment_method(world: World, method_id: str, params: JSON) -> JSON:
    known(params, "customer")
    customer = world.find(params.get("customer", ""), "customer")
    method = payment_method(world, method_id)
    if method["customer"] not in (None, customer["id"]):
        raise invalid("The payment method you provided is already attached to another customer.")
    method["customer"] = customer["id"]
    world.emit("payment_method.attached", world.store.save(method))
    return method


def detach_payment_method(world: World, method_id: str, params: JSON) -> JSON:
    method = payment_method(world, method_id)
    if method["customer"] is None:
        raise invalid("The payment method you provided is not attached to a customer so detachment is impossible.")
    method["customer"] = None
    world.emit("payment_method.detached", world.store.save(method))
    while (mandate := mandate_of(world, method)) is not None:  # nothing can be debited with it any more
        revoke_mandate(world, mandate["id"])
    return method


# Mandates ------------------------------------------------------------------------------------------------------------
def create_mandate(world: World, method: JSON, params: JSON, *, single_use: bool, prefix: str = "") -> JSON:
    """The authorisation of a SEPA debit; refused without `mandate_data`, as the law and Stripe ask."""
    acceptance = (params.get("mandate_data") or {}).get("customer_acceptance")
    if not acceptance:
        message = "This payment method needs mandate_data[customer_acceptance]: the debtor must accept the mandate."
        raise invalid(message, code="parameter_missing", param="mandate_data")
    reference = f"{prefix or 'ERB'}{world.store.new_id('x')[2:14].upper()}"
    return world.create(
        "mandate",
        "mandate",
        customer_acceptance=acceptance,
        payment_method=method["id"],
        payment_method_details={"type": "sepa_debit", "sepa_debit": {"reference": reference, "url": world.url}},
        status="active",
        type="single_use" if single_use else "multi_use",
        multi_use=None if single_use else {},
    )


def mandate_prefix(params: JSON) -> str:
    """What a new mandate's reference begins with, when it was asked for."""
    options = (params.get("payment_method_options") or {}).get("sepa_debit") or {}
    return str((options.get("mandate_options") or {}).get("reference_prefix") or "")


def mandate_of(world: World, method: JSON) -> JSON | None:
    """The reusable mandate of a SEPA payment method."""
    return next(
        (
            mandate
            for mandate in world.store.newest("mandate", payment_method=method["id"])
            if mandate["status"] == "active" and mandate["type"] == "multi_use"
        ),
        None,
    )


def revoke_mandate(world: World, mandate_id: str) -> JSON:
    mandate = world.find(mandate_id, "mandate") | {"status": "inactive"}
    world.emit("mandate.updated", world.store.save(mandate))
    return mandate


# Set-up intents ------------------------------------------------------------------------------------------------------
SETUP_FIELDS = [
    "customer",
    "description",
    "metadata",
    "payment_method",
    "allowed_payment_method_types",
    "automatic_payment_methods",
    "usage",
    "confirm",
    "mandate_data",
    "return_url",
    "payment_method_options",
    "payment_method_data",
]


def create_setup_intent(world: World, params: JSON) -> JSON:
    known(params, *SETUP_FIELDS)
    if params.get("customer"):
        world.find(params["customer"], "customer")
    intent = world.create(
        "seti",
        "setup_intent",
        client_secret="",
        customer=params.get("customer"),
        description=params.get("description"),
        metadata=metadata(params),
        payment_method=params.get("payment_method"),
        payment_method_types=listed(params, "allowed_payment_method_types") or ["card", "sepa_debit"],
        usage=params.get("usage", "off_session"),
        status="requires_confirmation" if params.get("payment_method") else "requires_payment_method",
        mandate=None,
        latest_attempt=None,
        last_setup_error=None,
        next_action=None,
        return_url=params.get("return_url"),
        cancellation_reason=None,
        _prefix=mandate_prefix(params),
    )
    intent["client_secret"] = f"{intent['id']}_secret_double"
    world.emit("setup_intent.created", world.store.save(intent))
    return confirm_setup_intent(world, intent["id"], params) if flag(params, "confirm") else intent


def confirm_setup_intent(world: World, intent_id: str, params: JSON) -> JSON:
    known(params, *SETUP_FIELDS)
    intent = world.find(intent_id, "setup_intent")
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        message = f"You cannot confirm this SetupIntent because it has a status of {intent['status']}."
        raise invalid(message, code="setup_intent_unexpected_state")
    if "payment_method_data" in params:
        params = params | {"payment_method": create_payment_method(world, params["payment_method_data"])["id"]}
    method_id = params.get("payment_method") or intent["payment_method"]
    if not method_id:
        raise invalid("Missing required param: payment_method.", code="parameter_missing", param="payment_method")
    method = payment_method(world, method_id)
    intent |= {"payment_method": method["id"], "return_url": params.get("return_url") or intent["return_url"]}
    if method["type"] == "sepa_debit":
        prefix = mandate_prefix(params) or intent.get("_prefix", "")
        intent["mandate"] = create_mandate(world, method, params, single_use=False, prefix=prefix)["id"]
    else:
        card = cards.CARDS[_number_of(method)]
        if card.decline:
            return decline_setup(world, intent, card.decline)
        if card.authenticate:
            intent |= {"status": "requires_action", "next_action": redirect_action(world, intent)}
            world.emit("setup_intent.requires_action", world.store.save(intent))
            return intent
    return succeed_setup(world, intent)


def decline_setup(world: World, intent: JSON, reason: str) -> JSON:
    error = {"type": "card_error", "code": "card_declined", "decline_code": reason, "message": cards.MESSAGES[reason]}
    intent |= {"status": "requires_payment_method", "last_setup_error": error, "next_action": None}
    world.emit("setup_intent.setup_failed", world.store.save(intent))
    raise ApiError(402, "card_error", cards.MESSAGES[reason], keep=True, code="card_declined", decline_code=reason)


def succeed_setup(world: World, intent: JSON) -> JSON:
    if intent["customer"]:
        attach_payment_method(world, intent["payment_method"], {"customer": intent["customer"]})
    intent |= {"status": "succeeded", "next_action": None, "last_setup_error": None}
    world.emit("setup_intent.succeeded", world.store.save(intent))
    return intent


def cancel_setup_intent(world: World, intent_id: str, params: JSON) -> JSON:
    known(params, "cancellation_reason")
    intent = world.find(intent_id, "setup_intent")
    if intent["status"] in ("succeeded", "canceled"):
        message = f"You cannot cancel this SetupIntent because it has a status of {intent['status']}."
        raise invalid(message, code="setup_intent_unexpected_state")
    intent |= {"status": "canceled", "cancellation_reason": params.get("cancellation_reason")}
    world.emit("setup_intent.canceled", world.store.save(intent))
    return intent


def redirect_action(world: World, intent: JSON) -> JSON:
    """Where the payer's bank asks for confirmation (3-D Secure)."""
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": f"{world.url}/3ds/{intent['id']}", "return_url": intent.get("return_url")},
    }
