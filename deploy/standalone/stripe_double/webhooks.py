"""Deliver events as Stripe does: signed, in no promised order, again and again until somebody answers 2xx."""

import hashlib
import hmac
import json
import logging
import threading
import time
import urllib.error
import urllib.request

from deploy.standalone.stripe_double import checkout, refunds
from deploy.standalone.stripe_double.world import ApiError, World

log = logging.getLogger(__name__)
GIVE_UP_AFTER = 3 * 86400
LONGEST_PAUSE = 30.0


def signature(payload: bytes, secret: str, at: int) -> str:
    """The `Stripe-Signature` header: HMAC-SHA256 of "time.body"."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def visible(value: object) -> object:
    """The object without the fields only the double may see (their names begin with an underscore)."""
    if isinstance(value, dict):
        return {name: visible(inner) for name, inner in value.items() if not name.startswith("_")}
    return [visible(inner) for inner in value] if isinstance(value, list) else value


class Postman(threading.Thread):
    """Runs timers (debits that end) and sends what is due; one thread, so the ordinary order is the order of events."""

    def __init__(self, world: World, url: str, secret: str) -> None:
        super().__init__(name="postman", daemon=True)
        self.world, self.url, self.secret = world, url, secret
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.wait(0.05):
            try:
                self.run_timers()
                self.send_due()
            except Exception:
                log.exception("the postman stumbled and goes on")

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(timeout=10)

    def run_timers(self) -> None:
        with self.world.store.transaction():
            for seq, action, intent_id in self.world.store.due_timers(self.world.now()):
                self.world.store.drop_timer(seq)
                try:
                    if action == "settle":
                        checkout.settle(self.world, intent_id)
                    else:
                        refunds.open_dispute(self.world, intent_id)
                except ApiError as refusal:
                    log.info("timer %s of %s came too late: %s", action, intent_id, refusal)

    def send_due(self) -> None:
        store = self.world.store
        with store.transaction():
            held = store.option("webhooks", "send") == "hold"
            due = [] if held or not self.url else store.due_deliveries(time.time())
        for seq, event_id, attempts in due:
            if self._stop_asked.is_set():
                return
            status = self.send(event_id)
            with store.transaction():
                if 200 <= status < 300:
                    store.delivered(seq, status)
                else:
                    pause = min(LONGEST_PAUSE, 0.5 * 2**attempts)
                    event = store.get(event_id) or {"created": 0}
                    late = self.world.now() - event["created"] > GIVE_UP_AFTER
                    store.postpone(seq, time.time() + (10 * GIVE_UP_AFTER if late else pause), status)

    def send(self, event_id: str) -> int:
        """POST one event now; 0 when nobody answers."""
        with self.world.store.transaction():
            event = self.world.find(event_id, "event")
        body = json.dumps(visible(event)).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (double)",
            "Stripe-Signature": signature(body, self.secret, int(time.time())),
        }
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")  # noqa: S310  # the address comes from the settings
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # the address comes from the settings
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0
