"""The supplier's file: kept as it came; with Factur-X inside it fills the form. The proof sheet on paper and as a table."""

import csv
import io
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pypdf import PdfReader

from companies.billing.received.reading import ReadInvoice, ReadLine
from companies.billing.received.reading import read as read_file
from companies.documents import render_pdf
from companies.models import Document
from purchasing.models import SupplierInvoice
from purchasing.rules.shares import ranked
from purchasing.services import supplier_file
from tests.purchasing.back import Delivered
from tests.purchasing.billed import Billed

pytestmark = pytest.mark.django_db(transaction=True)


def paper():
    return render_pdf("purchasing/documents/labels.typ", {"labels": [], "number": "F"})


class TestAFile:
    def test_without_data_is_kept_and_the_form_says_what_is_expected(self, client):
        d = Delivered()
        d.receive(36)
        client.force_login(d.w.staff)
        path = f"/orders/{d.order.pk}/invoice/"
        upload = SimpleUploadedFile("facture.pdf", paper(), "application/pdf")
        page = client.post(path, {"read": "1", "file": upload})
        form = page.context["form"]
        assert form["number"].value() is None and form[f"net{d.line.pk}"].value() == "125,70"
        data = {
            "number": "F-77",
            "issued_on": "2026-04-10",
            f"net{d.line.pk}": "125,70",
            "freight": "19,90",
            "freight_vat": "2000",
            "kept": form["kept"].value(),
        }
        client.post(path, data)
        invoice = SupplierInvoice.objects.get()
        assert (invoice.state, invoice.document.kind) == ("matched", "supplier_invoice")
        assert client.get(f"/supplier-invoices/{invoice.pk}/file/").content == bytes(invoice.document.content)

    def test_of_anybody_else_or_of_another_kind_is_refused(self, client):
        d = Delivered()
        d.receive(36)
        client.force_login(d.w.staff)
        path = f"/orders/{d.order.pk}/invoice/"
        for name, content in (("x.pdf", b"<script>"), ("x.exe", b"MZ"), ("x.pdf", b"%PDF-1.7 broken")):
            page = client.post(path, {"read": "1", "file": SimpleUploadedFile(name, content, "application/pdf")})
            assert page.status_code == 200
        assert Document.objects.filter(kind="supplier_invoice").count() <= 1
        data = {"number": "F", "issued_on": "2026-04-10", f"net{d.line.pk}": "125,70", "kept": "forged"}
        assert client.post(path, data | {"freight_vat": "2000"}).status_code == 200
        assert not SupplierInvoice.objects.exists()

    def test_with_data_fills_lines_by_reference_words_and_order(self):
        d = Delivered()
        rows = [
            ReadLine("Gloves", "GN-M", Decimal(36), "C62", 34_917, 12_573, 2000),
            ReadLine("Frais de port", "", Decimal(1), "C62", 199_000, 1_990, 2000),
        ]
        read = ReadInvoice("facturx", number="F-9", issued_on=date(2026, 4, 9), net_cents=14_463, lines=rows)
        found = supplier_file.initial(read, [d.line])
        assert (found["number"], found[f"net{d.line.pk}"], found[f"quantity{d.line.pk}"]) == ("F-9", 12_573, 36)
        assert (found["freight"], found["discount"]) == (1_990, 100)

    def test_is_read_from_a_real_facturx(self):
        """Our own invoices are Factur-X: the reader the form uses finds number and total in them."""
        b = Billed()
        b.share()
        invoice = b.issue()[0]
        from companies.billing.printing import invoice_file
        from tests.purchasing.billed import AT

        found = read_file(bytes(invoice_file(invoice, at=AT).content))
        assert (found.number, found.net_cents) == (invoice.number, invoice.net_cents)


class TestTheProofSheet:
    def test_lets_a_buyer_replay_every_cent(self, client):
        """case: A, B, C, D get 38.41, 24.44, 48.88, 13.97 of 125.70; from the table alone each cent comes out again."""
        b = Billed()
        b.share()
        cents = {}
        for letter in "ABCD":
            client.force_login(b.w.buyers[letter])
            base = f"/company/{b.w.companies[letter].pk}/pools/{b.w.pool.pk}/proof"
            text = client.get(f"{base}.csv", headers={"accept-language": "fr"}).content.decode("utf-8-sig")
            rows = list(csv.reader(io.StringIO(text), delimiter=";"))[1:]
            for row in rows:
                total, weight, base_ = (int(row[3].replace(",", "")), int(row[4]), row[5])
                rank, net = int(row[7] or 0), int(row[8].replace(",", ""))
                if base_:
                    assert net == total * weight // int(base_) + (rank > 0)
                    assert row[6] == proof_exact(total, weight, int(base_))
                cents.setdefault(row[1], []).append(net)
            pdf = PdfReader(io.BytesIO(client.get(f"{base}.pdf").content))
            assert b.w.companies[letter].name in pdf.pages[0].extract_text()
        assert list(cents.values()) == [[3_841, 2_444, 4_888, 1_397], [608, 387, 774, 221]]
        assert [c for c, _rank in ranked(12_570, [11, 7, 14, 4])] == [3_841, 2_444, 4_888, 1_397]


def proof_exact(total, weight, base):
    from purchasing.proof import exact

    return exact(total, weight, base)
