"""The acceptance cases of the design after the order is sent, through the services, each by its name."""

from datetime import date

import pytest

from companies.billing.models import Invoice
from companies.models import Site
from purchasing.models import Commitment, CostShare, HandOver, ReceiptLine
from purchasing.services import delivery, settlement
from purchasing.services.delivery import Count
from purchasing.services.settlement import InvoiceIn, LineIn
from purchasing.tasks_back import conclude_changes
from tests.purchasing.back import Delivered, hours, world
from tests.purchasing.billed import AT, Billed

pytestmark = pytest.mark.django_db(transaction=True)


class TestReceived:
    @pytest.mark.parametrize(
        ("units", "rule", "expected"),
        [
            (30, "proportional", {"A": 9, "B": 6, "C": 12, "D": 3}),
            (30, "first_come", {"A": 11, "B": 7, "C": 12}),
            (35, "proportional", {"A": 11, "B": 7, "C": 13, "D": 4}),
            (1, "proportional", {"C": 1}),
        ],
    )
    def test_of_36_is_shared_as_the_design_says(self, units, rule, expected):
        """case: 30 of 36 received → 9, 6, 12, 3 (FIFO 11, 7, 12, 0); 35 → 11, 7, 13, 4; 1 → C gets it."""
        d = Delivered(shortage=rule)
        d.receive(units)
        assert d.allocated() == expected

    def test_nothing_gives_nobody_anything_and_no_invoice(self):
        """case: 0 → all 0, no invoice."""
        d = Delivered()
        d.receive(36, 36)
        assert d.allocated() == {} and not HandOver.objects.exists()
        delivery.close_short(actor=d.w.staff, order=d.order, reason="Tout refusé", at=hours(905))
        draft = InvoiceIn("F", date(2026, 4, 10), [LineIn("goods", 12_570, 2000, d.line.pk, 36, 34_917)])
        invoice = settlement.record(actor=d.w.staff, order=d.order, draft=draft, at=AT)
        assert (invoice.state, invoice.expected_net_cents) == ("disputed", 0)
        assert not Invoice.objects.exists()

    def test_24_kilos_are_billed_on_grams(self):
        """case: weighed goods, ordered 12.500/7.250/5.250 kg, received 24.180 → 12.090, 7.012, 5.078; billed on grams."""
        w = world(tiers=((1, 80),), pack=1, freight_cents=0)  # 8.00 € a kilo
        for letter, grams in (("A", 12_500), ("B", 7_250), ("C", 5_250)):
            w.commit(letter, grams)
        w.lock()
        from purchasing.services import order

        (row,) = order.prepare(actor=w.staff, pool=w.pool, at=hours(800))
        row = order.sign_and_send(actor=w.staff, order=row, at=hours(800))
        line = row.lines.get()
        delivery.receive(actor=w.staff, order=row, counts={line.pk: Count(24_180)}, at=hours(900))
        delivery.close_short(actor=w.staff, order=row, reason="Pesée finale", at=hours(901))
        draft = InvoiceIn("F", date(2026, 4, 10), [LineIn("goods", 19_344, 2000, line.pk, 24_180, 80)])
        invoice = settlement.record(actor=w.staff, order=row, draft=draft, at=AT)
        assert invoice.state == "matched"
        settlement.accept(actor=w.staff, invoice=invoice, at=AT)
        settlement.share_out(actor=w.staff, invoice=invoice, at=AT)
        rows = CostShare.objects.order_by("company__name").values_list("quantity", "net_cents")
        assert list(rows) == [(12_090, 9_672), (7_012, 5_610), (5_078, 4_062)]


class TestFreight:
    def test_is_split_by_delivery_place(self):
        """Each place counts once: A with two sites would carry twice B's part, had it goods in both."""
        d = Delivered(freight="drop_point")
        site = Site.objects.create(company=d.w.companies["A"], name="Nord", street="1 rue", city="Romans")
        Commitment.objects.filter(company=d.w.companies["A"]).update(site=site)
        d.receive(36)
        lines = [LineIn("goods", 12_570, 2000, d.line.pk, 36, 34_917), LineIn("freight", 1_990, 2000)]
        invoice = settlement.record(
            actor=d.w.staff, order=d.order, draft=InvoiceIn("F", date(2026, 4, 10), lines), at=AT
        )
        settlement.accept(actor=d.w.staff, invoice=invoice, at=AT)
        settlement.share_out(actor=d.w.staff, invoice=invoice, at=AT)
        rows = CostShare.objects.filter(kind="freight").order_by("company__name")
        assert [(row.weight, row.net_cents) for row in rows] == [(1, 498), (1, 498), (1, 497), (1, 497)]


class TestTwice:
    def test_any_step_after_the_order_has_one_effect(self):
        """case: receipt job run twice, double click: one effect (receipt, hand-over, share-out, invoices, clock)."""
        b = Billed()
        line = b.order.lines.get()
        first = b.order.receipts.get()
        again = delivery.receive(
            actor=b.w.staff, order=b.order, counts={line.pk: Count(36)}, at=hours(901), number=first.number
        )
        assert again == first and ReceiptLine.objects.count() == 1
        b.share()
        settlement.share_out(actor=b.w.staff, invoice=b.invoice, at=AT)
        assert CostShare.objects.count() == 8
        numbers = [row.number for row in b.issue()]
        assert [row.number for row in b.issue()] == numbers and Invoice.objects.count() == 4
        conclude_changes()
        conclude_changes()
        b.order.refresh_from_db()
        assert b.order.state == "closed"
