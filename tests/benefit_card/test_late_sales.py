"""A till's file, late sales and conflicts: reconciled like the queue itself, decided by people, nothing doubled."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Sum

from benefit_card import refusals
from benefit_card.models import EntryVerdict, OfflineEntry, Quota, Redemption, Standing
from benefit_card.revocation import b64
from benefit_card.services import late_sales, lists, statements
from companies.access import NotAllowed
from companies.models import AuditEntry, OutboxMail
from merchants import services as merchant_services
from tests.benefit_card.device import Device
from tests.factories.benefit_card import TillFactory, card, offer
from tests.factories.companies import UserFactory, staff
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def shop(at_till, clock, client):
    """A till, its device, its owner, and the doors a file and a queue come through."""
    till = TillFactory(last_seen_at=NOON)
    device, boss = Device(till), owner(till.merchant)
    lists.revocations(at=NOON, changed=True)

    def document(*entries, **more):
        return {"format": "erb-offline-1", "public_key": b64(device.point), "entries": list(entries), **more}

    def bring(said, *, user=boss, to=None):
        path = (
            f"/merchant/{(to or till.merchant).pk}/without-network/file/"
            if user is boss
            else "/erb/without-network/file/"
        )
        content = said if isinstance(said, bytes) else json.dumps(said).encode()
        client.force_login(user)
        return client.post(path, {"file": SimpleUploadedFile("erb.json", content)})

    def send(*entries):
        answer = at_till(till).post("/api/v1/redemptions/sync/", {"entries": list(entries)}, format="json")
        return [(row["verdict"], row["first"]) for row in answer.data["results"]]

    return SimpleNamespace(till=till, device=device, owner=boss, document=document, bring=bring, send=send)


def late_entry(shop, clock, **terms):
    """A sale that was good on its day and arrives eight days later."""
    made, row = card(), offer(shop.till.merchant, **terms)
    entry = shop.device.entry(made, row, at=NOON)
    clock.shift(8 * DAY)
    assert shop.send(entry) == [("late", "late")]
    return OfflineEntry.objects.select_related("till__shop__merchant").get(pk=entry["client_id"]), entry


class TestAFile:
    def test_is_reconciled_like_the_queue_and_nothing_is_doubled_when_the_till_sends_too(self, shop, clock):
        """Case: two tills' queues and files, single-use gift → one ok, one conflict, whatever comes first or twice."""
        made, row = card(), offer(shop.till.merchant, per_person_limit=1)
        entries = [shop.device.entry(made, row, at=NOON) for _sale in range(2)]
        changed = {**shop.device.entry(made, row, at=NOON), "amount": "1.00"}
        clock.shift(HOUR)
        answer = shop.bring(shop.document(*entries, changed, "nonsense"))
        page = answer.content.decode()
        assert answer.status_code == 200 and page.count("<tr>") == 5
        assert [row.verdict for row in OfflineEntry.objects.order_by("seq", "received_at")] == [
            "refused", "accepted", "conflict", "refused",
        ]  # fmt: skip
        before = Redemption.objects.aggregate(n=Sum("discount_cents"))
        assert shop.send(*entries) == [("replayed", "accepted"), ("replayed", "conflict")]
        assert shop.bring(shop.document(*entries)).status_code == 200
        assert Redemption.objects.count() == 2 and Redemption.objects.aggregate(n=Sum("discount_cents")) == before
        assert Quota.objects.get(scope="person").used == 1
        entry = AuditEntry.objects.filter(action="till.queue_file").first()
        assert entry.data["entries"] == 4 and entry.data["refused"] == 2

    def test_saves_what_a_till_that_was_cut_off_had_sold_before(self, shop, clock):
        """Threat: stolen till phone: the queue of a revoked device comes by file; what it dates later does not count."""
        made, row = card(), offer(shop.till.merchant)
        before = shop.device.entry(made, row, at=NOON)
        clock.shift(HOUR)
        merchant_services.revoke(actor=shop.owner, till=shop.till, at=datetime.now(UTC))
        after = shop.device.entry(made, row, at=NOON + 2 * HOUR)
        clock.shift(2 * HOUR)
        shop.bring(shop.document(before, after), user=staff())
        found = dict(OfflineEntry.objects.values_list("seq", "code"))
        assert found == {1: "", 2: "till_was_revoked"} and Redemption.objects.count() == 1

    @pytest.mark.parametrize(
        "change",
        [
            b"", b"[]", b"\xff\xfe", b"{" * 60_000, {"format": "other"}, {"entries": []}, {"entries": {}}, {"public_key": 1},
            {"public_key": "AAAA"}, {"entries": ["x"] * 501},
        ],
    )  # fmt: skip
    def test_that_is_none_gets_a_sentence_and_changes_nothing(self, shop, change):
        content = change if isinstance(change, bytes) else {**shop.document("x"), **change}
        answer = shop.bring(content)
        assert answer.status_code == 400 and 'role="alert"' in answer.content.decode()
        assert not OfflineEntry.objects.exists()

    def test_is_taken_from_the_tills_merchant_and_the_association_only(self, shop, client):
        other = TillFactory().merchant
        stranger = owner(other)
        point, entries = late_sales.open_file(json.dumps(shop.document("x")).encode())
        rows = [(entries[0], None)]
        for actor, merchant, refusal in (
            (stranger, other, late_sales.QueueFileOfNobody),
            (stranger, shop.till.merchant, NotAllowed),
            (shop.owner, None, NotAllowed),
            (UserFactory(), None, NotAllowed),
        ):
            with pytest.raises(refusal):
                late_sales.take_file(actor=actor, merchant=merchant, point=point, rows=rows, at=NOON)
        assert not OfflineEntry.objects.exists()


