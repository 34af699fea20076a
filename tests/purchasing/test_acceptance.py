"""Acceptance cases of the design that the rules alone do not show: through the services and the database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import translation

from companies.access import has_role
from companies.billing import checking
from companies.billing import settlement as books
from companies.billing.models import Invoice, Payment
from companies.errors import DomainError
from companies.models import AuditEntry, Company, OutboxMail, Role, User
from companies.services import admissions
from purchasing import tasks_back
from purchasing.models import (
    Allocation,
    Budget,
    Claim,
    Commitment,
    CostShare,
    Pool,
    PoolLine,
    PurchaseOrder,
    SupplierInvoice,
)
from purchasing.rules.budget import clean
from purchasing.services import budget, claims, commitment, delivery, lock, order, progress, settlement
from purchasing.services import standing as standings
from purchasing.services.commitment import Word
from purchasing.services.delivery import Count
from purchasing.services.settlement import InvoiceIn, LineIn
from tests.purchasing.back import AFTER, CLOSES, Delivered, hours, world
from tests.purchasing.billed import AT, Billed

pytestmark = pytest.mark.django_db
TIERS = ((1, 42_000), (100, 36_000), (250, 31_500), (500, 29_500))


def said(rows, **terms):
    """A world in which companies said (quantity, tolerance); they answer for no freight."""
    w = world(**{"freight_cents": 0, **terms})
    for letter, (quantity, tolerance) in zip("ABCD", rows, strict=False):
        w.commit(letter, quantity, tolerance)
    return w


def sent(w):
    (row,) = order.prepare(actor=w.staff, pool=w.pool, at=AFTER)
    return order.sign_and_send(actor=w.staff, order=row, at=AFTER)


def received(row, w, units, refused=0, n=900):
    line = row.lines.get()
    delivery.receive(actor=w.staff, order=row, counts={line.pk: Count(units, refused)}, at=hours(n))
    row.refresh_from_db()


def billed(row, w, *lines):
    invoice = settlement.record(actor=w.staff, order=row, draft=InvoiceIn("F-9", date(2026, 4, 10), lines), at=AT)
    settlement.accept(actor=w.staff, invoice=invoice, at=AT, reason="Vu")
    return settlement.share_out(actor=w.staff, invoice=invoice, at=AT)


class TestPacks:
    def test_are_filled_alike_whatever_the_rule_of_a_shortage(self):
        """case: FIFO option → 12, 7, 13, 4: an option of the rules, not of the pool.

        The design cannot have both: after 12, 7, 13, 4 a delivery of 30 would give 12, 7, 11, 0 first come, but the case
        of 30 of 36 says 11, 7, 12, 0, which is what follows from 11, 7, 14, 4. The pool keeps the second.
        """
        w = world(shortage="first_come")
        w.four()
        w.lock()
        assert w.granted() == {"A": 11, "B": 7, "C": 14, "D": 4}
        received(sent(w), w, 30)
        got = Allocation.objects.order_by("commitment__company__name").values_list("quantity", flat=True)
        assert list(got) == [11, 7, 12]

    def test_leave_tolerance_alone_when_they_are_full(self):
        """case: Q=24, T=5 → 24, tolerance unused, through the lock."""
        w = said([(12, 3), (12, 2)])
        w.lock()
        assert (w.line.order_quantity, w.granted()) == (24, {"A": 12, "B": 12})

    def test_are_never_bought_from_tolerance_alone(self):
        """case: Q=0, T=40 → nothing ordered: nobody can even say it."""
        w = said([])
        w.company("A")
        with pytest.raises(DomainError):
            commitment.commit(actor=w.buyers["A"], company=w.companies["A"], line=w.line, word=Word(0, 40), at=hours(1))
        w.lock()
        assert w.pool.state == "failed" and not Commitment.objects.exclude(state="dropped").exists()

    @pytest.mark.parametrize(
        ("quantity", "tolerance", "moq", "ordered"), [(5, 0, 10, None), (9, 1, 0, 10), (12, 1, 0, 10), (14, 1, 0, 15)]
    )
    def test_of_five_with_a_minimum_of_two(self, quantity, tolerance, moq, ordered):
        """case: Pack 5, MOQ 2 packs, Q=5 → 0; Q=9, T=1 → 10; Q=12, T=1 → 10; Q=14, T=1 → 15, through the lock."""
        w = said([(quantity, tolerance)], pack=5, moq=moq)
        w.lock()
        assert (w.line.order_quantity, w.pool.state) == (ordered, "locked" if ordered else "failed")


class TestTiers:
    @pytest.mark.parametrize(
        ("quantity", "price", "goods", "hint"),
        [(99, 42_000, 41_580, (100, 36_000)), (100, 36_000, 36_000, None), (85, 42_000, 35_700, None)],
    )
    def test_are_inclusive_and_hint_what_more_would_save(self, quantity, price, goods, hint):
        """case: Exactly 100 → 3.60; 99 → 4.20 (415.80 €) and the hint says 100 costs 360.00; off for 85."""
        w = said([(quantity, 0)], tiers=TIERS, pack=1)
        standing = standings.read(w.pool)
        ups = progress.view_for(standing, standing.lines[0], None).buy_ups
        found = [(up.quantity, up.cost_e4 // 100) for up in ups if up.quantity == 100]
        assert found == ([hint] if hint else [])
        w.lock()
        assert (w.line.unit_price_e4, standing.lines[0].goods_cents) == (price, goods)

    def test_are_not_bought_with_tolerance_that_raises_the_bill(self):
        """case: Q=10, T=240 (tier consent) → 10 units at 4.20 = 42.00 €; 250 at 3.15 would be 787.50 €."""
        w = world(tiers=TIERS, pack=1, freight_cents=0)
        w.commit("A", 10, 240, tolerance_tier=True)
        w.lock()
        assert (w.line.order_quantity, w.line.unit_price_e4, w.granted()) == (10, 42_000, {"A": 10})

    @pytest.mark.parametrize(("cap", "state"), [(31_500, "locked"), (31_499, "dropped")])
    def test_keep_who_accepts_exactly_the_price(self, cap, state):
        """case: cap equal to the price (3.15) stays in; cap 3.1499 goes out."""
        w = world(tiers=TIERS, pack=1, freight_cents=0)
        w.commit("A", 250)
        w.commit("B", 10, price_cap_e4=cap)
        w.lock()
        assert (w.states()["B"], w.line.unit_price_e4) == (state, 31_500)


class TestAges:
    @pytest.mark.parametrize(
        ("rule", "expected"), [("proportional", {"A": 10, "B": 10}), ("first_come", {"A": 8, "B": 12})]
    )
    def test_of_units_added_again_count_first_come_only(self, rule, expected):
        """case: buyer lowers 12→8 then raises to 12: FIFO age of the last 4 is new; pro rata unaffected."""
        d = Delivered.__new__(Delivered)
        d.w = world(shortage=rule, freight_cents=0)
        d.w.commit("A", 12, at=hours(1))
        d.w.commit("A", 8, at=hours(2))
        d.w.commit("B", 12, at=hours(3))
        d.w.commit("A", 12, at=hours(4))
        d.w.lock()
        received(sent(d.w), d.w, 20)
        assert d.allocated() == expected
        assert [v.quantity for v in Commitment.objects.get(company__name="A").versions.order_by("number")] == [
            12,
            8,
            12,
        ]


class TestADraft:
    def test_is_told_and_dropped_and_does_not_count(self):
        """case: 180+150 committed and a 140 € draft (member minimum 150) → pooled 330 (an anchor counts 470)."""
        w = said([(180, 0), (150, 0)], tiers=((1, 10_000),), pack=1)
        w.company("C")
        commitment.commit(
            actor=w.buyers["C"], company=w.companies["C"], line=w.line, word=Word(140), at=hours(3), draft=True
        )
        w.lock()
        assert (w.pool.state, w.line.order_quantity) == ("locked", 330)
        assert w.states()["C"] == "dropped"
        assert OutboxMail.objects.filter(to=w.buyers["C"].email, key__startswith="dropped:").count() == 1


class TestAMissedMinimum:
    def test_frees_the_budgets_once_it_failed(self):
        """case: pooled minimum 500 €, 180+150+140 = 470: extended once; second miss → failed, budgets freed, no PO."""
        w = world(tiers=((1, 10_000),), pack=1, minimum_cents=50_000, freight_cents=0, minimum_missed="extend")
        company = w.company("A")
        Budget.objects.create(company=company, year=2026, cost_centre=clean("atelier"), amount_cents=50_000)
        w.commit("A", 180, cost_centre="ATELIER")
        w.commit("B", 150)
        w.commit("C", 140)
        assert budget.uses(company, 2026)[0].committed_cents == 18_000
        w.lock()
        again = lock.due_pools(w.pool.closes_at - timedelta(seconds=1))
        assert (w.pool.state, again) == ("committing", [])
        with pytest.raises(lock.TooEarly):
            w.lock(AFTER)  # a second worker, a double click: not extended again
        assert AuditEntry.objects.filter(action="pool.extended").count() == 1
        w.lock(w.pool.closes_at)
        w.lock(w.pool.closes_at)
        assert (w.pool.state, AuditEntry.objects.filter(action="pool.failed").count()) == ("failed", 1)
        assert OutboxMail.objects.filter(key__startswith="failed:").count() == 3
        assert budget.uses(company, 2026)[0].committed_cents == 0
        assert not PurchaseOrder.objects.exists()


class TestTheNightClocksChange:
    @pytest.mark.parametrize("closes", [datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)])
    def test_closes_once(self, closes, time_machine):
        """case: closing at midnight Europe/Paris on 29 March and 25 October 2026 closes once."""
        w = said([(12, 0)])
        Pool.objects.filter(pk=w.pool.pk).update(closes_at=closes)
        assert lock.due_pools(closes - timedelta(seconds=1)) == []
        for later in (0, 3_600, 7_200, 90_000):  # 02:00 comes twice in October, and never in March
            time_machine.move_to(closes + timedelta(seconds=later))
            for pk in lock.due_pools(closes + timedelta(seconds=later)):
                tasks_back.lock_pool(pool_id=pk)
        assert AuditEntry.objects.filter(action="pool.locked").count() == 1


class TestFreight:
    def test_is_the_suppliers_real_one_once_a_refused_line_breaks_the_franco(self):
        """case: at 500.00 freight 0 for all; a refused line drops the total to 480: the real 35.00 is split, not 0."""
        w = said([(60, 0), (40, 0)], tiers=((1, 50_000),), pack=1, freight_cents=3_500, franco_cents=50_000)
        w.lock()
        row = sent(w)
        assert (row.goods_cents, row.freight_cents) == (50_000, 0)
        received(row, w, 100, refused=4)
        delivery.close_short(actor=w.staff, order=row, reason="4 cassés", at=hours(905))
        line = row.lines.get()
        invoice = billed(row, w, LineIn("goods", 48_000, 2000, line.pk, 96, 50_000), LineIn("freight", 3_500, 2000))
        shares = CostShare.objects.filter(invoice=invoice, kind="freight").order_by("company__name")
        assert [s.net_cents for s in shares] == [2_115, 1_385]  # 58 and 38 of 96 units

    def test_without_a_rate_follows_the_goods(self):
        """case: freight 10.00 € on goods 60.00 at 5.5 % and 40.00 at 20 % → 6.00 and 4.00, each with its rate."""
        w = world(tiers=((1, 10_000),), pack=1, freight_cents=1_000, line_count=2)
        food, gloves = w.pool.lines.order_by("position")
        PoolLine.objects.filter(pk=food.pk).update(vat_bp=550)
        w.company("A")
        for line, quantity in ((food, 60), (gloves, 40)):
            commitment.commit(
                actor=w.buyers["A"], company=w.companies["A"], line=line, word=Word(quantity), at=hours(1)
            )
        w.lock()
        row = sent(w)
        one, two = row.lines.order_by("position")
        counts = {one.pk: Count(60), two.pk: Count(40)}
        delivery.receive(actor=w.staff, order=row, counts=counts, at=hours(900))
        row.refresh_from_db()
        lines = [LineIn("goods", 6_000, 550, one.pk, 60, 10_000), LineIn("goods", 4_000, 2000, two.pk, 40, 10_000)]
        invoice = billed(row, w, *lines, LineIn("freight", 1_000, None))
        freight = invoice.lines.filter(kind="freight").order_by("vat_bp")
        assert [(f.vat_bp, f.net_cents) for f in freight] == [(550, 600), (2000, 400)]
        shared = CostShare.objects.filter(kind="freight").order_by("vat_bp")
        assert [(s.vat_bp, s.net_cents, s.vat_cents) for s in shared] == [(550, 600, 33), (2000, 400, 80)]


class TestABillThreeCentsHigher:
    def test_is_an_alert_and_shared_as_accepted(self):
        """case: supplier bills 125.73 instead of 125.70: alert; accepted 38.42, 24.45, 48.89, 13.97."""
        b = Billed(goods=12_573)
        assert {d.kind for d in settlement.differences(b.invoice)} == {"amount"}
        b.share("Accepté")
        assert b.cents("goods") == [3_842, 2_445, 4_889, 1_397]


class TestMoneyTakenBack:
    def test_touches_neither_the_supplier_nor_the_other_companies(self):
        """case: paid by SEPA, disputed 49 days later → due again; supplier invoice and other shares do not move."""
        b = Billed()
        b.share()
        mine, *others = b.issue()
        Invoice.objects.update(state="due")
        mine.refresh_from_db()
        payment = Payment.objects.create(
            invoice=mine, attempt=1, amount_cents=mine.gross_cents, state="processing", intent_id="pi_1",
            created_at=AT, expires_at=AT,
        )  # fmt: skip
        paid = books.Observation("succeeded", received_cents=mine.gross_cents)
        books.apply(payment_id=payment.pk, seen=paid, at=AT)
        before = self.frozen(others)
        dispute = books.Dispute("dp_1", mine.gross_cents, returned=False)
        books.apply(
            payment_id=payment.pk,
            seen=books.Observation("succeeded", received_cents=mine.gross_cents, disputes=[dispute]),
            at=AT + timedelta(days=49),
        )
        mine.refresh_from_db()
        assert (mine.state, mine.balance_cents) == ("charged_back", mine.gross_cents)
        assert self.frozen(others) == before
        assert not checking.first_break()

    def frozen(self, others):
        return (
            list(Invoice.objects.filter(pk__in=[i.pk for i in others]).order_by("pk").values()),
            list(CostShare.objects.order_by("pk").values()),
            list(SupplierInvoice.objects.values()),
        )


class TestAMemberThatLeaves:
    def test_loses_access_at_once_but_is_closed_only_when_nothing_is_open(self):
        """case: member leaves with open commitments and a claim → cannot be closed; data kept, access removed at once."""
        d = Delivered()
        d.receive(36)
        company, buyer = d.w.companies["A"], d.w.buyers["A"]
        word = claims.Word("damaged", "Cartons mouillés", {d.line.pk: 2})
        claim = claims.open_claim(actor=buyer, order=d.order, company=company, word=word, at=hours(905))
        kept = Commitment.objects.filter(company=company).count(), CostShare.objects.count()
        end = {"actor": d.w.staff, "reason": "Départ", "at": hours(906)}
        company = admissions.end(company=company, **end)
        assert company.status == "leaving"
        buyer = User.objects.get(pk=buyer.pk)
        assert not has_role(buyer, company, Role.BUYER) and not Company.objects.visible_to(buyer).exists()
        assert not Pool.objects.visible_to(buyer).exists() and not Claim.objects.visible_to(buyer).exists()
        with pytest.raises(admissions.StillTied) as refusal:
            admissions.end(company=company, **end)
        with translation.override("en"):
            ties = admissions.open_business(company)
        assert ties == ["1 open commitment", "1 delivery to collect", "1 open claim"]
        assert refusal.value.code == "company_still_tied"
        Pool.objects.filter(pk=d.w.pool.pk).update(state="closed")
        d.hand_over(d.order.receipts.get(), "A")
        Claim.objects.filter(pk=claim.pk).update(state="rejected", decided_at=AT, reason="Réglé", decided_by=d.w.staff)
        assert admissions.end(company=company, **end).status == "left"
        assert (Commitment.objects.filter(company=company).count(), CostShare.objects.count()) == kept

    def test_without_open_business_is_closed_at_once(self):
        w = said([])
        company = w.company("A")
        assert admissions.end(company=company, actor=w.staff, reason="Départ", at=AFTER).status == "left"


class TestAfterTheLock:
    def test_every_change_of_state_has_its_time_and_somebody_and_what_is_undone_its_reason(self):
        """case: I8, no state change without actor, time, reason (after lock)."""
        w = world()
        row = w.order()
        with pytest.raises(order.ReasonMissing):
            order.cancel(actor=w.staff, order=row, reason=" ", at=AFTER)
        order.cancel(actor=w.staff, order=row, reason="Rupture", at=AFTER)
        later = AuditEntry.objects.filter(at__gte=CLOSES)
        assert later.exists() and not later.filter(actor__isnull=True, actor_label="").exists()
        undone = ("cancelled", "dropped", "failed", "rejected", "refused", "approved", "closed_short")
        assert not [e.action for e in later if e.action.rpartition(".")[2] in undone and not e.reason]
