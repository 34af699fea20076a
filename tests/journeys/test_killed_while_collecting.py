"""Killing worker and web during collection doubles no debit (issue 5): real processes, SIGKILL, the double of Stripe."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.journeys.killing import ask, asleep, held, kill_worker, manage, one, stands_still, until

pytestmark = pytest.mark.xdist_group("survives")  # one story about one running product
DEBITS = 4  # as many as PREPARE makes
# A company with a mandate and debits whose attempts have their rows: next, the worker hands them to Stripe.
PREPARE = """
from datetime import timedelta
from django.db import transaction
from django.utils import timezone
from companies.billing import collecting, invoices, mandates
from companies.billing.models import Invoice
from companies.billing.payments import mandates as at_stripe
from companies.models import Membership
iban, at = "FR1420041010050500013M02606", timezone.now()
role = Membership.objects.filter(role="accountant").select_related("company", "user").order_by("-company")[0]
row = mandates.ask(company=role.company, holder="Essai", iban=iban, language="fr", ip=None, user_agent="", actor=role.user, at=at)
mandate = at_stripe.set_up(row, iban=iban, email=role.user.email, at=at)
for number in range(4):
    with transaction.atomic():
        bill = invoices.issue(company=role.company, lines=[invoices.LineDraft("Port", 1, "", None, 10_000, 2_000)], at=at, due_on=at.date(),
            source="kill", key=f"kill-{number}", actor=None, legal_model="resale", supply_on=at.date())
        Invoice.objects.filter(pk=bill.pk).update(state="due")
        debit = collecting.announce(bill, mandate, amount=bill.balance_cents, day=at.date(), at=at - timedelta(days=20))
    assert collecting.begin(debit_id=debit.pk, at=at)
"""
SEND = """
from companies.billing.models import Payment
from companies.billing.tasks import refresh_payment
for pk in Payment.objects.filter(invoice__source="kill", state="created").values_list("pk", flat=True):
    refresh_payment.delay(payment_id=pk)
"""
OURS = "FROM billing_payment p JOIN billing_invoice i ON i.id = p.invoice_id WHERE i.source = 'kill'"


def run(stack, code):
    done = manage(stack, "shell", "-c", code)
    assert done.returncode == 0, done.stderr[-1500:]


def knocked(address):
    """Whether something was sent to a sleeping server that it has not read: in its sockets, or waiting at its door."""
    port = f":{urlsplit(address).port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[1].endswith(port) and int(row[4].partition(":")[2], 16) for row in rows)


def debits_of(stack):
    """How many debits Stripe has for each attempt of ours."""
    answer = requests.get(f"{stack.double}/v1/payment_intents?limit=100", auth=("sk_test_double", ""), timeout=30)
    assert answer.status_code == 200, answer.text
    marks = [row["metadata"].get("payment") for row in answer.json()["data"]]
    return {pk: marks.count(str(pk)) for (pk,) in ask(stack, f"SELECT p.id {OURS}")}


@pytest.fixture(scope="module")
def collecting(survivor):
    """Debits that are about to be sent, while Stripe keeps its events to itself."""
    run(survivor, PREPARE)
    hold = requests.post(f"{survivor.double}/_control/webhooks", json={"mode": "hold"}, timeout=30)
    assert hold.status_code == 200
    return survivor


class TestAWorkerKilledWhileItHandsDebitsToStripe:
    def test_doubles_none_and_leaves_none_behind(self, collecting):
        """The worker dies after Stripe was asked and before it could hear the answer."""
        with asleep(collecting, "stripe_double"):
            run(collecting, SEND)
            until(lambda: knocked(collecting.double))
            kill_worker(collecting)
        assert one(collecting, f"SELECT count(*) {OURS} AND p.intent_id = ''") > 0, "the worker was quicker"
        run(collecting, SEND)  # as the sweeper does with attempts that were silent for two minutes
        until(lambda: one(collecting, f"SELECT count(*) {OURS} AND p.intent_id = ''") == 0)
        found = debits_of(collecting)
        assert len(found) == DEBITS and set(found.values()) == {1}
        assert one(collecting, f"SELECT count(DISTINCT i.id) {OURS}") == DEBITS, "an invoice has two attempts"


class TestAWebServerKilledWhileItTakesAWebhook:
    def test_books_each_debit_once(self, collecting):
        """The event was not acknowledged, so Stripe sends it again; what came of it stands once in the books."""
        with held(collecting, "billing_stripeevent"):
            send = requests.post(f"{collecting.double}/_control/webhooks", json={"mode": "send"}, timeout=30)
            assert send.status_code == 200
            until(lambda: stands_still(collecting, "billing_stripeevent"))
            assert collecting.kill_child("granian") > 0
        collecting.wait_healthy()
        states = f"SELECT i.state, i.balance_cents, p.state {OURS}"
        until(lambda: set(ask(collecting, states)) == {("paid", 0, "succeeded")})
        booked = (
            "SELECT count(*), count(DISTINCT e.invoice_id), sum(e.cents)::int FROM billing_ledgerentry e "
            "JOIN billing_ledgertransaction t ON t.id = e.transaction_id JOIN billing_invoice i ON i.id = e.invoice_id "
            "WHERE i.source = 'kill' AND t.kind = 'payment'"
        )
        assert ask(collecting, booked) == [(DEBITS, DEBITS, -12_000 * DEBITS)]
        assert set(debits_of(collecting).values()) == {1}
        until(lambda: one(collecting, "SELECT count(*) FROM billing_stripeevent WHERE handled_at IS NULL") == 0)
