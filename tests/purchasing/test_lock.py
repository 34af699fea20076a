"""Closing a pool: by rule, at the second, once."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from companies.errors import NotAllowed
from companies.models import AuditEntry, OutboxMail, Role
from purchasing import tasks_back
from purchasing.models import Commitment, Pool, PooledNeed, RequestLine
from purchasing.services import commitment, lock
from purchasing.services.bulk import move_many
from purchasing.services.commitment import Word
from purchasing.states import COMMITMENT
from tests.factories.companies import CompanyFactory, member
from tests.purchasing.back import AFTER, CLOSES, OPENED, hours, world

pytestmark = pytest.mark.django_db(transaction=True)
FOUR = {"A": 11, "B": 7, "C": 14, "D": 4}
TIERS = ((1, 42_000), (100, 36_000), (250, 31_500), (500, 29_500))


class TestLocking:
    def test_fills_the_pack_and_freezes_price_and_quantities(self):
        w = world()
        w.four()
        assert w.lock().state == "locked"
        assert (w.line.order_quantity, w.line.unit_price_e4, w.line.state) == (36, 34_917, "locked")
        assert w.granted() == FOUR
        assert sum(FOUR.values()) == w.line.order_quantity  # I5

    def test_is_refused_before_the_deadline(self):
        w = world()
        w.four()
        with pytest.raises(lock.TooEarly):
            w.lock(CLOSES - timedelta(seconds=1))
        w.pool.refresh_from_db()
        assert w.pool.state == "committing"

    def test_twice_has_one_effect(self):
        """case: double click on "lock": one effect."""
        w = world()
        w.four()
        w.lock()
        before = (AuditEntry.objects.count(), OutboxMail.objects.count())
        assert w.lock().state == "locked"
        assert (AuditEntry.objects.count(), OutboxMail.objects.count()) == before

    def race(self, w):
        """Four workers lock the pool at the same moment; what went wrong with them."""
        start, errors = threading.Barrier(4), []

        def work():
            try:
                start.wait()
                lock.lock(pool=w.pool, at=AFTER)
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def test_by_four_workers_at_once_has_four_effects_without_the_row_lock(self, monkeypatch):
        """The race is real: with the lock of the pool's row taken out, the same four workers collide."""
        w = world()
        w.four()
        together = threading.Barrier(4, timeout=20)

        def unlocked(pool):
            row = Pool.objects.get(pk=pool.pk)
            together.wait()  # everybody has read "committing"
            return row

        monkeypatch.setattr(lock, "locked", unlocked)
        errors = self.race(w)
        decided = AuditEntry.objects.filter(action="pool.decided").count()
        assert errors or decided > 1  # the guards of the database refuse some, or the effect is there twice

    def test_by_four_workers_at_once_has_one_effect(self):
        w = world()
        w.four()
        assert self.race(w) == []
        assert AuditEntry.objects.filter(action="pool.locked").count() == 1
        assert AuditEntry.objects.filter(action="pool.decided").count() == 1
        assert AuditEntry.objects.filter(action="commitment.locked").count() == 4
        assert w.granted() == FOUR

    def test_interrupted_half_way_leaves_nothing_and_can_be_done_again(self, monkeypatch):
        w = world()
        w.four()
        real = lock.mails_back.pool_locked
        monkeypatch.setattr(lock.mails_back, "pool_locked", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            w.lock()
        w.pool.refresh_from_db()
        assert (w.pool.state, set(w.states().values())) == ("committing", {"committed"})
        monkeypatch.setattr(lock.mails_back, "pool_locked", real)
        assert w.lock().state == "locked"

    def test_is_done_by_the_clock(self, time_machine):
        time_machine.move_to(AFTER)
        w = world()
        w.four()
        assert lock.due_pools(CLOSES - timedelta(seconds=1)) == []
        assert lock.due_pools(CLOSES) == [w.pool.pk]
        tasks_back.lock_pool(pool_id=w.pool.pk)
        w.pool.refresh_from_db()
        assert w.pool.state == "locked"
        assert AuditEntry.objects.get(action="pool.locked").actor_label == "clock"

    def test_is_for_who_runs_the_pool(self):
        w = world()
        company = w.company("A")
        for role in Role:
            with pytest.raises(NotAllowed):
                lock.lock(pool=w.pool, at=AFTER, actor=member(company, role))

    def test_gives_needs_without_commitment_back(self):
        w = world()
        w.four()
        w.company("E")
        w.lock()
        need = PooledNeed.objects.get(company=w.companies["E"])
        assert need.released_at == AFTER
        assert need.request_line.state == "approved"
        assert PooledNeed.objects.filter(released_at__isnull=True).count() == 4


class TestWhoLeaves:
    def test_on_a_cap_is_told_at_once_and_has_the_need_back(self):
        w = world(tiers=TIERS, pack=1)
        w.commit("A", 100)
        w.commit("B", 5, price_cap_e4=35_999)
        w.lock()
        row = Commitment.objects.get(company=w.companies["B"])
        assert (row.state, row.drop_reason) == ("dropped", "price_cap")
        assert row.request_line.state == "approved"
        assert OutboxMail.objects.filter(to=w.buyers["B"].email, key__startswith="dropped:").count() == 1
        assert w.line.order_quantity == 100

    def test_with_a_draft_does_not_count_towards_the_minimum(self):
        """case: A draft is not a commitment: 180+150 and a 140 draft → 330, draft told and dropped."""
        w = world(tiers=((1, 10_000),), pack=1, moq=400)
        w.commit("A", 180)
        w.commit("B", 150)
        w.company("C")
        commitment.commit(
            actor=w.buyers["C"],
            company=w.companies["C"],
            line=w.line,
            word=Word(140),
            at=hours(3),
            draft=True,
        )
        assert w.lock().state == "failed"
        assert Commitment.objects.get(company=w.companies["C"]).drop_reason == "draft"

    def test_unapproved_in_time_drops_out_and_the_tier_is_read_again(self):
        """case: no answer by the deadline → commitment drops out and the tier is recomputed."""
        w = world(tiers=((1, 42_000), (20, 40_000)), pack=1)
        w.commit("A", 15)
        w.company("B", limit=1_000)
        w.commit("B", 10)
        w.lock()
        assert w.states() == {"A": "locked", "B": "dropped"}
        assert Commitment.objects.get(company=w.companies["B"]).drop_reason == "approval"
        assert (w.line.order_quantity, w.line.unit_price_e4) == (15, 42_000)

    def test_above_the_limit_by_later_freight_drops_out(self):
        # 980.00 € were within the limit of 1,000 €; with 32.40 € of freight it is 1,012.40 €.
        w = world(tiers=((1, 98_000),), pack=1, freight_cents=3_240)
        w.company("A", limit=100_000)
        w.commit("B", 100, at=hours(1))
        w.commit("A", 100, at=hours(2))
        commitment.withdraw(actor=w.buyers["B"], company=w.companies["B"], line=w.line, at=hours(3))
        w.lock()
        assert Commitment.objects.get(company=w.companies["A"]).drop_reason == "approval"
        assert w.pool.state == "failed"

    def test_suspended_does_not_count(self):
        w = world(pack=1)
        w.commit("A", 10)
        w.commit("B", 10)
        company = w.companies["B"]
        company.status, company.suspended_at = "suspended", hours(5)
        company.save()
        w.lock()
        assert w.states() == {"A": "locked", "B": "dropped"}


class TestAMissedMinimum:
    def three(self, **policy):
        """180 + 150 + 140 € against a supplier's minimum of 500 €."""
        w = world(tiers=((1, 10_000),), pack=1, minimum_cents=50_000, freight_cents=0, **policy)
        for letter, quantity in [("A", 180), ("B", 150), ("C", 140)]:
            w.commit(letter, quantity)
        return w

    def test_moves_the_date_once_and_tells_everybody_then_fails(self):
        """case: Pooled minimum 500 €, 180+150+140: extend once and mail; second miss → failed, requests approved, no PO."""
        w = self.three(minimum_missed="extend")
        w.lock()
        assert w.pool.state == "committing"
        assert w.pool.closes_at == CLOSES + timedelta(days=7)
        assert OutboxMail.objects.filter(key__startswith="extended:").count() == 3
        assert lock.due_pools(AFTER) == []
        w.lock(w.pool.closes_at)
        assert w.pool.state == "failed"
        assert set(w.states().values()) == {"dropped"}
        assert set(RequestLine.objects.values_list("state", flat=True)) == {"approved"}
        assert not w.pool.orders.exists()
        assert OutboxMail.objects.filter(key__startswith="failed:").count() == 3

    def test_reached_in_the_extension_locks(self):
        w = self.three(minimum_missed="extend")
        w.lock()
        w.commit("C", 170, at=AFTER)
        assert w.lock(w.pool.closes_at).state == "locked"

    @pytest.mark.parametrize("policy", ["fail", "round_down"])
    def test_of_the_supplier_fails_at_once_otherwise(self, policy):
        w = self.three(minimum_missed=policy)
        assert w.lock().state == "failed"

    def test_of_a_pack_orders_less_by_policy(self):
        """case: Q=33, T=2 → 24 by policy round down, through the lock."""
        w = world()
        for letter, quantity, tolerance in [("A", 10, 1), ("B", 7, 0), ("C", 12, 1), ("D", 4, 0)]:
            w.commit(letter, quantity, tolerance)
        w.lock()
        assert (w.line.order_quantity, w.granted()) == (24, {"A": 7, "B": 5, "C": 9, "D": 3})

    def test_of_a_pack_keeps_the_line_open_by_policy(self):
        """case: Q=33, T=2 → line kept open by policy extend."""
        w = world(minimum_missed="extend")
        for letter, quantity, tolerance in [("A", 10, 1), ("B", 7, 0), ("C", 12, 1), ("D", 4, 0)]:
            w.commit(letter, quantity, tolerance)
        w.lock()
        assert w.pool.state == "committing"
        assert set(w.states().values()) == {"committed"}

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            # Midnight stays midnight in Paris when the clocks change in the extension.
            (datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 4, 3, 22, tzinfo=UTC)),
            (datetime(2026, 10, 23, 22, tzinfo=UTC), datetime(2026, 10, 30, 23, tzinfo=UTC)),
        ],
    )
    def test_extends_by_days_on_the_wall(self, before, after):
        """case: the night clocks change closes once (29 March and 25 October 2026)."""
        assert lock.later(before) == after


