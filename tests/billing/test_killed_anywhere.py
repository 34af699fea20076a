"""The process dies before each transaction and around each call to Stripe, and the sweeper too: money moves once.

The journeys kill real processes in the middle of collecting; here every step that leaves something behind is a place to die.
(Inside a transaction there is none: what it has done goes with it.)
"""

from datetime import timedelta

import pytest
import stripe
from django.db import connection, transaction
from django.utils import timezone

from companies.billing import allocation, checking, collecting, deposits, ledger, payments, tasks
from companies.billing.channel.http import Platform
from companies.billing.models import AccountKind, DepositRefund, Invoice, LedgerTransaction, Payment, Refund
from companies.models import Role
from tests.billing.statements import IBAN
from tests.billing.test_debits import on_target, sign
from tests.factories.billing import invoice, line
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]
EARLY = timezone.now() - timedelta(minutes=30)
WRITES = ("INSERT", "UPDATE", "DELETE")
MANY = 10_000  # steps: more than any of these calls has


class Killed(BaseException):
    """SIGKILL, as far as the code in between can see."""


class Life:
    """How many steps a process may still do; it dies at the next one."""

    def __init__(self, monkeypatch):
        self.left, self.depth, self.inside, self.done = None, 0, False, 0
        for owner, name in ((stripe.RequestsClient, "request"), (Platform, "_asked")):
            monkeypatch.setattr(owner, name, self.around(getattr(owner, name)))

    def around(self, real):
        def request(client, *args, **kwargs):
            self.step()  # before the other side hears it
            answer = real(client, *args, **kwargs)
            self.step()  # it has done it, and we never hear
            return answer

        return request

    def step(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None  # what unwinds is not killed a second time
                raise Killed

    def __call__(self, execute, sql, params, many, context):
        outside = len(connection.savepoint_ids) == self.depth
        if (outside or self.inside) and sql.startswith(("SAVEPOINT", *WRITES)):
            self.step()
        return execute(sql, params, many, context)

    def run(self, steps, call):
        """Whether a call came to its end within so many steps."""
        self.left, self.depth = steps, len(connection.savepoint_ids)
        try:
            with connection.execute_wrapper(self):
                call()
        except Killed:
            return False
        finally:
            if self.left is not None:
                self.done = steps - self.left
            self.left, self.inside = None, False
        return True

    def everywhere(self, begin):
        """Die at every step that commits or calls out, the sweeper at another one; then yield what is left to look at.

        The last round is the one in which nobody died.
        """
        steps, alive = 0, False
        while not alive:
            call, look = begin(steps)
            alive = self.run(steps, call)
            self.run(steps % 7, tasks.sweep)
            tasks.sweep()
            yield look
            steps += 1
        assert steps > 3, "it has more steps than that"

    def inside_of(self, begin):
        """Die within a transaction: at its first write, half-way, and at its last before it commits.

        What died leaves nothing, so the writes between prove nothing more; they were all tried once.
        """
        for alive in (-2, -1):  # the first one makes accounts and counters as well
            call, look = begin(alive)
            self.inside = True
            assert self.run(MANY, call)
            yield look
        for steps in (0, self.done // 2, self.done - 1):
            call, look = begin(steps)
            self.inside = True
            assert not self.run(steps, call)
            yield look
        assert self.done > 3, "it has more writes than that"


@pytest.fixture
def life(monkeypatch):
    return Life(monkeypatch)


@pytest.fixture
def company():
    return CompanyFactory()


@pytest.fixture
def accountant(company):
    return member(company, Role.ACCOUNTANT)


def due(company, cents, at):
    made = invoice(company, line(cents, 0), at=at, due_on=timezone.localdate(at))
    Invoice.objects.filter(pk=made.pk).update(state="due")
    return Invoice.objects.get(pk=made.pk)


def paid(double, company, accountant, *, twice=False):
    """An invoice of 10.00 € paid by card; `twice`: by transfer as well, and the card's money is kept."""
    bill = due(company, 1_000, EARLY)
    page = payments.start(invoice=bill, actor=accountant, at=EARLY)
    if twice:
        with transaction.atomic():
            allocation.receive(company=company, cents=1_000, key=f"t{bill.pk}", at=EARLY, actor=None, only=[bill])
    double.pays(page.url)
    payments.refresh(payment_id=page.pk, at=EARLY)
    if twice:
        deposits.keep(invoice=bill, actor=accountant, at=EARLY)
    return Payment.objects.get(pk=page.pk)


def at_stripe(double, kind, mark, row):
    """What Stripe has for a row of ours."""
    with double.store.transaction():
        return [one for one in double.store.newest(kind) if (one.get("metadata") or {}).get(mark) == str(row.pk)]


class TestKilledAtAnyStep:
    def test_of_a_debit_sends_one(self, life, double, company, accountant):
        day = on_target(-9)
        mandate = sign(company, accountant, IBAN)

        def begin(_steps):
            bill = due(company, 1_000, day)
            collecting.announce(bill, mandate, amount=1_000, day=day.date(), at=day - timedelta(days=20))

            def look():
                collecting.collect(at=day)
                tasks.sweep()
                (payment,) = Payment.objects.filter(invoice=bill)
                (intent,) = at_stripe(double, "payment_intent", "payment", payment)
                payment.refresh_from_db()
                assert (payment.state, payment.intent_id) == ("processing", intent["id"])

            return lambda: collecting.collect(at=day), look

        for look in life.everywhere(begin):
            look()

    def test_of_a_refund_sends_one(self, life, double, company, accountant):
        by = staff()

        def begin(steps):
            page = paid(double, company, accountant)
            ask = lambda: payments.refund(  # noqa: E731  # shorter than a function
                payment=page, amount_cents=100, reason="x", key="k", actor=by, at=EARLY
            )

            def look():
                if steps % 2 == 0 or not page.refunds.exists():
                    ask()  # the person presses again; else the sweeper alone must do
                row = Refund.objects.get(payment=page)
                assert len(at_stripe(double, "refund", "refund", row)) == 1
                assert LedgerTransaction.objects.filter(key=f"refund-{row.refund_id}").count() == 1
                page.refresh_from_db()
                assert (row.state, page.refunded_cents) == ("succeeded", 100)

            return ask, look

        for look in life.everywhere(begin):
            look()
        assert not checking.first_break()

    def test_of_a_deposit_that_goes_back_sends_one(self, life, double, company, accountant):
        def begin(steps):
            page = paid(double, company, accountant, twice=True)

            def ask():
                row = deposits.ask(
                    company=company, cents=1_000, reason="x", key=f"{page.pk}", actor=accountant, at=EARLY, payment=page
                )
                if row.state == "asked":
                    payments.send_refund(row.refund, at=EARLY)

            def look():
                if steps % 2 == 0 or not page.refunds.exists():
                    ask()
                row = DepositRefund.objects.get(refund__payment=page)
                assert (row.state, len(at_stripe(double, "refund", "refund", row.refund))) == ("done", 1)
                assert (allocation.kept_for(company), ledger.balance(AccountKind.REFUNDS, company=company)) == (0, 0)

            return ask, look

        for look in life.everywhere(begin):
            look()
        assert not checking.first_break()


class TestARefundWhoseKeyStripeForgot:
    def test_is_looked_for_before_it_is_sent_again(self, life, double, company, accountant):
        """The worker was away for two days after Stripe had done it; Stripe keeps keys for one."""
        before = timezone.now() - timedelta(days=2)
        page = paid(double, company, accountant)
        row = Refund.objects.create(payment=page, amount_cents=100, reason="x", created_at=before)
        assert not life.run(1, lambda: payments.send_refund(row, at=before)), "it dies as Stripe has done it"
        assert len(at_stripe(double, "refund", "refund", row)) == 1
        double.lever("forget")
        tasks.sweep()
        assert len(at_stripe(double, "refund", "refund", row)) == 1
        row.refresh_from_db()
        assert row.state == "succeeded" and not checking.first_break()
