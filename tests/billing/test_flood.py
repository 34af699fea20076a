"""A flood of events, each twice and in disorder, ends where the orderly run ends."""

import random

import pytest
from django.db.models import Count, Sum
from django.utils import timezone

from companies.billing import checking, payments
from companies.billing.models import Invoice, LedgerTransaction, Payment, StripeEvent
from companies.models import AuditEntry, Role
from tests.factories.billing import invoice
from tests.factories.companies import CompanyFactory, member

GOOD, POOR = "FR1420041010050500013M02606", "FR8420041010050500013M02607"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]


def lives(double, company, accountant, count, tell=lambda: None, **more):
    """Payments that succeed, fail, are refunded by nobody and claimed back by some, as Stripe lives them; `tell` after each step."""
    for number in range(count):
        bill = invoice(company, **more)
        Invoice.objects.filter(pk=bill.pk).update(state="due")
        page = payments.start(invoice=bill, actor=accountant, at=timezone.now())
        kind = number % 4
        double.pays(page.url, **{} if kind == 0 else {"iban": POOR if kind == 1 else GOOD})
        tell()
        if kind == 0:
            continue
        intent = double.intent()["id"]
        double.lever("settle", payment_intent=intent)
        tell()
        if kind == 3:
            double.lever("dispute", payment_intent=intent)
            tell()


def picture(company):
    """Where everything stands, without the ids and times that differ between runs."""
    rows = Invoice.objects.filter(company=company).order_by("pk")
    attempts = Payment.objects.filter(invoice__company=company).order_by("pk")
    posted = LedgerTransaction.objects.filter(entries__account__company=company).values("kind")
    audit = AuditEntry.objects.filter(company=company, action__startswith="payment.").values("action")
    return (
        list(rows.values_list("state", "balance_cents")),
        list(attempts.values_list("state", "method", "failure", "refunded_cents")),
        sorted(posted.annotate(n=Count("pk"), sum=Sum("entries__cents")).values_list("kind", "n", "sum")),
        sorted(audit.annotate(n=Count("pk")).filter(action="payment.charged_back").values_list("action", "n")),
    )


class TestAFlood:
    def test_of_events_twice_and_shuffled_ends_where_the_orderly_run_ends(self, double):
        pictures = []
        for disorder in (False, True):
            company, told = CompanyFactory(), len(double.events())

            def tell():  # used in this round only
                nonlocal told
                fresh = double.events()[told:]
                told += len(fresh)
                assert [double.post(body) for body in fresh] == [200] * len(fresh)

            first = told
            lives(double, company, member(company, Role.ACCOUNTANT), 4, (lambda: None) if disorder else tell)
            if disorder:
                bodies = double.events()[first:] * 2
                random.Random(5).shuffle(bodies)
                assert [double.post(body) for body in bodies] == [200] * len(bodies)
            pictures.append(picture(company))
        assert pictures[0] == pictures[1]
        owed = {"paid": 0, "failed": 5_339, "charged_back": 5_339}
        assert pictures[0][0] == [(state, owed[state]) for state in ("paid", "failed", "paid", "charged_back")]
        posted = {kind: count for kind, count, _cents in pictures[0][2]}
        assert posted == {"invoice": 4, "payment": 3, "charge_back": 1}, "each once, in both runs"
        assert not StripeEvent.objects.filter(handled_at=None).exists()
        assert not checking.first_break()
