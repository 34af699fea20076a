"""Random sequences of everything that can happen to invoices; after each step the books are right.

What Stripe knows is a small model here (`Truth`); news of it come at any time, twice, and also old ones after newer ones.
"""

import contextlib
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from companies.billing import (
    advances,
    allocation,
    checking,
    corrections,
    credit_notes,
    deposits,
    ledger,
    settlement,
    write_offs,
)
from companies.billing import in_name as in_names
from companies.billing.bank import importing, matching
from companies.billing.models import AccountKind, BankLine, CreditNote, Invoice, Payment, PaymentState, Refund
from companies.billing.models.payment import UNDER_WAY
from companies.billing.settlement import Dispute, Observation
from companies.errors import DomainError
from tests.billing.statements import IBAN, camt, entry
from tests.factories import billing as in_name
from tests.factories.billing import AT, billing_mandate, invoice, line, payment
from tests.factories.companies import CompanyFactory, staff


@dataclass
class Truth:
    """One payment as Stripe has it."""

    payment_id: int
    cents: int
    outcome: str = "processing"
    disputes: list[Dispute] = field(default_factory=list)
    refunds: list[tuple[str, int]] = field(default_factory=list)
    bounced: list[str] = field(default_factory=list)
    news: list[Observation] = field(default_factory=list)

    def tell(self) -> Observation:
        """What a reader of Stripe would see now; kept, because it may arrive late."""
        paid = self.outcome == "succeeded"
        seen = Observation(
            self.outcome,
            received_cents=self.cents if paid else 0,
            fee_cents=35 if paid else 0,
            intent_id=f"pi_{self.payment_id}",
            disputes=tuple(self.disputes) if paid else (),
            refunds=tuple(row for row in self.refunds if row[0] not in self.bounced) if paid else (),
            failed_refunds=tuple(self.bounced) if paid else (),
        )
        self.news.append(seen)
        return seen


