"""Acceptance cases and threats of the card that stand between rooms: two shops, two phones, the last day, an erased person."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine

from benefit_card import credential, key_set, todo
from benefit_card.models import Redemption, Signal, SignalKind, WalletRegistration
from benefit_card.services import cards as card_services
from benefit_card.services import erasure, fraud, keys, lists, printing, retention, wallets
from companies.models import Document, OutboxMail, Role
from deploy.celery import app
from tests.factories.benefit_card import TillFactory, card, offer, phone_code, print_code, sale
from tests.factories.companies import EmploymentFactory, UserFactory, member
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
PARIS = credential.PARIS


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def ask(at_till, clock):
    def ask(path, body, *, at):
        return at_till(at).post(f"/api/v1/{path}/", body, format="json")

    return ask


@pytest.fixture
def holder(clock):
    made = card()
    made.person.user = UserFactory()
    made.person.save()
    return made


class TestOnePhoneCodeAtTwoMerchants:
    def test_is_refused_the_second_time_flagged_and_told_to_its_holder_once(self, ask, clock, holder, monkeypatch):
        """Case: same D code at two merchants 20 s apart → second refused and flagged; employee notified once.

        Threat: screenshot to a colleague: same slot, two merchants. Who is refused learns no place (Case: "already used"
        elsewhere shows no place).
        """
        monkeypatch.setattr(app.conf, "task_always_eager", True)
        first, second = TillFactory(), TillFactory()
        code = phone_code(holder, at=NOON)
        assert ask("scans", {"code": code}, at=first).status_code == 200
        clock.shift(20)
        answers = [ask("scans", {"code": code}, at=second) for _again in range(2)]
        assert [(answer.status_code, answer.data["code"]) for answer in answers] == [(409, "code_seen_elsewhere")] * 2
        said = json.dumps([answer.data for answer in answers])
        assert first.shop.name not in said and first.merchant.name not in said and "used_at" not in said
        assert Signal.objects.get().kind == SignalKind.PARALLEL
        assert OutboxMail.objects.filter(to=holder.person.user.email).count() == 1


class TestAnExportedSeed:
    def test_used_from_two_phones_within_minutes_is_raised_for_people(self, ask, clock, holder):
        """Threat: seed export (dev tools): same day pass from 2 devices, each with its own half minute."""
        tills = [TillFactory(), TillFactory()]
        for till in tills:
            body = sale(holder, offer(till.merchant), code=phone_code(holder, at=datetime.now(UTC)))
            assert ask("redemptions", body, at=till).status_code == 201
            clock.shift(60)
        assert fraud.look(at=datetime.now(UTC)) == 1
        signal = Signal.objects.get()
        assert (signal.kind, signal.card_id, signal.facts["seconds"]) == (SignalKind.ELSEWHERE, holder.pk, 60)


class TestLastDay:
    def test_of_somebody_who_leaves_ends_at_midnight_in_paris(self, ask, clock):
        """Threat: ex-employee: scan at 23:59:59 and 00:00:00 Paris; status bit in the list from midnight on."""
        made, till = card(ends_on=date(2026, 3, 28)), TillFactory()  # the night before the clocks change
        midnight = datetime(2026, 3, 29, tzinfo=PARIS)
        for at, status, bit in ((midnight - timedelta(seconds=1), 200, False), (midnight, 409, True)):
            clock.move_to(at)
            answer = ask("scans", {"code": print_code(made)}, at=till)
            assert answer.status_code == status, answer.data
            document = lists.revocations(at=at, changed=True).document
            if made.valid_until >= at.astimezone(PARIS).date():  # a print that expired needs no bit
                assert key_set.read_list_with(document, keys=keys.current_keys()).revoked(made.status_index) is bit

    def test_of_two_employers_is_the_later_one(self, ask, clock):
        """Case: person in two companies leaves one → card remains valid; leaves both → revoked at the later date."""
        made, till = card(), TillFactory()
        EmploymentFactory(person=made.person, ends_on=date(2026, 3, 20))
        made.person.employments.order_by("pk").filter(ends_on=None).update(ends_on=date(2026, 3, 10))

        def revoked(at):
            clock.move_to(at)
            document = lists.revocations(at=at, changed=True).document
            return key_set.read_list_with(document, keys=keys.current_keys()).revoked(made.status_index)

        for at, gone in (
            (datetime(2026, 3, 11, 12, tzinfo=PARIS), False),
            (datetime(2026, 3, 20, 23, 59, 59, tzinfo=PARIS), False),
            (datetime(2026, 3, 21, tzinfo=PARIS), True),
        ):
            assert revoked(at) is gone
            assert ask("scans", {"code": print_code(made)}, at=till).status_code == (404 if gone else 200)


class TestSuspendedCompany:
    def test_is_told_to_no_till(self, ask, clock):
        """Case: company suspended (unpaid dues): its cards refuse with a neutral text; no reason, no employer."""
        made, till = card(), TillFactory()
        row = offer(till.merchant)
        company = made.person.employments.get().company
        type(company).objects.filter(pk=company.pk).update(status="suspended", suspended_at=NOON)
        lost = card()
        type(lost).objects.filter(pk=lost.pk).update(blocked_at=NOON)
        looks = [ask("scans", {"code": print_code(one)}, at=till) for one in (made, lost)]
        sales = [ask("redemptions", sale(one, row), at=till) for one in (made, lost)]
        for suspended, blocked in (looks, sales):
            assert (suspended.status_code, suspended.data) == (blocked.status_code, blocked.data)
            assert company.name not in json.dumps(suspended.data)
        assert not Redemption.objects.exists()


class TestOtherMerchant:
    def test_can_read_void_or_infer_nothing(self, ask, clock, client):
        """Case: Merchant A cannot read, void or infer merchant B's redemption; "already used" shows no place elsewhere."""
        made, mine, theirs = card(), TillFactory(), TillFactory()
        row, other = offer(theirs.merchant, per_person_limit=1), offer(mine.merchant, per_person_limit=1)
        sold = ask("redemptions", sale(made, row), at=theirs).data["client_id"]
        assert ask(f"redemptions/{sold}/void", {}, at=mine).status_code == 404
        client.force_login(owner(mine.merchant))
        for path in ("today", "visits", "statements"):
            assert client.get(f"/merchant/{theirs.merchant.pk}/{path}/").status_code == 404
            assert sold not in client.get(f"/merchant/{mine.merchant.pk}/{path}/").content.decode()
        (deal,) = ask("scans", {"code": print_code(made)}, at=mine).data["offers"]
        assert (deal["id"], deal["remaining_uses"], deal["usable"]) == (other.pk, 1, True)
        foreign = ask("redemptions", sale(made, row), at=mine)
        assert foreign.data["code"] == "offer_unknown" and theirs.shop.name not in json.dumps(foreign.data)


