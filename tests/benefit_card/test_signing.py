"""Signing in one Celery queue: no web process opens a private key, and what happens while nobody signs (0054)."""

import json
import re
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
import time_machine
from django.core.cache import cache
from django.test import override_settings
from django.urls import reverse
from kombu.exceptions import OperationalError

from benefit_card import credential, keyring, signing
from benefit_card.models import Card, PublishedList, SigningKey
from benefit_card.services import cards, keys, lists, passes, specimens
from benefit_card.tasks import publish_revocations, refresh_lists, sign
from deploy import health
from deploy.celery import app
from tests.factories.benefit_card import TillFactory, card
from tests.factories.companies import UserFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 11, tzinfo=UTC)


@pytest.fixture
def holder(client):
    """Somebody who opened the card on a phone, signed in; keys and lists were signed before."""
    made = card(at=NOW)
    made.person.user = UserFactory()
    made.person.save()
    Card.objects.filter(pk=made.pk).update(activated_at=NOW)
    keyring.publish(lists.key_set(at=NOW).document), lists.revocations(at=NOW)
    client.force_login(made.person.user)
    with time_machine.travel(NOW, tick=False):
        yield made


@pytest.fixture
def web(settings, holder):
    """This process as a web process beside a worker of the queue; what was asked of it."""
    settings.CARD_SIGNS, settings.WALLET_TEST_AUTHORITY = False, True
    settings.GOOGLE_WALLET_API_BASE = "http://127.0.0.1:9"
    asked = []

    def work(kwargs, expires, retry):
        assert app.amqp.router.route({}, sign.name)["queue"].name == signing.QUEUE and expires <= 4 and not retry
        asked.append(kwargs["what"])
        with override_settings(CARD_SIGNS=True):
            sign(**json.loads(json.dumps(kwargs)))

    with patch.object(sign, "apply_async", side_effect=work):
        yield asked


@pytest.fixture
def away(settings, holder):
    """A web process while no worker takes anything from the queue."""
    settings.CARD_SIGNS = False
    with (
        patch.object(sign, "apply_async", side_effect=OperationalError("away")),
        patch.object(refresh_lists, "apply_async", side_effect=OperationalError("away")) as wanted,
    ):
        yield wanted


class TestTheSigner:
    def test_makes_what_is_on_its_list_and_calls_nothing_else(self, web):
        """Threat: a web process that was taken over: it may ask for crafts, not for whatever can be imported."""
        for other in ("_public", "keyring.secret", "keys.phone_key", "../passes"):
            with pytest.raises(ValueError, match=re.escape(other)):
                signing.craft(other, {})
        assert web == []