class Books(RuleBasedStateMachine):
    """Two companies, their invoices, what Stripe and the bank do."""

    invoices = Bundle("invoices")
    truths = Bundle("truths")
    theirs = Bundle("theirs")  # invoices in a supplier's name

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()
        self.companies = [CompanyFactory(), CompanyFactory()]
        self.staff = [staff(), staff()]
        self.mandate = billing_mandate(actor=self.staff[0])
        self.at, self.steps, self.numbers = AT, 0, 0
        self.known: dict[int, Truth] = {}  # what Stripe has, by our attempt

    def now(self):
        self.steps += 1
        self.at += timedelta(hours=1)
        return self.at

    @initialize(target=truths, cents=st.integers(2, 900_000), outcome=st.sampled_from(["processing", "succeeded"]))
    def somebody_pays_at_once(self, cents, outcome):
        """Else most walks would end before a payment, let alone a claim or a refund."""
        truth = self.try_to_pay_with(self.due(invoice(self.companies[0], line(cents), at=self.now())), 100)
        truth.outcome = outcome
        self.news_of(truth)
        return truth

    @initialize(target=invoices, cents=st.integers(2, 900_000))
    def somebody_owes(self, cents):
        return self.due(invoice(self.companies[1], line(cents), at=self.now()))

    @initialize(place=st.integers(0, 1), cents=st.integers(2, 900_000))
    def something_is_kept(self, place, cents):
        allocation.receive(company=self.companies[place], cents=cents, key="kept", at=self.now(), actor=None)

    def news_of(self, truth, told=True):
        if told:
            settlement.apply(payment_id=truth.payment_id, seen=truth.tell(), at=self.now())

    @rule(
        target=invoices,
        place=st.integers(0, 1),
        lines=st.lists(
            st.tuples(st.integers(1, 900_000), st.sampled_from([0, 550, 1_000, 2_000])), min_size=1, max_size=3
        ),
    )
    def issue(self, place, lines):
        self.numbers += 1
        drafts = [line(cents, rate) for cents, rate in lines]
        made = invoice(self.companies[place], *drafts, at=self.now(), due_on=date(2026, 4, 1 + self.numbers % 25))
        settlement.set_invoice(made, "due", at=self.at, label="ERB")
        return made.pk

    @rule(target=theirs, place=st.integers(0, 1), cents=st.integers(1, 900_000), stumbles=st.booleans())
    def issue_in_a_suppliers_name(self, place, cents, stumbles):
        inner = transaction.savepoint()
        made = in_name.in_name(self.mandate, self.companies[place], line(cents), line(cents, 550), at=self.now())
        if not stumbles:
            return self.due(made)
        transaction.savepoint_rollback(inner)
        return multiple()

    @rule(target=truths, pk=theirs, part=st.integers(1, 100), commission=st.integers(0, 5))
    def pay_a_supplier_by_connect(self, pk, part, commission):
        return self.try_to_pay_with(pk, part, destination="acct_1", commission=commission)

    @rule(pk=theirs, part=st.integers(1, 100), taken_back=st.booleans())
    def supplier_says_it_was_paid(self, pk, part, taken_back):
        row = Invoice.objects.get(pk=pk)
        cents, seen = max(1, row.balance_cents * part // 100), row.balance_cents
        with contextlib.suppress(in_names.PaidElsewhere):
            in_names.tell_paid(invoice=row, cents=cents, seen=seen, actor=None, at=self.now())
        if taken_back:
            with contextlib.suppress(in_names.PaidElsewhere):
                in_names.take_back_word(invoice=row, actor=None, at=self.now())

    @rule(pk=theirs, cents=st.integers(1, 500_000))
    def credit_in_a_suppliers_name(self, pk, cents):
        row = Invoice.objects.get(pk=pk)
        with contextlib.suppress(credit_notes.CreditRefused):
            credit_notes.issue(
                invoice=row,
                nets={row.lines.first().pk: cents},
                reason="x",
                key=f"t{self.steps}",
                actor=None,
                at=self.now(),
            )

    @rule(place=st.integers(0, 1))
    def issue_and_stumble(self, place):
        """A transaction that dies takes its number with it."""
        inner = transaction.savepoint()
        invoice(self.companies[place], at=self.now())
        transaction.savepoint_rollback(inner)

    @rule(
        target=invoices, place=st.integers(0, 1), cents=st.integers(1, 900_000), rate=st.sampled_from([0, 550, 2_000])
    )
    def ask_for_an_advance(self, place, cents, rate):
        made = advances.issue(
            company=self.companies[place], lines=[line(cents, rate)], order_reference="BC-1", due_on=date(2026, 4, 2), notes="",
            key=f"a{self.steps}", actor=self.staff[0], at=self.now(),
        )  # fmt: skip
        return self.due(made)

    @rule(target=invoices, place=st.integers(0, 1), cents=st.integers(1, 2_000_000))
    def issue_what_advances_were_for(self, place, cents):
        made = invoice(self.companies[place], line(cents), line(cents, 550), at=self.now(), order_reference="BC-1")
        return self.due(made)

    @rule(target=invoices, pk=invoices, cents=st.integers(1, 900_000), rate=st.sampled_from([550, 2_000]))
    def replace(self, pk, cents, rate):
        old = Invoice.objects.get(pk=pk)
        try:
            made = corrections.issue(
                invoice=old, lines=[line(cents, rate)], reason="x", due_on=old.due_on, supply_on=old.supply_on,
                order_reference="", key=f"k{self.steps}", actor=self.staff[0], at=self.now(),
            )  # fmt: skip
        except corrections.NotCorrectable:
            return multiple()
        return self.due(made)

    def due(self, made):
        if made.state == "issued":
            settlement.set_invoice(made, "due", at=self.at, label="ERB")
        return made.pk

    @rule(
        target=truths,
        pk=invoices,
        part=st.one_of(st.just(100), st.integers(1, 100)),
        outcome=st.sampled_from(["processing", "succeeded", "failed"]),
        told=st.booleans(),
    )
    def try_to_pay(self, pk, part, outcome, told):
        truth = self.try_to_pay_with(pk, part)
        if isinstance(truth, Truth):
            truth.outcome = outcome
            self.news_of(truth, told)
        return truth

    def try_to_pay_with(self, pk, part, destination="", commission=0):
        row = Invoice.objects.get(pk=pk)
        under_way = row.payments.filter(state__in=UNDER_WAY).first()
        if not row.is_payable or under_way is not None:
            return multiple()
        cents = max(1, row.balance_cents * part // 100)
        more = {"destination": destination, "commission_cents": cents * commission // 100}
        made = Truth(payment(row, amount_cents=cents, **more).pk, cents)
        self.known[made.payment_id] = made
        return made

    @rule(truth=truths, outcome=st.sampled_from(["succeeded", "failed", "cancelled"]))
    def stripe_decides(self, truth, outcome):
        if truth and truth.outcome == "processing":
            truth.outcome = outcome

    @rule(truth=truths, won=st.booleans(), told=st.booleans())
    def payer_claims(self, truth, won, told):
        if truth is None or truth.outcome != "succeeded":
            return
        if not truth.disputes:
            truth.disputes.append(Dispute(f"du_{truth.payment_id}", truth.cents, returned=False))
        elif won:
            truth.disputes = [Dispute(truth.disputes[0].id, truth.cents, returned=True, status="won")]
        self.news_of(truth, told)

    @rule(truth=truths, part=st.integers(1, 100))
    def staff_refunds(self, truth, part):
        if truth is None or truth.outcome != "succeeded" or truth.disputes:
            return
        left = truth.cents - sum(cents for key, cents in truth.refunds if key not in truth.bounced)
        cents = left * part // 100
        if cents and Payment.objects.get(pk=truth.payment_id).state == PaymentState.SUCCEEDED:
            row = Refund.objects.create(
                payment_id=truth.payment_id, amount_cents=cents, reason="x", created_at=self.now()
            )
            self.stripe_takes(row)

    def stripe_takes(self, row):
        """Stripe has a refund of ours; nobody has told us that it left."""
        truth = self.known[row.payment_id]
        key = f"re_{truth.payment_id}_{len(truth.refunds)}"
        Refund.objects.filter(pk=row.pk).update(refund_id=key)
        truth.refunds.append((key, row.amount_cents))

    @rule(truth=truths, data=st.data())
    def payers_bank_returns_a_refund(self, truth, data):
        if truth and (sent := [key for key, _cents in truth.refunds if key not in truth.bounced]):
            truth.bounced.append(data.draw(st.sampled_from(sent)))

    @rule(truth=truths)
    def somebody_reads_and_is_slow(self, truth):
        """Another process has read Stripe's answer; it acts on it later, in `old_news_arrive`."""
        if truth:
            truth.tell()

    @rule(truth=truths, times=st.integers(1, 2))
    def news_arrive(self, truth, times):
        if truth:
            seen = truth.tell()
            for _ in range(times):
                settlement.apply(payment_id=truth.payment_id, seen=seen, at=self.now())

    @rule(truth=truths, data=st.data())
    def old_news_arrive(self, truth, data):
        if truth and truth.news:
            seen = data.draw(st.sampled_from(truth.news))
            settlement.apply(payment_id=truth.payment_id, seen=seen, at=self.now())

    @rule(pk=invoices, part=st.integers(1, 120))
    def credit(self, pk, part):
        row = Invoice.objects.get(pk=pk)
        one = row.lines.first()
        cents = one.net_cents * part // 100
        inner = transaction.savepoint()
        try:
            if cents:
                credit_notes.issue(
                    invoice=row, nets={one.pk: cents}, reason="x", key=f"k{self.steps}", actor=None, at=self.now()
                )
        except (credit_notes.CreditRefused, credit_notes.CreditElsewhere):
            transaction.savepoint_rollback(inner)

    @rule(place=st.integers(0, 1), cents=st.integers(1, 2_000_000))
    def receive(self, place, cents):
        allocation.receive(
            company=self.companies[place], cents=cents, key=f"bank-{self.steps}", at=self.now(), actor=None
        )

    @rule(pk=invoices, part=st.integers(1, 150), twice=st.booleans())
    def import_bank_line(self, pk, part, twice):
        """A statement arrives as a file: a transfer that names its invoice, of a part, all or too much; maybe twice."""
        row = Invoice.objects.get(pk=pk)
        cents = max(1, row.gross_cents * part // 100)
        moved = entry(cents, name="X", text=row.number, bank_id=f"b{self.steps}", day=self.at.date())
        content = camt(moved, total=cents, name=f"s{self.steps}")
        importing.take(content=content, name="releve.xml", actor=self.staff[0], at=self.now())
        if twice:
            with pytest.raises(importing.StatementKnown):
                importing.take(content=content, name="releve.xml", actor=self.staff[0], at=self.now())

    @rule(data=st.data())
    def undo_bank_line(self, data):
        matched = list(BankLine.objects.filter(state="matched"))
        if matched:
            line_, inner = data.draw(st.sampled_from(matched)), transaction.savepoint()
            try:
                matching.undo(line=line_, actor=self.staff[0], at=self.now(), reason="x")
            except DomainError:  # what was kept of it is used already
                transaction.savepoint_rollback(inner)

    @rule(place=st.integers(0, 1))
    def use_what_was_kept(self, place):
        allocation.use_deposit(company=self.companies[place], at=self.now(), actor=None)

    @rule(place=st.integers(0, 1), cents=st.integers(1, 900_000))
    def deposit_arrives(self, place, cents):
        """A transfer that names nothing; a person keeps it for the company."""
        content = camt(
            entry(cents, name="X", text="avance", bank_id=f"d{self.steps}"), total=cents, name=f"d{self.steps}"
        )
        importing.take(content=content, name="releve.xml", actor=self.staff[0], at=self.now())
        came = BankLine.objects.order_by("pk").last()
        if came.state == "open":
            matching.match_account(
                line=came, kind=AccountKind.DEPOSITS, actor=self.staff[0], at=self.now(), company=self.companies[place]
            )

    @rule(pk=invoices)
    def what_was_paid_too_much_is_kept(self, pk):
        row = Invoice.objects.select_related("company").get(pk=pk)
        with contextlib.suppress(deposits.NothingToKeep):
            deposits.keep(invoice=row, actor=self.staff[0], at=self.now())

    @rule(pk=invoices, part=st.integers(1, 120))
    def deposit_is_used_from_two_tabs(self, pk, part):
        row = Invoice.objects.select_related("company").get(pk=pk)
        seen, kept = allocation.last_entry(row.company), allocation.kept_for(row.company)
        parts = {row.pk: max(1, row.balance_cents * part // 100)}
        for tab in range(2):
            inner = transaction.savepoint()
            try:
                allocation.spend(company=row.company, parts=parts, actor=self.staff[0], at=self.now(), seen=seen)
                assert tab == 0, "the second tab used it again"
            except DomainError:
                transaction.savepoint_rollback(inner)
        assert allocation.kept_for(row.company) in (kept, kept - parts[row.pk])

    @rule(place=st.integers(0, 1), part=st.integers(1, 120), by_card=st.booleans(), times=st.integers(1, 2))
    def deposit_is_asked_back(self, place, part, by_card, times):
        """By the card it came with, or by transfer; the form may be sent twice."""
        company = self.companies[place]
        means = deposits.means_of(company) if by_card else []
        most = means[0].cents if means else allocation.kept_for(company)
        how = {"payment": means[0].payment} if means else {"iban": IBAN}
        cents, key = max(1, most * part // 100), f"back-{self.now():%j%H}"
        for _ in range(times):
            inner = transaction.savepoint()
            try:
                row = deposits.ask(
                    company=company, cents=cents, reason="x", key=key, actor=self.staff[0], at=self.at, **how
                )
                if row.refund and not Refund.objects.get(pk=row.refund_id).refund_id:
                    self.stripe_takes(row.refund)
            except DomainError:
                transaction.savepoint_rollback(inner)

    @rule(place=st.integers(0, 1), named=st.booleans())
    def bank_shows_the_transfer_back(self, place, named):
        going = self.companies[place].deposit_refunds.filter(state="asked", refund=None).first()
        if going is None:
            return
        words = going.reference if named else "virement"
        moved = entry(-going.cents, text=words, bank_id=f"r{self.steps}", day=self.at.date())
        content = camt(moved, total=-going.cents, name=f"r{self.steps}")
        importing.take(content=content, name="releve.xml", actor=self.staff[0], at=self.now())
        left = BankLine.objects.order_by("pk").last()
        assert (left.state == "matched") == named
        if not named:
            matching.match_refund(line=left, refund=going, actor=self.staff[0], at=self.now())

    @rule(place=st.integers(0, 1))
    def transfer_back_is_given_up(self, place):
        going = self.companies[place].deposit_refunds.filter(state="asked").first()
        if going is not None:
            with contextlib.suppress(deposits.CancelRefused):  # it went by card
                deposits.cancel(row=going, actor=self.staff[0], at=self.now())

    @rule(pk=invoices)
    def give_up(self, pk):
        try:
            asked = write_offs.ask(invoice=Invoice.objects.get(pk=pk), reason="x", actor=self.staff[0], at=self.now())
            write_offs.decide(write_off=asked, agreed=True, actor=self.staff[1], at=self.now())
        except write_offs.WriteOffRefused:
            pass

    @invariant()
    def books_balance_and_agree_with_every_invoice(self):
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        rows = list(Invoice.objects.filter(company__in=self.companies))
        owed = ledger.owed(rows)
        assert {row.pk: row.balance_cents for row in rows} == owed
        for company in self.companies:
            of_company = [row for row in rows if row.company_id == company.pk]
            theirs = sum(owed[row.pk] for row in of_company if row.is_suppliers)
            assert theirs == ledger.balance(AccountKind.SUPPLIERS_CLAIM, company=company)
            own = sum(owed[row.pk] for row in of_company if not row.is_suppliers)
            assert own == ledger.balance(AccountKind.RECEIVABLE, company=company)
            assert ledger.balance(AccountKind.DEPOSITS, company=company) <= 0
            going = company.deposit_refunds.filter(state="asked").aggregate(sum=Sum("cents"))["sum"] or 0
            assert ledger.balance(AccountKind.REFUNDS, company=company) == -going
        assert checking.first_break() == ""

    @invariant()
    def numbers_are_unbroken(self):
        all_ = [number for model in (Invoice, CreditNote) for number in model.objects.values_list("number", flat=True)]
        for series in ("ERB", "AV", self.mandate.series):  # of a supplier: one for invoices and credit notes
            found = sorted(number for number in all_ if number.startswith(f"{series}-"))
            assert found == [f"{series}-2026-{n:05d}" for n in range(1, len(found) + 1)]

    @invariant()
    def settled_invoices_owe_nothing_and_open_ones_something(self):
        for row in Invoice.objects.filter(company__in=self.companies):
            if row.is_settled or row.state == "written_off":
                assert row.balance_cents <= 0
            elif row.state in ("due", "part_paid", "failed", "charged_back"):
                assert row.balance_cents > 0, row.state

    def teardown(self):
        transaction.savepoint_rollback(self.before)


@pytest.mark.django_db
class TestAnySequence:
    def test_leaves_books_that_balance_and_numbers_without_a_gap(self):
        run_state_machine_as_test(
            Books,
            settings=settings(
                max_examples=5,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
