"""Factur-X: what we issue keeps the schema, EN 16931 and the French rules; a broken file does not."""

import io
import re
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader

from companies.billing import archive, credit_notes, facturx, invoices, layout, printing
from companies.billing.models import Invoice, LineKind
from companies.documents import render_pdf
from companies.models import Role
from tests.billing.pdfa import embedded, faults
from tests.billing.schematron import broken
from tests.factories.billing import AT, invoice, line
from tests.factories.companies import CompanyFactory, UserFactory, member

pytestmark = pytest.mark.django_db
MIXED = (
    line(3_841, description="Gants de manutention & Cie <taille 9>"),
    line(608, kind=LineKind.FREIGHT, quantity=1, unit="", unit_price_e4=None),
    line(6_000, 550, quantity=2, unit="carton", unit_price_e4=300_000),
    line(-500, 550, quantity=1, unit_price_e4=None, description="Remise"),
    line(1_500, 1_000, kind=LineKind.FEE, quantity=1, unit="forfait", unit_price_e4=150_000),
    line(2_000, 0, quantity=1, unit_price_e4=200_000, exemption="franchise"),
)
CASES = {
    "three rates, freight, discount, fee and exemption": lambda: invoice(None, *MIXED, order_reference="BC-2026-7"),
    "case: agent model, VAT shares that differ from the base by a cent": lambda: invoice(
        None, line(4_449, vat_cents=890), line(1_618, vat_cents=323, quantity=4, unit_price_e4=None)
    ),
    "case: resale, VAT computed on the member's own base": lambda: invoice(
        None, *[line(1_233, 550)] * 4, legal_model="resale"
    ),
    "case: dues of a non-profit body": lambda: invoice(
        None, line(35_000, 0, kind=LineKind.FEE, quantity=1, unit_price_e4=3_500_000), legal_model="dues"
    ),
    "delivered elsewhere, reverse charge": lambda: invoice(
        CompanyFactory(vat_no="FR40303265045"),
        line(10_000, 0, exemption="reverse_charge"),
        delivery={"name": "Atelier nord", "street": "4 rue du Gant", "postcode": "26300", "city": "Alixan"},
    ),
    "weighed goods billed on grams": lambda: invoice(
        None, line(9_050, 550, quantity=12_090, unit="grammes", unit_price_e4=75)
    ),
}


def _terms(xml: bytes, name: str) -> list[str]:
    return [node.text for node in etree.fromstring(xml).iter(f"{{*}}{name}")]


class TestAnInvoice:
    @pytest.mark.parametrize("case", CASES)
    def test_keeps_every_rule(self, case):
        assert broken(facturx.invoice_xml(CASES[case]())) == []

    def test_names_both_parties_the_order_and_the_terms(self):
        company = CompanyFactory(vat_no="FR40303265045")
        issued = invoice(
            company, *MIXED, order_reference="BC-7", delivery={"name": "Nord", "street": "4 rue", "city": "Alixan"}
        )
        xml = facturx.invoice_xml(issued)
        text = xml.decode()
        for mention in [
            *(issued.number, company.siren, company.siret, "FR40303265045", "732829320", "BC-7", "Alixan"),
            *("FR1420041010050500013M02606", "VATEX-FR-FRANCHISE", "association loi 1901", "<ram:ID>M1</ram:ID>"),
            "après les débits",
        ]:
            assert mention in text, mention
        assert {"PMD", "PMT", "AAB"} == set(_terms(xml, "SubjectCode"))
        assert re.search(r'schemeID="0225">' + company.siren, text)
        assert _terms(xml, "PaymentReference")[0].startswith("RF")

    def test_gives_a_price_for_the_whole_quantity_where_the_unit_price_is_not_exact(self):
        """A share of 38.42 € for 11 pairs at 3.4917 € is said as 38.42 € for 11."""
        xml = facturx.invoice_xml(invoice(None, line(3_842)))
        assert (_terms(xml, "ChargeAmount"), _terms(xml, "BasisQuantity")) == (["38.42"], ["11"])
        xml = facturx.invoice_xml(invoice(None, line(3_841)))
        assert (_terms(xml, "ChargeAmount"), _terms(xml, "BasisQuantity")) == (["3.4917"], [])

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        drafts=st.lists(
            st.tuples(
                st.integers(-2_000, 300_000),
                st.sampled_from([0, 210, 550, 1_000, 2_000]),
                st.integers(1, 500),
                st.one_of(st.none(), st.integers(0, 900_000)),
            ),
            min_size=1,
            max_size=6,
        ).filter(lambda rows: sum(net for net, *_ in rows) > 2_000)
    )
    def test_adds_up_whatever_the_lines(self, drafts):
        """I3 in the file: lines, bases, VAT and totals of the XML add up to the stored cents, and every rule holds."""
        lines = [line(net, rate, quantity=many, unit_price_e4=price) for net, rate, many, price in drafts]
        issued = invoice(None, *lines)
        xml = facturx.invoice_xml(issued)
        cents = lambda name: [round(Decimal(text) * 100) for text in _terms(xml, name)]  # noqa: E731  # shorter than a function
        assert sum(cents("BasisAmount")) == issued.net_cents
        assert sum(cents("CalculatedAmount")) == issued.vat_cents
        assert cents("GrandTotalAmount") == cents("DuePayableAmount") == [issued.gross_cents]
        assert broken(xml) == []


