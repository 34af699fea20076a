"""From the supplier's invoice to the companies': matched, shared to the cent, issued once, per legal model."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companies.billing import supplier_fees, supplier_invoicing
from companies.billing.models import Invoice, SupplierFee
from companies.errors import NotAllowed
from companies.models import Role
from companies.money import line_total
from purchasing.models import Claim, Commitment, CostShare, Pool, PurchaseRequest, RequestLine, SupplierInvoice
from purchasing.services import billing_end, commission, delivery, settlement
from purchasing.services.billed_units import Arrived, through
from purchasing.services.delivery import Count
from purchasing.services.settlement import InvoiceIn, LineIn
from tests.factories.companies import member, staff
from tests.purchasing.back import Delivered, world
from tests.purchasing.billed import AT, Billed

pytestmark = pytest.mark.django_db(transaction=True)


class TestASupplierInvoice:
    def test_as_expected_is_matched_and_shared_as_in_the_worked_example(self):
        b = Billed()
        assert (b.invoice.state, b.invoice.expected_net_cents) == ("matched", 14_560)
        b.share()
        assert b.cents("goods") == [3_841, 2_444, 4_888, 1_397]
        assert b.cents("freight") == [608, 387, 774, 221]
        assert b.total() == [4_449, 2_831, 5_662, 1_618]
        assert b.total("vat_cents") == [890, 566, 1_132, 324]

    def test_three_cents_higher_raises_an_alert_and_is_shared_if_accepted(self):
        b = Billed(goods=12_573)
        assert b.invoice.state == "disputed"
        with pytest.raises(settlement.ReasonMissing):
            settlement.accept(actor=b.w.staff, invoice=b.invoice, at=AT)
        b.share("Arrondi du fournisseur")
        assert b.cents("goods") == [3_842, 2_445, 4_889, 1_397]

    def test_three_cents_higher_and_refused_leaves_the_companies_at_what_was_expected(self):
        """case: supplier bills 125.73 instead of 125.70; refused: claim open and members keep 125.70."""
        b = Billed(goods=12_573, freight=0, freight_cents=0)
        settlement.refuse_difference(actor=b.w.staff, invoice=b.invoice, reason="Prix convenu 3,4917", at=AT)
        b.invoice.refresh_from_db()
        b.invoice = settlement.share_out(actor=b.w.staff, invoice=b.invoice, at=AT)
        assert b.total() == [3_841, 2_444, 4_888, 1_397]
        claim = Claim.objects.get()
        assert (claim.state, claim.kind, claim.asked_cents, claim.supplier_invoice) == ("open", "price", 3, b.invoice)

    @pytest.mark.parametrize(
        ("change", "kind"),
        [({"quantity": 35}, "quantity"), ({"price_e4": 35_000}, "price"), ({"freight": 2_990}, "freight")],
    )
    def test_that_differs_says_in_what(self, change, kind):
        b = Billed(**change)
        assert b.invoice.state == "disputed"
        assert kind in {row.kind for row in settlement.differences(b.invoice)}

    def test_entered_twice_is_one_invoice(self):
        b = Billed()
        assert b.record().pk == b.invoice.pk
        assert SupplierInvoice.objects.count() == 1
        b.draft = InvoiceIn("F-2026-1", date(2026, 4, 10), b.draft.lines[:1])
        with pytest.raises(settlement.InvoiceKnown):
            b.record()

    def test_before_anything_arrived_is_refused(self):
        w = world()
        row = w.order()
        draft = InvoiceIn("F", date(2026, 4, 10), [LineIn("goods", 1, 2000, row.lines.get().pk)])
        with pytest.raises(settlement.NotBillable):
            settlement.record(actor=w.staff, order=row, draft=draft, at=AT)

    def test_after_a_short_delivery_is_shared_on_what_was_received(self):
        b = Billed(received=30, goods=10_475)
        b.share()
        assert b.invoice.expected_net_cents == 12_465
        assert b.cents("goods", "quantity") == [9, 6, 12, 3]
        assert sum(b.cents("goods")) == 10_475


class TestPartialInvoices:
    """Two deliveries, billed one by one: 12 gloves of 36, then the rest."""

    def both(self, first=12, **pool):
        d = Delivered(**pool)
        one, two = d.receive(first), d.receive(36 - first)
        return d, [
            dict(r.lines.get().allocations.values_list("commitment__company__name", "quantity")) for r in (one, two)
        ]

    def bill(self, d, number, quantity, freight=0, net=None):
        net = line_total(quantity, 34_917) if net is None else net
        lines = [LineIn("goods", net, 2000, d.line.pk, quantity, 34_917)] if quantity else []
        lines += [LineIn("freight", freight, 2000)] if freight else []
        draft = InvoiceIn(number, date(2026, 4, 10), lines)
        return settlement.record(actor=d.w.staff, order=d.order, draft=draft, at=AT)

    def share(self, d, row):
        settlement.accept(actor=d.w.staff, invoice=row, reason="oui", at=AT)
        return settlement.share_out(actor=d.w.staff, invoice=row, at=AT)

    def of(self, row, kind="goods", field="quantity"):
        return {share.company.name: getattr(share, field) for share in row.shares.filter(kind=kind)}

    def test_are_each_split_by_the_units_of_the_deliveries_they_bill(self):
        d, (one, two) = self.both()
        first = self.bill(d, "F1", 12)
        assert (first.state, first.expected_net_cents) == ("matched", 4_190)
        self.share(d, first)
        second = self.share(d, self.bill(d, "F2", 24, freight=1_990))
        assert second.expected_net_cents == 8_380 + 1_990
        assert {k: n for k, n in self.of(first).items() if n} == one
        assert {k: n for k, n in self.of(second).items() if n} == two
        assert sum(CostShare.objects.filter(kind="goods").values_list("net_cents", flat=True)) == 4_190 + 8_380
        assert {k: one.get(k, 0) + two.get(k, 0) for k in "ABCD"} == {"A": 11, "B": 7, "C": 14, "D": 4}

    def test_of_a_part_of_a_delivery_are_looked_at_and_never_take_a_unit_twice(self):
        d, _ = self.both()
        first = self.bill(d, "F1", 20)
        assert first.state == "disputed"
        first, second = self.share(d, first), self.share(d, self.bill(d, "F2", 16, freight=1_990))
        units = [{k: row.get(k, 0) for k in "ABCD"} for row in (self.of(first), self.of(second))]
        assert [sum(row.values()) for row in units] == [20, 16]
        assert {k: units[0][k] + units[1][k] for k in "ABCD"} == {"A": 11, "B": 7, "C": 14, "D": 4}

    def test_close_order_and_pool_only_when_everything_that_came_is_billed(self):
        d, _ = self.both()
        settlement.issue_invoices(actor=d.w.staff, invoice=self.share(d, self.bill(d, "F1", 12)), at=AT)
        d.order.refresh_from_db()
        assert (d.order.state, Pool.objects.get().state) == ("received", "settling")
        with pytest.raises(billing_end.EndNeedsReason):
            billing_end.end_billing(actor=d.w.staff, order=d.order, reason=" ", at=AT)
        lead = d.w.buyers["A"]  # money ends here: leading the pool is not enough, whatever the role
        Pool.objects.update(lead=lead)
        d.order.refresh_from_db()
        for actor in (lead, d.w.buyers["B"], *(member(d.w.companies["C"], role) for role in Role)):
            with pytest.raises(NotAllowed):
                billing_end.end_billing(actor=actor, order=d.order, reason="Offert", at=AT)
        billing_end.end_billing(actor=d.w.staff, order=d.order, reason="Le reste est offert", at=AT)
        d.order.refresh_from_db()
        assert (d.order.state, Pool.objects.get().state) == ("closed", "closed")

    def test_wait_for_each_other_before_billing_is_called_over(self):
        d, _ = self.both()
        settlement.issue_invoices(actor=d.w.staff, invoice=self.share(d, self.bill(d, "F1", 12)), at=AT)
        self.bill(d, "F2", 24, freight=1_990)
        with pytest.raises(billing_end.BillingOpen):
            billing_end.end_billing(actor=d.w.staff, order=d.order, reason="Fini", at=AT)

    @pytest.mark.parametrize(("freight", "split"), [("value", [608, 387, 774, 221]), ("equal", [498, 498, 497, 497])])
    def test_of_freight_alone_follow_the_goods_that_came(self, freight, split):
        d, _ = self.both(freight=freight)
        self.share(d, self.bill(d, "F1", 36))
        carrier = self.share(d, self.bill(d, "F2", 0, freight=1_990))
        assert [self.of(carrier, "freight", "net_cents")[k] for k in "ABCD"] == split

    def test_keep_the_promise_over_all_of_them_together(self):
        """Nobody pays more than alone: A would pay 30.00, so the second invoice moves what is too much, in all once."""
        d, _ = self.both(fairness="stand_alone_cap")
        Commitment.objects.update(stand_alone_cents=100_000)
        Commitment.objects.filter(company=d.w.companies["A"]).update(stand_alone_cents=3_000)
        first = self.share(d, self.bill(d, "F1", 12))
        assert not first.shares.filter(kind="fairness").exists()
        second = self.share(d, self.bill(d, "F2", 24, freight=1_990))
        assert sum(self.of(second, "fairness", "net_cents").values()) == 0
        third = self.share(d, self.bill(d, "F3", 36, net=360))
        paid = dict.fromkeys("ABCD", 0)
        for row in (first, second, third):
            for share in row.shares.select_related("company"):
                paid[share.company.name] += share.net_cents
        assert paid["A"] == 3_000
        assert sum(paid.values()) == 4_190 + 8_380 + 1_990 + 360


class TestTheUnitsBilled:
    @given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=4), st.data())
    def test_are_exact_and_never_fall(self, deliveries, data):
        """One more unit billed never lowers anybody's; all that came is all that everybody got."""
        come = [Arrived(sum(units), dict(enumerate(units))) for units in deliveries]
        total = sum(map(sum, deliveries))
        before = {0: 0, 1: 0, 2: 0}
        for units in range(total + 1):
            now = through(come, units)
            assert sum(now.values()) == units and all(now[k] >= before[k] for k in now)
            before = now
        assert before == {k: sum(row[k] for row in deliveries) for k in range(3)}


