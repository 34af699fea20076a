"""Judging some suppliers' prices lower than they are: the way to prefer local ones by a stated percentage.

Prices, minimum and franco of a preferred supplier are judged lower together, so that its rules bind exactly as before.
"""

from collections.abc import Collection
from dataclasses import replace
from math import gcd

from purchasing.rules.award.instance import MOST_CENTS, MOST_SCALE, Instance, Supplier
from purchasing.rules.errors import RuleError


def prefer(instance: Instance, preferred: Collection[int], percent: int) -> Instance:
    """The instance as judged: goods of the preferred suppliers (by index) count `percent` % less. Exact, never rounded.

    An award is legal in both or in neither, and costs the same up to the preference.
    """
    if not percent or not preferred:
        return instance
    keep = {True: 100 - percent, False: 100}
    suppliers = tuple(_times(s, keep[i in preferred], 100) for i, s in enumerate(instance.suppliers))
    return reduced(replace(instance, suppliers=suppliers, scale=instance.scale * 100))


def _times(supplier: Supplier, goods: int, freight: int) -> Supplier:
    return replace(
        supplier,
        offers=tuple(replace(o, prices=tuple(p * goods for p in o.prices)) for o in supplier.offers),
        min_order_value=supplier.min_order_value * goods,
        franco=None if supplier.franco is None else supplier.franco * goods,
        freight=supplier.freight * freight,
    )


def reduced(instance: Instance) -> Instance:
    """The same problem in the coarsest parts of a cent that keep every amount whole. Raises RuleError beyond the limits.

    List-value tiers count money too and are left alone: such instances are returned as they are.
    """
    if any(scheme.metric != "units" for s in instance.suppliers for scheme in s.schemes):
        return instance
    amounts = [a for s in instance.suppliers for a in _amounts(s)]
    part = gcd(instance.scale, *amounts)
    suppliers = tuple(
        replace(
            s,
            offers=tuple(replace(o, prices=tuple(p // part for p in o.prices)) for o in s.offers),
            min_order_value=s.min_order_value // part,
            franco=None if s.franco is None else s.franco // part,
            freight=s.freight // part,
        )
        for s in instance.suppliers
    )
    if instance.scale // part > MOST_SCALE or max(amounts, default=0) // part > MOST_CENTS:
        raise RuleError("too_many", "The amounts of this tender are too large for so fine a preference.", "scale")
    return replace(instance, suppliers=suppliers, scale=instance.scale // part)


def _amounts(supplier: Supplier) -> list[int]:
    prices = [p for o in supplier.offers for p in o.prices]
    return [*prices, supplier.min_order_value, supplier.freight, supplier.franco or 0]
