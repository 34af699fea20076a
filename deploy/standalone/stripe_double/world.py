"""What every part of the double needs: the store, its own address, events, errors, reading parameters."""

import time
from dataclasses import dataclass
from typing import Any

from deploy.standalone.stripe_double.store import JSON, Store

API_VERSION = "2026-10-28.endive"
NAMES = {
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
    "setup_intent": "setup_intent",
    "checkout.session": "checkout session",
}


class ApiError(Exception):
    """A refusal in Stripe's own words. `keep` is true when what was done before the refusal stays (a failed charge)."""

    def __init__(self, status: int, kind: str, message: str, *, keep: bool = False, **details: Any) -> None:
        super().__init__(message)
        self.status, self.keep = status, keep
        self.body: JSON = {"error": {"type": kind, "message": message, **details}}


def invalid(message: str, *, code: str = "parameter_invalid", param: str = "", status: int = 400) -> ApiError:
    return ApiError(status, "invalid_request_error", message, code=code, param=param)


@dataclass
class World:
    store: Store
    url: str
    sepa_delay: float = 8.0

    def now(self) -> float:
        """The double's clock: the machine's, moved on by /_control/clock."""
        return time.time() + float(self.store.option("clock", "0"))

    def find(self, object_id: Any, kind: str) -> JSON:
        """The object, or Stripe's 404."""
        found = self.store.get(str(object_id), kind)
        if found is None and "_demo_" in str(object_id):
            from deploy.standalone.stripe_double import past

            past.first_sight(self, str(object_id))
            found = self.store.get(str(object_id), kind)
        if found is None:
            name = NAMES.get(kind, kind)
            raise invalid(f"No such {name}: '{object_id}'", code="resource_missing", param="id", status=404)
        return found

    def create(self, prefix: str, kind: str, **fields: Any) -> JSON:
        return self.store.insert(
            {"id": self.store.new_id(prefix), "object": kind, "created": int(self.now()), "livemode": False, **fields}
        )

    def emit(self, event_type: str, subject: JSON, *, account: str = "") -> JSON:
        """Write the event beside the change and queue it for delivery in the same transaction; `account` is whose it is."""
        event = self.create(
            "evt",
            "event",
            api_version=API_VERSION,
            type=event_type,
            data={"object": subject},
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
            **({"account": account} if account else {}),
        )
        if self.store.option("webhooks", "send") != "drop":
            self.store.deliver(event["id"])
        return event


def known(params: JSON, *names: str) -> None:
    """Refuse a parameter the endpoint does not know, so that a typing error never passes silently."""
    for name in params:
        if name not in names:
            raise invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def integer(params: JSON, name: str, *, default: int | None = None, least: int = 0) -> int:
    text = params.get(name, default)
    if text is None or text == "":
        raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
    try:
        value = int(text)
    except (TypeError, ValueError):
        raise invalid(f"Invalid integer: {text}", code="parameter_invalid_integer", param=name) from None
    if value < least:
        raise invalid(f"Invalid {name}: must be at least {least}", code="parameter_invalid_integer", param=name)
    return value


def flag(params: JSON, name: str) -> bool:
    return str(params.get(name, "false")).lower() == "true"


def metadata(params: JSON, before: JSON | None = None) -> JSON:
    """New keys join the old ones; an empty value removes its key."""
    given = params.get("metadata") or {}
    merged = {**(before or {}), **{key: str(value) for key, value in given.items()}}
    return {key: value for key, value in merged.items() if value != ""}


def listed(params: JSON, name: str) -> list[Any]:
    value = params.get(name) or []
    return value if isinstance(value, list) else [value]
