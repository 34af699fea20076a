"""A lower bound without a solver: each product alone, at the best price any tier could give."""

from fractions import Fraction

from purchasing.rules.award.instance import Instance


def floor_cents(instance: Instance) -> int:
    """No award costs less: every product bought by the unit, at its cheapest tiers, without freight."""
    total = Fraction(0)
    for row, product in zip(instance.by_product(), instance.products, strict=True):
        rest = product.demand
        for offer in sorted(row, key=lambda o: Fraction(min(o.prices), o.pack)):
            units = min(rest, instance.limit(offer) * offer.pack)
            total += Fraction(min(offer.prices) * units, offer.pack)
            rest -= units
    return -(-total.numerator // total.denominator)
