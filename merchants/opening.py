"""Opening hours as people type them. Pure."""

import re
from collections.abc import Sequence
from datetime import date, datetime

Hours = dict[str, list[list[str]]]
Closures = Sequence[Sequence[str]]
_PAIR = re.compile(r"(\d{1,2})\s*[h:.]?\s*(\d{2})?\s*(?:-|–|à|to)\s*(\d{1,2})\s*[h:.]?\s*(\d{2})?", re.IGNORECASE)


def parse_day(text: str) -> list[list[str]]:
    """Read one day: pairs of times in any usual spelling, nothing for closed. Raises `ValueError`.

    >>> parse_day("9h-12h30, 14:00 - 19:00")
    [['09:00', '12:30'], ['14:00', '19:00']]
    >>> parse_day("")
    []
    """
    pairs = _pairs(text)
    clocks = [clock for pair in pairs for clock in pair]
    if clocks != sorted(clocks) or any(start == end for start, end in pairs):
        raise ValueError(text)
    return pairs


def parse_spans(text: str) -> list[list[str]]:
    """Read an offer's hours, in order of the day; a span may pass midnight. Raises `ValueError` for what is no hour.

    >>> parse_spans("18h-19h, 11h30 à 12h15 et 21h30-1h")
    [['11:30', '12:15'], ['18:00', '19:00'], ['21:30', '01:00']]
    """
    pairs = sorted(_pairs(text))
    if any(start == "24:00" for start, _end in pairs):
        raise ValueError(text)
    return [] if pairs == [["00:00", "24:00"]] else pairs


def _pairs(text: str) -> list[list[str]]:
    pairs: list[list[str]] = []
    rest = text.strip()
    while rest:
        match = _PAIR.match(rest)
        if match is None:
            raise ValueError(text)
        pairs.append([_clock(match[1], match[2]), _clock(match[3], match[4])])
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


def is_open(hours: Hours, moment: datetime, closures: Closures = ()) -> bool:
    """Whether a shop with these hours is open at a local moment, outside its exceptional closures."""
    day = moment.date().isoformat()
    if any(first <= day <= last for first, last in closures):
        return False
    clock = f"{moment:%H:%M}"
    return any(start <= clock < end for start, end in hours.get(str(moment.isoweekday()), []))


def parse_closures(text: str) -> list[list[str]]:
    """Read closures, one a line: a day, or a first and a last day. Raises `ValueError`.

    >>> parse_closures("25/12/2026\\n01/08/2026 - 15/08/2026")
    [['2026-08-01', '2026-08-15'], ['2026-12-25', '2026-12-25']]
    """
    found = []
    for line in text.splitlines():
        days = [_day(part) for part in re.findall(r"\d{1,2}[/.]\d{1,2}[/.]\d{4}", line)]
        if not line.strip():
            continue
        if not 1 <= len(days) <= 2 or days[0] > days[-1]:
            raise ValueError(line)
        found.append([days[0], days[-1]])
    return sorted(found)


def _day(text: str) -> str:
    day, month, year = re.split(r"[/.-]", text.strip())
    return date(int(year), int(month), int(day)).isoformat()


def show_closures(closures: Closures) -> str:
    """The same closures as text for the form.

    >>> show_closures([["2026-08-01", "2026-08-15"], ["2026-12-25", "2026-12-25"]])
    '01/08/2026 - 15/08/2026\\n25/12/2026'
    """
    lines = []
    for pair in closures:
        first, last = (f"{date.fromisoformat(day):%d/%m/%Y}" for day in pair)
        lines.append(first if first == last else f"{first} - {last}")
    return "\n".join(lines)
