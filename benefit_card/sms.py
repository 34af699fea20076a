"""The port to a text gateway, and its adapter over HTTP: `POST {from, to, text, reference}` with a bearer token.

Any answer 2xx means taken. `reference` is the same at each attempt, so that a gateway which knows it sends one text.
"""

from __future__ import annotations

import json

from django.conf import settings

from companies import outward


class NotSent(Exception):
    """The gateway did not take the text; its words are in the log, never the number."""


def available() -> bool:
    """Whether texts can be sent here."""
    return bool(settings.SMS_GATEWAY_URL)


def send(*, to: str, text: str, reference: str) -> None:
    """Hand one text to the gateway; raises `NotSent`."""
    body = {"from": settings.SMS_SENDER, "to": to, "text": text, "reference": reference}
    headers = {"Authorization": f"Bearer {settings.SMS_GATEWAY_TOKEN}", "Content-Type": "application/json"}
    try:
        status, _answer = outward.ask("POST", settings.SMS_GATEWAY_URL, json.dumps(body).encode(), headers)
    except OSError as error:
        raise NotSent(str(error)[:100]) from error
    if not 200 <= status < 300:
        raise NotSent(f"status {status}")
