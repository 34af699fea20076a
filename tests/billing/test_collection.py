"""Reminders, suspension, debts given up, instalments, statements, partial payments, credit notes, desks."""

import itertools
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from companies.billing import (
    allocation,
    books,
    checking,
    collecting,
    desk,
    instalments,
    ledger,
    links,
    mandates,
    payments,
    reminders,
    settlement,
    statements,
    write_offs,
)
from companies.billing.models import (
    AccountKind,
    CreditNote,
    Dispute,
    Invoice,
    LedgerTransaction,
    PlannedDebit,
    Reminder,
    SuspensionProposal,
    WriteOff,
)
from companies.billing.references import creditor_reference, spaced
from companies.billing.settlement import Observation
from companies.errors import NotAllowed
from companies.models import Company, OutboxMail, Role
from tests.factories.billing import AT, invoice, line, payment
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 4, 15, 10, 0, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def company():
    return CompanyFactory(name="Tannerie du Royans")


@pytest.fixture
def accountant(company):
    return member(company, Role.ACCOUNTANT, email="compta@example.org")


def due(company, cents=10_000, *, due_on=date(2026, 4, 2), vat_bp=0, **more):
    made = invoice(company, line(cents, vat_bp), due_on=due_on, **more)
    Invoice.objects.filter(pk=made.pk).update(state="due")
    made.refresh_from_db()
    return made


def received(company, cents, key="bank-1", **more):
    with transaction.atomic():
        return allocation.receive(company=company, cents=cents, key=key, at=NOON, actor=None, **more)


def paid(row, cents=None):
    """A card payment of an invoice that arrived."""
    attempt = payment(row, intent_id=f"pi_{row.pk}")
    seen = Observation("succeeded", received_cents=cents or attempt.amount_cents, intent_id=f"pi_{row.pk}")
    return settlement.apply(payment_id=attempt.pk, seen=seen, at=AT)


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    client.cookies["language"] = "en"
    return client


def state(row):
    return Invoice.objects.values_list("state", "balance_cents").get(pk=row.pk)


class TestPartialPayment:
    def test_fills_the_oldest_first(self, company):
        """case: 500.00 on 320.10 (older) and 400.00 → 320.10 + 179.90; left 220.10."""
        newer = due(company, 40_000, due_on=date(2026, 4, 9))
        older = due(company, 32_010, due_on=date(2026, 4, 2))
        got = received(company, 50_000)
        assert [(row.pk, cents) for row, cents in got.parts] == [(older.pk, 32_010), (newer.pk, 17_990)]
        assert state(older) == ("paid", 0)
        assert state(newer) == ("part_paid", 22_010)
        assert not checking.first_break()

    def test_keeps_what_is_left_and_uses_it_later(self, company):
        row = due(company, 10_000)
        assert received(company, 12_500).kept_cents == 2_500
        assert ledger.balance(AccountKind.DEPOSITS, company=company) == -2_500
        later = due(company, 4_000)
        allocation.use_deposit(company=company, at=NOON, actor=None)
        allocation.use_deposit(company=company, at=NOON, actor=None)
        assert state(row) == ("paid", 0)
        assert state(later) == ("part_paid", 1_500)
        assert ledger.balance(AccountKind.DEPOSITS, company=company) == 0
        assert not checking.first_break()

    def test_is_booked_once_per_key(self, company):
        row = due(company)
        assert received(company, 4_000).parts
        assert not received(company, 4_000).parts
        assert state(row) == ("part_paid", 6_000)

    def test_fills_the_invoice_that_was_named_before_older_ones(self, company):
        older, named = due(company), due(company, due_on=date(2026, 4, 9))
        received(company, 15_000, only=[named])
        assert state(named) == ("paid", 0)
        assert state(older) == ("part_paid", 5_000)

    @given(st.integers(0, 10**7), st.lists(st.integers(0, 10**6), max_size=8))
    def test_is_spread_without_loss_and_never_beyond_a_debt(self, cents, balances):
        parts = allocation.spread(cents, balances)
        assert sum(parts) == min(cents, sum(balances))
        assert all(0 <= part <= balance for part, balance in zip(parts, balances, strict=True))
        filled = [part == balance for part, balance in zip(parts, balances, strict=True) if balance]
        assert filled == sorted(filled, reverse=True)