class TestTheCompaniesInvoices:
    def test_in_the_agent_model_share_the_suppliers_vat(self):
        b = Billed()
        b.share()
        issued = b.issue()
        assert [(i.company.name, i.net_cents, i.vat_cents) for i in issued] == [
            ("A", 4_449, 890),
            ("B", 2_831, 566),
            ("C", 5_662, 1_132),
            ("D", 1_618, 324),
        ]
        assert sum(i.vat_cents for i in issued) == b.invoice.vat_cents
        assert {i.order_reference for i in issued} == {b.order.number}

    def test_in_resale_have_vat_on_their_own_base(self):
        b = Billed(legal_model="resale")
        b.share()
        assert [i.vat_cents for i in b.issue()] == [890, 566, 1_132, 324]
        assert b.total("vat_cents") == [890, 566, 1_132, 324]

    def test_in_listing_bill_the_fee_only(self):
        b = Billed(legal_model="listing", fee_bp=200)
        b.share()
        assert [(i.net_cents, i.vat_cents) for i in b.issue()] == [(89, 18), (57, 11), (113, 23), (32, 6)]

    def test_in_listing_without_fee_are_none_and_the_supplier_owes_its_commission(self):
        """case: listing, only the association's fee: 2 % of 121.33 € of goods less discount, from a supplier that can be named."""
        b = Billed(legal_model="listing", supplier_fee_bp=200)
        supplier = b.invoice.supplier
        type(supplier).objects.filter(pk=supplier.pk).update(siren="")
        with pytest.raises(supplier_fees.IdentityAsked):
            b.share()
        supplier.siren, supplier.street, supplier.postcode, supplier.city = (
            "303265045",
            "1 rue Neuve",
            "26100",
            "Romans",
        )
        supplier.save()
        b.invoice.refresh_from_db()
        b.share()
        assert b.issue() == []
        (fee,) = SupplierFee.objects.all()
        goods = sum(b.invoice.lines.exclude(kind="freight").values_list("net_cents", flat=True))
        assert (goods, fee.net_cents, fee.vat_cents, fee.kept) == (12_570, 251, 50, False)
        (made,) = supplier_invoicing.invoice_now(customer=fee.customer, actor=b.w.staff, at=AT)
        assert (made.customer, made.gross_cents, b.order.number in made.lines.get().description) == (
            fee.customer,
            301,
            True,
        )
        with pytest.raises(commission.CommissionNotHere):
            commission.require_fits("agent", 200)
        with pytest.raises(commission.CommissionKnown):
            commission.require_fits("listing", 100, b.order.pool)
        b.invoice.refresh_from_db()
        assert b.invoice.state == "invoiced"

    def test_carry_the_fee_beside_the_goods(self):
        b = Billed(fee_bp=200)
        b.share()
        first = b.issue()[0]
        assert (first.net_cents, first.vat_cents) == (4_449 + 89, 890 + 18)

    def test_are_issued_once_and_close_the_pool(self):
        b = Billed()
        b.share()
        first = [i.number for i in b.issue()]
        assert [i.number for i in b.issue()] == first
        assert Invoice.objects.count() == 4
        b.w.pool.refresh_from_db()
        b.order.refresh_from_db()
        assert (b.w.pool.state, b.order.state) == ("closed", "closed")
        assert set(RequestLine.objects.values_list("state", flat=True)) == {"closed"}
        assert set(PurchaseRequest.objects.values_list("state", flat=True)) == {"closed"}

    def test_interrupted_half_way_leave_no_number_behind(self, monkeypatch):
        b = Billed()
        b.share()
        real, calls = settlement.invoices.issue, []

        def dies(**kwargs):
            calls.append(1)
            if len(calls) == 3:
                raise ConnectionError
            return real(**kwargs)

        monkeypatch.setattr(settlement.invoices, "issue", dies)
        with pytest.raises(ConnectionError):
            b.issue()
        assert not Invoice.objects.exists()
        monkeypatch.setattr(settlement.invoices, "issue", real)
        assert [i.number[-1] for i in sorted(b.issue(), key=lambda i: i.number)] == ["1", "2", "3", "4"]

    def test_are_for_staff_to_issue(self):
        lead = staff()
        b = Billed(lead=lead)
        b.share()
        with pytest.raises(NotAllowed):
            settlement.issue_invoices(actor=member(b.w.companies["A"], Role.ACCOUNTANT), invoice=b.invoice, at=AT)
        assert not Invoice.objects.exists()


