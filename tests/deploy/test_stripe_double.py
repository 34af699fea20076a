"""The double, driven by the real SDK over real HTTP, and by a person's forms."""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from deploy.standalone.stripe_double import cards, checkout, payments, resources
from deploy.standalone.stripe_double.server import parse, serve
from deploy.standalone.stripe_double.store import Store
from deploy.standalone.stripe_double.webhooks import Postman
from deploy.standalone.stripe_double.world import World

SECRET = "whsec_test"
GOOD_IBAN, BAD_IBAN, DISPUTED_IBAN = (
    "FR1420041010050500013M02606",
    "FR8420041010050500013M02607",
    "FR5720041010050500013M02608",
)
MANDATE = {"customer_acceptance": {"type": "online", "online": {"ip_address": "127.0.0.1", "user_agent": "test"}}}


class Receiver:
    """Where the events go: keeps what it was sent and answers what it is told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.seen.append((body, self.headers["Stripe-Signature"]))
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.seen]


def wait_for(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


class Running:
    """A double in this process, with its client."""

    def __init__(self, path: Path, receiver: Receiver) -> None:
        self.store = Store(str(path))
        self.world = World(self.store, "", sepa_delay=3600)
        self.postman = Postman(self.world, receiver.url, SECRET)
        self.server = serve(self.world, self.postman, 0)
        self.url = self.world.url = f"http://127.0.0.1:{self.server.server_port}"
        self.receiver = receiver
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.postman.start()
        self.stripe = stripe.StripeClient("sk_test_x", base_addresses={"api": self.url}, max_network_retries=0)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.postman.stop()
        self.store.close()

    def lever(self, name: str, **params: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/_control/{name}", json.dumps(params).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def submit(self, url: str, **form: str) -> tuple[str, str]:
        """Post a form as a browser would, without following the redirect: (where to, page)."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args: Any, **kwargs: Any) -> None:
                return None

        opener = urllib.request.build_opener(Stay)
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with opener.open(urllib.request.Request(url, data, {"Accept-Language": "fr"})) as answer:
                return "", answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.headers.get("Location", ""), error.read().decode()

    def debit(self, iban: str = GOOD_IBAN, amount: int = 12_000) -> stripe.PaymentIntent:
        method = self.stripe.v1.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": iban},
                "billing_details": {"name": "Tannerie", "email": "compta@example.org"},
            }
        )
        return self.stripe.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "eur",
                "payment_method": method.id,
                "allowed_payment_method_types": ["sepa_debit"],
                "confirm": True,
                "mandate_data": MANDATE,
            }
        )

    def session(self, **more: Any) -> stripe.checkout.Session:
        return self.stripe.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": "eur",
                            "unit_amount": 5339,
                            "product_data": {"name": "Facture ERB-2026-00012"},
                        },
                    }
                ],
                "success_url": "http://127.0.0.1:1/done?s={CHECKOUT_SESSION_ID}",
                "cancel_url": "http://127.0.0.1:1/back",
                "allowed_payment_method_types": ["card", "sepa_debit"],
                "payment_intent_data": {"metadata": {"payment": "7"}},
                **more,
            }
        )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture
def double(tmp_path: Path, receiver: Receiver) -> Iterator[Running]:
    running = Running(tmp_path / "stripe.sqlite3", receiver)
    yield running
    running.close()


def test_parse_reads_nested_forms() -> None:
    assert parse("a[b]=1&c[0][d]=2&c[1][d]=3&e[]=4") == {"a": {"b": "1"}, "c": [{"d": "2"}, {"d": "3"}], "e": ["4"]}


def test_every_test_iban_is_well_formed() -> None:
    assert all(cards.iban_is_valid(iban) for iban in cards.DEBITS)
    assert not cards.iban_is_valid(GOOD_IBAN[:-1] + "7")
    assert not cards.iban_is_valid("")


