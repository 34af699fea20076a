"""The port to a text gateway, and its adapter over HTTP: `POST {from, to, text, reference}` with a bearer token.

Any answer 2xx means taken. `reference` is the same at each attempt, so that a gateway which knows it sends one text.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from django.conf import settings

TIMEOUT = 10


class NotSent(Exception):
    """The gateway did not take the text; its words are in the log, never the number."""


def available() -> bool:
    """Whether texts can be sent here."""
    return bool(settings.SMS_GATEWAY_URL)


def send(*, to: str, text: str, reference: str) -> None:
    """Hand one text to the gateway; raises `NotSent`."""
    body = {"from": settings.SMS_SENDER, "to": to, "text": text, "reference": reference}
    request = urllib.request.Request(  # noqa: S310 - the address is a setting
        settings.SMS_GATEWAY_URL, data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {settings.SMS_GATEWAY_TOKEN}", "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):  # noqa: S310 - the address is a setting
            return
    except urllib.error.HTTPError as error:
        raise NotSent(f"status {error.code}") from error
    except (urllib.error.URLError, OSError) as error:
        raise NotSent(str(error)[:100]) from error
