"""From a relaxation to tiers: where it leans, and what whole packs may be bought from there."""

from typing import Any

from purchasing.rules.award.boxes import FREE, Box
from purchasing.rules.award.instance import Instance
from purchasing.rules.award.model import Model

# An offer dearer by this part of its price than the relaxation would pay is not looked at when whole packs are bought.
NEAR = 0.02
# For what whole packs leave over, so many of the smallest packs of each product are open too.
SPARE = 3


def leanings(model: Model, scheme: tuple[int, int], tiers: list[int], box: Box, values: Any) -> list[tuple[float, int]]:
    """How much the relaxation uses each tier the box allows, the most used first; −1 stands for unused."""
    low, high = box.get(scheme, FREE)
    weights = [(float(values[model.y[(*scheme, r)]]), r) for r in tiers if low <= r <= high]
    if low < 0:
        weights.append((1 - sum(weight for weight, _ in weights), -1))
    return sorted(weights, reverse=True)


def order(instance: Instance, model: Model, box: Box, values: Any, extra: Any, upper: Any) -> dict[str, Any]:
    """What another process may buy from, at the tiers of a settled box.

    The offers that the relaxation buys or nearly buys there (`extra` is what a pack would add to its cost), and the
    cheapest small packs of each product at their first tier.
    """
    near = {
        o
        for (o, _), column in model.x.items()
        if upper[column] and (values[column] > 0 or extra[column] <= NEAR * model.cost[column])
    }
    tiers = {scheme: low for scheme, (low, _) in box.items() if low >= 0}
    for row in instance.by_product():
        small = sorted((o.pack, o.prices[0], o.index) for o in row if (o.index, 0) in model.x)
        for _, _, index in small[:SPARE]:
            offer = instance.offers[index]
            tiers.setdefault((offer.supplier, offer.scheme), 0)
            near.add(index)
    return {"dive": [[i, g, tier] for (i, g), tier in tiers.items()], "offers": sorted(near)}
