"""Short ways to write a pool line in a test."""

from datetime import UTC, datetime, timedelta
from typing import Any

from purchasing.rules.tiers import Commitment, Terms, Tier, make_terms

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
PRICE_E4 = 34_917
FOUR_TIERS = ((1, 42_000), (100, 36_000), (250, 31_500), (500, 29_500))


def minute(n: int) -> datetime:
    return START + timedelta(minutes=n)


def terms(tiers: tuple[tuple[int, int], ...] = FOUR_TIERS, pack: int = 1, moq: int = 0) -> Terms:
    return make_terms([Tier(q, p) for q, p in tiers], pack, moq)


def by_twelve() -> Terms:
    return terms(((1, PRICE_E4),), pack=12)


def commit(member: str, quantity: int, tolerance: int = 0, at: int | None = None, **rest: Any) -> Commitment:
    """Members commit in the order of their letters unless `at` says otherwise."""
    return Commitment(member, quantity, minute(ord(member[0]) if at is None else at), tolerance, **rest)


def four() -> list[Commitment]:
    return [commit("A", 10, 2), commit("B", 7), commit("C", 12, 5), commit("D", 4, 1)]


def input_of(commitments: list[dict[str, Any]], **rest: Any) -> dict[str, Any]:
    """The JSON of `simulate_pool` with defaults."""
    rows = [
        {"tolerance": 0, "committed_at": f"2026-03-02T09:{n:02d}:00+01:00"} | row for n, row in enumerate(commitments)
    ]
    return {"pack": 1, "tiers": [{"from": 1, "unit_price": "3.4917"}], "commitments": rows, "vat_bp": 2000} | rest


def worked(**rest: Any) -> dict[str, Any]:
    """The worked example of the design: pack 12, 10+2, 7, 12+5, 4+1."""
    rows = [("A", 10, 2), ("B", 7, 0), ("C", 12, 5), ("D", 4, 1)]
    return input_of([{"member": m, "quantity": q, "tolerance": t} for m, q, t in rows], pack=12, **rest)
