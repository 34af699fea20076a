"""Invoices the association writes in a supplier's name to its members: the supplier's own in every respect (decision 0052)."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from companies.billing import (
    allocation,
    billing_mandates,
    checking,
    collecting,
    corrections,
    credit_notes,
    exports,
    facturx,
    fec,
    in_name,
    instalments,
    ledger,
    mandates,
    payments,
    printing,
    reminders,
    self_billing,
    statements,
    supplier_links,
    third_party,
    write_offs,
)
from companies.billing.bank import importing, matching
from companies.billing.channel import collected, exchange
from companies.billing.invoices import InvoiceRefused
from companies.billing.models import AccountKind, BankLine, Invoice, LedgerEntry, Mandate, Status, Transmission
from companies.errors import NotAllowed
from companies.models import Role
from tests.billing.pdfa import faults
from tests.billing.schematron import broken
from tests.billing.statements import camt, entry
from tests.factories import billing as made
from tests.factories.billing import AT, billing_mandate, invoice, line
from tests.factories.companies import CompanyFactory, UserFactory, member, staff

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(days=1)


def credit(of: Invoice, cents: int, key: str = "k"):
    with transaction.atomic():
        return credit_notes.issue(
            invoice=of, nets={of.lines.first().pk: cents}, reason="Retour", key=key, actor=None, at=LATER
        )


class TestAnInvoiceInASuppliersName:
    def test_is_the_suppliers_in_every_mention_and_keeps_every_rule(self, settings):
        """case: role (c): seller, VAT, series and mention are the supplier's; XSD, EN 16931, BR-FR, PDF/A-3 and PDF/UA hold."""
        settings.EINVOICE_SWITCH_ON = "2026-01-01"
        mandate = billing_mandate(actor=staff())
        row = made.in_name(mandate, None, line(10_000), line(2_000, 550))
        assert (row.number, row.seller, row.gross_cents) == ("FM303265045-2026-00001", mandate.party, 14_110)
        xml = facturx.invoice_xml(row).decode()
        assert broken(xml.encode()) == []
        wanted = (
            settings.SELLER["name"],
            "au nom et pour le compte de Savonnerie du Vercors",
            "FR7630006000011234567890189",
            ">380<",
        )
        assert [word for word in wanted if word not in xml] == []
        assert faults(bytes(printing.invoice_file(row, at=AT).content)) == []
        note = credit(row, 4_000)
        assert (note.number, broken(facturx.credit_note_xml(note))) == ("FM303265045-2026-00002", [])
        exchange.hand_over(row, at=AT)
        transmission = Transmission.objects.get(invoice=row)
        assert exchange.flow_type(transmission.about) == "CustomerInvoice"
        # 212 is told for the supplier, as it says, and taken back with its word
        Transmission.objects.update(state="sent")
        row.refresh_from_db()
        in_name.tell_paid(invoice=row, cents=2_000, seen=row.balance_cents, actor=None, at=LATER)
        assert [collected.say(at=LATER), collected.say(at=LATER)] == [1, 0]
        in_name.take_back_word(invoice=row, actor=None, at=LATER)
        assert collected.say(at=LATER) == 1
        said = Status.objects.filter(code="212").order_by("pk")
        assert [status.cents for status in said] == [2_000, -2_000]
        assert mandate.siren.encode() in exchange._message(said[0])
        assert invoice().number == "ERB-2026-00001"  # nothing of it in the association's own series
        assert checking.first_break() == ""

    def test_of_a_supplier_without_vat_number_carries_no_vat_and_says_why(self):
        mandate = billing_mandate(actor=staff(), vat_no="")
        with pytest.raises(billing_mandates.VatNumberAsked):
            made.in_name(mandate)
        row = made.in_name(mandate, None, line(10_000, 0))
        xml = facturx.invoice_xml(row)
        assert (row.vat_cents, broken(xml)) == (0, [])
        assert "293 B" in xml.decode()

    def test_is_no_claim_no_sale_and_no_vat_of_ours(self):
        """case: the FEC and the balances of the association are the same with and without it, but for its own fee."""
        mandate, company = billing_mandate(actor=staff()), CompanyFactory()
        year = (date(2026, 1, 1), date(2026, 12, 31))
        own = invoice(company, line(500, kind="fee"), legal_model="listing")
        before = list(fec.lines(*year)), exports.balances(year[1]), list(exports.invoices_csv(*year))
        row = made.in_name(mandate, company)
        credit(row, 1_000)
        in_name.tell_paid(invoice=row, cents=2_000, seen=4_139, actor=None, at=LATER)
        assert (list(fec.lines(*year)), exports.balances(year[1]), list(exports.invoices_csv(*year))) == before
        row.refresh_from_db()
        assert (row.state, row.balance_cents) == ("part_paid", 2_139)
        assert ledger.balance(AccountKind.RECEIVABLE, company=company) == own.gross_cents
        assert checking.first_break() == ""

    def test_asks_for_a_mandate_to_members_that_is_in_force(self):
        clerk = staff()
        with pytest.raises(InvoiceRefused):
            invoice(legal_model="mandate")
        with pytest.raises(billing_mandates.NoMandate):
            made.in_name(made.mandate(CompanyFactory(), actor=clerk))  # for what is sold to the association only
        mandate = billing_mandate(actor=clerk)
        with pytest.raises(billing_mandates.NoMandate):
            made.self_billed(mandate, actor=clerk)
        row = made.in_name(mandate)
        self_billing.revoke(mandate=mandate, reason="Fin", actor=clerk, at=AT)
        with pytest.raises(billing_mandates.NoMandate, match="Savonnerie"):
            made.in_name(mandate)
        with pytest.raises(billing_mandates.NoMandate):
            credit(row, 100)
        assert made.in_name(billing_mandate(actor=clerk)).number == "FM303265045-2026-00002"  # one series, all versions
        assert checking.first_break() == ""


