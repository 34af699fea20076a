"""The award solver on tenders of a buying centre: first answer, bound, gap, time to proof. Pure, no database."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any

SIZES = ((20, 5), (100, 10), (100, 20), (500, 50))
SEEDS = (1, 2, 3)
SECONDS = 60.0
Report = Callable[[str, float, str, str], None]


def centre(products: int, suppliers: int, seed: int) -> dict[str, Any]:
    """A tender as buying centres see it: retail packs, tiers on all goods of a supplier, freight, franco, and a spot market.

    Every supplier offers about half of the products, at its own level of prices, with an availability that often forces
    a second source; the spot market (last supplier) has everything by the piece, dear, so that an award always exists.
    """
    random = Random(seed)
    scale = products * suppliers / 80
    base = [round(10 ** random.uniform(2.2, 3.6)) for _ in range(products)]
    demand = [max(1, round(random.lognormvariate(2.2, 0.9) * scale**0.5)) for _ in range(products)]
    packs = [random.choice([1, 6, 10, 12, 24]) for _ in range(products)]
    rows = [_supplier(random, f"S{i}", base, demand, packs) for i in range(suppliers)]
    spot = [
        {
            "product": k,
            "pack": 1,
            "max_packs": demand[k],
            "scheme": 0,
            "prices": [round(base[k] * random.uniform(1.1, 1.3))],
        }
        for k in range(products)
    ]
    rows.append({"id": "SPOT", "schemes": [{"metric": "units", "from": [0]}], "offers": spot})
    return {
        "products": [
            {
                "id": f"P{k}",
                "demand": demand[k],
                "max_surplus": random.choice([0, packs[k] - 1]),
                "max_suppliers": 2 if random.random() < 0.15 else None,
            }
            for k in range(products)
        ],
        "suppliers": rows,
        "max_suppliers": max(4, suppliers // 2),
        "conflicts": [random.sample(range(suppliers), 2)] if suppliers > 4 else [],
        "single_source_groups": [],
    }


def _supplier(random: Random, name: str, base: list[int], demand: list[int], packs: list[int]) -> dict[str, Any]:
    level = random.uniform(0.92, 1.06)
    tiers = random.randint(2, 4)
    falls = [1.0]
    for _ in range(tiers):
        falls.append(falls[-1] * random.uniform(0.955, 0.985))
    metric = random.choice(["units", "list_value"])
    offers, most = [], 0
    for k in range(len(base)):
        if random.random() > random.uniform(0.4, 0.7):
            continue
        pack = random.choice([1, packs[k]])
        first = round(base[k] * level * random.uniform(0.92, 1.08) * pack)
        limit = max(1, round(demand[k] * random.choice([0.4, 0.6, 0.8, 1, 1]) / pack))
        prices = [max(1, round(first * fall)) for fall in falls]
        offers.append({"product": k, "pack": pack, "max_packs": limit, "scheme": 0, "prices": prices})
        most += limit * (pack if metric == "units" else prices[0])
    starts = sorted({max(1, round(most * random.uniform(0.05, 0.6))) for _ in range(tiers)})
    for offer in offers:
        offer["prices"] = offer["prices"][: len(starts) + 1]
    return {
        "id": name,
        "min_order_value": random.choice([0, 10_000, 15_000, 30_000]),
        "min_order_units": 0,
        "freight": random.choice([0, 1_500, 2_500, 4_900, 9_000]),
        "franco": random.choice([None, 25_000, 50_000, 80_000, 150_000]),
        "schemes": [{"metric": metric, "from": [0, *starts]}],
        "offers": offers,
    }


@dataclass(frozen=True)
class Draw:
    """What came of one generated tender."""

    seed: int
    status: str
    seconds: float
    first: float  # seconds until the first award
    first_above: float  # how far it lay above the best found, in percent
    cost: float
    bound: float
    gap: float  # percent
    conditions: str

    @property
    def proven(self) -> bool:
        return self.status == "optimal"


def solved(products: int, suppliers: int, seed: int, seconds: float) -> Draw:
    from purchasing.rules import award

    instance = award.parse(centre(products, suppliers, seed))
    began, heard = time.monotonic(), []
    result = award.solve(
        instance, seconds=seconds, on_better=lambda cost, _packs: heard.append((time.monotonic() - began, cost))
    )
    assert result.evaluation is not None
    cost = result.evaluation.cost_cents
    runs = result.proof.get("runs", ())
    return Draw(
        seed,
        result.status,
        result.seconds,
        heard[0][0],
        100 * (heard[0][1] / cost - 1),
        cost / 100,
        (result.bound_cents or 0) / 100,
        100 * (result.gap or 0),
        f"seed {seed}, {len(instance.offers)} offers, {result.proof.get('columns', 0)} columns, "
        f"{result.status} after {len(runs)} runs of the solver",
    )


def run(report: Report, sizes: tuple[tuple[int, int], ...] = SIZES, seconds: float = SECONDS, seed: int = 1) -> None:
    """Solve one tender of each size; `report` receives metric, number, unit, conditions."""
    for products, suppliers in sizes:
        draw, name = solved(products, suppliers, seed, seconds), f"award_{products}x{suppliers}_seed_{seed}"
        _draw(report, name, draw)
    _memory(report)


def sweep(report: Report, sizes: tuple[tuple[int, int], ...] = SIZES, seconds: float = SECONDS) -> None:
    """Solve the draws of `SEEDS` of each size and say each, then how many were proven and the worst of them."""
    for products, suppliers in sizes:
        name = f"award_{products}x{suppliers}"
        draws = [solved(products, suppliers, seed, seconds) for seed in SEEDS]
        for draw in draws:
            _draw(report, f"{name}_seed_{draw.seed}", draw)
        proven = [d.seconds for d in draws if d.proven]
        report(f"{name}_proven", len(proven), f"of {len(draws)}", f"to the cent, within {seconds:g} s each")
        if proven:
            report(f"{name}_proof", median(proven), "s", f"median of the proven; the longest {max(proven):.1f} s")
        report(f"{name}_gap", max(d.gap for d in draws), "%", f"the worst; median {median(d.gap for d in draws):.3f} %")
        report(f"{name}_first_answer", max(d.first for d in draws), "s", "the slowest")
    _memory(report)


def _draw(report: Report, name: str, draw: Draw) -> None:
    report(f"{name}_seconds", draw.seconds, "s", draw.conditions)
    report(f"{name}_first_answer", draw.first, "s", f"{draw.first_above:.2f} % above the best found")
    report(f"{name}_cost", draw.cost, "EUR", "")
    report(f"{name}_bound", draw.bound, "EUR", "no award costs less")
    report(f"{name}_gap", draw.gap, "%", "between cost and bound")


def _memory(report: Report) -> None:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    report("award_solver_memory", peak, "MB", "the largest solver process so far")


def measure(place: object, book: Any) -> None:
    """The door of `python -m tests.bench award`."""
    sweep(lambda metric, number, unit, conditions: book.note("award", metric, number, unit, conditions))


if __name__ == "__main__":
    sweep(
        lambda metric, number, unit, conditions: print(
            f"{metric:<34}{number:>14,.3f}  {unit:<4} {conditions}", flush=True
        )
    )
