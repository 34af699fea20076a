"""Who must agree to an amount, and whether they did. Pure; people are numbers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Level:
    """Above so many cents so many people must agree; `kind` is a role that one of them must hold, or blank."""

    above_cents: int
    approvers: int = 1
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Need:
    """What an amount asks for: how many people, and which roles must be among them."""

    approvers: int
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Approval:
    """One yes: who said it, with whose authority, which roles that authority holds, up to which amount."""

    person: int
    authority: int
    roles: frozenset[str]
    cents: int


NOBODY = Need(0)


def need_of(limit_cents: int, levels: Sequence[Level], amount_cents: int, *, certain: bool = True) -> Need:
    """The approvals an amount needs: none up to the limit (0 = always one), then what every level passed asks for.

    `certain` is false when a price is missing: then somebody always looks.

    >>> need_of(100_000, [Level(500_000, 2, "admin")], 100_000)
    Need(approvers=0, kinds=frozenset())
    >>> need_of(100_000, [Level(500_000, 2, "admin")], 500_001)
    Need(approvers=2, kinds=frozenset({'admin'}))
    """
    asked = [level for level in levels if amount_cents > level.above_cents]
    if not limit_cents or amount_cents > limit_cents or not certain:
        asked = [Level(0), *asked]
    if not asked:
        return NOBODY
    return Need(max(level.approvers for level in asked), frozenset(level.kind for level in asked if level.kind))


def counted(approvals: Sequence[Approval], amount_cents: int, *, buyers: Collection[int]) -> list[Approval]:
    """The approvals that count: high enough, nobody twice in person or by authority, none with a buyer's own (I14)."""
    persons: set[int] = set()
    authorities: set[int] = set()
    found = []
    for approval in approvals:
        own = {approval.person, approval.authority}
        if approval.cents < amount_cents or own & set(buyers):
            continue
        if approval.person in persons or approval.authority in authorities:
            continue
        persons.add(approval.person)
        authorities.add(approval.authority)
        found.append(approval)
    return found


def satisfied(need: Need, approvals: Sequence[Approval], amount_cents: int, *, buyers: Collection[int]) -> bool:
    """Whether enough different people agreed, with every role the amount asks for among them."""
    counting = counted(approvals, amount_cents, buyers=buyers)
    held = frozenset[str]().union(*(approval.roles for approval in counting))
    return len(counting) >= need.approvers and need.kinds <= held
