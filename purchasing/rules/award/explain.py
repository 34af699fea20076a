"""Why the award is what it is, in figures: what every losing offer would change, and what simpler choices would cost.

Everything comes from the exact evaluator. The forced cost of an offer keeps the rest of the award as it is, so it is
what that one change costs, not a new optimum.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random

from purchasing.rules.award.evaluate import Evaluation, Violation, evaluate
from purchasing.rules.award.fill import choice, cover
from purchasing.rules.award.instance import Instance, Offer
from purchasing.rules.award.local_search import Search


@dataclass(frozen=True, slots=True)
class Losing:
    """An offer that was not taken. Either `extra_cents`, what buying the product there instead costs, or a reason.

    Reasons are rules of the evaluator, `not_enough` (the offer alone cannot cover the product) or `no_packs` (no number
    of its packs fits the quantity wanted).
    """

    offer: int
    extra_cents: int | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class Simpler:
    """What an easier way to choose would cost; None where it is not possible."""

    one_supplier_cents: int | None  # the cheapest supplier that can deliver everything alone
    one_supplier: int | None
    cheapest_lines_cents: int | None  # each line where its price per unit is lowest at the tiers of the award


@dataclass(frozen=True, slots=True)
class Explanation:
    losing: tuple[Losing, ...]
    simpler: Simpler


def explain(instance: Instance, packs: Mapping[int, int]) -> Explanation:
    """Explain a legal award. Raises ValueError when it is not legal."""
    result = evaluate(instance, packs)
    if isinstance(result, Violation):
        raise ValueError(f"this award breaks {result.rule}")
    losing = tuple(_lost(instance, packs, result.cost_cents, o) for o in instance.offers if not packs.get(o.index))
    one, who = one_supplier(instance)
    return Explanation(losing, Simpler(one, who, _cheapest_lines(instance, result)))


def _lost(instance: Instance, packs: Mapping[int, int], cost: int, offer: Offer) -> Losing:
    product = instance.products[offer.product]
    if instance.limit(offer) * offer.pack < product.demand:
        return Losing(offer.index, broken="not_enough" if offer.max_packs * offer.pack < product.demand else "no_packs")
    instead = {o: n for o, n in packs.items() if instance.offers[o].product != offer.product}
    if needed := -(-product.demand // offer.pack):
        instead[offer.index] = needed
    result = evaluate(instance, instead)
    if isinstance(result, Violation):
        return Losing(offer.index, broken=result.rule)
    return Losing(offer.index, extra_cents=result.cost_cents - cost)


def one_supplier(instance: Instance) -> tuple[int | None, int | None]:
    """The cheapest supplier for everything, by the local search on that supplier alone."""
    best: tuple[int, int] | None = None
    wanted = {k for k, product in enumerate(instance.products) if product.demand}
    for i, supplier in enumerate(instance.suppliers):
        if not wanted <= {o.product for o in supplier.offers}:
            continue
        suppliers = tuple(s if j == i else replace(s, offers=()) for j, s in enumerate(instance.suppliers))
        offers = tuple(replace(o, index=n) for n, o in enumerate(supplier.offers))
        alone = replace(
            instance, suppliers=tuple(replace(s, offers=offers) if j == i else s for j, s in enumerate(suppliers))
        )
        found = Search(alone, time.monotonic, time.monotonic() + 0.2).run(Random(0))  # noqa: S311  # a search to be repeated, no secret
        if found is not None and (best is None or found.cost_cents < best[0]):
            best = found.cost_cents, i
    return best if best else (None, None)


def _cheapest_lines(instance: Instance, awarded: Evaluation) -> int | None:
    """The bill when every line goes where its unit price looks lowest, without a thought for freight and minimums."""
    tiers = {order.supplier: order.tiers for order in awarded.orders}
    packs: dict[int, int] = {}
    for row, product in zip(instance.by_product(), instance.products, strict=True):
        choices = [
            choice(o.index, o.prices[tiers[o.supplier][o.scheme] if o.supplier in tiers else 0], o.pack, limit)
            for o in row
            if (limit := instance.limit(o))
        ]
        fill = cover(choices, product.demand, product.max_surplus, product.max_suppliers)
        if fill is None:
            return None
        packs.update(fill[1])
    result = evaluate(instance, packs)
    return result.cost_cents if isinstance(result, Evaluation) else None
