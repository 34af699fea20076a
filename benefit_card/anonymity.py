"""What may be shown of how people use the card. Pure: counts in, counts that point at nobody out.

Rules (design of the card, "Aggregates"): a cell of fewer than ten people is hidden; when the total of a row of cells is
shown and one hidden cell could be had by subtraction, the smallest shown cell is hidden too; what is shown is rounded
down, so that one person more or less changes nothing, or a step that at least ten uses would explain as well. Only
closed calendar months are counted, once, so that no two looks at one month can be subtracted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FLOOR = 10  # people
STEP_PEOPLE, STEP_USES, STEP_CENTS = 5, 10, 1_000
BIG_COMPANY = 50  # cards; smaller companies get one figure a month and no split


@dataclass(frozen=True)
class Raw:
    """A cell as it was counted."""

    people: int
    uses: int
    discount_cents: int


@dataclass(frozen=True)
class Shown:
    """A cell as it may be read. Hidden cells carry no number at all."""

    hidden: bool
    people: int = 0
    uses: int = 0
    discount_cents: int = 0


HIDDEN = Shown(hidden=True)


def cell(raw: Raw) -> Shown:
    """One figure on its own.

    >>> cell(Raw(people=9, uses=40, discount_cents=9_000)).hidden
    True
    >>> cell(Raw(people=12, uses=47, discount_cents=9_990))
    Shown(hidden=False, people=10, uses=40, discount_cents=9000)
    """
    if raw.people < FLOOR:
        return HIDDEN
    return Shown(
        hidden=False,
        people=raw.people - raw.people % STEP_PEOPLE,
        uses=raw.uses - raw.uses % STEP_USES,
        discount_cents=raw.discount_cents - raw.discount_cents % STEP_CENTS,
    )


def row(cells: Mapping[str, Raw], *, total: Raw | None = None) -> tuple[dict[str, Shown], Shown | None]:
    """Cells that add up to a total, and the total.

    Hidden cells must hide together: either none is hidden, or at least two are and those with anybody in them hold ten
    people or more between them. The smallest shown cells are hidden until that is so; a total that still gives a hidden
    cell away is hidden itself. An empty cell hides nothing and is not counted as cover.
    """
    shown = {name: cell(raw) for name, raw in cells.items()}
    total_shown = cell(total) if total is not None else None
    if total is None or total_shown is None or total_shown.hidden:
        return shown, total_shown
    by_size = sorted((name for name in cells if not shown[name].hidden), key=lambda name: (cells[name].people, name))
    while _gives_away(cells, shown) and by_size:
        shown[by_size.pop(0)] = HIDDEN
    return shown, HIDDEN if _gives_away(cells, shown) else total_shown


def _gives_away(cells: Mapping[str, Raw], shown: Mapping[str, Shown]) -> bool:
    """Whether what is hidden follows from the total minus what is shown."""
    covered = [cells[name].people for name in cells if shown[name].hidden and cells[name].people]
    return bool(covered) and (len(covered) < 2 or sum(covered) < FLOOR)


def size_bracket(headcount: int) -> str:
    """The bracket of a company's size.

    >>> [size_bracket(n) for n in (3, 10, 49, 50, 249, 250)]
    ['1-9', '10-49', '10-49', '50-249', '50-249', '250+']
    """
    return "1-9" if headcount < 10 else "10-49" if headcount < 50 else "50-249" if headcount < 250 else "250+"
