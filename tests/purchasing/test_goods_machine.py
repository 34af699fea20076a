"""An order from its sending to its credit notes through random legal and illegal steps; the invariants hold after each.

Purchase order of two lines, deliveries announced, arrived, refused at the door and counted, hand-overs contested
and resolved, supplier's and member's invoices with freight and a discount on the whole document, claims: by their real
services. Checked: I1–I16, and that a refused step changes nothing.
Before the lock it is `test_pool_machine`.
"""

from datetime import date, timedelta

import pytest
from django.db.models import F, Sum
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from companies.billing import checking
from companies.billing.models import CreditNote, Invoice
from companies.errors import DomainError
from companies.models import AuditEntry, Company, OutboxMail, Role
from purchasing.models import (
    Allocation,
    Award,
    Claim,
    ClaimCredit,
    Commitment,
    CommitmentProof,
    CostShare,
    HandOver,
    HandOverLine,
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseRequest,
    Receipt,
    ReceiptLine,
    RequestDecision,
    StandAlone,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.rules.shortage import allocate
from purchasing.services import (
    changes,
    claims,
    decide_claim,
    delivery,
    door,
    hand_over,
    order,
    order_end,
    settlement,
    shipment,
)
from purchasing.services import request as requests
from purchasing.services.answers import Answer
from purchasing.services.delivery import Count
from purchasing.services.request import LineDraft, RequestDraft
from purchasing.services.settlement import InvoiceIn, LineIn
from tests.factories.companies import MembershipFactory
from tests.purchasing.back import AFTER, Delivered, hours

LETTERS = "ABCD"
LETTER = st.sampled_from(LETTERS)
NEED_A_REASON = {
    "purchaseorder.closed_short", "purchaseorder.cancelled", "handover.contested", "handover.resolved",
    "handover.taken_back", "claim.rejected", "claim.resolved", "receipt.refused",
}  # fmt: skip
SUMS = (PurchaseOrder, Receipt, SupplierInvoice)  # of few companies: for who runs the pool
SECRETS = (
    (Commitment.objects, "company"), (CommitmentProof.objects, "company"), (Allocation.objects, "commitment__company"),
    (HandOver.objects, "company"), (CostShare.objects, "company"), (Claim.objects, "company"),
    (ClaimCredit.objects, "company"), (StandAlone.objects, "company"), (Invoice.objects, "company"),
)  # fmt: skip


class GoodsMachine(RuleBasedStateMachine):
    """36 gloves for four companies and 24 of another article for three of them, in packs of 12 at 3.4917 €."""

    @initialize(
        shortage=st.sampled_from(["proportional", "first_come"]),
        model=st.sampled_from(["agent", "resale", "listing"]),
        fairness=st.sampled_from(["none", "stand_alone_cap"]),
        far=st.sampled_from(["sent", "changed", "less received", "received", "billed"]),
    )
    def start(self, shortage, model, fairness, far):
        self.d = Delivered(shortage=shortage, legal_model=model, fairness=fairness, line_count=2)
        self.w, self.bills = self.d.w, 0
        self.second = self.d.order.lines.get(position=2)
        self.had, self.back = {}, False
        if far in ("changed", "less received"):
            self.supplier_answers(6, 100, 0)
            self.companies_answer("", silent=False)
            assert self.order.state == "accepted"
        if far in ("less received", "received", "billed"):
            self.deliver(self.line.quantity, self.lines[1].quantity, 0)
        if far == "billed":
            self.bill(36, 0, 1_990, 24, 777)
            for step in ("accept", "share", "issue"):
                self.settle(step)
            assert Invoice.objects.exists()
        self.supplier_announces(0, "BL-9", 3)  # of an order that ended: refused

    @property
    def order(self):
        self.d.order.refresh_from_db()
        return self.d.order

    @property
    def lines(self):
        return list(self.d.order.lines.order_by("position"))

    @property
    def line(self):
        return self.lines[0]

    def snapshot(self):
        return (
            self.order.state,
            list(Commitment.objects.order_by("pk").values_list("state", "granted")),
            list(HandOver.objects.order_by("pk").values_list("state")),
            list(Receipt.objects.order_by("pk").values_list("state", "announced_for", "parcels")),
            list(SupplierInvoice.objects.order_by("pk").values_list("state")),
            list(Claim.objects.order_by("pk").values_list("state", "credit_net_cents")),
            list(PurchaseRequest.objects.order_by("pk").values_list("state")),
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
    @rule(
        less=st.sampled_from([0, 0, 1, 6, 30]),
        dearer=st.sampled_from([0, 0, 100, 5_000]),
        less_of_second=st.sampled_from([0, 0, 5]),
    )
    def supplier_answers(self, less, dearer, less_of_second):
        one, two = self.lines
        changed = {one.pk: (max(0, one.quantity - less), one.unit_price_e4 + dearer)}
        if less_of_second:
            changed[two.pk] = (max(0, two.quantity - less_of_second), two.unit_price_e4)
        answer = Answer(changes=changed)
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
    @rule(
        counted=st.sampled_from([1, 4, 7, 12, 24, 30]),
        of_second=st.sampled_from([0, 0, 5, 24]),
        refused=st.integers(0, 9),
    )
    def deliver(self, counted, of_second, refused):
        self.count({self.line.pk: Count(counted, min(refused, counted)), self.second.pk: Count(of_second)})

    @rule(units=st.integers(1, 20), second=st.booleans(), why=st.sampled_from(["Recompté", "Recompté", ""]))
    def correct(self, units, second, why):
        if (receipt := self.d.order.receipts.order_by("pk").last()) is not None:
            self.back = True
            line = self.second if second else self.line
            self.count({line.pk: Count(-units)}, corrects=receipt, notes=why)

    @rule(day=st.integers(-1, 3), note=st.sampled_from(["", "BL-1", "BL-2"]), parcels=st.sampled_from([None, 0, 3]))
    def supplier_announces(self, day, note, parcels):
        """A delivery is announced, corrected or refused in words; nothing is shared by it."""
        said = {"day": date(2026, 4, 9) + timedelta(days=day), "delivery_note": note, "parcels": parcels}
        self.attempt(lambda: shipment.announce(order=self.order, at=hours(899), **said))

    @rule(step=st.sampled_from(["arrive", "arrive", "nobody announced it", "refuse", "refuse without a word"]))
    def at_the_door(self, step):
        who = {"actor": self.w.staff, "order": self.order, "at": hours(899)}
        coming = None if step == "nobody announced it" else delivery.waiting(self.order)
        if step.startswith("refuse"):
            number = coming.number if coming else self.order.receipts.count() + 1
            why = "Trempé" if step == "refuse" else ""
            self.attempt(lambda: door.refuse(number=number, reason=why, **who))
        else:
            self.attempt(lambda: shipment.arrive(receipt=coming, **who))

    def count(self, counts, **rest):
        who = {"actor": self.w.staff, "order": self.order, "at": hours(900)}
        self.attempt(lambda: delivery.receive(counts=counts, **who, **rest))

    @rule(letter=LETTER)
    def collect(self, letter):
        for part in HandOver.objects.filter(company=self.w.companies[letter]).select_related("company"):
            self.attempt(lambda part=part: hand_over.hand_over(actor=self.w.staff, row=part, at=hours(901)))

    @rule(letter=LETTER, confirmed=st.booleans())
    def answer_for_the_part(self, letter, confirmed):
        for part in HandOver.objects.filter(company=self.w.companies[letter]).select_related("company"):
            who = {"actor": self.w.buyers[letter], "row": part, "note": "Vu", "at": hours(902)}
            self.attempt(lambda who=who: hand_over.answer(confirmed=confirmed, **who))

    @rule(note=st.sampled_from(["Remplacé", ""]))
    def resolve_what_is_contested(self, note):
        for part in HandOver.objects.filter(receipt__order=self.d.order).select_related("company"):
            who = {"actor": self.w.staff, "row": part, "note": note, "at": hours(903)}
            self.attempt(lambda who=who: hand_over.resolve(**who))

    @rule(letter=LETTER, other=LETTER)
    def ask_again(self, letter, other):
        """What is missing is asked for anew; whoever asks may approve elsewhere, never here (I14)."""
        company, asks = self.w.companies[letter], self.w.buyers[letter]
        if not company.approval_limit_cents:
            return
        Company.objects.filter(pk=company.pk).update(approval_limit_cents=0)
        self.w.companies[letter].refresh_from_db()
        MembershipFactory(user=asks, company=company, role=Role.APPROVER)
        draft = RequestDraft("Gants", [LineDraft("Gants nitrile", 5, ref_price_e4=34_917)])
        row = requests.save(actor=asks, company=company, draft=draft, at=hours(904))
        requests.submit(actor=asks, request=row, at=hours(904))
        for who in (asks, self.w.buyers[other]):
            self.attempt(lambda who=who: requests.decide(actor=who, request=row, verdict="approved", at=hours(905)))
        row.refresh_from_db()
        assert row.state == "submitted"  # nobody else of the company approves

    @rule(chance=st.integers(0, 3))
    def give_up_the_rest(self, chance):
        if chance == 0:
            self.attempt(
                lambda: delivery.close_short(actor=self.w.staff, order=self.order, reason="Rupture", at=hours(910))
            )

    # The money --------------------------------------------------------------------------------------------------------
    @rule(
        units=st.integers(1, 36),
        off=st.sampled_from([0, 0, 3, -2]),
        freight=st.sampled_from([0, 1_990]),
        of_second=st.sampled_from([0, 24, 7]),
        discount=st.sampled_from([0, 777]),
    )
    def bill(self, units, off, freight, of_second, discount):
        self.bills += 1
        net = units * self.line.unit_price_e4 // 100 + off
        lines = [LineIn("goods", net, 2000, self.line.pk, units, self.line.unit_price_e4)]
        if of_second:
            price = self.second.unit_price_e4
            lines.append(LineIn("goods", of_second * price // 100, 2000, self.second.pk, of_second, price))
        lines += [LineIn("freight", freight, 2000)] if freight else []
        lines += [LineIn("discount", -discount, None)] if discount else []
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

    @rule(letter=LETTER, units=st.integers(1, 3), both=st.booleans())
    def claim(self, letter, units, both):
        which = {self.line.pk: units} | ({self.second.pk: units} if both else {})
        word = claims.Word("damaged", f"Percés {letter}", which)
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
        lines = list(ReceiptLine.objects.filter(order_line__order=self.d.order).prefetch_related("allocations"))
        for row in lines:
            assert sum(a.quantity for a in row.allocations.all()) + row.left_over == row.counted - row.refused
        ours = Allocation.objects.filter(commitment__pool_line__pool=self.w.pool)
        now = dict(ours.values_list("commitment").annotate(n=Sum("quantity")).order_by())
        granted = dict(Commitment.objects.filter(pool_line__pool=self.w.pool).values_list("pk", "granted"))
        assert all(0 <= units <= (granted[pk] or 0) for pk, units in now.items() if units)
        gone = HandOverLine.objects.filter(commitment__pool_line__pool=self.w.pool).values_list("commitment")
        assert all(now.get(pk, 0) >= units for pk, units in gone.annotate(n=Sum("quantity")).order_by())
        if not self.back:
            assert all(now.get(pk, 0) >= units for pk, units in self.had.items())  # rule 3 is monotone
        self.had, self.back = now, False

    @invariant()
    def only_what_was_counted_has_lines_and_nothing_is_announced_of_an_order_that_ended(self):
        if not hasattr(self, "d"):
            return
        rows = self.d.order.receipts
        assert not rows.filter(counted_at__isnull=True, lines__isnull=False).exists()
        coming = set(rows.filter(state__in=shipment.COMING).values_list("state", flat=True))
        if self.order.state in order_end.DELIVERED:
            assert coming <= ({"arrived"} if self.order.state == "received" else set())

    @invariant()
    def i5_i6_i7_the_order_is_the_sum_of_its_parts_in_whole_packs_at_one_price(self):
        if not hasattr(self, "d") or self.order.state in ("changed", "cancelled"):
            return
        for row in PurchaseOrderLine.objects.select_related("pool_line").filter(order=self.d.order):
            held = list(Commitment.objects.filter(pool_line=row.pool_line, state="locked"))
            assert sum(c.granted or 0 for c in held) == row.quantity
            assert row.quantity % row.pack == 0
            if row.quantity:
                assert (row.pool_line.order_quantity, row.pool_line.unit_price_e4) == (row.quantity, row.unit_price_e4)
            assert all(c.price_cap_e4 is None or c.price_cap_e4 >= row.unit_price_e4 for c in held)

    @invariant()
    def i8_every_step_has_an_actor_a_time_and_where_it_takes_back_a_reason(self):
        rows = AuditEntry.objects.filter(target_type__startswith="purchasing.").values_list(
            "action", "actor", "actor_label", "at", "reason"
        )
        for action, actor, label, at, reason in rows:
            assert at and (actor or label), action
            if action in NEED_A_REASON:
                assert reason, action

    @invariant()
    def i11_the_order_of_rows_is_irrelevant(self):
        if not hasattr(self, "d"):
            return
        rule = self.w.pool.shortage
        for line in self.lines:
            claims_of = delivery._claims(delivery.claimants(line.pool_line_id), rule)
            for units in (0, 1, 7, sum(c.quantity for c in claims_of)):
                assert allocate(units, claims_of, rule) == allocate(units, claims_of[::-1], rule)

    @invariant()
    def i13_no_company_sees_what_another_takes_or_pays(self):
        if not hasattr(self, "d"):
            return
        for letter in LETTERS:
            buyer, own = self.w.buyers[letter], {self.w.companies[letter].pk}
            seen = [rows.visible_to(buyer).order_by().values_list(path, flat=True) for rows, path in SECRETS]
            assert set(seen[0].union(*seen[1:])) <= own
            sums = [rows.objects.visible_to(buyer).order_by().values("pk") for rows in SUMS]
            assert not sums[0].union(*sums[1:]).exists()

    @invariant()
    def i14_nobody_approves_what_they_asked_for_and_an_award_has_two_persons(self):
        assert not RequestDecision.objects.filter(approver=F("requester")).exists()
        assert not Award.objects.filter(needs_second_person=True, confirmed_by=F("decided_by")).exists()

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
