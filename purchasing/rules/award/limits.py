"""Rows for products that one or two suppliers may deliver: which of them can do it alone, or together with which other.

For each supplier the fewest and the most packs it delivers in any such way bind its packs to its choice; suppliers that
can never deliver together exclude each other; one that cannot deliver alone needs one of those it can deliver with.
Without these rows the relaxation mixes parts of many suppliers, each counted as a small part of one.
"""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from purchasing.rules.award.instance import Instance, Offer, Product
from purchasing.rules.award.model import Model
from purchasing.rules.award.rounding import Row

Ways = dict[frozenset[int], dict[int, tuple[int, int]]]  # offers → offer → fewest and most packs


def limit_rows(instance: Instance, model: Model) -> Iterator[Row]:
    """Rows `terms ≥ low` over the columns of `model`; every award obeys them where u is 1 only at offers it buys."""
    columns: dict[int, list[int]] = {}
    for (offer, _tier), column in model.x.items():
        columns.setdefault(offer, []).append(column)
    for product, row in zip(instance.products, instance.by_product(), strict=True):
        offers = [o for o in row if o.index in model.u and o.index in columns]
        if product.demand and product.max_suppliers in (1, 2) and offers:
            yield from _product(instance, model, columns, product, offers)


def _product(
    instance: Instance, model: Model, columns: dict[int, list[int]], product: Product, offers: list[Offer]
) -> Iterator[Row]:
    ways = _ways(instance, product, offers)
    chosen = {o.index: model.u[o.index] for o in offers}
    yield dict.fromkeys(chosen.values(), 1), min((len(way) for way in ways), default=1)
    for o in chosen:
        counts = [way[o] for way in ways.values() if o in way]
        least, most = min((c[0] for c in counts), default=0), max((c[1] for c in counts), default=0)
        yield {**dict.fromkeys(columns[o], 1), chosen[o]: -least}, 0
        yield {**dict.fromkeys(columns[o], -1), chosen[o]: most}, 0
        if frozenset({o}) not in ways:
            partners = {p for way in ways if o in way for p in way if p != o}
            yield {**{chosen[p]: 1 for p in partners}, chosen[o]: -1}, 0
    for clique in _cliques(list(chosen), ways):
        yield {chosen[o]: -1 for o in clique}, -1


def _ways(instance: Instance, product: Product, offers: list[Offer]) -> Ways:
    """Every set of suppliers that can deliver the product, with what each delivers in it."""
    low, high = product.demand, product.demand + product.max_surplus
    ways: Ways = {}
    for o in offers:
        fewest, most = -(-low // o.pack), min(instance.limit(o), high // o.pack)
        if fewest <= most:
            ways[frozenset({o.index})] = {o.index: (fewest, most)}
    if product.max_suppliers == 1:
        return ways
    for one, other in combinations(offers, 2):
        counts = np.arange(1, instance.limit(one) + 1) * one.pack
        fewest_other = np.maximum(-((counts - low) // other.pack), 1)
        most_other = np.minimum((high - counts) // other.pack, instance.limit(other))
        able = np.nonzero(fewest_other <= most_other)[0]
        if len(able):
            ways[frozenset({one.index, other.index})] = {
                one.index: (int(able[0]) + 1, int(able[-1]) + 1),
                other.index: (int(fewest_other[able].min()), int(most_other[able].max())),
            }
    return ways


def _cliques(offers: list[int], ways: Ways) -> set[frozenset[int]]:
    """Sets of suppliers of which no two deliver together, each as large as it can be made."""
    found = set()
    for one, other in combinations(offers, 2):
        if frozenset({one, other}) in ways:
            continue
        clique = {one, other}
        for o in offers:
            if o not in clique and all(frozenset({o, p}) not in ways for p in clique):
                clique.add(o)
        found.add(frozenset(clique))
    return found
