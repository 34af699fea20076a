"""A pool at full size, 70 companies × 500 lines: the rules alone, then pages and lock through services and database."""

import random
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from tests.bench.book import Book
from tests.bench.place import Place

COMPANIES, LINES, QUOTES = 70, 500, 50
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def measure(place: Place, book: Book) -> None:
    _rules(book)
    where = (
        f"{COMPANIES} companies × {LINES} lines, {COMPANIES * LINES} commitments with needs and versions in PostgreSQL"
    )
    world, buyer = full_pool()
    _pages(book, world, buyer, where)
    where += f", {QUOTES} quotes"
    _alone(book, world, where)
    _words(book, world, buyer)
    _lock(book, world, where)


def full_pool() -> tuple[Any, Any]:
    """A pool open for commitments on which every company has said a firm word to every line; and one of the buyers."""
    from companies.models import Role
    from purchasing.models import Commitment, CommitmentVersion, PooledNeed, PurchaseRequest, RequestLine
    from tests.factories.companies import CompanyFactory, member
    from tests.purchasing.back import hours, world

    rng = random.Random(7)
    w = world(
        line_count=LINES,
        pack=6,
        tiers=((1, 42_000), (1_000, 36_000), (2_500, 31_500)),
        freight_cents=9_900,
        fairness="stand_alone_cap",
        closes_at=datetime.now(tz=UTC) + timedelta(days=1),
    )
    companies = [CompanyFactory(approval_limit_cents=10**9) for _ in range(COMPANIES)]
    buyers = [member(company, Role.BUYER) for company in companies]
    lines = list(w.pool.lines.order_by("position"))
    at = hours(1)
    requests = PurchaseRequest.objects.bulk_create(
        PurchaseRequest(company=c, title="Besoins", state="approved", requester=b, created_at=at, submitted_at=at)
        for c, b in zip(companies, buyers, strict=True)
    )
    wanted = [(n, request, rng.randrange(1, 60)) for request in requests for n in range(LINES)]
    needs = RequestLine.objects.bulk_create(
        (
            RequestLine(request=request, position=n + 1, text=lines[n].text, normalised="x", quantity=quantity,
                        state="committed")
            for n, request, quantity in wanted
        ), batch_size=5_000,
    )  # fmt: skip
    PooledNeed.objects.bulk_create(
        (
            PooledNeed(pool_line=lines[n], request_line=need, company=request.company, quantity=quantity,
                       added_by=w.staff, added_at=at)
            for (n, request, quantity), need in zip(wanted, needs, strict=True)
        ), batch_size=5_000,
    )  # fmt: skip
    said = Commitment.objects.bulk_create(
        (
            Commitment(pool_line=lines[n], company=request.company, state="committed", quantity=quantity,
                       tolerance=quantity // 5, tolerance_tier=rng.random() < 0.5, committed_by=request.requester,
                       committed_at=at + timedelta(minutes=rng.randrange(9_000)), version=1, request_line=need)
            for (n, request, quantity), need in zip(wanted, needs, strict=True)
        ), batch_size=5_000,
    )  # fmt: skip
    CommitmentVersion.objects.bulk_create(
        (
            CommitmentVersion(commitment=c, number=1, quantity=c.quantity, tolerance=c.tolerance,
                              actor=c.committed_by, at=c.committed_at)
            for c in said
        ), batch_size=5_000,
    )  # fmt: skip
    _more_quotes(w, lines, rng)
    _analyze()
    return w, buyers[0]


