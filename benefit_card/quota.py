"""Under which key and in which period uses are counted, and what the counters allow.

Pure, but for the secret behind the holder key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from benefit_card import keyring

PERSON, STOCK, VISIT = "person", "stock", "visit"
ROLLING = "rolling"
SPLIT_FROM, PARTS = 400, 8  # a stock this large is hot enough to be counted in parts
_MODES = ("any", "gifts", "alone")


class Counter(NamedTuple):
    """A row a use moves, and the limit it may not pass. Rows are written in the order of scope, key and period."""

    scope: str
    key: str
    period: str
    cap: int


def holder_key(person_id: int) -> str:
    """A keyed hash of a person: counts survive an erased person without naming them."""
    return hmac.digest(keyring.secret("holders"), str(person_id).encode(), hashlib.sha256)[:16].hex()


def person_key(holder: str, offer_id: int) -> str:
    return f"{holder}:{offer_id}"


def visit_key(holder: str, merchant_id: int) -> str:
    return f"{holder}:m{merchant_id}"


def counters(
    terms: Any, *, offer_id: int, merchant_id: int, holder: str, day: date, part: int | None, visits: bool
) -> list[Counter]:
    """The rows that a use of an offer moves on a day in Paris, in the order in which they are locked."""
    found = []
    if terms.per_person_limit is not None:
        period = period_of(terms.period, day)
        found.append(Counter(PERSON, person_key(holder, offer_id), period, terms.per_person_limit))
    if terms.stock is not None:
        found.append(Counter(STOCK, str(offer_id), part_name(part or 0), terms.stock))
    if visits:
        found.append(Counter(VISIT, visit_key(holder, merchant_id), day.isoformat(), 1))
    return sorted(found)


def period_of(period: str, day: date) -> str:
    """The calendar period of a day in Paris; `rolling` is one row for ever, which keeps the days.

    >>> [period_of(name, date(2026, 12, 31)) for name in ("ever", "day", "week", "month", "year", "rolling")]
    ['ever', '2026-12-31', '2026-W53', '2026-12', '2026', 'rolling']
    """
    match period:
        case "day":
            return day.isoformat()
        case "week":
            year, week, _weekday = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day:%Y-%m}"
        case "year":
            return f"{day:%Y}"
        case "rolling":
            return ROLLING
    return "ever"


# ---------------------------------------------------------------- any N days in a row


def in_window(days: Iterable[date], day: date, window: int) -> int:
    """How many uses lie in the `window` days that end on a day.

    >>> in_window([date(2026, 3, 1), date(2026, 3, 2)], date(2026, 3, 30), 30)
    2
    >>> in_window([date(2026, 3, 1), date(2026, 3, 2)], date(2026, 3, 31), 30)
    1
    """
    return sum(day - timedelta(days=window) < used <= day for used in days)


def fits(days: Sequence[date], day: date, *, window: int, limit: int) -> bool:
    """Whether one more use on a day leaves every `window` days in a row within the limit, later uses included.

    A sale made without network may arrive after later ones.

    >>> fits([date(2026, 3, 10), date(2026, 3, 20)], date(2026, 3, 1), window=30, limit=2)
    False
    """
    every = [*days, day]
    ends = [used for used in every if day <= used < day + timedelta(days=window)]
    return all(in_window(every, end, window) <= limit for end in ends)


def next_free(days: Sequence[date], day: date, *, window: int, limit: int) -> date:
    """The first day from `day` on when one more use fits.

    >>> next_free([date(2026, 3, 10), date(2026, 3, 20)], date(2026, 3, 25), window=30, limit=2)
    datetime.date(2026, 4, 9)
    """
    candidates = [day, *sorted(used + timedelta(days=window) for used in days if used + timedelta(days=window) > day)]
    return next(then for then in candidates if fits(days, then, window=window, limit=limit))


# ---------------------------------------------------------------- what may be used together on a day


def token(offer_id: int, *, kind: str, combine: str) -> int:
    """An offer as the row of a visit keeps it: its number, with what it may be combined with and whether it is a gift."""
    return offer_id * 8 + _MODES.index(combine) * 2 + (kind == "gift")


def combines(mine: int, used: Iterable[int]) -> bool:
    """Whether an offer may be used beside those used that day. The same offer again is a matter of its own limit.

    >>> five, gift, alone = token(1, kind="percent", combine="any"), token(2, kind="gift", combine="any"), 3 * 8 + 4
    >>> combines(five, [gift]), combines(alone, [gift]), combines(five, [alone]), combines(alone, [alone])
    (True, False, False, True)
    """
    return all(other // 8 == mine // 8 or (_bears(mine, other) and _bears(other, mine)) for other in used)


def _bears(offer: int, other: int) -> bool:
    mode = _MODES[(offer >> 1) & 3]
    return mode == "any" or (mode == "gifts" and bool(other & 1))


# ---------------------------------------------------------------- a hot stock in parts


def part_name(part: int) -> str:
    """The period under which a part of a stock is counted; the first is the whole of a stock that is not split."""
    return f"ever:{part}" if part else "ever"


def caps(used: Sequence[int], stock: int) -> list[int]:
    """How far each part may count so that together they give exactly the stock, whatever was used of each.

    Nearly sold out, all that is left lies in the first part: whoever looks finds it there.

    >>> caps([3, 1, 0, 0], 40), caps([3, 1, 0, 0], 6), caps([3, 1, 0, 0], 2)
    ([12, 10, 9, 9], [5, 1, 0, 0], [3, 1, 0, 0])
    """
    left = max(0, stock - sum(used))
    if left < 4 * len(used):
        return [count + (left if part == 0 else 0) for part, count in enumerate(used)]
    each, more = divmod(left, len(used))
    return [count + each + (part < more) for part, count in enumerate(used)]
