"""A card for somebody without any e-mail: a letter, a text message, and a number that nobody keeps."""

import io
import json
import re
import threading
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from benefit_card.models import ActivationCode, HolderPhone, PhoneCode, TextMessage
from benefit_card.services import activation, erasure, retention, texts
from benefit_card.services.texts import DigitsRefused, NumberRefused, NumberTaken
from companies import mail
from companies.limits import TooMany
from companies.models import AuditEntry, OutboxMail, User
from deploy.celery import app
from deploy.standalone import phone_double
from tests.factories.benefit_card import card
from tests.factories.companies import CompanyFactory, UserFactory, member

pytestmark = pytest.mark.django_db
NUMBER = "06 12 34 56 78"


@pytest.fixture(autouse=True)
def gateway(settings, tmp_path, monkeypatch):
    """The double over real HTTP; what it sent lies in a folder."""
    phones = phone_double.Phones(key=tmp_path / "none", texts=tmp_path / "texts")
    server = phone_double.serve(phones)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.SMS_GATEWAY_URL = f"http://127.0.0.1:{server.server_port}/texts"
    settings.SMS_GATEWAY_TOKEN = phone_double.TEXTS_TOKEN
    monkeypatch.setattr(app.conf, "task_always_eager", True)
    yield phones
    server.shutdown()
    server.server_close()


def letter(made):
    return activation.draw_codes([made], channel="letter", at=datetime.now(UTC))[made.pk]


def sent(gateway):
    """Texts that went out, oldest first."""
    texts.sweep(at=datetime.now(UTC) + timedelta(seconds=30))
    return [json.loads(path.read_text()) for path in sorted(gateway.texts.glob("*.json"))]


def digits(gateway):
    return re.search(r"\d{6}", sent(gateway)[-1]["text"]).group()


def opened(client, gateway, made, number=NUMBER):
    assert client.post("/activate/text/", {"code": letter(made), "number": number}).status_code == 302
    return client.post("/activate/text/code/", {"digits": digits(gateway)})


class TestActivation:
    def test_opens_the_card_without_any_address(self, client, gateway):
        made = card()
        assert opened(client, gateway, made)["Location"] == "/card/"
        assert client.get("/card/").status_code == 200
        made.refresh_from_db()
        made.person.refresh_from_db()
        assert made.activated_at and not made.person.user.has_address
        assert AuditEntry.objects.filter(action="card.activated").count() == 1

    def test_keeps_no_number_and_tells_the_company_none(self, client, gateway, caplog):
        made = card()
        opened(client, gateway, made)
        assert sent(gateway)[0]["to"] == "+33612345678"
        text = TextMessage.objects.get()
        assert (text.to, text.body) == ("", "") and text.sent_at
        kept = [
            str(row)
            for model in (TextMessage, PhoneCode, HolderPhone, AuditEntry, User)
            for row in model.objects.values()
        ]
        assert "612345678" not in "".join(kept) + caplog.text and len(HolderPhone.objects.get().number_hash) == 32
        company = made.person.employments.get().company
        client.force_login(member(company, "hr", "admin"))
        page = client.get(f"/company/{company.pk}/cards/{made.pk}/").content.decode()
        assert "61234" not in page and "sans-adresse" not in page

    def test_uses_the_letter_once_and_only_when_the_digits_came(self, client, gateway):
        made = card()
        code = letter(made)
        client.post("/activate/text/", {"code": code, "number": NUMBER})
        assert ActivationCode.objects.get().used_at is None
        client.post("/activate/text/code/", {"digits": digits(gateway)})
        assert ActivationCode.objects.get().used_at
        answer = client.post("/activate/text/", {"code": code, "number": NUMBER})
        assert answer.status_code == 400 and NUMBER in answer.content.decode(), "nothing typed is lost"

    def test_of_somebody_with_an_account_signs_nobody_in(self, client, gateway):
        made = card()
        made.person.user = UserFactory()
        made.person.save()
        assert opened(client, gateway, made)["Location"] == "/accounts/login/"
        assert not HolderPhone.objects.exists() and "_auth_user_id" not in client.session

    def test_is_refused_to_a_phone_of_somebody_else(self, client, gateway):
        opened(client, gateway, card())
        answer = opened(Client(), gateway, card())
        assert answer.status_code == 400 and str(NumberTaken().sentence) in answer.content.decode().replace(
            "&#x27;", "'"
        )
        assert User.objects.count() == 1 and ActivationCode.objects.filter(used_at=None).count() == 1

    @pytest.mark.parametrize(
        "number", ["", "0412345678", "+1 555 010 0000", "06 12 34 56", "0033 899 12 34 56", "6" * 40]
    )
    def test_sends_to_mobile_numbers_only(self, number, gateway):
        with pytest.raises(NumberRefused):
            texts.request_activation(code=letter(card()), number=number, at=datetime.now(UTC))
        assert not TextMessage.objects.exists()

    @pytest.mark.parametrize("number", ["06 12 34 56 78", "06.12.34.56.78", "+33 (0)6 12 34 56 78", "0033612345678"])
    def test_reads_a_number_as_people_write_it(self, number):
        assert texts.normal(number) == "+33612345678"

    def test_is_not_there_without_a_gateway(self, client, settings):
        assert "activate/text" in client.get("/activate/").content.decode()
        assert "sign-in/text" in client.get("/accounts/login/").content.decode()
        settings.SMS_GATEWAY_URL = ""
        assert client.get("/activate/text/").status_code == client.get("/sign-in/text/").status_code == 404
        assert "activate/text" not in client.get("/activate/").content.decode()


