"""What looks wrong is raised once, shown without a name, and decided by people."""

from __future__ import annotations

import logging
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from benefit_card.models import Card, Redemption, Shown, Signal, SignalKind, Standing
from benefit_card.services import fraud, signals
from companies.errors import NotAllowed
from companies.states import StateRefused
from tests.factories.benefit_card import TillFactory, card, offer, phone_code, print_code, sale, typed_code
from tests.factories.companies import CompanyFactory, UserFactory, member, staff

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    """The moment of each test, not of their collection: the keys of its cards are drawn a moment before."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC))


@pytest.fixture
def world():
    """A holder with an account, and a way to write sales."""
    made = card()
    made.person.user = UserFactory()
    made.person.save()
    tills: dict[int, object] = {}

    def sell(minutes, *, shop=0, shown=Shown.PRINT, who=made, **more):
        if shop not in tills:
            till = TillFactory()
            tills[shop] = (till, offer(till.merchant))
        till, row = tills[shop]
        return Redemption.objects.create(
            client_id=uuid.uuid4(), card=who, person=who.person, merchant=till.merchant, till=till, offer=row,
            offer_version=row.current, shown=shown, gross_cents=2_000, discount_cents=200, period="ever",
            at=NOW - timedelta(minutes=minutes), **more,
        )  # fmt: skip

    sell.card = made
    return sell


def kinds():
    return sorted(Signal.objects.values_list("kind", flat=True))


class TestLook:
    def test_raises_two_shops_within_three_minutes_once(self, world):
        world(100), world(100 - 3 - 1 / 60, shop=1)
        assert fraud.look(at=NOW) == 0, "a second more than three minutes"
        world(10), world(7, shop=1)
        world(200), world(190, shop=1)
        assert fraud.look(at=NOW) == 1 and fraud.look(at=NOW + timedelta(hours=1)) == 0
        assert Signal.objects.get().facts["seconds"] == 180

    def test_raises_a_merchant_with_typed_codes_only(self, world):
        """Threat: merchant invents redemptions — merchant with 100 % typed codes appears in queue; from twenty sales on."""
        for turn in range(19):
            world(turn * 60 + 5, shown=Shown.TYPED)
            world(turn * 60 + 35, shop=1, shown=Shown.PHONE if turn == 7 else Shown.TYPED, who=world.card)
        world(31 * 24 * 60, shown=Shown.TYPED)  # too long ago to count
        assert fraud.look(at=NOW) == 0
        world(1_300, shown=Shown.TYPED), world(1_330, shop=1, shown=Shown.TYPED)
        assert (fraud.look(at=NOW), kinds()) == (1, ["typed"])

    def test_raises_two_conflicts_in_ninety_days(self, world):
        world(60, standing=Standing.CONFLICT), world(60 * 24 * 91, standing=Standing.CONFLICT)
        assert fraud.look(at=NOW) == 0, "one in ninety days"
        world(60 * 24 * 89, standing=Standing.CONFLICT)
        assert (fraud.look(at=NOW), kinds()) == (1, ["conflicts"])

    def test_keeps_the_parallel_use_of_a_day_pass_once(self, world):
        """Threat: seed export — same day pass from 2 devices; screenshot — same slot, two merchants."""
        for _report in range(2):
            signals.seen_elsewhere(status_index=world.card.status_index, slot=7, first=1, second=2, at=NOW)
        assert kinds() == ["parallel"]


class TestContest:
    def test_is_the_holder_s_alone_and_kept_once(self, world, client):
        row = world(60)
        url = reverse("benefit_card:contest", args=[row.client_id])
        client.force_login(member(CompanyFactory(), "hr", "admin"))
        assert client.post(url, {"words": "moi"}).status_code == 404
        client.force_login(world.card.person.user)
        for _click in range(2):
            assert client.post(url, {"words": "Je n'étais pas en ville"}).status_code == 302
        assert Signal.objects.get().words == "Je n'étais pas en ville"
        assert Signal.objects.get().kind == SignalKind.CONTESTED

    def test_needs_words_and_a_recent_use(self, world):
        old, new = world(60 * 24 * 91), world(5)
        with pytest.raises(fraud.ContestTooLate):
            fraud.contest(actor=world.card.person.user, client_id=old.client_id, words="non", at=NOW)
        with pytest.raises(fraud.ContestEmpty):
            fraud.contest(actor=world.card.person.user, client_id=new.client_id, words="  ", at=NOW)


class TestDecide:
    def signal(self, world, kind=SignalKind.CONTESTED, **more):
        row = world(60 * 24)
        return Signal.objects.create(
            kind=kind, key=f"x:{row.pk}", card=world.card, redemption=row, raised_at=NOW, **more
        )  # fmt: skip

    def test_undoes_a_contested_use_as_a_correction(self, world):
        found = self.signal(world)
        fraud.decide(actor=staff(), signal=found, measure="void", reason="Le commerce confirme", at=NOW)
        assert Redemption.objects.filter(voids=found.redemption).count() == 1
        found.refresh_from_db()
        assert (found.state, found.reason) == ("upheld", "Le commerce confirme")

    def test_limits_or_blocks_a_card_and_lifts_what_was_wrong(self, world):
        fraud.decide(
            actor=staff(), signal=self.signal(world, SignalKind.CONFLICTS), measure="online_only", reason="x", at=NOW
        )
        assert Card.objects.get().online_only_at == NOW
        fraud.decide(
            actor=staff(), signal=self.signal(world, SignalKind.CONFLICTS), measure="dismiss", reason="x", at=NOW
        )
        assert Card.objects.get().online_only_at is None
        fraud.decide(
            actor=staff(), signal=self.signal(world, SignalKind.ELSEWHERE), measure="block", reason="x", at=NOW
        )
        assert Card.objects.get().blocked_at is not None

    def test_is_made_once_with_a_reason_by_the_association(self, world):
        found = self.signal(world)
        twin = Signal.objects.get(pk=found.pk)
        with pytest.raises(NotAllowed):
            fraud.decide(actor=world.card.person.user, signal=found, measure="dismiss", reason="x", at=NOW)
        for measure, reason in (("dismiss", " "), ("block", "x"), ("", "x")):
            with pytest.raises(fraud.DecisionIncomplete):
                fraud.decide(actor=staff(), signal=found, measure=measure, reason=reason, at=NOW)
        fraud.decide(actor=staff(), signal=found, measure="dismiss", reason="Rien d'anormal", at=NOW)
        with pytest.raises(StateRefused):
            fraud.decide(actor=staff(), signal=twin, measure="noted", reason="Trop tard", at=NOW)
        assert Signal.objects.get().reason == "Rien d'anormal"

    def test_shows_the_queue_without_a_name(self, world, client, django_assert_max_num_queries):
        for _signal in range(5):
            self.signal(world)
        client.force_login(staff())
        with django_assert_max_num_queries(12):
            page = client.get(reverse("benefit_card:signals")).content.decode()
        assert page.count("signals/") >= 5
        assert world.card.person.last_name not in page and world.card.person.user.email not in page


class TestCredential:
    def test_is_in_no_log_line_and_no_referrer(self, at_till, client, caplog):
        """Threat: credential in logs/referrer — grep logs after test run = 0 hits."""
        caplog.set_level(logging.DEBUG)
        made, till = card(), TillFactory()
        row = offer(till.merchant)
        codes = [print_code(made), phone_code(made, at=datetime.now(UTC)), typed_code(made)]
        for code in codes:
            at_till(till).post("/api/v1/scans/", {"code": code}, format="json")
            at_till(till).post("/api/v1/redemptions/", sale(made, row, code=code), format="json")
            at_till(till).post("/api/v1/redemptions/", sale(made, row, code=code + "X"), format="json")
        landing = client.get("/C")
        assert landing.headers["Referrer-Policy"] == "no-referrer"
        written = "\n".join(record.getMessage() + str(record.exc_info or "") for record in caplog.records)
        assert "/api/v1/redemptions/" in written, "the log must have lines to be searched"
        assert [code for code in codes if code in written or (len(code) > 60 and code[5:60] in written)] == []
