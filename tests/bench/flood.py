"""Stripe's events, each twice and in disorder: how many a second are taken in and carried out."""

import random
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from tests.bench.book import Book
from tests.bench.place import Place

EVENTS = 5_000


def measure(place: Place, book: Book) -> None:
    from django.conf import settings
    from django.db import transaction
    from django.utils import timezone

    from companies.billing import checking, invoices, payments
    from companies.billing.models import Invoice, Payment, StripeEvent
    from companies.models import Role
    from deploy.celery import app
    from tests.billing.conftest import Double
    from tests.factories.companies import CompanyFactory, member

    double = Double(Path(tempfile.mkdtemp()) / "stripe.sqlite3")
    settings.STRIPE_API_BASE, settings.STRIPE_API_KEY = double.url, "sk_test_double"
    settings.STRIPE_WEBHOOK_SECRET = "whsec_test"
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    company = CompanyFactory()
    accountant = member(company, Role.ACCOUNTANT)
    at, made = datetime(2026, 3, 3, 9, tzinfo=UTC), []
    started = time.perf_counter()
    while len(double.events()) < EVENTS:
        for _ in range(50):
            number = len(made)
            line = invoices.LineDraft("Flot", 1, "forfait", 1_000_000, 10_000, 2_000)
            with transaction.atomic():
                bill = invoices.issue(
                    company=company, lines=[line], at=at, due_on=date(2026, 4, 2), source="bench", actor=None,
                    key=f"flood-{started}-{number}", legal_model="listing", supply_on=date(2026, 3, 2),
                )  # fmt: skip
                Invoice.objects.filter(pk=bill.pk).update(state="due")  # no file is rendered for this
            page = payments.start(invoice=bill, actor=accountant, at=timezone.now())
            double.pays(page.url)
            made.append(bill.pk)
    bodies = double.events()[:EVENTS] * 2
    random.Random(7).shuffle(bodies)
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    started = time.perf_counter()
    for body in bodies:
        if double.post(body) != 200:
            raise RuntimeError("an event was refused")
    seconds = time.perf_counter() - started
    where = f"{EVENTS} events, each twice, shuffled, one process, {len(made)} payments"
    book.note("flood", "events_per_second", len(bodies) / seconds, "1/s", where)
    paid = Payment.objects.filter(invoice__in=made, state="succeeded").count()
    book.note(
        "flood",
        "payments_that_arrived",
        paid,
        "payments",
        f"of {len(made)}; the books: {checking.first_break() or 'intact'}",
    )
    book.note("flood", "events_not_handled", StripeEvent.objects.filter(handled_at=None).count(), "events", where)
    double.close()
    app.conf.task_always_eager = app.conf.task_eager_propagates = False
