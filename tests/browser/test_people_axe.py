"""Axe finds nothing on the pages of employees, imports, roles and sign-in, wide and narrow."""

import os
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Browser

from companies.models import Role
from companies.services import invitations
from tests.companies.test_imports import LIST, send, staff
from tests.factories.companies import CompanyFactory, SiteFactory, member

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's event loop runs in the test's thread
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class TestAxe:
    def test_finds_nothing(self, browser: Browser, live_server: Any) -> None:
        company = CompanyFactory()
        SiteFactory(company=company, name="Romans")
        user = member(company, Role.HR, Role.ADMIN)
        staff(company)
        bad = send(company, user, LIST + "10;;Éva;Valence\n")
        good = send(company, user, LIST, full=True)
        waiting = invitations.invite(company=company, email="a@b.fr", roles=["buyer"], actor=user, at=timezone.now())
        own = [
            "employee_list",
            "employee_add",
            "import_list",
            "import_new",
            "role_list",
            "invite",
            "tokens",
            "settings",
        ]
        addresses = [reverse(f"companies:{name}", args=[company.pk]) for name in own]
        addresses += [reverse("companies:import", args=[company.pk, found.pk]) for found in (bad, good)]
        addresses += [reverse("companies:account"), reverse("mfa_add_webauthn"), reverse("mfa_activate_totp")]
        public = [
            reverse("account_login"),
            reverse("companies:apply"),
            reverse("companies:invitation", args=[waiting.token]),
        ]
        context = browser.new_context(bypass_csp=True, base_url=live_server.url)
        page, found = context.new_page(), []
        client = Client()
        client.force_login(user)
        for address in [*public, *addresses]:
            if address == addresses[0]:
                cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
                context.add_cookies([cookie])  # type: ignore[list-item]  # the browser's own cookie, given back
            page.goto(address)
            for width in (1280, 360):
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{address} scrolls sideways"
                faults = Axe().run(page).response["violations"]
                found += [(address, width, wrong["id"], wrong["nodes"][:2]) for wrong in faults]
        context.close()
        assert not found
