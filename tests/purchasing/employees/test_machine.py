"""An employee pool driven through random legal and illegal steps by the real services; state, payments, goods and books
agree after each (`world.check`), and a refused step changes nothing."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from companies.billing.models import LedgerEntry, PersonalPayment
from companies.errors import DomainError
from companies.models import AuditEntry
from purchasing.models import (
    EmployeeArticle,
    EmployeeOrder,
    EmployeePayBack,
    EmployeePool,
    EmployeePurchase,
    EmployeePurchaseLine,
)
from purchasing.services import employee_lock, employee_money, employee_supplier
from purchasing.services.answers import Answer
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
        @initialize(
            subsidy=SUBSIDIES,
            first=st.lists(UNITS, max_size=3),
            pack=st.sampled_from([1, 1, 3]),
            rest=st.sampled_from(["opener", "fewer"]),
            freight=st.sampled_from([(0, None), (1_990, None), (1_990, 30_000)]),
            split=st.sampled_from(["value", "quantity", "equal"]),
        )
        def open(self, subsidy, first, pack, rest, freight, split):
            frame = {
                "pack_rest": rest, "freight_cents": freight[0], "franco_cents": freight[1], "freight_split": split,
            }  # fmt: skip
            self.w = EmployeeWorld(double, subsidy=subsidy, people=3, frame=frame, pack=pack)
            self.number = 0
            for who, units in enumerate(first):
                self.join(who, units, 0)

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
                    (EmployeeOrder, ("state", "goods_cents")),
                    (EmployeeArticle, ("rest", "rest_missing")),
                    (PersonalPayment, ("state", "captured_cents", "refunded_cents")),
                    (LedgerEntry, ("account", "cents")),
                )
            ] + [AuditEntry.objects.filter(action__startswith="employee").count()]

        def row(self, who):
            person = self.w.people[who]
            return self.w.pool.purchases.filter(person=person, state__in=["committed", "locked"]).first()

        @rule(who=WHO, units=UNITS, more=st.integers(0, 2))
        def join(self, who, units, more):
            self.attempt(lambda: self.w.commit(self.w.people[who], units, more=more))

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

        def sent(self):
            return EmployeeOrder.objects.filter(pool=self.w.pool).first()

        @rule(less=st.sampled_from([0, 0, 1, 2, -1]), dearer=st.booleans(), other=st.booleans())
        def supplier_answers(self, less, dearer, other):
            """As ordered, fewer units, another price, another article; more than ordered is refused."""
            if (row := self.sent()) is not None:
                line = row.lines.get()
                word = (max(0, line.quantity - less), line.unit_price_e4 + dearer)
                answer = Answer(None, "", "", {line.pk: word}, {line.pk: "Autre"} if other else {})
                self.attempt(lambda: employee_supplier.acknowledge(order=row, answer=answer, at=AFTER))

        @rule(accepted=st.booleans())
        def decide_change(self, accepted):
            if (row := self.sent()) is not None:
                who = {"actor": self.w.staff, "order": row, "reason": "Vu", "at": AFTER}
                self.attempt(lambda: employee_supplier.decide_change(accepted=accepted, **who))

        @rule()
        def rest_does_not_come(self):
            who = {"actor": self.w.staff, "pool": self.w.pool, "article": self.w.article, "at": AFTER}
            self.attempt(lambda: employee_supplier.rest_short(**who))

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
