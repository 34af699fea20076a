"""The card in Google Wallet: a signed link, no employer, and told when it stops, ends or works again."""

import json
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from benefit_card import credential, google_account, jwt, keyring
from benefit_card.models import GooglePass
from benefit_card.services import cards, erasure, google_passes, retention
from benefit_card.services.keys import current_keys
from companies.access import NotAllowed
from companies.models import AuditEntry
from deploy.standalone import phone_double
from tests.factories.benefit_card import TillFactory, card, print_code
from tests.factories.companies import UserFactory

pytestmark = pytest.mark.django_db
LINK = "/me/card/google-wallet/"
FOUND = "perd"  # "perdez", in French


@pytest.fixture
def google(settings):
    """The double over real HTTP, and the settings that lead to it."""
    google_account.available()
    phones = phone_double.Phones(key=keyring.directory() / google_account.TEST_FILE)
    server = phone_double.serve(phones)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    settings.GOOGLE_WALLET_API_BASE, settings.GOOGLE_WALLET_SAVE_BASE = base, f"{base}/gp/v/save"
    google_account.account()
    yield phones
    server.shutdown()
    server.server_close()


@pytest.fixture
def holder(client):
    made = card()
    made.person.user = UserFactory()
    made.person.save()
    client.force_login(made.person.user)
    return made


def saved(client, google):
    """Follow the link as a phone does; the pass as the wallet has it."""
    answer = client.get(LINK)
    assert answer.status_code == 302 and answer["Referrer-Policy"] == "no-referrer"
    token = answer["Location"].rpartition("/")[2]
    assert len(token) < 1_800, "Google cuts longer links"
    assert google.save(token)
    (made,) = google.passes.values()
    return made


def told():
    return GooglePass.objects.get().told


class TestLink:
    def test_holds_the_printed_code_no_employer_and_what_the_pass_is_worth(self, client, google, holder):
        made = saved(client, google)
        assert made["barcode"]["value"] == print_code(holder) and made["state"] == "ACTIVE"
        assert credential.verify(made["barcode"]["value"], keys=current_keys(), at=datetime.now(UTC)).verdict == "valid"
        text = json.dumps(made, ensure_ascii=False)
        assert holder.person.last_name not in text and holder.person.employments.get().company.name not in text
        assert FOUND in made["textModulesData"][0]["body"]
        assert AuditEntry.objects.filter(action="card.google_wallet").count() == 1

    def test_names_the_same_pass_again(self, client, google, holder):
        """Case: Google pass: serial unchanged on re-download."""
        saved(client, google)
        assert saved(client, google)["id"] == google_passes.object_id(holder)

    def test_that_anybody_else_signed_is_no_pass(self, client, google, holder):
        token = client.get(LINK)["Location"].rpartition("/")[2]
        head, body, signature = token.split(".")
        assert google.save(f"{head}.{body[:-4]}AAAA.{signature}") is None
        other = google_account.account().key
        assert google.save(jwt.sign({"iss": "x@y.z", "aud": "google", "typ": "savetowallet"}, key=other)) is None

    def test_is_for_the_holder_of_a_card_that_works(self, client, google, holder):
        with pytest.raises(NotAllowed):
            google_passes.save_link(actor=UserFactory(), card=holder, at=datetime.now(UTC))
        cards.block(actor=holder.person.user, card=holder, reason="lost", at=datetime.now(UTC))
        assert client.get(LINK).status_code == 404 and not GooglePass.objects.exists()

    def test_is_offered_only_where_an_account_is_configured(self, client, holder, settings):
        assert "google-wallet" not in client.get("/me/card/").content.decode()
        settings.GOOGLE_WALLET_API_BASE = "http://127.0.0.1:9"
        assert "google-wallet" in client.get("/me/card/").content.decode()

    def test_reads_the_key_file_that_google_gives(self, google, settings, tmp_path):
        file = Path(tmp_path / "key.json")
        said = json.loads((keyring.directory() / google_account.TEST_FILE).read_text())
        file.write_text(json.dumps(said | {"client_email": "erb@project.example", "token_uri": "https://t.example"}))
        settings.GOOGLE_WALLET_KEY = str(file)
        assert google_account.account().email == "erb@project.example"
        assert google_account.account().token_uri == "https://t.example"


