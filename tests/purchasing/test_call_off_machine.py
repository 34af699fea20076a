"""Call-offs of an agreement through random legal and illegal steps: quotas, validity, what is given back, the rebate's base."""

from datetime import date, timedelta

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from companies.errors import DomainError
from purchasing.models import Allocation, CallOff, PurchaseOrder
from purchasing.services import delivery, framework_received, order
from purchasing.services import framework_use as use
from tests.purchasing.framed import AT, frame

LETTERS = "ABC"
LETTER = st.sampled_from(LETTERS)
LAST = AT.date() + timedelta(days=3)


class CallOffMachine(RuleBasedStateMachine):
    """One article of 100 units in all, of which A may draw 40 and nobody may take them from it; four days."""

    @initialize()
    def sign(self):
        self.now = AT
        self.f = frame(tiers=((1, 20_000),), most=100, starts_on=date(2026, 1, 1), ends_on=LAST)
        for letter in LETTERS:
            self.f.company(letter)
        self.f.quota("A", 40)

    def drawn(self):
        by_pk = use.drawn_of(self.f.article)
        return {letter: by_pk.get(str(self.f.companies[letter].pk), 0) for letter in LETTERS}

    @rule(letter=LETTER, quantity=st.sampled_from([1, 15, 30, 41, 61]))
    def draw(self, letter, quantity):
        before, count = self.drawn(), CallOff.objects.count()
        kept = max(0, 40 - before["A"]) if letter != "A" else 0
        room = 100 - sum(before.values()) - kept
        room = min(room, 40 - before["A"]) if letter == "A" else room
        allowed = self.now.date() <= LAST and quantity <= room
        try:
            self.f.draw(letter, quantity, self.now)
        except DomainError:
            assert not allowed
            assert (self.drawn(), CallOff.objects.count()) == (before, count)
        else:
            assert allowed
            assert self.drawn() == before | {letter: before[letter] + quantity}

    def some(self, chance, *states):
        rows = list(
            PurchaseOrder.objects.filter(pool__call_off__agreement=self.f.agreement, state__in=states).order_by("pk")
        )
        return rows[chance % len(rows)] if rows else None

    @rule(chance=st.integers(0, 9))
    def cancel(self, chance):
        row = self.some(chance, "to_sign", "sent", "part_received")
        if row is None:
            return
        before, letter, quantity = self.drawn(), row.pool.only_company.name, row.lines.get().quantity
        try:
            order.cancel(actor=self.f.staff, order=row, reason="Erreur", at=self.now)
        except DomainError:
            assert row.state == "part_received" and self.drawn() == before
        else:
            assert self.drawn() == before | {letter: before[letter] - quantity}
            row.pool.refresh_from_db()
            assert row.pool.state == "cancelled"

    @rule(chance=st.integers(0, 9), part=st.integers(1, 20))
    def receive(self, chance, part):
        row = self.some(chance, "to_sign", "sent", "part_received")
        if row is None:
            return
        if row.state == "to_sign":
            row = self.f.send(CallOff.objects.get(pool=row.pool_id), self.now)
        left = delivery.open_quantity(row.lines.get())
        self.f.receive(row, min(part, left), self.now)

    @rule(chance=st.integers(0, 9))
    def give_up_the_rest(self, chance):
        row = self.some(chance, "part_received")
        if row is not None:
            delivery.close_short(actor=self.f.staff, order=row, reason="Rupture", at=self.now)

    @rule()
    def a_day_passes(self):
        self.now += timedelta(days=1)

    @invariant()
    def quotas_and_the_maximum_hold(self):
        drawn = self.drawn()
        assert drawn["A"] <= 40 and sum(drawn.values()) <= 100
        assert drawn["B"] + drawn["C"] <= 60
        assert not CallOff.objects.filter(agreement=self.f.agreement, created_at__date__gt=LAST).exists()

    @invariant()
    def the_rebate_counts_what_came(self):
        ours = Allocation.objects.filter(commitment__pool_line__pool__call_off__agreement=self.f.agreement)
        rows = ours.order_by().values_list("commitment__company").annotate(units=Sum("quantity"))
        base = {
            row.company: (row.units, row.value_cents) for row in framework_received.received_in(self.f.agreement, 2026)
        }
        assert base == {company: (units, units * 200) for company, units in rows}


@pytest.mark.django_db(transaction=True)
class TestAnyCallOffs:
    def test_keep_quotas_validity_and_the_base_of_the_rebate(self):
        run_state_machine_as_test(
            CallOffMachine,
            settings=settings(
                max_examples=4,
                stateful_step_count=12,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
