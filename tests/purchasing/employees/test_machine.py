"""An employee pool driven through random legal and illegal steps by the real services; state, payments, goods and books
agree after each (`world.check`), and a refused step changes nothing."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from companies.billing.models import LedgerEntry, PersonalPayment
from companies.errors import DomainError
from companies.models import AuditEntry
from purchasing.models import EmployeePayBack, EmployeePool, EmployeePurchase, EmployeePurchaseLine
from purchasing.services import employee_lock, employee_money
from purchasing.services.employee_pool import Subsidy
from tests.purchasing.employees.world import AFTER, EmployeeWorld, check

WHO, UNITS = st.integers(0, 2), st.integers(0, 4)
SUBSIDIES = st.sampled_from(
    [
        None,
        Subsidy("percent", 1_000, 0, 1_500, None),
        Subsidy("amount", 0, 2_500, None, 6_000),
        Subsidy("percent", 10_000, 0, None, 20_000),
    ]
)


def machine(double):
    class EmployeePoolMachine(RuleBasedStateMachine):
        @initialize(subsidy=SUBSIDIES, first=st.lists(UNITS, max_size=3))
        def open(self, subsidy, first):
            self.w = EmployeeWorld(double, subsidy=subsidy, people=3)
            self.number = 0
            for who, units in enumerate(first):
                self.join(who, units)

        def attempt(self, step):
            """A refusal is fine but must leave everything as it was."""
            before = self.snapshot()
            try:
                step()
            except DomainError:
                assert self.snapshot() == before
            self.w.pool = EmployeePool.objects.get(pk=self.w.pool.pk)

        def snapshot(self):
            return [
                list(model.objects.order_by("pk").values_list(*names))
                for model, names in (
                    (EmployeePool, ("state", "locked_at", "ordered_at")),
                    (EmployeePurchase, ("state", "price_cents", "subsidy_cents")),
                    (EmployeePurchaseLine, ("ordered", "arrived", "handed", "refused", "missing")),
                    (EmployeePayBack, ("state", "cents")),
                    (PersonalPayment, ("state", "captured_cents", "refunded_cents")),
                    (LedgerEntry, ("account", "cents")),
                )
            ] + [AuditEntry.objects.filter(action__startswith="employee").count()]

        def row(self, who):
            person = self.w.people[who]
            return self.w.pool.purchases.filter(person=person, state__in=["committed", "locked"]).first()

        @rule(who=WHO, units=UNITS)
        def join(self, who, units):
            self.attempt(lambda: self.w.commit(self.w.people[who], units))

        @rule(who=WHO)
        def pay(self, who):
            if (row := self.row(who)) and not (row.payment and row.payment.state != "open"):
                self.attempt(lambda: self.w.pay(row))

        @rule(who=WHO, late=st.booleans())
        def withdraw(self, who, late):
            self.attempt(lambda: self.w.withdraw(self.w.people[who], **({"at": AFTER} if late else {})))

        @rule()
        def lock(self):
            self.attempt(self.w.lock)

        @rule()
        def settle(self):
            employee_lock.settle(pool=self.w.pool, at=AFTER)

        @rule()
        def order(self):
            self.attempt(self.w.order)

        @rule(units=st.integers(1, 5), again=st.booleans())
        def arrive(self, units, again):
            self.number += not again or not self.number
            self.attempt(lambda: self.w.arrive(units, number=self.number))

        @rule(who=WHO, refused=st.sampled_from([0, 0, 1, 9]))
        def hand_over(self, who, refused):
            if row := self.row(who):
                self.attempt(lambda: self.w.hand_over(row, refused=refused))

        @rule(granted=st.booleans())
        def decide(self, granted):
            if row := EmployeePayBack.objects.filter(line__purchase__pool=self.w.pool, state="proposed").first():
                employee_money.decide(actor=self.w.staff, row=row, granted=granted, at=AFTER)

        @rule()
        def short(self):
            self.attempt(self.w.short)

        @rule()
        def carry_out(self):
            employee_money.carry_out(pool=self.w.pool, at=AFTER)

        @rule()
        def cancel(self):
            self.attempt(lambda: employee_lock.cancel(actor=self.w.staff, pool=self.w.pool, reason="x", at=AFTER))

        @rule()
        def close(self):
            self.attempt(self.w.close)

        @invariant()
        def agrees(self):
            if hasattr(self, "w"):
                check(self.w.pool)

    return EmployeePoolMachine


@pytest.mark.django_db
class TestAnEmployeePool:
    @pytest.mark.usefixtures("at_once")
    def test_keeps_its_books_balanced_whatever_happens(self, double):
        quiet = settings(
            max_examples=6, stateful_step_count=18, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        run_state_machine_as_test(machine(double), settings=quiet)
