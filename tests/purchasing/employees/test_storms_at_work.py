"""Storms on an employee pool: a budget promised once, cards reserved while it locks, a card reserved as its purchase is left out."""

import pytest

from companies.billing import personal
from companies.models import AuditEntry
from purchasing.models import EmployeeArrival, EmployeePickUp, EmployeePurchase
from purchasing.services import employee_goods, employee_lock, employee_purchase
from purchasing.services.employee_pool import Subsidy
from tests.purchasing.employees.world import AFTER, NOW, EmployeeWorld, check
from tests.storm import THREADS, meanwhile, storm

pytestmark = pytest.mark.django_db(transaction=True)


class TestAnEmployeePool:
    def test_promises_a_budget_once_to_sixteen_who_join(self, double):
        """The company's budget of 90 €: one gets it whole, the others join without (the lock of the pool)."""
        w = EmployeeWorld(double, subsidy=Subsidy("percent", 10_000, 0, None, 9_000), people=THREADS)
        people = iter(w.people)
        rows = storm(*[lambda who=who: w.commit(who, 1) for who in people])
        assert sum(row.reserved_cents for row in rows) == 9_000
        assert EmployeePurchase.objects.filter(pool=w.pool, state="committed").count() == THREADS
        check(w.pool)

    @pytest.mark.usefixtures("at_once")
    def test_locks_once_while_cards_are_reserved(self, double):
        """Eight cards are reserved while eight workers lock: charged when it was known in time, else released."""
        w = EmployeeWorld(double, people=8)
        rows = [w.commit(who, 1) for who in w.people]
        for row in rows[:4]:
            w.pay(row)
        open_ = [employee_purchase.pay(actor=row.person.user, row=row, at=NOW) for row in rows[4:]]
        for payment in open_:
            double.pays(payment.url)
        looks = [lambda payment=payment: personal.look(payment=payment, at=AFTER) for payment in open_]
        storm(*looks, *[lambda: employee_lock.lock(pool=w.pool, at=AFTER)] * 4, threads=8)
        employee_lock.settle(pool=w.pool, at=AFTER)
        w.pool.refresh_from_db()
        assert AuditEntry.objects.filter(action="employeepool.locked").count() == 1
        states = EmployeePurchase.objects.filter(pool=w.pool).values_list("state", "payment__state")
        assert set(states) <= {("locked", "captured"), ("dropped", "released")}
        check(w.pool)

    def test_never_charges_a_card_whose_purchase_was_left_out_at_that_moment(self, double, monkeypatch):
        """The order has read "unpaid"; the card is reserved and charged before it writes that down (`payments_of`)."""
        w = EmployeeWorld(double, people=2)
        w.join(w.people[0], 2)
        late = w.join(w.people[1], 3)
        with double.store.transaction():  # the bank takes the reservation back before it is charged
            intent = double.store.get(late.payment.intent_id)
            double.store.save(intent | {"status": "canceled"})
        w.lock()
        late = EmployeePurchase.objects.get(pk=late.pk)
        again = employee_purchase.pay(actor=late.person.user, row=late, at=NOW)
        double.pays(again.url)
        real, threads = employee_goods.drop, []

        def reserve():
            personal.look(payment=again, at=AFTER)
            employee_lock.settle(pool=w.pool, at=AFTER)

        def drop(*args, **more):
            threads.append(meanwhile(reserve))
            return real(*args, **more)

        monkeypatch.setattr(employee_goods, "drop", drop)
        w.order()
        threads[0].join()
        employee_lock.settle(pool=w.pool, at=AFTER)
        late.refresh_from_db()
        again.refresh_from_db()
        assert (late.state, again.state, again.captured_cents) == ("dropped", "released", 0)
        check(w.pool)


class TestAtWork:
    def test_counts_an_arrival_once_and_hands_each_parcel_over_once(self, double):
        """Sixteen send the same count, then sixteen scan four codes.

        Seen to fail: the count without the row of the pool (the database then refuses the same number), the scans
        without both the row of the pool and those of the purchase's lines; either alone holds them.
        """
        w = EmployeeWorld(double, people=4)
        rows = [w.join(who, 1) for who in w.people]
        w.lock()
        w.order()
        number = employee_goods.next_number(w.pool, w.company)
        storm(lambda: w.arrive(4, number=number))
        assert sum(EmployeeArrival.objects.values_list("quantity", flat=True)) == 4
        storm(*[lambda row=row: w.hand_over(row) for row in rows])
        assert EmployeePickUp.objects.count() == 4
        assert AuditEntry.objects.filter(action="employeepurchase.handed_over").count() == 4
        check(w.pool)