class TestParameters:
    """The SDK knows today's API: a parameter the double takes and the SDK does not is one Stripe would refuse."""

    @pytest.mark.parametrize(
        ("known", "real"),
        [
            (payments.INTENT_FIELDS, stripe.params.PaymentIntentCreateParams),
            (payments.CONFIRM_FIELDS, stripe.params.PaymentIntentConfirmParams),
            (resources.SETUP_FIELDS, stripe.params.SetupIntentCreateParams),
            (resources.CUSTOMER_FIELDS, stripe.params.CustomerCreateParams),
            (checkout.FIELDS, stripe.params.checkout.SessionCreateParams),
        ],
        ids=["intent", "confirmation", "set-up", "customer", "checkout"],
    )
    def test_are_those_of_the_pinned_api(self, known: Any, real: Any) -> None:
        assert set(known) <= real.__required_keys__ | real.__optional_keys__

    @pytest.mark.parametrize(
        ("fields", "real"),
        [
            ({"status", "payment_status", "payment_intent", "payment_method_types", "url"}, stripe.checkout.Session),
            ({"status", "amount_received", "latest_charge", "last_payment_error", "metadata"}, stripe.PaymentIntent),
            ({"amount_refunded", "balance_transaction", "disputed", "payment_method_details"}, stripe.Charge),
            ({"payment_intent", "status", "amount"}, stripe.Dispute),
            ({"payment_intent", "status", "amount"}, stripe.Refund),
            ({"payment_method_details", "status"}, stripe.Mandate),
        ],
        ids=lambda value: getattr(value, "__name__", ""),
    )
    def test_of_answers_exist_at_stripe(self, fields: set[str], real: Any) -> None:
        assert fields <= set(real.__annotations__)


class TestIdempotency:
    def test_gives_the_first_answer_to_the_same_request(self, double: Running) -> None:
        params: Any = {"amount": 500, "currency": "eur"}
        first = double.stripe.v1.payment_intents.create(params, {"idempotency_key": "invoice-1-1"})
        again = double.stripe.v1.payment_intents.create(params, {"idempotency_key": "invoice-1-1"})
        assert first.id == again.id
        assert len(double.stripe.v1.payment_intents.list().data) == 1

    def test_refuses_another_body_under_the_same_key(self, double: Running) -> None:
        double.stripe.v1.payment_intents.create({"amount": 500, "currency": "eur"}, {"idempotency_key": "k"})
        with pytest.raises(stripe.IdempotencyError):
            double.stripe.v1.payment_intents.create({"amount": 501, "currency": "eur"}, {"idempotency_key": "k"})
        assert len(double.stripe.v1.payment_intents.list().data) == 1

    def test_lets_a_caller_find_the_answer_that_was_lost(self, double: Running) -> None:
        double.lever("fail", requests=1, when="after")
        params: Any = {"amount": 500, "currency": "eur"}
        with pytest.raises(stripe.APIError):
            double.stripe.v1.payment_intents.create(params, {"idempotency_key": "k"})
        double.stripe.v1.payment_intents.create(params, {"idempotency_key": "k"})
        assert len(double.stripe.v1.payment_intents.list().data) == 1


class TestRequests:
    def test_are_refused_with_a_live_key(self, double: Running) -> None:
        live = stripe.StripeClient("sk_live_x", base_addresses={"api": double.url})
        with pytest.raises(stripe.AuthenticationError):
            live.v1.customers.create({"name": "x"})

    def test_are_refused_with_a_parameter_unknown_to_stripe(self, double: Running) -> None:
        params: Any = {"amount": 500, "currency": "eur", "automatic_paymentmethods": "1"}
        with pytest.raises(stripe.InvalidRequestError, match="automatic_paymentmethods"):
            double.stripe.v1.payment_intents.create(params)

    @pytest.mark.parametrize("amount", [0, 49, "12.5", "1e9"])
    def test_are_refused_with_an_unusable_amount(self, double: Running, amount: Any) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            double.stripe.v1.payment_intents.create({"amount": amount, "currency": "eur"})

    def test_for_unknown_objects_get_404(self, double: Running) -> None:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            double.stripe.v1.payment_intents.retrieve("pi_nothing")
        assert refused.value.http_status == 404


