"""What was typed outlives a session that ended while the form was open."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import Page, expect

from companies.models import Role
from tests.factories.companies import CompanyFactory, member

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestAFormWhoseSessionEnded:
    def test_has_everything_again_for_the_same_person_and_once(self, page: Page, live_server: Any) -> None:
        """Product: nothing typed is lost; on a shared machine the next person finds nothing of it either."""
        company = CompanyFactory()
        first, second = (member(company, Role.HR) for _number in range(2))
        form = f"{live_server.url}/company/{company.pk}/employees/add/"

        def sign_in(user: Any) -> None:
            client = Client()
            client.force_login(user)
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
            page.context.add_cookies([cookie])  # type: ignore[list-item]  # three of the keys of a cookie are enough

        def type_and_send() -> None:
            page.goto(form)
            page.locator("[name=last_name]").fill("Grandjean")
            page.locator("[name=first_name]").fill("Zoé")
            page.locator("[name=starts_on]").fill("2026-03-02")
            Session.objects.all().delete()
            page.locator("main form[method=post] .btn-primary").click()
            expect(page.locator("#id_login")).to_be_visible()

        sign_in(first)
        type_and_send()
        sign_in(first)
        page.goto(form)
        expect(page.locator("[name=last_name]")).to_have_value("Grandjean")
        expect(page.locator("[name=starts_on]")).to_have_value("2026-03-02")
        page.reload()
        expect(page.locator("[name=last_name]")).to_have_value("")
        type_and_send()
        sign_in(second)
        page.goto(form)
        expect(page.locator("[name=last_name]")).to_have_value("")
