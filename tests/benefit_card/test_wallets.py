"""The card in Apple Wallet: signed, honest, and told when it is revoked."""

import hashlib
import io
import json
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from benefit_card import credential
from benefit_card.models import WalletRegistration
from benefit_card.services import cards, wallets
from benefit_card.services.keys import current_keys
from benefit_card.tasks import tell_wallets
from benefit_card.wallet_authority import signer
from tests.benefit_card.push_double import PushDouble
from tests.factories.benefit_card import TillFactory, card, print_code
from tests.factories.companies import UserFactory

pytestmark = pytest.mark.django_db
KIND = "pass.example.erb.card"


@pytest.fixture
def holder(client):
    made = card()
    made.person.user = UserFactory()
    made.person.save()
    client.force_login(made.person.user)
    return made


def opened(answer) -> zipfile.ZipFile:
    assert answer.status_code == 200 and answer["Content-Type"] == "application/vnd.apple.pkpass"
    return zipfile.ZipFile(io.BytesIO(answer.content))


def door(made, path, **more):
    return {
        "path": f"/wallet/apple/v1/{path}",
        "headers": {"Authorization": f"ApplePass {wallets.token(made)}"},
        **more,
    }


def register(client, made):
    path = f"devices/phone-1/registrations/{KIND}/{wallets.serial(made)}"
    return client.post(**door(made, path), data={"pushToken": "abc"}, content_type="application/json")


@pytest.fixture
def apple(settings, tmp_path):
    """A double of the push service over real HTTP/2; `answer` is what it says."""
    double = PushDouble(tmp_path, signer().chain[-1].public_bytes(Encoding.PEM))
    settings.APPLE_PUSH_URL, settings.APPLE_PUSH_AUTHORITY = double.url, str(double.certificate)
    yield double
    double.close()


class TestPass:
    def test_is_signed_over_a_manifest_of_all_its_files(self, client, holder, tmp_path):
        archive = opened(client.get("/me/card/erb.pkpass"))
        manifest = archive.read("manifest.json")
        for name, digest in json.loads(manifest).items():
            assert hashlib.sha1(archive.read(name), usedforsecurity=False).hexdigest() == digest
        assert set(archive.namelist()) == {*json.loads(manifest), "manifest.json", "signature"}
        (tmp_path / "manifest").write_bytes(manifest)
        (tmp_path / "signature").write_bytes(archive.read("signature"))
        (tmp_path / "root.pem").write_bytes(signer().chain[-1].public_bytes(Encoding.PEM))
        command = ["openssl", "smime", "-verify", "-inform", "DER", "-in", "signature", "-content", "manifest"]
        command += ["-CAfile", "root.pem", "-purpose", "any", "-binary"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        (tmp_path / "manifest").write_bytes(manifest + b" ")
        assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0

    def test_shows_the_printed_code_no_employer_and_what_it_is_worth(self, client, holder):
        said = json.loads(opened(client.get("/me/card/erb.pkpass")).read("pass.json"))
        code = said["barcodes"][0]["message"]
        assert credential.verify(code, keys=current_keys(), at=datetime.now(UTC)).verdict == "valid"
        assert code == print_code(holder)
        text = json.dumps(said, ensure_ascii=False)
        assert holder.person.last_name not in text and holder.person.employments.get().company.name not in text
        assert "perdue" in said["storeCard"]["backFields"][0]["value"]

    def test_keeps_its_number_when_downloaded_again(self, client, holder):
        """Case: serial unchanged on re-download."""
        first, again = (json.loads(opened(client.get("/me/card/erb.pkpass")).read("pass.json")) for _time in range(2))
        assert first["serialNumber"] == again["serialNumber"] == wallets.serial(holder)


class TestUpdates:
    def test_reach_a_registered_wallet_when_the_card_is_blocked(
        self, client, holder, apple, at_till, django_capture_on_commit_callbacks
    ):
        """Case: Apple pass of a revoked card still in the phone: scan refuses; update push sent."""
        assert [register(client, holder).status_code for _time in range(2)] == [201, 200]
        _numbers, tag = wallets.changed_since("phone-1", "")
        cards.block(actor=holder.person.user, card=holder, reason="lost", at=datetime.now(UTC))
        tell_wallets(cards=[holder.pk])
        assert apple.asked == [("/3/device/abc", KIND, f"Pass Type ID: {KIND}")]
        listed = client.get(f"/wallet/apple/v1/devices/phone-1/registrations/{KIND}").json()
        assert listed["serialNumbers"] == [wallets.serial(holder)] and int(listed["lastUpdated"]) >= int(tag)
        fresh = client.get(**door(holder, f"passes/{KIND}/{wallets.serial(holder)}"))
        said = json.loads(opened(fresh).read("pass.json"))
        assert said["voided"] is True
        scan = at_till(TillFactory()).post("/api/v1/scans/", {"code": said["barcodes"][0]["message"]}, format="json")
        assert scan.data["code"] == "card_refused"
        again = door(holder, f"passes/{KIND}/{wallets.serial(holder)}")
        again["headers"]["If-Modified-Since"] = fresh["Last-Modified"]
        assert client.get(**again).status_code == 304

    def test_take_the_pass_back_when_the_card_is_found_again(self, client, holder, apple):
        register(client, holder)
        cards.block(actor=holder.person.user, card=holder, reason="lost", at=datetime.now(UTC))
        _numbers, tag = wallets.changed_since("phone-1", "")
        cards.found(actor=holder.person.user, card=holder, at=datetime.now(UTC))
        wallets.push([holder.pk], at=datetime.now(UTC) + timedelta(seconds=2))
        numbers, _tag = wallets.changed_since("phone-1", tag)
        assert numbers == [wallets.serial(holder)] and wallets.content(type(holder).objects.get())["voided"] is False

    def test_are_told_over_one_connection_and_a_service_that_is_down_fails_nothing(
        self, client, holder, apple, settings
    ):
        register(client, holder)
        WalletRegistration.objects.create(
            card=holder,
            device="phone-2",
            push_token="d/e",
            registered_at=datetime.now(UTC),
            changed_at=datetime.now(UTC),
        )
        assert wallets.push([holder.pk], at=datetime.now(UTC)) == 2
        assert [path for path, *_rest in apple.asked] == ["/3/device/abc", "/3/device/d%2Fe"] and apple.connections == 1
        settings.APPLE_PUSH_URL = "https://127.0.0.1:1"  # nobody listens there
        assert wallets.push([holder.pk], at=datetime.now(UTC)) == 0 and WalletRegistration.objects.count() == 2

    def test_forget_a_wallet_that_is_gone(self, client, holder, apple):
        register(client, holder)
        apple.answer = 410
        assert wallets.push([holder.pk], at=datetime.now(UTC)) == 0 and not WalletRegistration.objects.exists()

    def test_end_when_the_pass_is_deleted_on_the_phone(self, client, holder):
        register(client, holder)
        path = f"devices/phone-1/registrations/{KIND}/{wallets.serial(holder)}"
        assert client.delete(**door(holder, path)).status_code == 200
        assert not WalletRegistration.objects.exists()
        assert client.get(f"/wallet/apple/v1/devices/phone-1/registrations/{KIND}").status_code == 204

    def test_are_closed_to_whoever_lacks_the_pass(self, client, holder):
        other = card()
        for serial in (wallets.serial(other), f"{other.pk}-{'0' * 32}", "x"):
            answer = client.get(**door(holder, f"passes/{KIND}/{serial}"))
            assert answer.status_code == 401
