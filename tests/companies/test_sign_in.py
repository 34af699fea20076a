"""Signing in by e-mailed code, and the second factor of the association's staff."""

import re
import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client
from django.urls import reverse

from companies.models import User
from tests.factories.companies import UserFactory
from tests.factories.companies import staff as association_staff

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture(autouse=True)
def _strict(settings: Any) -> None:
    settings.STAFF_NEEDS_SECOND_FACTOR = True


def ask_for_code(client: Client, user: User, mailoutbox: list[Any]) -> str:
    response = client.post(reverse("account_login"), {"login": user.email})
    assert response.url == reverse("account_confirm_login_code")
    found = re.search(r"^\s*([A-Z0-9]{3,4}-?[A-Z0-9]{3,4})\s*$", mailoutbox[-1].body, re.MULTILINE)
    assert found, mailoutbox[-1].body
    return found[1]


def totp_code() -> str:
    return str(format_hotp_value(hotp_value(SECRET, int(time.time()) // 30)))


class TestSignIn:
    def test_opens_the_account_with_the_mailed_code(self, client: Client, mailoutbox: list[Any]) -> None:
        user = UserFactory()
        code = ask_for_code(client, user, mailoutbox)
        assert client.get(reverse("account_confirm_login_code")).status_code == 200
        response = client.post(reverse("account_confirm_login_code"), {"code": code})
        assert (response.status_code, response.url) == (302, "/")
        assert client.session["_auth_user_id"] == str(user.pk)

    def test_mails_the_code_in_plain_words_and_notes_that_the_address_is_read(
        self, client: Client, mailoutbox: list[Any]
    ) -> None:
        user = UserFactory()
        client.cookies["language"] = "fr"
        code = ask_for_code(client, user, mailoutbox)
        assert mailoutbox[-1].subject == f"{code} est votre code de connexion"
        assert "localhost" not in mailoutbox[-1].body
        client.post(reverse("account_confirm_login_code"), {"code": code})
        assert EmailAddress.objects.get(user=user).verified

    def test_answers_alike_for_an_unknown_address(self, client: Client, mailoutbox: list[Any]) -> None:
        response = client.post(reverse("account_login"), {"login": "nobody@example.org"})
        assert response.url == reverse("account_confirm_login_code")
        assert not User.objects.filter(email="nobody@example.org").exists()

    def test_starts_again_after_three_wrong_codes(self, client: Client, mailoutbox: list[Any]) -> None:
        code = ask_for_code(client, UserFactory(), mailoutbox)
        for _attempt in range(3):
            client.post(reverse("account_confirm_login_code"), {"code": "XXXXXX"})
        client.post(reverse("account_confirm_login_code"), {"code": code})
        assert "_auth_user_id" not in client.session

    def test_offers_no_sign_up(self, client: Client) -> None:
        client.post(reverse("account_signup"), {"email": "new@example.org"})
        assert not User.objects.filter(email="new@example.org").exists()

    def test_speaks_french_and_english(self, client: Client) -> None:
        for language in ("fr", "en"):
            client.cookies["language"] = language
            assert f'lang="{language}"' in client.get(reverse("account_login")).content.decode()


class TestSecondFactor:
    def test_sends_staff_without_one_to_enrol(self, client: Client) -> None:
        client.force_login(association_staff())
        assert client.get(reverse("companies:company_list")).url == reverse("companies:second_factor")
        assert client.get("/api/v1/employees/").json()["code"] == "second_factor_needed"
        for name in ("companies:second_factor", "mfa_activate_totp", "mfa_add_webauthn", "companies:account"):
            assert client.get(reverse(name)).status_code == 200

    def test_leaves_everybody_else_alone(self, client: Client) -> None:
        client.force_login(UserFactory())
        assert client.get(reverse("companies:account")).status_code == 200
        assert "second-factor" not in client.get("/").headers.get("Location", "")

    def test_asks_for_the_code_of_the_app_after_the_mailed_one(self, client: Client, mailoutbox: list[Any]) -> None:
        user = association_staff()
        TOTP.activate(user, SECRET)
        response = client.post(reverse("account_confirm_login_code"), {"code": ask_for_code(client, user, mailoutbox)})
        assert response.url == reverse("mfa_authenticate")
        assert client.get(response.url).status_code == 200
        assert "_auth_user_id" not in client.session
        client.post(reverse("mfa_authenticate"), {"code": totp_code()})
        assert client.get(reverse("companies:company_list")).status_code == 200

    def test_asks_again_in_a_session_that_never_proved_it(self, client: Client) -> None:
        user = association_staff()
        TOTP.activate(user, SECRET)
        client.force_login(user)
        response = client.get(reverse("companies:company_list"))
        assert response.url.startswith(reverse("mfa_reauthenticate"))
        client.post(response.url, {"code": totp_code()})
        assert client.get(reverse("companies:company_list")).status_code == 200

    def test_enrols_an_app_and_gives_recovery_codes(self, client: Client) -> None:
        user = association_staff()
        client.force_login(user)
        page = client.get(reverse("mfa_activate_totp"))
        secret = client.session["mfa.totp.secret"]
        code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
        assert "data:image/svg" in page.content.decode()
        response = client.post(reverse("mfa_activate_totp"), {"code": code})
        assert response.url == reverse("mfa_view_recovery_codes")
        confirm = client.get(response.url).url  # a second look at the phone proves that the app works
        assert client.get(confirm).status_code == 200
        client.post(confirm, {"code": code})
        assert client.get(response.url).status_code == 200
        assert client.get(reverse("companies:company_list")).status_code == 200
        kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        assert kinds == {Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES}