class TestItsMoney:
    """case: in the listing model money for suppliers is never collected by the association: each path refuses or passes by."""

    @pytest.fixture
    def row(self) -> Invoice:
        return made.in_name(billing_mandate(actor=staff()), due_on=date(2026, 3, 10))

    def test_is_taken_by_no_page_no_link_and_no_debit(self, row):
        reader = member(row.company, Role.ACCOUNTANT)
        with pytest.raises(third_party.SuppliersMoney, match="Savonnerie"):
            payments.start(invoice=row, actor=reader, at=AT)
        with pytest.raises(third_party.SuppliersMoney):
            payments.start_by_link(invoice=row, at=AT)
        Invoice.objects.filter(pk=row.pk).update(state="due")  # else no debit would be planned for it anyway
        Mandate.objects.create(company=row.company, state="active", notice_days=2, iban_last4="2606", signed_at=AT,
                               creditor_name="ERB", creditor_ics="FR", holder="X", iban_country="FR",
                               text_version="1", text="x", language="fr", stripe_id="m", method_id="p", reference="R")  # fmt: skip
        assert (collecting.plan(at=LATER), row.debits.count()) == (0, 0)
        with pytest.raises(third_party.SuppliersMoney):
            payments.new_attempt(row, amount_cents=1, at=AT)
        assert mandates.in_force(row.company) is not None

    def test_is_booked_from_no_bank_line_and_no_deposit(self, row):
        clerk = staff()
        Invoice.objects.filter(pk=row.pk).update(state="due")
        content = camt(entry(row.gross_cents, text=row.number), total=row.gross_cents)
        importing.take(content=content, name="releve.xml", actor=clerk, at=AT)
        (bank,) = BankLine.objects.all()
        assert (bank.state, matching.suggestion(bank)) == ("open", None)
        with pytest.raises(third_party.SuppliersMoney):
            matching.match_invoices(line=bank, parts={row.pk: row.gross_cents}, actor=clerk, at=AT)
        matching.match_account(line=bank, kind=AccountKind.DEPOSITS, company=row.company, actor=clerk, at=AT)
        assert allocation.use_deposit(company=row.company, at=AT, actor=None).parts == []
        with pytest.raises(third_party.SuppliersMoney):
            allocation.spend(company=row.company, parts={row.pk: 100}, actor=clerk, at=AT)

    def test_is_not_chased_given_time_for_given_up_or_replaced_by_us(self, row):
        clerk = staff()
        ours = invoice(row.company, due_on=row.due_on)
        Invoice.objects.update(state="due")
        row.refresh_from_db()
        thursday = AT + timedelta(days=58)  # a working day: on any other nobody is reminded of anything
        assert list(reminders.due_for(reminders.levels()[0], at=thursday)) == [ours.pk]
        assert (reminders.send(at=thursday), ours.reminders.count(), row.reminders.count()) == (1, 1, 0)
        parts = [(date(2026, 4, 1), 2_000), (date(2026, 5, 1), row.balance_cents - 2_000)]
        with pytest.raises(third_party.SuppliersInvoice):
            instalments.propose(invoice=row, parts=parts, actor=clerk, at=AT)
        with pytest.raises(third_party.SuppliersInvoice):
            write_offs.ask(invoice=row, reason="x", actor=clerk, at=AT)
        assert corrections.why_not(row)

    def test_is_noted_as_the_supplier_says_once_and_taken_back(self, row):
        clerk, whole = staff(), row.balance_cents
        with pytest.raises(NotAllowed):
            in_name.tell_paid(invoice=row, cents=100, seen=whole, actor=UserFactory(), at=AT)
        with pytest.raises(in_name.NotInAName):
            in_name.tell_paid(invoice=invoice(), cents=100, seen=whole, actor=clerk, at=AT)
        for wrong in ({"cents": whole + 1}, {"cents": 0}, {"seen": whole - 1}):  # a page that was opened before
            with pytest.raises(in_name.PaidElsewhere):
                in_name.tell_paid(**{"invoice": row, "cents": whole, "seen": whole, "actor": clerk, "at": AT} | wrong)
        in_name.tell_paid(invoice=row, cents=2_000, seen=whole, actor=clerk, at=AT)
        in_name.tell_paid(invoice=row, cents=whole - 2_000, seen=whole - 2_000, actor=None, at=AT)
        for cents, seen in ((whole, whole), (1, 0)):
            with pytest.raises(in_name.PaidElsewhere):
                in_name.tell_paid(invoice=row, cents=cents, seen=seen, actor=clerk, at=AT)
        row.refresh_from_db()
        assert row.state == "paid"
        with pytest.raises(NotAllowed):
            in_name.take_back_word(invoice=row, actor=UserFactory(), at=AT)
        assert in_name.take_back_word(invoice=row, actor=clerk, at=AT).balance_cents == whole - 2_000
        assert in_name.take_back_word(invoice=row, actor=clerk, at=AT).state == "due"
        with pytest.raises(in_name.PaidElsewhere):
            in_name.take_back_word(invoice=row, actor=clerk, at=AT)
        own = LedgerEntry.objects.exclude(account__kind__startswith="suppliers_")
        assert {entry.invoice.number for entry in own if entry.invoice} == {"ERB-2026-00001"}  # the one of this test
        row.refresh_from_db()
        moving = made.payment(row)
        for state in ("open", "processing"):  # whoever pays right now is not told that it is paid
            type(moving).objects.filter(pk=moving.pk).update(state=state)
            with pytest.raises(in_name.PaidElsewhere):
                in_name.tell_paid(invoice=row, cents=whole, seen=whole, actor=clerk, at=AT)
        assert checking.first_break() == ""


