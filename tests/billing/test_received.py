"""Invoices of suppliers: read from every format, hostile files refused, decided once."""

import io
import re
import tracemalloc
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.urls import reverse
from pypdf import PdfReader, PdfWriter

from companies.billing import facturx, printing, safe_xml
from companies.billing.channel import exchange
from companies.billing.models import ReceivedInvoice, Status, StatusCode
from companies.billing.received import reading, services
from companies.errors import NotAllowed
from companies.models import Role
from companies.states import StateRefused
from tests.billing.test_bank import BOMB, XXE
from tests.billing.test_facturx import MIXED
from tests.factories.billing import AT, invoice
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db
US, THEM = "732829320", "552100554"
UBL = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ID>UBL-77</cbc:ID>
<cbc:IssueDate>2026-03-01</cbc:IssueDate><cbc:DueDate>2026-03-31</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:OrderReference><cbc:ID>BC-2026-00009</cbc:ID></cac:OrderReference>
<cac:AccountingSupplierParty><cac:Party><cac:PartyName><cbc:Name>Gants du Sud</cbc:Name></cac:PartyName>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>FR55552100554</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>Gants du Sud</cbc:RegistrationName>
<cbc:CompanyID schemeID="0002">552100554</cbc:CompanyID></cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>
<cac:PostalAddress><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyLegalEntity><cbc:RegistrationName>ERB</cbc:RegistrationName>
<cbc:CompanyID schemeID="0002">732829320</cbc:CompanyID></cac:PartyLegalEntity></cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">25.14</cbc:TaxAmount><cac:TaxSubtotal>
<cbc:TaxableAmount currencyID="EUR">125.70</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">25.14</cbc:TaxAmount>
<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory>
</cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">125.70</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="EUR">125.70</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">150.84</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">150.84</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="PR">36</cbc:InvoicedQuantity>
<cbc:LineExtensionAmount currencyID="EUR">125.70</cbc:LineExtensionAmount><cac:Item><cbc:Name>Gants taille 9</cbc:Name>
<cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory>
</cac:Item><cac:Price><cbc:PriceAmount currencyID="EUR">3.4917</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
</Invoice>"""


def theirs(*, turned: bool = True) -> bytes:
    """The CII of an invoice a supplier sends to us: ours with the parties exchanged."""
    company = CompanyFactory(siren=THEM, siret=f"{THEM}00013", name="Gants du Sud")
    xml = facturx.invoice_xml(invoice(company, *MIXED, order_reference="BC-2026-00009")).decode()
    swap = {US: THEM, THEM: US}
    return re.sub(f"{US}|{THEM}", lambda found: swap[found.group()], xml).encode() if turned else xml.encode()


def pdf(xml: bytes | None = None, name: str = "factur-x.xml") -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    if xml is not None:
        writer.add_attachment(name, xml)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def take(content: bytes, **more) -> ReceivedInvoice:
    return services.take(content=content, name="facture.pdf", source="upload", at=AT, **more)


class TestReading:
    def test_takes_what_factur_x_says_out_of_our_own_file(self):
        bill = invoice(None, *MIXED, order_reference="BC-7")
        found = reading.read(printing.invoice_pdf(bill))
        assert (found.format, found.number, found.order_reference) == ("facturx", bill.number, "BC-7")
        assert (found.net_cents, found.vat_cents, found.gross_cents) == (
            bill.net_cents,
            bill.vat_cents,
            bill.gross_cents,
        )
        assert [row.net_cents for row in found.lines] == [row.net_cents for row in bill.lines.all()]
        assert found.lines[0].unit_price_e4 == 34_917
        assert (found.seller_siren, found.seller_iban) == (US, "FR1420041010050500013M02606")
        assert found.problems == ["other_buyer"]  # it is ours, to a member

    def test_takes_cii_and_ubl_alike(self):
        assert reading.read(theirs()).problems == []
        found = reading.read(UBL.encode())
        assert (found.format, found.number, found.seller_siren, found.net_cents) == ("ubl", "UBL-77", THEM, 12_570)
        assert (found.lines[0].quantity, found.lines[0].unit_price_e4, found.vat) == (
            36, 34_917, [{"vat_bp": 2_000, "base_cents": 12_570, "vat_cents": 2_514}],
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("search", "replace", "problem"),
        [
            ("150.84", "150.85", "total"),
            ("25.14</cbc:TaxAmount><cac", "25.15</cbc:TaxAmount><cac", "vat"),
            ("Gants taille 9", "Gants taille 10", ""),
            ("125.70</cbc:LineExtensionAmount><cac:Item", "125.73</cbc:LineExtensionAmount><cac:Item", "lines"),
            (US, "111111111", "other_buyer"),
            ("DocumentCurrencyCode>EUR", "DocumentCurrencyCode>USD", "currency"),
        ],
    )  # fmt: skip
    def test_says_what_does_not_fit(self, search, replace, problem):
        assert search in UBL
        problems = reading.read(UBL.replace(search, replace).encode()).problems
        assert problem in problems if problem else problems == []

    def test_keeps_a_plain_pdf_for_a_person(self):
        assert reading.read(pdf()).problems == ["no_data"]

    @pytest.mark.parametrize(
        ("content", "refusal"),
        [
            (BOMB, safe_xml.XmlDangerous),
            (XXE, safe_xml.XmlDangerous),
            (XXE.decode().encode("utf-16"), safe_xml.XmlDangerous),
            (pdf(XXE), safe_xml.XmlDangerous),
            (pdf(b"<a/>"), reading.NotAnInvoice),
            (pdf(b" " * (reading.MOST_XML + 1)), reading.PdfRefused),
            (b"%PDF-1.7\nnonsense", reading.PdfRefused),
            (b"%PDF-1.7\n" + zlib.compress(b"0" * 10_000_000), reading.PdfRefused),
            (b"<Invoice xmlns='urn:oasis:names:specification:ubl:schema:xsd:Invoice-2'/>", reading.InvoiceUnreadable),
            (UBL.replace("2026-03-01", "demain").encode(), reading.InvoiceUnreadable),
            (UBL.replace("<cbc:ID>UBL-77</cbc:ID>", "").encode(), reading.InvoiceUnreadable),
            (b"GIF89a", reading.NotAnInvoice),
            (b"", reading.NotAnInvoice),
            (b"%PDF-" + b"0" * safe_xml.MOST_BYTES, safe_xml.FileTooLarge),
        ],
        ids=["bomb", "xxe", "xxe utf-16", "xxe in pdf", "other xml in pdf", "large attachment", "no pdf", "stream", "empty ubl",
             "date", "no number", "gif", "nothing", "50 MB"],
    )  # fmt: skip
    def test_refuses_hostile_files_in_words_and_keeps_nothing(self, content, refusal):
        with pytest.raises(refusal) as refused:
            take(content)
        assert refused.value.sentence and not ReceivedInvoice.objects.exists()

    def test_reads_no_page_of_a_long_pdf_and_unpacks_nothing_that_is_not_its_invoice(self):
        """Ten thousand pages, or a page that unpacks to 200 MB: kept for a person, at the cost of a small file."""
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf())))
        page = writer.pages[0]
        for _ in range(2_000):
            writer.add_page(page)
        out = io.BytesIO()
        writer.write(out)
        tracemalloc.start()
        try:
            assert reading.read(out.getvalue()).problems == ["no_data"]
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()

    def test_refuses_an_encrypted_pdf(self):
        writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf())))
        writer.encrypt("secret", algorithm="RC4-128")
        out = io.BytesIO()
        writer.write(out)
        with pytest.raises(reading.PdfRefused):
            reading.read(out.getvalue())


class TestTakingIn:
    def test_happens_once_by_file_and_by_supplier_and_number(self):
        row = take(UBL.encode())
        for again in (UBL.encode(), UBL.replace("36", "37").encode()):
            with pytest.raises(services.InvoiceReceivedBefore):
                take(again)
        assert ReceivedInvoice.objects.get() == row
        assert row.statuses.get().code == StatusCode.AVAILABLE

    def test_keeps_what_was_read_as_it_was(self):
        row = take(UBL.encode())
        for change in ({"gross_cents": 1}, {"number": "x"}):
            with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
                ReceivedInvoice.objects.filter(pk=row.pk).update(**change)

    def test_strips_a_file_name_of_what_a_header_could_misread(self):
        row = services.take(content=UBL.encode(), name='../x"\r\nSet-Cookie: a.xml', source="upload", at=AT)
        assert row.document.name == "xSet-Cookie: a.xml"


class TestDeciding:
    def test_approves_then_pays_and_tells_the_supplier_each_once(self):
        row, user = take(UBL.encode()), staff()
        for _twice in range(2):
            services.approve(received=row, actor=user, at=AT)
        services.mark_paid(received=row, actor=user, at=AT)
        assert list(Status.objects.filter(incoming=False).values_list("code", flat=True)) == [205, 211]
        with pytest.raises(StateRefused):
            services.refuse(received=row, actor=user, at=AT, why="QTE_ERR", reason="trop tard")

    def test_refuses_with_a_reason_only(self):
        row, user = take(UBL.encode()), staff()
        for why, reason in [("QTE_ERR", " "), ("NONSENSE", "x")]:
            with pytest.raises(services.RefusalReasonAsked):
                services.refuse(received=row, actor=user, at=AT, why=why, reason=reason)
        services.refuse(received=row, actor=user, at=AT, why="QTE_ERR", reason="30 paires reçues, 36 facturées")
        row.refresh_from_db()
        assert (row.state, row.refusal) == ("refused", "30 paires reçues, 36 facturées")
        assert row.statuses.get(code=210).reason_code == "QTE_ERR"

    def test_is_the_staff_s_alone(self):
        row = take(UBL.encode())
        with pytest.raises(NotAllowed):
            services.approve(received=row, actor=member(CompanyFactory(), Role.ACCOUNTANT), at=AT)

    @pytest.mark.parametrize(
        ("expected", "billed", "passes"),
        [(12_570, 12_570, True), (12_570, 12_573, True), (12_570, 12_696, False), (12_570, 12_695, True),
         (1_000_000, 1_000_501, False), (1_000_000, 1_000_500, True), (0, 1, False)],
    )  # fmt: skip
    def test_tolerates_the_smaller_of_five_euros_and_one_percent_where_so_set(self, expected, billed, passes, settings):
        """Case: supplier bills 125.73 instead of 125.70: alert, unless the association tolerates it."""
        assert services.tolerated(expected, billed) is (expected == billed)
        settings.INVOICE_TOLERANCE_CENTS = 500
        assert services.tolerated(expected, billed) is passes


class TestThePages:
    def test_read_show_and_refuse(self, client):
        client.force_login(staff())
        answer = client.post(reverse("billing:inbox"), {"file": SimpleUploadedFile("a.xml", UBL.encode())}, follow=True)
        assert "Gants taille 9" in answer.content.decode()
        row = ReceivedInvoice.objects.get()
        answer = client.get(reverse("billing:received_file", args=[row.pk]))
        assert "attachment" in answer["Content-Disposition"]
        client.post(reverse("billing:refuse_received", args=[row.pk]), {"why": "QTE_ERR", "reason": ""})
        row.refresh_from_db()
        assert row.state == "received"
        client.post(reverse("billing:refuse_received", args=[row.pk]), {"why": "QTE_ERR", "reason": "manque"})
        row.refresh_from_db()
        assert row.state == "refused"
        answer = client.post(reverse("billing:inbox"), {"file": SimpleUploadedFile("a.xml", XXE)})
        assert answer.status_code == 200 and not ReceivedInvoice.objects.exclude(pk=row.pk).exists()
        assert client.get(reverse("billing:inbox"), {"state": ""}).status_code == 200

    def test_never_say_that_the_supplier_of_a_plain_pdf_is_told(self, client):
        """Nothing was read: no supplier, no number, so nothing to tell the platform, and no invoice to name."""
        client.force_login(staff())
        row, page = take(pdf()), "billing:received"
        text = client.get(reverse(page, args=[row.pk])).content.decode()
        assert "Fichier facture.pdf" in text and "Facture facture" not in text
        assert "Le fournisseur reçoit votre motif" not in text and "Le fournisseur le lira" not in text
        assert "ne concorde pas" not in client.get(reverse("billing:inbox")).content.decode()
        answer = client.post(reverse("billing:approve_received", args=[row.pk]), follow=True).content.decode()
        assert "Prévenez le fournisseur vous-même" in answer and "à envoyer" not in answer
        assert not exchange._statuses().exists()
        file = SimpleUploadedFile("facture.pdf", pdf())
        again = client.post(reverse("billing:inbox"), {"file": file}).content.decode()
        assert "Le fichier facture.pdf a déjà été reçu le" in again
        data = {"why": "AUTRE", "reason": "Illisible"}
        answer = client.post(reverse("billing:refuse_received", args=[row.pk]), data, follow=True).content.decode()
        assert "Indiquez-en vous-même le motif au fournisseur" in answer
