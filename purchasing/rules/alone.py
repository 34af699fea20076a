"""The least a company could pay alone for its units, at the quotes of the tender: exact, or a bound that is proven.

Alone, a company buys at least its units of every line, in whole packs, from any quotes, a line also from several; more
than it needs only as far as packs, a minimum quantity or a better tier make that the cheapest way at one of the quotes.
Money in hundredths of a cent here, rounded once into cents at the end.

The lower bound is the Lagrangian dual of "every line is covered": each line offers a price, each supplier takes the
lines it would gain from after its freight. Whatever prices are offered, no purchase costs less than what the dual says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, gcd, inf
from typing import Any

import numpy as np

from purchasing.rules.award.instance import Instance, Offer, Product, Scheme, Supplier
from purchasing.rules.award.preference import reduced
from purchasing.rules.landed import half_up
from purchasing.rules.tiers import Terms

SCALE = 100  # parts of a cent
NEVER = 1 << 60
STEPS = 120
AGAIN_STEPS = 12  # from prices that were good for nearly the same units
# How much of a supplier's minimum or franco is put on its goods; every value gives a bound.
PULLS = (0.0, 0.04, 0.12, 0.35, 1.0)
MOST_MOVES = 60


@dataclass(frozen=True, slots=True)
class Supply:
    """A quote's conditions on the goods at tier prices, in cents; franco None: freight is never free."""

    freight_cents: int = 0
    franco_cents: int | None = None
    minimum_cents: int = 0


