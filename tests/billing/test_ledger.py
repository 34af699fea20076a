import re
from datetime import timedelta

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from companies.billing import checking, credit_notes, ledger, settlement, windows
from companies.billing.models import (
    Account,
    AccountKind,
    CreditNote,
    Invoice,
    LedgerEntry,
    LedgerTransaction,
    LineKind,
    Payment,
)
from companies.billing.settlement import Dispute, Observation
from tests.factories.billing import AT, invoice, line, payment
from tests.factories.companies import CompanyFactory

pytestmark = pytest.mark.django_db


def commit() -> None:
    """Check now what PostgreSQL checks at commit."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


class TestPost:
    def test_is_refused_when_the_sides_do_not_sum_to_zero(self):
        """I10: every transaction of the ledger sums to zero."""
        with pytest.raises(IntegrityError, match="sum to 1"), transaction.atomic():
            ledger.post(
                key="k",
                kind="x",
                at=AT,
                sides=[ledger.Side(AccountKind.BANK, 100), ledger.Side(AccountKind.STRIPE, -99)],
            )
            commit()

    def test_is_refused_without_sides(self):
        with pytest.raises(IntegrityError, match="0 entries"), transaction.atomic():
            ledger.post(key="k", kind="x", at=AT, sides=[])
            commit()

    def test_writes_once_per_key(self):
        sides = [ledger.Side(AccountKind.BANK, 100), ledger.Side(AccountKind.STRIPE, -100)]
        assert ledger.post(key="k", kind="x", at=AT, sides=sides) is not None
        assert ledger.post(key="k", kind="x", at=AT, sides=sides) is None
        assert ledger.balance(AccountKind.BANK) == 100

    def test_is_put_right_by_a_reversal_once(self):
        sides = [ledger.Side(AccountKind.BANK, 100), ledger.Side(AccountKind.STRIPE, -100)]
        posted = ledger.post(key="k", kind="x", at=AT, sides=sides)
        assert ledger.reverse(posted, at=AT, reason="mistake") is not None
        assert ledger.reverse(posted, at=AT, reason="mistake") is None
        assert ledger.balance(AccountKind.BANK) == ledger.balance(AccountKind.STRIPE) == 0

    @pytest.mark.parametrize(
        "change",
        [
            lambda: LedgerEntry.objects.update(cents=1),
            lambda: LedgerEntry.objects.all()._raw_delete("default"),
            lambda: LedgerTransaction.objects.update(reason="x"),
            lambda: LedgerTransaction.objects.all()._raw_delete("default"),
        ],
    )
    def test_stays_as_written_even_for_sql(self, change):
        invoice()
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            change()

    def test_is_not_emptied_either_nor_is_anything_else_that_nobody_may_delete(self):
        """TRUNCATE asks no trigger of the rows. Every guarded table of both apps is named by the catalogue itself.

        Each refuses for itself: with CASCADE another table's trigger would refuse too, and hide that one is missing.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid "
                "WHERE relname ~ '^(billing|companies)_' AND tgtype & 8 = 8 AND NOT tgisinternal "  # 8: before DELETE
                "UNION SELECT 'billing_numbercounter'"
            )
            guarded = [name for (name,) in cursor.fetchall()]
        assert {"billing_ledgerentry", "billing_invoice", "billing_creditnote", "companies_auditentry"} <= set(guarded)
        invoice(), commit()  # rows that a TRUNCATE would take
        own = {name: f"Cannot truncate table {name}$" for name in guarded}
        for name, refusal in {
            **own,
            "billing_account": "Cannot truncate table",
        }.items():  # it goes only with its entries
            with (
                pytest.raises(DatabaseError, match=re.compile(refusal, re.MULTILINE)),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(f"TRUNCATE {name} CASCADE")

    def test_keeps_one_account_per_kind_company_and_rate(self):
        company = CompanyFactory()
        assert ledger.account(AccountKind.BANK) == ledger.account(AccountKind.BANK)
        with pytest.raises(IntegrityError), transaction.atomic():
            Account.objects.create(kind=AccountKind.BANK)
        with pytest.raises(IntegrityError), transaction.atomic():
            Account.objects.create(kind=AccountKind.BANK, company=company)


class TestCreditNote:
    def test_takes_back_a_line_with_its_vat_and_never_more(self):
        bill = invoice(None, line(3_841), line(608, 550, kind=LineKind.FREIGHT))
        goods, freight = bill.lines.all()
        take = {"invoice": bill, "reason": "Casse", "actor": None, "at": AT}
        first = credit_notes.issue(nets={goods.pk: 1_000}, key="a", **take)
        assert (first.number, first.net_cents, first.vat_cents) == ("AV-2026-00001", 1_000, 200)
        assert credit_notes.issue(nets={goods.pk: 1_000}, key="a", **take) == first
        with pytest.raises(credit_notes.CreditRefused):
            credit_notes.issue(nets={goods.pk: 2_842}, key="b", **take)
        credit_notes.issue(nets={goods.pk: 2_841, freight.pk: 608}, key="c", **take)
        bill.refresh_from_db()
        assert (bill.state, bill.balance_cents) == ("credited", 0)
        assert sum(note.vat_cents for note in CreditNote.objects.all()) == bill.vat_cents
        assert ledger.balance(AccountKind.VAT_COLLECTED, vat_bp=2_000) == 0
        assert not checking.first_break()

    def test_of_a_paid_invoice_leaves_something_to_give_back(self):
        bill = invoice()
        settlement.apply(payment_id=payment(bill).pk, seen=paid(bill.gross_cents), at=AT)
        credit_notes.issue(invoice=bill, nets={bill.lines.get().pk: 1_000}, reason="Casse", key="a", actor=None, at=AT)
        bill.refresh_from_db()
        assert (bill.state, bill.balance_cents) == ("paid", -1_200)


def paid(cents: int, **more) -> Observation:
    return Observation("succeeded", received_cents=cents, fee_cents=105, intent_id="pi_1", method="card", **more)


KINDS = ["open", "processing", "cancelled", "failed", "paid", "disputed", "won", "refunded", "refunded twice"]


def observation(kind: str, n: int) -> Observation:
    """What Stripe might say about the payment `pi_<n>`."""
    disputes, refunds = [], []
    if kind in ("disputed", "won"):
        disputes = [Dispute(f"du_{n}", 5_339, returned=kind == "won")]
    if kind.startswith("refunded"):
        refunds = [(f"re_{n}_1", 339), (f"re_{n}_2", 1_000)][: 2 if kind.endswith("twice") else 1]
    if kind in KINDS[:4]:
        return Observation(kind, failure="insufficient_funds" if kind == "failed" else "")
    return Observation("succeeded", 5_339, 105, f"pi_{n}", "card", disputes=disputes, refunds=refunds)


class TestApply:
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(kinds=st.lists(st.sampled_from(KINDS), max_size=8))
    def test_keeps_the_books_whole_in_any_order(self, kinds):
        """I9: invoice − payments + refunds + chargebacks is the balance, in any order of the news."""
        bill = invoice()
        attempt = payment(bill)
        seen = [observation(kind, bill.pk) for kind in kinds]
        for one in seen:
            settlement.apply(payment_id=attempt.pk, seen=one, at=AT)
        commit()
        assert not checking.first_break()
        bill.refresh_from_db()
        arrived = any(one.outcome == "succeeded" for one in seen)
        charged = {dispute.id for one in seen for dispute in one.disputes}
        won = {dispute.id for one in seen for dispute in one.disputes if dispute.returned}
        back = sum(cents for _id, cents in {refund for one in seen for refund in one.refunds})
        assert bill.balance_cents == 5_339 * (not arrived) + 5_339 * (len(charged) - len(won)) + back

    def test_changes_nothing_the_second_time(self):
        """I12: the same news twice changes nothing the second time."""
        bill = invoice()
        attempt = payment(bill)
        settlement.apply(payment_id=attempt.pk, seen=paid(5_339), at=AT)
        before = LedgerTransaction.objects.count()
        settlement.apply(payment_id=attempt.pk, seen=paid(5_339), at=AT)
        settlement.apply(payment_id=attempt.pk, seen=Observation("processing"), at=AT)
        assert LedgerTransaction.objects.count() == before
        assert Invoice.objects.get().state == "paid"
        assert Payment.objects.get().state == "succeeded"

    def test_leaves_a_second_attempt_in_collection_when_the_first_is_taken_back(self):
        bill = invoice()
        first = payment(bill)
        settlement.apply(payment_id=first.pk, seen=paid(3_000), at=AT)
        assert Invoice.objects.get().state == "part_paid"
        bill.refresh_from_db()
        second = payment(bill)
        settlement.apply(payment_id=second.pk, seen=Observation("processing"), at=AT)
        taken = paid(3_000, disputes=[Dispute("du_9", 3_000, returned=False)])
        settlement.apply(payment_id=first.pk, seen=taken, at=AT)
        bill.refresh_from_db()
        assert (bill.state, bill.balance_cents) == ("collecting", 5_339)


class TestClaimWindow:
    def test_closes_after_56_days(self):
        bill = invoice()
        settlement.apply(payment_id=payment(bill).pk, seen=paid(5_339), at=AT)
        assert windows.close(at=AT + timedelta(days=56)) == 0
        assert windows.close(at=AT + timedelta(days=56, seconds=1)) == 1
        assert Invoice.objects.get().state == "final"


@pytest.mark.parametrize(
    ("trigger", "sql", "says"),
    [
        (None, "", ""),
        ("ledger_entry", "UPDATE billing_ledgerentry SET cents = cents + 1 WHERE cents > 0", "does not sum to zero"),
        ("invoice", "UPDATE billing_invoice SET balance_cents = 1", "the books say"),
        ("invoice", "UPDATE billing_invoice SET net_cents = 1, gross_cents = vat_cents + 1", "its rows say"),
        ("counter", "UPDATE billing_numbercounter SET last = last + 1", "its counter says"),
        ("payment", "UPDATE billing_payment SET state = 'succeeded'", "not in the books"),
    ],
    ids=["intact", "entry", "balance", "invoice", "gap", "payment"],
)
class TestCheckLedger:
    def test_names_the_first_break(self, trigger, sql, says, capsys):
        payment(invoice())
        commit()
        with pgtrigger.ignore():
            with connection.cursor() as cursor:
                if sql:
                    cursor.execute(sql)
        try:
            call_command("check_ledger")
            code = 0
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        assert code == (1 if sql else 0)
        assert says in said.err
        assert ("intact" in said.out) is not bool(sql)