class TestCardPayment:
    def pay(self, double: Running, method: str, **more: Any) -> stripe.PaymentIntent:
        params: Any = {"amount": 5339, "currency": "eur", "payment_method": method, "confirm": True, **more}
        return double.stripe.v1.payment_intents.create(params)

    def test_succeeds_and_tells_its_fee(self, double: Running) -> None:
        intent = self.pay(double, "pm_card_visa", expand=["latest_charge.balance_transaction"])
        assert intent.status == "succeeded"
        assert intent.amount_received == 5339
        assert intent.latest_charge.balance_transaction.fee == 25 + 80
        wait_for(lambda: "payment_intent.succeeded" in double.receiver.types)
        assert "_secret" not in str(double.stripe.v1.payment_methods.retrieve(intent.payment_method))

    def test_declined_leaves_a_failed_charge(self, double: Running) -> None:
        with pytest.raises(stripe.CardError) as refused:
            self.pay(double, "pm_card_chargeDeclinedInsufficientFunds")
        assert refused.value.error.decline_code == "insufficient_funds"
        intent = double.stripe.v1.payment_intents.list().data[0]
        assert intent.status == "requires_payment_method"
        assert double.stripe.v1.charges.retrieve(intent.latest_charge).status == "failed"

    @pytest.mark.parametrize(("answer", "status"), [("yes", "succeeded"), ("no", "requires_payment_method")])
    def test_waits_for_the_bank_when_it_asks(self, double: Running, answer: str, status: str) -> None:
        intent = self.pay(double, "pm_card_authenticationRequired", return_url="http://127.0.0.1:1/back")
        assert intent.status == "requires_action"
        where, _ = double.submit(intent.next_action.redirect_to_url.url, answer=answer)
        assert where == "http://127.0.0.1:1/back"
        assert double.stripe.v1.payment_intents.retrieve(intent.id).status == status

    def test_off_session_is_refused_when_the_bank_asks(self, double: Running) -> None:
        with pytest.raises(stripe.CardError) as refused:
            self.pay(double, "pm_card_authenticationRequired", off_session=True)
        assert refused.value.code == "authentication_required"

    def test_is_held_then_captured_in_part(self, double: Running) -> None:
        intent = self.pay(double, "pm_card_visa", capture_method="manual")
        assert (intent.status, intent.amount_capturable) == ("requires_capture", 5339)
        done = double.stripe.v1.payment_intents.capture(intent.id, {"amount_to_capture": 5000})
        assert (done.status, done.amount_received) == ("succeeded", 5000)

    def test_is_held_then_released(self, double: Running) -> None:
        intent = self.pay(double, "pm_card_visa", capture_method="manual")
        assert double.stripe.v1.payment_intents.cancel(intent.id).status == "canceled"
        with pytest.raises(stripe.InvalidRequestError):
            double.stripe.v1.payment_intents.capture(intent.id)

    def test_is_refunded_up_to_its_amount(self, double: Running) -> None:
        intent = self.pay(double, "pm_card_visa")
        double.stripe.v1.refunds.create({"payment_intent": intent.id, "amount": 339})
        with pytest.raises(stripe.InvalidRequestError):
            double.stripe.v1.refunds.create({"payment_intent": intent.id, "amount": 5001})
        double.stripe.v1.refunds.create({"payment_intent": intent.id})
        assert double.stripe.v1.charges.retrieve(intent.latest_charge).refunded
        wait_for(lambda: double.receiver.types.count("charge.refunded") == 2)

    def test_disputed_can_be_won(self, double: Running) -> None:
        intent = self.pay(double, "pm_card_visa")
        dispute = double.lever("dispute", payment_intent=intent.id)
        assert dispute["status"] == "needs_response"
        double.lever("decide", dispute=dispute["id"], status="won")
        assert double.stripe.v1.disputes.retrieve(dispute["id"]).status == "won"
        wait_for(lambda: "charge.dispute.closed" in double.receiver.types)


