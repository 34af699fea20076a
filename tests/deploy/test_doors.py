"""What a till waits for comes in by a short way, and is answered as by the long one."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_started
from django.db import close_old_connections

from deploy import doors
from deploy.wsgi import application, pages
from tests.factories.benefit_card import TillFactory, card, offer, print_code, sale, token

pytestmark = pytest.mark.django_db


def call(app: Any, path: str, body: Any, **more: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    said: list[Any] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
        "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(raw),
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(raw)), **more,
    }  # fmt: skip
    answer = app(environ, lambda status, headers, error=None: said.append((status, dict(headers))))
    return (*said[0], json.loads(b"".join(answer)))


@pytest.fixture(autouse=True)
def _connection_stays() -> Iterator[None]:
    """As in Django's own test client: the connection of the test is not closed with a request."""
    request_started.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)


@pytest.fixture
def asked() -> list[tuple[str, Any, dict[str, str]]]:
    """What tills and others ask: a look, a sale and its repetition, refusals, a stranger, a broken body, a foreign host."""
    till, made = TillFactory(), card()
    body = sale(made, offer(till.merchant))
    known = {"HTTP_AUTHORIZATION": f"Till {token(till)}"}
    scans, sales, sync = "/api/v1/scans/", "/api/v1/redemptions/", "/api/v1/redemptions/sync/"
    assert {scans, sales, sync} == doors.TILL_DOORS
    return [
        (scans, {"code": print_code(made)}, known), (scans, {"code": "nonsense"}, known), (sales, body, known),
        (sales, {**body, "amount": "1.00"}, known), (sales, {}, known), (sales, b"{", known), (sync, {"entries": []}, known),
        (sales, body, {}), (sales, body, known | {"HTTP_ACCEPT_LANGUAGE": "en", "HTTP_HOST": "evil.example"}),
        (scans, {}, known | {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_LANGUAGE": "en"}),
    ]  # fmt: skip


class TestTheShortWay:
    def test_answers_as_the_long_one_but_for_the_policy_of_pages(self, asked):
        long = [call(pages, path, body, **more) for path, body, more in asked]
        for (path, body, more), (status, headers, answer) in zip(asked, long, strict=True):
            again, short, same = call(application, path, body, **more)
            assert (path, again.replace("200", "201")) == (path, status.replace("200", "201"))
            assert {**same, "server_time": ""} == {**answer, "server_time": ""}
            left = {"Content-Security-Policy", "Vary", "Idempotency-Replayed", "Content-Length"}
            assert {k: v for k, v in short.items() if k not in left} == {
                k: v for k, v in headers.items() if k not in left
            }

    def test_is_not_for_whoever_brings_a_cookie_or_wants_another_page(self, asked, monkeypatch):
        monkeypatch.setattr(doors.TillHandler, "__call__", lambda *_given: pytest.fail("the short way"))
        (path, body, more), *_others = asked
        assert call(application, path, body, **more, HTTP_COOKIE="sessionid=x")[0].startswith("200")
        assert call(application, "/api/v1/tills/device-key/", body, **more)[0].startswith("400")
