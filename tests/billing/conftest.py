"""A Stripe double in this process, and tasks that run where they are queued."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from deploy.celery import app
from deploy.standalone.stripe_double.server import serve
from deploy.standalone.stripe_double.store import Store
from deploy.standalone.stripe_double.webhooks import Postman
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
