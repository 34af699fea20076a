"""Who pays what, to the cent: goods, freight, discount, VAT, and the promise that pooling never costs more than alone.

Reference algorithm 4 and rule R3. Every split is a largest remainder in the order of the commitments; each part keeps
its weight and rank so that the proof sheet can be replayed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from purchasing.rules.landed import half_up

VALUE, QUANTITY, WEIGHT, EQUAL, DROP_POINT = "value", "quantity", "weight", "equal", "drop_point"
RESALE, AGENT, LISTING = "resale", "agent", "listing"
GOODS, FREIGHT, DISCOUNT, FAIRNESS = "goods", "freight", "discount", "fairness"


@dataclass(frozen=True, slots=True)
class Party:
    """A member of the pool. `stand_alone_cents` is the net cost of buying alone, None = no alternative.

    `drops` counts the places its goods are delivered to. `before_cents` is what earlier documents of the same order cost it
    at the uniform price, `moved_cents` what the promise moved there.
    """

    member: str
    weight: int | None = None
    stand_alone_cents: int | None = None
    drops: int = 1
    before_cents: int = 0
    moved_cents: int = 0


@dataclass(frozen=True, slots=True)
class Goods:
    source: str
    vat_bp: int
    cents: int
    units: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Charge:
    """Freight or discount of the whole document; `cents` is positive for both. Without a rate it follows the goods."""

    source: str
    kind: str
    cents: int
    vat_bp: int | None = None


class Part(NamedTuple):
    """One member's cents of one source line; `rank` is the place in the queue for left-over cents (0 = none needed)."""

    source: str
    kind: str
    member: str
    vat_bp: int
    cents: int
    weight: int
    weights: int
    rank: int


@dataclass(frozen=True, slots=True)
class Statement:
    parts: tuple[Part, ...]
    net: dict[str, dict[int, int]]  # member → rate → cents
    vat: dict[str, dict[int, int]]
    vat_rounding_cents: int  # what members pay in VAT minus the VAT of the supplier's document

    def total(self, member: str, kind: str) -> int:
        return sum(p.cents for p in self.parts if p.member == member and p.kind == kind)


