"""The process dies at any step of employees' payments, of documents and of what is told the platform: nothing is doubled."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from companies.billing import (
    allocation,
    checking,
    corrections,
    ereporting,
    ledger,
    personal,
    printing,
    settlement,
    tasks,
)
from companies.billing.channel import collected, exchange
from companies.billing.channel.http import Platform
from companies.billing.models import (
    AccountKind,
    CreditNote,
    EInvoicing,
    EReport,
    Invoice,
    LedgerTransaction,
    PersonalPayment,
    PersonalRefund,
    SelfBilled,
    Status,
    Transmission,
)
from companies.billing.payments import personal as at_stripe
from companies.models import OutboxMail, Role
from deploy.standalone import platform_double
from tests.billing.test_channel import Double, delivered
from tests.billing.test_credits import credit
from tests.billing.test_documents import advance, final, pay
from tests.billing.test_ereporting import private_sale
from tests.billing.test_killed_anywhere import EARLY, Life
from tests.billing.test_killed_anywhere import at_stripe as marked
from tests.billing.test_ledger import paid
from tests.factories.billing import AT, invoice, line, mandate, payment, self_billed
from tests.factories.companies import CompanyFactory, EmploymentFactory, UserFactory, member, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def life(monkeypatch):
    return Life(monkeypatch)


@pytest.fixture
def way(monkeypatch):
    running = Double()
    made = Platform(running.url, *platform_double.CLIENT)
    made.double = running
    yield made
    running.server.shutdown()
    running.server.server_close()


def flows(way, tracking):
    return [row for row in way.double.lever("flows") if row["trackingId"] == tracking]


@pytest.mark.usefixtures("at_once")
class TestAnEmployeesPayment:
    @pytest.fixture
    def job(self):
        made = EmploymentFactory()
        made.person.user = UserFactory()
        made.person.save()
        return made

    @staticmethod
    def reserve(job, key):
        return personal.authorise(
            person=job.person, company=job.company, key=key, subject="Granulés", price_cents=18_000,
            subsidy_cents=1_500, return_path="/me/", actor=job.person.user, at=EARLY,
        )  # fmt: skip

    def test_is_taken_and_refunded_once(self, life, double, job):
        """case: 180.00 with a subsidy of 15.00: half goes back, 82.50 to the person and 7.50 to the company, once."""
        by, rounds = staff(), []

        def begin(steps):
            rounds.append(steps)
            row = self.reserve(job, f"c-{steps}")
            double.pays(row.url)
            row = at_stripe.refresh(payment_id=row.pk, at=EARLY)

            def call():
                done = personal.capture(payment=row, at=EARLY)
                personal.refund(payment=done, cents=9_000, key=f"half-{row.pk}", reason="x", actor=by, at=EARLY)

            def look():
                call()  # whoever asked asks again
                at_stripe.sweep(at=timezone.now())
                row.refresh_from_db()
                refund = PersonalRefund.objects.get(payment=row)
                (intent,) = marked(double, "payment_intent", "personal", row)
                assert (row.state, intent["amount_received"], refund.state) == ("captured", 16_500, "succeeded")
                assert (refund.to_person_cents, refund.to_company_cents) == (8_250, 750)
                assert len(marked(double, "refund", "personal_refund", refund)) == 1
                assert ledger.balance(AccountKind.EMPLOYEES) == -9_000 * len(rounds)

            return call, look

        for look in life.everywhere(begin):
            look()
        assert not checking.first_break()

    def test_is_reserved_and_given_back_once(self, life, double, job):
        def reserving(steps):
            call = lambda: self.reserve(job, f"r-{steps}")  # noqa: E731  # shorter than a function

            def look():
                call()
                row = PersonalPayment.objects.get(key=f"r-{steps}")
                assert len(marked(double, "checkout.session", "personal", row)) == 1

            return call, look

        def releasing(steps):
            row = self.reserve(job, f"b-{steps}")
            double.pays(row.url)
            row = at_stripe.refresh(payment_id=row.pk, at=EARLY)

            def look():
                at_stripe.sweep(at=timezone.now() + timedelta(minutes=3))  # it asks once a minute
                (intent,) = marked(double, "payment_intent", "personal", row)
                row.refresh_from_db()
                released = (row.state, intent["status"]) == ("released", "canceled")
                assert released or (steps == 0 and row.state == "authorised"), "decided is done, by the sweeper too"

            return lambda: personal.release(payment=row, at=EARLY), look

        for begin in (reserving, releasing):
            for look in life.everywhere(begin):
                look()
        assert not LedgerTransaction.objects.exists()


class TestADocument:
    def run(self, life, kind, begin):
        """Die within it; ask again: one document, one number after the other."""
        for look in life.inside_of(begin):
            look()
        assert kind.objects.exists() and not checking.first_break()

    @staticmethod
    def left():
        """What a step that died may not leave behind."""
        rows = (Invoice, CreditNote, SelfBilled, LedgerTransaction, Status)
        return [kind.objects.count() for kind in rows] + [OutboxMail.objects.count()]

    def asked(self, call, count):
        """What looks: nothing is left of a call that died, then it is asked again, twice."""
        before = self.left()

        def look():
            grown = self.left()
            first = call()
            after = self.left()
            assert grown in (before, after), "half of it was kept"
            assert call() == first and self.left() == after
            assert [new - old for new, old in zip(after, before, strict=True)][: len(count)] == count

        return look

    def test_an_advance_is_asked_once(self, life):
        company, by = CompanyFactory(), staff()

        def begin(steps):
            call = lambda: advance(company, key=f"a{steps}", actor=by)  # noqa: E731  # shorter than a function
            return call, self.asked(call, [1, 0, 0, 1])

        self.run(life, Invoice, begin)

    def test_a_final_invoice_deducts_credits_and_keeps_once(self, life):
        """With an advance that is larger than it: the invoice, a credit note, and the money kept, all or nothing."""
        by = staff()

        def begin(steps):
            company = CompanyFactory()
            pay(advance(company, key=f"f{steps}", actor=by))
            call = lambda: final(company, line(10_000), key=f"final-{steps}")  # noqa: E731  # shorter than a function
            look = self.asked(call, [1, 1, 0])

            def see():
                look()
                assert (allocation.kept_for(company), call().prepaid_cents) == (24_000, 12_000)

            return call, see

        self.run(life, Invoice, begin)

    def test_a_corrective_invoice_replaces_once(self, life):
        by = staff()

        def begin(steps):
            row = pay(invoice())
            call = lambda: corrections.issue(  # noqa: E731  # shorter than a function
                invoice=row, lines=[line(4_449, 550)], reason="Taux", due_on=row.due_on, supply_on=row.supply_on,
                order_reference="", key=f"k{steps}", actor=by, at=AT,
            )  # fmt: skip
            return call, self.asked(call, [1, 0, 0, 3])

        self.run(life, Invoice, begin)

    def test_a_document_in_a_sellers_name_is_written_once(self, life):
        by = staff()
        of = mandate(CompanyFactory(), actor=by)

        def begin(steps):
            call = lambda: self_billed(of, actor=by, key=f"s{steps}")  # noqa: E731  # shorter than a function
            return call, self.asked(call, [0, 0, 1])

        self.run(life, SelfBilled, begin)

    def test_is_made_mailed_and_left_for_the_platform_once(self, life, at_once):
        company = CompanyFactory()
        member(company, Role.ACCOUNTANT)
        EInvoicing.objects.create(company=company, address=company.siren, switch_on=date(2026, 1, 1))

        def begin(_steps):
            row = invoice(company)

            def look():
                printing.deliver(invoice_id=row.pk, at=AT)
                assert Transmission.objects.filter(invoice=row).count() == 1
                assert OutboxMail.objects.filter(key__contains=f"-{row.pk}-").count() == 1

            return lambda: printing.deliver(invoice_id=row.pk, at=AT), look

        for look in life.everywhere(begin):
            look()

    def test_that_credits_is_mailed_and_left_for_the_platform_once(self, life, at_once, monkeypatch):
        """No state says that it is done, as the one of an invoice does: the sweep goes by its file."""
        monkeypatch.setattr(tasks.render_credit_note, "delay_on_commit", lambda **_given: None)
        company = CompanyFactory()
        member(company, Role.ACCOUNTANT)
        EInvoicing.objects.create(company=company, address=company.siren, switch_on=date(2026, 1, 1))

        def begin(steps):
            row = credit(invoice(company), 1_000, f"c{steps}")

            def look():
                tasks.sweep()
                assert Transmission.objects.filter(credit_note=row).count() == 1
                assert OutboxMail.objects.filter(key__startswith=f"credit-note-{row.pk}-").count() == 1

            return lambda: printing.deliver_credit_note(note_id=row.pk, at=AT), look

        for look in life.inside_of(begin):
            look()

    def test_in_a_sellers_name_is_left_for_the_platform_once(self, life, at_once, settings, monkeypatch):
        monkeypatch.setattr(tasks.render_self_billed, "delay_on_commit", lambda **_given: None)
        settings.EINVOICE_SWITCH_ON = "2026-01-01"
        by = staff()
        of = mandate(CompanyFactory(), actor=by)

        def begin(steps):
            row = self_billed(of, actor=by, key=f"d{steps}")

            def look():
                tasks.sweep()
                assert Transmission.objects.filter(self_billed=row).count() == 1

            return lambda: printing.deliver_self_billed(document_id=row.pk, at=AT), look

        for look in life.inside_of(begin):
            look()


class TestThePlatform:
    def test_is_told_each_payment_once(self, life, way):
        issued, rounds = delivered(), []
        exchange.send_waiting(way, at=AT)

        def begin(steps):
            rounds.append(steps)
            if steps == 0:
                settlement.apply(payment_id=payment(issued).pk, seen=paid(issued.gross_cents), at=AT)
            else:
                with transaction.atomic():
                    refund = settlement.Payment.objects.get(invoice=issued)
                    settlement.record_refund(refund, f"re_{steps}", 10, at=AT)

            def call():
                collected.say(at=AT)
                exchange.send_waiting(way, at=AT)

            def look():
                call()
                told = Status.objects.filter(code=212).order_by("pk")
                assert len(told) == len(rounds)
                assert [len(flows(way, f"status-{row.pk}")) for row in told] == [1] * len(told)

            return call, look

        for look in life.everywhere(begin):
            look()

    def test_gets_each_report_once(self, life, way, settings):
        settings.EREPORT_FROM = "2026-01-01"

        def begin(steps):
            at = datetime(2026 + steps // 12, steps % 12 + 1, 12, 8, tzinfo=UTC)
            private_sale(at=at - timedelta(days=9), key=f"s{steps}")

            def call():
                ereporting.close_periods(at=at)
                ereporting.send_waiting(way, at=at)

            def look():
                call()
                made = EReport.objects.get(period_start=at.date().replace(day=1))
                assert (made.state, made.revision, len(flows(way, made.reference))) == ("sent", 1, 1)

            return call, look

        for look in life.everywhere(begin):
            look()
