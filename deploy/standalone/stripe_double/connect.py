"""Connect: accounts of others, the page where they identify themselves, and money that moves between them and the platform.

A destination charge goes whole to the account, the commission comes back from it; Stripe's fee, refunds and claims are the
platform's. `_balance` is what an account has; a transfer cannot be reversed beyond it.
"""

from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.world import World, flag, integer, invalid, known, metadata

ASKED = ["business_profile.url", "external_account", "representative.first_name", "tos_acceptance.date"]


def create_account(world: World, params: JSON) -> JSON:
    known(
        params,
        "country",
        "email",
        "business_type",
        "business_profile",
        "controller",
        "capabilities",
        "metadata",
        "type",
    )
    if params.get("country") != "FR":
        raise invalid("This double knows accounts in FR.", param="country")
    wanted = params.get("capabilities") or {}
    return world.create(
        "acct",
        "account",
        country="FR",
        email=params.get("email"),
        business_type=params.get("business_type"),
        business_profile=params.get("business_profile") or {},
        controller=params.get("controller") or {},
        capabilities={name: "inactive" for name, asked in wanted.items() if flag(asked, "requested")},
        charges_enabled=False,
        payouts_enabled=False,
        details_submitted=False,
        requirements={"currently_due": ASKED, "past_due": [], "disabled_reason": "requirements.past_due"},
        metadata=metadata(params),
        _balance=0,
    )


def account_of(world: World, account_id: str) -> JSON:
    """An account; one that a demonstration's seed invented (`acct_demo_<siren>`) is made on first sight, open."""
    if account_id.startswith("acct_demo_") and world.store.get(account_id) is None:
        asked = {key: {"requested": "true"} for key in ("card_payments", "sepa_debit_payments", "transfers")}
        made = create_account(world, {"country": "FR", "capabilities": asked})
        world.store.rename(made["id"], account_id)
        world.store.save(made | {"id": account_id})
        return change_account(world, account_id, enabled=True)
    return world.find(account_id, "account")


def create_link(world: World, params: JSON) -> JSON:
    known(params, "account", "type", "return_url", "refresh_url", "collection_options")
    account = account_of(world, params.get("account", ""))
    if params.get("type") not in ("account_onboarding", "account_update") or not params.get("return_url"):
        raise invalid("Missing required param: type or return_url.", code="parameter_missing", param="type")
    link = world.create("al", "account_link", url="", expires_at=int(world.now()) + 300, _account=account["id"],
                        _return=params["return_url"])  # fmt: skip
    link["url"] = f"{world.url}/connect/{link['id']}"
    return world.store.save(link)


def complete(world: World, link_id: str) -> str:
    """The supplier gave its papers; returns where it is sent back to."""
    link = world.find(link_id, "account_link")
    change_account(world, link["_account"], enabled=True)
    return str(link["_return"])


def change_account(world: World, account_id: str, *, enabled: bool) -> JSON:
    """Stripe accepts an account, or stops it because a paper is missing."""
    account = world.find(account_id, "account")
    state = "active" if enabled else "inactive"
    account |= {
        "charges_enabled": enabled,
        "payouts_enabled": enabled,
        "details_submitted": True,
        "capabilities": dict.fromkeys(account["capabilities"], state),
        "requirements": {
            "currently_due": [] if enabled else ["company.verification.document"],
            "past_due": [],
            "disabled_reason": None if enabled else "requirements.past_due",
        },
    }
    world.emit("account.updated", world.store.save(account), account=account_id)
    return account


# Charges --------------------------------------------------------------------------------------------------------------
def wanted(world: World, params: JSON) -> JSON:
    """What a payment intent says about others' money, checked."""
    destination = (params.get("transfer_data") or {}).get("destination")
    fee = integer(params, "application_fee_amount", default=0)
    if not destination:
        if fee or params.get("on_behalf_of"):
            raise invalid(
                "application_fee_amount needs transfer_data[destination] here.", param="application_fee_amount"
            )
        return {}
    account = account_of(world, destination)
    if account["capabilities"].get("transfers") != "active" or not account["charges_enabled"]:
        raise invalid(
            "The destination account needs the transfers capability.", code="insufficient_capabilities_for_transfer"
        )
    if params.get("on_behalf_of") not in (None, destination):
        raise invalid("No such account", param="on_behalf_of", code="resource_missing")
    if fee > integer(params, "amount"):
        raise invalid("The application fee cannot exceed the amount.", param="application_fee_amount")
    return {
        "transfer_data": {"destination": destination},
        "on_behalf_of": params.get("on_behalf_of"),
        "application_fee_amount": fee or None,
    }


