"""Asking for a signature. Private keys are opened by one kind of process only: the worker of the queue `signing` (0054).

`ask` goes there and waits for the answer; where `CARD_SIGNS` says that this process is the signer (its worker, a command on one machine,
the tests) the work is done at once. What is asked and answered lives in the broker for seconds and never holds a key or a seed.
"""

import base64
import json
import logging
from functools import lru_cache
from typing import Any
from uuid import uuid4

import redis
from django.conf import settings
from django.core.cache import cache
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError

from companies.errors import DomainError

logger = logging.getLogger(__name__)
QUEUE = "signing"
CRAFTS = {
    "half",
    "root",
    "prints",
    "days",
    "publish",
    "wallet",
    "google",
}  # functions of `benefit_card.services.crafts`
WAIT, KEPT = 4, 60  # seconds: for an answer; until an answer that nobody fetched is forgotten
AWAY, GIVEN_UP = (
    "benefit_card.signer_away",
    15,
)  # nobody waits for who did not answer a moment ago: tills need the threads


class SignerAway(DomainError):
    """The worker that signs did not answer in time."""

    code = "signer_away"
    status = 503
    message = _("This code cannot be made at the moment. Try again in a minute; printed cards work meanwhile.")


class NotHere(RuntimeError):
    """A private key was asked for in a process that does not sign."""


@lru_cache(maxsize=2)
def _line(address: str) -> "redis.Redis":
    return redis.Redis.from_url(address, socket_timeout=WAIT + 5)


def _answers() -> "redis.Redis":
    return _line(str(settings.CACHES["default"]["LOCATION"]))


def craft(what: str, given: dict[str, Any]) -> Any:
    """Do what was asked for, here."""
    if what not in CRAFTS:
        raise ValueError(what)
    return import_string(f"benefit_card.services.crafts.{what}")(**given)


def ask(what: str, **given: Any) -> Any:
    """Have something signed. Raises `SignerAway` when nobody answers."""
    if settings.CARD_SIGNS:
        return craft(what, given)
    if cache.get(AWAY):
        raise SignerAway
    from benefit_card.tasks import sign

    reply = f"signed:{uuid4().hex}"
    try:
        sign.apply_async(kwargs={"what": what, "given": given, "reply": reply}, expires=WAIT, retry=False)
        answer: Any = _answers().blpop([reply], timeout=WAIT)
    except (OperationalError, redis.RedisError) as error:
        logger.warning("nothing can be asked of the signer: %s", type(error).__name__)
        answer = None
    if answer is None:
        cache.set(AWAY, 1, GIVEN_UP)
    said = json.loads(answer[1]) if answer else {}
    if "made" not in said:
        raise SignerAway
    return said["made"]


def answer(*, what: str, given: dict[str, Any], reply: str) -> None:
    """Do what somebody waits for, and tell them; also when it cannot be done."""
    try:
        said = {"made": craft(what, given)}
    except Exception:
        logger.exception("%s could not be signed", what)
        said = {"failed": what}
    line = _answers()
    line.rpush(reply, json.dumps(said))
    line.expire(reply, KEPT)


def packed(content: bytes) -> str:
    """Bytes as they travel."""
    return base64.b64encode(content).decode()


def unpacked(text: str) -> bytes:
    return base64.b64decode(text)
