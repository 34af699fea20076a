import io
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError
from pypdf import PdfReader

from companies.billing import invoices, ledger, printing
from companies.billing.models import AccountKind, Invoice, InvoiceLine, InvoiceVat, LedgerTransaction, LineKind
from companies.models import AuditEntry, OutboxMail, Role
from tests.factories.billing import AT, invoice, line
from tests.factories.companies import CompanyFactory, member

pytestmark = pytest.mark.django_db


class TestIssue:
    def test_computes_vat_once_on_the_base_of_each_rate(self):
        """Four times 12.33 € at 5.5 % make 2.71 €, not four times 0.68 €."""
        issued = invoice(None, *[line(1_233, 550)] * 4, line(1_000, 2_000))
        rows = {row.vat_bp: (row.base_cents, row.vat_cents) for row in issued.vat_rows.all()}
        assert rows == {550: (4_932, 271), 2_000: (1_000, 200)}
        assert (issued.net_cents, issued.vat_cents, issued.gross_cents) == (5_932, 471, 6_403)
        assert issued.balance_cents == 6_403

    def test_keeps_shares_of_a_suppliers_vat_as_given(self):
        issued = invoice(None, line(3_841, vat_cents=769), line(608, vat_cents=121, kind=LineKind.FREIGHT))
        assert issued.vat_cents == 890

    def test_returns_the_first_invoice_of_a_key_and_changes_nothing(self):
        company = CompanyFactory()
        first = invoice(company, key="pool-1")
        again = invoice(company, line(1), key="pool-1")
        assert again == first
        assert Invoice.objects.count() == LedgerTransaction.objects.count() == 1
        assert invoice(company).number == "ERB-2026-00002"

    @pytest.mark.parametrize(
        "lines",
        [
            [],
            [line(0)],
            [line(-5)],
            [line(100, 1_960)],
            [line(100, vat_cents=20), line(100)],
        ],
        ids=["nothing", "zero", "negative", "unknown rate", "vat given by half"],
    )
    def test_refuses_what_is_no_invoice_and_leaves_no_gap(self, lines):
        arguments = {
            "company": CompanyFactory(),
            "lines": lines,
            "at": AT,
            "due_on": date(2026, 4, 2),
            "source": "",
            "key": "k",
            "actor": None,
            "legal_model": "resale",
            "supply_on": date(2026, 3, 2),
        }
        with pytest.raises(invoices.InvoiceRefused) as refused, transaction.atomic():
            invoices.issue(**arguments)
        assert refused.value.sentence
        assert not Invoice.objects.exists()
        assert not AuditEntry.objects.exists()
        assert invoice().number.endswith("00001")

    def test_posts_what_the_company_owes(self):
        company = CompanyFactory()
        invoice(company, line(4_449), line(1_000, kind=LineKind.FEE), legal_model="agent")
        assert ledger.balance(AccountKind.RECEIVABLE, company=company) == 6_539
        assert ledger.balance(AccountKind.REBILLED) == -4_449
        assert ledger.balance(AccountKind.FEES) == -1_000
        assert ledger.balance(AccountKind.VAT_COLLECTED, vat_bp=2_000) == -1_090

    def test_accepts_a_discount_line(self):
        issued = invoice(None, line(5_000), line(-500, description="Remise"))
        assert issued.gross_cents == 5_400

    def test_tells_the_nature_of_the_operation(self):
        goods, fee, freight = line(), line(kind=LineKind.FEE), line(kind=LineKind.FREIGHT)
        assert invoices.nature([goods, freight]) == "goods"
        assert invoices.nature([fee]) == "services"
        assert invoices.nature([goods, fee]) == "mixed"


@pytest.mark.django_db(transaction=True)
class TestIssueAtTheSameTime:
    def test_under_one_key_gives_one_invoice(self):
        company = CompanyFactory()

        def work(_: int) -> str:
            try:
                with transaction.atomic():
                    return invoice(company, key="double click").number
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            numbers = set(pool.map(work, range(8)))
        assert numbers == {"ERB-2026-00001"}
        assert Invoice.objects.count() == 1