def settled(world: World, intent: JSON, charge: JSON, amount: int) -> None:
    """A destination charge has arrived: the money goes on, the commission comes back. Changes the charge."""
    destination = (intent.get("transfer_data") or {}).get("destination")
    if not destination:
        return
    transfer = _transfer(world, destination, amount, source_transaction=charge["id"])
    charge |= {"transfer": transfer["id"], "on_behalf_of": intent.get("on_behalf_of"), "application_fee": None}
    if fee := intent.get("application_fee_amount"):
        made = world.create("fee", "application_fee", amount=fee, amount_refunded=0, refunded=False, account=destination,
                            charge=charge["id"], currency="eur")  # fmt: skip
        charge |= {"application_fee": made["id"], "application_fee_amount": fee}
        _move(world, destination, -fee)
        world.emit("application_fee.created", made)


def _move(world: World, account_id: str, cents: int) -> None:
    account = world.find(account_id, "account")
    account["_balance"] += cents
    world.store.save(account)


def _transfer(world: World, destination: str, amount: int, **more: object) -> JSON:
    _move(world, destination, amount)
    transfer = world.create("tr", "transfer", amount=amount, amount_reversed=0, currency="eur", destination=destination,
                            reversed=False, **{"source_transaction": None, "transfer_group": None,
                               "metadata": {}, **more})  # fmt: skip
    world.emit("transfer.created", transfer)
    return transfer


def create_transfer(world: World, params: JSON) -> JSON:
    known(
        params, "amount", "currency", "destination", "metadata", "source_transaction", "transfer_group", "description"
    )
    account = world.find(params.get("destination", ""), "account")
    group = params.get("transfer_group")
    amount = integer(params, "amount", least=1)
    return _transfer(world, account["id"], amount, metadata=metadata(params), transfer_group=group)


def reverse(world: World, transfer_id: str, params: JSON) -> JSON:
    """Take money of a transfer back, and give the same part of the commission back."""
    known(params, "amount", "refund_application_fee", "metadata", "description")
    transfer = world.find(transfer_id, "transfer")
    room = transfer["amount"] - transfer["amount_reversed"]
    amount = integer(params, "amount", default=room, least=1)
    if amount > room:
        raise invalid(f"Reversal amount ({amount}) is greater than unreversed amount ({room}).", param="amount")
    give = flag(params, "refund_application_fee")
    part = back_of_fee(world, transfer, amount) if give else 0
    if world.find(transfer["destination"], "account")["_balance"] + part < amount:
        raise invalid(
            "The recipient account has insufficient funds to reverse this transfer.", code="balance_insufficient"
        )
    _move(world, transfer["destination"], -amount)
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    world.store.save(transfer)
    if part:
        refund_fee(world, transfer, part)
    made = world.create("trr", "transfer_reversal", amount=amount, currency="eur", transfer=transfer_id,
                        metadata=metadata(params))  # fmt: skip
    world.emit("transfer.reversed", transfer)
    return made


def _fee_of(world: World, transfer: JSON) -> JSON | None:
    charge = world.store.get(transfer.get("source_transaction") or "", "charge")
    return world.store.get((charge or {}).get("application_fee") or "", "application_fee")


def back_of_fee(world: World, transfer: JSON, amount: int) -> int:
    """The part of the commission that belongs to a part of a transfer, never more than is left of it."""
    fee = _fee_of(world, transfer)
    if fee is None:
        return 0
    return int(
        min(
            fee["amount"] - fee["amount_refunded"],
            (fee["amount"] * amount * 2 + transfer["amount"]) // (2 * transfer["amount"]),
        )
    )


def refund_fee(world: World, transfer: JSON, cents: int) -> None:
    fee = _fee_of(world, transfer)
    if fee is not None and cents:
        fee["amount_refunded"] += cents
        fee["refunded"] = fee["amount_refunded"] == fee["amount"]
        _move(world, transfer["destination"], cents)
        world.emit("application_fee.refunded", world.store.save(fee))


def refunded(world: World, charge: JSON, amount: int, params: JSON) -> JSON:
    """What a refund asks of the account that got the money: facts for the refund."""
    if not charge.get("transfer"):
        if flag(params, "reverse_transfer"):
            raise invalid("This charge has no transfer to reverse.", param="reverse_transfer")
        return {}
    if not flag(params, "reverse_transfer"):
        return {"transfer_reversal": None}
    made = reverse(
        world,
        charge["transfer"],
        {"amount": amount, "refund_application_fee": params.get("refund_application_fee", "false")},
    )
    return {"transfer_reversal": made["id"]}


def pay_out(world: World, account_id: str) -> JSON:
    """All that an account has goes to its bank."""
    account = world.find(account_id, "account")
    paid, account["_balance"] = account["_balance"], 0
    world.store.save(account)
    return {"paid": paid}
