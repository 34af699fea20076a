"""Why each losing quote lost, in figures: line by line, and for a supplier that won nothing, at its best.

Everything is priced by the exact evaluator, with the rest of the award as it is: it is what that change costs, not a new
optimum. Amounts are in the money of the instance.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from purchasing.rules.award.evaluate import (
    CONFLICT,
    MAX_SUPPLIERS,
    MIN_QUANTITY,
    MIN_UNITS,
    MIN_VALUE,
    SINGLE_SOURCE,
    Evaluation,
    Violation,
    evaluate,
    forced_tiers,
)
from purchasing.rules.award.instance import Instance, Offer

DEARER, NOT_ENOUGH, NO_PACKS = "dearer", "not_enough", "no_packs"
OWN_MINIMUM, OTHER_MINIMUM = "own_minimum", "other_minimum"  # a value
OWN_UNITS, OTHER_UNITS = "own_units", "other_units"  # a number of units, of all its goods or of what counts together
MINIMUMS = {
    MIN_VALUE: (OWN_MINIMUM, OTHER_MINIMUM),
    MIN_UNITS: (OWN_UNITS, OTHER_UNITS),
    MIN_QUANTITY: (OWN_UNITS, OTHER_UNITS),
}
COUNTED = (OWN_UNITS, OTHER_UNITS)  # `missing` is in units here, else money


@dataclass(frozen=True, slots=True)
class Lost:
    """One offer that was not taken. `dearer`: what buying the product there instead adds, `goods` + `freight` = `extra`.

    `own_minimum`, `own_units`: this supplier would stay `missing` below its minimum; `other_…`: `other`, who wins the
    product now, would fall `missing` below its own. `max_suppliers`: one more than the `limit` allowed. `conflict`: not
    beside `other`. `single_source_group`: products of its group stay with `other`. Else `not_enough` or `no_packs`.
    """

    offer: int
    why: str
    extra: int = 0
    goods: int = 0
    freight: int = 0
    missing: int = 0
    other: int | None = None
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Unused:
    """A supplier that wins nothing: what the cheapest way found to use it would add.

    `cheaper` of its `lines` offers cost less than what wins, together `saves`; taking `taken` of them adds `extra` in
    all, of which `freight` is freight. `why` is `dearer`; or `own_minimum`, `own_units` with what is `missing` even with
    everything; else what stands in the way with `taken` of its lines, in the words of `Lost`.
    """

    supplier: int
    why: str
    lines: int
    cheaper: int
    saves: int
    taken: int = 0
    extra: int = 0
    freight: int = 0
    missing: int = 0
    other: int | None = None
    limit: int = 0


def lost(instance: Instance, packs: Mapping[int, int]) -> list[Lost]:
    """Every offer not taken, with its reason, in the order of the offers. Raises ValueError for an illegal award."""
    now = _legal(instance, packs)
    rows = instance.by_product()
    return [_offer(instance, packs, now, o, rows[o.product]) for o in instance.offers if not packs.get(o.index)]


def _legal(instance: Instance, packs: Mapping[int, int]) -> Evaluation:
    result = evaluate(instance, packs)
    if isinstance(result, Violation):
        raise ValueError(f"this award breaks {result.rule}")
    return result


def needed(instance: Instance, offer: Offer) -> int | None:
    """Packs with which this offer alone covers its product; None when it cannot."""
    count = -(-instance.products[offer.product].demand // offer.pack)
    return count if count <= instance.limit(offer) else None


def _swap(instance: Instance, packs: Mapping[int, int], offers: list[Offer]) -> dict[int, int]:
    """The award with the products of `offers` bought there alone."""
    products = {o.product for o in offers}
    changed = {o: n for o, n in packs.items() if instance.offers[o].product not in products}
    changed.update({o.index: needed(instance, o) or 0 for o in offers})
    return changed


def _offer(instance: Instance, packs: Mapping[int, int], now: Evaluation, offer: Offer, row: list[Offer]) -> Lost:
    if needed(instance, offer) is None:
        short = offer.max_packs * offer.pack < instance.products[offer.product].demand
        return Lost(offer.index, NOT_ENOUGH if short else NO_PACKS)
    changed = _swap(instance, packs, [offer])
    result = evaluate(instance, changed)
    if isinstance(result, Evaluation):
        return Lost(offer.index, DEARER, *_difference(now, result))
    why, missing, other, limit = _broken(instance, changed, result, offer.supplier)
    return Lost(offer.index, why, missing=missing, other=other, limit=limit)


def _broken(
    instance: Instance, packs: Mapping[int, int], broken: Violation, mine: int
) -> tuple[str, int, int | None, int]:
    """The reason behind a broken rule, as `mine` is told: why, what is missing, the other supplier, the limit."""
    if broken.rule in MINIMUMS and broken.supplier is not None:
        own, others = MINIMUMS[broken.rule]
        missing = _missing(instance, packs, broken)
        return (own, missing, None, 0) if broken.supplier == mine else (others, missing, broken.supplier, 0)
    if broken.rule == MAX_SUPPLIERS:
        return broken.rule, 0, None, instance.max_suppliers or 0
    if broken.rule in (CONFLICT, SINGLE_SOURCE):
        other = broken.other if broken.supplier == mine else broken.supplier
        return broken.rule, 0, other, 0
    return broken.rule, 0, None, 0


def _missing(instance: Instance, packs: Mapping[int, int], broken: Violation) -> int:
    """How far a supplier stays below the minimum it breaks: money for a value, else units (or list value, as counted)."""
    index = broken.supplier or 0
    supplier = instance.suppliers[index]
    if broken.rule == MIN_VALUE:
        return supplier.min_order_value - goods_of(instance, packs, index)
    if broken.rule == MIN_UNITS:
        return supplier.min_order_units - sum(packs.get(o.index, 0) * o.pack for o in supplier.offers)
    short = []
    for number, scheme in enumerate(supplier.schemes):
        counted = sum(packs.get(o.index, 0) * supplier.metric(o) for o in supplier.offers if o.scheme == number)
        if 0 < counted < scheme.least:
            short.append(scheme.least - counted)
    return short[0]


def _difference(now: Evaluation, then: Evaluation) -> tuple[int, int, int]:
    freight = sum(o.freight_cents for o in then.orders) - sum(o.freight_cents for o in now.orders)
    extra = then.cost_cents - now.cost_cents
    return extra, extra - freight, freight


def goods_of(instance: Instance, packs: Mapping[int, int], supplier: int) -> int:
    """The goods value one supplier would invoice, its own minimum left aside."""
    row = instance.suppliers[supplier]
    lines = [(o.index, packs[o.index]) for o in row.offers if packs.get(o.index)]
    tiers = forced_tiers(instance, row, lines)
    return sum(n * instance.offers[o].prices[tiers[instance.offers[o].scheme]] for o, n in lines)


def unused(instance: Instance, packs: Mapping[int, int]) -> list[Unused]:
    """Every supplier that wins nothing although it offers something that could be taken."""
    now = _legal(instance, packs)
    won = {order.supplier for order in now.orders}
    paid = _paid(instance, packs, now)
    found = []
    for i, supplier in enumerate(instance.suppliers):
        usable = [o for o in supplier.offers if needed(instance, o) and instance.products[o.product].demand]
        if i not in won and usable:
            found.append(_unused(instance, packs, now, i, usable, paid))
    return found


def _paid(instance: Instance, packs: Mapping[int, int], now: Evaluation) -> list[int]:
    """Product → what its goods cost now."""
    tiers = {order.supplier: order.tiers for order in now.orders}
    paid = [0] * len(instance.products)
    for index, count in packs.items():
        offer = instance.offers[index]
        if count:
            paid[offer.product] += count * offer.prices[tiers[offer.supplier][offer.scheme]]
    return paid


def _unused(
    instance: Instance, packs: Mapping[int, int], now: Evaluation, i: int, usable: list[Offer], paid: list[int]
) -> Unused:
    """Take its cheaper lines, else its least dear one; then more lines, least dear first, until its minimum is reached."""
    gain = {o.index: paid[o.product] - goods_of(instance, {o.index: needed(instance, o) or 0}, i) for o in usable}
    ranked = sorted(usable, key=lambda o: (-gain[o.index], o.index))
    cheaper = [o for o in ranked if gain[o.index] > 0]
    facts = (len(usable), len(cheaper), sum(gain[o.index] for o in cheaper))
    best: Unused | None = None
    ways: list[Unused] = []
    for taken in range(max(1, len(cheaper)), len(ranked) + 1):
        changed = _swap(instance, packs, ranked[:taken])
        result = evaluate(instance, changed)
        if isinstance(result, Evaluation):
            extra, _goods, freight = _difference(now, result)
            if best is None or extra < best.extra:
                best = Unused(i, DEARER, *facts, taken=taken, extra=extra, freight=freight)
        elif best is None:
            why, missing, other, limit = _broken(instance, changed, result, i)
            ways.append(Unused(i, why, *facts, taken=taken, missing=missing, other=other, limit=limit))
    if best is not None:
        return best
    everything = goods_of(instance, _swap(instance, packs, ranked), i)
    if missing := max(0, instance.suppliers[i].min_order_value - everything):
        return Unused(i, OWN_MINIMUM, *facts, missing=missing)
    return _in_the_way(ways)


def _in_the_way(ways: list[Unused]) -> Unused:
    """Why nothing works: its own minimum where even everything is too little; else what comes nearest with enough lines."""
    if ways[-1].why == OWN_UNITS:
        return ways[-1]
    others = [way for way in ways if way.why in (OTHER_MINIMUM, OTHER_UNITS)]
    return min(others, key=lambda way: (way.missing, way.taken), default=ways[-1])
