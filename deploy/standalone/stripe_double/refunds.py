"""Money that goes back: refunds, and disputes opened by the payer or the payer's bank."""

from deploy.standalone.stripe_double import cards, connect
from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.world import World, flag, integer, invalid, known, metadata

CONNECT = ("reverse_transfer", "refund_application_fee")
REFUND_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def open_dispute(world: World, intent_id: str, reason: str = "") -> JSON:
    """The payer claims the money back; for SEPA that is lost at once, for a card it awaits an answer."""
    intent = world.find(intent_id, "payment_intent")
    charge = world.find(intent["latest_charge"] or "", "charge")
    earlier = [row for row in world.store.newest("dispute") if row["charge"] == charge["id"]]
    if intent["status"] != "succeeded" or any(row["status"] != "won" for row in earlier):
        raise invalid("This payment cannot be disputed.")
    sepa = charge["payment_method_details"]["type"] == "sepa_debit"
    dispute = world.create(
        "du" if sepa else "dp",
        "dispute",
        amount=charge["amount_captured"] - charge["amount_refunded"],
        charge=charge["id"],
        payment_intent=intent["id"],
        currency="eur",
        reason=reason or ("debit_not_authorized" if sepa else "fraudulent"),
        status="lost" if sepa else "needs_response",
        is_charge_refundable=False,
        metadata={},
        evidence_details={"due_by": int(world.now()) + 7 * 86400, "has_evidence": False},
    )
    world.store.save(charge | {"disputed": True})
    world.emit("charge.dispute.created", dispute)
    world.emit("charge.dispute.funds_withdrawn", dispute)
    if sepa:
        world.emit("charge.dispute.closed", dispute)
    return dispute


EVIDENCE = ("uncategorized_text", "uncategorized_file", "receipt", "customer_name", "service_date")
FILES = ("uncategorized_file", "receipt")


def create_file(world: World, params: JSON) -> JSON:
    """Keep what is known about an upload; the bytes themselves serve nobody here."""
    known(params, "purpose", "file", "filename", "size")
    if params.get("purpose") != "dispute_evidence":
        raise invalid("Invalid purpose", param="purpose")
    if not params.get("filename", "").lower().endswith((".pdf", ".png", ".jpg", ".jpeg")):
        raise invalid("Invalid file type", param="file")
    size = integer(params, "size", least=1)
    return world.create("file", "file", purpose="dispute_evidence", filename=params["filename"], size=size)


def answer_dispute(world: World, dispute_id: str, params: JSON) -> JSON:
    """Evidence against a claim; submitted, it is the bank that decides, and nothing more can be sent."""
    known(params, "evidence", "submit", "metadata")
    dispute = world.find(dispute_id, "dispute")
    if dispute["status"] != "needs_response":
        raise invalid("This dispute does not accept evidence any more.")
    evidence = params.get("evidence") or {}
    known(evidence, *EVIDENCE)
    for name in FILES:
        if name in evidence:
            world.find(evidence[name], "file")
    dispute["evidence"] = dispute.get("evidence", {}) | evidence
    dispute["metadata"] = metadata(params, dispute["metadata"])
    dispute["evidence_details"] |= {"has_evidence": True}
    if flag(params, "submit"):
        dispute["status"] = "under_review"
        dispute["evidence_details"] |= {"submission_count": 1}
    world.emit("charge.dispute.updated", world.store.save(dispute))
    return dispute


def close_dispute(world: World, dispute_id: str, params: JSON) -> JSON:
    """Stripe's `close` gives up; the control page may also decide that we won."""
    dispute = world.find(dispute_id, "dispute")
    if dispute["status"] in ("won", "lost"):
        raise invalid("This dispute is already closed.")
    dispute["status"] = "won" if params.get("status") == "won" else "lost"
    if dispute["status"] == "won":
        world.emit("charge.dispute.funds_reinstated", dispute)
    world.emit("charge.dispute.closed", world.store.save(dispute))
    return dispute


def create_refund(world: World, params: JSON) -> JSON:
    known(params, "payment_intent", "charge", "amount", "reason", "metadata", *CONNECT)
    if "payment_intent" in params:
        intent = world.find(params["payment_intent"], "payment_intent")
        if not intent["latest_charge"]:
            raise invalid("This PaymentIntent does not have a successful charge to refund.")
        charge = world.find(intent["latest_charge"], "charge")
    else:
        charge = world.find(params.get("charge", ""), "charge")
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise invalid("This PaymentIntent does not have a successful charge to refund.")
    if charge["disputed"]:
        raise invalid("Charge has been charged back; cannot issue a refund.", code="charge_disputed")
    room = charge["amount_captured"] - charge["amount_refunded"]
    if room == 0:
        raise invalid("Charge has already been refunded.", code="charge_already_refunded")
    amount = integer(params, "amount", default=room, least=1)
    if amount > room:
        raise invalid(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({room}).", param="amount")
    if params.get("reason") and params["reason"] not in REFUND_REASONS:
        raise invalid("Invalid reason", param="reason")
    card = cards.CARDS.get(world.find(charge["payment_method"], "payment_method")["_secret"])
    failed = card is not None and card.refund_fails
    refund = world.create(
        "re",
        "refund",
        amount=amount,
        charge=charge["id"],
        payment_intent=charge["payment_intent"],
        currency="eur",
        reason=params.get("reason"),
        metadata=metadata(params),
        status="failed" if failed else "succeeded",
        failure_reason="expired_or_canceled_card" if failed else None,
        **({} if failed else connect.refunded(world, charge, amount, params)),
    )
    if failed:
        world.emit("refund.failed", refund)
        return refund
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    world.emit("refund.created", refund)
    world.emit("charge.refunded", world.store.save(charge))
    return refund


def fail_refund(world: World, refund_id: str) -> JSON:
    """The payer's bank sends a refund back, days after it was sent."""
    refund = world.find(refund_id, "refund")
    if refund["status"] != "succeeded":
        raise invalid("This refund has failed already.")
    charge = world.find(refund["charge"], "charge")
    charge["amount_refunded"] -= refund["amount"]
    world.store.save(charge | {"refunded": False})
    refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    world.emit("refund.failed", world.store.save(refund))
    return refund