class TestDigits:
    def test_end_after_five_attempts_and_ten_minutes(self, gateway):
        now = datetime.now(UTC)
        for tries, late in ((5, timedelta(0)), (0, texts.LIVES)):
            cache.clear()
            challenge = texts.request_activation(code=letter(card()), number=NUMBER, at=now)
            right = digits(gateway)
            wrong = f"{(int(right) + 1) % 1_000_000:06}"
            for _try in range(tries):
                with pytest.raises(DigitsRefused):
                    texts.enter(challenge=challenge, digits=wrong, at=now)
            with pytest.raises(DigitsRefused):
                texts.enter(challenge=challenge, digits=right, at=now + late)
        assert not User.objects.exists()

    def test_are_rationed_per_number_card_and_day(self, settings):
        now, made = datetime.now(UTC), card()
        for _time in range(3):
            texts.request_activation(code=letter(made), number=NUMBER, at=now)
        with pytest.raises(TooMany):
            texts.request_activation(code=letter(card()), number=NUMBER, at=now)
        for last in range(2):
            texts.request_activation(code=letter(made), number=f"060000000{last}", at=now)
        with pytest.raises(TooMany):
            texts.request_activation(code=letter(made), number="0600000009", at=now)
        settings.SMS_PER_DAY = 5
        with pytest.raises(TooMany):
            texts.request_activation(code=letter(card()), number="0600000008", at=now)

    def test_that_were_not_sent_are_sent_again_then_forgotten(self, gateway):
        now = datetime.now(UTC)
        gateway.down = 1
        texts.request_activation(code=letter(card()), number=NUMBER, at=now)
        row = TextMessage.objects.get()
        assert not texts.deliver(text_id=row.pk, at=now)
        assert texts.sweep(at=now + timedelta(seconds=30)) == 1 and len(sent(gateway)) == 1
        cache.clear()
        texts.request_activation(code=letter(card()), number=NUMBER, at=now)
        texts.sweep(at=now + timedelta(hours=1))
        assert not TextMessage.objects.exclude(to="").exists() and len(sent(gateway)) == 1


class TestComingBack:
    def test_needs_the_phone_that_opened_the_card(self, client, gateway):
        made = card()
        opened(client, gateway, made)
        again = Client()
        assert again.post("/sign-in/text/", {"number": NUMBER}).status_code == 302
        assert again.post("/activate/text/code/", {"digits": digits(gateway)})["Location"] == "/card/"
        assert again.get("/card/").status_code == 200

    def test_says_the_same_to_a_stranger_and_sends_nothing(self, client, gateway):
        answer = client.post("/sign-in/text/", {"number": "07 00 00 00 00"})
        assert (answer.status_code, answer["Location"]) == (302, "/activate/text/code/")
        assert client.post("/activate/text/code/", {"digits": "123456"}).status_code == 400
        assert not TextMessage.objects.exists()

    def test_is_not_enough_for_an_account_with_a_role(self, client, gateway):
        made = card()
        opened(client, gateway, made)
        made.person.refresh_from_db()
        member(CompanyFactory(), "hr").memberships.update(user=made.person.user)
        again = Client()
        again.post("/sign-in/text/", {"number": NUMBER})
        assert again.post("/activate/text/code/", {"digits": digits(gateway)}).status_code == 400


class TestAnAccountWithoutAddress:
    def test_gets_no_mail_and_goes_with_its_number(self, client, gateway):
        made = card()
        opened(client, gateway, made)
        made.person.refresh_from_db()
        user = made.person.user
        row = mail.queue(
            to=user.email, template="benefit_card/mail/seen_elsewhere", context={"name": "x", "address": "x"}, key="k",
            at=datetime.now(UTC),
        )  # fmt: skip
        assert row.sent_at and OutboxMail.objects.count() == 1
        page = client.get("/me/data/").content.decode()
        assert "sans-adresse" not in page
        archive = zipfile.ZipFile(io.BytesIO(client.post("/me/data/export/").content))
        assert json.loads(archive.read("data.json"))["account"]["email"] == ""
        erasure.erase_oneself(actor=user, confirmed=True, at=datetime.now(UTC))
        assert not HolderPhone.objects.exists()
        retention.run(at=datetime.now(UTC) + timedelta(days=2))
        assert not PhoneCode.objects.exists() and not TextMessage.objects.exists()