class TestErasedPerson:
    def test_leaves_wallets_and_printed_files_too(self, holder, client):
        """Case: Erasure request: personal rows gone from wallet objects; the files of a batch that name everybody go."""
        company = holder.person.employments.get().company
        batch = card_services.CardBatch.objects.create(
            company=company, people=[holder.person_id], created_at=NOON, completed_at=NOON
        )
        type(holder).objects.filter(pk=holder.pk).update(batch=batch)
        printing.render_printer(batch=batch, on_chunk=lambda _done: None, at=NOON)
        wallets.register(card=holder, device="phone-1", push_token="abc", at=NOON)
        name = holder.person.first_name
        assert name in json.dumps(wallets.content(holder), ensure_ascii=False)
        user = holder.person.user
        type(batch).objects.filter(pk=batch.pk).update(created_by=user)
        assert [found.url for found in todo.for_company(user, company, {"hr"}, NOON) if "/batches/" in found.url]
        erasure.erase_oneself(actor=user, confirmed=True, at=NOON)
        client.force_login(member(company, Role.HR))
        page = client.get(f"/company/{company.pk}/cards/batches/{batch.pk}/").content.decode()
        assert "Plus rien à imprimer ici" in page and "Compte effacé" in page and "erased" not in page
        assert not [found.url for found in todo.for_company(user, company, {"hr"}, NOON) if "/batches/" in found.url]
        made = type(holder).objects.select_related("person").get()
        said = json.dumps(wallets.content(made), ensure_ascii=False)
        assert wallets.content(made)["voided"] is True and f'"{name}' not in said
        assert wallets.changed_since("phone-1", "")[0], "the wallet must still hear of it"
        retention.run(at=NOON + timedelta(days=8))
        assert not WalletRegistration.objects.exists()
        batch.refresh_from_db()
        assert batch.printer is None and not Document.objects.filter(kind__startswith="card").exists()


class TestReissuedCard:
    def test_is_refused_on_the_old_print_and_taken_by_an_older_list(self, ask, clock, holder):
        """Case: re-issued card (gen 1): gen 0 refused "remplacée"; gen 1 accepted with a list older than the re-issue."""
        before = lists.revocations(at=NOON, changed=True).document
        clock.shift(3600)
        new = card_services.replace(actor=holder.person.user, card=holder, at=datetime.now(UTC))
        till = TillFactory()
        answers = [ask("scans", {"code": print_code(made)}, at=till) for made in (holder, new)]
        assert [answer.data.get("code", "ok") for answer in answers] == ["card_replaced", "ok"]
        assert new.generation == 1
        known = keys.current_keys()
        old_list = key_set.read_list_with(before, keys=known)
        now = datetime.now(UTC)
        assert credential.verify(print_code(new), keys=known, at=now, revocations=old_list).verdict == "valid"
        fresh = key_set.read_list_with(lists.revocations(at=now, changed=True).document, keys=known)
        assert credential.verify(print_code(holder), keys=known, at=now, revocations=fresh).verdict == "revoked"
