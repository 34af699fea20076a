"""Employee pools (P17): joining, paying, the lock, the goods at work, refunds and the companies' invoices."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from companies.billing import ereporting, ledger
from companies.billing.models import AccountKind, CreditNote, Invoice, PersonalPayment, PersonalRefund
from companies.errors import DomainError, NotAllowed
from companies.models import AuditEntry, OutboxMail, Role
from purchasing.models import EmployeePayBack, EmployeePickUp, EmployeePool, EmployeePurchase
from purchasing.rules.subsidy import Promise, reserved, settled
from purchasing.services import employee_goods, employee_lock, employee_money, employee_pool, employee_purchase
from purchasing.services.employee_pool import Frame, Offered, Subsidy
from tests.factories.companies import CompanyFactory, EmploymentFactory, UserFactory, member
from tests.purchasing.employees.world import AFTER, CLOSES, NOW, PERCENT, EmployeeWorld, check, owed, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]

promises = st.builds(
    lambda kind, bp, amount, cap: Promise(bp if kind else 0, 0 if kind else amount, cap),
    st.booleans(),
    st.integers(1, 10_000),
    st.integers(1, 30_000),
    st.none() | st.integers(0, 30_000),
)


class TestSubsidy:
    @given(st.integers(50, 50_000), st.integers(50, 50_000), st.none() | promises, st.none() | st.integers(0, 40_000))
    def test_never_lets_a_falling_price_cost_the_person_more(self, one, other, promise, left):
        dearest, price = max(one, other), min(one, other)
        held = reserved(dearest, promise, left)
        part = settled(price, promise, dearest, held)
        assert 0 <= part <= min(price, held)
        assert left is None or held <= left
        assert price - part <= dearest - held
        assert (price - part == 0) == (dearest == held) or price - part >= 50
        assert dearest - held == 0 or dearest - held >= 50

    def test_is_ten_percent_capped(self):
        """case: company subsidy 10 % capped 15.00 on 180.00 → 15.00."""
        assert reserved(18_000, Promise(percent_bp=1_000, person_cap_cents=1_500), None) == 1_500


class TestJoining:
    def test_reserves_the_dearest_price_less_what_the_company_adds(self, double):
        w = EmployeeWorld(double, subsidy=PERCENT)
        row = w.join(w.people[0], 2)
        assert (row.dearest_cents, row.reserved_cents, row.payment.state) == (18_000, 1_500, "authorised")
        assert double.intent()["amount_capturable"] == 16_500
        check(w.pool)

    def test_says_what_it_costs_now_and_at_most(self, double):
        w = EmployeeWorld(double, subsidy=Subsidy(kind="amount", amount_cents=1_000))
        w.join(w.people[0], 4)
        asked = employee_purchase.quote(person=w.people[1], pool=w.pool, wanted={w.article.pk: 1}, at=NOW)
        assert (asked.most, asked.now) == (8_000, 7_000)

    def test_twice_the_same_is_once_and_another_word_replaces_the_first(self, double):
        w = EmployeeWorld(double)
        first = w.join(w.people[0], 2)
        assert w.commit(w.people[0], 2).pk == first.pk
        second = w.commit(w.people[0], 3)
        first.refresh_from_db()
        assert (first.state, first.ended_for) == ("withdrawn", "changed")
        employee_lock.settle(pool=w.pool, at=NOW)
        first.payment.refresh_from_db()
        assert first.payment.state == "released"
        assert [row.pk for row in w.alive()] == [second.pk]

    def test_shares_the_companys_budget_first_come_first_served(self, double):
        w = EmployeeWorld(double, subsidy=Subsidy(kind="percent", percent_bp=5_000, total_cap_cents=6_000))
        rows = [w.commit(who, 1) for who in w.people]
        assert [row.reserved_cents for row in rows] == [4_500, 1_500]
        w.withdraw(w.people[0])
        again = w.commit(w.people[1], 2)
        assert again.reserved_cents == 6_000

    def test_needs_no_card_when_the_company_pays_everything(self, double):
        w = EmployeeWorld(double, subsidy=Subsidy(kind="percent", percent_bp=10_000))
        row = w.join(w.people[0], 2)
        assert (row.payment.state, row.own_most_cents) == ("authorised", 0)
        assert w.lock().state == "locked"
        assert owed(w.company) == 18_000

    def test_asks_the_card_only_when_a_reservation_holds_until_the_lock(self, double):
        w = EmployeeWorld(double, closes=NOW + timedelta(days=20))
        row = w.commit(w.people[0], 2)
        with pytest.raises(employee_purchase.NotYetPayable):
            employee_purchase.pay(actor=row.person.user, row=row, at=NOW)
        assert employee_money.ask_to_pay(at=NOW) == 0
        EmployeePool.objects.update(closes_at=CLOSES)
        for _twice in range(2):
            assert employee_money.ask_to_pay(at=NOW) == 1
        assert OutboxMail.objects.filter(key__startswith="employee-pay_now").count() == 1
        assert w.pay(EmployeePurchase.objects.get()).payment.state == "authorised"

    def test_is_refused_outside_audience_role_time_and_bounds(self, double):
        w = EmployeeWorld(double, most_per_person=3)
        with pytest.raises(NotAllowed):
            w.commit(w.people[0], 1, actor=w.people[1].user)
        with pytest.raises(employee_purchase.NothingWanted):
            w.commit(w.people[0], 0)
        with pytest.raises(employee_purchase.TooMany):
            w.commit(w.people[0], 4)
        with pytest.raises(employee_purchase.NotInvited):
            w.commit(EmploymentFactory(person__user=UserFactory(), ended=True).person, 1)
        with pytest.raises(employee_purchase.NotInvited):
            w.commit(person(CompanyFactory(suspended=True)), 1)
        with pytest.raises(employee_purchase.PoolShut):
            w.commit(w.people[0], 1, at=CLOSES)
        assert not EmployeePurchase.objects.exists()


class TestWithdrawing:
    def test_releases_the_card_until_the_deadline_and_not_after(self, double):
        w = EmployeeWorld(double)
        row = w.join(w.people[0], 2)
        w.withdraw(w.people[0])
        employee_lock.settle(pool=w.pool, at=NOW)
        row.payment.refresh_from_db()
        assert (row.payment.state, double.intent()["status"]) == ("released", "canceled")
        assert w.withdraw(w.people[0]) is None
        w.join(w.people[1], 2)
        with pytest.raises(employee_purchase.PoolShut):
            w.withdraw(w.people[1], at=AFTER)
        check(w.pool)


class TestLock:
    def test_takes_the_price_of_the_tier_and_only_that_from_each_card(self, double):
        w = EmployeeWorld(double, subsidy=PERCENT)
        rows = [w.join(w.people[0], 2), w.join(w.people[1], 3)]
        assert w.lock().state == "locked"
        for row in rows:
            row.refresh_from_db()
        assert [(row.price_cents, row.subsidy_cents) for row in rows] == [(16_000, 1_500), (24_000, 1_500)]
        assert double.intent()["amount_received"] == 22_500
        assert owed(w.company) == 3_000
        check(w.pool)

    def test_twice_charges_once_and_events_told_again_change_nothing(self, double):
        w = EmployeeWorld(double)
        w.join(w.people[0], 2)
        for _twice in range(2):
            w.lock()
        for body in [*double.events(), *double.events()]:
            double.post(body)
        assert PersonalPayment.objects.get().captured_cents == 18_000
        assert AuditEntry.objects.filter(action="employeepool.locked").count() == 1
        check(w.pool)

    def test_releases_everybody_when_the_minimum_is_missed(self, double):
        w = EmployeeWorld(double)
        row = w.join(w.people[0], 1)
        assert w.lock().state == "failed"
        row.refresh_from_db()
        assert (row.state, row.ended_for, row.payment.state) == ("dropped", "minimum", "released")
        assert OutboxMail.objects.get(key=f"employee-dropped:{row.pk}").to == w.people[0].user.email
        check(w.pool)

    def test_counts_only_reserved_purchases_and_hears_of_late_reservations(self, double):
        w = EmployeeWorld(double)
        late, silent = w.commit(w.people[0], 2), w.commit(w.people[1], 3)
        payment = employee_purchase.pay(actor=late.person.user, row=late, at=NOW)
        double.pays(payment.url)  # and no event tells
        assert w.lock().state == "locked"
        silent.refresh_from_db()
        assert (silent.state, silent.ended_for) == ("dropped", "unpaid")
        w.article.refresh_from_db()
        assert w.article.unit_price_cents == 9_000

    def test_waits_for_stripe_an_hour_and_is_early_refused(self, double):
        w = EmployeeWorld(double)
        row = w.commit(w.people[0], 2)
        employee_purchase.pay(actor=row.person.user, row=row, at=NOW)
        with pytest.raises(employee_lock.TooEarly):
            w.lock(at=NOW)
        double.lever("fail", requests=6)
        with pytest.raises(employee_lock.PaymentServiceDown):
            w.lock()
        assert EmployeePool.objects.get().state == "open"

    def test_finishes_by_the_sweep_what_stripe_did_not_answer(self, double):
        w = EmployeeWorld(double)
        row = w.join(w.people[0], 2)
        double.lever("fail", requests=3)
        w.lock()
        row.refresh_from_db()
        assert (row.state, row.payment.state) == ("locked", "authorised")
        with pytest.raises(employee_lock.StillCharging):
            w.order()
        assert employee_lock.unsettled() == [w.pool.pk]
        assert employee_lock.settle(pool=w.pool, at=AFTER) == 0
        row.payment.refresh_from_db()
        assert row.payment.state == "captured"

    def test_finds_a_payment_whose_maker_died(self, double):
        w = EmployeeWorld(double)
        row = w.join(w.people[0], 2)
        EmployeePurchase.objects.filter(pk=row.pk).update(payment=None)
        w.withdraw(w.people[0])
        assert employee_lock.unsettled() == [w.pool.pk]
        employee_lock.settle(pool=w.pool, at=NOW)
        assert PersonalPayment.objects.get().state == "released"


class TestCancelling:
    def test_before_the_lock_releases_and_after_it_pays_back_whole(self, double):
        w = EmployeeWorld(double, subsidy=PERCENT)
        w.join(w.people[0], 2)
        w.lock()
        with pytest.raises(NotAllowed):
            employee_lock.cancel(actor=w.hr, pool=w.pool, reason="x", at=AFTER)
        employee_lock.cancel(actor=w.staff, pool=w.pool, reason="Fournisseur fermé", at=AFTER)
        employee_money.carry_out(pool=w.pool, at=AFTER)
        payment = PersonalPayment.objects.get()
        assert (payment.refunded_cents, payment.refunded_subsidy_cents) == (18_000, 1_500)
        assert EmployeePool.objects.get().state == "cancelled"
        check(w.pool)
        other = EmployeeWorld(double)
        row = other.join(other.people[0], 2)
        employee_lock.cancel(actor=other.staff, pool=other.pool, reason="x", at=NOW)
        row.refresh_from_db()
        assert (row.state, row.payment.state) == ("dropped", "released")


@pytest.fixture
def ordered(double):
    w = EmployeeWorld(double, subsidy=PERCENT)
    w.rows = [w.join(w.people[0], 2), w.join(w.people[1], 3)]
    w.lock()
    w.order()
    return w


class TestGoods:
    def test_are_ordered_once_with_a_file_that_names_no_person(self, ordered):
        number = ordered.pool.order_number
        assert ordered.order().order_number == number
        assert bytes(ordered.pool.order_file.content).startswith(b"%PDF")
        assert AuditEntry.objects.filter(action="employeepool.ordered").count() == 1

    def test_are_shared_by_highest_average_and_never_taken_back(self, ordered):
        assert ordered.arrive(3)
        assert [row.lines.get().arrived for row in ordered.rows] == [1, 2]
        assert not ordered.arrive(3)  # the same form again
        with pytest.raises(employee_goods.CountWrong):
            ordered.arrive(3, number=2)
        ordered.arrive(2, number=2)
        assert [row.lines.get().arrived for row in ordered.rows] == [2, 3]
        check(ordered.pool)

    def test_leave_once_by_scan_whatever_is_scanned_again(self, ordered):
        ordered.arrive(5)
        row = employee_goods.read_code(employee_goods.code_for(ordered.rows[0]))
        assert row == ordered.rows[0]
        assert [ordered.hand_over(row, method="scan"), ordered.hand_over(row, method="scan")] == [2, 0]
        assert EmployeePickUp.objects.get().handed == 2
        assert employee_goods.read_code(f"{row.pk}-aaaaaaaaaaaa") is None
        assert employee_goods.read_code("²-x") is None
        for stranger in (ordered.people[1].user, member(CompanyFactory(), Role.HR, Role.ADMIN)):
            with pytest.raises(NotAllowed):
                ordered.hand_over(ordered.rows[1], actor=stranger)

    def test_refused_at_the_pick_up_are_paid_back_once_staff_agrees(self, ordered):
        """case: refund of half → 90.00 of 180.00 with 7.50 back to the company; here 80.00 of 160.00 with 7.50."""
        ordered.arrive(5)
        assert ordered.hand_over(ordered.rows[0], refused=1) == 1
        row = EmployeePayBack.objects.get()
        with pytest.raises(NotAllowed):
            employee_money.decide(actor=ordered.hr, row=row, granted=True, at=AFTER)
        for _twice in range(2):
            employee_money.decide(actor=ordered.staff, row=row, granted=True, at=AFTER)
            employee_money.carry_out(pool=ordered.pool, at=AFTER)
        made = PersonalRefund.objects.get()
        assert (made.cents, made.to_company_cents, made.to_person_cents) == (8_000, 750, 7_250)
        check(ordered.pool)

    def test_that_never_come_are_paid_back_by_staff(self, ordered):
        ordered.arrive(4)
        with pytest.raises(NotAllowed):
            ordered.short(actor=ordered.hr)
        assert [ordered.short(), ordered.short()] == [1, 0]
        employee_money.carry_out(pool=ordered.pool, at=AFTER)
        assert PersonalRefund.objects.get().cents == 8_000
        check(ordered.pool)


class TestClosing:
    def test_invoices_each_company_once_for_totals_alone_and_books_the_sale(self, ordered):
        ordered.arrive(4)
        with pytest.raises(employee_money.StillOpen):
            ordered.close()
        ordered.short()
        employee_money.carry_out(pool=ordered.pool, at=AFTER)
        for _twice in range(2):
            assert ordered.close().state == "closed"
        invoice = Invoice.objects.get()
        line = invoice.lines.get()
        kept = sum(row.captured_subsidy_cents - row.refunded_subsidy_cents for row in PersonalPayment.objects.all())
        assert (invoice.company, invoice.gross_cents, invoice.vat_cents) == (ordered.company, kept, 0)
        assert "Palette" not in line.description and line.quantity == 1
        check(ordered.pool)

    def test_a_parcel_refused_later_lessens_the_sale_and_what_the_company_owes(self, ordered):
        ordered.arrive(5)
        ordered.close()
        sold = ledger.balance(AccountKind.SALES), ledger.balance(AccountKind.VAT_COLLECTED, vat_bp=2_000)
        for units, row in zip((1, 3), ordered.rows, strict=True):
            ordered.hand_over(row, refused=units)
        for row in EmployeePayBack.objects.all():
            employee_money.decide(actor=ordered.staff, row=row, granted=True, at=AFTER)
        for _twice in range(2):
            employee_money.carry_out(pool=ordered.pool, at=AFTER)
        given = list(PersonalRefund.objects.order_by("pk"))
        back, part = sum(made.cents for made in given), sum(made.to_company_cents for made in given)
        assert back == 4 * 8_000 and part > 0
        notes = CreditNote.objects.filter(invoice__company=ordered.company)
        assert sum(note.gross_cents for note in notes) == part and notes.count() == 2
        check(ordered.pool)  # nothing is left on the accounts of advances and contributions
        now = ledger.balance(AccountKind.SALES), ledger.balance(AccountKind.VAT_COLLECTED, vat_bp=2_000)
        assert sum(now) - sum(sold) == back
        assert -now[0] == round((5 * 8_000 - back) / 1.2)  # the rest is one sale with its VAT, as if sold so
        day = timezone.localdate(AFTER)
        (told,) = ereporting.collect("sales", ereporting.Period(day, day, day))["days"]
        assert (told["net"], told["vat"]) == (-now[0], -now[1])

    def test_leaves_out_a_purchase_whose_card_could_not_be_charged(self, double):
        w = EmployeeWorld(double)
        good, bad = w.join(w.people[0], 2), w.join(w.people[1], 3)
        with double.store.transaction():
            intent = double.store.get(bad.payment.intent_id)
            double.store.save(intent | {"status": "canceled"})
        w.lock()
        bad.payment.refresh_from_db()
        assert bad.payment.state == "failed"
        assert employee_money.ask_to_pay(at=AFTER) == 1
        w.order()
        bad.refresh_from_db()
        assert (bad.state, bad.ended_for) == ("dropped", "unpaid")
        assert employee_lock.totals(w.pool) == {w.article.pk: 2}
        assert good.lines.get().ordered == 2
        check(w.pool)


class TestRoles:
    def test_decide_who_writes_opens_subsidises_and_orders(self, double):
        w = EmployeeWorld(double)
        frame = Frame("Paniers", "", CLOSES)
        admin = member(w.company, Role.ADMIN)
        own = employee_pool.save(actor=admin, frame=frame, company=w.company, at=NOW)
        assert (own.audience, [p.company for p in own.places.all()]) == ("chosen", [w.company])
        buyer, foreign = member(w.company, Role.BUYER, Role.ACCOUNTANT), member(CompanyFactory(), Role.HR, Role.ADMIN)
        for actor in (buyer, foreign, w.people[0].user):
            for call in (
                lambda a: employee_pool.save(actor=a, frame=frame, company=w.company, at=NOW),
                lambda a: employee_pool.offer(actor=a, pool=own, offered=Offered("x", ((1, 100),)), at=NOW),
                lambda a: employee_pool.publish(actor=a, pool=own, at=NOW),
                lambda a: employee_lock.cancel(actor=a, pool=own, reason="", at=NOW),
                lambda a: employee_goods.order(actor=a, pool=own, at=NOW),
                lambda a: w.subsidise(PERCENT, actor=a),
                lambda a: w.arrive(1, actor=a),
            ):
                with pytest.raises(NotAllowed):
                    call(actor)
        with pytest.raises(NotAllowed):  # the association promises nobody else's money
            w.subsidise(PERCENT, actor=w.staff)
        with pytest.raises(NotAllowed):
            employee_money.close(actor=admin, pool=own, at=NOW)

    def test_show_pools_to_those_they_are_for(self, double):
        w = EmployeeWorld(double)
        other = CompanyFactory()
        own = employee_pool.save(actor=member(other, Role.HR), frame=Frame("x", "", CLOSES), company=other, at=NOW)
        draft = employee_pool.save(actor=w.staff, frame=Frame("y", "", CLOSES), at=NOW)
        seen = EmployeePool.objects.visible_to(w.hr)
        assert list(seen) == [w.pool]
        assert set(EmployeePool.objects.visible_to(w.staff)) == {w.pool, own, draft}
        assert not EmployeePool.objects.visible_to(member(w.company, Role.BUYER)).exists()
        assert list(EmployeePool.objects.open_to(w.people[0], NOW)) == [w.pool]
        assert not EmployeePool.objects.open_to(person(CompanyFactory(suspended=True)), NOW).exists()


class TestDrafts:
    @pytest.mark.parametrize("tiers", [(), ((0, 100),), ((1, 49),), ((1, 100), (1, 90)), ((1, 100), (5, 101))])
    def test_refuse_tiers_that_make_no_sense(self, tiers):
        with pytest.raises(employee_pool.TiersWrong):
            employee_pool.checked_tiers(tiers)

    def test_are_not_changed_once_open_and_a_promise_stands(self, double):
        w = EmployeeWorld(double, subsidy=PERCENT)
        with pytest.raises(employee_pool.PoolOpened):
            employee_pool.offer(actor=w.staff, pool=w.pool, offered=Offered("x", ((1, 100),)), at=NOW)
        w.subsidise(Subsidy(kind="percent", percent_bp=2_000, total_cap_cents=5_000))
        w.commit(w.people[0], 2)
        with pytest.raises(employee_pool.SubsidyPromised):
            w.subsidise(Subsidy(kind="percent", percent_bp=1_000, total_cap_cents=5_000))
        with pytest.raises(employee_pool.SubsidyPromised):
            w.subsidise(Subsidy(kind="percent", percent_bp=2_000, total_cap_cents=4_000))
        w.subsidise(Subsidy(kind="percent", percent_bp=2_000, total_cap_cents=9_000))


@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_two_scans_hand_over_once_and_two_orders_are_one(self, double):
        w = EmployeeWorld(double, people=1)
        row = w.join(w.people[0], 2)
        w.lock()
        assert len(set(_together(lambda: w.order().order_number))) == 1
        w.arrive(2)
        assert sorted(_together(lambda: w.hand_over(row))) == [0, 2]
        assert EmployeePickUp.objects.count() == 1

    def test_the_last_of_a_budget_is_promised_once(self, double):
        w = EmployeeWorld(double, subsidy=Subsidy(kind="percent", percent_bp=10_000, total_cap_cents=9_000), people=2)
        people = list(w.people)
        _together(lambda: w.commit(people.pop(), 1))
        assert sum(row.reserved_cents for row in w.alive()) == 9_000


def _together(call):
    """Two threads at once; a refusal counts as its code."""
    found, start = [], threading.Barrier(2)

    def run():
        start.wait()
        try:
            found.append(call())
        except DomainError as refusal:
            found.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _two in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found
