"""Orders: one per supplier, signed, sent with its PDF, acknowledged by link, changed with consent."""

import re
from io import BytesIO

import pgtrigger
import pytest
from lxml import etree
from pypdf import PdfReader

from companies.models import Document, OutboxMail
from companies.states import StateRefused
from purchasing import order_document
from purchasing.models import Acknowledgement, Budget, Commitment, Pool, PurchaseOrder, RequestLine, Supplier
from purchasing.services import budget, commitment, order
from purchasing.services import pool as pools
from tests.purchasing.back import AFTER, hours, world

pytestmark = pytest.mark.django_db(transaction=True)


def link_of(mail: OutboxMail) -> str:
    return re.search(r"/q/order/\S+", mail.body).group()


class TestAnOrder:
    def test_is_what_the_pool_locked(self):
        w = world()
        row = w.order()
        assert (row.state, row.goods_cents, row.freight_cents, row.vat_cents) == ("sent", 12_570, 1_990, 2_912)
        line = row.lines.get()
        assert (line.quantity, line.unit_price_e4, line.reference) == (36, 34_917, "GN-M")
        assert w.pool.state == "ordered"
        assert set(RequestLine.objects.values_list("state", flat=True)) == {"ordered"}

    def test_is_prepared_and_sent_once_however_often_one_clicks(self):
        w = world()
        row = w.order()
        assert order.prepare(actor=w.staff, pool=w.pool, at=AFTER) == [row]
        order.sign_and_send(actor=w.staff, order=row, at=hours(900))
        assert PurchaseOrder.objects.count() == 1
        assert OutboxMail.objects.filter(to="fournisseur@example.org").count() == 1
        assert Document.objects.filter(kind="purchase_order").count() == 1

    def test_goes_out_as_a_pdf_that_says_it_all(self):
        w = world()
        row = w.order()
        text = PdfReader(BytesIO(bytes(row.document.content))).pages[0].extract_text()
        for part in (row.number, "Gants nitrile M", "3,4917", "125,70", "19,90", "174,72", w.supplier.name):
            assert part in text
        mail = OutboxMail.objects.get(to="fournisseur@example.org")
        assert list(mail.attachments.all()) == [row.document]

    def test_carries_itself_as_order_x_for_machines(self):
        from facturx import get_xml_from_pdf, xml_check_xsd

        w = world()
        content = bytes(w.order().document.content)
        name, xml = get_xml_from_pdf(content, check_xsd=True)
        assert name == "order-x.xml" and xml_check_xsd(xml, flavor="order-x", level="comfort")
        text = xml.decode()
        for part in (
            "<ram:ID>BC-",
            ">3.4917<",
            'unitCode="C62">36<',
            ">125.70<",
            ">19.90<",
            ">174.72<",
            "GN-M",
            "Pôle Sud",
        ):
            assert part in text
        assert b"pdfaid" in content and b"urn:factur-x:pdfa:CrossIndustryDocument" in content

    def test_of_goods_at_two_rates_cuts_freight_over_them(self):
        """case: Freight 10.00 € on goods 60.00 at 5.5 % and 40.00 at 20 % → 6.00 and 4.00, each with its rate."""
        w = world(tiers=((1, 10_000),), pack=1, freight_cents=1_000, line_count=2)
        food, boxes = w.pool.lines.order_by("position")
        w.pool.lines.filter(pk=food.pk).update(vat_bp=550)
        w.commit("A", 60)
        word = commitment.Word(40)
        commitment.commit(actor=w.buyers["A"], company=w.companies["A"], line=boxes, word=word, at=hours(2))
        w.lock()
        (row,) = order.prepare(actor=w.staff, pool=w.pool, at=AFTER)
        assert (row.goods_cents, row.freight_cents, row.vat_cents) == (10_000, 1_000, 363 + 880)
        tree = etree.fromstring(order_document.order_x(row, row.supplier, AFTER))
        found = [
            (charge.findtext("{*}ActualAmount"), charge.findtext("{*}CategoryTradeTax/{*}RateApplicablePercent"))
            for charge in tree.iter("{*}SpecifiedTradeAllowanceCharge")
        ]
        assert found == [("6.00", "5.50"), ("4.00", "20.00")]
        assert [e.text for e in tree.iter("{*}ChargeTotalAmount", "{*}TaxTotalAmount", "{*}GrandTotalAmount")] == [
            "10.00",
            "12.43",
            "122.43",
        ]
        text = PdfReader(BytesIO(order_document.pdf(row, w.staff, AFTER))).pages[0].extract_text()
        assert all(part in text for part in ("6,00", "4,00", "3,63", "8,80", "122,43"))

    def test_of_an_unlocked_pool_is_refused(self):
        w = world()
        with pytest.raises(order.NotLocked):
            order.prepare(actor=w.staff, pool=w.pool, at=AFTER)

    def test_cancelled_before_any_delivery_ends_its_pool_and_frees_everybody(self):
        w = world()
        row = w.order()
        company = w.companies["A"]
        Budget.objects.create(company=company, year=2026, cost_centre="X", amount_cents=100_000)
        Commitment.objects.filter(company=company).update(cost_centre="X")
        assert budget.uses(company, 2026)[0].committed_cents
        order.cancel(actor=w.staff, order=row, reason="Rupture", at=AFTER)
        w.pool.refresh_from_db()
        w.line.refresh_from_db()
        assert (w.pool.state, w.line.state) == ("cancelled", "cancelled")
        assert set(RequestLine.objects.values_list("state", flat=True)) == {"approved"}
        assert budget.uses(company, 2026)[0].committed_cents == 0
        rows = set(Commitment.objects.values_list("state", "drop_reason", "granted"))
        assert rows == {("dropped", "order", None)}
        told = OutboxMail.objects.filter(key__startswith="order-cancelled:")
        assert sorted(told.values_list("to", flat=True)) == sorted(buyer.email for buyer in w.buyers.values())
        assert all("Rupture" in mail.body and "Gants nitrile M" in mail.body for mail in told)
        needs = list(RequestLine.objects.values_list("pk", flat=True))
        lines = [pools.LineDraft(text="Gants", needs=needs)]
        again = pools.open_pool(actor=w.staff, draft=pools.PoolDraft(title="Gants"), lines=lines, at=AFTER)
        assert again.lines.get().needs.count() == 4
        with pytest.raises(StateRefused):
            order.cancel(actor=w.staff, order=row, reason="Encore", at=AFTER)

    @pytest.mark.parametrize(
        ("pool", "other", "after"),
        [("locked", "to_sign", "locked"), ("locked", "sent", "ordered"), ("ordered", "sent", "ordered"),
         ("receiving", "part_received", "receiving"), ("receiving", "received", "settling"),
         ("receiving", "closed", "closed")],
    )  # fmt: skip
    def test_cancelled_leaves_the_pool_where_its_other_orders_are(self, pool, other, after):
        w = world()
        w.four()
        w.lock()
        (row,) = order.prepare(actor=w.staff, pool=w.pool, at=AFTER)
        second = Supplier.objects.create(name="Un autre", category="office", city="Valence")
        more = {"state": other, "sent_at": AFTER, "created_by": w.staff, "created_at": AFTER}
        PurchaseOrder.objects.create(pool=w.pool, supplier=second, number="BC-2", **more)
        with pgtrigger.ignore("purchasing.Pool:pool_states"):
            Pool.objects.filter(pk=w.pool.pk).update(state=pool)
        order.cancel(actor=w.staff, order=row, reason="Rupture", at=AFTER)
        w.pool.refresh_from_db()
        assert w.pool.state == after


