"""An order from its sending to its credit notes through random legal and illegal steps; the invariants hold after each.

Purchase order, delivery, supplier's and member's invoices and claims by their real services. Checked: I1–I7, I9, I10, I12,
I15, I16, and that a refused step changes nothing. Before the lock it is `test_pool_machine`.
"""

from datetime import date

import pytest
from django.db.models import F, Sum
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from companies.billing import checking
from companies.billing.models import CreditNote, Invoice
from companies.errors import DomainError
from companies.models import AuditEntry, OutboxMail
from purchasing.models import (
    Allocation,
    Claim,
    Commitment,
    CostShare,
    HandOver,
    HandOverLine,
    PurchaseOrderLine,
    ReceiptLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.services import changes, claims, decide_claim, delivery, hand_over, order, settlement
from purchasing.services.answers import Answer
from purchasing.services.settlement import InvoiceIn, LineIn
from tests.purchasing.back import AFTER, Delivered, hours

LETTER = st.sampled_from("ABCD")


class GoodsMachine(RuleBasedStateMachine):
    """36 gloves for four companies in packs of 12 at 3.4917 €."""

    @initialize(
        shortage=st.sampled_from(["proportional", "first_come"]),
        model=st.sampled_from(["agent", "resale", "listing"]),
        fairness=st.sampled_from(["none", "stand_alone_cap"]),
        far=st.sampled_from(["sent", "changed", "less received", "received", "billed"]),
    )
    def start(self, shortage, model, fairness, far):
        self.d = Delivered(shortage=shortage, legal_model=model, fairness=fairness)
        self.w, self.bills = self.d.w, 0
        self.had, self.back = {}, False
        if far in ("changed", "less received"):
            self.supplier_answers(6, 100)
            self.companies_answer("", silent=False)
            assert self.order.state == "accepted"
        if far in ("less received", "received", "billed"):
            self.deliver(self.line.quantity, 0)
        if far == "billed":
            self.bill(36, 0, 1_990)
            for step in ("accept", "share", "issue"):
                self.settle(step)
            assert Invoice.objects.exists()

    @property
    def order(self):
        self.d.order.refresh_from_db()
        return self.d.order

    @property
    def line(self):
        return self.d.order.lines.get()

    def snapshot(self):
        return (
            self.order.state,
            list(Commitment.objects.order_by("pk").values_list("state", "granted")),
            list(HandOver.objects.order_by("pk").values_list("state")),
            list(SupplierInvoice.objects.order_by("pk").values_list("state")),
            list(Claim.objects.order_by("pk").values_list("state", "credit_net_cents")),
            [row.objects.count() for row in (Allocation, CostShare, Invoice, CreditNote, AuditEntry, OutboxMail)],
        )

    def attempt(self, step):
        """Run a step, and once more: a refusal leaves everything as it was, and what was done is done once (I12)."""
        before = self.snapshot()
        try:
            step()
        except DomainError:
            assert self.snapshot() == before

    # The supplier -----------------------------------------------------------------------------------------------------
    @rule(less=st.sampled_from([0, 0, 1, 6, 30]), dearer=st.sampled_from([0, 0, 100, 5_000]))
    def supplier_answers(self, less, dearer):
        line = self.line
        answer = Answer(changes={line.pk: (max(0, line.quantity - less), line.unit_price_e4 + dearer)})
        self.attempt(lambda: order.acknowledge(order=self.order, answer=answer, at=AFTER))

    @rule(refuses=st.sampled_from(["", "", "A", "BD", "ABCD"]), silent=st.booleans())
    def companies_answer(self, refuses, silent):
        asked = self.order.acknowledgements.last()
        if asked is None:
            return
        for letter in "ABC" if silent else "ABCD":
            who = {"actor": self.w.buyers[letter], "company": self.w.companies[letter], "answer": asked, "at": AFTER}
            self.attempt(lambda who=who, yes=letter not in refuses: changes.answer_change(accepted=yes, **who))

    @rule()
    def conclude(self):
        at = hours(899)  # after the three days
        self.attempt(lambda: changes.conclude_change(actor=None, order=self.order, at=at))

    @rule(chance=st.integers(0, 5))
    def cancel(self, chance):
        if chance == 0:
            self.attempt(lambda: order.cancel(actor=self.w.staff, order=self.order, reason="Essai", at=AFTER))

    # The goods --------------------------------------------------------------------------------------------------------
    @rule(counted=st.sampled_from([1, 4, 7, 12, 24, 30]), refused=st.integers(0, 9))
    def deliver(self, counted, refused):
        self.attempt(lambda: self.d.receive(counted, min(refused, counted)))

    @rule(units=st.integers(1, 20))
    def correct(self, units):
        if (receipt := self.d.order.receipts.order_by("pk").last()) is not None:
            self.back = True
            self.attempt(lambda: self.d.receive(-units, corrects=receipt))

    @rule(letter=LETTER)
    def collect(self, letter):
        for part in HandOver.objects.filter(company=self.w.companies[letter]).select_related("company"):
            self.attempt(lambda part=part: hand_over.hand_over(actor=self.w.staff, row=part, at=hours(901)))

    @rule(letter=LETTER, confirmed=st.booleans())
    def answer_for_the_part(self, letter, confirmed):
        for part in HandOver.objects.filter(company=self.w.companies[letter]).select_related("company"):
            who = {"actor": self.w.buyers[letter], "row": part, "note": "Vu", "at": hours(902)}
            self.attempt(lambda who=who: hand_over.answer(confirmed=confirmed, **who))

    @rule(chance=st.integers(0, 3))
    def give_up_the_rest(self, chance):
        if chance == 0:
            self.attempt(
                lambda: delivery.close_short(actor=self.w.staff, order=self.order, reason="Rupture", at=hours(910))
            )

    # The money --------------------------------------------------------------------------------------------------------
    @rule(units=st.integers(1, 36), off=st.sampled_from([0, 0, 3, -2]), freight=st.sampled_from([0, 1_990]))
    def bill(self, units, off, freight):
        self.bills += 1
        net = units * self.line.unit_price_e4 // 100 + off
        lines = [LineIn("goods", net, 2000, self.line.pk, units, self.line.unit_price_e4)]
        lines += [LineIn("freight", freight, 2000)] if freight else []
        draft = InvoiceIn(f"F-{self.bills}", date(2026, 4, 10), lines)
        self.attempt(lambda: settlement.record(actor=self.w.staff, order=self.order, draft=draft, at=hours(1_000)))

    @rule(step=st.sampled_from(["accept", "accept", "refuse", "share", "share", "issue", "issue"]))
    def settle(self, step):
        for row in SupplierInvoice.objects.filter(order=self.d.order).order_by("pk"):
            who = {"actor": self.w.staff, "invoice": row, "at": hours(1_001)}
            self.attempt(
                {
                    "accept": lambda who=who: settlement.accept(reason="Vu", **who),
                    "refuse": lambda who=who: settlement.refuse_difference(reason="Trop", **who),
                    "share": lambda who=who: settlement.share_out(**who),
                    "issue": lambda who=who: settlement.issue_invoices(quietly=True, **who),
                }[step]
            )

    @rule(letter=LETTER, units=st.integers(1, 3))
    def claim(self, letter, units):
        word = claims.Word("damaged", f"Percés {letter}", {self.line.pk: units})
        who = {"actor": self.w.buyers[letter], "company": self.w.companies[letter], "order": self.order}
        self.attempt(lambda: claims.open_claim(word=word, at=hours(1_002), **who))

    @rule(cents=st.sampled_from([1, 350, 700, 99_999]), granted=st.booleans())
    def decide(self, cents, granted):
        for row in Claim.objects.filter(order=self.d.order).order_by("pk"):
            who = {"actor": self.w.staff, "claim": row, "reason": "Accord", "at": hours(1_003)}
            self.attempt(
                (lambda who=who: decide_claim.resolve(outcome="credit", credit_cents=cents, **who))
                if granted
                else (lambda who=who: decide_claim.reject(**who))
            )

    # What holds -------------------------------------------------------------------------------------------------------
    @invariant()
    def i1_i2_i16_every_unit_has_one_owner_within_what_was_granted(self):
        if not hasattr(self, "d"):
            return
        lines = list(ReceiptLine.objects.filter(order_line__order=self.d.order))
        accepted = sum(row.counted - row.refused for row in lines)
        ours = Allocation.objects.filter(commitment__pool_line=self.w.line)
        now = dict(ours.values_list("commitment").annotate(n=Sum("quantity")).order_by())
        assert sum(now.values()) + sum(row.left_over for row in lines) == accepted
        granted = dict(Commitment.objects.filter(pool_line=self.w.line).values_list("pk", "granted"))
        assert all(0 <= units <= (granted[pk] or 0) for pk, units in now.items() if units)
        gone = (
            HandOverLine.objects.filter(commitment__pool_line=self.w.line)
            .values_list("commitment")
            .annotate(n=Sum("quantity"))
            .order_by()
        )
        assert all(now.get(pk, 0) >= units for pk, units in gone)
        if not self.back:
            assert all(now.get(pk, 0) >= units for pk, units in self.had.items())  # rule 3 is monotone
        self.had, self.back = now, False

    @invariant()
    def i5_i6_i7_the_order_is_the_sum_of_its_parts_in_whole_packs_at_one_price(self):
        if not hasattr(self, "d") or self.order.state in ("changed", "cancelled"):
            return
        row = PurchaseOrderLine.objects.select_related("pool_line").get(order=self.d.order)
        held = Commitment.objects.filter(pool_line=row.pool_line, state="locked")
        assert sum(c.granted or 0 for c in held) == row.quantity
        assert row.quantity % row.pack == 0
        if row.quantity:
            assert (row.pool_line.order_quantity, row.pool_line.unit_price_e4) == (row.quantity, row.unit_price_e4)
        assert not held.filter(price_cap_e4__lt=row.unit_price_e4).exists()

    @invariant()
    def i3_i4_shares_give_each_line_of_the_supplier_to_the_cent(self):
        shared = SupplierInvoiceLine.objects.filter(invoice__state__in=["shared", "invoiced"])
        for row in shared.annotate(net=Sum("shares__net_cents"), vat=Sum("shares__vat_cents")):
            assert row.net == row.net_cents
            if self.w.pool.legal_model != "resale":
                assert row.vat == row.vat_cents
        moved = CostShare.objects.filter(kind="fairness").values("invoice").annotate(n=Sum("net_cents"))
        assert all(row["n"] == 0 for row in moved)

    @invariant()
    def i9_i10_i15_numbers_are_unbroken_credits_within_invoices_and_the_books_balance(self):
        if Invoice.objects.exists():
            assert not checking.first_break()
            over = Invoice.objects.annotate(back=Sum("credit_notes__gross_cents")).filter(back__gt=F("gross_cents"))
            assert not over.exists()


@pytest.mark.django_db(transaction=True)
class TestAnyOrder:
    def test_keeps_the_invariants_through_legal_and_illegal_steps(self):
        run_state_machine_as_test(
            GoodsMachine,
            settings=settings(
                max_examples=5,
                stateful_step_count=10,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],  # to shrink hundreds of deliveries takes minutes
            ),
        )
