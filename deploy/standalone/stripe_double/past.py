"""Card payments that a demonstration's seed invented, made on first sight: `cs_demo_<cents>_<number>`, with a `c`: claimed."""

import re

from deploy.standalone.stripe_double import checkout, payments, refunds
from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.world import World

NAME = re.compile(r"(?:cs|pi|dp)_demo_((\d+)_\d+(c?))")


def first_sight(world: World, object_id: str) -> None:
    """Make the page, the intent, its charge and the claim a seeded id names; nobody is told, for it is long ago."""
    found = NAME.fullmatch(object_id)
    if found is None:
        return
    name, cents, claimed = found.groups()
    with world.store.transaction():
        told = world.store.option("webhooks", "send")
        world.store.set_option("webhooks", "drop")
        intent = payments.create_payment_intent(
            world, {"amount": cents, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
        )
        world.store.rename(intent["id"], f"pi_demo_{name}")
        intent["id"] = f"pi_demo_{name}"
        world.store.save(intent)
        charge = world.find(intent["latest_charge"], "charge")
        world.store.save(charge | {"payment_intent": intent["id"]})
        _session(world, name, intent)
        if claimed:
            dispute = refunds.open_dispute(world, intent["id"])
            world.store.rename(dispute["id"], f"dp_demo_{name}")
            world.store.save(dispute | {"id": f"dp_demo_{name}"})
        world.store.set_option("webhooks", told)


def _session(world: World, name: str, intent: JSON) -> None:
    line = {"price_data": {"currency": "eur", "unit_amount": intent["amount"], "product_data": {"name": "Facture"}}}
    params = {"mode": "payment", "success_url": world.url, "line_items": [line]}
    session = checkout.create_session(world, params)
    world.store.rename(session["id"], f"cs_demo_{name}")
    world.store.save(
        session
        | {"id": f"cs_demo_{name}", "status": "complete", "payment_status": "paid", "payment_intent": intent["id"]}
    )