class TestAnIssuedInvoice:
    @pytest.mark.parametrize(
        "change",
        [
            lambda i: Invoice.objects.filter(pk=i.pk).update(gross_cents=1, net_cents=1, vat_cents=0),
            lambda i: Invoice.objects.filter(pk=i.pk).update(number="ERB-2026-99999"),
            lambda i: Invoice.objects.filter(pk=i.pk).update(buyer={}),
            lambda i: Invoice.objects.filter(pk=i.pk).update(state="final"),
            lambda i: Invoice.objects.filter(pk=i.pk)._raw_delete("default"),
            lambda i: InvoiceLine.objects.filter(invoice=i).update(net_cents=1),
            lambda i: InvoiceLine.objects.filter(invoice=i)._raw_delete("default"),
            lambda i: InvoiceVat.objects.filter(invoice=i).update(vat_cents=1),
        ],
    )
    def test_cannot_be_changed_even_by_sql(self, change):
        """I9: an issued document is immutable."""
        issued = invoice()
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            change(issued)
        issued.refresh_from_db()
        assert issued.gross_cents == 5_339

    def test_takes_no_line_afterwards(self):
        issued = invoice()
        with pytest.raises(IntegrityError, match="but lines of"), transaction.atomic():
            InvoiceLine.objects.create(
                invoice=issued, position=9, description="x", quantity=1, net_cents=100, vat_bp=2_000
            )
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_keeps_the_buyer_as_it_was(self):
        company = CompanyFactory(name="Ancienne raison sociale")
        issued = invoice(company)
        company.name = "Nouvelle"
        company.save()
        issued.refresh_from_db()
        assert issued.buyer["name"] == "Ancienne raison sociale"


class TestDeliver:
    def test_makes_the_file_with_every_mention_and_mails_it_once_to_each_accountant(self):
        company = CompanyFactory(name="Tannerie du Royans", vat_no="FR40303265045")
        for address in ("a@example.org", "b@example.org"):
            member(company, Role.ACCOUNTANT, email=address)
        member(company, Role.BUYER)
        issued = invoice(
            company,
            line(3_841, description="Gants de manutention taille 9"),
            line(608, 550, kind=LineKind.FEE),
            order_reference="BC-2026-7",
            delivery={"name": "Atelier 2", "street": "9 rue du Quai", "postcode": "26300", "city": "Alixan"},
        )
        for _twice in range(2):
            printing.deliver(invoice_id=issued.pk, at=AT)
        issued.refresh_from_db()
        assert issued.state == "due"
        assert sorted(OutboxMail.objects.values_list("to", flat=True)) == ["a@example.org", "b@example.org"]
        content = bytes(issued.document.content)
        reader = PdfReader(io.BytesIO(content))
        text = " ".join(reader.pages[0].extract_text().split()).replace("\u202f", " ")
        for mention in [
            "Facture ERB-2026-00001",
            "Tannerie du Royans",
            company.siren,
            "FR40303265045",
            company.street,
            f"{company.postcode} {company.city}",
            "9 rue du Quai",
            "26300 Alixan",
            "Entreprises Romans Bourg-de-Péage",
            "association loi 1901",
            "68 avenue Gambetta",
            "RNA W263000000",
            "SIREN 732829320",
            "FR44732829320",
            "03/03/2026",
            "02/03/2026",
            "02/04/2026",
            "BC-2026-7",
            "Livraison de biens et prestation de services",
            "Gants de manutention taille 9",
            "paire",
            "3,4917 €",
            "20 %",
            "5,5 %",
            "44,49 €",
            "8,01 €",
            "52,50 €",
            "40,00 €",
            "3 fois le taux",
            "L441-10",
            "Pas d'escompte",
            "d'après les débits",
            "FR14 2004",
        ]:
            assert mention in text.replace("’", "'").replace("\u00a0", " "), mention
        assert b"pdfaid" in content  # PDF/A, as archives and Factur-X ask

    def test_never_replaces_the_file(self):
        issued = invoice()
        first = printing.invoice_file(issued, at=AT)
        assert printing.invoice_file(Invoice.objects.get(pk=issued.pk), at=AT) == first
        with pytest.raises(DatabaseError, match="pgtrigger"), transaction.atomic():
            Invoice.objects.filter(pk=issued.pk).update(document=None)

    def test_after_commit_runs_by_itself(self, at_once, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            issued = invoice()
        issued.refresh_from_db()
        assert issued.document is not None
