"""Opening hours as people type them. Pure."""

import re
from datetime import datetime

Hours = dict[str, list[list[str]]]
_PAIR = re.compile(r"(\d{1,2})\s*[h:.]?\s*(\d{2})?\s*(?:-|–|à|to)\s*(\d{1,2})\s*[h:.]?\s*(\d{2})?", re.IGNORECASE)


def parse_day(text: str) -> list[list[str]]:
    """Read one day: pairs of times in any usual spelling, nothing for closed. Raises `ValueError`.

    >>> parse_day("9h-12h30, 14:00 - 19:00")
    [['09:00', '12:30'], ['14:00', '19:00']]
    >>> parse_day("")
    []
    """
    pairs: list[list[str]] = []
    rest = text.strip()
    while rest:
        match = _PAIR.match(rest)
        if match is None:
            raise ValueError(text)
        start, end = _clock(match[1], match[2]), _clock(match[3], match[4])
        if start >= end or (pairs and start < pairs[-1][1]):
            raise ValueError(text)
        pairs.append([start, end])
        rest = rest[match.end() :].lstrip(" ,;/&+hH")
        rest = re.sub(r"^(et|and)\s", "", rest)
    return pairs


def _clock(hour: str, minute: str | None) -> str:
    if int(hour) > 24 or int(minute or 0) > 59 or (int(hour) == 24 and int(minute or 0)):
        raise ValueError(hour)
    return f"{int(hour):02}:{int(minute or 0):02}"


def show_day(pairs: list[list[str]]) -> str:
    """The same day as text for the form.

    >>> show_day([["09:00", "12:30"], ["14:00", "19:00"]])
    '09:00-12:30, 14:00-19:00'
    """
    return ", ".join(f"{start}-{end}" for start, end in pairs)


def is_open(hours: Hours, moment: datetime) -> bool:
    """Whether a shop with these hours is open at a local moment."""
    clock = f"{moment:%H:%M}"
    return any(start <= clock < end for start, end in hours.get(str(moment.isoweekday()), []))
