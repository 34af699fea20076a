"""The quotes that won the lines of a pool, as the rules read them: no object per line but the line itself."""

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import QuerySet

from purchasing.models import AwardLine, Pool, PoolLine, PriceTier, Quote
from purchasing.rules.tiers import Terms, Tier


class Won(NamedTuple):
    line: PoolLine
    quote: Quote
    terms: Terms


def _won(pool: Pool) -> QuerySet[AwardLine]:
    return AwardLine.objects.filter(award__tender__pool=pool, award__state="confirmed")


def winning_ids(pool: Pool) -> list[int]:
    """The pool lines that somebody won, in order."""
    return list(_won(pool).order_by("pool_line__position").values_list("pool_line", flat=True))


def winning_terms(pool: Pool, lines: Collection[int] | None = None) -> list[Won]:
    """The quote and terms that won each pool line (or each of `lines`), in order; empty before a confirmed award."""
    won = _won(pool) if lines is None else _won(pool).filter(pool_line__in=lines)
    names = ("pool_line_id", "quote_line_id", "quote_line__quote_id", "quote_line__pack", "quote_line__moq")
    rows = list(won.order_by("pool_line__position").values_list(*names))
    steps: dict[int, list[Tier]] = {}
    priced = PriceTier.objects.filter(quote_line__in=[row[1] for row in rows]).order_by("quote_line", "from_qty")
    for offer, from_quantity, price in priced.values_list("quote_line_id", "from_qty", "unit_price_e4"):
        steps.setdefault(offer, []).append(Tier(from_quantity, price))
    known = PoolLine.objects.in_bulk([row[0] for row in rows])
    quotes = Quote.objects.select_related("invitation__supplier").in_bulk({row[2] for row in rows})
    return [
        Won(known[line], quotes[quote], Terms(tuple(steps.get(offer, ())), pack, moq))
        for line, offer, quote, pack, moq in rows
    ]