@dataclass(frozen=True, slots=True)
class Offered:
    """What a quote offers for a line; `line` is any key, `supply` the index of the quote."""

    line: int
    supply: int
    terms: Terms
    available: int | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Where an answer ended, from which nearly the same question is answered at once: the quotes bought from, and per
    line the price of the bound as a multiple of the least the line could cost. Any numbers give a bound that holds."""

    used: tuple[int, ...]
    rates: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Alone:
    """The answer for one company in cents: `cents` a promise that holds, exact where `proven`, else a lower bound.

    `found_cents` is what the cheapest way found costs; `parts` shares `cents` out over the lines; `start` is for next time.
    """

    cents: int
    found_cents: int
    proven: bool
    parts: Mapping[int, int]
    start: Start | None = None


class Market:
    """All offers of a tender as arrays, asked for one company after the other."""

    def __init__(self, offers: Sequence[Offered], supplies: Sequence[Supply]) -> None:
        self.offers = [o for o in offers if o.terms.tiers]
        self.supplies = supplies
        self.lines = sorted({o.line for o in self.offers})
        at = {line: n for n, line in enumerate(self.lines)}
        shape = (len(self.lines), len(supplies))
        tiers = max((len(o.terms.tiers) for o in self.offers), default=1)
        self.starts = np.full((tiers, *shape), NEVER, dtype=np.int64)
        self.prices = np.zeros((tiers, *shape), dtype=np.int64)
        self.pack = np.ones(shape, dtype=np.int64)
        self.least = np.ones(shape, dtype=np.int64)
        self.most = np.zeros(shape, dtype=np.int64)
        self.common = np.zeros(shape[0], dtype=np.int64)  # every quantity of the line that can be bought divides by it
        for o in self.offers:
            k, i = at[o.line], o.supply
            for r, tier in enumerate(o.terms.tiers):
                self.starts[r, k, i], self.prices[r, k, i] = tier.from_quantity if r else 0, tier.unit_price_e4
            self.pack[k, i], self.least[k, i] = o.terms.pack, max(1, o.terms.least)
            self.most[k, i] = (NEVER >> 20) if o.available is None else o.available
            self.common[k] = gcd(int(self.common[k]), o.terms.pack)
        self.freight = np.array([s.freight_cents * SCALE for s in supplies], dtype=np.int64)
        self.minimum = np.array([s.minimum_cents * SCALE for s in supplies], dtype=np.int64)
        self.franco = np.array(
            [NEVER if s.franco_cents is None else s.franco_cents * SCALE for s in supplies], dtype=np.int64
        )

    def price(self, wanted: Mapping[int, int], *, quick: bool = False, start: Start | None = None) -> Alone | None:
        """The least for these units (line → units), without a solver. None when no quote would sell so little.

        `quick`: a rougher bound and a dearer way, in a tenth of the time. With `start`, where an answer for other units
        ended, the search goes on from there: as close in a fiftieth of the time where few units differ.
        """
        wanted = {line: n for line, n in wanted.items() if n > 0}
        known = set(self.lines)
        if not wanted or not set(wanted) <= known:
            return None
        case = Case(self, wanted)
        plan = case.plan_from(start) if start is not None else None
        if start is not None and plan is not None:
            return case.answer(*plan, *case.bound(plan[0], AGAIN_STEPS, start))
        plan = case.plan(moves=not quick)
        if plan is None:
            return None
        return case.answer(*plan, *case.bound(plan[0], STEPS // 10 if quick else STEPS))

    def problem(self, wanted: Mapping[int, int]) -> Instance:
        """The same question for the solver, exact in every rule."""
        return Case(self, {line: n for line, n in wanted.items() if n > 0}).instance()


class Case:
    """One company's units at a market."""

    def __init__(self, market: Market, wanted: Mapping[int, int]) -> None:
        self.market, self.wanted = market, wanted
        self.rows = [n for n, line in enumerate(market.lines) if line in wanted]
        self.keys = [market.lines[n] for n in self.rows]
        self.need = np.array([wanted[key] for key in self.keys], dtype=np.int64)
        self._cover()

    def _cover(self) -> None:
        """For each line and quote: the cheapest volume that covers the need, and the least a unit could cost."""
        m, rows = self.market, self.rows
        pack, most, starts, prices = m.pack[rows], m.most[rows], m.starts[:, rows], m.prices[:, rows]
        common = np.maximum(m.common[rows], 1)
        least_bought = -(-self.need // common) * common
        self.cost: Any = np.full(pack.shape, NEVER, dtype=np.int64)
        self.volume: Any = np.zeros(pack.shape, dtype=np.int64)
        self.share: Any = np.full(pack.shape, inf)
        for r in range(len(starts)):
            exists = starts[r] < NEVER
            from_quantity = np.where(exists, starts[r], 1)
            whole = _packs(np.maximum(np.maximum(from_quantity, m.least[rows]), self.need[:, None]), pack)
            cost = np.where(exists & (whole <= most), whole * _price_at(starts, prices, whole), NEVER)
            better = cost < self.cost
            self.volume = np.where(better, whole, self.volume)
            self.cost = np.where(better, cost, self.cost)
            first = _packs(np.maximum(from_quantity, m.least[rows]), pack)
            paid = first * _price_at(starts, prices, first)
            part = paid / np.minimum(first, least_bought[:, None]) * least_bought[:, None]
            self.share = np.where(exists & (first <= most), np.minimum(self.share, part), self.share)
        self.cap = np.minimum(1.0, most / least_bought[:, None])

    def plan(self, *, moves: bool = True) -> tuple[int, list[int]] | None:
        """A cheap way to buy: its cost and the quote of each line. Every line whole from one quote, by moves over quotes."""
        usable = [i for i in range(self.cost.shape[1]) if (self.cost[:, i] < NEVER).any()]
        best = self._repaired(frozenset(usable))
        for i in usable:
            best = _cheaper(best, self._buy(frozenset([i])))
        for _turn in range(MOST_MOVES if moves else 0):
            if best is None:
                break
            before = best[0]
            used = frozenset(best[1])
            groups = [used - {i} for i in used if len(used) > 1] + [used | {i} for i in usable if i not in used]
            for group in groups:
                best = _cheaper(best, self._buy(group))
            if best is None or best[0] == before:
                break
        return best

    def plan_from(self, start: Start) -> tuple[int, list[int]] | None:
        """The same, from the quotes of an earlier answer only; None where they no longer do."""
        group = frozenset(i for i in start.used if 0 <= i < self.cost.shape[1])
        return self._repaired(group)

    def _repaired(self, group: frozenset[int]) -> tuple[int, list[int]] | None:
        """Buy from the group; suppliers whose minimum is missed leave, the one that lacks most first."""
        while group:
            found = self._assign(group)
            if found is None:
                return None
            chosen, goods = found
            lack = np.where(goods > 0, self.market.minimum - goods, 0)
            worst = int(lack.argmax())
            if lack[worst] <= 0:
                return self._total(chosen, goods)
            group -= {worst}
        return None

    def _buy(self, group: frozenset[int]) -> tuple[int, list[int]] | None:
        found = self._assign(group)
        if found is None or ((found[1] > 0) & (found[1] < self.market.minimum)).any():
            return None
        return self._total(*found)

    def _assign(self, group: frozenset[int]) -> tuple[Any, Any] | None:
        columns = np.array(sorted(group))
        costs = self.cost[:, columns]
        best = costs.argmin(axis=1)
        paid = costs[np.arange(len(best)), best]
        if (paid >= NEVER).any():
            return None
        goods = np.zeros(self.cost.shape[1], dtype=np.int64)
        np.add.at(goods, columns[best], paid)
        return columns[best], goods

    def _total(self, chosen: Any, goods: Any) -> tuple[int, list[int]]:
        used = np.unique(chosen)
        pays = used[goods[used] < self.market.franco[used]]
        return int(goods.sum() + self.market.freight[pays].sum()), [int(i) for i in chosen]

    def bound(self, found: int, steps: int, start: Start | None = None) -> tuple[int, Any]:
        """No way to buy costs less, in hundredths of a cent, and the prices that say so; `found` is what one way costs."""
        shares = np.where(np.isfinite(self.share), self.share, float(NEVER))
        dual = Dual(self.market, shares, self.cap)
        least = shares.min(axis=1)
        values, step, patience = least, 1.0, 8
        if start is not None:
            values, step, patience = least * np.array([start.rates.get(key, 1.0) for key in self.keys]), 0.125, 3
        best, kept, idle = 0.0, values, 0
        for _turn in range(steps):
            value, slope = dual.at(values)
            if value > best:
                best, kept, idle = value, values, 0
            else:
                idle += 1
            if found - best < SCALE / 4:
                break
            if idle == patience:
                step, idle = step / 2, 0
            length = float((slope * slope).sum())
            if length < 1e-12 or step < 1e-3:
                break
            values = values + step * max(1.0, found - value) / length * slope
        rates = np.divide(kept, least, out=np.ones_like(least), where=least > 0)  # a line may be free
        return min(found, max(0, ceil(best - 0.01 - 1e-9 * best))), rates

    def answer(self, found: int, chosen: Sequence[int], bound: int, rates: Any) -> Alone:
        cents, least = half_up(found, SCALE), half_up(bound, SCALE)
        weights = [int(self.cost[n, i]) for n, i in enumerate(chosen)]
        start = Start(tuple(sorted(set(chosen))), {key: round(float(rates[n]), 5) for n, key in enumerate(self.keys)})
        return Alone(least, cents, least == cents, parts_of(least, self.keys, weights), start)

    def instance(self) -> Instance:
        """The question as an award of one company: lines are products, quotes are suppliers."""
        index = {key: n for n, key in enumerate(self.keys)}
        spare = np.where(self.cost < NEVER, self.volume - self.need[:, None], 0).max(axis=1)
        products = tuple(Product(str(key), self.wanted[key], int(spare[n])) for key, n in index.items())
        suppliers: list[Supplier] = []
        offers = 0
        for i, supply in enumerate(self.market.supplies):
            mine = [o for o in self.market.offers if o.supply == i and o.line in index]
            rows: list[Offer] = []
            schemes: list[Scheme] = []
            for o in mine:
                n = index[o.line]
                most = self.wanted[o.line] + int(spare[n])
                packs = (most if o.available is None else min(most, o.available)) // o.terms.pack
                tiers = o.terms.tiers
                starts = (0, *(t.from_quantity for t in tiers[1:]))
                prices = tuple(o.terms.pack * t.unit_price_e4 for t in tiers)
                rows.append(Offer(offers, i, n, o.terms.pack, packs, len(schemes), prices))
                schemes.append(Scheme("units", starts, max(0, o.terms.least)))
                offers += 1
            franco = None if supply.franco_cents is None else supply.franco_cents * SCALE
            suppliers.append(
                Supplier(
                    str(i),
                    tuple(schemes),
                    tuple(rows),
                    supply.minimum_cents * SCALE,
                    0,
                    supply.freight_cents * SCALE,
                    franco,
                )
            )
        return reduced(Instance(products, tuple(suppliers), scale=SCALE))


class Dual:
    """What all suppliers together could gain at given prices of the lines; `at` says the bound and where it rises."""

    def __init__(self, market: Market, shares: Any, cap: Any) -> None:
        self.market, self.shares = market, shares
        self.cap = None if (cap == 1.0).all() else cap
        self.free = market.franco < NEVER
        self.minimum = market.minimum.astype(float)
        self.both = np.maximum(self.minimum, np.where(self.free, market.franco, 0)).astype(float)
        pulls = PULLS if self.both.any() else (0.0,)
        self.pulls = np.array(pulls)
        self.pulled = [(1 - p) * shares for p in pulls]

    def at(self, values: Any) -> tuple[float, Any]:
        """A supplier pays freight, or its goods reach franco; the goods reach its minimum: the pull that says least."""
        offered = values[:, None]
        sums = np.array([self._taken(offered, pulled) for pulled in self.pulled])
        places = range(sums.shape[1])
        paying = sums - self.pulls[:, None] * self.minimum
        which = paying.argmin(axis=0)
        gain = paying[which, places] - self.market.freight
        if self.free.any():
            franco = sums - self.pulls[:, None] * self.both
            other = franco.argmin(axis=0)
            free = np.where(self.free, franco[other, places], -inf)
            which, gain = np.where(free > gain, other, which), np.maximum(free, gain)
        taken = (gain > 0) & (offered > (1 - self.pulls[which]) * self.shares)
        cover = taken.sum(axis=1) if self.cap is None else np.where(taken, self.cap, 0.0).sum(axis=1)
        return float(values.sum() - np.maximum(gain, 0).sum()), 1.0 - cover

    def _taken(self, offered: Any, pulled: Any) -> Any:
        gains = offered - pulled
        np.maximum(gains, 0.0, out=gains)
        return (gains if self.cap is None else gains * self.cap).sum(axis=0)


def parts_of(cents: int, keys: Sequence[int], weights: Sequence[int]) -> dict[int, int]:
    """An amount over the lines, by what they cost in the way that was found."""
    from purchasing.rules.shares import share

    return dict(zip(keys, share(cents, weights if any(weights) else [1] * len(keys)), strict=True))


def _packs(units: Any, pack: Any) -> Any:
    return -(-units // pack) * pack


def _price_at(starts: Any, prices: Any, units: Any) -> Any:
    """The price of the tier that so many units force."""
    found = prices[0]
    for r in range(1, len(starts)):
        found = np.where(units >= starts[r], prices[r], found)
    return found


def _cheaper(one: tuple[int, list[int]] | None, other: tuple[int, list[int]] | None) -> tuple[int, list[int]] | None:
    if one is None or (other is not None and other[0] < one[0]):
        return other
    return one
