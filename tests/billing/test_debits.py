"""Mandates and debits on them, through the double: announced, sent once, retried, ended."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from companies.billing import checking, collecting, ledger, mandates, payments, tasks
from companies.billing.models import (
    AccountKind,
    Dispute,
    Invoice,
    Mandate,
    Payment,
    PlannedDebit,
)
from companies.billing.payments import mandates as at_stripe
from companies.errors import NotAllowed
from companies.models import OutboxMail, Role
from tests.factories.billing import invoice, line
from tests.factories.companies import CompanyFactory, member, staff

GOOD, POOR = "FR1420041010050500013M02606", "FR8420041010050500013M02607"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def company():
    return CompanyFactory(name="Tannerie du Royans")


@pytest.fixture
def accountant(company):
    return member(company, Role.ACCOUNTANT)


def sign(company, user, iban=GOOD, at=None) -> Mandate:
    at = at or timezone.now()
    row = mandates.ask(
        company=company, holder="Tannerie", iban=iban, language="fr", ip="192.0.2.7", user_agent="Firefox", actor=user, at=at
    )  # fmt: skip
    return at_stripe.set_up(row, iban=iban, email=user.email, at=at)


def bill(company, cents=100_000, **more):
    """An invoice of 1,200.00, due now."""
    now = timezone.now()
    made = invoice(company, line(cents), at=now, due_on=more.pop("due_on", timezone.localdate(now)), **more)
    Invoice.objects.filter(pk=made.pk).update(state="due")  # as if it had been mailed
    made.refresh_from_db()
    return made


def state(row) -> tuple[str, int]:
    return Invoice.objects.values_list("state", "balance_cents").get(pk=row.pk)


def on_target(day):
    """The same hour on the first day from then on which the banks settle."""
    from companies.billing import calendar

    moment = timezone.now().replace(hour=9) + timedelta(days=day)
    while not calendar.is_target_day(timezone.localdate(moment)):
        moment += timedelta(days=1)
    return moment


def debited(row, after=3):
    """Announce and send the debit of an invoice; the attempt."""
    now = timezone.now()
    collecting.plan(at=now)
    collecting.collect(at=on_target(after))
    return Payment.objects.filter(invoice=row).latest("attempt")


class TestMandate:
    def test_keeps_the_evidence_of_the_signature_and_not_the_iban(self, double, company, accountant):
        row = sign(company, accountant)
        assert (row.state, row.iban_country, row.iban_last4) == ("active", "FR", "2606")
        assert row.reference.startswith("ERB-")
        assert (row.ip, row.user_agent, row.text_version) == ("192.0.2.7", "Firefox", mandates.TEXT_VERSION)
        assert row.creditor_ics in row.text
        assert "8 semaines" in row.text
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(m)::text FROM billing_mandate m")
            assert "050500013" not in cursor.fetchone()[0]
        assert OutboxMail.objects.filter(key__startswith="mandate_signed").count() == 1

    @pytest.mark.parametrize("iban", ["DE89370400440532013000", "NL39RABO0300065264", "es9121000418450200051332"])
    def test_takes_an_account_of_any_sepa_country(self, double, company, accountant, iban):
        assert sign(company, accountant, iban).state == "active"

    @pytest.mark.parametrize("iban", ["FR1520041010050500013M02606", "US64SVBKUS6S3300958879", "x", ""])
    def test_refuses_what_is_no_account_it_can_debit(self, double, company, accountant, iban):
        with pytest.raises(mandates.IbanRefused):
            sign(company, accountant, iban)
        assert not Mandate.objects.exists()

    def test_is_signed_by_accountants_only(self, double, company):
        for user in (member(company, Role.ADMIN), staff(), member(CompanyFactory(), Role.ACCOUNTANT)):
            with pytest.raises(NotAllowed):
                sign(company, user)

    def test_replaces_the_one_before_and_gives_up_what_was_announced_on_it(self, double, company, accountant):
        first = sign(company, accountant)
        row = bill(company)
        collecting.plan(at=timezone.now())
        second = sign(company, accountant, "DE89370400440532013000")
        first.refresh_from_db()
        assert (first.state, second.state) == ("revoked", "active")
        assert PlannedDebit.objects.get().state == "cancelled"
        collecting.plan(at=timezone.now())
        assert row.debits.get(state="planned").mandate == second

    def test_revoked_is_detached_at_stripe_and_debits_nothing_more(self, double, company, accountant):
        row = sign(company, accountant)
        owed = bill(company)
        collecting.plan(at=timezone.now())
        mandates.revoke(mandate=row, actor=accountant, reason="x", at=timezone.now())
        at_stripe.sweep(at=timezone.now())
        row.refresh_from_db()
        assert (row.state, row.method_id) == ("revoked", "")
        assert collecting.collect(at=on_target(5)) == 0
        assert state(owed) == ("due", 120_000)
        assert not Payment.objects.exists()

    @pytest.mark.parametrize(
        ("used", "last_good"),
        [
            ("2023-03-15T12:00", "2026-03-15T23:30"),
            ("2024-02-29T12:00", "2027-02-28T23:30"),  # that February has no 29th
            ("2025-02-28T23:30", "2028-02-28T23:30"),  # and that one has
            ("2023-08-31T00:30", "2026-08-31T23:30"),
        ],
    )
    def test_lapses_after_36_months_without_use(self, company, accountant, used, last_good):
        """Calendar months, counted in days of here: good on the last day, lapsed on the next."""
        used, last_good = (timezone.make_aware(datetime.fromisoformat(one)) for one in (used, last_good))
        row = Mandate.objects.create(
            company=company, state="active", signed_at=used, last_used_at=used, notice_days=2, reference="RUM-1",
            method_id="pm_1", stripe_id="mandate_1",
        )  # fmt: skip
        assert mandates.lapse(at=last_good) == 0
        with time_machine.travel(last_good + timedelta(hours=1), tick=False):
            tasks.collect()  # which ends what lapsed tonight before it debits anything
        row.refresh_from_db()
        assert row.state == "lapsed"

    def test_ended_by_the_bank_is_learnt_from_its_event(self, double, company, accountant):
        row = sign(company, accountant)
        double.lever("revoke", mandate=row.stripe_id)
        for body in double.events("mandate.updated"):
            double.post(body)
        row.refresh_from_db()
        assert row.state == "revoked"

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_left_half_way_by_a_crash_is_finished_by_the_sweeper(self, double, company, accountant, when):
        now = timezone.now()
        row = mandates.ask(
            company=company, holder="T", iban=GOOD, language="fr", ip=None, user_agent="", actor=accountant, at=now
        )  # fmt: skip
        payments.customer_of(company)
        original = at_stripe.refresh_mandate

        def dies(**_more):
            raise SystemExit

        at_stripe.refresh_mandate = dies
        try:
            if when == "after":
                with pytest.raises(SystemExit):
                    at_stripe.set_up(row, iban=GOOD, email="a@b.fr", at=now)
        finally:
            at_stripe.refresh_mandate = original
        at_stripe.sweep(at=now + timedelta(minutes=20))
        row.refresh_from_db()
        assert row.state == ("active" if when == "after" else "refused")

    def test_page_signs_shows_and_revokes(self, double, company, accountant):
        browser = Client(headers={"User-Agent": "Lynx"})
        browser.force_login(accountant)
        url = reverse("billing:mandate", args=[company.pk])
        wrong = browser.post(url, {"holder": "T", "iban": "FR00", "accepted": "on"})
        assert wrong.status_code == 200
        assert "IBAN" in wrong.content.decode()
        browser.post(url, {"holder": "T", "iban": "FR14 2004 1010 0505 0001 3M02 606", "accepted": "on"})
        row = Mandate.objects.get()
        assert (row.state, row.user_agent, row.ip) == ("active", "Lynx", "127.0.0.1")
        assert row.reference in browser.get(url).content.decode()
        browser.post(reverse("billing:mandate_revoke", args=[company.pk, row.pk]))
        row.refresh_from_db()
        assert (row.state, row.method_id) == ("revoked", "")


class TestDebit:
    def test_is_announced_then_sent_then_paid(self, double, company, accountant):
        sign(company, accountant)
        row = bill(company)
        now = timezone.now()
        assert collecting.plan(at=now) == 1
        assert collecting.plan(at=now) == 0
        debit = PlannedDebit.objects.get()
        assert debit.debit_on >= timezone.localdate(now) + timedelta(days=2)
        mail = OutboxMail.objects.get(key__startswith="debit-notice")
        assert "1 200,00" in mail.subject.replace("\u202f", " ").replace("\u00a0", " ")
        assert collecting.collect(at=now) == 0
        assert collecting.collect(at=on_target(3)) == 1
        assert state(row) == ("collecting", 120_000)
        assert collecting.collect(at=on_target(4)) == 0
        double.lever("settle", payment_intent=double.intent()["id"])
        for body in double.events():
            double.post(body)
        assert state(row) == ("paid", 0)
        paid = Payment.objects.get()
        assert (paid.method, paid.method_hint) == ("sepa_debit", "IBAN FR … 2606")
        assert paid.mandate_reference == Mandate.objects.get().reference
        assert not checking.first_break()

    def test_is_never_sent_while_the_banks_rest(self, double, company, accountant):
        with time_machine.travel(datetime(2026, 4, 1, 9, 0, tzinfo=UTC), tick=True):
            sign(company, accountant)
            bill(company, due_on=datetime(2026, 4, 3).date())
            collecting.plan(at=timezone.now())
        assert PlannedDebit.objects.get().debit_on.isoformat() == "2026-04-07"
        for day in (3, 4, 5, 6):
            assert collecting.collect(at=datetime(2026, 4, day, 9, 0, tzinfo=UTC)) == 0
        assert collecting.collect(at=datetime(2026, 4, 7, 9, 0, tzinfo=UTC)) == 1

    def test_above_10_000_euros_is_not_planned(self, double, company, accountant):
        sign(company, accountant)
        bill(company, 833_334)  # 10,000.01 with VAT
        assert collecting.plan(at=timezone.now()) == 0
        bill(company, 833_333)  # 10,000.00
        assert collecting.plan(at=timezone.now()) == 1

    def test_takes_no_more_than_is_still_owed(self, double, company, accountant):
        from django.db import transaction

        from companies.billing import allocation

        sign(company, accountant)
        row = bill(company)
        collecting.plan(at=timezone.now())
        with transaction.atomic():
            allocation.receive(company=company, cents=70_000, key="b", at=timezone.now(), actor=None)
        payment = debited(row)
        assert payment.amount_cents == 50_000

    def test_that_failed_for_want_of_money_is_tried_again_as_often_as_the_policy_says(
        self, double, company, accountant
    ):
        sign(company, accountant, POOR)
        row = bill(company)
        debited(row)
        days = []
        for _ in range(4):
            double.lever("settle", payment_intent=double.intent()["id"])
            payments.refresh(payment_id=Payment.objects.latest("attempt").pk, at=timezone.now())
            assert state(row) == ("failed", 120_000)
            if collecting.retry(at=timezone.now()):
                debit = PlannedDebit.objects.latest("pk")
                days.append((debit.debit_on - timezone.localdate()).days)
                collecting.collect(at=on_target(20))
        assert len(days) == 2
        assert days[0] >= 5 and days[1] >= 10
        assert list(row.payments.order_by("attempt").values_list("state", flat=True)) == ["failed"] * 3

    def test_refused_at_once_by_stripe_fails_and_leaves_the_invoice_payable(self, double, company, accountant):
        mandate = sign(company, accountant)
        row = bill(company)
        double.lever("revoke", mandate=mandate.stripe_id)
        payment = debited(row)
        payment.refresh_from_db()
        assert (payment.state, payment.failure) == ("failed", "payment_intent_mandate_invalid")
        assert state(row) == ("failed", 120_000)
        assert collecting.retry(at=timezone.now()) == 0

    def test_waits_while_somebody_pays_by_card(self, double, company, accountant):
        sign(company, accountant)
        row = bill(company)
        collecting.plan(at=timezone.now())
        page = payments.start(invoice=row, actor=accountant, at=timezone.now())
        assert collecting.collect(at=on_target(3)) == 0
        double.pays(page.url)
        payments.refresh(payment_id=page.pk, at=timezone.now())
        assert collecting.collect(at=on_target(4)) == 0
        assert PlannedDebit.objects.get().state == "cancelled"
        assert state(row) == ("paid", 0)

    def test_paid_on_2_march_and_disputed_on_20_april_reopens_only_that_invoice(self, double, company, accountant):
        """case: paid 1,200.00 by SEPA on 2 March, disputed on 20 April (49 days) → charged back, due again."""
        with time_machine.travel(datetime(2026, 2, 20, 9, 0, tzinfo=UTC), tick=True):
            sign(company, accountant)
            row, other = bill(company), bill(company)
            collecting.plan(at=timezone.now())
        with time_machine.travel(datetime(2026, 2, 24, 9, 0, tzinfo=UTC), tick=True):
            collecting.collect(at=timezone.now())
        with time_machine.travel(MONDAY, tick=True):
            for payment in Payment.objects.all():
                double.lever("settle", payment_intent=payment.intent_id)
                payments.refresh(payment_id=payment.pk, at=timezone.now())
            assert state(row) == state(other) == ("paid", 0)
        with time_machine.travel(datetime(2026, 4, 20, 9, 0, tzinfo=UTC), tick=True):
            tasks.close_windows()
            double.lever("dispute", payment_intent=Payment.objects.get(invoice=row).intent_id)
            event = double.events("charge.dispute.created")[0]
            assert double.post(event, at=time.time()) == 200
        assert state(row) == ("charged_back", 120_000)
        assert state(other) == ("paid", 0)
        assert ledger.balance(AccountKind.RECEIVABLE, company=company) == 120_000
        claim = Dispute.objects.get()
        assert (claim.cents, claim.status, claim.payment.invoice_id) == (120_000, "lost", row.pk)
        assert not checking.first_break()


class Killed(BaseException):
    """What a kill looks like from inside: nothing is cleaned up."""


class TestAKilledWorker:
    """At each place where a worker may die between our row and Stripe's answer, the next one sends no second debit."""

    @pytest.mark.parametrize("place", ["before asking", "answer lost", "before writing the answer", "a day later"])
    def test_doubles_no_debit(self, double, company, accountant, monkeypatch, place):
        from companies.billing import settlement
        from companies.billing.payments import debits

        sign(company, accountant)
        row = bill(company)
        collecting.plan(at=timezone.now())

        def dies(*_args, **_more):
            raise Killed

        double.lever("clock", advance=(on_target(3) - timezone.now()).total_seconds())
        with monkeypatch.context() as patch:
            if place == "before asking":
                patch.setattr(debits, "debit_params", dies)
            elif place == "answer lost":
                double.lever("fail", requests=1, when="after")
                patch.setattr(debits, "of_intent", dies)
            else:
                patch.setattr(settlement, "apply", dies)
            with pytest.raises(Killed):
                collecting.collect(at=on_target(3))
        assert PlannedDebit.objects.get().state == "sent"
        later = timezone.now() + (timedelta(days=2) if place == "a day later" else timedelta(minutes=5))
        later = max(later, on_target(3) + (later - timezone.now()))
        if place == "a day later":  # Stripe has forgotten the key; the debit has its mark and its time
            with double.store.transaction():
                double.store._db.execute("DELETE FROM requests")
        for _ in range(2):
            for pk in payments.stuck(at=later):
                payments.refresh(payment_id=pk, at=later)
            collecting.plan(at=later)
            collecting.collect(at=later)
        with double.store.transaction():
            assert len(list(double.store.newest("payment_intent"))) == 1
        assert Payment.objects.count() == 1
        assert state(row) == ("collecting", 120_000)


class TestALiveKey:
    def test_is_refused_while_debug_is_on(self, settings, double, company, accountant):
        settings.DEBUG, settings.STRIPE_API_KEY = True, "rk_live_x"
        with pytest.raises(RuntimeError, match="live"):
            payments.client()
        with pytest.raises(Exception, match="live Stripe key"):
            call_command("check")
