"""A counter driven through random legal and illegal steps by the real services: promises, rows and counters agree after each."""

from __future__ import annotations

from collections import Counter as TallyOf
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from benefit_card import refusals
from benefit_card.entry_form import read_entry
from benefit_card.models import Quota, Redemption, Standing, Undone
from benefit_card.services import offline, redemption, voids
from tests.benefit_card.device import Device
from tests.factories.benefit_card import TillFactory, card, offer, print_code, publish


class Counter(RuleBasedStateMachine):
    """One card at two tills of a shop: sold with and without network, sent again, undone, while limits and months change."""

    @initialize(limit=st.integers(1, 3), stock=st.one_of(st.none(), st.integers(1, 6)))
    def open(self, limit, stock):
        first = TillFactory()
        self.tills = [first, TillFactory(shop=first.shop)]
        self.devices = [Device(till) for till in self.tills]
        self.now, self.card = datetime(2026, 1, 30, 11, tzinfo=UTC), card(at=datetime(2026, 1, 2, tzinfo=UTC))
        self.row = offer(first.merchant, per_person_limit=limit, stock=stock, period="month")
        self.stock, self.most, self.versions = stock, limit, 1
        self.told, self.kept, self.sent, self.promised = {}, [], {}, {}

    def redeem(self, which, client_id, cents=4990):
        return redemption.redeem(
            till=self.tills[which], client_id=client_id, code=print_code(self.card), offer_id=self.row.pk,
            amount_cents=cents, version=None, at=self.now,
        )  # fmt: skip

    @rule(which=st.integers(0, 1))
    def sell(self, which):
        client_id = uuid4()
        answer = self.redeem(which, client_id)
        self.told[client_id] = which, answer
        if answer.status == 201:
            self.promised[client_id] = 499

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def ask_again(self, data):
        client_id = data.draw(st.sampled_from(list(self.told)))
        which, answer = self.told[client_id]
        again = self.redeem(which, client_id)
        assert (again.status, again.body) == (answer.status, answer.body) and again.replayed
        with pytest.raises(refusals.ClientIdReused):
            self.redeem(which, client_id, cents=4980)

    @rule(which=st.integers(0, 1))
    def sell_without_network(self, which):
        self.kept.append((which, self.devices[which].entry(self.card, self.row, at=self.now)))

    def send(self, which, raw):
        (answer,) = offline.sync(till=self.tills[which], rows=[read_entry(raw)], at=self.now)
        return answer

    @precondition(lambda self: self.kept)
    @rule()
    def arrive(self):
        which, raw = self.kept.pop(0)
        answer = self.sent[raw["client_id"]] = self.send(which, raw)
        if answer["verdict"] in ("accepted", "conflict"):
            self.promised[UUID(raw["client_id"])] = 499
        else:
            assert answer["redemption"] is None
        assert self.send(1 - which, raw)["verdict"] in ("replayed", "refused")
        assert self.send(which, raw) == {**answer, "verdict": "replayed"}

    @precondition(lambda self: self.promised)
    @rule(data=st.data(), which=st.integers(0, 1))
    def undo(self, data, which):
        client_id = data.draw(st.sampled_from(list(self.promised)))
        try:
            voids.void(till=self.tills[which], client_id=client_id, at=self.now)
        except refusals.TooLateToVoid:
            return
        del self.promised[client_id]
        with pytest.raises(refusals.AlreadyVoided):
            voids.void(till=self.tills[which], client_id=client_id, at=self.now)

    @rule(limit=st.integers(1, 3), stock=st.integers(1, 6))
    def change_terms(self, limit, stock):
        self.versions += 1
        self.most = max(self.most, limit)
        self.stock = self.stock and max(self.stock, stock)
        terms = {"per_person_limit": limit, "stock": self.stock and stock, "period": "month"}
        publish(self.row, number=self.versions, **terms)

    @rule(days=st.sampled_from([0, 1, 3, 9]))
    def time_passes(self, days):
        self.now += timedelta(days=days, minutes=5)

    @invariant()
    def counts_agree(self):
        if not hasattr(self, "row"):
            return
        rows = Redemption.objects.filter(offer=self.row)
        standing = rows.counted()
        assert {row.client_id: row.discount_cents for row in standing} == self.promised
        moved = TallyOf(standing.filter(standing=Standing.OK).values_list("period", flat=True))
        counters = Quota.objects.filter(key__endswith=f":{self.row.pk}", scope="person")
        assert {row.period: row.used for row in counters if row.used} == moved
        assert all(used <= self.most for used in moved.values())
        if self.stock:
            total = Quota.objects.filter(scope="stock", key=str(self.row.pk)).aggregate(used=Sum("used", default=0))[
                "used"
            ]
            assert total == moved.total() <= self.stock
        assert Undone.objects.filter(pk__in=rows).count() == rows.filter(voids__isnull=False).count()


@pytest.mark.django_db
class TestACounter:
    def test_agrees_with_what_it_promised_whatever_the_order(self):
        """Every cent promised to a till is a row, every row that moved a quota is counted in it, and no other."""
        quiet = settings(
            max_examples=6, stateful_step_count=16, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        run_state_machine_as_test(Counter, settings=quiet)
