"""A staff list as HR has it (CSV or spreadsheet), read line by line; each error says where it is and what is wrong."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain

from companies.employees.headings import field_of, fold, recognised
from companies.employees.problems import Problem, Unreadable
from companies.employees.table import MAX_LINES, Cell, Row, rows

LENGTHS = {"first_name": 80, "last_name": 80, "reference": 40, "email": 254, "site": 120}
FORMULA_STARTS = ("=", "+", "-", "@")
EMPTY_WORDS = {"", "-", "–", "—", "/", "n/a", "#n/a", "néant", "neant", "null", "none", "nan"}
EMAIL = re.compile(r"[^@\s\"(),:;<>\[\\\]]{1,64}@(?:[\w](?:[\w-]{0,61}[\w])?\.)+[^\W\d_][\w-]{1,62}")
MONTHS = {
    "janv": 1,
    "fevr": 2,
    "mars": 3,
    "avr": 4,
    "mai": 5,
    "juin": 6,
    "juil": 7,
    "aout": 8,
    "sept": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
    "jan": 1,
    "fev": 2,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
}
EXCEL_EPOCH = date(1899, 12, 30)
EARLIEST, LATEST = date(1940, 1, 1), date(2100, 12, 31)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the file. Empty text and None mean that the cell was empty or its column is missing."""

    number: int
    first_name: str = ""
    last_name: str = ""
    reference: str = ""
    email: str = ""
    site: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class StaffList:
    """What was read: the lines, which of our fields the file has, and the headings it has besides."""

    lines: list[Line]
    columns: Mapping[str, str]
    ignored: list[str] = field(default_factory=list)


def read(content: bytes) -> StaffList:
    """Read a staff list. Errors of a line are on the line; `Unreadable` means the whole file is no use."""
    table = rows(content, recognised)
    heading, columns = _find_heading(table)
    ignored = [
        str(cell).strip()[:60] for index, cell in enumerate(heading) if index not in columns and str(cell).strip()
    ]
    lines: list[Line] = []
    for number, cells in table:
        if all(_text(cell) == "" for cell in cells):
            continue
        if len(lines) >= MAX_LINES:
            raise Unreadable("too_many_lines", limit=MAX_LINES)
        lines.append(_line(number, cells, columns, len(heading)))
    if not lines:
        raise Unreadable("no_lines")
    names = {name: str(heading[index]).strip()[:60] for index, name in columns.items()}
    if "full_name" in names:
        names |= {"first_name": names["full_name"], "last_name": names.pop("full_name")}
    return StaffList(_without_twins(lines), names, ignored)


def _find_heading(table: Iterator[Row]) -> tuple[list[Cell], dict[int, str]]:
    """The first row that names the people's columns; titles and blank rows above it are passed over."""
    best: list[Cell] = []
    for position, (_number, cells) in enumerate(table):
        if recognised(cells) > recognised(best):
            best = cells
        found: dict[int, str] = {}
        for index, cell in enumerate(cells[:200]):
            name = field_of(cell)
            if name and name in found.values():
                raise Unreadable("heading_twice", heading=str(cell).strip()[:60])
            if name:
                found[index] = name
        named = set(found.values())
        if {"first_name", "last_name"} <= named:
            return cells, {index: name for index, name in found.items() if name != "full_name"}
        if "full_name" in named and not named & {"first_name", "last_name"} and len(named) >= 2:
            return cells, found
        if position >= 20:
            break
    have = {field_of(cell) for cell in best}
    missing = [name for name in ("last_name", "first_name") if name not in have]
    raise Unreadable("no_heading", missing=missing)


def _line(number: int, cells: list[Cell], columns: Mapping[int, str], width: int) -> Line:
    problems: list[Problem] = []
    values: dict[str, Cell] = {name: cells[index] if index < len(cells) else "" for index, name in columns.items()}
    if any(_text(cell) for cell in cells[width:]):
        problems.append(Problem("too_many_cells"))
    if "full_name" in values:
        values |= _split(_text(values.pop("full_name")), problems)
    texts = {name: _checked(name, _text(values.get(name, "")), problems) for name in LENGTHS}
    starts_on = _date("starts_on", values.get("starts_on", ""), problems)
    ends_on = _date("ends_on", values.get("ends_on", ""), problems)
    if starts_on and ends_on and ends_on < starts_on:
        problems.append(Problem("ends_before_start", "ends_on", ends_on.isoformat(), starts_on.isoformat()))
    return Line(number, **texts, starts_on=starts_on, ends_on=ends_on, problems=tuple(problems))


