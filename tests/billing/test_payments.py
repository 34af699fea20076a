"""Paying an invoice through the double, with signed events that come twice, late and in any order."""

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from companies.billing import checking, ledger, payments, tasks
from companies.billing.models import AccountKind, Invoice, LedgerTransaction, Payment, Refund, StripeEvent
from companies.billing.payments import attempts
from companies.errors import NotAllowed
from companies.models import AuditEntry, Role
from tests.factories.billing import invoice, line, payment
from tests.factories.companies import CompanyFactory, member, staff

GOOD, BAD = "FR1420041010050500013M02606", "FR8420041010050500013M02607"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("at_once")]


@pytest.fixture
def company():
    return CompanyFactory(name="Tannerie du Royans")


@pytest.fixture
def accountant(company):
    return member(company, Role.ACCOUNTANT)


@pytest.fixture
def bill(company):
    return invoice(company)


def start(bill, user) -> Payment:
    return payments.start(invoice=bill, actor=user, at=timezone.now())


def state(bill) -> tuple[str, int]:
    return Invoice.objects.values_list("state", "balance_cents").get(pk=bill.pk)


class TestPayButton:
    def test_sends_the_accountant_to_stripe_and_the_webhook_marks_the_invoice_paid(self, double, bill, accountant):
        browser = Client()
        browser.force_login(accountant)
        answer = browser.post(reverse("billing:pay", args=[bill.company_id, bill.pk]))
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(f"{double.url}/c/pay/cs_test_")
        back = double.pays(answer.headers["Location"])
        row = Payment.objects.get()
        assert back.endswith(reverse("billing:payment_result", args=[bill.company_id, bill.pk, row.pk]))
        assert state(bill) == ("due", 5_339)
        assert double.post(double.events("payment_intent.succeeded")[0]) == 200
        assert state(bill) == ("paid", 0)
        row.refresh_from_db()
        assert (row.state, row.method, row.method_hint) == ("succeeded", "card", "visa … 4242")
        assert ledger.balance(AccountKind.STRIPE) == 5_339 - 105
        assert ledger.balance(AccountKind.BANK_CHARGES) == 105
        assert not checking.first_break()

    def test_pressed_twice_opens_one_page(self, double, bill, accountant):
        assert start(bill, accountant).url == start(bill, accountant).url
        assert Payment.objects.count() == 1

    def test_finds_the_page_again_after_a_crash_before_its_address_was_kept(self, double, bill, accountant):
        first = start(bill, accountant)
        Payment.objects.update(url="", session_id="")
        with_state(first, "created")
        assert start(bill, accountant).session_id == first.session_id

    def test_takes_note_of_what_was_paid_in_another_tab(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        with pytest.raises(payments.NotPayable):
            start(bill, accountant)
        assert state(bill) == ("paid", 0)
        assert Payment.objects.count() == 1

    def test_is_only_for_accountants(self, double, bill, company):
        for user in (member(company, Role.ADMIN), member(company, Role.BUYER), staff(), member(CompanyFactory())):
            with pytest.raises(NotAllowed):
                start(bill, user)
        assert not Payment.objects.exists()

    def test_says_so_when_the_service_is_down_and_loses_nothing(self, double, bill, accountant):
        double.lever("fail", requests=6)
        with pytest.raises(payments.PaymentServiceDown):
            start(bill, accountant)
        assert state(bill) == ("due", 5_339)
        double.lever("fail", requests=0)
        assert start(bill, accountant).url

    def test_refuses_a_paid_invoice_and_one_on_its_way(self, double, bill, accountant):
        double.pays(start(bill, accountant).url, iban=GOOD)
        payments.refresh(payment_id=Payment.objects.get().pk, at=timezone.now())
        with pytest.raises(payments.PaymentUnderWay):
            start(bill, accountant)
        double.lever("settle", payment_intent=double.intent()["id"])
        payments.refresh(payment_id=Payment.objects.get().pk, at=timezone.now())
        bill.refresh_from_db()
        with pytest.raises(payments.NotPayable):
            start(bill, accountant)
        assert Payment.objects.count() == 1

    def test_opens_a_new_page_when_the_old_one_has_expired(self, double, bill, accountant):
        first = start(bill, accountant)
        double_session(double, first.session_id, status="expired")
        second = payments.start(invoice=bill, actor=accountant, at=timezone.now() + timedelta(minutes=119))
        first.refresh_from_db()
        assert (first.state, second.attempt) == ("cancelled", 2)

    def test_offers_no_debit_above_the_limit(self, double, company, accountant):
        big = invoice(company, line(1_000_000, 2_000))
        session = session_of(double, start(big, accountant))
        assert session["payment_method_types"] == ["card"]

    def test_refuses_a_live_key_while_debug_is_on(self, bill, accountant, settings):
        settings.DEBUG, settings.STRIPE_API_KEY = True, "sk_live_x"
        with pytest.raises(RuntimeError, match="live"):
            start(bill, accountant)


def with_state(row: Payment, to: str) -> None:
    """Put an attempt back as a crash would have left it; the guard of the states is lifted for that."""
    import pgtrigger

    with pgtrigger.ignore("billing.Payment:payment_states"):
        Payment.objects.filter(pk=row.pk).update(state=to)


def session_of(double, row: Payment) -> dict:
    with double.store.transaction():
        return double.store.get(row.session_id)


def double_session(double, key: str, **changes) -> None:
    with double.store.transaction():
        double.store.save(double.store.get(key) | changes)


class TestDebit:
    def test_is_in_collection_until_the_money_has_arrived(self, double, bill, accountant):
        double.pays(start(bill, accountant).url, iban=GOOD)
        for body in double.events():
            double.post(body)
        assert state(bill) == ("collecting", 5_339)
        double.lever("settle", payment_intent=double.intent()["id"])
        for body in double.events():
            double.post(body)
        assert state(bill) == ("paid", 0)
        row = Payment.objects.get()
        assert row.method == "sepa_debit"
        assert row.method_hint == "IBAN FR … 2606"
        assert row.mandate_reference

    def test_that_fails_leaves_an_invoice_that_can_be_paid_again(self, double, bill, accountant):
        double.pays(start(bill, accountant).url, iban=BAD)
        double.lever("settle", payment_intent=double.intent()["id"])
        for body in double.events():
            double.post(body)
        assert state(bill) == ("failed", 5_339)
        assert Payment.objects.get().failure == "insufficient_funds"
        double.pays(start(bill, accountant).url)
        double.post(double.events("checkout.session.completed")[-1])
        assert state(bill) == ("paid", 0)
        assert list(Payment.objects.order_by("attempt").values_list("state", flat=True)) == ["failed", "succeeded"]

    def test_taken_back_reopens_this_invoice_and_no_other(self, double, bill, company, accountant):
        other = invoice(company)
        for row in (bill, other):
            double.pays(start(row, accountant).url, iban=GOOD)
            double.lever("settle", payment_intent=double.intent()["id"])
        for body in double.events():
            double.post(body)
        assert state(bill) == state(other) == ("paid", 0)
        intent = Payment.objects.get(invoice=bill).intent_id
        double.lever("dispute", payment_intent=intent)
        for body in double.events():
            double.post(body)
        assert state(bill) == ("charged_back", 5_339)
        assert state(other) == ("paid", 0)
        assert ledger.balance(AccountKind.RECEIVABLE, company=company) == 5_339
        assert not checking.first_break()


class TestDispute:
    def test_that_is_won_pays_the_invoice_again(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        dispute = double.lever("dispute", payment_intent=double.intent()["id"])
        double.post(double.events("charge.dispute.created")[0])
        assert state(bill) == ("charged_back", 5_339)
        double.lever("decide", dispute=dispute["id"], status="won")
        double.post(double.events("charge.dispute.closed")[0])
        assert state(bill) == ("paid", 0)
        assert not checking.first_break()


class TestEvents:
    @pytest.mark.parametrize("seed", range(4))
    def test_twice_late_and_in_any_order_give_one_result(self, double, bill, accountant, seed):
        double.pays(start(bill, accountant).url, iban=GOOD)
        early = double.events()
        double.lever("settle", payment_intent=double.intent()["id"])
        bodies = [*double.events(), *early]
        random.Random(seed).shuffle(bodies)
        for body in bodies:
            assert double.post(body) == 200
        assert state(bill) == ("paid", 0)
        assert LedgerTransaction.objects.filter(kind="payment").count() == 1
        assert AuditEntry.objects.filter(action="invoice.paid").count() == 1
        assert not StripeEvent.objects.filter(handled_at=None).exists()

    def test_handled_twice_change_nothing_the_second_time(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        for body in double.events():
            double.post(body)
        before = (LedgerTransaction.objects.count(), AuditEntry.objects.count(), state(bill))
        StripeEvent.objects.update(handled_at=None)
        for key in StripeEvent.objects.values_list("pk", flat=True):
            tasks.handle_event(event_id=key)
        assert before == (LedgerTransaction.objects.count(), AuditEntry.objects.count(), state(bill))

    def test_are_never_believed_on_their_word(self, double, bill, accountant):
        """A well-signed event that says "succeeded" of an open page changes nothing: Stripe itself is asked."""
        row = start(bill, accountant)
        lie = {
            "id": "evt_lie",
            "type": "checkout.session.completed",
            "data": {"object": {"object": "checkout.session", "id": row.session_id, "payment_status": "paid"}},
        }
        assert double.post(json.dumps(lie).encode()) == 200
        assert state(bill) == ("due", 5_339)

    def test_unknown_to_us_are_kept_and_answered_200(self, double):
        body = json.dumps({"id": "evt_x", "type": "radar.early_fraud_warning.created", "data": {"object": {}}}).encode()
        assert double.post(body) == 200
        assert StripeEvent.objects.get().handled_at is not None

    @pytest.mark.parametrize("case", ["another secret", "too old", "changed", "no signature", "no JSON"])
    def test_not_signed_by_stripe_are_refused(self, double, case):
        body = json.dumps({"id": "evt_x", "type": "x", "data": {"object": {}}}).encode()
        if case == "another secret":
            status = double.post(body, secret="whsec_other")
        elif case == "too old":
            status = double.post(body, at=time.time() - 400)
        elif case == "no JSON":
            status = double.post(b"\xff\xfe")
        else:
            headers = {} if case == "no signature" else {"Stripe-Signature": "t=1,v1=00"}
            status = Client().post("/webhooks/stripe/", body, "application/json", headers=headers).status_code
        assert status == 400
        assert not StripeEvent.objects.exists()

    def test_that_never_came_are_made_up_for_by_the_sweeper(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        assert state(bill) == ("due", 5_339)
        Payment.objects.update(seen_at=datetime(2026, 1, 1, tzinfo=UTC))
        assert payments.stuck(at=timezone.now() + timedelta(minutes=3)) == [Payment.objects.get().pk]
        for payment_id in payments.stuck(at=timezone.now() + timedelta(minutes=3)):
            tasks.refresh_payment(payment_id=payment_id)
        assert state(bill) == ("paid", 0)

    def test_are_made_up_for_in_turn_however_many_there_are(self, monkeypatch):
        """The longest silent first, those never asked about before them: none waits behind those asked again and again."""
        monkeypatch.setattr(attempts, "STUCK_AT_ONCE", 2)
        now = timezone.now()
        newest, oldest, never, older = (
            payment(invoice(), session_id=f"cs_{hours}", created_at=now - timedelta(days=1), seen_at=seen)
            for hours, seen in (
                (1, now - timedelta(hours=1)),
                (3, now - timedelta(hours=3)),
                (0, None),
                (2, now - timedelta(hours=2)),
            )
        )
        assert payments.stuck(at=now) == sorted([never.pk, oldest.pk])
        Payment.objects.filter(pk__in=[never.pk, oldest.pk]).update(seen_at=now)
        assert payments.stuck(at=now) == sorted([older.pk, newest.pk])


class TestRefund:
    def test_sends_back_a_part_once_and_what_no_credit_note_covers_is_owed(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        double.post(double.events("payment_intent.succeeded")[0])
        row = Payment.objects.get()
        asked = {"payment": row, "amount_cents": 339, "reason": "Casse", "key": "page-1", "actor": staff()}
        refund = payments.refund(**asked, at=timezone.now())
        assert refund.state == "succeeded"
        assert payments.refund(**asked, at=timezone.now()) == refund, "the same form sent twice"
        parts = {"invoice": bill, "cents": 339, "reason": "Casse", "key": "page-1", "actor": asked["actor"]}
        assert payments.refund_in_proportion(**parts, at=timezone.now()) == [refund]
        assert state(bill) == ("part_paid", 339)
        payments.send_refund(refund, at=timezone.now())
        for body in double.events():
            double.post(body)
        assert state(bill) == ("part_paid", 339)
        assert LedgerTransaction.objects.filter(kind="refund").count() == 1
        assert not checking.first_break()
        double.lever("bounce", refund=refund.refund_id)
        payments.refresh(payment_id=row.pk, at=timezone.now())
        whole = payments.refund(**asked | {"amount_cents": 5_339, "key": "page-2"}, at=timezone.now())
        assert (whole.state, state(bill)) == ("succeeded", ("due", 5_339)), "what came back may leave again"

    @pytest.mark.parametrize("cents", [0, -1, 5_340])
    def test_refuses_more_than_was_received(self, double, bill, accountant, cents):
        double.pays(start(bill, accountant).url)
        double.post(double.events("payment_intent.succeeded")[0])
        with pytest.raises(payments.RefundRefused):
            payments.refund(
                payment=Payment.objects.get(), amount_cents=cents, reason="x", key="k", actor=staff(), at=timezone.now()
            )
        assert not Refund.objects.exists()  # refused here, not only by Stripe

    def test_is_only_for_staff(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        double.post(double.events("payment_intent.succeeded")[0])
        with pytest.raises(NotAllowed):
            payments.refund(
                payment=Payment.objects.get(), amount_cents=1, reason="x", key="k", actor=accountant, at=timezone.now()
            )


class TestResultPage:
    def test_never_marks_paid_by_itself_and_shows_what_became_of_the_payment(self, double, bill, accountant):
        browser = Client()
        browser.force_login(accountant)
        row = start(bill, accountant)
        page = reverse("billing:payment_result", args=[bill.company_id, bill.pk, row.pk])
        forged = browser.get(page, {"session_id": row.session_id, "status": "succeeded"})
        assert forged.status_code == 200
        assert b"hx-get" in forged.content
        assert state(bill) == ("due", 5_339)
        double.pays(row.url)
        browser.get(page)
        done = browser.get(reverse("billing:payment_state", args=[bill.company_id, bill.pk, row.pk]))
        assert b"hx-get" not in done.content
        assert state(bill) == ("paid", 0)


class TestAtTheSameTime:
    """Threads on real connections. Without the row lock the first fails; the others have a second fence behind it."""

    @staticmethod
    def together(work, times=16):
        def run(number):
            try:
                return work(number)
            finally:
                connection.close()

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(run, range(times)))

    def test_clicks_on_pay_open_one_page(self, double, bill, accountant):
        urls = self.together(lambda _: start(bill, accountant).url, 8)
        assert len(set(urls)) == 1
        assert Payment.objects.count() == 1
        assert len(double.events("payment_intent.created")) == 0

    def test_events_post_one_payment(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        bodies = double.events()
        statuses = self.together(lambda number: double.post(bodies[number % len(bodies)]))
        assert set(statuses) == {200}
        assert state(bill) == ("paid", 0)
        assert LedgerTransaction.objects.filter(kind="payment").count() == 1
        assert AuditEntry.objects.filter(action="invoice.paid").count() == 1
        assert not checking.first_break()

    def test_refunds_never_send_back_more_than_was_received(self, double, bill, accountant):
        double.pays(start(bill, accountant).url)
        double.post(double.events("payment_intent.succeeded")[0])
        row, boss = Payment.objects.get(), staff()

        def refund(number):
            asked = {"amount_cents": 2_000, "reason": "x", "key": f"page-{number // 2}", "actor": boss}
            try:
                payments.refund(payment=row, **asked, at=timezone.now())
            except payments.RefundRefused:
                return 0
            return 1

        self.together(refund, 8)  # four forms, each sent twice at once; refused under the lock, not only by Stripe
        assert list(Refund.objects.values_list("amount_cents", "state")) == [(2_000, "succeeded")] * 2
        assert state(bill) == ("part_paid", 4_000)
        assert not checking.first_break()
