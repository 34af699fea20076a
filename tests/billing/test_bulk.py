import random
from datetime import UTC, datetime

import pytest
from django.db import transaction

from companies.billing import checking, demo_data, demo_data_books, numbering
from companies.billing.models import BankLine, ClosedMonth, Invoice, Payment, ReceivedInvoice, Transmission
from companies.demo_data import World
from companies.models import Role
from tests.factories.companies import CompanyFactory, member, staff

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.django_db
class TestSeed:
    def test_gives_a_year_whose_books_are_intact_and_a_story_of_each_kind(self):
        companies = CompanyFactory.create_batch(4)
        world = World(scale="tiny", companies=companies, staff=[staff()])
        world.members[companies[0].pk] = {"accountant": [member(companies[0], Role.ACCOUNTANT)]}
        demo_data.seed(rng=random.Random(1), world=world, at=AT, scale="tiny")
        assert not checking.first_break()
        states = set(Invoice.objects.filter(company=companies[0]).values_list("state", flat=True))
        assert states >= {"due", "failed", "collecting", "charged_back", "paid", "final"}
        assert Invoice.objects.filter(issued_at__gte=AT).count() == 0
        dates = list(Invoice.objects.order_by("issued_on__year", "number").values_list("issued_on", flat=True))
        assert dates == sorted(dates)
        assert Payment.objects.filter(state="succeeded").count() > 30
        assert set(BankLine.objects.values_list("state", flat=True)) == {"open", "matched"}
        assert set(ReceivedInvoice.objects.values_list("state", flat=True)) == {
            "received",
            "approved",
            "refused",
            "paid",
        }
        assert Transmission.objects.filter(state="approved").exists()
        with transaction.atomic():
            numbering.take("REL", at=AT)  # another room's series is no matter of the books
        demo_data_books.close_old_months(world=world, at=AT)
        assert ClosedMonth.objects.count() >= 8
        assert not checking.first_break()

    def test_draws_the_same_invoices_again(self):
        company = CompanyFactory(headcount=40)
        first, second = (demo_data._year(random.Random(1), company, AT) for _ in range(2))
        assert [row.invoice.gross_cents for row in first] == [row.invoice.gross_cents for row in second]
        assert len(first) == 14
