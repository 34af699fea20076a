"""5,000 of Stripe's events, each twice and in disorder: how fast they are taken in, and that all ends as in order.

Two companies live the same lives. The events of the first come once and in order, those of the second twice and shuffled;
then both must stand alike: invoices, attempts, postings and what was written down about them.
"""

import os
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.book import Book
from tests.bench.place import Place

if TYPE_CHECKING:
    from companies.models import Company
    from tests.billing.conftest import Double

EVENTS = int(os.environ.get("BENCH_EVENTS", "5000"))
STEP = 20


def measure(place: Place, book: Book) -> None:
    from django.conf import settings

    from companies.billing import checking
    from companies.billing.models import StripeEvent
    from deploy.celery import app
    from tests.billing.conftest import Double
    from tests.billing.test_flood import picture
    from tests.factories.companies import CompanyFactory

    double = Double(Path(tempfile.mkdtemp()) / "stripe.sqlite3")
    settings.STRIPE_API_BASE, settings.STRIPE_API_KEY = double.url, "sk_test_double"
    settings.STRIPE_WEBHOOK_SECRET = "whsec_test"
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    calm, flooded = CompanyFactory.create(), CompanyFactory.create()
    first, count = _live(double, calm, 0)
    second, _count = _live(double, flooded, count)
    twice = second * 2
    random.Random(7).shuffle(twice)
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    load = f"one process with the double of Stripe, load {os.getloadavg()[0]:.0f}"
    orderly, disorderly = _post(double, first), _post(double, twice)
    app.conf.task_always_eager = app.conf.task_eager_propagates = False
    double.close()
    if picture(calm) != picture(flooded):
        raise RuntimeError("the flood ends elsewhere than the orderly run")
    if broken := checking.first_break():
        raise RuntimeError(f"the books: {broken}")
    if open_events := StripeEvent.objects.filter(handled_at=None).count():
        raise RuntimeError(f"{open_events} events were not handled")
    where = f"{len(second)} events of {count} payments, each twice, shuffled; {load}"
    book.note("flood", "events_per_second", len(twice) / disorderly, "1/s", where)
    book.note("flood", "events_flood_seconds", disorderly, "s", "ends as the orderly run ends; the books hold")
    book.note("flood", "events_in_order_seconds", orderly, "s", f"{len(first)} events, each once, in order")


def _live(double: "Double", company: "Company", count: int) -> tuple[list[bytes], int]:
    """Payments of a company until there are events enough, or `count` of them; its events and how many payments."""
    from django.utils import timezone

    from companies.models import Role
    from tests.billing.test_flood import lives
    from tests.factories.companies import member

    accountant, before, done = member(company, Role.ACCOUNTANT), len(double.events()), 0
    while done < count or (not count and len(double.events()) - before < EVENTS):
        lives(double, company, accountant, STEP, at=timezone.now())
        done += STEP
    return double.events()[before:], done


def _post(double: "Double", bodies: list[bytes]) -> float:
    started = time.perf_counter()
    for body in bodies:
        if double.post(body) != 200:
            raise RuntimeError("an event was refused")
    return time.perf_counter() - started
