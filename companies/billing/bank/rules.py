"""Which invoices a movement pays. Pure: no database, no clock; the same input gives the same answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Debt:
    """An invoice that waits for money."""

    id: int
    company: int
    number: str
    cents: int
    due_on: date


@dataclass(frozen=True)
class Proposal:
    """How a movement would be used: parts per invoice, and what is left for the company. `rule` says why."""

    rule: str  # reference | iban_amount | iban_all | oldest_first
    parts: tuple[tuple[int, int], ...]  # invoice, cents
    left_cents: int
    company: int
    certain: bool


def spread(cents: int, debts: Sequence[Debt]) -> tuple[tuple[tuple[int, int], ...], int]:
    """Fill debts, the oldest first; returns the parts and what is left.

    >>> day = date(2026, 3, 1)
    >>> spread(50_000, [Debt(1, 7, "A", 32_010, day), Debt(2, 7, "B", 40_000, day)])
    (((1, 32010), (2, 17990)), 0)
    """
    parts = []
    for debt in sorted(debts, key=lambda debt: (debt.due_on, debt.id)):
        part = min(cents, debt.cents)
        if part > 0:
            parts.append((debt.id, part))
            cents -= part
    return tuple(parts), cents


def match(
    *, cents: int, numbers: Sequence[str], debts: Sequence[Debt], payer: int | None, named: Sequence[str] = ()
) -> Proposal | None:
    """What to do with money that came.

    `numbers` are the documents the payer named, `debts` everything open of the companies in question, `payer` the company
    whose IBAN it came from, when that is known. `named` are numbers of ours that exist: one that is settled already makes the answer
    uncertain. A proposal that is not `certain` waits for a person.
    """
    if cents <= 0:
        return None
    wanted = [debt for debt in debts if debt.number in numbers]
    if wanted:
        companies = {debt.company for debt in wanted}
        parts, left = spread(cents, wanted)
        one = len(companies) == 1 and (payer is None or payer in companies)
        whole = left == 0 or (payer is not None and one)
        settled = {number for number in numbers if number in named} - {debt.number for debt in wanted}
        certain = (one or (left == 0 and cents == sum(debt.cents for debt in wanted))) and whole and not settled
        return Proposal("reference", parts, left, min(companies), certain)
    if payer is None:
        return None
    own = sorted((debt for debt in debts if debt.company == payer), key=lambda debt: (debt.due_on, debt.id))
    if not own:
        return None
    exact = [debt for debt in own if debt.cents == cents]
    silent = not numbers  # naming something unknown to us is no silence
    if len(exact) == 1:
        return Proposal("iban_amount", ((exact[0].id, cents),), 0, payer, silent)
    if sum(debt.cents for debt in own) == cents:
        return Proposal("iban_all", tuple((debt.id, debt.cents) for debt in own), 0, payer, silent)
    parts, left = spread(cents, own)
    return Proposal("oldest_first", parts, left, payer, False)
