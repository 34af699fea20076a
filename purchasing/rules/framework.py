"""Framework agreements: what a member may still draw, and what a year brings back.

A quota is the most a member draws and at the same time its own part: nobody else may eat it. What no quota keeps is
free for everybody without one. The rebate (RFA) is paid on the real volume or value of a year.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from purchasing.rules.errors import RuleError
from purchasing.rules.landed import half_up
from purchasing.rules.shares import ranked

VALUE, VOLUME = "value", "volume"
WHOLE, SLICES = "whole", "slices"


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be drawn of one article in all (None: no end) and the parts kept for members."""

    most: int | None
    quotas: Mapping[str, int]


def check_limits(limits: Limits) -> None:
    """Raise RuleError when more is promised to members than the supplier promises to deliver."""
    if limits.most is not None and sum(limits.quotas.values()) > limits.most:
        raise RuleError("quotas_above_maximum", "The quotas add up to more than the maximum.", "quotas")


def left(limits: Limits, drawn: Mapping[str, int], member: str) -> int | None:
    """How many units a member may still draw; None when nothing limits it.

    >>> left(Limits(100, {"A": 60}), {"B": 30}, "B"), left(Limits(100, {"A": 60}), {"B": 30}, "A")
    (10, 60)
    """
    own = limits.quotas.get(member)
    mine = None if own is None else max(0, own - drawn.get(member, 0))
    if limits.most is None:
        return mine
    kept = sum(max(0, quota - drawn.get(other, 0)) for other, quota in limits.quotas.items() if other != member)
    rest = max(0, limits.most - sum(drawn.values()) - kept)
    return rest if mine is None else min(mine, rest)


@dataclass(frozen=True, slots=True)
class RebateTier:
    """From `start` on (cents or units, inclusive): a rate in basis points, or ten-thousandths of a euro per unit."""

    start: int
    rate_bp: int | None = None
    per_unit_e4: int | None = None


def make_rebate_tiers(tiers: Sequence[RebateTier], basis: str, mode: str) -> tuple[RebateTier, ...]:
    """Sort and check the tiers. Raises RuleError."""
    rows = tuple(sorted(tiers, key=lambda tier: tier.start))
    if not rows:
        raise RuleError("required", "Give at least one tier.", "rebate_tiers")
    if len({tier.start for tier in rows}) != len(rows):
        raise RuleError("duplicate_tier", "Two tiers start at the same quantity.", "rebate_tiers")
    kinds = {tier.per_unit_e4 is None for tier in rows}
    if len(kinds) != 1 or any((tier.rate_bp is None) == (tier.per_unit_e4 is None) for tier in rows):
        raise RuleError(
            "rebate_kinds_mixed", "Give a rate in each tier, or an amount per unit in each.", "rebate_tiers"
        )
    if basis == VALUE and rows[0].rate_bp is None:
        raise RuleError("rebate_needs_rate", "A rebate on value needs rates.", "rebate_tiers")
    if basis == VOLUME and mode == SLICES and rows[0].per_unit_e4 is None:
        raise RuleError("rebate_slices_need_units", "Slices of volume need an amount per unit.", "rebate_tiers")
    return rows


def rebate(tiers: Sequence[RebateTier], *, basis: str, mode: str, volume: int, value_cents: int) -> int:
    """The rebate in cents on a year's received units and value, rounded once, half up.

    >>> two = (RebateTier(1_000_000, 200), RebateTier(2_500_000, 300))
    >>> [rebate(two, basis="value", mode="whole", volume=0, value_cents=v) for v in (999_999, 1_000_000, 3_000_000)]
    [0, 20000, 90000]
    >>> rebate(two, basis="value", mode="slices", volume=0, value_cents=3_000_000)
    45000
    """
    rows = make_rebate_tiers(tiers, basis, mode)
    metric = value_cents if basis == VALUE else volume
    if mode == WHOLE:
        reached = [tier for tier in rows if tier.start <= metric]
        if not reached:
            return 0
        if reached[-1].per_unit_e4 is not None:
            return half_up(volume * reached[-1].per_unit_e4, 100)
        return half_up(value_cents * (reached[-1].rate_bp or 0), 10_000)
    ends = [tier.start for tier in rows[1:]] + [max(metric, rows[-1].start)]
    parts = [max(0, min(metric, end) - tier.start) for tier, end in zip(rows, ends, strict=True)]
    if rows[0].per_unit_e4 is not None:
        return half_up(sum(n * (tier.per_unit_e4 or 0) for n, tier in zip(parts, rows, strict=True)), 100)
    return half_up(sum(n * (tier.rate_bp or 0) for n, tier in zip(parts, rows, strict=True)), 10_000)


@dataclass(frozen=True, slots=True)
class Received:
    """What one member received in the year, in the order of its first call-off."""

    member: str
    units: int
    value_cents: int


@dataclass(frozen=True, slots=True)
class RebatePart:
    """One member's part of the whole rebate; `rank` is its place in the queue for odd cents (0 = none needed)."""

    member: str
    weight: int
    rank: int
    cents: int


def share_rebate(total: int, received: Sequence[Received], basis: str) -> tuple[RebatePart, ...]:
    """Largest remainder over what each really received: units where the rebate is on volume, else value.

    >>> rows = [Received("A", 10, 100), Received("B", 20, 100), Received("C", 0, 0)]
    >>> [(p.member, p.cents) for p in share_rebate(100, rows, "volume")]
    [('A', 33), ('B', 67), ('C', 0)]
    """
    weights = [row.units if basis == VOLUME else row.value_cents for row in received]
    if not any(weights):
        if total:
            raise RuleError("nothing_received", "Nothing was received: there is nothing to share.", "year")
        return tuple(RebatePart(row.member, 0, 0, 0) for row in received)
    parts = ranked(total, weights)
    return tuple(
        RebatePart(row.member, weight, rank, cents)
        for row, weight, (cents, rank) in zip(received, weights, parts, strict=True)
    )
