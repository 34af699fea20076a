"""Rows that whole packs obey and fractions of packs break: what makes the relaxation of a product nearly exact.

A product sold in packs of q by some and in other sizes by others: let Z be the packs of q (a pack of 2 q counts twice) and
A the units of the others, S some of the others, a(S) what S can deliver at most. With d = D − a(S) > 0 units left for the
rest, r = d mod q > 0:  A without S + r Z ≥ r ⌈d / q⌉. For fewer packs than ⌈d / q⌉ leave at least r units to the others,
and each pack less q ≥ r more. The same from above: with e = D + W − a(S), f = e mod q:
(q − f) Z ≤ (q − f) ⌊e / q⌋ + a(S) − A of S. Every row holds for every award, so a relaxation with them stays one.
"""

from collections.abc import Iterator
from itertools import combinations

from purchasing.rules.award.instance import Instance, Product
from purchasing.rules.award.model import Model

# So many of the other offers are taken out together, where there are at most so many: the rows must not be too many.
TOGETHER = ((7, 3), (10, 2), (1_000, 1))

Row = tuple[dict[int, int], int]  # column → coefficient, at least


def rounding_rows(instance: Instance, model: Model) -> Iterator[Row]:
    """Rows `terms ≥ low` over the columns of `model` that no award breaks."""
    columns: list[dict[int, list[int]]] = [{} for _ in instance.products]
    for (offer, _tier), column in model.x.items():
        columns[instance.offers[offer].product].setdefault(offer, []).append(column)
    for product, offers in zip(instance.products, columns, strict=True):
        if product.demand:
            yield from _product(instance, product, offers)


def _product(instance: Instance, product: Product, columns: dict[int, list[int]]) -> Iterator[Row]:
    packs = {o: instance.offers[o].pack for o in columns}
    reach = {o: packs[o] * instance.limit(instance.offers[o]) for o in columns}
    for size in sorted({pack for pack in packs.values() if pack > 1}):
        whole = {column: packs[o] // size for o in columns if packs[o] % size == 0 for column in columns[o]}
        others = [o for o in columns if packs[o] % size]
        for without in _subsets(others):
            gone = sum(reach[o] for o in without)
            yield from _below(product.demand - gone, size, whole, _units(columns, packs, set(others) - set(without)))
            above = product.demand + product.max_surplus - gone
            yield from _above(above, gone, size, whole, _units(columns, packs, set(without)))


def _subsets(others: list[int]) -> Iterator[tuple[int, ...]]:
    together = next((n for most, n in TOGETHER if len(others) <= most), 0)
    for size in range(together + 1):
        yield from combinations(others, size)


def _units(columns: dict[int, list[int]], packs: dict[int, int], offers: set[int]) -> dict[int, int]:
    return {column: packs[o] for o in sorted(offers) for column in columns[o]}


def _below(left: int, size: int, whole: dict[int, int], others: dict[int, int]) -> Iterator[Row]:
    rest = left % size
    if left > 0 and rest:
        yield {**{c: rest * n for c, n in whole.items()}, **others}, rest * -(-left // size)


def _above(most: int, gone: int, size: int, whole: dict[int, int], taken: dict[int, int]) -> Iterator[Row]:
    rest = size - most % size
    if rest < size or not taken:
        low = -(rest * (most // size) + gone)
        yield {**{c: -rest * n for c, n in whole.items()}, **{c: -n for c, n in taken.items()}}, low
