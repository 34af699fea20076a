"""What a buyer should know before the deadline: more for less, what is missing, how far the pool is."""

from dataclasses import dataclass

from purchasing.rules import packs
from purchasing.rules.tiers import Terms, tier_at

BAND = 20
FEW = 3  # with fewer other members than this, exact figures would give a quantity away


@dataclass(frozen=True, slots=True)
class BuyUp:
    """Ordering `quantity` in all costs `cost_e4` and saves `saves_e4` against the present order (ten-thousandths)."""

    quantity: int
    cost_e4: int
    saves_e4: int


def buy_up(terms: Terms, ordered: int) -> list[BuyUp]:
    """Every larger order that costs less in total than the present one, the smallest first.

    >>> from purchasing.rules.tiers import Tier
    >>> buy_up(Terms((Tier(1, 42000), Tier(100, 36000))), 99)
    [BuyUp(quantity=100, cost_e4=3600000, saves_e4=558000)]
    """
    now = tier_at(terms.tiers, ordered)
    if now is None or ordered <= 0:
        return []
    bill, found = ordered * now.unit_price_e4, dict[int, BuyUp]()
    for tier in terms.tiers:
        quantity = packs.round_up(max(tier.from_quantity, terms.least), terms.pack)
        price = tier_at(terms.tiers, quantity)
        if quantity > ordered and price and quantity * price.unit_price_e4 < bill:
            cost = quantity * price.unit_price_e4
            found[quantity] = BuyUp(quantity, cost, bill - cost)
    return [found[q] for q in sorted(found)]


@dataclass(frozen=True, slots=True)
class FrancoHint:
    missing_cents: int
    saves_cents: int


def franco(goods_cents: int, freight_cents: int, franco_cents: int | None) -> FrancoHint | None:
    """How little more saves the freight; None when it is free already or buying more never pays.

    >>> franco(49500, 3500, 50000)
    FrancoHint(missing_cents=500, saves_cents=3500)
    """
    if franco_cents is None or goods_cents <= 0 or goods_cents >= franco_cents or freight_cents <= 0:
        return None
    missing = franco_cents - goods_cents
    return FrancoHint(missing, freight_cents) if missing < freight_cents else None


@dataclass(frozen=True, slots=True)
class Progress:
    """Towards a threshold. With few members only the band is given: a share between `from_percent` and `to_percent`."""

    reached: int | None
    threshold: int
    from_percent: int
    to_percent: int

    @property
    def missing(self) -> int | None:
        return None if self.reached is None else max(0, self.threshold - self.reached)

    @property
    def complete(self) -> bool:
        return self.from_percent >= 100


def progress(reached: int, threshold: int, *, members: int) -> Progress:
    """How far the pool is, without giving a member's quantity away (invariant I13).

    A reader can subtract their own quantity from an exact total, so exact figures need at least three others.

    >>> progress(70, 100, members=2)
    Progress(reached=None, threshold=100, from_percent=60, to_percent=80)
    """
    percent = 100 if threshold <= 0 else min(100, reached * 100 // threshold)
    if members - 1 >= FEW:
        return Progress(reached, threshold, percent, percent)
    low = percent // BAND * BAND
    return Progress(None, threshold, low, 100 if low >= 100 else low + BAND)


def price_rise_bp(agreed_e4: int, confirmed_e4: int) -> int:
    """How much dearer a confirmed price is, in hundredths of a percent, rounded up: no limit is slipped under.

    >>> price_rise_bp(36000, 37000)
    278
    """
    if confirmed_e4 <= agreed_e4 or agreed_e4 <= 0:
        return 0
    return -(-(confirmed_e4 - agreed_e4) * 10_000 // agreed_e4)


def needs_consent(agreed_e4: int, confirmed_e4: int, limit_bp: int) -> bool:
    """Above the pool's limit every member is asked again; below it all are told (the supplier's change)."""
    return price_rise_bp(agreed_e4, confirmed_e4) > limit_bp


def quantity_fall_bp(ordered: int, confirmed: int) -> int:
    """How much less is confirmed than was ordered, in hundredths of a percent, rounded up.

    >>> quantity_fall_bp(36, 30)
    1667
    """
    if confirmed >= ordered or ordered <= 0:
        return 0
    return -(-(ordered - confirmed) * 10_000 // ordered)


def quantity_needs_consent(ordered: int, confirmed: int, limit_bp: int) -> bool:
    """Above the pool's limit a smaller quantity is asked again too: a part may be worth nothing to a company."""
    return quantity_fall_bp(ordered, confirmed) > limit_bp
