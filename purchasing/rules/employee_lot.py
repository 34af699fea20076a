"""What a pool of employees orders of one article and what carriage costs each of them.

Packs are filled by the rules of company pools (`tiers.settle`): units that people take when a pack needs them come first,
and who opened the pool takes what is then left of the last pack, or only full packs are ordered. Freight is shared by
`shares.settle`; `freight_most` is what one person can be asked for at worst, so that it can be said before they join.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from purchasing.rules import packs, shares
from purchasing.rules.tiers import Commitment, Outcome, Terms, Word, settle

OPENER = "opener"  # the member that takes the rest of a pack; purchases are numbers
LAST = datetime.max.replace(tzinfo=UTC)


def rest_of(terms: Terms, wanted: int, tolerance: int) -> int:
    """Units that who opened the pool takes so that the last pack is full; 0 when the others fill it or miss the minimum.

    >>> from purchasing.rules.tiers import Tier
    >>> terms = Terms((Tier(10, 900),), pack=12)
    >>> rest_of(terms, 20, 1), rest_of(terms, 20, 4), rest_of(terms, 9, 0)
    (3, 0, 0)
    """
    if not wanted or wanted + tolerance < terms.least:
        return 0
    rest = packs.round_up(max(wanted, terms.least), terms.pack) - wanted - tolerance
    return rest if 0 < rest < terms.pack else 0


def fill(terms: Terms, words: Sequence[Word], *, opener: bool) -> Outcome:
    """What is ordered, at which price, for whom; with `opener` the rest of the last pack is its own."""
    rest = rest_of(terms, sum(w.quantity for w in words), sum(w.tolerance for w in words)) if opener else 0
    return settle(terms, [*words, Commitment(OPENER, 0, LAST, rest)] if rest else words)


class Reach(NamedTuple):
    """Of one article somebody takes: their units at most, the least that is ordered at all, the most for one person."""

    units: int
    least: int
    most_per_person: int | None


def freight_most(freight_cents: int, split: str, taken: Sequence[Reach], rates: int = 1) -> int:
    """The most freight one person can be asked for, whoever else joins or leaves.

    An article is only ordered from its minimum on. So of value or of units nobody carries a larger part than the largest
    of `units / minimum` over what they take; shared equally, at least `minimum / most per person` people pay. Each VAT
    rate may round up by a cent.

    >>> freight_most(6000, "value", [Reach(2, 10, None)]), freight_most(6000, "equal", [Reach(2, 10, 2)])
    (1201, 1201)
    >>> freight_most(6000, "equal", [Reach(2, 10, None)])
    6000
    """
    if not freight_cents or not taken:
        return 0
    if split == shares.EQUAL:
        heads = min(-(-max(r.least, 1) // r.most_per_person) if r.most_per_person else 1 for r in taken)
        worst = -(-freight_cents // max(1, heads))
    else:
        worst = max(-(-freight_cents * r.units // max(r.least, r.units)) for r in taken)
    return min(freight_cents, worst + rates)


@dataclass(frozen=True, slots=True)
class Lot:
    """An article as ordered: gross price and the units of each buyer, the opener among them."""

    article: int
    vat_bp: int
    unit_cents: int
    units: Mapping[str, int]

    @property
    def goods_cents(self) -> int:
        return self.unit_cents * sum(self.units.values())


def freight_parts(freight_cents: int, split: str, lots: Sequence[Lot]) -> dict[tuple[str, int], int]:
    """Each buyer's freight by article, VAT included: shared over the buyers by `split`, then over what each one takes."""
    members = dict.fromkeys(member for lot in lots for member, units in lot.units.items() if units)
    goods = [shares.Goods(str(lot.article), lot.vat_bp, lot.goods_cents, lot.units) for lot in lots]
    charge = shares.Charge("freight", shares.FREIGHT, freight_cents)
    told = shares.settle([shares.Party(m) for m in members], goods, [charge], freight=split, model=shares.LISTING)
    found: dict[tuple[str, int], int] = {}
    for part in told.parts:
        if part.kind != shares.FREIGHT or not part.cents:
            continue
        mine = [lot for lot in lots if lot.vat_bp == part.vat_bp and lot.units.get(part.member)]
        for lot, cents in zip(
            mine, shares.share(part.cents, [lot.units[part.member] * lot.unit_cents for lot in mine]), strict=True
        ):
            found[part.member, lot.article] = found.get((part.member, lot.article), 0) + cents
    return found