class TestReminder:
    def at(self, day, hour=10):
        return datetime(2026, 4, 2, hour, 0, tzinfo=UTC) + timedelta(days=day)

    def test_goes_out_in_three_levels_each_once_and_the_last_proposes_suspension(self, company, accountant):
        row = due(company)
        for day in range(80):
            reminders.send(at=self.at(day))
        sent = list(Reminder.objects.order_by("level"))
        assert [(reminder.level, (reminder.sent_at.date() - row.due_on).days) for reminder in sent] == [
            (1, 7),
            (2, 21),
            (3, 35),
        ]
        assert OutboxMail.objects.filter(key__startswith="reminder-").count() == 3
        assert "100,00" in sent[0].text
        assert SuspensionProposal.objects.get().company == company
        company.refresh_from_db()
        assert company.status == "admitted"  # a person decides

    @pytest.mark.parametrize(
        "moment",
        [
            datetime(2026, 4, 14, 4, 0, tzinfo=UTC),
            datetime(2026, 4, 14, 20, 0, tzinfo=UTC),
            datetime(2026, 5, 1, 10, 0, tzinfo=UTC),
            datetime(2026, 4, 18, 10, 0, tzinfo=UTC),
        ],
    )
    def test_never_goes_out_at_night_on_holidays_or_week_ends(self, company, accountant, moment):
        due(company)
        assert reminders.send(at=moment) == 0

    def test_of_an_old_invoice_still_leaves_a_week_between_levels(self, company, accountant):
        due(company, due_on=date(2025, 12, 1))
        days = [day for day in range(40) if reminders.send(at=self.at(day))]
        assert len(days) == 3
        assert all(later - earlier >= 7 for earlier, later in itertools.pairwise(days))

    def test_leaves_alone_what_is_paid_on_its_way_in_agreed_parts_or_before_the_payers_bank(self, company, accountant):
        done, moving, planned = due(company), due(company), due(company)
        paid(done)
        settlement.apply(payment_id=payment(moving).pk, seen=Observation("processing"), at=AT)
        mandate = signed(company)
        PlannedDebit.objects.create(
            invoice=planned, mandate=mandate, amount_cents=1, debit_on=date(2026, 9, 1), announced_at=AT
        )
        contested = due(company)
        Dispute.objects.create(
            payment=payment(contested), dispute_id="dp_1", cents=1, status="under_review", opened_at=AT
        )
        monday = NOON + timedelta(days=61)
        assert reminders.send(at=monday) == 0
        Dispute.objects.update(status="lost", closed_at=AT)
        assert reminders.send(at=monday) == 1  # the bank has decided: it is owed

    def test_says_what_the_staff_wrote(self, company, accountant):
        row, level = due(company), reminders.levels()[0]
        values = {"subject_fr": "{number} !", "text_fr": "{company} doit {amount}. {% now %}", "days_late": 1}
        reminders.change_level(level=level, actor=staff(), at=AT, **values)
        reminders.send(at=self.at(5))
        found = Reminder.objects.get()
        assert found.subject == f"{row.number}\u202f!"  # with the space of French print
        assert "{% now %}" in found.text
        with pytest.raises(NotAllowed):
            reminders.change_level(level=level, actor=accountant, at=AT, days_late=3)

    def test_is_seen_on_the_invoice(self, company, accountant):
        row = due(company)
        reminders.send(at=self.at(8))
        text = browser(accountant).get(reverse("billing:invoice", args=[company.pk, row.pk])).content.decode()
        assert "First reminder sent" in text
        assert "compta@example.org" in text


