"""Sixteen threads at the same moment, from the last commitment to the claim: everything happens once, and every unit has one owner.

Each storm was seen to fail without the lock, or without both locks, named in its docstring.
"""

from datetime import timedelta

import pytest
from django.db.models import Sum

from companies.billing.models import CreditNote
from companies.models import AuditEntry
from purchasing.models import (
    Allocation,
    Commitment,
    HandOver,
    HandOverLine,
    PoolLine,
    Receipt,
    ReceiptLine,
)
from purchasing.services import commitment, lock
from purchasing.services.commitment import Word
from purchasing.services.delivery import Count, accepted_of, receive
from tests.purchasing.back import CLOSES, Delivered, hours, world
from tests.purchasing.test_claims import Claimed
from tests.storm import THREADS, storm

pytestmark = pytest.mark.django_db(transaction=True)


def given(order_line):
    """Units by company of one order line."""
    rows = Allocation.objects.filter(receipt_line__order_line=order_line).values_list("commitment__company__name")
    return dict(rows.annotate(n=Sum("quantity")).order_by("commitment__company__name"))


class TestTheLastSecond:
    def test_a_word_is_counted_or_refused_while_the_pool_locks(self):
        """Fourteen companies commit at 23:59:59, two workers lock: the pool's row decides who was in time."""
        w = world(pack=1, franco_cents=None)
        letters = "ABCDEFGHIJKLMN"
        for letter in letters:
            w.company(letter)
        w.commit("A", 5)
        last = CLOSES - timedelta(seconds=1)

        def say(letter):
            return lambda: commitment.commit(
                actor=w.buyers[letter], company=w.companies[letter], line=w.line, word=Word(3), at=last
            )

        answers = storm(*[say(letter) for letter in letters], *[lambda: lock.lock(pool=w.pool, at=CLOSES)] * 2)
        in_time = {letter for letter, said in zip(letters, answers, strict=False) if isinstance(said, Commitment)}
        rows = Commitment.objects.filter(pool_line=w.line).values_list("company__name", "state", "granted")
        assert {(name, state) for name, state, _n in rows} == {(letter, "locked") for letter in in_time | {"A"}}
        assert PoolLine.objects.get(pk=w.line.pk).order_quantity == sum(n for _name, _state, n in rows)  # I5
        assert AuditEntry.objects.filter(action="pool.locked").count() == 1


class TestADelivery:
    def test_entered_by_sixteen_counts_once_and_is_taken_back_once(self):
        """The same form sent sixteen times, then its correction: the row of the pool or of the order, either alone."""
        d = Delivered()

        def enter():
            return receive(actor=d.w.staff, order=d.order, counts={d.line.pk: Count(30)}, number=1, at=hours(900)).pk

        assert len(set(storm(enter))) == 1 and Receipt.objects.count() == 1
        assert given(d.line) == {"A": 9, "B": 6, "C": 12, "D": 3}
        first = Receipt.objects.get()
        back = {d.line.pk: Count(-30)}

        def correct():
            return receive(actor=d.w.staff, order=d.order, counts=back, corrects=first, notes="x", at=hours(901)).number

        answers = storm(correct)
        assert answers.count("counter_receipt_too_large") == THREADS - 1
        assert accepted_of(d.line.pk) == 0 and set(given(d.line).values()) == {0}

    def test_of_sixteen_small_parts_gives_every_unit_one_owner(self):
        """I1, I2, I5 whatever the order they come in: each part is shared after the one before (the row of the pool)."""
        d = Delivered()
        parts = [3, 2, 2, 2] * 4

        def part(units):
            return lambda: (
                receive(actor=d.w.staff, order=d.order, counts={d.line.pk: Count(units)}, at=hours(900)).number
            )

        assert sorted(storm(*[part(n) for n in parts])) == list(range(1, THREADS + 1))
        assert given(d.line) == {"A": 11, "B": 7, "C": 14, "D": 4}
        assert ReceiptLine.objects.aggregate(n=Sum("left_over"))["n"] == 0

    def test_is_handed_over_by_one_scan_of_sixteen_while_it_is_corrected(self):
        """I16: what one scan handed over stays with the company although a correction comes at the same moment.

        The row of the pool; without it the race is hit, and the storm fails, in one run of five or so.
        """
        d = Delivered()
        receipt = d.receive(36)
        part = HandOver.objects.get(receipt=receipt, company=d.w.companies["C"])

        def correct():
            return receive(
                actor=d.w.staff,
                order=d.order,
                counts={d.line.pk: Count(-24)},
                corrects=receipt,
                notes="Recompté",
                at=hours(901),
            ).pk

        storm(*[lambda: d.hand_over(receipt, "C", method="scan").pk] * 15, correct)
        assert AuditEntry.objects.filter(action="handover.handed_over").count() == 1
        handed = HandOverLine.objects.filter(hand_over=part).aggregate(n=Sum("quantity"))["n"]
        assert given(d.line)["C"] >= handed > 0
        over = ReceiptLine.objects.aggregate(n=Sum("left_over"))["n"]  # -2 where C's 14 left before the correction
        assert sum(given(d.line).values()) + over == 12  # I1


class TestAClaim:
    def test_settled_by_sixteen_gives_one_credit_note_to_each(self):
        """I15: the row of the pool or of the claim, either alone, lets one decision through; fifteen find it made."""
        c = Claimed()
        claim = c.open()
        answers = storm(lambda: c.resolve(claim, 1_257).pk)
        assert set(answers) <= {claim.pk, "claim_closed"}
        assert CreditNote.objects.count() == 4
        assert sum(CreditNote.objects.values_list("net_cents", flat=True)) == 1_257
