"""Tiers, packs, minimum, tolerance and price caps: what a pool line orders, at which price, for whom.

Reference algorithms 1 and 2 of the buying centre. A tier starts at its `from_quantity`, inclusive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple, Protocol

from purchasing.rules import packs
from purchasing.rules.errors import RuleError
from purchasing.rules.shortage import FIRST_COME, PROPORTIONAL, Claim, Layer, allocate, first_come, highest_average

ROUND_DOWN, FAIL = "round_down", "fail"


@dataclass(frozen=True, slots=True)
class Tier:
    from_quantity: int
    unit_price_e4: int


@dataclass(frozen=True, slots=True)
class Terms:
    """How a supplier sells one article. `tiers` rise in quantity and never rise in price; `moq` is in units."""

    tiers: tuple[Tier, ...]
    pack: int = 1
    moq: int = 0

    @property
    def least(self) -> int:
        """The smallest quantity that can be bought at all."""
        return max(self.moq, self.tiers[0].from_quantity, 1)


class Word(Protocol):
    """A member's firm word: `tolerance` fills packs; with `tier_tolerance` it may also be spent on a better tier."""

    @property
    def member(self) -> str: ...
    @property
    def quantity(self) -> int: ...
    @property
    def committed_at(self) -> datetime: ...
    @property
    def tolerance(self) -> int: ...
    @property
    def tier_tolerance(self) -> bool: ...
    @property
    def price_cap_e4(self) -> int | None: ...
    @property
    def min_useful(self) -> int: ...
    @property
    def layers(self) -> tuple[Layer, ...]: ...


def accepts(word: Word, price_e4: int) -> bool:
    """A cap equal to the price stays in."""
    return word.price_cap_e4 is None or word.price_cap_e4 >= price_e4


class Commitment(NamedTuple):
    """A word and nothing else."""

    member: str
    quantity: int
    committed_at: datetime
    tolerance: int = 0
    tier_tolerance: bool = False
    price_cap_e4: int | None = None
    min_useful: int = 0
    layers: tuple[Layer, ...] = ()

    def accepts(self, price_e4: int) -> bool:
        return accepts(self, price_e4)


@dataclass(frozen=True, slots=True)
class Drop:
    member: str
    reason: str  # price_cap | min_useful