class TestTheStatementOfACompany:
    def test_lists_what_is_owed_to_each_supplier_apart(self, client, django_assert_max_num_queries):
        """The association's balance is its own; a supplier's has its movements, before and after; page, CSV and PDF."""
        mandate, company, clerk = billing_mandate(actor=staff()), CompanyFactory(), staff()
        early = {"at": AT - timedelta(days=20), "supply_on": date(2026, 2, 10)}
        made.in_name(mandate, company, line(1_000), **early)
        settled = made.in_name(billing_mandate(actor=clerk, siren="732829320", name="Soldé"), company, **early)
        in_name.tell_paid(invoice=settled, cents=5_339, seen=5_339, actor=None, at=early["at"])
        own, row = invoice(company), made.in_name(mandate, company)
        made.in_name(mandate)  # somebody else's
        in_name.tell_paid(invoice=row, cents=2_000, seen=5_339, actor=None, at=LATER)
        days = {"first": date(2026, 3, 1), "last": date(2026, 3, 31)}
        with django_assert_max_num_queries(6):
            found = statements.of(company, **days)
        assert ([one.text for one in found.rows], found.opening_cents, found.closing_cents) == ([own.number], 0, 5_339)
        (owed,) = found.suppliers
        assert (owed.name, owed.opening_cents, owed.closing_cents) == ("Savonnerie du Vercors", 1_200, 1_200 + 3_339)
        assert [(one.text, one.cents) for one in owed.rows] == [(row.number, 5_339), (row.number, -2_000)]
        client.force_login(clerk)
        page, csv, pdf = (
            client.get(reverse(f"billing:statement{form}", args=[company.pk]), days) for form in ("", "_csv", "_pdf")
        )
        shown = page.content.decode().replace("\u00a0", " ")
        wanted = ("Dû aux fournisseurs", "Payé, selon le fournisseur", row.number)
        assert [word for word in wanted if word not in shown] == []
        lines = csv.content.decode().splitlines()
        assert lines[1].endswith(f";0.00;{settings.SELLER['name']}")
        assert lines[-1].endswith(f";{row.number};;20.00;45.39;Savonnerie du Vercors") and len(lines) == 6
        text = "".join(part.extract_text() for part in PdfReader(BytesIO(pdf.content)).pages)
        assert "Savonnerie du Vercors" in text and "Soldé" not in text