class TestSuspension:
    @pytest.fixture
    def proposal(self, company):
        return SuspensionProposal.objects.create(company=company, invoice=due(company), proposed_at=AT)

    def test_is_decided_by_a_person_once(self, company, proposal):
        boss = staff()
        answer = browser(boss).post(reverse("billing:decide_proposal", args=[proposal.pk]), {"suspend": "1"})
        assert answer.status_code == 302
        company.refresh_from_db()
        assert (company.status, company.is_member) == ("suspended", False)
        with pytest.raises(reminders.NotOpen):
            proposal.refresh_from_db()
            reminders.decide(proposal=proposal, suspend=False, reason="", actor=boss, at=AT)

    def test_may_be_dismissed(self, company, proposal, accountant):
        with pytest.raises(NotAllowed):
            reminders.decide(proposal=proposal, suspend=False, reason="x", actor=accountant, at=AT)
        Invoice.objects.filter(pk=proposal.invoice_id).update(state="paid", balance_cents=0)
        with pytest.raises(reminders.PaidMeanwhile):
            reminders.decide(proposal=proposal, suspend=True, reason="x", actor=staff(), at=AT)
        client = Client()
        client.force_login(staff())
        page = client.get("/erb/collection/?state=proposals").content.decode()
        assert "Plus rien n" in page and "Suspendre l" not in page
        assert reminders.decide(proposal=proposal, suspend=False, reason="x", actor=staff(), at=AT).state == "dismissed"
        company.refresh_from_db()
        assert company.is_member


class TestWriteOff:
    def test_needs_two_persons_and_takes_the_debt_out_of_the_books(self, company):
        row, first, second = due(company), staff(), staff()
        asked = write_offs.ask(invoice=row, reason="Liquidation", actor=first, at=AT)
        with pytest.raises(write_offs.WriteOffRefused):
            write_offs.ask(invoice=row, reason="Encore", actor=second, at=AT)
        with pytest.raises(write_offs.SamePerson):
            write_offs.decide(write_off=asked, agreed=True, actor=first, at=AT)
        assert state(row) == ("due", 10_000)
        write_offs.decide(write_off=asked, agreed=True, actor=second, at=AT)
        assert state(row) == ("written_off", 0)
        assert ledger.balance(AccountKind.BAD_DEBTS) == 10_000
        assert ledger.balance(AccountKind.RECEIVABLE, company=company) == 0
        with pytest.raises(write_offs.WriteOffRefused):
            write_offs.decide(write_off=asked, agreed=True, actor=second, at=AT)
        assert not checking.first_break()

    def test_names_what_is_left_when_a_part_was_paid_since(self, company, client):
        row, second = due(company), staff()
        write_offs.ask(invoice=row, reason="Liquidation", actor=staff(), at=AT)
        with transaction.atomic():
            allocation.receive(company=company, cents=4_000, key="t", at=AT, actor=None)
        client.force_login(second)
        text = client.get(reverse("billing:collection"), {"state": "write_offs"}).content.decode()
        assert re.search(r"Abandonner 60,00\s€", text) and not re.search(r"100,00\s€", text.split("Liquidation")[1])

    def test_by_one_person_is_refused_by_the_database(self, company):
        row, person = due(company), staff()
        asked = write_offs.ask(invoice=row, reason="x", actor=person, at=AT)
        with pytest.raises(IntegrityError), transaction.atomic():
            WriteOff.objects.filter(pk=asked.pk).update(state="done", decided_by=person)

    def test_refused_changes_nothing(self, company):
        row = due(company)
        asked = write_offs.ask(invoice=row, reason="x", actor=staff(), at=AT)
        write_offs.decide(write_off=asked, agreed=False, actor=staff(), at=AT)
        assert state(row) == ("due", 10_000)

    def test_is_of_the_sum_both_persons_saw(self, company):
        row, first, second = due(company), staff(), staff()
        with transaction.atomic():
            allocation.receive(company=company, cents=4_000, key="t", at=AT, actor=None)
        asked = write_offs.ask(invoice=row, reason="x", actor=first, at=AT)
        with transaction.atomic():
            books.put_back(LedgerTransaction.objects.get(key="t"), actor=first, at=AT, reason="rejeté")
        with pytest.raises(write_offs.MoreOwed):
            write_offs.decide(write_off=asked, agreed=True, actor=second, at=AT)
        assert state(row) == ("due", 10_000)