def _more_quotes(w: Any, lines: list[Any], rng: random.Random) -> None:
    """The quotes that lost: dearer here, cheaper there, each with its freight and some with a franco or a minimum."""
    from django.db.models.functions import Now

    from purchasing.models import PriceTier, Quote, QuoteLine, Supplier, TenderInvitation

    tender, made = w.pool.tenders.get(), []
    for n in range(QUOTES - 1):
        supplier = Supplier.objects.create(name=f"Fournisseur {n}", category="protection", city="Valence")
        invitation = TenderInvitation.objects.create(
            tender=tender, supplier=supplier, email=f"f{n}@example.org", state="lost", token_hash=f"bench-{n}",
            expires_at=w.pool.closes_at,
        )  # fmt: skip
        quote = Quote.objects.create(
            invitation=invitation, valid_until=w.pool.closes_at.date() + timedelta(days=99), saved_at=hour(),
            freight_cents=rng.randrange(2_000, 15_000), franco_cents=rng.choice([None, 80_000, 300_000]),
            minimum_cents=rng.choice([0, 0, 10_000]),
        )  # fmt: skip
        offers = QuoteLine.objects.bulk_create(QuoteLine(quote=quote, pool_line=line, pack=6) for line in lines)
        PriceTier.objects.bulk_create(
            (
                PriceTier(quote_line=offer, from_qty=start, unit_price_e4=price * part // 100)
                for offer in offers
                for price in [rng.randrange(38_000, 52_000)]
                for start, part in ((1, 100), (1_000, 88), (2_500, 77))
            ), batch_size=5_000,
        )  # fmt: skip
        made.append(quote.pk)
    Quote.objects.filter(pk__in=made).update(submitted_at=Now())


def hour() -> datetime:
    from tests.purchasing.back import hours

    return hours(1)


def _alone(book: Book, world: Any, where: str) -> None:
    """What every company would pay alone, as the worker prepares it before the pool closes."""
    from django.utils import timezone

    from purchasing.models import StandAlone
    from purchasing.services import alone

    started = time.perf_counter()
    alone.prepare(pool=world.pool, at=timezone.now())
    seconds = time.perf_counter() - started
    rows = StandAlone.objects.filter(pool=world.pool).values_list("cents", "found_cents", "proven")
    worst = max((found - cents) / found for cents, found, _proven in rows if cents is not None and found)
    note = (
        f"{where}; {sum(proven for *_, proven in rows)} proven, the others within {100 * worst:.2f} % of the way found"
    )
    book.note("pools", "alone_70x500_seconds", seconds, "s", note)


def _analyze() -> None:
    """What autovacuum does a moment later in a living installation."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _pages(book: Book, world: Any, buyer: Any, where: str) -> None:
    """The pages of the pool as their readers open them: time on the server and statements."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    settings.STAFF_NEEDS_SECOND_FACTOR = False
    company, pool = buyer.memberships.get().company_id, world.pool.pk
    pages = {
        "pool_page": (world.staff, reverse("purchasing:pool", args=[pool])),
        "pool_goods_page": (world.staff, reverse("purchasing:goods", args=[pool])),
        "pool_company_page": (buyer, reverse("purchasing:company_pool", args=[company, pool])),
        "pool_commit_page": (buyer, reverse("purchasing:commit", args=[company, pool])),
    }
    for name, (user, address) in pages.items():
        client = Client(headers={"host": "localhost"})
        client.force_login(user)
        client.get(address)  # templates are compiled once for everybody
        times = []
        for _turn in range(5):
            started = time.perf_counter()
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(address)
            times.append(time.perf_counter() - started)
            if answer.status_code != 200:
                raise RuntimeError(f"{name}: {answer.status_code}")
        size = f"{len(answer.content) / 1000:.0f} kB"
        book.note(
            "pools", f"{name}_ms", 1000 * median(times), "ms", f"{where}; median of 5, {len(queries)} SQL, {size}"
        )


def _words(book: Book, world: Any, buyer: Any) -> None:
    """One buyer changes 40 lines of the full pool."""
    from django.utils import timezone

    from purchasing.models import Commitment
    from purchasing.services import commitment

    company = buyer.memberships.get().company
    rows = Commitment.objects.filter(company=company).order_by("pool_line__position")[:40]
    words = {row.pool_line_id: commitment.Word(row.quantity + 1, row.tolerance) for row in rows}
    started = time.perf_counter()
    commitment.commit_all(actor=buyer, company=company, pool=world.pool, words=words, at=timezone.now())
    book.note("pools", "commit_40_lines_seconds", time.perf_counter() - started, "s", "in the pool of 70 × 500")


def _lock(book: Book, world: Any, where: str) -> None:
    from companies.models import AuditEntry
    from purchasing.models import Commitment
    from purchasing.services import alone, lock

    at = world.pool.closes_at
    started = time.perf_counter()
    alone.prepare(pool=world.pool, at=at)
    before = time.perf_counter() - started
    started = time.perf_counter()
    pool = lock._lock(pool=world.pool, at=at, actor=None)
    seconds = time.perf_counter() - started
    locked = Commitment.objects.filter(pool_line__pool=pool, state="locked").count()
    if pool.state != "locked" or AuditEntry.objects.filter(action="commitment.locked", at=at).count() != locked:
        raise RuntimeError(f"not locked: {pool.state}, {locked}")
    book.note(
        "pools", "lock_70x500_database_seconds", seconds, "s", f"{where}; {locked} locked, audited, told, needs kept"
    )
    note = "one company's 40 lines had changed since the preparation; before the pool's row is held"
    book.note("pools", "lock_70x500_alone_seconds", before, "s", note)


def _rules(book: Book) -> None:
    """Pure arithmetic, no database."""
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
