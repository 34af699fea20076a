"""What an award really costs: the tier each supplier's invoice forces, goods, freight; or the first rule it breaks.

Integers only. Every cost that is shown, ordered or invoiced comes from here, never from a solver.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from purchasing.rules.award.instance import Instance, Supplier

# The rules in the order in which they are looked at.
UNKNOWN_OFFER, MAX_PACKS = "unknown_offer", "max_packs"
DEMAND, SURPLUS = "demand", "max_surplus"
PRODUCT_SUPPLIERS, SINGLE_SOURCE = "product_max_suppliers", "single_source_group"
MAX_SUPPLIERS, CONFLICT = "max_suppliers", "conflict"
MIN_QUANTITY = "min_quantity"
MIN_VALUE, MIN_UNITS = "min_order_value", "min_order_units"


@dataclass(frozen=True, slots=True)
class Order:
    """What one supplier invoices: the forced tier of each of its schemes, goods and freight in cents."""

    supplier: int
    tiers: tuple[int, ...]
    goods_cents: int
    freight_cents: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    cost_cents: int
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """The first broken rule, with the product or the supplier it is about."""

    rule: str
    product: int | None = None
    supplier: int | None = None
    other: int | None = None


def evaluate(instance: Instance, packs: Mapping[int, int]) -> Evaluation | Violation:
    """Price `packs` (offer index → packs) or name the first rule they break.

    The tier is forced: it is the highest one the order reaches, also where a lower one would be cheaper in the end.
    """
    lines: dict[int, list[tuple[int, int]]] = {}
    units = [0] * len(instance.products)
    buyers: list[list[int]] = [[] for _ in instance.products]
    for index in sorted(packs):
        count = packs[index]
        if count == 0:
            continue
        if not 0 <= index < len(instance.offers) or count < 0:
            return Violation(UNKNOWN_OFFER)
        offer = instance.offers[index]
        if count > offer.max_packs:
            return Violation(MAX_PACKS, offer.product, offer.supplier)
        units[offer.product] += count * offer.pack
        buyers[offer.product].append(offer.supplier)
        lines.setdefault(offer.supplier, []).append((index, count))
    broken = _products(instance, units, buyers) or _suppliers(instance, sorted(lines))
    if broken:
        return broken
    orders = []
    for supplier in sorted(lines):
        order = invoice(instance, supplier, lines[supplier])
        if isinstance(order, Violation):
            return order
        orders.append(order)
    return Evaluation(sum(o.goods_cents + o.freight_cents for o in orders), tuple(orders))


def invoice(instance: Instance, index: int, lines: list[tuple[int, int]]) -> Order | Violation:
    """One supplier's invoice for (offer index, packs)."""
    supplier = instance.suppliers[index]
    reached = _reached(instance, supplier, lines)
    if any(0 < r < s.least for s, r in zip(supplier.schemes, reached, strict=True)):
        return Violation(MIN_QUANTITY, supplier=index)
    tiers = _forced(supplier, reached)
    goods = sum(n * instance.offers[o].prices[tiers[instance.offers[o].scheme]] for o, n in lines)
    if goods < supplier.min_order_value:
        return Violation(MIN_VALUE, supplier=index)
    if supplier.min_order_units and sum(n * instance.offers[o].pack for o, n in lines) < supplier.min_order_units:
        return Violation(MIN_UNITS, supplier=index)
    free = supplier.franco is not None and goods >= supplier.franco
    return Order(index, tiers, goods, 0 if free else supplier.freight)


def forced_tiers(instance: Instance, supplier: Supplier, lines: list[tuple[int, int]]) -> tuple[int, ...]:
    return _forced(supplier, _reached(instance, supplier, lines))


def _reached(instance: Instance, supplier: Supplier, lines: list[tuple[int, int]]) -> list[int]:
    """How far the lines carry in each scheme."""
    reached = [0] * len(supplier.schemes)
    for index, count in lines:
        offer = instance.offers[index]
        reached[offer.scheme] += count * supplier.metric(offer)
    return reached


def _forced(supplier: Supplier, reached: list[int]) -> tuple[int, ...]:
    return tuple(bisect_right(s.starts, r) - 1 for s, r in zip(supplier.schemes, reached, strict=True))


def delivering(instance: Instance, packs: Mapping[int, int], orders: tuple[Order, ...]) -> list[list[int]]:
    """Supplier, scheme and forced tier of every scheme of which an award buys something."""
    bought = {(instance.offers[o].supplier, instance.offers[o].scheme) for o, count in packs.items() if count}
    return [[o.supplier, g, r] for o in orders for g, r in enumerate(o.tiers) if (o.supplier, g) in bought]


def _products(instance: Instance, units: list[int], buyers: list[list[int]]) -> Violation | None:
    for k, product in enumerate(instance.products):
        if units[k] < product.demand:
            return Violation(DEMAND, k)
        if units[k] > product.demand + product.max_surplus:
            return Violation(SURPLUS, k)
        if product.max_suppliers is not None and len(buyers[k]) > product.max_suppliers:
            return Violation(PRODUCT_SUPPLIERS, k)
    for group in instance.single_source_groups:
        sources = {i for k in group for i in buyers[k]}
        if len(sources) > 1:
            return Violation(SINGLE_SOURCE, group[0], min(sources), max(sources))
    return None


def _suppliers(instance: Instance, used: list[int]) -> Violation | None:
    if instance.max_suppliers is not None and len(used) > instance.max_suppliers:
        return Violation(MAX_SUPPLIERS)
    for one, other in instance.conflicts:
        if one in used and other in used:
            return Violation(CONFLICT, supplier=one, other=other)
    return None
