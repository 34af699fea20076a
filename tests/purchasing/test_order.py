"""Orders: one per supplier, signed, sent with its PDF, acknowledged by link, changed with consent."""

import re
from io import BytesIO

import pytest
from pypdf import PdfReader

from companies.models import Document, OutboxMail
from purchasing.models import Acknowledgement, PurchaseOrder, RequestLine
from purchasing.services import order
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

    def test_of_an_unlocked_pool_is_refused(self):
        w = world()
        with pytest.raises(order.NotLocked):
            order.prepare(actor=w.staff, pool=w.pool, at=AFTER)

    def test_cancelled_before_any_delivery_frees_the_needs(self):
        w = world()
        row = w.order()
        order.cancel(actor=w.staff, order=row, reason="Rupture", at=AFTER)
        assert set(RequestLine.objects.values_list("state", flat=True)) == {"approved"}


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
