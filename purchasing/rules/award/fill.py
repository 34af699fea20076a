"""Buying one product at assumed prices: which packs of which offers cover the demand cheaply."""

from typing import NamedTuple

# The exact fallback looks at every reachable quantity; beyond this size it is left to the solver.
MOST_STEPS = 200_000
# Where few suppliers are allowed, the cheapest one may be too small: the fill is also begun at the next ones.
MOST_STARTS = 8


class Choice(NamedTuple):
    """An offer at its assumed price in cents per pack. `rank` orders by price per unit."""

    rank: int
    offer: int
    cents: int
    pack: int
    limit: int


def choice(offer: int, cents: int, pack: int, limit: int) -> Choice:
    return Choice(cents * 1_000_000 // pack, offer, cents, pack, limit)


Fill = tuple[int, tuple[tuple[int, int], ...]]  # cost at assumed prices, (offer index, packs)


def cover(choices: list[Choice], demand: int, surplus: int, most: int | None) -> Fill | None:
    """Return a cheap way to buy demand … demand + surplus units from at most `most` offers, or None.

    Greedy by unit price, each rest also tried as one offer's last packs; exact when greedy finds nothing.

    >>> cover([choice(0, 1000, 12, 9), choice(1, 90, 1, 99)], 14, 0, None)
    (1180, ((0, 1), (1, 2)))
    """
    if demand == 0:
        return 0, ()
    if most == 0:
        return None
    ranked = sorted(choices)
    best: Fill | None = None
    limited = most is not None and most < len(ranked)
    for start in range(min(len(ranked), MOST_STARTS if limited else 1)):
        best = _better(best, _greedy(ranked[start:], demand, surplus, most))
    for _, offer, cents, pack, limit in ranked:
        packs = -(-demand // pack)
        if packs <= limit and packs * pack <= demand + surplus and (best is None or packs * cents < best[0]):
            best = packs * cents, ((offer, packs),)
    if best is None and (most is None or most >= len(ranked)):
        return _exact(ranked, demand, surplus)
    return best


def _better(one: Fill | None, other: Fill | None) -> Fill | None:
    if one is None or (other is not None and other[0] < one[0]):
        return other
    return one


def _greedy(ranked: list[Choice], demand: int, surplus: int, most: int | None) -> Fill | None:
    best: Fill | None = None
    taken: list[tuple[int, int]] = []
    cost, rest = 0, demand
    for _, offer, cents, pack, limit in ranked:
        last = -(-rest // pack)
        if last <= limit and last * pack <= rest + surplus:
            total = cost + last * cents
            if best is None or total < best[0]:
                best = total, (*taken, (offer, last))
        packs = min(limit, rest // pack)
        if packs:
            taken.append((offer, packs))
            cost += packs * cents
            rest -= packs * pack
            if rest == 0 or len(taken) == most:
                break
    return best


def _exact(ranked: list[Choice], demand: int, surplus: int) -> Fill | None:
    """Bounded knapsack over every reachable quantity, packs of an offer in powers of two."""
    top = demand + surplus
    items = [(c, n) for c in ranked for n in _parts(min(c.limit, top // c.pack))]
    if top * len(items) > MOST_STEPS:
        return None
    costs: dict[int, Fill] = {0: (0, ())}
    for row, packs in items:
        for have in sorted(costs, reverse=True):
            reached = have + packs * row.pack
            if reached > top:
                continue
            cost = costs[have][0] + packs * row.cents
            if reached not in costs or cost < costs[reached][0]:
                costs[reached] = cost, (*costs[have][1], (row.offer, packs))
    found = [fill for units, fill in costs.items() if units >= demand]
    if not found:
        return None
    cost, taken = min(found)
    merged: dict[int, int] = {}
    for offer, packs in taken:
        merged[offer] = merged.get(offer, 0) + packs
    return cost, tuple(merged.items())


def _parts(count: int) -> list[int]:
    parts, size = [], 1
    while count > 0:
        parts.append(min(size, count))
        count -= size
        size *= 2
    return parts


def reachable(packs: list[tuple[int, int]], demand: int, surplus: int) -> bool | None:
    """Whether (pack, limit) pairs can add up to demand … demand + surplus. None when too large to tell.

    >>> reachable([(12, 5)], 10, 0), reachable([(12, 5)], 10, 2), reachable([(4, 1), (3, 2)], 10, 0)
    (False, True, True)
    """
    top = demand + surplus
    if top > 1_000_000:
        return None
    sums, mask = 1, (1 << (top + 1)) - 1
    for pack, limit in packs:
        for part in _parts(min(limit, top // pack)):
            sums |= (sums << (part * pack)) & mask
    return bool(sums >> demand)
