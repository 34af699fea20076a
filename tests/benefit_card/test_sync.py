"""Sales made without network arrive: one verdict each, nothing twice, nothing lost, the merchant in good faith paid."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
import time_machine

from benefit_card.models import Card, OfflineEntry, Quota, Redemption, RedemptionRequest, Standing
from benefit_card.services import cards as card_services
from benefit_card.services import lists, offline_runs, voids
from companies.models import AuditEntry, CompanyStatus
from merchants import services as merchant_services
from merchants.models import Kind, OfferState, OfflinePolicy, Till
from tests.benefit_card.device import Device
from tests.factories.benefit_card import TillFactory, card, offer, phone_code, print_code, publish
from tests.factories.companies import UserFactory
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
SYNC = "/api/v1/redemptions/sync/"
HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def shop(at_till, clock):
    """A till with its device and a way to send entries."""
    till = TillFactory(last_seen_at=NOON)
    device = Device(till)

    def send(*entries, till=till):
        return at_till(till).post(SYNC, {"entries": list(entries)}, format="json")

    def verdicts(*entries, **more):
        return [(row["verdict"], row["code"]) for row in send(*entries, **more).data["results"]]

    return SimpleNamespace(till=till, device=device, send=send, verdicts=verdicts)


class TestSync:
    def test_counts_a_sale_at_its_own_time_and_tells_the_uses_left(self, shop, clock):
        made, row = card(), offer(shop.till.merchant, per_person_limit=2, period="month")
        entry = shop.device.entry(made, row, at=NOON)
        clock.shift(3 * HOUR)
        (answer,) = shop.send(entry).data["results"]
        assert (answer["verdict"], answer["redemption"]["remaining_uses"]) == ("accepted", 1)
        sold = Redemption.objects.get()
        assert (sold.at, sold.arrived_at, sold.standing) == (NOON, NOON + 3 * HOUR, Standing.OK)
        assert (sold.gross_cents, sold.discount_cents, sold.person) == (4990, 499, made.person)
        assert Quota.objects.get().used == 1
        assert AuditEntry.objects.get(action="redemption.accepted").at == NOON + 3 * HOUR

    def test_repeats_the_first_answer_to_whoever_sends_again(self, shop):
        made, row = card(), offer(shop.till.merchant)
        entry = shop.device.entry(made, row, at=NOON)
        first, again = (shop.send(entry).data["results"][0] for _time in range(2))
        assert again == {**first, "verdict": "replayed"} and again["first"] == "accepted"
        assert Redemption.objects.count() == OfflineEntry.objects.count() == 1

    def test_recognises_a_sale_whose_answer_at_the_counter_was_lost(self, shop, at_till):
        made, row = card(), offer(shop.till.merchant, per_person_limit=1)
        entry = shop.device.entry(made, row, at=NOON)
        body = {name: entry[name] for name in ("client_id", "code", "offer", "amount", "offer_version")}
        assert at_till(shop.till).post("/api/v1/redemptions/", body, format="json").status_code == 201
        assert shop.verdicts(entry) == [("replayed", "")]
        assert at_till(shop.till).post("/api/v1/redemptions/", body, format="json").status_code == 201
        assert Redemption.objects.count() == Quota.objects.get().used == 1

    def test_honours_a_sale_whose_refusal_nobody_heard(self, shop, at_till):
        made, row = card(), offer(shop.till.merchant, per_person_limit=1)
        assert shop.verdicts(shop.device.entry(made, row, at=NOON)) == [("accepted", "")]
        entry = shop.device.entry(made, row, at=NOON)
        body = {name: entry[name] for name in ("client_id", "code", "offer", "amount", "offer_version")}
        assert at_till(shop.till).post("/api/v1/redemptions/", body, format="json").status_code == 409
        assert shop.verdicts(entry) == [("conflict", "limit_reached")]
        assert RedemptionRequest.objects.get(pk=entry["client_id"]).status == 201

    def test_of_two_offline_tills_gives_one_ok_one_conflict_and_both_are_paid(self, shop):
        """Case: two offline tills, single-use gift → one `ok`, one `conflict`; totals reconcile to the cent."""
        made = card()
        row = offer(shop.till.merchant, kind=Kind.GIFT, gift="un café", per_person_limit=1)
        second = TillFactory(shop=shop.till.shop, last_seen_at=NOON)
        other = Device(second)
        mine, theirs = (device.entry(made, row, at=NOON, amount="0.00") for device in (shop.device, other))
        assert shop.verdicts(theirs, till=second) == [("accepted", "")]
        assert shop.verdicts(mine) == [("conflict", "limit_reached")]
        assert Redemption.objects.counted().filter(merchant=shop.till.merchant).count() == 2
        assert Quota.objects.get().used == 1

    def test_limits_a_card_to_the_network_after_two_conflicts(self, shop):
        """Case: two conflicts in 90 days."""
        made, row = card(), offer(shop.till.merchant, per_person_limit=1)
        entries = [shop.device.entry(made, row, at=NOON) for _sale in range(3)]
        assert [verdict for verdict, _code in shop.verdicts(*entries)] == ["accepted", "conflict", "conflict"]
        assert Card.objects.get(pk=made.pk).online_only_at == NOON
        keys = lists.key_set(at=NOON).document
        listed = lists.revocations(at=NOON, changed=True).document
        from benefit_card.key_set import read_key_set, read_list_with
        from benefit_card.keyring import root_public

        assert read_list_with(listed, keys=read_key_set(keys, root=root_public())).revoked(made.status_index)

    def test_keeps_what_comes_after_seven_days_for_a_person_to_decide(self, shop):
        """Case: an entry more than seven days late."""
        made, row = card(), offer(shop.till.merchant)
        late = shop.device.entry(made, row, at=NOON - timedelta(days=7, seconds=1))
        assert shop.verdicts(late) == [("late", "too_late")]
        assert shop.verdicts(late) == [("replayed", "too_late")]
        assert not Redemption.objects.exists() and OfflineEntry.objects.get().verdict == "late"

    def test_applies_the_version_that_was_scanned(self, shop, clock):
        """Case: offer edited between scan and confirm → version scanned applies, and the till is told."""
        made, row = card(), offer(shop.till.merchant, percent=10)
        entry = shop.device.entry(made, row, at=NOON)
        clock.shift(HOUR)
        publish(row, number=2, percent=50)
        (answer,) = shop.send(entry).data["results"]
        assert (answer["redemption"]["discount"], answer["redemption"]["changed"]) == ("4.99", True)
        row.state = OfferState.ENDED
        row.save()
        assert shop.verdicts(shop.device.entry(made, row, at=NOON, offer_version=1)) == [("accepted", "")]

    def test_honours_a_card_blocked_after_the_tills_list_and_refuses_one_the_till_knew(self, shop, clock):
        """Threat: lost card; stale list on purpose. Good faith is measured against the list the till had."""
        made, row = card(at=NOON - timedelta(days=1)), offer(shop.till.merchant)
        Card.objects.filter(pk=made.pk).update(blocked_at=NOON)
        clock.shift(3 * HOUR)
        before = shop.device.entry(made, row, at=NOON - HOUR)
        unaware = shop.device.entry(made, row, at=NOON + HOUR, list_issued_at=(NOON - HOUR).isoformat())
        aware = shop.device.entry(made, row, at=NOON + HOUR, list_issued_at=(NOON + HOUR).isoformat())
        found = shop.verdicts(before, unaware, aware)
        assert found == [("accepted", ""), ("conflict", "card_refused"), ("refused", "card_refused")]

    def test_refuses_a_suspended_companys_card_like_any_other(self, shop, clock):
        """Case: company suspended: its cards refuse with a neutral text."""
        made, row = card(), offer(shop.till.merchant)
        company = made.person.employments.get().company
        type(company).objects.filter(pk=company.pk).update(status=CompanyStatus.SUSPENDED, suspended_at=NOON)
        clock.shift(2 * HOUR)
        answer = shop.send(shop.device.entry(made, row, at=NOON + HOUR)).data["results"][0]
        assert (answer["verdict"], answer["code"]) == ("refused", "card_refused")
        assert company.name not in json.dumps(answer) and "suspen" not in json.dumps(answer).lower()

    def test_says_that_a_print_was_replaced(self, shop, clock):
        """Case: re-issued card: print of generation 0 refused "replaced", generation 1 accepted."""
        old, row = card(), offer(shop.till.merchant)
        old.person.user = UserFactory()
        old.person.save()
        new = card_services.replace(actor=old.person.user, card=old, at=NOON)
        clock.shift(HOUR)
        found = shop.verdicts(*[shop.device.entry(made, row, at=NOON + HOUR) for made in (old, new)])
        assert found == [("refused", "card_replaced"), ("accepted", "")]

    @pytest.mark.parametrize(
        ("age", "terms", "phone", "verdict"),
        [
            (25, {}, False, ("accepted", "")),
            (25, {"per_person_limit": 3}, False, ("refused", "stale_list")),
            (73, {}, False, ("refused", "stale_list")),
            (73, {}, True, ("accepted", "")),
            (73, {"stock": 5}, True, ("refused", "stale_list")),
            (1, {"offline": OfflinePolicy.DYNAMIC}, False, ("refused", "offline_policy")),
            (1, {"offline": OfflinePolicy.DYNAMIC}, True, ("accepted", "")),
            (1, {"offline": OfflinePolicy.ONLINE}, True, ("refused", "offline_policy")),
        ],
    )
    def test_holds_the_till_to_the_age_of_its_list_and_the_offers_policy(self, shop, age, terms, phone, verdict):
        """Case: list 25 h old: unlimited accepted, limited blocked; 73 h: refused but for phone codes."""
        made, row = card(at=NOON - timedelta(days=30)), offer(shop.till.merchant, **terms)
        code = phone_code(made, at=NOON) if phone else print_code(made)
        issued = (NOON - timedelta(hours=age)).isoformat()
        assert shop.verdicts(shop.device.entry(made, row, at=NOON, code=code, list_issued_at=issued)) == [verdict]

    @pytest.mark.parametrize(("shift", "verdict"), [(-2, "accepted"), (2, "accepted"), (3, "refused"), (-3, "refused")])
    def test_takes_phone_codes_of_two_half_minutes_around_the_scan(self, shop, shift, verdict):
        made, row = card(), offer(shop.till.merchant)
        code = phone_code(made, at=NOON, shift=shift)
        ((found, _code),) = shop.verdicts(shop.device.entry(made, row, at=NOON, code=code))
        assert found == verdict

    def test_doubts_one_phone_code_at_two_merchants(self, shop):
        """Threat: screenshot to a colleague, both tills without network."""
        made = card()
        elsewhere = TillFactory(last_seen_at=NOON)
        code = phone_code(made, at=NOON)
        first = Device(elsewhere).entry(made, offer(elsewhere.merchant), at=NOON, code=code)
        assert shop.verdicts(first, till=elsewhere) == [("accepted", "")]
        second = shop.device.entry(made, offer(shop.till.merchant), at=NOON, code=code)
        assert shop.verdicts(second) == [("conflict", "code_seen_elsewhere")]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"amount": "0"}, "amount_invalid"),
            ({"amount": "1e9"}, "amount_invalid"),
            ({"scanned_at": (NOON + HOUR).isoformat()}, "clock_wrong"),
            ({"code": "ERB1:XX"}, "code_malformed"),
            ({"code": "0003NQK8N1"}, "offline_policy"),
            ({"offer": 2**40}, "offer_unknown"),
            ({"offer_version": 9}, "offer_unknown"),
        ],
    )
    def test_refuses_what_no_honest_till_sends_and_keeps_it(self, shop, change, code):
        made, row = card(), offer(shop.till.merchant)
        assert shop.verdicts(shop.device.entry(made, row, at=NOON, **change)) == [("refused", code)]
        assert OfflineEntry.objects.get().code == code and not Redemption.objects.exists()

    def test_never_lets_a_broken_entry_hold_up_the_others(self, shop):
        made, row = card(), offer(shop.till.merchant)
        found = shop.verdicts({"client_id": "x"}, "text", shop.device.entry(made, row, at=NOON))
        assert found == [("refused", "entry_malformed")] * 2 + [("accepted", "")]
        assert OfflineEntry.objects.count() == 3

    def test_refuses_an_entry_that_was_changed_or_signed_by_another_device(self, shop):
        made, row = card(), offer(shop.till.merchant)
        changed = {**shop.device.entry(made, row, at=NOON), "amount": "9.90"}
        foreign = Device(TillFactory()).entry(made, row, at=NOON)
        assert shop.verdicts(changed, foreign) == [("refused", "signature_invalid")] * 2

    def test_refuses_another_sale_under_a_known_id(self, shop):
        made, row = card(), offer(shop.till.merchant)
        entry = shop.device.entry(made, row, at=NOON)
        other = shop.device.entry(made, row, at=NOON, client_id=entry["client_id"], amount="1.00")
        assert shop.verdicts(entry, other) == [("accepted", ""), ("refused", "client_id_reused")]

    def test_notes_a_sale_that_was_taken_back_before_it_was_sent(self, shop, at_till):
        made, row = card(), offer(shop.till.merchant, per_person_limit=1)
        entry = shop.device.entry(made, row, at=NOON, undone=True)
        body = {name: entry[name] for name in ("client_id", "code", "offer", "amount", "offer_version")}
        assert at_till(shop.till).post("/api/v1/redemptions/", body, format="json").status_code == 201
        assert shop.verdicts(entry) == [("accepted", "undone")]
        assert not Redemption.objects.counted().exists() and Quota.objects.get().used == 0

    def test_undoes_a_sale_that_was_taken_back_while_it_was_on_its_way(self, shop):
        made, row = card(), offer(shop.till.merchant, per_person_limit=1)
        entry = shop.device.entry(made, row, at=NOON)
        undone = shop.device.sign({**{k: v for k, v in entry.items() if k != "signature"}, "undone": True})
        assert shop.verdicts(entry, undone, undone) == [("accepted", ""), ("replayed", ""), ("replayed", "")]
        assert not Redemption.objects.counted().exists() and Quota.objects.get().used == 0

    def test_of_a_revoked_till_is_refused_whole_so_that_its_queue_stays(self, shop):
        """Threat: stolen till phone: revoked device upload → 401, queue kept."""
        made, row = card(), offer(shop.till.merchant)
        merchant_services.revoke(actor=owner(shop.till.merchant), till=shop.till, at=NOON)
        assert shop.send(shop.device.entry(made, row, at=NOON)).status_code == 401
        assert not OfflineEntry.objects.exists()

    def test_takes_fifty_entries_at_a_time(self, shop):
        made, row = card(), offer(shop.till.merchant)
        entries = [shop.device.entry(made, row, at=NOON) for _sale in range(51)]
        assert shop.send(*entries).status_code == 400
        assert {verdict for verdict, _code in shop.verdicts(*entries[:50])} == {"accepted"}

    def test_needs_a_device_that_registered_its_key(self, shop, at_till):
        till = TillFactory(last_seen_at=NOON)
        assert shop.send({}, till=till).data["code"] == "device_key_missing"

    def test_gives_a_conflict_back_without_moving_the_quota(self, shop):
        made, row = card(), offer(shop.till.merchant, per_person_limit=1)
        first, second = (shop.device.entry(made, row, at=NOON) for _sale in range(2))
        shop.send(first, second)
        voids.void(till=shop.till, client_id=UUID(second["client_id"]), at=NOON)
        assert Quota.objects.get().used == 1
        voids.void(till=shop.till, client_id=UUID(first["client_id"]), at=NOON)
        assert Quota.objects.get().used == 0


class TestARun:
    """Plain sales of a queue are taken in together; nothing may tell that from one at a time."""

    def queue(self, shop):
        """A queue with every fate in it, in its order."""
        merchant = shop.till.merchant
        free, once = offer(merchant), offer(merchant, per_person_limit=1)
        few, first = offer(merchant, stock=2), offer(merchant, first_visit=True)
        one, two, three, four, blocked = (card(at=NOON - timedelta(days=2)) for _card in range(5))
        Card.objects.filter(pk=blocked.pk).update(blocked_at=NOON - HOUR)
        made = [
            (one, free, {}), (one, once, {}), (two, once, {}), (one, once, {}), (two, free, {"amount": "0"}),
            (blocked, free, {}), (blocked, free, {"list_issued_at": (NOON - 2 * HOUR).isoformat()}),
            (three, few, {}), (four, few, {}), (one, few, {}), (three, free, {"scanned_at": (NOON - 24 * HOUR).isoformat()}),
            (three, first, {}), (four, free, {"undone": True}),
            (four, free, {"scanned_at": (NOON - timedelta(days=8)).isoformat()}), (two, free, {}),
        ]  # fmt: skip
        entries = [shop.device.entry(who, row, at=NOON, **more) for who, row, more in made]
        return [*entries, {"client_id": "x", "seq": shop.device.seq}, entries[0], {**entries[1], "amount": "1.00"}]

    def test_answers_and_keeps_what_the_same_sales_one_by_one_do(self, shop, monkeypatch):
        """Case: one queue with every fate in it, as runs and one by one."""
        together = shop.verdicts(*self.queue(shop))
        counts = [model.objects.count() for model in (OfflineEntry, Redemption, Quota, AuditEntry)]
        monkeypatch.setattr(offline_runs, "MOST", 1)
        assert shop.verdicts(*self.queue(shop)) == together
        assert [model.objects.count() for model in (OfflineEntry, Redemption, Quota)] == [2 * n for n in counts[:3]]
        assert [verdict for verdict, _code in together] == [
            *["accepted"] * 3, "conflict", "refused", "refused", "conflict", "accepted", "accepted", "conflict", "accepted",
            "conflict", "accepted", "late", "accepted", "refused", "replayed", "refused",
        ]  # fmt: skip

    def test_of_fifty_costs_two_statements_each_and_a_dozen_more(self, shop, django_assert_max_num_queries):
        """Issue 4: sync of 5,000 offline entries; each was a transaction of seven statements of its own."""
        row = offer(shop.till.merchant, per_person_limit=1)
        entries = [shop.device.entry(card(), row, at=NOON) for _sale in range(20)]
        with django_assert_max_num_queries(2 * 20 + 14):
            assert set(shop.verdicts(*entries)) == {("accepted", "")}

    def test_that_dies_before_its_end_never_happened_and_is_taken_in_again(self, shop, monkeypatch):
        """Case: nothing lost when the server dies at any moment; a run is kept whole or not at all."""
        row = offer(shop.till.merchant, per_person_limit=1)
        entries = [shop.device.entry(card(), row, at=NOON) for _sale in range(3)]

        def die(*_arguments):
            raise SystemExit

        with monkeypatch.context() as dying:
            dying.setattr(offline_runs, "keep", die)
            with pytest.raises(SystemExit):
                shop.send(*entries)
        assert not any(model.objects.exists() for model in (OfflineEntry, Redemption, RedemptionRequest, Quota))
        assert shop.verdicts(*entries) == [("accepted", "")] * 3


class TestDeviceKey:
    URL = "/api/v1/tills/device-key/"

    def register(self, at_till, till, point):
        from benefit_card.revocation import b64

        return at_till(till).post(self.URL, {"public_key": b64(point)}, format="json")

    def test_is_registered_once(self, at_till):
        till, other = TillFactory(), TillFactory()
        point, second = Device(other).point, Device(TillFactory()).point
        assert [self.register(at_till, till, key).status_code for key in (point, point, second)] == [200, 200, 409]
        assert bytes(Till.objects.get(pk=till.pk).device_key) == point

    def test_is_a_point_of_the_curve(self, at_till):
        assert self.register(at_till, TillFactory(), b"\x04" + bytes(64)).data["code"] == "device_key_invalid"


class TestPack:
    def test_has_every_rule_of_the_running_offers_and_no_person(self, at_till):
        till = TillFactory()
        row = offer(till.merchant, per_person_limit=1, offline=OfflinePolicy.DYNAMIC, ends_on=date(2027, 1, 1))
        offer(till.merchant, title="ended").state = OfferState.ENDED
        pack = at_till(till).get("/api/v1/tills/pack/").data
        deal = next(deal for deal in pack["offers"] if deal["id"] == row.pk)
        assert (deal["limited"], deal["offline"], deal["ends_on"]) == (True, "dynamic", "2027-01-01")
        assert set(pack) == {
            "server_time",
            "shop",
            "merchant",
            "till",
            "device_key",
            "root_key",
            "specimen",
            "cashiers",
            "offers",
        }