class TestALateSale:
    def test_counts_after_all_once_when_the_association_says_so(self, shop, clock):
        """Design, "Clock, replay, offline queue": entry > 7 days late → `late`, manual; by the rules of its own day."""
        row, entry = late_entry(shop, clock, per_person_limit=1)
        twin = OfflineEntry.objects.select_related("till__shop__merchant").get(pk=row.pk)
        judge = staff()
        assert late_sales.decide(
            actor=judge, entries=[row], decision="honoured", reason="Box en panne", at=datetime.now(UTC)
        ) == (1, [])
        assert late_sales.decide(
            actor=judge, entries=[twin], decision="refused", reason="x", at=datetime.now(UTC)
        ) == (0, [])  # fmt: skip
        sold = Redemption.objects.get()
        assert (sold.at, sold.arrived_at, sold.standing) == (NOON, datetime.now(UTC), Standing.OK)
        assert Quota.objects.get(scope="person").used == 1
        assert shop.send(entry) == [("replayed", "late")] and Redemption.objects.count() == 1
        mails = OutboxMail.objects.filter(to=shop.owner.email)
        assert mails.count() == 1 and "Box en panne" in mails.get().body
        statement = statements.close(merchant=shop.till.merchant, month=NOON.date().replace(day=1), at=NOON + 60 * DAY)
        assert statement.discount_cents == sold.discount_cents
        row.refresh_from_db()
        assert (row.decision, row.decided_by, row.verdict) == ("honoured", judge, EntryVerdict.LATE)

    def test_that_a_rule_forbids_stays_and_says_why(self, shop, clock):
        made, terms = card(), offer(shop.till.merchant, min_spend_cents=10_000)
        entry = shop.device.entry(made, terms, at=NOON)
        clock.shift(8 * DAY)
        shop.send(entry)
        row = OfflineEntry.objects.select_related("till__shop__merchant").get()
        done, against = late_sales.decide(
            actor=staff(), entries=[row], decision="honoured", reason="x", at=datetime.now(UTC)
        )
        assert done == 0 and against[0][1]
        row.refresh_from_db()
        assert row.decided_at is None and not Redemption.objects.exists()

    def test_is_decided_by_who_may_with_a_reason(self, shop, clock):
        row, _entry = late_entry(shop, clock)
        stranger = owner(TillFactory().merchant)
        for actor, decision, reason, refusal in (
            (shop.owner, "honoured", "x", late_sales.DecisionMissing),
            (stranger, "withdrawn", "x", NotAllowed),
            (UserFactory(), "withdrawn", "x", NotAllowed),
            (staff(), "honoured", "  ", late_sales.DecisionMissing),
            (staff(), "undone", "x", late_sales.DecisionMissing),
        ):
            with pytest.raises(refusal):
                late_sales.decide(actor=actor, entries=[row], decision=decision, reason=reason, at=datetime.now(UTC))
        late_sales.decide(
            actor=shop.owner, entries=[row], decision="withdrawn", reason="Saisie d'essai", at=datetime.now(UTC)
        )
        row.refresh_from_db()
        assert row.decision == "withdrawn" and not Redemption.objects.exists() and not OutboxMail.objects.exists()


class TestAConflict:
    def test_stays_or_is_taken_off_by_a_correction_and_moves_no_counter(self, shop, clock):
        made, terms = card(), offer(shop.till.merchant, per_person_limit=1)
        entries = [shop.device.entry(made, terms, at=NOON) for _sale in range(3)]
        clock.shift(HOUR)
        shop.send(*entries)
        first, second = OfflineEntry.objects.filter(verdict="conflict").select_related("till__shop__merchant")
        now = datetime.now(UTC)
        late_sales.decide(actor=staff(), entries=[first], decision="kept", reason="De bonne foi", at=now)
        late_sales.decide(actor=shop.owner, entries=[second], decision="withdrawn", reason="Doublon", at=now)
        assert Redemption.objects.filter(voids__client_id=second.pk).count() == 1
        assert not Redemption.objects.filter(voids__client_id=first.pk).exists()
        assert Quota.objects.get(scope="person").used == 1


class TestPages:
    def test_show_each_merchant_its_own_and_the_staff_all_without_a_person(
        self, shop, clock, client, django_assert_max_num_queries
    ):
        row, _entry = late_entry(shop, clock)
        other = TillFactory(last_seen_at=NOON)
        client.force_login(owner(other.merchant))
        assert str(row.pk) not in client.get(f"/merchant/{other.merchant.pk}/without-network/").content.decode()
        for user, path in (
            (shop.owner, f"/merchant/{shop.till.merchant.pk}/without-network/"),
            (staff(), "/erb/without-network/"),
        ):
            client.force_login(user)
            with django_assert_max_num_queries(18):
                page = client.get(path).content.decode()
            assert str(row.pk) in page and "49,90" in page
            choices = 3 if "/erb/" in path else 0  # one choice alone is a button and no list
            assert page.count("<option") == choices and ("Retirer les ventes cochées" in page) == (not choices)
            assert str(refusals.TooLate().sentence) in page
            client.cookies["language"] = "en"
            assert "more than seven days late" in client.get(path).content.decode(), "told in the reader's language"
            client.cookies["language"] = "fr"
            assert "first_name" not in page and row.said["scanned_at"] not in page
        client.post(
            "/erb/without-network/decide/", {"entry": [str(row.pk)], "decision": "refused", "reason": "Trop tard"}
        )
        row.refresh_from_db()
        assert row.decision == "refused"
        assert "Trop tard" in client.get("/erb/without-network/").content.decode()