class TestAWebProcess:
    def test_opens_no_private_key(self, web):
        for use, kid in (("print", 1), ("phone", 2), ("list", 3)):
            with pytest.raises(signing.NotHere):
                keyring.private_key(use=use, kid=kid)
        with pytest.raises(signing.NotHere):
            keyring.root_key()

    def test_has_everything_signed_that_a_holder_a_till_or_a_company_wants(self, web, holder, client, at_till):
        """Phone passes, the page without JavaScript, both wallets, the specimen, a new card under a new key."""
        week = client.get(reverse("benefit_card:card_passes")).json()
        with override_settings(CARD_SIGNS=True):
            assert passes.week(Card.objects.get(pk=holder.pk), at=NOW)["passes"] == week["passes"]
        prefix, drawn = (
            bytes.fromhex(week["passes"][0]["token_prefix_hex"]),
            bytes.fromhex(week["passes"][0]["seed_hex"]),
        )
        slot = credential.absolute_slot(NOW) % credential.SLOTS
        shown = credential.to_text(credential.phone_code(prefix, seed=drawn, slot=slot))
        assert credential.verify(shown, keys=keys.current_keys(), at=NOW).verdict == credential.Verdict.VALID
        assert b"<svg" in client.get(reverse("benefit_card:card")).content
        assert client.get(reverse("benefit_card:my_wallet"))["Content-Type"] == "application/vnd.apple.pkpass"
        assert client.get(reverse("benefit_card:my_google_wallet")).status_code == 302
        assert at_till(TillFactory()).get("/api/v1/tills/pack/").json()["specimen"] == specimens.code(at=NOW)
        assert set(web) == {"days", "prints", "wallet", "google"}
        SigningKey.objects.filter(use="print").update(sign_until=NOW)
        new = cards.replace(actor=holder.person.user, card=holder, at=NOW)
        assert new.print_kid != holder.print_kid and web[-1] == "half"

    def test_asks_once_a_day_for_what_a_page_without_javascript_shows(self, web, holder):
        texts = {passes.code_now(holder, at=NOW + timedelta(minutes=n)) for n in range(3)}
        assert len(texts) == 3 and web == ["days"]
        SigningKey.objects.filter(use="phone").update(withdrawn_at=NOW)
        passes.code_now(holder, at=NOW)
        assert web == ["days", "days"]

    def test_serves_the_list_it_has_and_asks_for_a_new_one_once(self, web, holder, client):
        """Case: a list older than fifteen minutes is signed by the queue's worker, never by who serves it."""
        before, later = lists.revocations(at=NOW), NOW + timedelta(minutes=16)
        with time_machine.travel(later, tick=False), patch.object(refresh_lists, "apply_async") as wanted:
            for _turn in range(3):
                served = client.get("/api/v1/revocations/").json()
                assert served == before.document
            assert wanted.call_count == 1
            with override_settings(CARD_SIGNS=True):
                refresh_lists()
            assert client.get("/api/v1/revocations/").json()["number"] == before.number + 1
        assert PublishedList.objects.filter(kind="revocations").count() == 2

    def test_serves_the_keys_it_has_until_a_withdrawn_one_is_left_out(self, web, holder, client):
        with patch.object(refresh_lists, "apply_async") as wanted:
            keys.withdraw_key(actor=None, kid=holder.print_kid, reason="leaked", at=NOW)
            served = client.get("/api/v1/card-keys/").json()
            assert holder.print_kid in {key["kid"] for key in served["keys"]} and wanted.call_count == 1
        assert not keys.stands(holder.print_kid)  # tills with the network refuse from now on
        with override_settings(CARD_SIGNS=True):
            refresh_lists()
        assert holder.print_kid not in {key["kid"] for key in client.get("/api/v1/card-keys/").json()["keys"]}


class TestWithoutASigner:
    def test_phones_wallets_and_tills_are_told_or_go_on(self, away, holder, client, at_till):
        """The worker is down: passes wait, the list is served with its age, a till's pack comes, the page opens."""
        refused = client.get(reverse("benefit_card:card_passes"))
        assert refused.status_code == 503 and refused.json()["code"] == "signer_away"
        assert client.get(reverse("benefit_card:card")).status_code == 200
        with time_machine.travel(NOW + timedelta(hours=25), tick=False):
            served = client.get("/api/v1/revocations/")
            assert served.status_code == 200 and served.json()["issued_at"] == NOW.isoformat() and away.called
        pack = at_till(TillFactory()).get("/api/v1/tills/pack/")
        assert pack.status_code == 200 and pack.json()["specimen"] == "" and pack.json()["root_key"]

    def test_the_health_page_turns_red(self, holder):
        assert health._signing() == "ok"
        with time_machine.travel(NOW + timedelta(minutes=21), tick=False):
            assert "2026-03-04 11:00:00" in health._signing()
        PublishedList.objects.all().delete()
        assert health._signing() != "ok"

    def test_nobody_waits_again_for_a_signer_that_did_not_answer(self, holder, settings):
        """A stopped worker: the first waits a moment, the next are told at once, so that threads stay free for tills."""
        settings.CARD_SIGNS = False
        with patch.object(sign, "apply_async") as sent, patch("benefit_card.signing.WAIT", 0.1):
            for _turn in range(3):
                with pytest.raises(signing.SignerAway):
                    signing.ask("root")
            assert sent.call_count == 1
            cache.delete(signing.AWAY)
            with pytest.raises(signing.SignerAway):
                signing.ask("root")
            assert sent.call_count == 2


class TestTheQueue:
    def test_holds_whatever_signs_and_nothing_else(self):
        routed = {name for name in app.conf.task_routes if app.conf.task_routes[name]["queue"] == signing.QUEUE}
        assert routed == {sign.name, publish_revocations.name, refresh_lists.name}

    def test_answers_also_when_it_cannot(self, web, holder):
        """Nobody waits ten seconds for what failed at once; nothing but the known crafts is made."""
        with pytest.raises(signing.SignerAway):
            signing.ask("prints", cards=[("no key", 1, "2027-12-31", 0)])
        with pytest.raises(signing.SignerAway):
            signing.ask("root_key")
