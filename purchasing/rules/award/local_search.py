"""A good award at once, without a solver: banned suppliers and an assumed tier per scheme, priced exactly.

Each product is bought at the assumed prices, the evaluator says what that really costs and which rule it breaks, a
broken rule bans a supplier. Moves ban, unban, and shift an assumed tier. It promises a legal award, not the best one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from purchasing.rules.award.evaluate import (
    CONFLICT,
    MAX_SUPPLIERS,
    MIN_UNITS,
    MIN_VALUE,
    Evaluation,
    Violation,
    evaluate,
)
from purchasing.rules.award.fill import Choice, Fill, choice, cover
from purchasing.rules.award.instance import Instance, Offer

Packs = dict[int, int]
# One tier beyond the last is a pretended price that pulls goods to a supplier whose minimum is missed.
PULL_PERCENT = 50
MOST_CACHED = 200_000


@dataclass(frozen=True, slots=True)
class State:
    banned: frozenset[int]
    tiers: tuple[int, ...]  # one per scheme, over all suppliers


@dataclass(slots=True)
class Found:
    cost_cents: int
    packs: Packs
    state: State


@dataclass(slots=True)
class Search:
    """The search for one instance. `clock` gives seconds; nothing starts after `deadline`."""

    instance: Instance
    clock: Callable[[], float]
    deadline: float
    on_found: Callable[[Packs], None] | None = None
    enough: Callable[[], bool] = lambda: False
    best: Found | None = None
    _first: list[int] = field(init=False)
    _choices: list[list[Choice]] = field(init=False)  # offer → one for each assumed tier
    _limits: list[int] = field(init=False)
    _blocks: list[tuple[int, ...]] = field(init=False)
    _offers: list[list[int]] = field(init=False)
    _rows: list[list[tuple[int, int, int]]] = field(init=False)  # product → offer, supplier, scheme of all
    _cache: dict[tuple[Any, ...], Fill | None] = field(default_factory=dict)
    _seen: set[State] = field(default_factory=set)
    _owner: list[int] = field(init=False)  # scheme → supplier
    _blocks_of: list[set[int]] = field(init=False)  # supplier → blocks it has an offer in
    _fills: list[Fill | None] = field(init=False)
    _kept: list[Fill | None] = field(init=False)
    _sold: list[dict[int, int]] = field(init=False)  # supplier → product → offer
    _kept_state: State | None = None

    def __post_init__(self) -> None:
        instance = self.instance
        self._first, total = [], 0
        for supplier in instance.suppliers:
            self._first.append(total)
            total += len(supplier.schemes)
        self._limits = [instance.limit(o) for o in instance.offers]
        self._choices = [
            [choice(o.index, cents, o.pack, self._limits[o.index]) for cents in self._prices(o)]
            for o in instance.offers
        ]
        self._offers = [[o.index for o in row] for row in instance.by_product()]
        self._rows = [
            [(o.index, o.supplier, self._first[o.supplier] + o.scheme) for o in row if self._limits[o.index]]
            for row in instance.by_product()
        ]
        self._blocks = _blocks(instance)
        self._owner = [i for i, s in enumerate(instance.suppliers) for _ in s.schemes]
        block_of = {k: b for b, block in enumerate(self._blocks) for k in block}
        self._blocks_of = [{block_of[o.product] for o in s.offers} for s in instance.suppliers]
        self._kept = [None] * len(self._blocks)
        self._sold = [{o.product: o.index for o in s.offers} for s in instance.suppliers]

    @staticmethod
    def _prices(offer: Offer) -> tuple[int, ...]:
        return (*offer.prices, offer.prices[-1] * PULL_PERCENT // 100)

    def run(self, random: Random) -> Found | None:
        """Search until the deadline or until nothing new is found, and return the best award met."""
        tops = tuple(len(s.starts) - 1 for supplier in self.instance.suppliers for s in supplier.schemes)
        none: frozenset[int] = frozenset()
        for tiers in (tops, tuple(t // 2 for t in tops), tuple(0 for _ in tops), tuple(t + 1 for t in tops)):
            self._try(State(none, tiers))
            if self._over():
                return self.best
        if self.best is None:
            self._few_suppliers(tops)
        self.resume(random)
        return self.best

    def resume(self, random: Random) -> None:
        """Go on from the best award met, until the deadline or until nothing new is found."""
        if self.best is not None:
            self._climb()
            self._kick(
                random, tuple(len(s.starts) - 1 for supplier in self.instance.suppliers for s in supplier.schemes)
            )

    def follow(self, tiers: Sequence[int]) -> None:
        """Begin again from assumed tiers that somebody else found promising; keep what is better in the end."""
        before, self.best = self.best, None
        self._try(State(frozenset(), tuple(tiers)))
        self._climb()
        if before is not None and (self.best is None or self.best.cost_cents >= before.cost_cents):
            self.best = before

    def _over(self) -> bool:
        return self.clock() > self.deadline or self.enough()

    def _climb(self) -> None:
        """Take the first move that makes the best award cheaper, until none does."""
        improved = True
        while improved and self.best is not None and not self._over():
            improved = False
            for state in self._moves(self.best.state):
                if self._over():
                    return
                improved |= self._try(state)

    def _kick(self, random: Random, tops: tuple[int, ...]) -> None:
        idle = 0
        suppliers = range(len(self.instance.suppliers))
        while idle < 30 and self.best is not None and not self._over():
            banned = set(self.best.state.banned)
            tiers = list(self.best.state.tiers)
            for supplier in random.sample(suppliers, min(3, len(suppliers))):
                if random.random() < 0.5:
                    banned ^= {supplier}
                for g in self._schemes(supplier):
                    tiers[g] = random.randint(0, tops[g] + 1)
            before, self.best = self.best, None
            self._try(State(frozenset(banned), tuple(tiers)))
            self._climb()
            idle += 1
            if self.best is not None and self.best.cost_cents < before.cost_cents:
                idle = 0
            else:
                self.best = before

    def _moves(self, state: State) -> list[State]:
        moves = []
        for i in range(len(self.instance.suppliers)):
            moves.append(State(state.banned ^ {i}, state.tiers))
            if i in state.banned:
                continue
            for g in self._schemes(i):
                top = len(self.instance.suppliers[i].schemes[g - self._first[i]].starts)
                near = [t for t in (state.tiers[g] + 1, state.tiers[g] - 1) if 0 <= t <= top]
                moves += [State(state.banned, (*state.tiers[:g], t, *state.tiers[g + 1 :])) for t in near]
        return moves

    def _schemes(self, supplier: int) -> range:
        return range(self._first[supplier], self._first[supplier] + len(self.instance.suppliers[supplier].schemes))

    def _few_suppliers(self, tops: tuple[int, ...]) -> None:
        """Build up from one supplier: for problems that allow few and where banning one by one ends nowhere."""
        everyone = frozenset(range(len(self.instance.suppliers)))
        for start in sorted(everyone, key=lambda i: -len(self.instance.suppliers[i].offers)):
            kept = {start}
            while self.best is None and not self._over():
                self._try(State(everyone - kept, tops))
                missing = [k for k, row in enumerate(self._offers) if not self._covered(k, row, kept)]
                helps = {
                    i: sum(1 for k in missing for o in self._offers[k] if self.instance.offers[o].supplier == i)
                    for i in everyone - kept
                }
                if not helps:
                    break
                kept.add(max(sorted(helps), key=lambda i: helps[i]))
            if self.best is not None:
                return

    def _covered(self, product: int, row: Sequence[int], kept: set[int]) -> bool:
        offers = self.instance.offers
        units = sum(self._limits[o] * offers[o].pack for o in row if offers[o].supplier in kept)
        return units >= self.instance.products[product].demand

    def _try(self, state: State) -> bool:
        """Buy, evaluate, repair by banning; keep the award if it is the cheapest so far."""
        for _ in range(len(self.instance.suppliers) + 1):
            if state in self._seen and self.best is not None:
                return False
            self._seen.add(state)
            packs = self._buy(state)
            if packs is None:
                return False
            result = evaluate(self.instance, packs)
            if isinstance(result, Evaluation):
                if self.best is not None and result.cost_cents >= self.best.cost_cents:
                    return False
                self.best = Found(result.cost_cents, packs, state)
                self._kept, self._kept_state = self._fills, state
                if self.on_found:
                    self.on_found(packs)
                return True
            culprit = self._culprit(result, packs)
            if culprit is None:
                return False
            state = State(state.banned | {culprit}, state.tiers)
        return False

    def _culprit(self, broken: Violation, packs: Packs) -> int | None:
        if broken.rule in (MIN_VALUE, MIN_UNITS):
            return broken.supplier
        if broken.rule not in (MAX_SUPPLIERS, CONFLICT):
            return None
        value: dict[int, int] = {}
        for index, count in packs.items():
            offer = self.instance.offers[index]
            value[offer.supplier] = value.get(offer.supplier, 0) + count * offer.prices[0]
        among = value if broken.rule == MAX_SUPPLIERS else (broken.supplier, broken.other)
        return min((i for i in among if i in value), key=lambda i: (value[i], i), default=None)

    def _buy(self, state: State) -> Packs | None:
        """Buy every block of products; what the last accepted state bought elsewhere than at moved suppliers is reused."""
        fills = list(self._kept)
        moved = self._moved(state)
        for b in range(len(self._blocks)) if moved is None else sorted({b for i in moved for b in self._blocks_of[i]}):
            block = self._blocks[b]
            if moved is not None and len(block) == 1 and self._stays(block[0], self._kept[b], moved, state):
                continue
            fills[b] = self._fill(block[0], state, None) if len(block) == 1 else self._one_source(block, state)
            if fills[b] is None:
                return None
        self._fills = fills
        return {offer: count for fill in fills if fill for offer, count in fill[1]}

    def _moved(self, state: State) -> set[int] | None:
        """Suppliers that changed since the last accepted state; None before the first."""
        last = self._kept_state
        if last is None:
            return None
        moved = set(state.banned ^ last.banned)
        if state.tiers != last.tiers:
            moved |= {self._owner[g] for g, tier in enumerate(state.tiers) if tier != last.tiers[g]}
        return moved

    def _stays(self, product: int, kept: Fill | None, moved: set[int], state: State) -> bool:
        """Whether what was bought of a product stays the best guess: no moved supplier sold it, or now sells it cheaper."""
        row = self.instance.products[product]
        if kept is None or row.max_suppliers is not None or self._kept_state is None:
            return False
        used = {offer for offer, _count in kept[1]}
        worst = max((self._at(offer, self._kept_state).rank for offer in used), default=0)
        for i in moved:
            offer = self._sold[i].get(product)
            if offer is None or not self._limits[offer]:
                continue
            if offer in used:
                return False
            if i in state.banned:
                continue
            found = self._at(offer, state)
            packs = -(-row.demand // found.pack)
            alone = packs <= found.limit and packs * found.pack <= row.demand + row.max_surplus
            if found.rank < worst or (alone and packs * found.cents < kept[0]):
                return False
        return True

    def _at(self, offer: int, state: State) -> Choice:
        row = self.instance.offers[offer]
        return self._choices[offer][state.tiers[self._first[row.supplier] + row.scheme]]

    def _one_source(self, block: tuple[int, ...], state: State) -> Fill | None:
        best: Fill | None = None
        for i in range(len(self.instance.suppliers)):
            if i in state.banned:
                continue
            fills = [self._fill(k, state, i) for k in block]
            whole = [f for f in fills if f is not None]
            cost = sum(f[0] for f in whole)
            if len(whole) == len(block) and (best is None or cost < best[0]):
                best = cost, tuple(line for f in whole for line in f[1])
        return best

    def _fill(self, product: int, state: State, only: int | None) -> Fill | None:
        tiers, banned = state.tiers, state.banned
        open_ = [(o, tiers[g]) for o, i, g in self._rows[product] if i not in banned and (only is None or i == only)]
        found = (product, *open_)
        if found not in self._cache:
            if len(self._cache) > MOST_CACHED:
                self._cache.clear()
            row = self.instance.products[product]
            choices = [self._choices[o][tier] for o, tier in open_]
            self._cache[found] = cover(choices, row.demand, row.max_surplus, row.max_suppliers)
        return self._cache[found]


def _blocks(instance: Instance) -> list[tuple[int, ...]]:
    """Products that must come from one supplier together; overlapping groups count as one."""
    block = {k: {k} for k in range(len(instance.products))}
    for group in instance.single_source_groups:
        joined = {k for member in group for k in block[member]}
        for k in joined:
            block[k] = joined
    return list(dict.fromkeys(tuple(sorted(b)) for b in block.values()))