class TestABrokenFile:
    """The same rules, run on a file that breaks them, say so: they really run."""

    @pytest.mark.parametrize(
        ("search", "replace", "rule"),
        [
            (r"<ram:DuePayableAmount>[\d.]+", "<ram:DuePayableAmount>1.00", "BR-CO-16"),
            (r"<ram:GrandTotalAmount>[\d.]+", "<ram:GrandTotalAmount>1.00", "BR-CO-15"),
            (r"<ram:SubjectCode>PMT", "<ram:SubjectCode>AAI", "BR-FR-05"),
            (r'(schemeID="0009">)\d{9}', r"\g<1>111111111", "BR-FR-09"),
            (r"<ram:TypeCode>380</ram:TypeCode>", "", "Expected is ( {"),  # the schema
            (r"<ram:LineID>1</ram:LineID>", "<ram:LineID>1</ram:LineID><ram:LineID>1</ram:LineID>", "not expected"),
        ],
    )
    def test_is_found_out(self, search, replace, rule):
        xml, count = re.subn(search, replace, facturx.invoice_xml(invoice()).decode(), count=1)
        assert count == 1
        assert any(rule in sentence for sentence in broken(xml.encode()))

    def test_is_not_even_made_when_the_schema_forbids_it(self, monkeypatch):
        monkeypatch.setitem(facturx.PROCESSES, "goods", "")
        issued = invoice()
        issued.number = ""
        with pytest.raises(Exception, match="BT-1"):
            facturx.invoice_xml(issued)


class TestACreditNote:
    def _note(self):
        bill = invoice(None, *MIXED)
        nets = {row.pk: row.net_cents for row in bill.lines.all()}
        goods = bill.lines.get(position=1)
        with transaction.atomic():
            return credit_notes.issue(
                invoice=bill, nets=nets | {goods.pk: 1_000}, reason="Casse à la livraison", key="k", actor=None, at=AT
            )

    def test_keeps_every_rule_and_names_its_invoice(self):
        note = self._note()
        xml = facturx.credit_note_xml(note)
        assert broken(xml) == []
        assert _terms(xml, "TypeCode")[0] == "381"
        assert note.invoice.number in xml.decode() and note.reason in xml.decode()

    def test_is_a_file_of_its_own(self):
        document = printing.credit_note_file(self._note(), at=AT)
        assert faults(bytes(document.content)) == []


class TestTheFile:
    def test_is_an_archive_with_the_structured_invoice_inside(self):
        issued = invoice(None, *MIXED)
        content = bytes(printing.invoice_file(issued, at=AT).content)
        assert faults(content) == []
        assert embedded(content) == facturx.invoice_xml(Invoice.objects.get(pk=issued.pk))

    def test_is_what_typst_drew_with_the_profile_named_at_its_end(self):
        """Not one byte of the pages is written anew: metadata are replaced by an incremental update (ISO 32000-1, 7.5.6)."""
        issued = invoice(None, *MIXED)
        drawn = render_pdf(
            printing.TEMPLATE,
            layout.invoice_data(issued),
            pdf_standards=printing.STANDARD,
            attached=facturx.invoice_xml(issued),
        )
        made = archive.name_profile(drawn)
        assert made.startswith(drawn) and faults(drawn) and not faults(made)
        assert PdfReader(io.BytesIO(made), strict=True).metadata.title == f"Facture {issued.number}"

    @pytest.mark.parametrize("spoil", [lambda pdf: pdf[:-40], archive.name_profile, lambda pdf: b"%PDF-1.7\n"])
    def test_is_refused_when_it_is_no_plain_archive(self, spoil):
        issued = invoice()
        drawn = render_pdf(printing.TEMPLATE, layout.invoice_data(issued), pdf_standards="a-3b", attached=b"<a/>")
        with pytest.raises(archive.ArchiveRefused):
            archive.name_profile(spoil(drawn))

    def test_speaks_the_language_of_the_accountants(self):
        company = CompanyFactory()
        member(company, Role.ACCOUNTANT)
        company.memberships.get().user.__class__.objects.update(language="en")
        issued = invoice(company, line(123_456))
        assert issued.language == "en"
        xml = facturx.invoice_xml(issued).decode()
        assert "Late payment penalties" in xml and "€40.00" in xml
        UserFactory()
        assert invoice().language == "fr"


class TestAnExemption:
    def test_that_leaves_the_vat_to_the_buyer_needs_its_vat_number(self):
        with pytest.raises(invoices.InvoiceRefused, match="TVA"):
            invoice(CompanyFactory(), line(1_000, 0, exemption="intra_eu"))

    @pytest.mark.parametrize("reasons", [("franchise", "export"), ("nonsense",)])
    def test_is_one_that_the_law_knows_and_one_for_all_lines(self, reasons):
        with pytest.raises(invoices.InvoiceRefused):
            invoice(None, *[line(1_000, 0, exemption=reason) for reason in reasons])
