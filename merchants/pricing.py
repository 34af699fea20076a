"""What an offer is worth on a price, and whether it holds at a moment. Pure: no database, no clock."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Protocol

ALL_DAY = (("00:00", "24:00"),)


class Terms(Protocol):
    """What the rules read of an offer version."""

    @property
    def weekdays(self) -> int: ...
    @property
    def hours(self) -> Sequence[Sequence[str]]: ...
    @property
    def starts_on(self) -> date: ...
    @property
    def ends_on(self) -> date | None: ...
    @property
    def excluded(self) -> Sequence[Sequence[str]]: ...


def discount(
    *,
    kind: str,
    percent: int | None,
    amount_cents: int | None,
    cap_cents: int | None,
    min_spend_cents: int,
    gross_cents: int,
) -> int:
    """Return the discount in cents on a price in cents; never more than the price, zero below the minimum purchase.

    A percentage is rounded once, half up, then capped. A gift takes nothing off the price.

    >>> discount(kind="percent", percent=10, amount_cents=None, cap_cents=None, min_spend_cents=0, gross_cents=8000)
    800
    >>> discount(kind="percent", percent=15, amount_cents=None, cap_cents=500, min_spend_cents=0, gross_cents=10000)
    500
    """
    if gross_cents < min_spend_cents:
        return 0
    if kind == "fixed":
        return min(amount_cents or 0, gross_cents)
    if kind != "percent":
        return 0
    part = (gross_cents * (percent or 0) + 50) // 100
    return min(part, gross_cents if cap_cents is None else cap_cents, gross_cents)


def is_open_at(terms: Terms, moment: datetime) -> bool:
    """Whether the offer holds at a local moment: first and last day, weekday, one of its hours, no excluded day.

    The end of a span is outside. Hours that pass midnight ("20:00" to "02:00") belong to the evening they begin on, also
    for the first, the last and the excluded days.
    """
    clock = f"{moment:%H:%M}"
    return any(_holds(terms, start, end, moment.date(), clock) for start, end in terms.hours or ALL_DAY)


def _holds(terms: Terms, start: str, end: str, day: date, clock: str) -> bool:
    if start > end and clock < end:
        day = date.fromordinal(day.toordinal() - 1)
    elif clock < start or (clock >= end and start < end):
        return False
    return runs_on(terms, day) and bool(terms.weekdays >> day.weekday() & 1)


def runs_on(terms: Terms, day: date) -> bool:
    """Whether a day lies between an offer's first and last, and is not excluded."""
    name = day.isoformat()
    return (
        terms.starts_on <= day
        and (terms.ends_on is None or day <= terms.ends_on)
        and not any(first <= name <= last for first, last in terms.excluded)
    )


def overlapping(hours: Sequence[Sequence[str]]) -> bool:
    """Whether two spans of a day meet; one that passes midnight goes on in the morning.

    >>> overlapping([["11:30", "12:15"], ["18:00", "19:00"]])
    False
    >>> overlapping([["01:00", "03:00"], ["22:00", "02:00"]])
    True
    """
    spans = sorted(part for start, end in hours for part in _parts(start, end))
    return any(begin < end for (_start, end), (begin, _end) in pairwise(spans))


def _parts(start: str, end: str) -> list[tuple[str, str]]:
    return [(start, end)] if start < end else [(start, "24:00"), ("00:00", end)]


def ever_open(terms: Terms) -> bool:
    """Whether there is a day on which the offer holds, within a year of its first."""
    last = date.fromordinal(terms.starts_on.toordinal() + 366)
    if terms.ends_on is not None:
        last = min(last, terms.ends_on)
    for number in range(terms.starts_on.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(number)
        if terms.weekdays >> day.weekday() & 1 and runs_on(terms, day):
            return True
    return False