def signed(company, **more):
    from companies.billing.models import Mandate

    return Mandate.objects.create(
        **{
            "company": company,
            "state": "active",
            "reference": f"ERB-{company.pk}",
            "creditor_name": "ERB",
            "creditor_ics": "FR72ZZZ123456",
            "holder": "T",
            "iban_country": "FR",
            "iban_last4": "2606",
            "notice_days": 2,
            "text_version": "t",
            "text": "…",
            "language": "fr",
            "signed_at": AT,
            "method_id": "pm_x",
            "stripe_id": f"mandate_{company.pk}",
            "setup_id": f"seti_{company.pk}",
            **more,
        }
    )


class TestInstalments:
    def propose(self, row, count=3, first=date(2026, 5, 4)):
        parts = instalments.equal_parts(row.balance_cents, count, first)
        return instalments.propose(invoice=row, parts=parts, actor=staff(), at=NOON)

    def test_are_debited_one_after_the_other_once_the_accountant_agreed(self, company, accountant):
        row = due(company, 1_500_000)  # above what one debit may take
        signed(company)
        assert collecting.plan(at=NOON) == 0
        plan = self.propose(row)
        assert collecting.plan(at=NOON) == 0
        instalments.agree(plan=plan, actor=accountant, ip="192.0.2.7", user_agent="Lynx", at=NOON)
        days = []
        for _part in range(4):
            if not collecting.plan(at=NOON):
                break
            debit = PlannedDebit.objects.get(state="planned")
            days.append(debit.debit_on.isoformat())
            assert debit.amount_cents == 500_000
            attempt = collecting.begin(debit_id=debit.pk, at=datetime(2026, 12, 1, 9, tzinfo=UTC))
            seen = Observation("succeeded", received_cents=500_000, intent_id=f"pi_{debit.pk}")
            settlement.apply(payment_id=attempt, seen=seen, at=NOON)
        assert days == ["2026-05-04", "2026-06-04", "2026-07-06"]  # the 4th of July is a Saturday
        assert state(row) == ("paid", 0)
        assert not checking.first_break()

    def test_need_a_mandate_and_the_accountants_consent(self, company, accountant):
        row = due(company)
        plan = self.propose(row)
        with pytest.raises(mandates.NoMandate):
            instalments.agree(plan=plan, actor=accountant, ip=None, user_agent="", at=NOON)
        signed(company)
        with pytest.raises(NotAllowed):
            instalments.agree(plan=plan, actor=member(company, Role.ADMIN), ip=None, user_agent="", at=NOON)
        page = browser(accountant).post(reverse("billing:plan", args=[company.pk, row.pk]), {"agree": "1"})
        assert page.status_code == 302
        plan.refresh_from_db()
        assert (plan.state, plan.agreed_by, plan.ip) == ("agreed", accountant, "127.0.0.1")

    def test_declined_leave_the_invoice_due_as_before(self, company, accountant):
        row = due(company)
        plan = self.propose(row)
        signed(company)
        assert collecting.plan(at=NOON) == 0
        instalments.cancel(plan=plan, actor=accountant, at=NOON)
        assert collecting.plan(at=NOON) == 1

    @pytest.mark.parametrize(
        "parts",
        [
            [(date(2026, 5, 4), 10_000)],
            [(date(2026, 5, 4), 5_000), (date(2026, 6, 4), 4_999)],
            [(date(2026, 5, 4), 5_000), (date(2026, 5, 4), 5_000)],
            [(date(2026, 4, 1), 5_000), (date(2026, 6, 4), 5_000)],
            [(date(2026, 5, 4), 10_001), (date(2026, 6, 4), -1)],
        ],
    )
    def test_that_do_not_add_up_or_lie_in_the_past_are_refused(self, company, parts):
        with pytest.raises(instalments.PlanRefused):
            instalments.propose(invoice=due(company), parts=parts, actor=staff(), at=NOON)


