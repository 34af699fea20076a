"""Advance invoices (386) and corrective invoices (384): numbers, books, files, pages."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from companies.billing import (
    advances,
    allocation,
    checking,
    corrections,
    credit_notes,
    deposits,
    facturx,
    fec,
    invoices,
    ledger,
    printing,
    settlement,
    terms,
)
from companies.billing.models import AccountKind, AdvanceDeduction, Invoice, LineKind
from companies.errors import NotAllowed
from companies.models import Role
from tests.billing import fec_reader
from tests.billing.pdfa import faults
from tests.billing.schematron import broken
from tests.billing.test_ledger import paid
from tests.factories.billing import AT, invoice, line, mandate, payment, self_billed
from tests.factories.companies import CompanyFactory, UserFactory, member, staff

pytestmark = pytest.mark.django_db
RATES = (0, 550, 2_000)
LINES = st.lists(st.tuples(st.integers(1, 90_000), st.sampled_from(RATES)), min_size=1, max_size=3)


def terms_of(xml, name):
    return [node.text for node in etree.fromstring(xml).iter(f"{{*}}{name}")]


def advance(company=None, *lines, key="a", actor=None, **more):
    return advances.issue(
        company=company or CompanyFactory(),
        lines=lines or [advances.draft(description="Acompte 30 %", net_cents=30_000, vat_bp=2_000, kind="goods")],
        **{"order_reference": "BC-7", "due_on": date(2026, 3, 18), "notes": "", **more},
        key=key,
        actor=actor or staff(),
        at=AT,
    )


def pay(row, cents=None):
    attempt = payment(row)
    settlement.apply(
        payment_id=attempt.pk, seen=replace(paid(cents or row.balance_cents), intent_id=f"pi_{attempt.pk}"), at=AT
    )
    row.refresh_from_db()
    return row


def final(company, *lines, **more):
    return invoice(
        company, *(lines or [line(100_000, quantity=1, unit_price_e4=10_000_000)]), order_reference="BC-7", **more
    )


def vat(kind, rate=2_000):
    return ledger.balance(kind, vat_bp=rate)


class TestAnAdvanceInvoice:
    def test_is_no_sale_and_its_vat_is_due_only_as_it_is_paid(self):
        """CGI art. 269, 2, a: half paid, half of the VAT is due; taken back, none."""
        row = advance()
        company = row.company
        assert advance(company) == row != advance()  # once by its key, which is the company's own
        assert (row.type_code, row.gross_cents, row.number.startswith("ERB-2026-")) == ("386", 36_000, True)
        assert ledger.balance(AccountKind.SALES) == 0
        assert ledger.balance(AccountKind.ADVANCES, company=company) == -30_000
        assert (vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_PENDING)) == (0, -12_000)
        pay(row, 18_000)
        assert (vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_PENDING)) == (-3_000, -9_000)
        pay(row)
        assert (vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_PENDING)) == (-6_000, -6_000)
        assert checking.first_break() == ""

    def test_is_deducted_once_by_the_final_invoice_of_its_order(self):
        """What was invoiced in advance is deducted: 1,200.00 less 360.00 is 840.00, and its VAT is not owed twice."""
        row = pay(advance())
        last = final(row.company)
        assert (last.gross_cents, last.prepaid_cents, last.balance_cents) == (120_000, 36_000, 84_000)
        assert AdvanceDeduction.objects.get().advance == row
        assert (vat(AccountKind.VAT_COLLECTED), ledger.balance(AccountKind.ADVANCES, company=row.company)) == (
            -20_000,
            0,
        )
        assert final(row.company).prepaid_cents == 0
        assert checking.first_break() == ""
        xml = facturx.invoice_xml(last)
        assert broken(xml) == []
        assert (terms_of(xml, "TotalPrepaidAmount"), terms_of(xml, "DuePayableAmount")) == (["360.00"], ["840.00"])
        assert row.number in xml.decode() and "<ram:ID>B4</ram:ID>" in xml.decode()
        assert faults(bytes(printing.invoice_file(last, at=AT).content)) == []

    def test_that_nobody_paid_is_taken_back_by_a_credit_note(self):
        row = advance()
        last = final(row.company)
        row.refresh_from_db()
        assert (row.state, row.balance_cents, last.balance_cents) == ("credited", 0, 120_000)
        assert (vat(AccountKind.VAT_PENDING), checking.first_break()) == (0, "")

    def test_of_the_whole_leaves_nothing_to_pay(self):
        row = pay(advance(None, advances.draft(description="Tout", net_cents=100_000, vat_bp=2_000, kind="goods")))
        last = final(row.company)
        assert (last.state, last.balance_cents, broken(facturx.invoice_xml(last))) == ("paid", 0, [])
        printing.deliver(invoice_id=last.pk, at=AT)
        assert checking.first_break() == ""

    def test_that_was_deducted_is_credited_nowhere_but_on_the_final_invoice(self):
        row = pay(advance())
        last = final(row.company)
        only = row.lines.get()
        with pytest.raises(credit_notes.CreditElsewhere, match=last.number), transaction.atomic():
            credit_notes.issue(invoice=row, nets={only.pk: 1_000}, reason="x", key="k", actor=None, at=AT)

    def test_gives_its_vat_back_with_a_credit_note(self):
        row = pay(advance())
        only = row.lines.get()
        with transaction.atomic():
            note = credit_notes.issue(invoice=row, nets={only.pk: 15_000}, reason="x", key="k", actor=None, at=AT)
        assert (vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_PENDING)) == (-3_000, 0)
        assert broken(facturx.credit_note_xml(note)) == []
        assert checking.first_break() == ""

    def test_keeps_every_rule_in_both_languages(self):
        company = CompanyFactory()
        row = advance(company)
        xml = facturx.invoice_xml(row)
        assert (broken(xml), terms_of(xml, "TypeCode")[0]) == ([], "386")
        assert "l’acompte est payé" in xml.decode()
        member(company, Role.ACCOUNTANT)
        company.memberships.get().user.__class__.objects.update(language="en")
        english = advance(company, key="b")
        assert "the VAT is due when the advance is paid" in facturx.invoice_xml(english).decode()
        assert faults(bytes(printing.invoice_file(english, at=AT).content)) == []

    def test_is_asked_by_the_staff_for_an_order_once(self):
        company = CompanyFactory()
        assert advance(company) == advance(company)
        with pytest.raises(advances.OrderAsked):
            advance(company, key="b", order_reference=" ")
        with pytest.raises(advances.AdvanceOfNothing):
            nothing = [advances.draft(description="x", net_cents=cents, vat_bp=0, kind="goods") for cents in (9, 0)]
            advance(company, *nothing, key="d")
        with pytest.raises(NotAllowed):
            advance(company, key="c", actor=UserFactory())

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        parts=st.lists(st.tuples(st.integers(1, 90_000), st.sampled_from([0, 550, 2_000])), min_size=1, max_size=3),
        pays=st.lists(st.integers(1, 100), min_size=0, max_size=3),
        credited=st.integers(0, 100),
    )
    def test_keeps_the_books_whatever_is_paid_and_credited(self, parts, pays, credited):
        """I3 for advances: after each step the books balance, and at the end nothing is left on the accounts of advances."""
        company = CompanyFactory()
        waiting = sum(vat(AccountKind.VAT_PENDING, rate) for rate in (0, 550, 2_000))
        drafts = [advances.draft(description="x", net_cents=net, vat_bp=rate, kind="goods") for net, rate in parts]
        row = advance(company, *drafts, key=f"h-{company.pk}")
        for percent in pays:
            if row.balance_cents > 0:
                pay(row, max(1, row.balance_cents * percent // 100))
        first = row.lines.first()
        if net := first.net_cents * credited // 100:
            with transaction.atomic():
                credit_notes.issue(invoice=row, nets={first.pk: net}, reason="x", key=f"c-{row.pk}", actor=None, at=AT)
        assert checking.first_break() == ""
        row.refresh_from_db()
        final(company, line(900_000), line(900_000, 0), line(900_000, 550))
        assert checking.first_break() == ""
        if row.state in ("paid", "final", "credited"):
            assert sum(vat(AccountKind.VAT_PENDING, rate) for rate in (0, 550, 2_000)) == waiting

    def test_larger_than_the_final_invoice_goes_back_to_the_cent(self):
        """case: 360.00 paid in advance, the final invoice asks 300.04: 59.96 credited with its VAT, kept and usable."""
        row = pay(advance())
        last = final(row.company, line(25_003, quantity=1, unit_price_e4=2_500_300))
        row.refresh_from_db()
        note = row.credit_notes.get()
        assert (last.gross_cents, last.prepaid_cents, last.balance_cents, last.state) == (30_004, 30_004, 0, "paid")
        assert (note.net_cents, note.vat_cents, note.gross_cents) == (4_997, 999, 5_996)
        assert (row.state, row.balance_cents, allocation.kept_for(row.company)) == ("paid", 0, 5_996)
        assert [(one.payment.invoice, one.cents) for one in deposits.means_of(row.company)] == [(row, 5_996)]
        assert (vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_PENDING)) == (-5_001, 0)
        assert (ledger.balance(AccountKind.ADVANCES, company=row.company), checking.first_break()) == (0, "")
        assert (broken(facturx.credit_note_xml(note)), broken(facturx.invoice_xml(last))) == ([], [])
        later = invoice(row.company, line(10_000))
        allocation.use_deposit(company=row.company, at=AT, actor=None)
        later.refresh_from_db()
        assert (later.state, later.balance_cents) == ("part_paid", 12_000 - 5_996)

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        asked=st.lists(LINES, min_size=1, max_size=3),
        sold=LINES,
        credited=st.integers(0, 100),
    )
    def test_goes_into_the_final_invoice_as_far_as_it_asks_and_the_rest_is_kept(self, asked, sold, credited):
        """Whatever the sums and rates: what was paid is deducted or kept, VAT is due on the sale alone, to the cent."""
        company = CompanyFactory()
        before = {rate: (vat(AccountKind.VAT_COLLECTED, rate), vat(AccountKind.VAT_PENDING, rate)) for rate in RATES}
        rows = []
        for place, lines in enumerate(asked):
            drafts = [advances.draft(description="x", net_cents=net, vat_bp=rate, kind="goods") for net, rate in lines]
            rows.append(advance(company, *drafts, key=f"f{place}-{company.pk}"))
        first = rows[0].lines.first()
        if net := first.net_cents * credited // 200:  # before it is paid, so that nothing is paid too much
            with transaction.atomic():
                credit_notes.issue(
                    invoice=rows[0], nets={first.pk: net}, reason="x", key=f"k{first.pk}", actor=None, at=AT
                )
            rows[0].refresh_from_db()
        money_in = sum(row.balance_cents for row in rows)
        for row in rows:
            pay(row)
        last = final(company, *(line(net, rate, quantity=1, unit_price_e4=None) for net, rate in sold))
        assert last.prepaid_cents == min(money_in, last.gross_cents)
        assert allocation.kept_for(company) == money_in - last.prepaid_cents
        assert last.balance_cents == last.gross_cents - last.prepaid_cents
        sale = {row.vat_bp: row.vat_cents for row in last.vat_rows.all()}
        for rate, (due, pending) in before.items():
            assert vat(AccountKind.VAT_COLLECTED, rate) == due - sale.get(rate, 0)
            assert vat(AccountKind.VAT_PENDING, rate) == pending
        assert ledger.balance(AccountKind.ADVANCES, company=company) == 0
        assert all(row.balance_cents == 0 for row in Invoice.objects.filter(company=company, type_code="386"))
        assert checking.first_break() == ""


class TestACorrectiveInvoice:
    def correct(self, row, *lines, **more):
        arguments = {
            "reason": "Mauvais taux",
            "due_on": row.due_on,
            "supply_on": row.supply_on,
            "order_reference": "BC-9",
            "key": f"k-{row.pk}",
            "actor": staff(),
        }
        return corrections.issue(invoice=row, lines=lines or [line(4_449, 550)], at=AT, **{**arguments, **more})

    def test_replaces_the_invoice_and_books_only_the_difference(self):
        """case: 20 % instead of 5.5 %: 53.39 becomes 46.94; the books hold the new sale only."""
        row = invoice(legal_model="resale")
        new = self.correct(row)
        row.refresh_from_db()
        assert (row.state, row.balance_cents, row.gross_cents) == ("credited", 0, 5_339)
        assert (new.type_code, new.balance_cents, new.corrects) == ("384", 4_694, row)
        assert (ledger.balance(AccountKind.SALES), vat(AccountKind.VAT_COLLECTED), vat(AccountKind.VAT_COLLECTED, 550)) == (
            -4_449, 0, -245,
        )  # fmt: skip
        assert checking.first_break() == ""
        xml = facturx.invoice_xml(new)
        assert broken(xml) == [] and row.number in xml.decode() and "Mauvais taux" in xml.decode()
        assert faults(bytes(printing.invoice_file(new, at=AT).content)) == []

    def test_takes_the_money_along_and_leaves_what_is_too_much_at_its_payment(self):
        row = pay(invoice())
        new = self.correct(row)
        row.refresh_from_db()
        assert (new.state, new.balance_cents, row.balance_cents, row.paid_too_much_cents) == ("paid", 0, -645, 645)
        assert checking.first_break() == ""

    def test_answers_for_the_payment_of_the_invoice_it_replaced(self):
        """A payer who takes back what was paid on the old invoice owes the new one, and the old one stays replaced."""
        row = pay(invoice())
        new, attempt = self.correct(row, line(4_449)), row.payments.get()

        def states(**seen):
            look = replace(
                paid(5_339), intent_id=f"pi_{attempt.pk}", disputes=[settlement.Dispute("du_1", 5_339, **seen)]
            )
            settlement.apply(payment_id=attempt.pk, seen=look, at=AT)
            row.refresh_from_db()
            new.refresh_from_db()
            assert checking.first_break() == ""
            return row.state, row.balance_cents, new.state, new.balance_cents

        assert states(returned=False) == ("credited", 0, "charged_back", 5_339)
        assert states(returned=True, status="won") == ("credited", 0, "paid", 0)

    def test_counts_the_credit_notes_of_the_old_one(self):
        row = invoice()
        with transaction.atomic():
            credit_notes.issue(invoice=row, nets={row.lines.get().pk: 449}, reason="Casse", key="c", actor=None, at=AT)
        assert [draft.net_cents for draft in corrections.drafts_of(row)] == [4_000]
        new = self.correct(row, *corrections.drafts_of(row))
        assert (new.net_cents, ledger.balance(AccountKind.REBILLED), checking.first_break()) == (4_000, -4_000, "")

    def test_is_given_once_and_refused_where_it_would_lose_something(self):
        row = invoice()
        new = self.correct(row)
        assert self.correct(row) == new
        with pytest.raises(corrections.NotCorrectable):
            self.correct(row, key="other")
        with pytest.raises(credit_notes.CreditElsewhere, match=new.number), transaction.atomic():
            credit_notes.issue(invoice=row, nets={row.lines.get().pk: 1}, reason="x", key="z", actor=None, at=AT)
        with pytest.raises(corrections.NotCorrectable, match="acompte"):
            self.correct(advance(), key="adv")
        waiting = invoice()
        Invoice.objects.filter(pk=waiting.pk).update(state="collecting")
        waiting.refresh_from_db()
        with pytest.raises(corrections.NotCorrectable, match="en cours"):
            self.correct(waiting)
        deducting = final(pay(advance(key="paid")).company)
        with pytest.raises(corrections.NotCorrectable, match="acompte"):
            self.correct(deducting)
        given_up = invoice()
        Invoice.objects.filter(pk=given_up.pk).update(state="written_off")
        given_up.refresh_from_db()
        with pytest.raises(corrections.NotCorrectable, match="abandonn"):
            self.correct(given_up)
        credited = invoice()
        with transaction.atomic():
            credit_notes.issue(
                invoice=credited, nets={credited.lines.get().pk: 4_449}, reason="x", key="all", actor=None, at=AT
            )
        with pytest.raises(corrections.NotCorrectable, match="avoirs"):
            self.correct(credited)
        with pytest.raises(corrections.CorrectionReasonAsked):
            self.correct(invoice(), reason=" ")
        with pytest.raises(NotAllowed):
            self.correct(invoice(), actor=UserFactory())


class TestTheFileOfEntries:
    def test_takes_advances_corrections_and_what_is_written_in_a_sellers_name(self):
        company, clerk = CompanyFactory(), staff()
        pay(advance(company))
        final(company)
        row = pay(invoice(company))
        new = TestACorrectiveInvoice().correct(row)
        made = self_billed(mandate(company, actor=clerk), line(10_000, 0), actor=clerk)
        content = "".join(fec.lines(date(2026, 1, 1), date(2026, 12, 31)))
        entries = fec_reader.read(content, fec.file_name(date(2026, 12, 31)))
        assert 0 < sum(one.debit for one in entries) == sum(one.credit for one in entries)
        assert all(number in content for number in (row.number, new.number, made.number))


class TestTheTerms:
    def test_are_at_most_60_days_or_45_to_the_end_of_the_month(self):
        """case: L441-10: refused with the last day in the sentence."""
        with pytest.raises(terms.TermsRefused, match="15/05/2026"):
            invoice(due_on=date(2026, 5, 18))
        assert invoice(due_on=terms.latest(date(2026, 3, 3))).due_on == date(2026, 5, 15)


class TestTheRoleOfTheCentre:
    def test_in_listing_is_paid_its_fee_and_never_the_suppliers_goods(self):
        """case: (b) transparent: money for suppliers is never collected by the association; its own claims are."""
        fee = line(2_000, kind=LineKind.FEE, quantity=1, unit_price_e4=200_000)
        assert invoice(None, fee, legal_model="listing").net_cents == 2_000
        for lines in ([line(1_000)], [fee, line(600, kind=LineKind.FREIGHT, quantity=1, unit_price_e4=None)]):
            with pytest.raises(invoices.SupplierInvoicesThis):
                invoice(None, *lines, legal_model="listing")
        with pytest.raises(invoices.SupplierInvoicesThis):
            advance(legal_model="listing")
        assert ledger.balance(AccountKind.SUPPLIERS) == 0


class TestThePages:
    def test_ask_for_an_advance_and_show_where_it_went(self, client):
        company = CompanyFactory()
        client.force_login(staff())
        url = reverse("billing:advance_new")
        assert "BC-9" in client.get(url, {"company": company.pk, "order": "BC-9"}).content.decode()
        data = {"company": company.pk, "order_reference": "BC-9", "description": "Acompte", "kind": "goods", "key": "p",
                "net_cents": "100,00", "vat_bp": "2000", "due_on": "2099-01-01"}  # fmt: skip
        refused = client.post(url, data).content.decode()
        assert "45" in refused and "Acompte" in refused
        client.post(url, data | {"due_on": (date.today() + timedelta(days=10)).isoformat()})
        row = Invoice.objects.get(type_code="386")
        assert row.number in client.get(reverse("billing:advances")).content.decode()
        pay(row)
        last = invoice(company, line(50_000), order_reference="BC-9")
        page = client.get(reverse("billing:invoice", args=[company.pk, last.pk])).content.decode()
        assert row.number in page and "Acompte déduit" in page

    def test_replace_an_invoice_and_keep_the_vat_that_was_given(self, client):
        """The shares of a supplier's VAT stay as they were on the rates nobody touched."""
        row = invoice(
            None, line(4_449, vat_cents=891), line(2_000, 550, kind=LineKind.FREIGHT), due_on=date(2026, 4, 2)
        )
        client.force_login(staff())
        url = reverse("billing:correct", args=[row.pk])
        goods, freight = row.lines.all()
        assert goods.description in client.get(url).content.decode()
        data = {"reason": "Port en trop", "supply_on": "2026-03-02", "due_on": date.today().isoformat(), "key": "k",
                f"text_{goods.pk}": goods.description, f"net_{goods.pk}": "44,49", f"vat_{goods.pk}": "2000",
                f"text_{freight.pk}": "Port", f"net_{freight.pk}": "10,00", f"vat_{freight.pk}": "550",
                "vat_new": "2000"}  # fmt: skip
        assert client.post(url, data).status_code == 302
        new = Invoice.objects.get(corrects=row)
        assert (new.net_cents, new.vat_cents) == (5_449, 891 + 55)
        assert new.number in client.get(reverse("billing:invoice", args=[row.company_id, row.pk])).content.decode()
        assert "remplacée" in client.get(url).content.decode()