class TestCompletion:
    def test_comes_between_the_deadline_and_the_lock(self):
        w = world(completes_at=CLOSES + timedelta(days=2))
        w.commit("A", 10)
        w.lock(CLOSES)
        assert w.pool.state == "completing"
        assert lock.due_pools(CLOSES + timedelta(days=1)) == []
        w.commit("A", 12, at=CLOSES + timedelta(days=1))
        assert w.lock(CLOSES + timedelta(days=2)).state == "locked"
        assert w.granted() == {"A": 12}


class TestTheStandAloneCost:
    def test_is_kept_with_each_commitment(self):
        w = world(tiers=((1, 42_000), (100, 36_000)), pack=1, freight_cents=1_000, fairness="stand_alone_cap")
        w.commit("A", 90)
        w.commit("B", 20)
        w.lock()
        costs = dict(Commitment.objects.values_list("company__name", "stand_alone_cents"))
        # A would buy 100 alone, cheaper than 90; B pays the first tier; each pays all the freight.
        assert costs == {"A": 37_000, "B": 9_400}


class TestManyRows:
    def test_that_moved_meanwhile_refuse_all(self):
        w = world()
        w.four()
        rows = list(Commitment.objects.order_by("pk"))
        Commitment.objects.filter(pk=rows[0].pk).update(state="withdrawn")
        for row in rows:
            row.granted = 1
        with pytest.raises(RuntimeError, match="3 of 4"), transaction.atomic():
            move_many(rows, "locked", table=COMMITMENT, at=AFTER, actor=None, fields=["granted"])
        assert not Commitment.objects.filter(state="locked").exists()


class TestALargePool:
    def test_of_70_companies_and_40_lines_locks_in_seconds(self):
        w = world(line_count=40)
        lines = list(w.pool.lines.all())
        companies = [CompanyFactory(approval_limit_cents=10**9) for _ in range(70)]
        Commitment.objects.bulk_create(
            Commitment(
                pool_line=line, company=c, state="committed", quantity=5, tolerance=1, committed_at=OPENED, version=1
            )
            for line in lines
            for c in companies
        )
        started = datetime.now(tz=UTC)
        assert w.lock().state == "locked"
        assert (datetime.now(tz=UTC) - started).total_seconds() < 20
        assert Commitment.objects.filter(state="locked").count() == 2_800
