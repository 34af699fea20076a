"""Who gets how many units: highest average (Sainte-Laguë) or first come, with useful minimums.

Both rules are monotone: one more unit received never lowers anybody (invariant I16). `min_useful` alone would break
that (10, 10, 10 with the third at 6: 17 units give 9, 8, 0 but 18 give 6, 6, 6): what was given before is a floor.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from operator import truediv
from typing import NamedTuple

PROPORTIONAL, FIRST_COME = "proportional", "first_come"


@dataclass(frozen=True, slots=True)
class Layer:
    """A part of a claim with its own age: what a buyer took back and added again is new."""

    quantity: int
    at: datetime


class Claim(NamedTuple):
    """What a member may get of something scarce. Without layers, all of it is as old as `at`."""

    member: str
    quantity: int
    at: datetime
    min_useful: int = 0
    layers: tuple[Layer, ...] = ()


def highest_average(units: int, claims: Sequence[int], floors: Sequence[int] | None = None) -> list[int]:
    """Give `units` one by one to the highest `q/(2a+1)`, never above `q`; ties go to the earlier position.

    The steps are not walked one by one: a lower bound is read off the quotient, the last few units come from a heap, so
    ten million units cost as much as ten. `floors` are units already given.

    >>> highest_average(10, [6, 6, 2]), highest_average(11, [6, 6, 2]), highest_average(12, [6, 6, 2])
    ([5, 4, 1], [5, 5, 1], [5, 5, 2])
    """
    floors = floors or [0] * len(claims)
    total, size = sum(claims), len(claims)
    if units >= total:
        return [max(q, f) for q, f in zip(claims, floors, strict=True)]
    if units <= sum(floors):
        return list(floors)

    def given_at(numerator: int) -> list[int]:
        """Units whose key (2a+1)/q is at most numerator/total."""
        return [max(f, min(q, (numerator * q + total) // (2 * total))) for q, f in zip(claims, floors, strict=True)]

    low = max(0, 2 * units - size)
    given = given_at(low)
    if sum(given) > units:  # floors push above the straight line: search the line instead
        low, high = 0, low
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if sum(given_at(middle)) <= units else (low, middle)
        given = given_at(low)
    # Below 2^24 two different quotients are different floats, in the same order: exact, and much cheaper than fractions.
    quotient = truediv if max(claims) < 1 << 24 else Fraction
    heap = [(quotient(2 * given[i] + 1, q), i) for i, q in enumerate(claims) if given[i] < q]
    heapq.heapify(heap)
    for _ in range(units - sum(given)):
        _, i = heap[0]
        given[i] += 1
        if given[i] < claims[i]:
            heapq.heapreplace(heap, (quotient(2 * given[i] + 1, claims[i]), i))
        else:
            heapq.heappop(heap)
    return given


def first_come(units: int, claims: Sequence[Claim], floors: Sequence[int] | None = None) -> list[int]:
    """Serve the oldest layer first, each in full while there is something left."""
    given = list(floors or [0] * len(claims))
    left = units - sum(given)
    layers = sorted(
        (layer.at, claim.member, i, layer.quantity)
        for i, claim in enumerate(claims)
        for layer in (claim.layers or (Layer(claim.quantity, claim.at),))
    )
    done = list(given)  # floors use up the oldest layers of their member
    for _, _, i, quantity in layers:
        already = min(done[i], quantity)
        done[i] -= already
        take = max(0, min(quantity - already, left, claims[i].quantity - given[i]))
        given[i] += take
        left -= take
    return given


def allocate(
    units: int, claims: Sequence[Claim], rule: str = PROPORTIONAL, before: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Share `units` (cumulated over all deliveries) between the claims; `before` is what was already given.

    Whoever would stay below their `min_useful` gets nothing and the units are shared again, one member at a time (the
    one who misses most, then the latest). The result does not depend on the order of `claims`.
    """
    before = before or {}
    ordered = sorted(claims, key=lambda c: (c.at, c.member))
    result = {claim.member: before.get(claim.member, 0) for claim in ordered}
    active, parked = list(ordered), list[Claim]()
    while active:
        outside = sum(before.get(c.member, 0) for c in parked)
        given = _by_rule(units - outside, active, rule, [before.get(c.member, 0) for c in active])
        short = [
            (min(c.min_useful, c.quantity) - g, i)
            for i, (c, g) in enumerate(zip(active, given, strict=True))
            if g < min(c.min_useful, c.quantity) and before.get(c.member, 0) == 0
        ]
        if not short:
            result |= {c.member: g for c, g in zip(active, given, strict=True)}
            break
        parked.append(active.pop(max(short)[1]))
    left = units - sum(result.values())
    for claim in sorted(parked, key=lambda c: (c.at, c.member)):  # a rest that is enough for somebody is not wasted
        take = min(left, claim.quantity)
        if take > 0 and take >= min(claim.min_useful, claim.quantity):
            result[claim.member] += take
            left -= take
    return result


def _by_rule(units: int, claims: Sequence[Claim], rule: str, floors: list[int]) -> list[int]:
    if rule == FIRST_COME:
        return first_come(units, claims, floors)
    return highest_average(units, [c.quantity for c in claims], floors)