class TestStatement:
    def test_runs_from_the_balance_before_to_the_balance_after(self, company, accountant):
        first = due(company, 10_000, at=datetime(2026, 2, 2, 9, tzinfo=UTC))
        second = due(company, 5_000, at=datetime(2026, 3, 3, 9, tzinfo=UTC))
        received(company, 12_000)
        due(CompanyFactory(), 7_777)
        found = statements.of(company, first=date(2026, 3, 1), last=date(2026, 4, 30))
        assert (found.opening_cents, found.closing_cents) == (10_000, 3_000)
        assert [(row.text, row.cents, row.balance_cents) for row in found.rows] == [
            (second.number, 5_000, 15_000),
            (first.number, -10_000, 5_000),
            (second.number, -2_000, 3_000),
        ]
        client = browser(accountant)
        query = {"first": "2026-03-01", "last": "2026-04-30"}
        text = client.get(reverse("billing:statement_csv", args=[company.pk]), query).content.decode()
        assert "50.00;;150.00" in text
        assert client.get(reverse("billing:statement_pdf", args=[company.pk]), query).content.startswith(b"%PDF-")
        assert second.number in client.get(reverse("billing:statement", args=[company.pk]), query).content.decode()


class TestCreditNotePage:
    def test_takes_back_lines_once_and_sends_back_what_was_paid_too_much(self, company, double):
        row = due(company, 10_000, vat_bp=2_000)
        client, url = browser(staff()), reverse("billing:credit", args=[row.pk])
        page = client.get(url)
        key = page.context["form"].initial["key"]
        (one,) = row.lines.all()
        assert client.post(url, {"reason": "x", "key": key}).status_code == 200
        assert not CreditNote.objects.exists()
        too_much = client.post(url, {"reason": "x", "key": key, f"line_{one.pk}": "100,01"})
        assert too_much.status_code == 200
        for _twice in range(2):
            client.post(url, {"reason": "Casse", "key": key, f"line_{one.pk}": "25,00"})
        assert CreditNote.objects.get().gross_cents == 3_000
        assert state(row)[1] == 9_000

    def test_of_a_paid_invoice_sends_the_very_sum_back_to_the_card(self, company, accountant, double, at_once):
        row = due(company, 10_000, vat_bp=2_000)
        page = payments.start(invoice=row, actor=accountant, at=timezone.now())
        double.pays(page.url)
        payments.refresh(payment_id=page.pk, at=timezone.now())
        client, url, (one,) = browser(staff()), reverse("billing:credit", args=[row.pk]), row.lines.all()
        typed = {"reason": "Casse", "key": "k", f"line_{one.pk}": "25,00", "refund": "on"}
        for _twice in range(2):
            client.post(url, typed)
        page.refresh_from_db()
        assert (page.refunded_cents, state(row)) == (3_000, ("paid", 0)) and not checking.first_break()

    def test_is_only_for_staff(self, company, accountant):
        row = due(company)
        assert browser(accountant).get(reverse("billing:credit", args=[row.pk])).status_code == 404


class TestLink:
    def test_shows_one_invoice_to_whoever_holds_it_and_nothing_to_others(self, company):
        row = due(company)
        page = Client().get(links.path(row))
        assert page.status_code == 200
        assert row.number in page.content.decode()
        assert Client().get(links.path(row).replace("/pay/", "/pay/x")).status_code == 410

    def test_names_the_reference_of_a_transfer_and_the_debit_that_is_announced(self, company):
        """As the invoice does: else who pays by transfer what is debited two days later pays twice."""
        row = due(company)
        debit = {"amount_cents": row.balance_cents, "debit_on": date(2026, 4, 20), "announced_at": AT}
        PlannedDebit.objects.create(invoice=row, mandate=signed(company), **debit)
        text = Client().get(links.path(row)).content.decode()
        assert spaced(creditor_reference(row.number)) in text
        assert "Un prélèvement est annoncé" in text and "avril" in text

    def test_ends_after_three_months(self, company, monkeypatch):
        row = due(company)
        path = links.path(row)
        monkeypatch.setattr(links, "LIFE_DAYS", -1)
        assert Client().get(path).status_code == 410

    def test_sends_the_payer_to_stripe_and_back(self, company, double, at_once):
        row = due(company)
        answer = Client().post(links.path(row))
        assert answer.headers["Location"].startswith(double.url)
        back = double.pays(answer.headers["Location"], number="4000002760003184")
        assert "/3ds/" in back
        double.confirms(back)
        double.post(double.events("payment_intent.succeeded")[0])
        assert state(row) == ("paid", 0)
        assert "Cette facture est réglée" in Client().get(links.path(row)).content.decode()