class TestUpdates:
    def test_take_the_code_off_a_blocked_card_and_give_it_back(self, client, google, holder, at_till):
        """Case: Google pass of a revoked card still in the phone: scan refuses; the object is updated."""
        code = saved(client, google)["barcode"]["value"]
        cards.block(actor=holder.person.user, card=holder, reason="lost", at=datetime.now(UTC))
        assert google_passes.tell([holder.pk], at=datetime.now(UTC)) == 1
        (made,) = google.passes.values()
        assert made["state"] == "INACTIVE" and "barcode" not in made and told() == "INACTIVE"
        scan = at_till(TillFactory()).post("/api/v1/scans/", {"code": code}, format="json")
        assert scan.data["code"] == "card_refused"
        cards.found(actor=holder.person.user, card=holder, at=datetime.now(UTC))
        assert google_passes.sweep(at=datetime.now(UTC)) == 1
        (made,) = google.passes.values()
        assert (made["state"], made["barcode"]["value"]) == ("ACTIVE", code)

    def test_end_a_card_that_was_replaced_and_one_whose_time_is_over(self, client, google, holder):
        saved(client, google)
        new = cards.replace(actor=holder.person.user, card=holder, at=datetime.now(UTC))
        google_passes.tell([holder.pk], at=datetime.now(UTC))
        assert told() == "EXPIRED"
        client.get(LINK)
        later = datetime.combine(new.valid_until + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=12)
        google_passes.sweep(at=later)
        assert GooglePass.objects.get(card=new).told == "absent", "the link of the new one was never opened"

    def test_find_by_themselves_who_left_or_whose_company_is_suspended(self, client, google, holder):
        saved(client, google)
        assert google_passes.sweep(at=datetime.now(UTC)) == 0
        holder.person.employments.update(ends_on=date(2026, 1, 31))
        assert google_passes.sweep(at=datetime.now(UTC)) == 1 and told() == "INACTIVE"
        assert google_passes.sweep(at=datetime.now(UTC)) == 0

    def test_wait_for_a_service_that_is_down(self, client, google, holder):
        saved(client, google)
        cards.block(actor=holder.person.user, card=holder, reason="lost", at=datetime.now(UTC))
        google.down = 1
        assert google_passes.tell([holder.pk], at=datetime.now(UTC)) == 0 and told() == ""
        assert google_passes.sweep(at=datetime.now(UTC)) == 1 and told() == "INACTIVE"

    def test_ask_again_for_a_pass_that_was_not_there_yet(self, client, google, holder):
        now = datetime.now(UTC)
        token = client.get(LINK)["Location"].rpartition("/")[2]
        cards.block(actor=holder.person.user, card=holder, reason="lost", at=now)
        google_passes.tell([holder.pk], at=now)
        assert told() == "absent"
        google.save(token)  # the link was opened after all
        assert google_passes.sweep(at=now + timedelta(hours=2)) == 0
        assert google_passes.sweep(at=now + timedelta(hours=25)) == 1 and told() == "INACTIVE"

    def test_take_the_name_off_when_the_person_is_erased(self, client, google, holder):
        """Case: Erasure request: gone from wallet objects."""
        now, name = datetime.now(UTC), holder.person.first_name
        saved(client, google)
        cards.block(actor=holder.person.user, card=holder, reason="lost", at=now)
        google_passes.tell([holder.pk], at=now)
        erasure.erase_oneself(actor=holder.person.user, confirmed=True, at=now + timedelta(minutes=1))
        assert name in json.dumps(google.passes, ensure_ascii=False)
        google_passes.sweep(at=now + timedelta(minutes=2))
        assert name not in json.dumps(google.passes, ensure_ascii=False)
        retention.run(at=now + timedelta(days=9))
        assert not GooglePass.objects.exists()
