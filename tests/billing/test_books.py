"""Months, reversals, the FEC and the nightly check."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Event

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError
from django.urls import reverse

from companies.billing import books, chart, credit_notes, exports, fec, ledger, settlement, tasks
from companies.billing.models import (
    BESIDE,
    AccountKind,
    BooksCheck,
    ClosedMonth,
    LedgerEntry,
    LedgerTransaction,
    LineKind,
)
from companies.errors import NotAllowed
from companies.models import AuditEntry, Role
from tests.billing import fec_reader
from tests.billing.test_ledger import paid
from tests.factories.billing import AT, invoice, line, payment
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db
APRIL = datetime(2026, 4, 3, 9, 0, tzinfo=UTC)
MARCH = date(2026, 3, 1)


def a_month_of_business() -> None:
    """An invoice paid in full, one part-credited, one paid and taken back, and a manual entry."""
    done = invoice(CompanyFactory(name="Société\tàtab; «SA»"), line(3_841), line(608, 550, kind=LineKind.FREIGHT))
    settlement.apply(payment_id=payment(done).pk, seen=paid(done.gross_cents), at=AT + timedelta(days=9))
    other = invoice(None, line(10_000), legal_model="resale")
    credit_notes.issue(
        invoice=other, nets={other.lines.get().pk: 400}, reason="Casse", key="a", actor=None, at=AT + timedelta(days=2)
    )
    books.enter(
        debit=AccountKind.BANK,
        credit=AccountKind.STRIPE,
        cents=5_000,
        at=AT + timedelta(days=12),
        reason="Versement Stripe",
        actor=staff(),
        key="payout",
    )


class TestTheFec:
    def test_is_accepted_by_a_strict_reader_and_holds_every_entry(self):
        a_month_of_business()
        content = "".join(fec.lines(date(2026, 1, 1), date(2026, 12, 31)))
        entries = fec_reader.read(content, fec.file_name(date(2026, 12, 31)))
        assert len(entries) == LedgerEntry.objects.count()
        assert sum(entry.debit for entry in entries) == sum(entry.credit for entry in entries) > 0
        assert {entry.journal for entry in entries} == {"VT", "ST", "OD"}
        assert entries[-1].number == LedgerTransaction.objects.count()

    def test_letters_what_is_settled_and_only_that(self):
        a_month_of_business()
        entries = fec_reader.read("".join(fec.lines(MARCH, date(2026, 3, 31))), "732829320FEC20260331.txt")
        lettered = [entry for entry in entries if entry.letter]
        assert {entry.account for entry in lettered} == {"411000"}
        assert sum(entry.debit - entry.credit for entry in lettered) == 0
        assert len(lettered) == 2

    def test_of_a_later_month_goes_on_with_the_numbers_of_the_year(self):
        a_month_of_business()
        invoice(at=APRIL)
        entries = fec_reader.read("".join(fec.lines(date(2026, 4, 1), date(2026, 4, 30))), "732829320FEC20260430.txt")
        assert {entry.number for entry in entries} == {LedgerTransaction.objects.count()}

    def test_with_a_fault_is_refused_by_the_reader(self):
        """case: 18 columns, tabs, CRLF, dates, amounts, unbroken numbers: each rule of the reader is broken once."""
        a_month_of_business()
        content, name = "".join(fec.lines(MARCH, date(2026, 3, 31))), "732829320FEC20260331.txt"
        fec_reader.read(content, name)
        first, *rest = content.splitlines(keepends=True)
        one = rest[0].rstrip("\r\n").split("\t")

        def spoilt(place, words):
            return first + "\t".join([*one[:place], words, *one[place + 1 :]]) + "\r\n" + "".join(rest[1:])

        debit, credit = one[11], one[12]
        faults = [
            (content.replace("\r\n", "\n"), "does not end"),
            (content.replace("\t", ";", 1), "header"),
            (content.replace("EcritureNum\tEcritureDate", "EcritureDate\tEcritureNum"), "header"),
            (first + rest[0].replace("\t", " ", 1) + "".join(rest[1:]), "17 fields"),
            *[(spoilt(place, " "), "is empty") for place in (0, 1, 2, 4, 5, 8, 10)],
            (spoilt(4, "41"), "account"),
            (spoilt(5, "Autre"), "two labels"),
            (spoilt(7, ""), "half of a pair"),
            (spoilt(13, "AA" if not one[13] else ""), "half of a pair"),
            *[(spoilt(place, "2026033"), "is no date") for place in (3, 9, 15)],
            (spoilt(11, debit.replace(",", ".")), "is no amount"),
            (spoilt(12, debit), "debit and credit"),
            (spoilt(17, "USD"), "foreign currency"),
            (spoilt(2, "7"), "after"),
            (spoilt(3, "20260331"), "after"),
            (spoilt(11, "999,99"), "does not balance"),
        ]
        assert credit == "0,00"
        for text, why in faults:
            with pytest.raises(fec_reader.Refused, match=why):
                fec_reader.read(text, name)
        with pytest.raises(fec_reader.Refused, match="name"):
            fec_reader.read(content, "FEC.txt")

    def test_knows_the_number_of_every_account(self):
        assert set(AccountKind) - set(BESIDE) == set(chart.NUMBERS)  # what is a supplier's stands in no file


class TestCloseMonth:
    def test_locks_it_in_words_and_in_the_database(self):
        a_month_of_business()
        closed = books.close_month(month=MARCH, actor=staff(), at=APRIL)
        assert closed.transactions == LedgerTransaction.objects.count()
        assert fec_reader.read(bytes(closed.document.content).decode(), closed.document.name)
        with pytest.raises(ledger.MonthClosed), transaction.atomic():
            invoice(at=AT)
        with pytest.raises(DatabaseError, match="is closed"), transaction.atomic():
            LedgerTransaction.objects.create(key="k", kind="x", at=AT)
        with pytest.raises(DatabaseError, match="is closed"), transaction.atomic():
            LedgerTransaction.objects.create(key="k", kind="x", at=datetime(2026, 3, 31, 21, 59, 59, tzinfo=UTC))
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            ClosedMonth.objects.all()._raw_delete("default")
        assert invoice(at=datetime(2026, 3, 31, 22, 0, tzinfo=UTC)).issued_on == date(2026, 4, 1)  # midnight in Paris
        assert books.close_month(month=MARCH, actor=staff(), at=APRIL) == closed

    def test_is_refused_when_it_is_not_over_not_next_or_not_intact(self):
        invoice()
        with pytest.raises(books.CannotClose):
            books.close_month(month=MARCH, actor=staff(), at=datetime(2026, 3, 31, 21, 59, tzinfo=UTC))
        with pytest.raises(books.CannotClose):
            books.close_month(month=date(2026, 4, 1), actor=staff(), at=datetime(2026, 6, 1, tzinfo=UTC))
        with pgtrigger.ignore(), connection.cursor() as cursor:
            cursor.execute("UPDATE billing_invoice SET balance_cents = 1")
        with pytest.raises(books.CannotClose):
            books.close_month(month=MARCH, actor=staff(), at=APRIL)
        assert not ClosedMonth.objects.exists()

    def test_is_the_staff_s_alone(self):
        invoice()
        with pytest.raises(NotAllowed):
            books.close_month(month=MARCH, actor=member(CompanyFactory(), Role.ACCOUNTANT), at=APRIL)


@pytest.mark.django_db(transaction=True)
class TestClosingWhileSomebodyPosts:
    def test_waits_for_the_posting_and_counts_it(self):
        """A posting under way is in the month or refused, never in a month that was closed without it."""
        company, closer = CompanyFactory(), staff()
        invoice(company)
        posted, go = Event(), Event()

        def post() -> None:
            try:
                with transaction.atomic():
                    sides = [ledger.Side(AccountKind.BANK, 100), ledger.Side(AccountKind.STRIPE, -100)]
                    ledger.post(key="slow", kind="manual", at=AT, sides=sides)
                    posted.set()
                    go.wait(5)
            finally:
                connection.close()

        def close() -> int:
            try:
                return books.close_month(month=MARCH, actor=closer, at=APRIL).transactions
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(post)
            assert posted.wait(5)
            second = pool.submit(close)
            assert not second.done()
            go.set()
            first.result(10)
            assert second.result(10) == 2


class TestReverse:
    def test_writes_the_opposite_once_with_reason_and_audit(self):
        user = staff()
        a_month_of_business()
        manual = LedgerTransaction.objects.get(kind="manual")
        back = books.reverse(original=manual, actor=user, at=APRIL, reason="Mauvais compte")
        assert (ledger.balance(AccountKind.BANK), back.reverses) == (0, manual)
        assert AuditEntry.objects.filter(action="ledgertransaction.reversed", reason="Mauvais compte").exists()
        with pytest.raises(books.NotReversible):
            books.reverse(original=manual, actor=user, at=APRIL, reason="encore")

    def test_is_refused_for_what_has_a_document_of_its_own_or_no_reason(self):
        invoice()
        posted = LedgerTransaction.objects.get()
        with pytest.raises(books.NotReversible):
            books.reverse(original=posted, actor=staff(), at=APRIL, reason="x")
        with pytest.raises(books.ReasonAsked):
            books.reverse(original=posted, actor=staff(), at=APRIL, reason=" ")


class TestTheNightlyCheck:
    def test_keeps_what_it_found(self, client):
        invoice()
        tasks.check_books()
        assert BooksCheck.objects.get().difference == ""
        with pgtrigger.ignore(), connection.cursor() as cursor:
            cursor.execute("UPDATE billing_invoice SET balance_cents = 1")
        tasks.check_books()
        assert "the books say" in BooksCheck.objects.first().difference
        client.force_login(staff())
        assert b"the books say" in client.get(reverse("billing:books")).content

    def test_and_the_command_agree(self, capsys):
        a_month_of_business()
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        call_command("check_ledger")
        assert "intact" in capsys.readouterr().out


class TestTheFiles:
    def test_balance_adds_up_and_carries_no_formula(self):
        a_month_of_business()
        rows = exports.balances(date(2026, 3, 31))
        assert sum(row["balance"] for row in rows) == 0
        assert next(row["balance"] for row in rows if row["number"] == "512000") == 5_000
        invoice(CompanyFactory(name="=HYPERLINK(1)"))
        text = "".join(exports.invoices_csv(MARCH, date(2026, 3, 31)))
        assert ";'=HYPERLINK" in text and "20;" in text

    def test_are_handed_to_the_staff(self, client):
        a_month_of_business()
        client.force_login(staff())
        for name, args in [("fec", [2026]), ("balance_file", []), ("invoices_file", [2026, 3])]:
            answer = client.get(reverse(f"billing:{name}", args=args))
            assert answer.status_code == 200 and "attachment" in answer["Content-Disposition"]
            assert b"".join(answer.streaming_content)


class TestThePages:
    def test_close_a_month_and_write_and_reverse_an_entry(self, client):
        invoice(at=datetime(2026, 1, 5, 9, 0, tzinfo=UTC))
        client.force_login(staff())
        assert client.get(reverse("billing:books")).status_code == 200
        answer = client.post(reverse("billing:close_month", args=[2026, 1]), follow=True)
        assert ClosedMonth.objects.get().month == date(2026, 1, 1)
        answer = client.get(reverse("billing:month_file", args=[2026, 1]))
        assert answer.content.startswith(b"JournalCode")
        form = {"debit": "bank_charges", "credit": "bank", "cents": "12,50", "reason": "Frais", "key": "once"}
        for _twice in range(2):
            client.post(reverse("billing:entry_new"), form)
        manual = LedgerTransaction.objects.get(kind="manual")
        assert client.get(reverse("billing:entries"), {"q": "Frais"}).status_code == 200
        client.post(reverse("billing:entry", args=[manual.pk]), {"reason": "Erreur"})
        assert ledger.balance(AccountKind.BANK) == 0

    def test_list_entries_with_few_queries(self, client, django_assert_max_num_queries):
        for _ in range(5):
            a_month_of_business()
            LedgerTransaction.objects.filter(kind="manual").exists()
            break
        client.force_login(staff())
        client.get(reverse("billing:entries"))
        with django_assert_max_num_queries(18):
            client.get(reverse("billing:entries"))


def test_a_settled_month_cannot_take_a_late_line(transactional_db):
    """Case: entries into a closed month are refused even one by one, by psql."""
    invoice()
    books.close_month(month=MARCH, actor=staff(), at=APRIL)
    with pytest.raises(IntegrityError, match="is closed"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_ledgertransaction (key, kind, at, reason) VALUES ('x', 'y', '2026-02-01', '')"
        )
