"""Rate limits that hold: one atomic counter of the cache (Valkey) for each key and window."""

from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError

SCANS_PER_TILL = ("scan", 60, timedelta(minutes=1))
SCANS_PER_CARD = ("card", 20, timedelta(minutes=1))
TYPED_PER_TILL = ("typed", 10, timedelta(minutes=1))
WRONG_CODES_PER_TILL = ("wrong", 30, timedelta(hours=1))
SYNCS_PER_TILL = ("sync", 60, timedelta(minutes=1))
ACTIVATIONS_PER_ADDRESS = ("activate", 10, timedelta(hours=1))
EXPORTS_PER_ACCOUNT = ("export", 10, timedelta(hours=1))
PEOPLE_OPENED_PER_ACCOUNT = ("opened", 10, timedelta(hours=1))
Limit = tuple[str, int, timedelta]


class TooMany(DomainError):
    """A limit was reached; `Retry-After` says when to come back."""

    code = "too_many_attempts"
    message = _("Too many attempts. Wait a moment, then try again.")
    status = 429

    def __init__(self, *, wait: int) -> None:
        super().__init__()
        self.wait = wait
        self.public = {"retry_after": wait}


def count(limit: Limit, key: Any) -> int:
    """Count one attempt and return how many there were in the window that began with the first."""
    name, _most, window = limit
    key = f"benefit_card.limit:{name}:{key}"
    seconds = int(window.total_seconds())
    while True:
        if cache.add(key, 1, seconds):
            return 1
        try:
            return cache.incr(key)
        except ValueError:  # the window ended between the two calls
            continue


def spend(limit: Limit, key: Any) -> None:
    """Count one attempt; raise `TooMany` beyond the limit."""
    if count(limit, key) > limit[1]:
        raise TooMany(wait=int(limit[2].total_seconds()))


def check(limit: Limit, key: Any) -> None:
    """Raise `TooMany` when the limit was reached, without counting."""
    name, most, window = limit
    if int(cache.get(f"benefit_card.limit:{name}:{key}") or 0) >= most:
        raise TooMany(wait=int(window.total_seconds()))