class TestTheSupplier:
    def test_sees_pays_contests_and_takes_away_by_its_link_only(self, client, django_assert_max_num_queries):
        """Another supplier's document, a changed or old link: nothing is shown."""
        clerk = staff()
        row = made.in_name(billing_mandate(actor=clerk), at=timezone.now())
        other = made.in_name(billing_mandate(actor=clerk, siren="732829320", name="Autre"), at=timezone.now())
        token = supplier_links.token(row.billing_mandate)
        page = reverse("billing:in_your_name", args=[token])
        with django_assert_max_num_queries(12):
            assert row.number in client.get(page).content.decode()
        own = reverse("billing:in_your_name_document", args=[token, "invoice", row.pk])
        assert client.get(own.replace(f"/{row.pk}/", f"/{other.pk}/")).status_code == 404
        theirs = reverse("billing:in_your_name_document", args=[token, "credit-note", credit(other, 100).pk])
        assert client.get(theirs).status_code == 404
        assert client.get(reverse("billing:in_your_name_pdf", args=[token, "invoice", row.pk])).content[:5] == b"%PDF-"
        client.post(own, {"action": "paid", "cents": "53,39", "seen": 5339})
        row.refresh_from_db()
        assert row.state == "paid"
        client.post(own, {"action": "unpaid"})
        client.post(own, {"action": "contest", "reason": "Prix faux"})
        assert "Prix faux" in client.get(own).content.decode()
        day = timezone.localdate()
        assert (
            row.number
            in b"".join(
                client.get(reverse("billing:in_your_name_month", args=[token, day.year, day.month])).streaming_content
            ).decode()
        )
        client.post(reverse("billing:in_your_name_revoke", args=[token]), {"reason": "Nous facturons nous-mêmes"})
        with pytest.raises(billing_mandates.NoMandate):
            made.in_name(row.billing_mandate)
        old = supplier_links.token(row.billing_mandate, made_on=day - timedelta(days=181))
        for dead in (token[:-2], old):
            assert client.get(reverse("billing:in_your_name", args=[dead])).status_code == 410

    def test_is_answered_and_noted_on_the_invoices_page(self, client):
        row, clerk = made.in_name(billing_mandate(actor=staff())), staff()
        in_name.contest(document=row, reason="Prix faux", at=AT)
        client.force_login(clerk)
        page = reverse("billing:invoice", args=[row.company_id, row.pk])
        shown = client.get(page).content.decode()
        assert "Prix faux" in shown and "due à Savonnerie" in client.get(
            reverse("billing:invoice_list", args=[row.company_id])
        ).content.decode().replace("\u00a0", " ")
        client.post(reverse("billing:contest_answer", args=[row.contest.pk]), {"words": "Corrigé"})
        client.post(reverse("billing:told_paid", args=[row.pk]), {"cents": "53,39", "seen": 5339})
        row.refresh_from_db()
        assert (row.state, row.contest.answer) == ("paid", "Corrigé")
        client.post(reverse("billing:told_paid", args=[row.pk]), {"action": "unpaid"})
        assert "Corrigé" in client.get(page).content.decode()
        in_name.contest(document=credit(row, 100), reason="Avoir faux", at=AT)
        assert "Avoir faux" in client.get(reverse("billing:self_billing")).content.decode()
        mandate = reverse("billing:self_billing_mandate", args=[row.billing_mandate_id])
        assert row.number in client.get(mandate).content.decode()
        client.force_login(member(row.company, Role.ACCOUNTANT))
        assert "Vous la devez à Savonnerie du Vercors" in client.get(page).content.decode().replace("\u00a0", " ")

    def test_contests_in_time_once_and_is_answered(self):
        row, clerk = made.in_name(billing_mandate(actor=staff())), staff()
        with pytest.raises(in_name.ContestReasonAsked):
            in_name.contest(document=row, reason=" ", at=AT)
        said = in_name.contest(document=row, reason="Prix faux", at=AT + timedelta(days=8))
        assert in_name.contest(document=row, reason="Encore", at=AT) == said
        assert list(in_name.open_contests()) == [said]
        with pytest.raises(NotAllowed):
            in_name.answer(contest=said, words="Avoir émis", actor=UserFactory(), at=AT)
        with pytest.raises(in_name.ContestReasonAsked):
            in_name.answer(contest=said, words=" ", actor=clerk, at=AT)
        for words in ("Avoir émis", "Autre chose"):
            assert in_name.answer(contest=said, words=words, actor=clerk, at=AT).answer == "Avoir émis"
        assert not in_name.open_contests()
        with pytest.raises(in_name.ContestTooLate):
            in_name.contest(document=invoice(), reason="Ce n’est pas à moi", at=AT)
        with pytest.raises(in_name.ContestTooLate, match="8"):
            in_name.contest(document=credit(row, 100), reason="Non", at=AT + timedelta(days=10))

    def test_exports_each_month_for_its_own_books(self):
        row = made.in_name(billing_mandate(actor=staff()), None, line(10_000), line(2_000, 550))
        note = credit(row, 4_000)
        rows = "".join(in_name.month_csv("303265045", date(2026, 3, 1))).splitlines()
        assert [part.split(";")[0] for part in rows[1:]] == [row.number, row.number, note.number]
        assert "-40,00;-8,00" in rows[3]
        (month,) = in_name.months_of("303265045")
        assert (month["count"], month["cents"]) == (2, row.gross_cents - note.gross_cents)


class TestTheDeskOfTheMember:
    def test_tells_apart_what_is_owed_to_suppliers(self, client):
        company = CompanyFactory()
        client.force_login(member(company, Role.ACCOUNTANT))
        url = reverse("billing:desk", args=[company.pk])
        invoice(company, line(10_000, 0))
        assert "dus à des fournisseurs" not in client.get(url).content.decode()
        theirs = made.in_name(billing_mandate(actor=staff()), company)
        answer = client.get(url)
        assert answer.context["to_suppliers"] == theirs.balance_cents > 0
        assert "dus à des fournisseurs, et non à ERB" in answer.content.decode()
