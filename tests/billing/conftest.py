"""A Stripe double in this process, and tasks that run where they are queued."""

import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client, TestCase

from deploy.celery import app
from deploy.standalone.stripe_double.server import serve
from deploy.standalone.stripe_double.store import Store
from deploy.standalone.stripe_double.webhooks import Postman, signature, visible
from deploy.standalone.stripe_double.world import World


@pytest.fixture
def at_once() -> Iterator[None]:
    """Tasks run in this process as soon as their transaction commits."""
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


class Double:
    """The double over real HTTP, its payer's hands and its levers. Events are only sent when a test says so."""

    def __init__(self, path: Path) -> None:
        self.store = Store(str(path))
        self.world = World(self.store, "", sepa_delay=3_600)
        self.postman = Postman(self.world, "", "")
        self.server = serve(self.world, self.postman, 0)
        self.world.url = self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def lever(self, name: str, **params: Any) -> Any:
        request = urllib.request.Request(f"{self.url}/_control/{name}", json.dumps(params).encode(), method="POST")
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def pays(self, url: str, number: str = "4242424242424242", iban: str = "") -> str:
        """The payer fills in the hosted page; returns where they are sent."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args: Any, **kwargs: Any) -> None:
                return None

        form = {
            "type": "sepa_debit" if iban else "card",
            "number": number,
            "iban": iban,
            "name": "A",
            "email": "a@b.fr",
        }
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())
        try:
            with urllib.request.build_opener(Stay).open(request):
                return ""
        except urllib.error.HTTPError as error:
            with error:
                return str(error.headers["Location"])

    def confirms(self, url: str, *, answer: str = "yes") -> str:
        """The payer's bank asks (3-D Secure); returns where the payer is sent then."""

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args: Any, **kwargs: Any) -> None:
                return None

        request = urllib.request.Request(url, urllib.parse.urlencode({"answer": answer}).encode())
        try:
            with urllib.request.build_opener(Stay).open(request):
                return ""
        except urllib.error.HTTPError as error:
            with error:
                return str(error.headers["Location"])

    def events(self, *kinds: str) -> list[bytes]:
        """Bodies of the events so far, oldest first."""
        with self.store.transaction():
            rows = [row for row in self.store.newest("event") if not kinds or row["type"] in kinds]
        return [json.dumps(visible(row)).encode() for row in reversed(rows)]

    def intent(self) -> dict[str, Any]:
        """The newest payment intent."""
        with self.store.transaction():
            return next(self.store.newest("payment_intent"))

    @staticmethod
    def post(body: bytes, *, secret: str = "whsec_test", at: float | None = None) -> int:
        """Send one event as Stripe would."""
        header = signature(body, secret, int(at or time.time()))
        with TestCase.captureOnCommitCallbacks(execute=True):  # in tests that never commit
            answer = Client().post(
                "/webhooks/stripe/", body, content_type="application/json", headers={"Stripe-Signature": header}
            )
        return answer.status_code

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.store.close()


@pytest.fixture
def double(tmp_path: Path, settings: LazySettings) -> Iterator[Double]:
    running = Double(tmp_path / "stripe.sqlite3")
    settings.STRIPE_API_BASE = running.url
    settings.STRIPE_API_KEY = "sk_test_double"
    settings.STRIPE_WEBHOOK_SECRET = "whsec_test"
    yield running
    running.close()
