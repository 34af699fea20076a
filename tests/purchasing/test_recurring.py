"""A need that comes back is written once per period, whatever the clock does."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companies.models import Role
from purchasing.models import Budget, PurchaseRequest, RecurringRun
from purchasing.services import recurring
from purchasing.services import request as requests
from purchasing.services import supplier as suppliers
from purchasing.services.request import LineDraft, RequestDraft
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import NOW, SupplierFactory


class TestTheDay:
    @given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), st.integers(0, 60), st.sampled_from(["month", "quarter"]))
    def test_moves_by_whole_months_and_never_drifts(self, first, number, every):
        day = recurring.due_day(first, every, number)
        months = (day.year - first.year) * 12 + day.month - first.month
        assert months == number * (1 if every == "month" else 3)
        assert day.day == first.day or (day + timedelta(days=1)).day == 1


@pytest.mark.django_db(transaction=True)
class TestARecurringNeed:
    def setup_method(self):
        self.company = CompanyFactory(approval_limit_cents=10_000_000)
        self.buyer = member(self.company, Role.BUYER)
        draft = RequestDraft("Café", [LineDraft("Café en grains", 6, ref_price_e4=118_000)], cost_centre="SIÈGE")
        self.pattern = requests.save(actor=self.buyer, company=self.company, draft=draft, at=NOW)

    def start(self, **more):
        more = {"every": "month", "starts_on": date(2026, 3, 31)} | more
        return recurring.start(actor=self.buyer, pattern=self.pattern, at=NOW, **more)

    def at(self, day):
        return NOW.replace(year=day.year, month=day.month, day=day.day)

    def test_appears_on_its_day_once_however_often_the_clock_looks(self):
        assert self.start() == self.start(), "a form sent twice"
        assert recurring.write_due(at=self.at(date(2026, 3, 30))) == 0
        assert [recurring.write_due(at=self.at(date(2026, 3, 31))) for _n in range(3)] == [1, 0, 0]
        made = PurchaseRequest.objects.exclude(pk=self.pattern.pk).get()
        assert (made.state, made.lines.get().quantity, made.needed_by) == ("draft", 6, date(2026, 4, 30))

    def test_is_caught_up_after_a_standstill(self):
        self.start()
        assert recurring.write_due(at=self.at(date(2026, 6, 1))) == 3
        assert list(RecurringRun.objects.order_by("due_on").values_list("due_on", flat=True)) == [
            date(2026, 3, 31), date(2026, 4, 30), date(2026, 5, 31)
        ]  # fmt: skip

    def test_is_submitted_at_once_when_wanted(self):
        self.start(submit=True)
        recurring.write_due(at=self.at(date(2026, 3, 31)))
        assert PurchaseRequest.objects.exclude(pk=self.pattern.pk).get().state == "approved"

    def test_stays_a_draft_with_the_reason_when_its_budget_is_spent(self):
        Budget.objects.create(company=self.company, year=2026, cost_centre="SIÈGE", amount_cents=100)
        self.start(submit=True)
        recurring.write_due(at=self.at(date(2026, 3, 31)))
        run = RecurringRun.objects.get()
        assert run.request.state == "draft"
        assert "SIÈGE" in run.trouble

    def test_ends(self):
        row = self.start(ends_on=date(2026, 3, 31))
        assert recurring.write_due(at=self.at(date(2026, 6, 1))) == 1
        other = self.start(starts_on=date(2026, 7, 1))
        recurring.end(actor=self.buyer, recurring=other, at=NOW)
        assert recurring.write_due(at=self.at(date(2026, 9, 1))) == 0
        row.refresh_from_db()
        assert row.ended_at is not None


@pytest.mark.django_db(transaction=True)
class TestASuppliersFile:
    def test_counts_its_lead_time_in_open_days(self):
        who, supplier = staff(), SupplierFactory(lead_days=5)
        assert suppliers.earliest_delivery(supplier, date(2026, 8, 3)) == date(2026, 8, 8)
        suppliers.close(
            actor=who, supplier=supplier, starts_on=date(2026, 8, 5), ends_on=date(2026, 8, 21), reason="Congés", at=NOW
        )
        assert suppliers.earliest_delivery(supplier, date(2026, 8, 3)) == date(2026, 8, 25)

    def test_warns_before_a_document_expires_and_forgets_the_one_it_replaced(self):
        who, supplier = staff(), SupplierFactory()

        def add(day):
            return suppliers.add_document(
                actor=who,
                supplier=supplier,
                kind="kbis",
                name="kbis.pdf",
                content=b"%PDF-1.7 x",
                expires_on=day,
                at=NOW,
            )

        first = add(date(2026, 3, 20))
        assert list(suppliers.expiring(NOW)) == [first]
        add(date(2027, 3, 20))
        assert list(suppliers.expiring(NOW)) == []
        with pytest.raises(suppliers.NotPdf):
            suppliers.add_document(
                actor=who, supplier=supplier, kind="kbis", name="x.exe", content=b"MZ", expires_on=None, at=NOW
            )

    def test_keeps_one_contact_that_gets_the_links(self):
        who, supplier = staff(), SupplierFactory()
        with pytest.raises(suppliers.LastContact):
            suppliers.remove_contact(actor=who, contact=supplier.contacts.get(), at=NOW)