class TestTheSuppliersLink:
    def test_shows_the_order_and_acknowledges_it_in_one_click(self, client, time_machine):
        time_machine.move_to(AFTER)
        w = world()
        row = w.order()
        path = link_of(OutboxMail.objects.get(to="fournisseur@example.org"))
        page = client.get(path)
        assert page.status_code == 200
        assert "Gants nitrile M" in page.content.decode()
        data = {f"quantity{line.pk}": "36" for line in row.lines.all()} | {
            f"price{line.pk}": "3,4917" for line in row.lines.all()
        }
        assert client.post(path, data).status_code == 302
        row.refresh_from_db()
        assert row.state == "acknowledged"
        client.post(path, data)
        assert Acknowledgement.objects.count() == 1
        assert client.get(f"{path}pdf/")["Content-Type"] == "application/pdf"

    @pytest.mark.parametrize("token", ["x", "abc.def", "../../etc"])
    def test_that_is_not_ours_says_so(self, client, token):
        world().order()
        page = client.get(f"/q/order/{token}/")
        assert page.status_code == 404

    def test_stops_when_the_order_is_cancelled(self, client, time_machine):
        time_machine.move_to(AFTER)
        w = world()
        row = w.order()
        path = link_of(OutboxMail.objects.get(to="fournisseur@example.org"))
        assert client.get(path).status_code == 200
        order.cancel(actor=w.staff, order=row, reason="Rupture", at=AFTER)
        assert client.get(path).status_code == 404