class TestFairness:
    def test_caps_who_would_pay_more_than_alone(self):
        b = Billed.__new__(Billed)
        b.w = world(tiers=((1, 100_000),), pack=10, freight_cents=0, fairness="stand_alone_cap")
        b.w.commit("A", 10)
        b.w.commit("B", 1, 9)
        b.w.lock()
        Commitment.objects.filter(company=b.w.companies["A"]).update(stand_alone_cents=9_000)
        from purchasing.services import order

        (b.order,) = order.prepare(actor=b.w.staff, pool=b.w.pool, at=AT)
        order.sign_and_send(actor=b.w.staff, order=b.order, at=AT)
        line = b.order.lines.get()
        delivery.receive(actor=b.w.staff, order=b.order, counts={line.pk: Count(20)}, at=AT)
        lines = [LineIn("goods", 20_000, 2000, line.pk, 20, 100_000)]
        b.draft = InvoiceIn("F", date(2026, 4, 10), lines)
        b.invoice = b.record()
        b.share("test")
        assert sum(b.cents("fairness")) == 0
        assert sum(b.total()) == 20_000


class TestTheShares:
    @pytest.mark.parametrize("freight", ["value", "quantity", "equal", "weight"])
    def test_reproduce_the_invoice_for_every_policy(self, freight):
        b = Billed(freight=1_990) if freight == "value" else _with_policy(freight)
        b.share()
        assert sum(b.total()) == 14_560
        assert sum(b.cents("freight")) == 1_990


def _with_policy(policy):
    b = Billed.__new__(Billed)
    Billed.__init__(b)
    b.w.pool.freight = policy
    b.w.pool.save(update_fields=["freight"])
    return b
