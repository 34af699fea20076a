"""Whether a budget covers what is asked of it. Pure; integer cents."""

from collections.abc import Mapping
from dataclasses import dataclass

NO_CENTRE = "no_cost_centre"
NO_BUDGET = "no_budget"
EXCEEDED = "exceeded"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why an amount cannot be charged to a cost centre: `code`, and by how many cents the budget is exceeded."""

    cost_centre: str
    code: str
    budget_cents: int = 0
    taken_cents: int = 0
    asked_cents: int = 0

    @property
    def over_cents(self) -> int:
        return max(0, self.taken_cents + self.asked_cents - self.budget_cents)


def clean(cost_centre: str) -> str:
    """One way of writing a cost centre.

    >>> clean("  siège  nord ")
    'SIÈGE NORD'
    """
    return " ".join(cost_centre.split()).upper()[:40]


def check(budgets: Mapping[str, int], taken: Mapping[str, int], asked: Mapping[str, int]) -> list[Stop]:
    """What stands against charging `asked` (cents by cost centre) beside what is `taken`.

    A company without any budget is not stopped. One that keeps budgets is stopped by a blank or unknown cost centre too:
    a missing word is no way around the budget.

    >>> check({"ATELIER": 500_000}, {"ATELIER": 460_000}, {"ATELIER": 45_000})[0].over_cents
    5000
    >>> [stop.code for stop in check({"ATELIER": 500_000}, {}, {"": 100})]
    ['no_cost_centre']
    >>> check({}, {}, {"": 100})
    []
    """
    if not budgets:
        return []
    stops = []
    for centre, cents in sorted(asked.items()):
        if not centre:
            stops.append(Stop("", NO_CENTRE, asked_cents=cents))
        elif centre not in budgets:
            stops.append(Stop(centre, NO_BUDGET, asked_cents=cents))
        elif taken.get(centre, 0) + cents > budgets[centre]:
            stops.append(Stop(centre, EXCEEDED, budgets[centre], taken.get(centre, 0), cents))
    return stops
