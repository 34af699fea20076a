"""A staff list compared with the employees on file: who joins, what changes, who leaves; nothing is written here."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from companies.employees.headings import fold
from companies.employees.problems import Problem
from companies.employees.reading import Line

GUARD_PERCENT = 20  # more than this share leaving at once is more often a wrong file than a real event


class Kind(StrEnum):
    JOINER = "joiner"
    CHANGE = "change"
    LEAVER = "leaver"
    UNCHANGED = "unchanged"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Employee:
    """One employee on file. `site` is the key of the site, `pk` of the employment."""

    pk: int
    first_name: str
    last_name: str
    reference: str = ""
    email: str = ""
    site: int | None = None
    starts_on: date | None = None
    ends_on: date | None = None

    def works_on(self, day: date) -> bool:
        return self.ends_on is None or self.ends_on >= day


@dataclass(frozen=True, slots=True)
class Step:
    """What will be done for one line, or for one employee the file does not name (`line` is then None).

    `values` are the fields to write, `changes` the same as (before, after) for the review.
    """

    kind: Kind
    line: int | None
    employee: int | None
    first_name: str
    last_name: str
    values: Mapping[str, object] = field(default_factory=dict)
    changes: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Every step, in the order of the file, leavers by absence last. `leavers` counts those only."""

    steps: list[Step]
    active: int
    absent: int

    def count(self, kind: Kind) -> int:
        return sum(step.kind is kind for step in self.steps)

    @property
    def needs_confirmation(self) -> bool:
        """Whether so many people would leave by absence that somebody must say it is meant.

        >>> Plan([], active=100, absent=20).needs_confirmation, Plan([], active=100, absent=21).needs_confirmation
        (False, True)
        """
        return self.absent * 100 > self.active * GUARD_PERCENT


class _Register:
    """The employees on file, found by staff number, then e-mail, then name; those still at work come first."""

    def __init__(self, employees: Iterable[Employee], today: date) -> None:
        self.today = today
        self.by: dict[tuple[str, str], list[Employee]] = defaultdict(list)
        for one in employees:
            for mark in (("reference", one.reference), ("email", one.email.lower()), ("name", _name(one))):
                if mark[1]:
                    self.by[mark].append(one)

    def find(self, line: Line) -> tuple[Employee | None, Problem | None]:
        for kind, value in (("reference", line.reference), ("email", line.email)):
            if value and (found := self._best(kind, value)):
                return self._unique(found, kind, value)
        found = [
            one
            for one in self._best("name", _name(line))
            # The same name under another staff number or e-mail is a namesake, not the same person.
            if not _differ(one.reference, line.reference) and not _differ(one.email.lower(), line.email)
        ]
        if found and not (line.reference or line.email) and all(not one.works_on(self.today) for one in found):
            return (found[0], None) if len(found) == 1 else (None, None)
        return self._unique(found, "name", f"{line.first_name} {line.last_name}") if found else (None, None)

    def _best(self, kind: str, value: str) -> list[Employee]:
        found = self.by.get((kind, value), [])
        return [one for one in found if one.works_on(self.today)] or found

    def _unique(self, found: list[Employee], kind: str, value: str) -> tuple[Employee | None, Problem | None]:
        if len(found) == 1:
            return found[0], None
        return None, Problem("ambiguous", kind, value, str(len(found)))


def make_plan(
    lines: Iterable[Line],
    employees: Iterable[Employee],
    *,
    columns: Iterable[str],
    sites: Mapping[str, int],
    today: date,
    full: bool,
    leave_on: date | None = None,
) -> Plan:
    """Compare the lines of a file with the employees on file.

    `full` says that the file names everybody, so that who is missing leaves on `leave_on` (today by default); without
    it, who is missing is left alone. `sites` maps the folded name of each site of the company to its key. A column that
    the file does not have changes nothing; an empty cell empties its field, except the start date and the staff number.
    """
    on_file, has = list(employees), frozenset(columns)
    register = _Register(on_file, today)
    seen: dict[int, int] = {}
    steps = []
    for line in lines:
        site, problems = sites.get(fold(line.site)), list(line.problems)
        if line.site and site is None and not any(p.field == "site" for p in problems):
            problems.append(Problem("unknown_site", "site", line.site))
        employee, trouble = register.find(line)
        if trouble:
            problems.append(trouble)
        if employee and (earlier := seen.setdefault(employee.pk, line.number)) != line.number:
            problems.append(Problem("same_person", "", f"{employee.first_name} {employee.last_name}", str(earlier)))
        steps.append(_step(line, employee, problems, site, has, today))
    absent = [one for one in on_file if one.works_on(today) and one.pk not in seen] if full else []
    leaving = leave_on or today
    steps += [_leaver(one, leaving) for one in absent if one.ends_on is None or one.ends_on > leaving]
    return Plan(steps, active=sum(one.works_on(today) for one in on_file), absent=len(absent))


def _step(
    line: Line, one: Employee | None, problems: list[Problem], site: int | None, has: frozenset[str], today: date
) -> Step:
    who = (line.number, one.pk if one else None, line.first_name, line.last_name)
    if problems:
        return Step(Kind.ERROR, *who, problems=tuple(problems))
    if one is None:
        if line.ends_on and line.ends_on < today:
            return Step(Kind.UNCHANGED, *who)  # left before we knew them: nothing to add
        values = {name: getattr(line, name) for name in ("first_name", "last_name", "reference", "email", "ends_on")}
        values |= {"site": site, "starts_on": line.starts_on or today}
        return Step(Kind.JOINER, *who, values=values)
    wanted = _wanted(line, one, site, has, today)
    changes = {name: (getattr(one, name), value) for name, value in wanted.items() if getattr(one, name) != value}
    if not changes:
        return Step(Kind.UNCHANGED, *who)
    start, end = wanted.get("starts_on", one.starts_on), wanted.get("ends_on", one.ends_on)
    if isinstance(start, date) and isinstance(end, date) and end < start:
        trouble = Problem("ends_before_start", "ends_on", end.isoformat(), start.isoformat())
        return Step(Kind.ERROR, *who, problems=(trouble,))
    leaves = changes.get("ends_on", (None, None))[1] is not None
    return Step(
        Kind.LEAVER if leaves else Kind.CHANGE, *who, values={name: wanted[name] for name in changes}, changes=changes
    )


def _wanted(line: Line, one: Employee, site: int | None, has: frozenset[str], today: date) -> dict[str, object]:
    wanted: dict[str, object] = {"first_name": line.first_name, "last_name": line.last_name}
    if line.reference:
        wanted["reference"] = line.reference
    if "email" in has and not (line.email and line.email == one.email.lower()):
        wanted["email"] = line.email
    if "site" in has:
        wanted["site"] = site
    if line.starts_on:
        wanted["starts_on"] = line.starts_on
    if "ends_on" in has or not one.works_on(today):  # named without a leaving date: at work (again)
        wanted["ends_on"] = line.ends_on
    return wanted


def _leaver(one: Employee, leaving: date) -> Step:
    # Somebody who has not begun yet cannot leave before beginning.
    last_day = max(leaving, one.starts_on or leaving)
    changes: dict[str, tuple[object, object]] = {"ends_on": (one.ends_on, last_day)}
    return Step(Kind.LEAVER, None, one.pk, one.first_name, one.last_name, {"ends_on": last_day}, changes)


def _name(one: Employee | Line) -> str:
    return fold(f"{one.last_name} {one.first_name}")


def _differ(ours: str, theirs: str) -> bool:
    return bool(ours and theirs and ours != theirs)
