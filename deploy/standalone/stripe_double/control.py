"""Levers for tests and demonstrations, all under /_control/ and all JSON (no key asked: it listens on loopback only).

POST /_control/settle    {"payment_intent", "outcome": "succeeded|failed|disputed"}   end a SEPA debit now
POST /_control/dispute   {"payment_intent", "reason"?}          the payer claims the money back
POST /_control/decide    {"dispute", "status": "won|lost"}      the bank decides a card dispute
POST /_control/bounce    {"refund"}                             the payer's bank sends a refund back
POST /_control/account   {"account", "enabled": true}           Stripe accepts or stops a supplier's account
POST /_control/payout    {"account"}                            what a supplier's account has goes to its bank
POST /_control/revoke    {"mandate"}                            the payer revokes a mandate
POST /_control/clock     {"advance": seconds}                   move the double's clock on: debits end, payers claim
POST /_control/webhooks  {"mode": "send|hold|drop"}             hold: events pile up; drop: they are never queued
POST /_control/flush     {"order": "given|reverse|twice|shuffled", "events"?: [...], "seed"?: 0}   send what is held so
POST /_control/resend    {"event", "times"?: 1, "delay"?: 0}    the same event again, perhaps late
POST /_control/forget    {}                                     no idempotency key is known any more, as after a day
POST /_control/fail      {"requests": 1, "when": "before|after"}  the next API calls answer 500, done or not done
GET  /_control/deliveries                                       what was sent, how often, with which answer
"""

import json
import random
from typing import TYPE_CHECKING

from deploy.standalone.stripe_double import checkout, connect, refunds, resources
from deploy.standalone.stripe_double.store import JSON
from deploy.standalone.stripe_double.world import ApiError, World, invalid

if TYPE_CHECKING:
    from deploy.standalone.stripe_double.server import Double

Answer = tuple[str, list[tuple[str, str]], bytes]


def respond(double: "Double", method: str, path: str, environ: JSON, text: str) -> Answer:
    try:
        params: JSON = json.loads(text) if text.strip() else {}
        body: JSON = act(double, path.removeprefix("/_control/").strip("/"), params)
        status = "200 OK"
    except ApiError as refusal:
        status, body = f"{refusal.status} Refused", refusal.body
    except (ValueError, KeyError, TypeError) as error:
        status, body = "400 Bad Request", {"error": {"message": f"unusable body: {error!r}"}}
    return status, [("Content-Type", "application/json")], json.dumps(body).encode()


def act(double: "Double", what: str, params: JSON) -> JSON:
    world, store = double.world, double.world.store
    if what == "flush":
        return flush(double, params.get("order", "given"), params.get("events"), int(params.get("seed", 0)))
    if what == "clock":
        with store.transaction():
            moved = float(store.option("clock", "0")) + float(params["advance"])
            store.set_option("clock", str(moved))
        double.postman.run_timers()
        return {"clock": moved}
    with store.transaction():
        if what == "forget":
            store.forget_requests()
            return {}
        if what == "settle":
            return checkout.settle(world, params["payment_intent"], params.get("outcome", ""))
        if what == "dispute":
            return refunds.open_dispute(world, params["payment_intent"], params.get("reason", ""))
        if what == "decide":
            return refunds.close_dispute(world, params["dispute"], params)
        if what == "bounce":
            return refunds.fail_refund(world, params["refund"])
        if what == "account":
            return connect.change_account(world, params["account"], enabled=bool(params["enabled"]))
        if what == "payout":
            return connect.pay_out(world, params["account"])
        if what == "revoke":
            return resources.revoke_mandate(world, params["mandate"])
        if what == "webhooks":
            if params["mode"] not in ("send", "hold", "drop"):
                raise invalid("mode is send, hold or drop")
            store.set_option("webhooks", params["mode"])
            return {"mode": params["mode"]}
        if what == "resend":
            world.find(params["event"], "event")
            for _ in range(int(params.get("times", 1))):
                store.deliver(params["event"], delay=float(params.get("delay", 0)))
            return {"queued": int(params.get("times", 1))}
        if what == "fail":
            store.set_option("fail", json.dumps([int(params.get("requests", 1)), params.get("when", "before")]))
            return {"requests": int(params.get("requests", 1))}
        if what == "deliveries":
            return {"data": store.deliveries(), "waiting": len(store.waiting())}
    raise invalid(f"no such lever: {what}", status=404)


def flush(double: "Double", order: str, only: list[str] | None, seed: int = 0) -> JSON:
    """Send what waits, at once and in the order asked; an event nobody accepts stays in the queue."""
    store = double.world.store
    with store.transaction():
        waiting = [(seq, event) for seq, event in store.waiting() if only is None or event in only]
    if order == "reverse":
        waiting.reverse()
    elif order == "shuffled":
        random.Random(seed).shuffle(waiting)  # noqa: S311 - the same disorder again, not a secret
    statuses = []
    for seq, event in waiting:
        for _ in range(2 if order == "twice" else 1):
            status = double.postman.send(event)
            statuses.append([event, status])
        if 200 <= status < 300:
            with store.transaction():
                store.delivered(seq, status)
    return {"sent": statuses}


def next_fault(world: World) -> str:
    """ "before", "after" or "" for the API call that has just arrived."""
    left, when = json.loads(world.store.option("fail", '[0, ""]'))
    if left <= 0:
        return ""
    world.store.set_option("fail", json.dumps([left - 1, when]))
    return str(when)