class TestSepaDebit:
    def test_is_processing_until_it_is_settled(self, double: Running) -> None:
        intent = double.debit()
        assert intent.status == "processing"
        double.lever("settle", payment_intent=intent.id)
        intent = double.stripe.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
        assert intent.status == "succeeded"
        mandate_id = intent.latest_charge.payment_method_details.sepa_debit.mandate
        assert double.stripe.v1.mandates.retrieve(mandate_id).payment_method_details.sepa_debit.reference

    def test_fails_by_its_iban(self, double: Running) -> None:
        intent = double.debit(BAD_IBAN)
        assert intent.status == "processing"
        double.lever("settle", payment_intent=intent.id)
        after = double.stripe.v1.payment_intents.retrieve(intent.id)
        assert after.status == "requires_payment_method"
        assert after.last_payment_error.decline_code == "insufficient_funds"

    def test_is_settled_by_itself_and_then_disputed(self, double: Running) -> None:
        double.world.sepa_delay = 0.1
        intent = double.debit(DISPUTED_IBAN)
        wait_for(lambda: "charge.dispute.closed" in double.receiver.types)
        dispute = double.stripe.v1.disputes.list({"payment_intent": intent.id}).data[0]
        assert (dispute.status, dispute.amount) == ("lost", 12_000)

    def test_is_refused_above_the_limit_without_mandate_or_with_a_wrong_iban(self, double: Running) -> None:
        with pytest.raises(stripe.InvalidRequestError, match=r"10,000\.00"):
            double.debit(amount=1_000_001)
        with pytest.raises(stripe.InvalidRequestError, match="IBAN"):
            double.debit(GOOD_IBAN[:-1] + "7")
        method = double.stripe.v1.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": GOOD_IBAN},
                "billing_details": {"name": "A", "email": "a@b.fr"},
            }
        )
        with pytest.raises(stripe.InvalidRequestError, match="mandate"):
            double.stripe.v1.payment_intents.create(
                {"amount": 500, "currency": "eur", "payment_method": method.id, "confirm": True}
            )

    def test_is_collected_off_session_under_a_mandate_until_it_is_revoked(self, double: Running) -> None:
        api = double.stripe.v1
        customer = api.customers.create({"name": "Tannerie du Royans", "email": "compta@example.org"})
        method = api.payment_methods.create(
            {
                "type": "sepa_debit",
                "sepa_debit": {"iban": GOOD_IBAN},
                "billing_details": {"name": "Tannerie", "email": "compta@example.org"},
            }
        )
        setup = api.setup_intents.create(
            {
                "customer": customer.id,
                "allowed_payment_method_types": ["sepa_debit"],
                "payment_method": method.id,
                "confirm": True,
                "mandate_data": MANDATE,
            }
        )
        assert setup.status == "succeeded"
        collect: Any = {
            "amount": 900,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": method.id,
            "allowed_payment_method_types": ["sepa_debit"],
            "off_session": True,
            "confirm": True,
        }
        assert api.payment_intents.create(collect).status == "processing"
        assert [kept.id for kept in api.customers.payment_methods.list(customer.id).data] == [method.id]
        double.lever("revoke", mandate=setup.mandate)
        with pytest.raises(stripe.InvalidRequestError):
            api.payment_intents.create(collect)


class TestHostedPage:
    def test_takes_a_card_and_sends_the_payer_back(self, double: Running) -> None:
        session = double.session()
        assert session.payment_intent is None
        _, page = double.submit(session.url)
        assert 'lang="fr"' in page
        assert "53,39" in page
        where, _ = double.submit(session.url, type="card", number="4242 4242 4242 4242", name="A", email="a@b.fr")
        assert where == f"http://127.0.0.1:1/done?s={session.id}"
        after = double.stripe.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
        assert (after.status, after.payment_status) == ("complete", "paid")
        assert after.payment_intent.metadata["payment"] == "7"
        wait_for(lambda: "checkout.session.completed" in double.receiver.types)

    def test_lets_the_payer_try_again_after_a_refusal(self, double: Running) -> None:
        session = double.session()
        where, page = double.submit(session.url, type="card", number="4000 0000 0000 0002", name="A", email="a@b.fr")
        assert where == ""
        assert "Votre carte a été refusée" in page
        where, _ = double.submit(session.url, type="card", number="4242 4242 4242 4242", name="A", email="a@b.fr")
        assert "done" in where
        assert len(double.stripe.v1.payment_intents.list().data) == 1

    def test_passes_by_the_bank_when_it_asks(self, double: Running) -> None:
        session = double.session()
        bank, _ = double.submit(session.url, type="card", number="4000 0027 6000 3184", name="A", email="a@b.fr")
        assert "/3ds/" in bank
        assert "Votre banque" in double.submit(bank)[1]
        assert "done" in double.submit(bank, answer="yes")[0]
        assert double.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"

    def test_returns_to_the_page_when_the_bank_refuses(self, double: Running) -> None:
        session = double.session()
        bank, _ = double.submit(session.url, type="card", number="4000 0027 6000 3184", name="A", email="a@b.fr")
        where, _ = double.submit(bank, answer="no")
        assert where == f"{double.url}/c/pay/{session.id}?retry=1"
        assert double.stripe.v1.checkout.sessions.retrieve(session.id).status == "open"

    def test_takes_an_iban_that_is_paid_later(self, double: Running) -> None:
        session = double.session()
        form = {"type": "sepa_debit", "name": "Tannerie", "email": "compta@example.org"}
        assert "IBAN n&#x27;est pas valide" in double.submit(session.url, iban="FR00", **form)[1]
        assert "done" in double.submit(session.url, iban=GOOD_IBAN, **form)[0]
        after = double.stripe.v1.checkout.sessions.retrieve(session.id)
        assert (after.status, after.payment_status) == ("complete", "unpaid")
        double.lever("settle", payment_intent=after.payment_intent)
        wait_for(lambda: "checkout.session.async_payment_succeeded" in double.receiver.types)
        assert double.stripe.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"

    def test_speaks_english_and_offers_a_way_back(self, double: Running) -> None:
        page = double.submit(double.session().url + "?lang=en")[1]
        assert 'lang="en"' in page
        assert "€53.39" in page
        assert 'href="http://127.0.0.1:1/back"' in page

    def test_closes_when_the_session_expires(self, double: Running) -> None:
        session = double.session()
        double.stripe.v1.checkout.sessions.expire(session.id)
        _, page = double.submit(session.url, type="card", number="4242424242424242")
        assert "plus ouverte" in page
        assert not double.stripe.v1.payment_intents.list().data

    def test_never_lets_typed_text_become_markup(self, double: Running) -> None:
        page = double.submit(double.session().url, type="card", number='"><b>x', name="<i>", email="")[1]
        assert "<b>x" not in page
        assert "<i>" not in page


