"""Passkeys in a real Chromium with a virtual authenticator: enrolled by staff who must, then used instead of a code."""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Browser, Page, expect

from tests.factories.companies import staff

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's event loop runs in the test's thread
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _strict(settings: Any) -> None:
    settings.STAFF_NEEDS_SECOND_FACTOR = True


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser on a device with a fingerprint reader that always says yes."""
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield page
    page.context.close()


class TestPasskey:
    def test_is_enrolled_by_staff_who_must_and_then_opens_the_account_alone(
        self, page: Page, live_server: Any, mailoutbox: list[Any]
    ) -> None:
        user = staff()
        page.goto(f"{live_server.url}/erb/companies/")
        page.get_by_label("Adresse e-mail").fill(user.email)
        page.get_by_role("button", name="Recevoir un code").click()
        expect(page.get_by_role("heading", name="Saisissez le code")).to_be_visible()
        code = re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", mailoutbox[-1].body, re.MULTILINE)
        assert code
        page.get_by_label("Code").fill(code[1])
        page.get_by_role("button", name="Se connecter").click()
        expect(page.get_by_role("heading", name="Un second facteur est nécessaire")).to_be_visible()

        page.get_by_role("link", name="Ajouter une clé d’accès").click()
        page.get_by_role("button", name="Créer la clé d’accès").click()
        page.wait_for_url(lambda url: "/add/" not in url)
        assert Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).count() == 1

        page.context.clear_cookies()
        page.goto(f"{live_server.url}/accounts/login/")
        page.get_by_role("button", name="Utiliser une clé d’accès").click()
        page.wait_for_url(lambda url: "/accounts/" not in url)
        page.goto(f"{live_server.url}/erb/companies/")
        expect(page.get_by_role("heading", name="Entreprises")).to_be_visible()
        assert len(mailoutbox) <= 2, "no second code is sent"
