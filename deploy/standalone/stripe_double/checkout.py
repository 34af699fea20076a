"""Checkout sessions: what a program asks for, and what the payer does on the hosted page."""

import time
from typing import Any

from deploy.standalone.stripe_double import connect, payments, resources
from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.world import ApiError, World, integer, invalid, known, listed, metadata

FIELDS = [
    "mode",
    "customer",
    "customer_email",
    "customer_creation",
    "client_reference_id",
    "line_items",
    "success_url",
    "cancel_url",
    "allowed_payment_method_types",
    "metadata",
    "payment_intent_data",
    "setup_intent_data",
    "locale",
    "expires_at",
    "currency",
    "ui_mode",
    "payment_method_options",
    "submit_type",
    "billing_address_collection",
]
DAY = 86400


def create_session(world: World, params: JSON) -> JSON:
    known(params, *FIELDS)
    mode = params.get("mode")
    if mode not in ("payment", "setup"):
        raise invalid("This double knows the modes payment and setup.", param="mode")
    if not params.get("success_url"):
        raise invalid("Missing required param: success_url.", code="parameter_missing", param="success_url")
    if params.get("customer"):
        world.find(params["customer"], "customer")
    if mode == "payment":  # refused here, not when the payer has typed everything
        total = sum(_line(item)["amount_total"] for item in listed(params, "line_items"))
        connect.wanted(world, {"amount": total, **(params.get("payment_intent_data") or {})})
    lines = [_line(item) for item in listed(params, "line_items")]
    if (mode == "payment") != bool(lines):
        raise invalid("line_items are needed in payment mode, and only there.", param="line_items")
    total = sum(line["amount_total"] for line in lines)
    if mode == "payment" and total < 50:
        raise invalid("The Checkout Session's total amount must convert to at least €0.50.", code="amount_too_small")
    now = int(time.time())
    session = world.create(
        "cs_test",
        "checkout.session",
        mode=mode,
        status="open",
        payment_status="unpaid" if mode == "payment" else "no_payment_required",
        amount_subtotal=total or None,
        amount_total=total or None,
        currency="eur",
        customer=params.get("customer"),
        customer_email=params.get("customer_email"),
        customer_details=None,
        client_reference_id=params.get("client_reference_id"),
        metadata=metadata(params),
        payment_method_types=listed(params, "allowed_payment_method_types") or ["card", "sepa_debit"],
        payment_intent=None,
        setup_intent=None,
        success_url=params["success_url"],
        cancel_url=params.get("cancel_url"),
        locale=params.get("locale", "auto"),
        expires_at=integer(params, "expires_at", default=now + DAY),
        url="",
        _lines=lines,
        _intent_data=params.get("payment_intent_data") or params.get("setup_intent_data") or {},
    )
    if not now + 1800 - 60 <= session["expires_at"] <= now + DAY + 60:
        raise invalid("expires_at must be between 30 minutes and 24 hours from now.", param="expires_at")
    session["url"] = f"{world.url}/c/pay/{session['id']}"
    return world.store.save(session)


def _line(item: Any) -> JSON:
    if not isinstance(item, dict):
        raise invalid("Invalid array: line_items", param="line_items")
    price = item.get("price_data") or {}
    product = price.get("product_data") or {}
    unit = integer(price, "unit_amount")
    quantity = integer(item, "quantity", default=1, least=1)
    if str(price.get("currency", "")).lower() != "eur" or not product.get("name"):
        raise invalid("line_items need price_data with currency eur and product_data[name].", param="line_items")
    return {"description": product["name"], "quantity": quantity, "amount_total": unit * quantity}


def retrieve_session(world: World, session_id: str) -> JSON:
    """The session as it stands now; an old open one has expired."""
    session = world.find(session_id, "checkout.session")
    if session["status"] == "open" and session["expires_at"] < time.time():
        return _expire(world, session)
    if session["status"] == "open":  # after a restart the double may listen elsewhere
        session["url"] = f"{world.url}/c/pay/{session_id}"
    return session


def expire_session(world: World, session_id: str) -> JSON:
    session = retrieve_session(world, session_id)
    if session["status"] != "open":
        raise invalid("Only Checkout Sessions with a status of open can be expired.", code="checkout_session_not_open")
    return _expire(world, session)


