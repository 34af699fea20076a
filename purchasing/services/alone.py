"""What a company would pay alone, with the same quotes: the promise behind the fairness policy."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from companies.money import share
from purchasing.comparison import terms_of
from purchasing.models import Quote
from purchasing.rules.landed import Landed, cheapest_volume, freight_due
from purchasing.rules.landed import Quote as Terms

MOST_SUPPLIERS = 3
FEW_LINES = 20


def stand_alone(quotes: Sequence[Quote], wanted: Mapping[int, int]) -> dict[int, int] | None:
    """The cheapest way found to buy `wanted` (pool line → quantity) alone, as net cents per pool line.

    One quote is looked at exactly, volumes above the need included; small baskets are also split between up to three
    suppliers. None when no supplier would sell so little: then there is no alternative and no cap.
    """
    offers: dict[int, dict[int, Landed]] = {}
    for quote in quotes:
        for line in quote.lines.all():
            if line.pool_line_id in wanted and (terms := terms_of(line)).tiers:
                alone = len(wanted) == 1
                one = Terms(terms, quote.freight_cents, quote.franco_cents) if alone else Terms(terms)
                row = cheapest_volume(one, wanted[line.pool_line_id])
                if line.available is None or row.ordered <= line.available:
                    offers.setdefault(quote.pk, {})[line.pool_line_id] = row
    by_pk = {quote.pk: quote for quote in quotes}
    sizes = range(1, (MOST_SUPPLIERS if len(wanted) <= FEW_LINES else 1) + 1)
    best: tuple[int, dict[int, int]] | None = None
    for size in sizes:
        for group in combinations(sorted(offers), size):
            found = _buy([by_pk[pk] for pk in group], offers, wanted)
            if found and (best is None or found[0] < best[0]):
                best = found
    if best is None:
        return None
    lines = sorted(best[1])
    parts = share(best[0], [best[1][pk] for pk in lines]) if any(best[1].values()) else [0] * len(lines)
    return dict(zip(lines, parts, strict=True))


def _buy(
    group: Sequence[Quote], offers: Mapping[int, Mapping[int, Landed]], wanted: Mapping[int, int]
) -> tuple[int, dict[int, int]] | None:
    """Total and goods per line when each line goes to the cheapest of the group; None below a minimum."""
    goods: dict[int, int] = {}
    per_quote: dict[int, int] = {}
    for line in wanted:
        rows = [(offers[q.pk][line].goods_cents, q.pk) for q in group if line in offers[q.pk]]
        if not rows:
            return None
        cents, pk = min(rows)
        goods[line] = cents
        per_quote[pk] = per_quote.get(pk, 0) + cents
    total = 0
    for quote in group:
        spent = per_quote.get(quote.pk, 0)
        if spent and spent < quote.minimum_cents:
            return None
        total += spent + freight_due(spent, quote.freight_cents, quote.franco_cents)
    return total, goods