class TestWebhooks:
    def test_are_signed_so_that_the_sdk_believes_them(self, double: Running) -> None:
        double.stripe.v1.customers.create({"name": "x"})
        body, signature = wait_for(lambda: double.receiver.seen)[0]
        event = stripe.Webhook.construct_event(body, signature, SECRET)
        assert event.type == "customer.created"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body.replace("customer", "custome"), signature, SECRET)

    def test_come_again_until_somebody_accepts_them(self, double: Running) -> None:
        double.receiver.statuses = [500, 404]
        double.stripe.v1.customers.create({"name": "x"})
        wait_for(lambda: len(double.receiver.seen) == 3)
        time.sleep(0.3)
        assert len({json.loads(body)["id"] for body, _ in double.receiver.seen}) == 1
        assert len(double.receiver.seen) == 3

    def test_come_twice_and_in_reverse_when_told(self, double: Running) -> None:
        double.lever("webhooks", mode="hold")
        for name in ("a", "b"):
            double.stripe.v1.customers.create({"name": name})
        time.sleep(0.2)
        assert not double.receiver.seen
        double.lever("flush", order="reverse")
        names = [json.loads(body)["data"]["object"]["name"] for body, _ in double.receiver.seen]
        assert names == ["b", "a"]
        double.lever("webhooks", mode="send")
        event = json.loads(double.receiver.seen[0][0])["id"]
        double.lever("resend", event=event, times=2)
        wait_for(lambda: len(double.receiver.seen) == 4)

    def test_can_be_read_again_at_the_source(self, double: Running) -> None:
        double.stripe.v1.customers.create({"name": "x"})
        event = double.stripe.v1.events.list({"type": "customer.created"}).data[0]
        assert double.stripe.v1.events.retrieve(event.id).data.object["name"] == "x"


class TestProgram:
    def test_keeps_everything_over_a_restart(self, tmp_path: Path, receiver: Receiver) -> None:
        """Undelivered events and debits on their way go on after SIGTERM and a new start."""
        command = [sys.executable, "-m", "deploy.standalone.stripe_double", "--state", str(tmp_path / "s p" / "d.db")]
        command += ["--port", "0", "--webhook", receiver.url, "--secret", SECRET, "--sepa-delay", "1.5"]
        receiver.statuses = [500] * 40
        processes = []

        def start() -> stripe.StripeClient:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            processes.append(process)
            assert process.stdout
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found
            return stripe.StripeClient("sk_test_x", base_addresses={"api": found.group()})

        try:
            client = start()
            double = Running.__new__(Running)
            double.stripe = client
            intent = double.debit()
            processes[0].terminate()
            assert processes[0].wait(timeout=10) == 0
            receiver.statuses, receiver.seen = [], []
            client = start()
            assert client.v1.payment_intents.retrieve(intent.id).status in ("processing", "succeeded")
            wait_for(lambda: "payment_intent.succeeded" in receiver.types)
            wait_for(lambda: "payment_intent.created" in receiver.types)
        finally:
            for process in processes:
                process.kill()
                process.wait()
                process.stdout.close()