def ranked(total: int, weights: Sequence[int]) -> list[tuple[int, int]]:
    """Largest remainder with proof: `(cents, rank)` per weight; rank 1 got the first left-over cent.

    Ties go to the earlier position. Works for negative totals. With no weight at all, only 0 can be shared.

    >>> [c for c, _ in ranked(5000, [1, 1, 1])]
    [1667, 1667, 1666]
    """
    base, sign = sum(weights), -1 if total < 0 else 1
    if not base:
        if total:
            raise ValueError("nothing to share by")
        return [(0, 0) for _ in weights]
    amount = abs(total)
    floors = [amount * w // base for w in weights]
    rest = amount - sum(floors)
    ranks = [0] * len(weights)
    if rest:
        missing = [f * base - amount * w for f, w in zip(floors, weights, strict=True)]  # minus the remainder
        for n, i in enumerate(sorted(range(len(weights)), key=missing.__getitem__)[:rest], start=1):
            ranks[i] = n
    return [(sign * (f + (rank > 0)), rank) for f, rank in zip(floors, ranks, strict=True)]


def share(total: int, weights: Sequence[int]) -> list[int]:
    """Largest remainder: sums exactly to `total`.

    >>> share(2, [1, 1, 1])
    [1, 1, 0]
    """
    return [cents for cents, _ in ranked(total, weights)]


def over_rates(cents: int, goods: Mapping[int, int]) -> dict[int, int]:
    """Cut a charge over the VAT rates of the goods it belongs to, by their value.

    >>> over_rates(1000, {2000: 4000, 550: 6000})
    {550: 600, 2000: 400}
    """
    rates = sorted(goods)
    weights = [goods[rate] for rate in rates]
    return dict(zip(rates, share(cents, weights if any(weights) else [1] * len(rates)), strict=True))


def vat_of(goods: Mapping[int, int], freight_cents: int) -> dict[int, int]:
    """VAT of a document, once per rate on goods and their part of the freight.

    >>> vat_of({550: 6000, 2000: 4000}, 1000)
    {550: 363, 2000: 880}
    """
    freight = over_rates(freight_cents, goods) if goods else {}
    return {rate: half_up((goods[rate] + freight[rate]) * rate, 10_000) for rate in sorted(goods)}


def settle(
    parties: Sequence[Party],
    goods: Sequence[Goods],
    charges: Sequence[Charge] = (),
    *,
    freight: str = VALUE,
    model: str = AGENT,
    stand_alone_cap: bool = False,
    mix: int = 0,
    carried: Sequence[Goods] = (),
) -> Statement:
    """Split a supplier's document between the members, net and VAT, every sum exact.

    A document without goods, such as a carrier's bill, is shared by the goods it carried: `carried` weighs, nothing more.
    The cap holds over all documents of an order together: what a later one brings too much is moved then.
    """
    parts: list[Part] = []
    for line in goods:
        weights = [line.units.get(p.member, 0) for p in parties]
        parts += _split(line.source, GOODS, line.cents, line.vat_bp, parties, weights)
    rates = sorted({line.vat_bp for line in goods})
    basis, weighing = (goods, parts) if goods else (carried, _carried(parties, carried))
    for charge in charges:
        if charge.cents:
            parts += _charge(charge, parties, basis, tuple(weighing), rates, freight)
    net = _net(parties, parts)
    if stand_alone_cap:
        uniform = [p.before_cents + sum(net[p.member].values()) for p in parties]
        whole = equalisation(uniform, [p.stand_alone_cents for p in parties], mix)
        moves = [move - p.moved_cents for move, p in zip(whole, parties, strict=True)]
        used = sorted({rate for row in net.values() for rate in row})
        main = max(used, key=lambda r: sum(row.get(r, 0) for row in net.values()), default=0)
        gaps = [0] * len(parties)
        if any(moves) and not mix and not any(p.moved_cents for p in parties):
            gaps = [_gap(u, p.stand_alone_cents) for u, p in zip(uniform, parties, strict=True)]
        parts += [
            Part(FAIRNESS, FAIRNESS, p.member, main, move, gap, 0, 0)
            for p, move, gap in zip(parties, moves, gaps, strict=True)
            if move or gap
        ]
        net = _net(parties, parts)
    vat, rounding = vat_shares(net, model)
    return Statement(tuple(parts), net, vat, rounding)


def _carried(parties: Sequence[Party], carried: Sequence[Goods]) -> list[Part]:
    """The value of goods billed elsewhere, by member."""
    found: list[Part] = []
    for line in carried:
        weights = [line.units.get(p.member, 0) for p in parties]
        found += _split(line.source, GOODS, line.cents, line.vat_bp, parties, weights)
    return found


def _split(
    source: str, kind: str, cents: int, vat_bp: int, parties: Sequence[Party], weights: Sequence[int]
) -> list[Part]:
    if not any(weights):
        weights = [1] * len(weights)  # a cost nobody caused is carried equally
    base = sum(weights)
    return [
        Part(source, kind, p.member, vat_bp, got, w, base, rank)
        for p, w, (got, rank) in zip(parties, weights, ranked(cents, weights), strict=True)
    ]


def _charge(
    charge: Charge,
    parties: Sequence[Party],
    goods: Sequence[Goods],
    so_far: Sequence[Part],
    rates: Sequence[int],
    policy: str,
) -> list[Part]:
    """Freight by policy, discounts by net value; first over the VAT rates by value, then over the members."""
    if charge.vat_bp is not None or not rates:
        portions = {charge.vat_bp or 0: charge.cents}
    else:
        portions = over_rates(
            charge.cents, {rate: sum(line.cents for line in goods if line.vat_bp == rate) for rate in rates}
        )
    sign = -1 if charge.kind == DISCOUNT else 1
    parts: list[Part] = []
    for rate, cents in portions.items():
        here = rate if rate in rates else None
        weights = _weights(parties, goods, so_far, here, VALUE if charge.kind == DISCOUNT else policy)
        if cents:
            parts += _split(charge.source, charge.kind, sign * cents, rate, parties, weights)
    return parts


def _weights(
    parties: Sequence[Party], goods: Sequence[Goods], so_far: Sequence[Part], rate: int | None, policy: str
) -> list[int]:
    """A charge at a rate that no goods have is shared on all goods."""
    units = [sum(line.units.get(p.member, 0) for line in goods if rate is None or line.vat_bp == rate) for p in parties]
    if policy == EQUAL:
        return [1 if u else 0 for u in units]
    if policy == DROP_POINT:
        return [max(1, p.drops) if u else 0 for p, u in zip(parties, units, strict=True)]
    # One weight that nobody knows, and the others would carry its freight: then quantity decides.
    weighed = policy == WEIGHT and all(p.weight is not None for p, u in zip(parties, units, strict=True) if u)
    if policy == QUANTITY or (policy == WEIGHT and not weighed):  # one article: weight goes with quantity
        return units
    if weighed:
        return [(p.weight or 0) if u else 0 for p, u in zip(parties, units, strict=True)]
    value = dict.fromkeys((p.member for p in parties), 0)
    for part in so_far:
        if part.kind == GOODS and (rate is None or part.vat_bp == rate):
            value[part.member] += part.cents
    # Goods given away free still travel: fall back on the units.
    return list(value.values()) if any(value.values()) else units


def _net(parties: Sequence[Party], parts: Sequence[Part]) -> dict[str, dict[int, int]]:
    net: dict[str, dict[int, int]] = {p.member: {} for p in parties}
    for part in parts:
        net[part.member][part.vat_bp] = net[part.member].get(part.vat_bp, 0) + part.cents
    return net


def equalisation(uniform: Sequence[int], alone: Sequence[int | None], mix: int = 0) -> list[int]:
    """Rule R3: what to add to each uniform share so that nobody pays more than alone; the sum is zero.

    What the guarantee costs is carried by those who save, in proportion to what they save; members without an
    alternative (None) carry only what the others cannot. If the pool costs more than everybody alone, nothing
    moves: no split exists. `mix` percent of the way leads to rule R2, the same percentage saved by everybody.

    >>> equalisation([33000, 18000, 12000], [30000, 23900, 17900])
    [-3000, 1500, 1500]
    """
    taking = [(u, s) for u, s in zip(uniform, alone, strict=True)]
    over = [max(0, u - s) if s is not None and u > 0 else 0 for u, s in taking]
    room = [max(0, s - u) if s is not None and u > 0 else 0 for u, s in taking]
    open_ended = [u if s is None and u > 0 else 0 for u, s in taking]
    excess = sum(over)
    if excess > sum(room) and not any(open_ended):
        return [0] * len(uniform)
    within = min(excess, sum(room))
    added = share(within, room) if within else [0] * len(room)
    if excess > within:
        added = [a + b for a, b in zip(added, share(excess - within, open_ended), strict=True)]
    moves = [a - o for a, o in zip(added, over, strict=True)]
    return _mixed(uniform, alone, moves, mix) if mix else moves


def _gap(uniform: int, alone: int | None) -> int:
    """How far one price for all is from the price alone: what the capped are relieved of, by what the others carry it."""
    return abs(uniform - alone) if alone is not None and uniform > 0 else 0


def _mixed(uniform: Sequence[int], alone: Sequence[int | None], moves: Sequence[int], mix: int) -> list[int]:
    """(1 − β)·R3 + β·R2 between those who could buy alone: each stays below alone, as both rules do; the sum is kept."""
    taking = [n for n, (u, s) in enumerate(zip(uniform, alone, strict=True)) if s is not None and u > 0]
    capped = [uniform[n] + moves[n] for n in taking]
    prices = [alone[n] or 0 for n in taking]
    if not any(prices):
        return list(moves)
    same = share(sum(capped), prices)
    exact = [(100 - mix) * x + mix * y for x, y in zip(capped, same, strict=True)]
    paid = [cents // 100 for cents in exact]
    rest = sum(capped) - sum(paid)
    for k in sorted(range(len(exact)), key=lambda k: -(exact[k] % 100))[:rest]:
        paid[k] += 1
    found = list(moves)
    for n, cents in zip(taking, paid, strict=True):
        found[n] = cents - uniform[n]
    return found


def vat_shares(net: Mapping[str, Mapping[int, int]], model: str) -> tuple[dict[str, dict[int, int]], int]:
    """VAT per member and rate, and the rounding difference to the supplier's document.

    Agent and listing: the supplier's VAT of each rate is shared, so the difference is 0. Resale: each invoice has the
    VAT of its own base, and the difference goes to the rounding account.
    """
    vat: dict[str, dict[int, int]] = {member: {} for member in net}
    rounding = 0
    for rate in sorted({rate for row in net.values() for rate in row}):
        members = [m for m in net if rate in net[m]]
        bases = [net[m][rate] for m in members]
        supplier = half_up(sum(bases) * rate, 10_000)
        if model == RESALE or not sum(bases) or any(b < 0 for b in bases):
            values = [half_up(b * rate, 10_000) for b in bases]
            if model != RESALE:
                values = _corrected(values, supplier, [abs(b) for b in bases])
        else:
            values = share(supplier, bases)
        rounding += sum(values) - supplier
        for member, value in zip(members, values, strict=True):
            vat[member][rate] = value
    return vat, rounding


def _corrected(values: list[int], total: int, weights: list[int]) -> list[int]:
    """Bases of both signs cannot weigh a split: the few cents of difference go to the largest bases."""
    step = 1 if total > sum(values) else -1
    order = sorted(range(len(values)), key=lambda i: (-weights[i], i))
    for n in range(abs(total - sum(values))):
        values[order[n % len(order)]] += step
    return values
