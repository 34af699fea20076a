"""Matching needs: how well on the labelled set, and how fast among 10,000 open needs."""

import random
import statistics
import time
from datetime import UTC, datetime

from tests.bench.book import Book
from tests.bench.place import Place

OPEN_NEEDS = 10_000
COMPANIES = 400
TYPED = 60


def measure(place: Place, book: Book) -> None:
    from tests.purchasing.matching_figures import figures, labelled

    for part, words in (("", "all"), ("check", "families the rules were not adjusted on")):
        found = figures(labelled(part))
        where = f"{found.needs} labelled needs in {found.groups} groups, {words}"
        name = f"_{part}" if part else ""
        book.note("matching", f"pairs_right{name}", 100 * found.precision, "%", where)
        book.note("matching", f"pairs_found{name}", 100 * found.recall, "%", where)
        book.note("matching", f"groups_exact{name}", 100 * found.exact, "%", where)
    _ = place.seed
    _speed(book)


def _speed(book: Book) -> None:
    from django.db import connection, transaction

    from companies.models import Company
    from purchasing import likeness, selectors

    with transaction.atomic():
        texts = _fill()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE purchasing_requestline")
        company = Company.objects.order_by("pk").first()
        assert company is not None
        took = []
        for text, unit in texts[:TYPED]:
            started = time.perf_counter()
            likeness.asked_for(text, unit=unit, company=company)
            took.append(1000 * (time.perf_counter() - started))
        where = f"{OPEN_NEEDS} open needs of {COMPANIES} companies"
        book.note("matching", "asked_while_typing_median_ms", statistics.median(took), "ms", where)
        book.note("matching", "asked_while_typing_worst_ms", max(took), "ms", where)
        started = time.perf_counter()
        groups = likeness.grouped(selectors.open_needs())
        book.note("matching", "group_all_s", time.perf_counter() - started, "s", f"{where}, {len(groups)} groups")
        transaction.set_rollback(True)


def _fill() -> list[tuple[str, str]]:
    """Open needs said in the words of the labelled set, with other sizes and figures, and typing mistakes."""
    from purchasing.models import RequestLine
    from purchasing.wording import normalise
    from tests.factories.companies import CompanyFactory, UserFactory
    from tests.factories.purchasing import RequestFactory
    from tests.purchasing.matching_figures import labelled

    rng, rows = random.Random(7), labelled()
    requester = UserFactory()
    requests = [
        RequestFactory(company=CompanyFactory(name=f"Banc {n}"), requester=requester, approved=True)
        for n in range(COMPANIES)
    ]
    lines, typed = [], []
    for n in range(OPEN_NEEDS):
        row = rng.choice(rows)
        text = _other(rng, row.text)
        typed.append((text, row.unit))
        lines.append(
            RequestLine(
                request=requests[n % COMPANIES],
                position=n // COMPANIES + 1,
                text=text,
                normalised=normalise(text),
                quantity=rng.randrange(1, 500),
                unit=row.unit,
                state="approved",
                needed_by=datetime(2027, 1, 1, tzinfo=UTC).date(),
            )
        )
    RequestLine.objects.bulk_create(lines, batch_size=2_000)
    rng.shuffle(typed)
    return typed


def _other(rng: random.Random, text: str) -> str:
    """The same words, sometimes misspelt, sometimes with another size."""
    if rng.random() < 0.3:
        text = "".join(str((int(c) + rng.randrange(1, 4)) % 10) if c.isdecimal() else c for c in text)
    if rng.random() < 0.3 and len(text) > 8:
        at = rng.randrange(3, len(text) - 2)
        text = text[:at] + text[at + 1 :]
    return text[:200]