def _text(cell: Cell) -> str:
    """A cell as one line of text: numbers without a decimal part lose it, inner line breaks become spaces."""
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else str(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    text = " ".join(cell.replace("\xa0", " ").replace("\u200b", "").split())
    return "" if text.lower() in EMPTY_WORDS else text


def _checked(name: str, text: str, problems: list[Problem]) -> str:
    shown = text[:80]
    if not text:
        if name in ("first_name", "last_name") and not any(p.field in (name, "full_name") for p in problems):
            problems.append(Problem("missing", name))
    elif text.startswith(FORMULA_STARTS):
        problems.append(Problem("formula", name, shown))
    elif len(text) > LENGTHS[name]:
        problems.append(Problem("too_long", name, shown, str(LENGTHS[name])))
    elif not text.isprintable():
        problems.append(Problem("control_character", name, "".join(c if c.isprintable() else "?" for c in shown)))
    elif name in ("first_name", "last_name") and (not any(c.isalpha() for c in text) or re.search(r"[\d@<>]", text)):
        problems.append(Problem("odd_name", name, shown))
    elif name == "email":
        text = text.removeprefix("mailto:").lower()
        if not EMAIL.fullmatch(text):
            problems.append(Problem("bad_email", name, shown))
    return "".join(c for c in text if c.isprintable())[: LENGTHS[name]]


def _split(text: str, problems: list[Problem]) -> dict[str, Cell]:
    """Split "DUPONT Marie", the French payroll habit: the words in capitals are the last name."""
    words = text.split()
    last = [word for word in words if word == word.upper() and len(word) > 1]
    first = [word for word in words if word not in last]
    if text and not (last and first):
        problems.append(Problem("cannot_split", "full_name", text[:80]))
    elif not text:
        problems.append(Problem("missing", "full_name"))
    return {"first_name": " ".join(first), "last_name": " ".join(last)}


def _date(name: str, cell: Cell, problems: list[Problem]) -> date | None:
    text = _text(cell)
    if not text:
        return None
    day = parse_date(cell)
    if day is None:
        problems.append(Problem("bad_date", name, text[:80]))
    elif not EARLIEST <= day <= LATEST:
        problems.append(Problem("odd_date", name, text[:80]))
        return None
    return day


def parse_date(cell: Cell) -> date | None:
    """A day written the French way, the ISO way, in words, or as a spreadsheet's own date; None when it is none.

    >>> parse_date("03/04/26"), parse_date("2026-04-03"), parse_date("3 avril 2026"), parse_date("31/02/2026")
    (datetime.date(2026, 4, 3), datetime.date(2026, 4, 3), datetime.date(2026, 4, 3), None)
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, bool):
        return None
    if isinstance(cell, float):
        return EXCEL_EPOCH + timedelta(days=int(cell)) if 10_000 <= cell <= 80_000 else None
    text = re.sub(r"[T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?Z?$", "", _text(cell))
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", text, re.ASCII):
        year, month, day = match.groups()
    elif match := re.fullmatch(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})", text, re.ASCII):
        day, month, year = match.groups()
    elif match := re.fullmatch(r"(\d{1,2})(?:er|st|nd|rd|th)? ([a-z]{3,9}) (\d{4}|\d{2})", fold(text)):
        day, word, year = match.groups()
        month = str(MONTHS.get(word[:4]) or MONTHS.get(word[:3]) or 0)
    else:
        return None
    full_year = int(year) if len(year) == 4 else 2000 + int(year) if int(year) < 60 else 1900 + int(year)
    try:
        return date(full_year, int(month), int(day))
    except ValueError:
        return None


def identity(line: Line) -> list[tuple[str, str]]:
    """The marks by which a line is the same person as another: staff number, e-mail; the name when there is neither."""
    marks = [("reference", line.reference), ("email", line.email)]
    return [mark for mark in marks if mark[1]] or [("name", fold(f"{line.last_name} {line.first_name}"))]


def _without_twins(lines: Iterable[Line]) -> list[Line]:
    """Mark every line whose staff number, e-mail or bare name stands on more than one line."""
    lines = list(lines)
    times = Counter(chain.from_iterable(map(identity, lines)))
    first: dict[tuple[str, str], int] = {}
    result = []
    for line in lines:
        twins = [mark for mark in identity(line) if mark[1] and times[mark] > 1]
        extra = []
        for kind, value in twins:
            seen = first.setdefault((kind, value), line.number)
            if seen != line.number:
                extra.append(Problem("twice", kind, value, str(seen)))
        result.append(_with(line, extra) if extra else line)
    return result


def _with(line: Line, extra: list[Problem]) -> Line:
    values = {name: getattr(line, name) for name in Line.__slots__}
    return Line(**values | {"problems": (*line.problems, *extra)})