class TestDesk:
    def test_counts_what_is_due_announced_in_collection_failed_and_claimed(self, company, accountant):
        due(company, 1_000, due_on=date(2026, 4, 30))
        late, moving, failing = due(company, 2_000), due(company, 4_000), due(company, 8_000)
        settlement.apply(payment_id=payment(moving).pk, seen=Observation("processing"), at=AT)
        attempt = payment(failing)
        for outcome in ("processing", "failed"):
            settlement.apply(payment_id=attempt.pk, seen=Observation(outcome, failure="x"), at=AT)
        claimed = due(company, 16_000)
        taken = paid(claimed)
        settlement.charge_back(taken, settlement.Dispute("du_1", 16_000, returned=False), at=AT)
        PlannedDebit.objects.create(
            invoice=late, mandate=signed(company), amount_cents=2_000, debit_on=date(2026, 4, 20), announced_at=AT
        )
        rows = Invoice.objects.filter(company=company)
        assert desk.figures(rows, today=date(2026, 4, 10)) == {
            "due": 27_000,
            "late": 26_000,
            "collecting": 4_000,
            "failed": 24_000,
            "announced": 2_000,
            "disputed": 16_000,
        }
        client = browser(accountant)
        assert client.get(reverse("billing:desk", args=[company.pk])).status_code == 200
        for view in ("", "collecting", "announced", "disputes", "proposals", "write_offs"):
            assert browser(staff()).get(reverse("billing:collection"), {"state": view}).status_code == 200
        exported = client.get(reverse("billing:open_items", args=[company.pk])).content.decode()
        assert exported.count(";") == 9 * 6

    def test_costs_the_same_number_of_queries_for_one_and_for_thirty(self, company, django_assert_max_num_queries):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        client, url = browser(staff()), reverse("billing:collection")
        due(company)
        client.get(url)
        with CaptureQueriesContext(connection) as one:
            client.get(url)
        for _ in range(29):
            due(CompanyFactory())
        with django_assert_max_num_queries(len(one)):
            client.get(url)

    def test_writes_no_formula_into_a_spreadsheet(self, company):
        Company.objects.filter(pk=company.pk).update(name="=1+1")
        due(company)
        text = browser(staff()).get(reverse("billing:collection_export")).content.decode()
        assert "'=1+1" in text


class TestSettingsPage:
    def test_changes_a_level_and_the_rules_of_debits(self):
        client, url = browser(staff()), reverse("billing:collection_settings")
        page = client.get(url).content.decode()
        assert page.count("<form") >= 4
        client.post(url, {"what": "policy", "notice_days": "5", "retry_days": "3, 9"})
        assert (mandates.policy().notice_days, mandates.policy().retry_days) == (5, [3, 9])
        data = {f"l1-{name}": "x" for name in ("subject_fr", "text_fr", "subject_en", "text_en")}
        client.post(url, {"what": "1", "l1-days_late": "12", **data})
        assert reminders.levels()[0].days_late == 12


class TestTheWordsOfReminders:
    def test_are_refused_with_a_mark_that_nothing_replaces(self, client):
        client.force_login(staff())
        level = reminders.levels()[0]
        values = {
            "days_late": 7,
            "subject_fr": "{number}",
            "text_fr": "{nummer}",
            "subject_en": "x",
            "text_en": "{due}",
        }
        data = {f"l1-{name}": value for name, value in values.items()} | {"what": "1"}
        answer = client.post(reverse("billing:collection_settings"), data)
        assert "{nummer} serait envoyé tel quel" in answer.content.decode()
        assert reminders.levels()[0].text_fr == level.text_fr
        assert client.post(reverse("billing:collection_settings"), data | {"l1-text_fr": "{days}"}).status_code == 302
