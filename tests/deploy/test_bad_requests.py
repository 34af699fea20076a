"""Addresses and bodies nobody's browser sends."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from django import forms
from django.contrib.staticfiles import finders
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from rest_framework import serializers

from companies.models import Role
from deploy import http
from tests.factories import companies as make


class TestACaller:
    @pytest.mark.parametrize(
        ("proxies", "said", "address"),
        [
            (0, "203.0.113.7", "127.0.0.1"),
            (1, "6.6.6.6, 203.0.113.7", "203.0.113.7"),
            (2, "6.6.6.6, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
            (1, "nobody", "127.0.0.1"),
            (1, "", "127.0.0.1"),
        ],
    )
    def test_has_the_address_our_own_proxy_saw(self, proxies, said, address, settings):
        """What a caller writes counts for nothing, or it would draw itself as many attempts as it likes."""
        settings.PROXY_COUNT, seen = proxies, []
        http.address(lambda request: seen.append(request.META["REMOTE_ADDR"]))(  # type: ignore[arg-type]  # no answer needed
            RequestFactory().get("/", headers={"X-Forwarded-For": said})
        )
        assert seen == [address]


@pytest.mark.django_db
class TestAFormWhoseSessionEnded:
    @pytest.mark.parametrize(
        ("came", "back"),
        [
            ("http://testserver/company/1/cards/?show=all", "/company/1/cards/%3Fshow%3Dall"),
            ("https://elsewhere.example/company/1/cards/", "/"),
            ("", "/"),
        ],
    )
    def test_leads_back_to_its_page_and_not_to_its_own_address(self, client, came, back):
        """The address of a form answers no GET: whoever signed in anew met an empty 405."""
        answer = client.post("/company/1/cards/issue/", {"who": "all"}, headers={"Referer": came} if came else None)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/accounts/login/?next={back}")

    def test_leaves_the_page_alone_when_a_part_of_it_asks(self, client):
        assert client.post("/merchant/1/offers/preview/", headers={"HX-Request": "true"}).status_code == 401


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

    @pytest.mark.parametrize(
        "address",
        [
            "/company/{company}/budgets/?year={number}",
            "/wallet/apple/v1/passes/pass.example.erb.card/{number}-0",
            "/wallet/apple/v1/devices/a/registrations/pass.example.erb.card?passesUpdatedSince={number}",
        ],
    )
    def test_finds_nothing_when_a_number_is_too_long(self, address):
        """Python reads no number of more than 4,300 digits."""
        company, caller = make.CompanyFactory(), Client()
        caller.force_login(make.member(company, Role.BUYER))
        answer = caller.get(address.format(company=company.pk, number="9" * 5_000))
        assert answer.status_code in {200, 204, 401}

    def test_is_refused_when_a_form_has_a_nul_byte(self, caller):
        assert caller.post("/suppliers/new/", {"name": "a\0"}).status_code == 400

    @pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
    def test_names_no_day_far_from_our_time(self, caller, day):
        """No next day follows the last one: it broke a statement, a tender's deadline and the calendar of a supplier."""
        company = make.CompanyFactory()
        assert caller.get(f"/company/{company.pk}/accounts/statement/?first=2026-01-01&last={day}").status_code == 200
        for field in (forms.DateField(), forms.DateTimeField()):
            with pytest.raises(ValidationError):
                field.clean(day)
        for field in (serializers.DateField(), serializers.DateTimeField()):
            with pytest.raises(serializers.ValidationError):
                field.run_validation(f"{day}T12:00:00Z" if isinstance(field, serializers.DateTimeField) else day)

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


@pytest.mark.django_db
class TestAPageOfSomebody:
    @pytest.mark.parametrize("path", ["/", "/legal/", "/accounts/login/", "/api/v1/schema/"])
    def test_is_kept_by_no_cache_on_the_way(self, client, path):
        assert client.get(path).headers["Cache-Control"] in {
            "private, no-cache",
            "max-age=0, no-cache, no-store, must-revalidate, private",
        }


class TestATab:
    def test_of_a_document_finds_its_sign(self, client):
        """Browsers ask for it by themselves where no page names one, signed in or not."""
        answer = client.get("/favicon.ico")
        assert (answer.status_code, answer["Location"]) == (302, "/static/companies/mark.svg")
        assert finders.find("companies/mark.svg")
