"""What an offer is worth on a price, and whether it holds at a moment. Pure: no database, no clock."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Protocol


class Terms(Protocol):
    """What the rules read of an offer version."""

    @property
    def weekdays(self) -> int: ...
    @property
    def from_time(self) -> time | None: ...
    @property
    def until_time(self) -> time | None: ...
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
    """Whether the offer holds at a local moment: first and last day, weekday, hours, no excluded day.

    `until_time` itself is outside. Hours that pass midnight ("20:00" to "02:00") belong to the evening they begin on, also
    for the first, the last and the excluded days.
    """
    day, clock = moment.date(), moment.time()
    start, end = terms.from_time, terms.until_time
    if start is not None and end is not None and start > end and clock < end:
        day = date.fromordinal(day.toordinal() - 1)
    elif (start is not None and clock < start) or (
        end is not None and clock >= end and (start is None or start <= end)
    ):
        return False
    if day < terms.starts_on or (terms.ends_on is not None and day > terms.ends_on):
        return False
    name = day.isoformat()
    if any(first <= name <= last for first, last in terms.excluded):
        return False
    return bool(terms.weekdays >> day.weekday() & 1)


def ever_open(terms: Terms) -> bool:
    """Whether there is a day on which the offer holds, within a year of its first."""
    last = date.fromordinal(terms.starts_on.toordinal() + 366)
    if terms.ends_on is not None:
        last = min(last, terms.ends_on)
    for number in range(terms.starts_on.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(number)
        name = day.isoformat()
        if terms.weekdays >> day.weekday() & 1 and not any(first <= name <= end for first, end in terms.excluded):
            return True
    return False
