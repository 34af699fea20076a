"""Sixteen people do the same thing in the same moment: it happens once, and the books say so."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone

from companies import jobs
from companies.billing import (
    allocation,
    books,
    checking,
    deposits,
    dues,
    instalments,
    ledger,
    mandates,
    payments,
    reminders,
    write_offs,
)
from companies.billing.bank import importing, matching
from companies.billing.models import (
    AccountKind,
    BankLine,
    BankMatch,
    BankStatement,
    ClosedMonth,
    DepositRefund,
    DuesRun,
    InstalmentPlan,
    Invoice,
    LedgerEntry,
    LedgerTransaction,
    Mandate,
    PlannedDebit,
    Refund,
    Reminder,
)
from companies.errors import DomainError
from companies.models import AuditEntry, Company, OutboxMail, Role
from tests.billing.statements import IBAN, camt, entry
from tests.billing.test_accounts_api import mandate
from tests.billing.test_deposits import keep, owed
from tests.factories.billing import AT, invoice
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 16
PAST = datetime(2026, 6, 10, 9, 0, tzinfo=UTC)  # a Wednesday


def storm(*calls):
    """Run calls at the same moment, each with a connection of its own; what each returned, or the refusal in words.

    Anything but a refusal in words (a deadlock, a broken constraint) fails the test.
    """
    gate = threading.Barrier(len(calls))

    def work(call):
        try:
            connection.ensure_connection()
            gate.wait(60)
            return call()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(work, calls))


def done(results):
    return [one for one in results if not isinstance(one, DomainError)]


def intact():
    """The books balance, each invoice agrees with them, and no number is missing."""
    assert checking.first_break() == ""
    rows = list(Invoice.objects.all())
    assert {row.pk: row.balance_cents for row in rows} == ledger.owed(rows)
    for year in {row.issued_on.year for row in rows}:
        numbers = sorted(row.number for row in rows if row.issued_on.year == year)
        assert numbers == [f"ERB-{year}-{n:05d}" for n in range(1, len(numbers) + 1)]


class TestAStormOn:
    def test_a_statement_and_on_a_line_of_it(self):
        company, by, at = CompanyFactory(), staff(), timezone.now()
        first, second = owed(company, 10_000, 10_000)
        content = camt(
            entry(10_000, text=first.number, bank_id="1"), entry(10_000, text="?", bank_id="2"), total=20_000
        )
        take = lambda: importing.take(content=content, name="r.xml", actor=by, at=at)  # noqa: E731  # shorter than a function
        assert len(done(storm(*[take] * MANY))) == 1
        assert (BankStatement.objects.count(), BankLine.objects.count(), BankMatch.objects.count()) == (1, 2, 1)
        line = BankLine.objects.get(state="open")
        match = lambda: matching.match_invoices(line=line, parts={second.pk: 10_000}, actor=by, at=at)  # noqa: E731  # shorter than a function
        keep_it = lambda: matching.match_account(  # noqa: E731  # shorter than a function
            line=line, kind=AccountKind.DEPOSITS, company=company, actor=by, at=at
        )
        assert len(done(storm(*[match, keep_it] * (MANY // 2)))) == 1
        assert ledger.balance(AccountKind.BANK) == 20_000 and BankMatch.objects.filter(line=line).count() == 1
        line.refresh_from_db()
        undo = lambda: matching.undo(line=line, actor=by, at=at, reason="x")  # noqa: E731  # shorter than a function
        assert len(done(storm(*[undo] * MANY))) == 1
        assert ledger.balance(AccountKind.BANK) == 10_000
        intact()

    def test_the_years_dues(self):
        """Two people prepare at once: one draft. The job runs twice at once: one invoice each."""
        for size in (5, 30, 300):
            CompanyFactory(headcount=size)
        Company.objects.update(created_at=PAST)
        by = staff()
        prepare = lambda: dues.prepare(year=2026, due_on=date(2026, 7, 31), actor=by, at=PAST)  # noqa: E731  # shorter than a function
        (run,) = done(storm(*[prepare] * MANY))
        assert DuesRun.objects.count() == 1 and run.lines.count() == 3
        start = lambda: dues.start_issuing(run=run, actor=by, at=PAST)  # noqa: E731  # shorter than a function
        (job,) = done(storm(*[start] * MANY))
        assert jobs.begin(str(job.pk)) is not None
        assert len(done(storm(*[lambda: dues.issue(job=job, at=PAST)] * MANY))) == MANY
        run.refresh_from_db()
        assert (run.state, Invoice.objects.count()) == ("issued", 3)
        assert AuditEntry.objects.filter(action="duesrun.issued").count() == 1
        brackets = lambda: dues.set_brackets(rows=[(None, 100)], actor=by, at=PAST)  # noqa: E731  # shorter than a function
        assert len(done(storm(*[brackets] * MANY))) == MANY
        intact()

    def test_the_close_of_a_month_and_what_is_still_issued_into_it(self):
        company, by = CompanyFactory(), staff()
        invoice(company, at=PAST)
        close = lambda: books.close_month(month=date(2026, 6, 1), actor=by, at=PAST + timedelta(days=30))  # noqa: E731  # shorter than a function
        issue = lambda: invoice(company, at=PAST)  # noqa: E731  # shorter than a function
        results = storm(*[close, issue] * (MANY // 2))
        issued = 1 + sum(isinstance(one, Invoice) for one in results)
        assert sum(isinstance(one, ClosedMonth) for one in results) == MANY // 2
        assert all(isinstance(one, (ClosedMonth, Invoice, ledger.MonthClosed)) for one in results)
        month = ClosedMonth.objects.get()
        posted = LedgerEntry.objects.aggregate(debit=Sum("cents", filter=Q(cents__gt=0)))["debit"]
        kept = bytes(month.document.content).decode().splitlines()[1:]
        assert Invoice.objects.count() == issued == month.transactions == LedgerTransaction.objects.count()
        assert (month.debit_cents, len(kept)) == (posted, LedgerEntry.objects.count())
        intact()

    def test_a_refund(self, double, at_once):
        company, by, at = CompanyFactory(), staff(), timezone.now()
        (bill,) = owed(company, 9_000)
        page = payments.start(invoice=bill, actor=member(company, Role.ACCOUNTANT), at=at)
        double.pays(page.url)
        payments.refresh(payment_id=page.pk, at=at)
        asks = [
            lambda key=f"k{place}": payments.refund(
                payment=page, amount_cents=4_000, reason="x", key=key, actor=by, at=at
            )
            for place in range(MANY)
        ]
        assert len(done(storm(*asks))) == 2, "two fit into what was paid"
        page.refresh_from_db()
        sums = Refund.objects.aggregate(sum=Sum("amount_cents"))["sum"]
        assert (sums, page.refunded_cents, ledger.balance(AccountKind.STRIPE)) == (8_000, 8_000, 1_000 - fee())
        intact()

    def test_a_debt_that_is_given_up(self):
        by, second, at = staff(), staff(), timezone.now()
        (bill,) = owed(CompanyFactory(), 7_000)
        ask = lambda: write_offs.ask(invoice=bill, reason="x", actor=by, at=at)  # noqa: E731  # shorter than a function
        (asked,) = done(storm(*[ask] * MANY))
        agree, refuse = (
            lambda agreed=agreed: write_offs.decide(write_off=asked, agreed=agreed, actor=second, at=at)
            for agreed in (True, False)
        )
        (row,) = done(storm(*[agree, refuse] * (MANY // 2)))
        gone = 7_000 if row.state == "done" else 0
        bill.refresh_from_db()
        assert (ledger.balance(AccountKind.BAD_DEBTS), bill.balance_cents) == (gone, 7_000 - gone)
        intact()

    def test_a_plan_in_parts(self):
        """The same proposal sent twice is one; of several answers one counts."""
        company, by = CompanyFactory(), staff()
        accountant, at = member(company, Role.ACCOUNTANT), timezone.now()
        mandate(company, "ERB-STORM")
        (bill,) = owed(company, 10_000)
        first = timezone.localdate(at) + timedelta(days=20)
        proposals = [
            lambda count=2 + place % 2: instalments.propose(
                invoice=bill, parts=instalments.equal_parts(10_000, count, first), actor=by, at=at
            )
            for place in range(MANY)
        ]
        assert len(done(storm(*proposals))) == MANY
        plan = InstalmentPlan.objects.get(state="proposed")
        answers = [
            lambda: instalments.agree(plan=plan, actor=accountant, ip=None, user_agent="", at=at),
            lambda: instalments.cancel(plan=plan, actor=accountant, at=at),
        ]
        assert len(done(storm(*answers * (MANY // 2)))) in (1, 2)  # ERB may still end what was agreed to a moment ago
        same = lambda: instalments.propose(  # noqa: E731  # shorter than a function
            invoice=bill, parts=instalments.equal_parts(10_000, 4, first), actor=by, at=at
        )
        instalments.cancel(plan=plan, actor=by, at=at) if InstalmentPlan.objects.filter(state="agreed") else None
        made = done(storm(*[same] * MANY))
        assert len({row.pk for row in made}) == 1 and len(made) == MANY
        assert not PlannedDebit.objects.exists()
        intact()

    def test_the_run_of_reminders(self):
        for company in (CompanyFactory(), CompanyFactory()):
            member(company, Role.ACCOUNTANT)
            owed(company, 5_000, 6_000)

        reminders.levels()
        assert sum(done(storm(*[lambda: reminders.send(at=PAST)] * MANY))) == 4
        assert Reminder.objects.count() == 4
        assert OutboxMail.objects.filter(key__startswith="reminder-").count() == 4
        intact()

    def test_a_deposit(self):
        """Used from many tabs and asked back at the same moment: never more than there is."""
        company, by, at = CompanyFactory(), staff(), timezone.now()
        keep(company, 10_000)
        (bill,) = owed(company, 90_000)
        seen = allocation.last_entry(company)
        use = lambda: allocation.spend(company=company, parts={bill.pk: 6_000}, actor=by, at=at, seen=seen)  # noqa: E731  # shorter than a function
        back = lambda: deposits.ask(  # noqa: E731  # shorter than a function
            company=company, cents=3_000, reason="x", key=str(uuid.uuid4()), actor=by, at=at, iban=IBAN
        )
        once = lambda: deposits.ask(  # noqa: E731  # shorter than a function
            company=company, cents=1_000, reason="x", key="once", actor=by, at=at, iban=IBAN
        )
        storm(*[use, use, back, once] * (MANY // 4))
        bill.refresh_from_db()
        gone = DepositRefund.objects.aggregate(sum=Sum("cents"))["sum"]
        assert DepositRefund.objects.filter(key__endswith="-once").count() <= 1
        assert allocation.kept_for(company) == 10_000 - gone - (90_000 - bill.balance_cents) >= 0
        assert bill.balance_cents in (84_000, 90_000)
        row = DepositRefund.objects.filter(state="asked").first()
        drop = lambda: deposits.cancel(row=row, actor=by, at=at)  # noqa: E731  # shorter than a function
        assert len(done(storm(*[drop] * MANY))) == 1
        intact()

    def test_a_mandates_form(self, double):
        """The form sent twice signs once."""
        company = CompanyFactory()
        accountant = member(company, Role.ACCOUNTANT)
        sign = lambda: mandates.ask(  # noqa: E731  # shorter than a function
            company=company,
            holder="T",
            iban=IBAN,
            language="fr",
            ip=None,
            user_agent="",
            actor=accountant,
            at=AT,
            key="k",
        )
        assert len({row.pk for row in done(storm(*[sign] * MANY))}) == Mandate.objects.count() == 1


def fee():
    """What Stripe kept of the payment, as the books have it."""
    return ledger.balance(AccountKind.BANK_CHARGES)