@dataclass(frozen=True, slots=True)
class Outcome:
    """`outcome`: filled | rounded_down | minimum_missed | empty. `claims` weigh a later shortage (rule 3)."""

    outcome: str
    ordered: int
    tier: Tier | None
    granted: dict[str, int]
    members: tuple[Word, ...]  # those who get something
    dropped: tuple[Drop, ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        return _claims(self.members, self.granted, rounded_down=self.outcome == "rounded_down")


def make_terms(tiers: Sequence[Tier], pack: int = 1, moq: int = 0) -> Terms:
    """Sort and check the tiers. Raises RuleError."""
    rows = tuple(sorted(tiers, key=lambda t: t.from_quantity))
    if not rows:
        raise RuleError("required", "Give at least one tier.", "tiers")
    for i, (below, above) in enumerate(pairwise(rows), start=1):
        if below.from_quantity == above.from_quantity:
            raise RuleError("duplicate_tier", "Two tiers start at the same quantity.", f"tiers[{i}].from")
        if above.unit_price_e4 > below.unit_price_e4:
            raise RuleError("tier_dearer", "A larger quantity may not cost more per unit.", f"tiers[{i}].unit_price")
    return Terms(rows, pack, moq)


def tier_at(tiers: Sequence[Tier], quantity: int) -> Tier | None:
    """The tier that the supplier applies at a quantity; None below the first one.

    >>> tier_at((Tier(1, 42000), Tier(100, 36000)), 100)
    Tier(from_quantity=100, unit_price_e4=36000)
    """
    return next((t for t in reversed(tiers) if t.from_quantity <= quantity), None)


def settle(
    terms: Terms,
    commitments: Sequence[Word],
    *,
    minimum_missed: str = ROUND_DOWN,
    shortage: str = PROPORTIONAL,
    tolerance: str = PROPORTIONAL,
) -> Outcome:
    """What the line orders, at which tier, and each member's part (rules 1 and 2). Row order is irrelevant.

    A tier above what packs and minimum need is taken only with tolerance given for it (`tier_tolerance`; the others
    fill at most the pack rest) and only if the same members would pay more in total without it.
    """
    everybody = sorted(commitments, key=lambda c: (c.committed_at, c.member))
    capped = any(c.price_cap_e4 is not None for c in everybody)
    members, sums = everybody, _sums(everybody)
    for step in range(len(terms.tiers) - 1, -1, -1):
        tier = terms.tiers[step]
        ceiling = terms.tiers[step + 1].from_quantity if step + 1 < len(terms.tiers) else None
        if capped:
            members = [c for c in everybody if accepts(c, tier.unit_price_e4)]
            sums = _sums(members)
        ordered = _order_at(terms, tier, sums)
        if ordered and (ceiling is None or ordered < ceiling):
            return _filled(everybody, members, tier, ordered, _base(terms, sums), tolerance)
    if not any(c.quantity for c in everybody):
        return _nothing(everybody, "empty")
    if minimum_missed != ROUND_DOWN:
        return _nothing(everybody, "minimum_missed")
    return _rounded_down(terms, everybody, shortage)


class _Sums(NamedTuple):
    wanted: int
    for_tier: int  # tolerance that may be spent on a tier
    for_packs: int  # tolerance that only fills packs


def _sums(members: Sequence[Word]) -> _Sums:
    for_tier = sum([c.tolerance for c in members if c.tier_tolerance])
    return _Sums(sum([c.quantity for c in members]), for_tier, sum([c.tolerance for c in members]) - for_tier)


def _base(terms: Terms, sums: _Sums) -> int:
    """The order that packs and minimum ask for, with no unit spent on a tier."""
    return packs.round_up(max(sums.wanted, terms.least), terms.pack)


def _order_at(terms: Terms, tier: Tier, sums: _Sums) -> int:
    """The smallest order that reaches `tier` within wanted quantities and allowed tolerance; 0 if none does."""
    wanted, for_tier, for_packs = sums
    if not wanted:
        return 0
    base = _base(terms, sums)
    target = max(base, packs.round_up(tier.from_quantity, terms.pack))
    if target == base:
        return base if base - wanted <= for_tier + for_packs else 0
    if target - wanted > for_tier + min(for_packs, base - wanted):
        return 0
    # The same people at every lower tier: spending tolerance must make the bill fall.
    bill = target * tier.unit_price_e4
    for other in terms.tiers:
        quantity = max(base, packs.round_up(other.from_quantity, terms.pack))
        forced = tier_at(terms.tiers, quantity)
        if quantity < target and forced and quantity * forced.unit_price_e4 <= bill:
            return 0
    return target


def _filled(
    everybody: Sequence[Word],
    members: Sequence[Word],
    tier: Tier,
    ordered: int,
    base: int,
    rule: str,
) -> Outcome:
    wanted = sum(c.quantity for c in members)
    extra = _fill(ordered - wanted, members, base - wanted if ordered > base else ordered - wanted, rule)
    granted = dict.fromkeys((c.member for c in everybody), 0)
    granted |= {c.member: c.quantity + e for c, e in zip(members, extra, strict=True)}
    return Outcome("filled", ordered, tier, granted, tuple(members), _dropped(everybody, members))


def _fill(units: int, members: Sequence[Word], pack_rest: int, rule: str) -> list[int]:
    """Spend tolerance, the highest `t/(2a+1)` first; members without tier consent fill at most the pack rest."""

    def spread(amount: int, of: list[int]) -> list[int]:
        if rule == FIRST_COME:
            return first_come(amount, [Claim(c.member, t, c.committed_at) for c, t in zip(members, of, strict=True)])
        return highest_average(amount, of)

    extra = spread(units, [c.tolerance for c in members])
    guarded = [i for i, c in enumerate(members) if not c.tier_tolerance]
    if sum(extra[i] for i in guarded) <= pack_rest:
        return extra
    packs_only = spread(pack_rest, [0 if c.tier_tolerance else c.tolerance for c in members])
    for_tier = spread(units - pack_rest, [c.tolerance if c.tier_tolerance else 0 for c in members])
    return [a + b for a, b in zip(packs_only, for_tier, strict=True)]


def _rounded_down(terms: Terms, everybody: Sequence[Word], shortage: str) -> Outcome:
    """The largest order within the wanted quantities; caps and useful minimums are looked at again after each step."""
    members, reasons = list(everybody), dict[str, str]()
    while True:
        ordered = packs.round_down(sum(c.quantity for c in members), terms.pack)
        tier = tier_at(terms.tiers, ordered)
        if ordered < terms.least or tier is None:
            return _nothing(everybody, "minimum_missed", reasons)
        leaving = {c.member: "price_cap" for c in members if not accepts(c, tier.unit_price_e4)}
        if not leaving:
            given = allocate(ordered, _claims(members, {}, rounded_down=True), shortage)
            leaving = {c.member: "min_useful" for c in members if c.min_useful and not given[c.member] and c.quantity}
            if not leaving:
                granted = dict.fromkeys((c.member for c in everybody), 0) | given
                drops = tuple(Drop(c.member, reasons[c.member]) for c in everybody if c.member in reasons)
                return Outcome("rounded_down", ordered, tier, granted, tuple(members), drops)
        reasons |= leaving
        members = [c for c in members if c.member not in leaving]


def _nothing(everybody: Sequence[Word], outcome: str, reasons: dict[str, str] | None = None) -> Outcome:
    reasons = reasons or {}
    drops = tuple(Drop(c.member, reasons[c.member]) for c in everybody if c.member in reasons)
    return Outcome(outcome, 0, None, dict.fromkeys((c.member for c in everybody), 0), (), drops)


def _dropped(everybody: Sequence[Word], members: Sequence[Word]) -> tuple[Drop, ...]:
    staying = {c.member for c in members}
    return tuple(Drop(c.member, "price_cap") for c in everybody if c.member not in staying)


def _claims(members: Sequence[Word], granted: dict[str, int], *, rounded_down: bool) -> tuple[Claim, ...]:
    """What a later shortage is shared by: the quantity granted, or the quantity wanted when the order was rounded down."""
    if rounded_down:
        return tuple(Claim(c.member, c.quantity, c.committed_at, c.min_useful, c.layers) for c in members)
    return tuple(
        Claim(
            c.member,
            granted[c.member],
            c.committed_at,
            c.min_useful,
            # Tolerance granted on top is as old as the member's first word.
            (*c.layers, Layer(granted[c.member] - c.quantity, c.committed_at)) if c.layers else (),
        )
        for c in members
    )
