"""Landed cost of a quote at a volume: tiers, packs, minimum, discount, freight with its free threshold (franco)."""

from dataclasses import dataclass
from typing import NamedTuple

from purchasing.rules import packs
from purchasing.rules.tiers import Terms, tier_at


@dataclass(frozen=True, slots=True)
class Quote:
    """One supplier's conditions for one article. Franco and minimum look at goods at tier price, net of VAT."""

    terms: Terms
    freight_cents: int = 0
    franco_cents: int | None = None  # None: freight is never free
    minimum_cents: int = 0
    discount_bp: int = 0


class Landed(NamedTuple):
    wanted: int
    ordered: int
    unit_price_e4: int
    goods_cents: int
    discount_cents: int
    freight_cents: int
    minimum_missing_cents: int

    @property
    def total_cents(self) -> int:
        return self.goods_cents - self.discount_cents + self.freight_cents

    @property
    def unit_cost_e4(self) -> int:
        """What one wanted unit costs in the end, leftovers of packs included."""
        return -(-self.total_cents * 100 // self.wanted) if self.wanted else 0


def half_up(numerator: int, denominator: int) -> int:
    """Divide and round half away from zero.

    >>> half_up(1257012, 100), half_up(-5, 2)
    (12570, -3)
    """
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def freight_due(goods_cents: int, freight_cents: int, franco_cents: int | None) -> int:
    """Freight is free from the franco on, inclusive; nothing bought costs nothing.

    >>> freight_due(49500, 3500, 50000), freight_due(50000, 3500, 50000)
    (3500, 0)
    """
    if goods_cents <= 0 or (franco_cents is not None and goods_cents >= franco_cents):
        return 0
    return freight_cents


def landed(quote: Quote, wanted: int) -> Landed:
    """What `wanted` units cost from this supplier, bought in whole packs and not below the minimum quantity.

    >>> from purchasing.rules.tiers import Tier
    >>> landed(Quote(Terms((Tier(1, 34917),), pack=12), freight_cents=1990, franco_cents=50000), 33).total_cents
    14560
    """
    if wanted <= 0:
        return Landed(0, 0, 0, 0, 0, 0, 0)
    ordered = packs.round_up(max(wanted, quote.terms.least), quote.terms.pack)
    tier = tier_at(quote.terms.tiers, ordered)
    price = tier.unit_price_e4 if tier else 0
    goods = half_up(ordered * price, 100)
    return Landed(
        wanted,
        ordered,
        price,
        goods,
        half_up(goods * quote.discount_bp, 10_000),
        freight_due(goods, quote.freight_cents, quote.franco_cents),
        max(0, quote.minimum_cents - goods),
    )


def cheapest_volume(quote: Quote, wanted: int) -> Landed:
    """The cheapest order that covers `wanted`: sometimes the next tier or the franco costs less in all."""
    if wanted <= 0:
        return landed(quote, wanted)
    volumes = {wanted} | {t.from_quantity for t in quote.terms.tiers if t.from_quantity > wanted}
    if quote.franco_cents is not None:
        for tier in quote.terms.tiers:
            if tier.unit_price_e4 > 0:
                volumes.add(max(wanted, tier.from_quantity, -(-quote.franco_cents * 100 // tier.unit_price_e4)))
    best = landed(quote, wanted)
    lowest = 0 if quote.discount_bp else min((t.unit_price_e4 for t in quote.terms.tiers), default=0)
    for volume in sorted(volumes - {wanted}):
        if volume * lowest <= best.total_cents * 100:  # otherwise even the best price could not make it cheaper
            best = min(best, landed(quote, volume), key=lambda row: (row.total_cents, row.ordered))
    return best
