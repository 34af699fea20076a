"""Pools driven through random legal and illegal steps by the real services on PostgreSQL; the invariants hold after each.

Checked here: I1, I2, I5, I6, I7, I8, I11, I12, I13, I16, drafts that count for nothing, and that a refused step changes
nothing. I3, I4, I9 and I15 belong to the invoices that come after, I10 to the ledger, I14 to approvals and awards.
"""

from datetime import timedelta

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

from companies.errors import DomainError
from companies.models import AuditEntry, OutboxMail
from purchasing.models import Allocation, Commitment, Pool, PooledNeed, PoolLine, PurchaseOrderLine, ReceiptLine
from purchasing.services import closing, commitment, delivery, lock, order, pool, progress
from purchasing.services import standing as standings
from purchasing.services.commitment import Word
from tests.purchasing.back import CLOSES, hours, world

LETTERS = "ABCDE"
SPEAKING = ("committing", "completing")
LETTER = st.sampled_from(LETTERS)


class PoolMachine(RuleBasedStateMachine):
    """One pool of one line from its opening to the last delivery."""

    @initialize(
        pack=st.sampled_from([1, 6, 12]),
        moq=st.sampled_from([0, 24]),
        minimum=st.sampled_from([0, 0, 10_000]),
        missed=st.sampled_from(["round_down", "extend", "fail"]),
        shortage=st.sampled_from(["proportional", "first_come"]),
        completes=st.booleans(),
        limit=st.sampled_from([4_000, 100_000_000]),
        first=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6)), min_size=2, max_size=5),
    )
    def open(self, pack, moq, minimum, missed, shortage, completes, limit, first):
        self.now = hours(1)
        self.w = world(
            tiers=((1, 42_000), (30, 36_000), (60, 31_500)),
            pack=pack,
            moq=moq // pack * pack,
            minimum_cents=minimum,
            minimum_missed=missed,
            shortage=shortage,
            franco_cents=15_000,
            completes_at=CLOSES + timedelta(days=2) if completes else None,
        )
        for letter in LETTERS:
            self.w.company(letter, limit=limit if letter == "E" else 100_000_000)
        self.order = None
        self.received = 0
        for letter, (quantity, tolerance) in zip(LETTERS, first, strict=False):
            self.say(letter, quantity, tolerance, tier=True, cap=None, useful=0, draft=False)

    def attempt(self, step):
        """Run a step; a refusal is fine but must leave everything as it was."""
        before = self.snapshot()
        try:
            step()
        except DomainError:
            assert self.snapshot() == before
        self.w.pool = Pool.objects.get(pk=self.w.pool.pk)

    def snapshot(self):
        of = {"pool_line__pool": self.w.pool.pk}
        return (
            Pool.objects.filter(pk=self.w.pool.pk).values_list("state", "closes_at", "extended_at").get(),
            list(Commitment.objects.filter(**of).order_by("pk").values_list("state", "quantity", "version", "granted")),
            list(PooledNeed.objects.filter(**of).order_by("pk").values_list("released_at", "request_line__state")),
            AuditEntry.objects.count(),
            OutboxMail.objects.count(),
        )

    @rule(
        letter=LETTER,
        quantity=st.integers(1, 40),
        tolerance=st.integers(0, 12),
        tier=st.booleans(),
        cap=st.sampled_from([None, None, 31_499, 31_500, 36_000, 42_000]),
        useful=st.integers(0, 6),
        draft=st.sampled_from([False, False, False, True]),
    )
    def say(self, letter, quantity, tolerance, tier, cap, useful, draft):
        word = Word(quantity, tolerance, tier, cap, useful)
        who = {"actor": self.w.buyers[letter], "company": self.w.companies[letter]}
        self.attempt(lambda: commitment.commit(**who, line=self.w.line, word=word, at=self.now, draft=draft))

    @rule(letter=LETTER)
    def take_back(self, letter):
        who = {"actor": self.w.buyers[letter], "company": self.w.companies[letter]}
        self.attempt(lambda: commitment.withdraw(**who, line=self.w.line, at=self.now))

    @rule(letter=LETTER)
    def suspend(self, letter):
        company = self.w.companies[letter]
        company.status, company.suspended_at = "suspended", self.now
        company.save()

    @rule(step=st.sampled_from([1, 30, 47, 200]))
    def wait(self, step):
        self.now += timedelta(hours=step)

    @rule()
    def warn(self):
        self.attempt(lambda: closing.warn(pool=self.w.pool, at=self.now))

    @rule(wait=st.sampled_from([True, True, False]))
    def lock_twice(self, wait):
        deadline = standings.deadline_of(self.w.pool)
        if wait and self.w.pool.state in SPEAKING and deadline is not None:
            self.now = max(self.now, deadline)
        self.attempt(lambda: lock.lock(pool=self.w.pool, at=self.now))
        if self.w.pool.state in ("locked", "failed"):  # I12
            before = self.snapshot()
            lock.lock(pool=self.w.pool, at=self.now)
            assert self.snapshot() == before

    @precondition(lambda self: self.w.pool.state not in ("locked", "ordered", "receiving"))
    @rule(chance=st.integers(0, 9))
    def cancel(self, chance):
        if chance == 0:
            self.attempt(lambda: pool.cancel(actor=self.w.staff, pool=self.w.pool, reason="essai", at=self.now))

    @precondition(lambda self: self.w.pool.state not in SPEAKING or self.now > CLOSES)
    @rule()
    def send_the_order(self):
        def send():
            (row,) = order.prepare(actor=self.w.staff, pool=self.w.pool, at=self.now)
            self.order = order.sign_and_send(actor=self.w.staff, order=row, at=self.now)

        if self.order is None:
            before = self.snapshot()
            try:
                send()
            except DomainError:
                assert self.snapshot() == before
            self.w.pool = Pool.objects.get(pk=self.w.pool.pk)

    @precondition(lambda self: self.order is not None)
    @rule(part=st.integers(1, 20), refused=st.integers(0, 3))
    def receive(self, part, refused):
        line = self.order.lines.get()
        counted = min(part, max(0, line.quantity - self.received))
        counts = {line.pk: delivery.Count(counted, min(refused, counted))}
        had = self.allocated()

        def run():
            delivery.receive(actor=self.w.staff, order=self.order, counts=counts, at=self.now)
            self.received += counted

        self.attempt(run)
        got = self.allocated()
        assert all(got.get(pk, 0) >= units for pk, units in had.items())  # I16, rule 3 is monotone

    def allocated(self):
        rows = Allocation.objects.filter(commitment__pool_line=self.w.line).order_by().values_list("commitment")
        return dict(rows.annotate(n=Sum("quantity")))

    @invariant()
    def everything_holds(self):
        """Each check on one reading of the words and of the standing, which are what a step costs most."""
        rows = Commitment.objects.filter(pool_line=self.w.line).prefetch_related("versions")
        self.said, self.standing = list(rows), standings.read(self.w.pool)
        for check in (
            self.i2_nobody_is_given_more_than_was_said,
            self.i1_every_unit_received_has_an_owner_or_is_left_over,
            self.i5_i6_i7_the_order_is_the_sum_of_the_parts_in_whole_packs_at_one_price_nobody_refused,
            self.i8_the_log_ends_where_each_row_stands,
            self.versions_are_unbroken_and_a_draft_counts_for_nothing,
            self.i11_the_order_of_rows_is_irrelevant,
            self.i13_few_companies_see_bands,
            self.a_dead_pool_gives_everything_back,
        ):
            check()

    def i2_nobody_is_given_more_than_was_said(self):
        got = self.allocated()
        for row in self.said:
            if row.granted is not None:
                assert 0 <= got.get(row.pk, 0) <= row.granted <= row.quantity + row.tolerance

    def i1_every_unit_received_has_an_owner_or_is_left_over(self):
        for row in ReceiptLine.objects.filter(order_line__pool_line=self.w.line):
            given = row.allocations.aggregate(n=Sum("quantity"))["n"] or 0
            assert given + row.left_over == row.counted - row.refused

    def i5_i6_i7_the_order_is_the_sum_of_the_parts_in_whole_packs_at_one_price_nobody_refused(self):
        line = PoolLine.objects.get(pk=self.w.line.pk)
        locked = [row for row in self.said if row.state == "locked"]
        if line.state != "locked":
            assert not locked
            return
        assert sum(row.granted for row in locked) == line.order_quantity
        assert line.order_quantity % line.pack == 0 and line.order_quantity >= line.moq
        assert all(row.price_cap_e4 is None or row.price_cap_e4 >= line.unit_price_e4 for row in locked)
        for ordered in PurchaseOrderLine.objects.filter(pool_line=line):
            assert (ordered.quantity, ordered.unit_price_e4) == (line.order_quantity, line.unit_price_e4)

    def i8_the_log_ends_where_each_row_stands(self):
        entries = AuditEntry.objects.filter(target_type="purchasing.commitment").order_by("pk")
        last = {e.target_id: e.action for e in entries if e.action != "commitment.changed"}
        for row in self.said:
            if row.version:
                assert last[str(row.pk)] == f"commitment.{row.state}"
        moves = AuditEntry.objects.filter(target_type="purchasing.pool", target_id=str(self.w.pool.pk))
        if self.w.pool.state not in ("committing",):
            assert moves.filter(action=f"pool.{self.w.pool.state}").exists()
        assert moves.filter(action="pool.extended").count() <= 1

    def versions_are_unbroken_and_a_draft_counts_for_nothing(self):
        lines = self.standing.lines
        counted = {c.pk for c in lines[0].commitments} if lines else set()
        for row in self.said:
            numbers = sorted(v.number for v in row.versions.all())
            assert numbers == list(range(1, row.version + 1))
            assert (row.pk in counted) == (row.state in ("committed", "locked"))

    def i11_the_order_of_rows_is_irrelevant(self):
        if self.w.pool.state not in SPEAKING:
            return
        rows = standings.commitments_of(self.w.pool)
        one = self.standing.lines[0].outcome
        two = standings.read(self.w.pool, rows=rows[::-1]).lines[0].outcome
        assert (one.ordered, one.tier, one.granted) == (two.ordered, two.tier, two.granted)

    def i13_few_companies_see_bands(self):
        for row in self.standing.lines:
            for letter in LETTERS:
                company = self.w.companies[letter]
                others = {c.company_id for c in row.commitments} - {company.pk}
                view = progress.view_for(self.standing, row, company)
                if len(others) < 3:
                    assert all(step.progress.reached is None for step in view.steps) and not view.buy_ups

    def a_dead_pool_gives_everything_back(self):
        if self.w.pool.state in ("failed", "cancelled"):
            needs = PooledNeed.objects.filter(pool_line__pool=self.w.pool)
            assert not needs.filter(released_at__isnull=True).exists()
            assert set(needs.values_list("request_line__state", flat=True)) == {"approved"}
            assert not self.w.pool.orders.exists()
            assert {row.state for row in self.said} <= {"dropped", "withdrawn"}


@pytest.mark.django_db(transaction=True)
class TestAnyPool:
    def test_keeps_the_invariants_through_legal_and_illegal_steps(self):
        run_state_machine_as_test(
            PoolMachine,
            settings=settings(
                max_examples=11,
                stateful_step_count=14,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
