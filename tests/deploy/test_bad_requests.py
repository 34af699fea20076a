"""Addresses and bodies nobody's browser sends."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.factories import companies as make


@pytest.mark.django_db
class TestARequestThatCannotBeMeant:
    @pytest.fixture
    def caller(self):
        client = Client()
        client.force_login(make.staff())
        return client

    @pytest.mark.parametrize(
        "address",
        ["/erb/invoices/?q=a%00", "/erb/merchants/?q=%00", "/pools/needs/?category=%00", "/suppliers/?q=%00"],
    )
    def test_is_refused_on_a_page_when_a_word_has_a_nul_byte(self, caller, address):
        assert caller.get(address).status_code == 400

    @pytest.mark.parametrize("address", ["/api/v1/needs/?q=%00", "/api/v1/pools/?state=%00", "/api/v1/articles/?q=%00"])
    def test_is_refused_as_a_problem_by_the_api(self, caller, address):
        answer = caller.get(address)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
        assert answer.json()["code"] == "bad_request"

    @pytest.mark.parametrize("position", ["xxx", "\0", "²", "9" * 40])
    def test_is_nothing_when_the_cursor_is_forged(self, caller, position):

        cursor = b64encode(urlencode({"p": position}).encode()).decode()
        answer = caller.get("/api/v1/pools/", {"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_is_refused_when_its_json_is_nested_too_deep(self, caller):
        answer = caller.post("/api/v1/pools/", "[" * 100_000, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")

    @pytest.mark.parametrize("number", ["²", "9" * 5000])
    def test_chooses_nothing_when_a_number_is_none_of_ours(self, caller, number):
        assert caller.post("/pools/new/", {"need": number, "group": number, "pool": number}).status_code == 302

    def test_is_the_same_problem_when_it_is_repeated_under_its_key(self, caller):
        answers = [
            caller.post("/api/v1/pools/", {}, content_type="application/json", headers={"Idempotency-Key": "k"})
            for _ in range(2)
        ]
        assert [(row.status_code, row.headers["Content-Type"]) for row in answers] == [
            (400, "application/problem+json")
        ] * 2
        assert answers[1].headers["Idempotency-Replayed"] == "true"
