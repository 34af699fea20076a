"""The award people would make without computing: every line where its unit price is lowest."""

from dataclasses import dataclass
from fractions import Fraction

from purchasing.rules.award.evaluate import MIN_VALUE, Evaluation, evaluate
from purchasing.rules.award.instance import Instance, Offer
from purchasing.rules.award.losing import goods_of, needed


@dataclass(frozen=True, slots=True)
class LineByLine:
    """Its cost, or the rule it breaks: often a minimum of `supplier`, short by `missing`."""

    cost: int | None
    broken: str = ""
    supplier: int | None = None
    missing: int = 0


def cheapest_unit_prices(instance: Instance) -> LineByLine | None:
    """Buy each product whole where one unit is cheapest at the quantity needed; None when a product has no such offer."""
    packs: dict[int, int] = {}
    for product, row in zip(instance.products, instance.by_product(), strict=True):
        able = [o for o in row if needed(instance, o)]
        if not product.demand:
            continue
        if not able:
            return None
        best = min(able, key=lambda o: (_unit_price(instance, o), o.index))
        packs[best.index] = needed(instance, best) or 0
    result = evaluate(instance, packs)
    if isinstance(result, Evaluation):
        return LineByLine(result.cost_cents)
    missing = 0
    if result.rule == MIN_VALUE and result.supplier is not None:
        missing = instance.suppliers[result.supplier].min_order_value - goods_of(instance, packs, result.supplier)
    return LineByLine(None, result.rule, result.supplier, missing)


def _unit_price(instance: Instance, offer: Offer) -> Fraction:
    count = needed(instance, offer) or 0
    return Fraction(goods_of(instance, {offer.index: count}, offer.supplier), max(1, count * offer.pack))
