"""Award problems for the tests: the samples with proven optima, and tiny random ones that can be enumerated."""

import itertools
import json
from pathlib import Path
from random import Random
from typing import Any

from purchasing.rules.award import Evaluation, Instance, evaluate

DATA = Path(__file__).parent / "data"
SAMPLES: dict[str, dict[str, Any]] = {
    row["id"]: row for row in json.loads((DATA / "award_samples.json").read_text())["instances"]
}


def tiny(random: Random) -> dict[str, Any]:
    """A problem with few packs and every feature: tiers of both metrics, minimums, franco, limits, conflicts, groups."""
    products = [
        {
            "id": f"P{k}",
            "demand": random.randint(0, 6),
            "max_surplus": random.choice([0, 0, 1, 2]),
            "max_suppliers": random.choice([None, None, 1, 2]),
        }
        for k in range(random.randint(1, 3))
    ]
    suppliers = [_supplier(random, i, len(products)) for i in range(random.randint(1, 3))]
    pairs = list(itertools.combinations(range(len(suppliers)), 2))
    return {
        "products": products,
        "suppliers": suppliers,
        "max_suppliers": random.choice([None, None, 1, 2]),
        "conflicts": [list(random.choice(pairs))] if pairs and random.random() < 0.2 else [],
        "single_source_groups": [list(range(len(products)))] if random.random() < 0.2 else [],
    }


def _supplier(random: Random, index: int, products: int) -> dict[str, Any]:
    schemes = []
    for _ in range(random.randint(1, 2)):
        metric = random.choice(["units", "list_value"])
        steps = random.sample(range(1, 12), random.randint(0, 2))
        scale = 1 if metric == "units" else 100
        schemes.append({"metric": metric, "from": [0, *sorted(s * scale for s in steps)]})
    offers = []
    for k in range(products):
        if random.random() < 0.15:
            continue
        scheme = random.randrange(len(schemes))
        pack = random.choice([1, 1, 2, 3])
        first = random.randint(0, 3) and random.randint(60, 140) * pack
        prices = [first * (100 - 12 * r) // 100 for r in range(len(schemes[scheme]["from"]))]
        if random.random() < 0.1:
            random.shuffle(prices)
        packs = random.randint(0, 6)
        offers.append({"product": k, "pack": pack, "max_packs": packs, "scheme": scheme, "prices": prices})
    return {
        "id": f"S{index}",
        "min_order_value": random.choice([0, 0, 200, 500]),
        "min_order_units": random.choice([0, 0, 2, 5]),
        "freight": random.choice([0, 90, 300]),
        "franco": random.choice([None, 0, 300, 700]),
        "schemes": schemes,
        "offers": offers,
    }


def awards(instance: Instance) -> Any:
    """Every combination of packs that meets the demand of each product."""
    per_product = []
    for row, product in zip(instance.by_product(), instance.products, strict=True):
        choices = []
        for counts in itertools.product(*(range(instance.limit(o) + 1) for o in row)):
            units = sum(n * o.pack for n, o in zip(counts, row, strict=True))
            if product.demand <= units <= product.demand + product.max_surplus:
                choices.append({o.index: n for n, o in zip(counts, row, strict=True) if n})
        per_product.append(choices)
    for parts in itertools.product(*per_product):
        yield {o: n for part in parts for o, n in part.items()}


def count(instance: Instance) -> int:
    total = 1
    for row in instance.by_product():
        for offer in row:
            total *= instance.limit(offer) + 1
    return total


def cheapest(instance: Instance) -> int | None:
    """The optimum by complete enumeration; None when no award is legal."""
    costs = [r.cost_cents for packs in awards(instance) if isinstance(r := evaluate(instance, packs), Evaluation)]
    return min(costs, default=None)
