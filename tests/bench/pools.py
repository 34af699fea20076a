"""The rules of a pool at full size: 70 companies, 500 lines, locked and settled. Pure arithmetic, no database."""

import random
import time
from datetime import UTC, datetime, timedelta

from tests.bench.book import Book
from tests.bench.place import Place

COMPANIES, LINES = 70, 500
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def measure(place: Place, book: Book) -> None:
    from purchasing.rules import shares, tiers

    rng = random.Random(500)
    pool = []
    for _line in range(LINES):
        price = rng.randrange(10_000, 900_000)
        steps = [
            tiers.Tier(1, price),
            *(tiers.Tier(n, price * (100 - 4 * k) // 100) for k, n in enumerate((100, 500, 2_000), 1)),
        ]
        terms = tiers.make_terms(steps, pack=rng.choice([1, 6, 12, 48]), moq=rng.choice([0, 0, 50]))
        commitments = []
        for company in range(COMPANIES):
            quantity = rng.randrange(1, 60)
            commitments.append(
                tiers.Commitment(
                    member=f"C{company:02d}", quantity=quantity, committed_at=START + timedelta(minutes=rng.randrange(9_000)),
                    tolerance=quantity // 5, tier_tolerance=rng.random() < 0.5,
                    price_cap_e4=price if rng.random() < 0.2 else None, min_useful=quantity // 2,
                )
            )  # fmt: skip
        pool.append((terms, commitments))
    started = time.perf_counter()
    outcomes = [tiers.settle(terms, commitments) for terms, commitments in pool]
    locked = time.perf_counter() - started
    goods = [
        shares.Goods(f"line {n}", 2000, outcome.ordered * outcome.tier.unit_price_e4 // 100, outcome.granted)
        for n, outcome in enumerate(outcomes)
        if outcome.tier
    ]
    started = time.perf_counter()
    statement = shares.settle(
        [shares.Party(f"C{company:02d}") for company in range(COMPANIES)],
        goods,
        [shares.Charge("freight", shares.FREIGHT, 1_234_567), shares.Charge("discount", shares.DISCOUNT, 54_321)],
    )
    settled = time.perf_counter() - started
    paid = sum(sum(rates.values()) for rates in statement.net.values())
    if paid != sum(line.cents for line in goods) + 1_234_567 - 54_321:
        raise RuntimeError("the shares do not sum up")
    where = f"{COMPANIES} companies × {LINES} lines, {len(goods)} ordered"
    book.note("pools", "lock_70x500_seconds", locked, "s", where)
    book.note("pools", "settle_70x500_seconds", settled, "s", f"{where}, freight and discount shared, sums exact")