def _expire(world: World, session: JSON) -> JSON:
    session |= {"status": "expired", "url": None}
    world.emit("checkout.session.expired", world.store.save(session))
    return session


def pay(world: World, session_id: str, method: JSON) -> JSON:
    """The payer pressed the button: confirm the intent of the session with the method typed.

    Raises ApiError when the card or IBAN is refused; the session then stays open for another try.
    The answer is the session; when its intent asks for 3-D Secure the session is still open.
    """
    session = retrieve_session(world, session_id)
    if session["status"] != "open":
        raise invalid("This Checkout Session is no longer open.", code="checkout_session_not_open")
    kind = method.get("type")
    if kind not in session["payment_method_types"]:
        raise invalid("This means of payment is not offered.", param="type")
    made = resources.create_payment_method(world, method)
    session["customer_details"] = made["billing_details"]
    if session["mode"] == "payment" and not session["payment_intent"]:
        data = session["_intent_data"]
        intent = payments.create_payment_intent(
            world,
            {
                "amount": session["amount_total"],
                "currency": "eur",
                "customer": session["customer"],
                "allowed_payment_method_types": session["payment_method_types"],
                **data,
            },
        )
        session["payment_intent"] = intent["id"]
    elif session["mode"] == "setup" and not session["setup_intent"]:
        wanted = {"customer": session["customer"], "allowed_payment_method_types": session["payment_method_types"]}
        intent = resources.create_setup_intent(world, wanted | session["_intent_data"])
        session["setup_intent"] = intent["id"]
    world.store.save(session)
    confirm: JSON = {"payment_method": made["id"], "return_url": f"{world.url}/c/pay/{session_id}/done"}
    if kind == "sepa_debit":
        online = {"ip_address": "127.0.0.1", "user_agent": "hosted page of the double"}
        confirm["mandate_data"] = {"customer_acceptance": {"type": "online", "online": online}}
    if session["mode"] == "payment":
        payments.confirm_payment_intent(world, session["payment_intent"], confirm)
    else:
        resources.confirm_setup_intent(world, session["setup_intent"], confirm)
    return complete(world, session_id)


def complete(world: World, session_id: str) -> JSON:
    """Close the session when its intent has got as far as the payer can bring it."""
    session = world.find(session_id, "checkout.session")
    intent = intent_of(world, session)
    if session["status"] != "open" or intent["status"] not in ("succeeded", "processing", "requires_capture"):
        return session
    session |= {"status": "complete", "url": None}
    if session["mode"] == "payment" and intent["status"] != "processing":
        session["payment_status"] = "paid"
    world.emit("checkout.session.completed", world.store.save(session))
    return session


def intent_of(world: World, session: JSON) -> JSON:
    if session["mode"] == "payment":
        return world.find(session["payment_intent"], "payment_intent")
    return world.find(session["setup_intent"], "setup_intent")


def settle(world: World, intent_id: str, outcome: str = "") -> JSON:
    """End a debit and tell the session it came from."""
    before = world.find(intent_id, "payment_intent")["status"]
    intent = payments.settle_debit(world, intent_id, outcome)
    session = next(world.store.newest("checkout.session", payment_intent=intent_id), None)
    if before == "processing" and session is not None and intent["status"] != "processing":
        paid = intent["status"] == "succeeded"
        session["payment_status"] = "paid" if paid else "unpaid"
        world.store.save(session)
        world.emit(f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", session)
    return intent


def authenticate(world: World, intent_id: str, *, accepted: bool) -> JSON | None:
    """The answer of the payer's bank (3-D Secure). Returns the session the payer came from, if any."""
    kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
    intent = world.find(intent_id, kind)
    session = next(world.store.newest("checkout.session", **{kind: intent_id}), None)
    if intent["status"] == "requires_action":
        try:
            if kind == "setup_intent":
                resources.succeed_setup(world, intent) if accepted else resources.decline_setup(
                    world, intent, "generic_decline"
                )
            elif accepted:
                payments.authorise(world, intent)
            else:
                payments.decline(world, intent, "authentication_required")
        except ApiError as refusal:
            if not refusal.keep:
                raise
    if session is None:
        return None
    return complete(world, session["id"])
