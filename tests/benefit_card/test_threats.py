"""Rows of the threat table of the card's design, each named. Others stand where the thing they threaten is tested."""

import logging
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache, caches
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benefit_card import credential, keyring, short_code
from benefit_card.models import Card, PublishedList, Redemption, SigningKey
from benefit_card.services.keys import PHONE_COUNTS_AFTER, current_keys
from companies.employees.sheets import sheet
from companies.models import AuditEntry, Company, CompanyStatus
from tests.benefit_card.device import Device
from tests.factories.benefit_card import TillFactory, card, offer, phone_code, print_code, sale, typed_code

from .test_credential import PRINT_KEY

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
# What differs from card to card in a statement or a counter's name.
VALUE = re.compile(r"'[^']*'|\b[0-9a-f]{16,}\b|\d+")


@pytest.fixture
def till():
    return TillFactory(last_seen_at=NOON)


@pytest.fixture
def ask(at_till, till):
    def ask(path, body, *, at=None):
        return at_till(at or till).post(f"/api/v1/{path}/", body, format="json")

    with time_machine.travel(NOON, tick=False) as clock:
        ask.clock = clock
        yield ask


class TestForging:
    def test_or_altering_or_mixing_up_keys_never_opens_the_till(self, ask):
        """Threat: forge / alter a code, key confusion: every bit, swapped type byte, foreign key, kid 0, 255, retired."""
        raw = credential.from_text(print_code(card()))
        tried = [raw[: bit // 8] + bytes([raw[bit // 8] ^ 1 << bit % 8]) + raw[bit // 8 + 1 :] for bit in range(584)]
        tried.append(bytes([0x12]) + raw[1:])
        index = int.from_bytes(raw[2:6], "big")
        tried += [
            credential.print_token(key=PRINT_KEY, kid=kid, index=index, expires_on=NOON.date(), generation=0)
            for kid in (0, raw[1], 255)
        ]
        cache.clear()
        verdicts = {credential.verify(credential.to_text(one), keys=current_keys(), at=NOON).verdict for one in tried}
        assert verdicts == {"forged", "unknown_key", "malformed"}
        assert {ask("scans", {"code": credential.to_text(one)}).status_code for one in tried[-4:]} == {400, 409}

    def test_a_retired_key_counts_on_its_last_day_of_grace_and_not_after(self, ask):
        """Case: retired kid accepted on its last grace day, refused next day; the till asks for an update."""
        made = card()
        phone_code(made, at=NOON)
        key = SigningKey.objects.filter(use="phone").order_by("sign_until").first()
        assert key.accept_until - key.sign_until == PHONE_COUNTS_AFTER == timedelta(days=8)
        for at, kind in ((key.accept_until - timedelta(seconds=1), "valid"), (key.accept_until, "unknown_key")):
            day, slot = divmod(credential.absolute_slot(at), credential.SLOTS)
            signer = keyring.private_key(use="phone", kid=key.kid)
            prefix = credential.day_pass(key=signer, kid=key.kid, index=made.status_index, day=day, seed=bytes(16))
            text = credential.to_text(credential.phone_code(prefix, seed=bytes(16), slot=slot))
            assert credential.verify(text, keys=current_keys(), at=at).verdict == kind
        ask.clock.move_to(key.accept_until)
        told = ask("scans", {"code": text}).data
        assert told["code"] == "unknown_key" and "jour" in told["title"] and "faux" not in told["title"].lower()

    def test_with_a_leaked_key_ends_with_one_command(self, ask, django_capture_on_commit_callbacks):
        """Decision "Keys": emergency: remove `kid` from the set = everything it signed is refused, at once and offline."""
        made = card()
        assert ask("scans", {"code": print_code(made)}).status_code == 200
        with django_capture_on_commit_callbacks(execute=True):
            call_command("withdraw_key", str(made.print_kid), "--reason", "leaked")
        assert ask("scans", {"code": print_code(made)}).data["code"] == "unknown_key"
        published = PublishedList.objects.filter(kind="keys").latest("number").document
        assert made.print_kid not in {key["kid"] for key in published["keys"]}


class TestPhotocopy:
    def test_of_a_printed_card_takes_a_single_use_gift_once(self, ask, till):
        """Threat: photocopy of print: two tills, single-use offer, S code."""
        made, row = card(), offer(till.merchant, per_person_limit=1)
        second = TillFactory(shop=till.shop, last_seen_at=NOON)
        assert ask("redemptions", sale(made, row)).status_code == 201
        answer = ask("redemptions", sale(made, row), at=second)
        assert (answer.status_code, answer.data["code"]) == (409, "limit_reached")
        assert answer.data["used_at"] and answer.data["shop"] == till.shop.name


class TestBrowsing:
    def test_people_by_guessed_codes_or_ids_gets_one_answer_and_then_none(self, ask, till):
        """Threat: merchant staff browse people: no search by name; enumeration returns 404/429 equally."""
        guesses = [short_code.from_number(number) for number in (1, 2**44)]
        first, second = (ask("scans", {"code": guess}) for guess in guesses)
        assert (first.status_code, first.data) == (404, second.data)
        lost, left = card(), card(ends_on=(NOON - timedelta(days=1)).date())
        type(lost).objects.filter(pk=lost.pk).update(blocked_at=NOON)
        for known in (lost, left):  # a card that stopped is answered like one that never was
            answer = ask("scans", {"code": typed_code(known)})
            assert (answer.status_code, answer.data) == (404, first.data)
        assert ask(f"redemptions/{uuid.uuid4()}/void", {}).status_code == 404
        foreign = TillFactory(last_seen_at=NOON)
        made, row = card(), offer(foreign.merchant)
        sold = ask("redemptions", sale(made, row), at=foreign).data["client_id"]
        unknown, other = (ask(f"redemptions/{name}/void", {}) for name in (uuid.uuid4(), sold))
        assert (unknown.status_code, unknown.data) == (other.status_code, other.data)
        spent = [ask("scans", {"code": typed_code(known)}) for known in (lost, left, lost, left, lost, left, lost)]
        assert [answer.status_code for answer in spent] == [404] * 6 + [429]
        nobody = ask("scans", {"code": guesses[0]})
        assert (nobody.status_code, nobody.data) == (429, spent[-1].data)

    def test_is_locked_for_an_hour_after_thirty_wrong_codes(self, ask, till):
        """Threat: merchant staff browse people; rate limits: typed code 30 failures an hour and device, then lock."""
        good = card()
        for tens in range(3):
            wrong = [short_code.from_number(10 * tens + one) for one in range(10)]
            assert {ask("scans", {"code": code}).status_code for code in wrong} == {404}
            cache.delete(f"limit:typed:{till.pk}")  # a minute passes
        assert [ask("scans", {"code": code(good)}).status_code for code in (typed_code, print_code)] == [429, 429]


class TestAFormula:
    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_is_text_in_every_file_that_a_spreadsheet_opens(self, start):
        """Threat: malicious CSV: escape `= + - @`."""
        read = sheet([start + "heading"], [[start + "1+1"]]).decode("utf-8-sig")
        assert f"'{start}heading" in read and f"'{start}1+1" in read


class TestAnOracle:
    def test_is_not_to_be_had_without_a_paired_till(self, client):
        """Threat: card-status oracle: verify needs a paired device; the landing page reveals nothing and keeps nothing."""
        good, lost = card(), card()
        type(lost).objects.filter(pk=lost.pk).update(blocked_at=NOON)
        for made in (good, lost):
            assert client.post("/api/v1/scans/", {"code": print_code(made)}).status_code == 401
        page = client.get("/C")
        assert page.status_code == 200 and not page.cookies and page["Referrer-Policy"] == "no-referrer"
        listed = client.get("/api/v1/revocations/").json()
        assert set(listed) == {"format", "number", "issued_at", "kid", "size", "sha256", "bitmap", "head", "signature"}
        told = client.get(f"/api/v1/revocations/{listed['number']}/changes/").json()
        assert set(told) == {"format", "base", "flips", "number", "issued_at", "kid", "size", "sha256", "signature"}

    @pytest.mark.parametrize("text", [print_code, typed_code])
    def test_takes_the_same_steps_whatever_keeps_a_card_from_being_used(self, ask, monkeypatch, text):
        """Threat: card-status oracle: uniform errors and timing: the same statements and the same counters in one order.

        Steps are compared and not seconds, which say nothing on a loaded machine.
        """
        never, lost, left, suspended, gone = (card() for _card in range(5))
        codes = [text(made) for made in (never, lost, left, suspended, gone)]
        Card.objects.filter(pk=never.pk).delete()
        Card.objects.filter(pk=lost.pk).update(blocked_at=NOON)
        left.person.employments.update(ends_on=NOON.date() - timedelta(days=1))
        company = suspended.person.employments.get().company
        Company.objects.filter(pk=company.pk).update(status=CompanyStatus.SUSPENDED, suspended_at=NOON)
        gone.person.employments.all().delete()
        for once in (text(card()), short_code.from_number(1)):  # what is read once for all is read, the counters stand
            ask("scans", {"code": once})
        told = []
        for name in ("get", "add", "incr", "set"):
            kept = getattr(type(caches["default"]), name)

            def counted(self, key, *values, kept=kept, name=name, **options):
                told.append(f"{name} {key}")
                return kept(self, key, *values, **options)

            monkeypatch.setattr(type(caches["default"]), name, counted)
        seen = []
        for code in codes:
            told.clear()
            with CaptureQueriesContext(connection) as asked:
                answer = ask("scans", {"code": code})
            told += [query["sql"] for query in asked.captured_queries]
            seen.append((answer.status_code, str(answer.data), *[VALUE.sub("?", step) for step in told]))
        assert seen[0][0] == 404 and len(seen[0]) > 4, seen[0]
        for other in seen[1:]:
            assert other == seen[0]


class TestLogs:
    def test_and_audit_rows_never_hold_a_credential(self, ask, till, caplog):
        """Threat: credential in logs/referrer: looks, sales, refusals and late arrivals, at the most talkative level."""
        made, row = card(), offer(till.merchant, per_person_limit=2)
        text, typed = print_code(made), typed_code(made)
        forged = text[:-20] + ("A" if text[-20] != "A" else "B") + text[-19:]
        with caplog.at_level(logging.DEBUG):
            ask("scans", {"code": text})
            ask("scans", {"code": typed})
            ask("redemptions", sale(made, row))
            ask("redemptions", sale(made, row, code=forged))
            ask("redemptions/sync", {"entries": [Device(till).entry(made, row, at=NOON), {"code": text}]})
        assert Redemption.objects.count() == 2
        kept = caplog.text + "".join(map(str, AuditEntry.objects.values_list("data", "reason", "actor_label")))
        secret = text.removeprefix("ERB1:")
        assert secret[:40] not in kept and typed not in kept.replace(" ", "") and secret[40:80] not in kept
