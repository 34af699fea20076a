"""Rate limits that hold: one atomic counter of the cache (Valkey) for each key and window."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError

Limit = tuple[str, int, timedelta]


class TooMany(DomainError):
    """A limit was reached; `Retry-After` says when to come back."""

    code = "too_many_attempts"
    message = _("Too many attempts. Wait a moment, then try again.")
    long = _("Too many attempts. Try again in %(minutes)s minutes at the latest.")
    status = 429

    def __init__(self, *, wait: int) -> None:
        super().__init__(self.long if wait > 120 else None, minutes=wait // 60)
        self.wait = wait
        self.public = {"retry_after": wait}


def _key(limit: Limit, key: Any) -> str:
    return f"limit:{limit[0]}:{key}"


def count(limit: Limit, key: Any) -> int:
    """Count one attempt and return how many there were in the window that began with the first."""
    name = _key(limit, key)
    seconds = int(limit[2].total_seconds())
    while True:
        if cache.add(name, 1, seconds):
            return 1
        try:
            return cache.incr(name)
        except ValueError:  # the window ended between the two calls
            continue


def spend(limit: Limit, key: Any) -> None:
    """Count one attempt; raise `TooMany` beyond the limit."""
    if count(limit, key) > limit[1]:
        raise TooMany(wait=int(limit[2].total_seconds()))


def check(limit: Limit, key: Any) -> None:
    """Raise `TooMany` when the limit was reached, without counting."""
    if int(cache.get(_key(limit, key)) or 0) >= limit[1]:
        raise TooMany(wait=int(limit[2].total_seconds()))


@contextmanager
def failures(limit: Limit, key: Any) -> Iterator[None]:
    """Count what is tried inside unless it goes well; raise `TooMany` beyond the limit, before anything is tried.

    It is counted first and given back afterwards, so that guesses sent at the same moment are all counted.
    """
    spend(limit, key)
    try:
        yield
    except TooMany:  # of another limit: nothing was guessed
        _give_back(limit, key)
        raise
    _give_back(limit, key)


def _give_back(limit: Limit, key: Any) -> None:
    with suppress(ValueError):  # its window has ended
        cache.decr(_key(limit, key))


def forget(limit: Limit, key: Any) -> None:
    """Begin again, after a success."""
    cache.delete(_key(limit, key))
