"""Money kept for a company, used for the invoices it chooses or sent back; and the file of its mandate."""

import io
import uuid

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from companies.billing import allocation, books, checking, credit_notes, deposits, ledger, mandate_file, payments, ties
from companies.billing.bank import importing, matching
from companies.billing.models import AccountKind, BankLine, DepositRefund, Invoice, LedgerTransaction, Refund
from companies.errors import Invalid, NotAllowed
from companies.models import AuditEntry, OutboxMail, Role
from tests.billing.statements import camt, entry
from tests.billing.test_accounts_api import mandate
from tests.factories.billing import invoice, line
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db


def owed(company, *cents):
    rows = [invoice(company, line(one, 0)) for one in cents]
    Invoice.objects.filter(pk__in=[row.pk for row in rows]).update(state="due")
    return rows


def keep(company, cents):
    with transaction.atomic():
        allocation.receive(
            company=company, cents=cents, key=f"advance-{company.pk}-{cents}", at=timezone.now(), actor=None
        )


class TestMoneyKept:
    def test_is_used_for_chosen_invoices_and_never_twice(self):
        company = CompanyFactory()
        accountant = member(company, Role.ACCOUNTANT)
        keep(company, 50_000)
        first, second = owed(company, 32_010, 40_000)
        with pytest.raises(allocation.PartsRefused):  # more than it owes
            allocation.spend(company=company, parts={second.pk: 40_001}, actor=accountant, at=timezone.now())
        done = allocation.spend(company=company, parts={second.pk: 40_000}, actor=accountant, at=timezone.now())
        assert ([(row.pk, cents) for row, cents in done.parts], allocation.kept_for(company)) == (
            [(second.pk, 40_000)], 10_000,
        )  # fmt: skip
        with pytest.raises(allocation.PartsRefused):  # a double click
            allocation.spend(company=company, parts={second.pk: 40_000}, actor=accountant, at=timezone.now())
        with pytest.raises(allocation.KeptTooLittle):
            allocation.spend(company=company, parts={first.pk: 10_001}, actor=accountant, at=timezone.now())
        allocation.spend(company=company, parts={first.pk: 10_000, second.pk: 0}, actor=staff(), at=timezone.now())
        assert list(Invoice.objects.order_by("pk").values_list("state", "balance_cents")) == [
            ("part_paid", 22_010), ("paid", 0),
        ]  # fmt: skip
        assert AuditEntry.objects.filter(action="invoice.transfer", actor=accountant).count() == 1
        assert not checking.first_break()

    def test_that_paid_an_invoice_must_come_back_before_the_bank_line_it_came_with_is_undone(self):
        company, by = CompanyFactory(), staff()
        (first,) = owed(company, 10_000)
        content = camt(entry(15_000, text=first.number, bank_id="1"), total=15_000)
        importing.take(content=content, name="r.xml", actor=by, at=timezone.now())
        taken = BankLine.objects.get()  # more than was owed: a person matches it
        matching.match_invoices(line=taken, parts={first.pk: 10_000}, actor=by, at=timezone.now())
        taken.refresh_from_db()
        assert (taken.state, allocation.kept_for(company)) == ("matched", 5_000)
        (second,) = owed(company, 8_000)
        allocation.spend(company=company, parts={second.pk: 5_000}, actor=by, at=timezone.now())
        undo = lambda: matching.undo(line=taken, actor=by, at=timezone.now(), reason="x")  # noqa: E731  # shorter than a function
        with pytest.raises(matching.KeptUsed):
            undo()
        used = LedgerTransaction.objects.get(key__startswith="deposit-")
        books.reverse(original=used, actor=by, at=timezone.now(), reason="x")
        undo()
        assert set(Invoice.objects.values_list("state", flat=True)) == {"due"}
        assert allocation.kept_for(company) == 0 and not checking.first_break()

    def test_is_the_accountants_and_the_staffs_to_use(self):
        company = CompanyFactory()
        (row,) = owed(company, 1_000)
        for user in (member(company, Role.ADMIN), member(company, Role.BUYER), member(CompanyFactory(), *Role)):
            with pytest.raises(NotAllowed):
                allocation.spend(company=company, parts={row.pk: 1}, actor=user, at=timezone.now())

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        kept=st.integers(1, 90_000),
        debts=st.lists(st.integers(1, 40_000), min_size=1, max_size=3),
        parts=st.lists(st.integers(-1, 50_000), min_size=3, max_size=3),
    )
    def test_never_pays_more_than_is_owed_or_kept(self, kept, debts, parts):
        inner = transaction.savepoint()
        company = CompanyFactory()
        keep(company, kept)
        rows, by = owed(company, *debts), staff()
        wanted = {row.pk: cents for row, cents in zip(rows, parts, strict=False)}
        try:
            allocation.spend(company=company, parts=wanted, actor=by, at=timezone.now())
            used = sum(wanted.values())
        except (allocation.PartsRefused, allocation.KeptTooLittle):
            used = 0
        balances = list(Invoice.objects.filter(company=company).values_list("balance_cents", flat=True))
        assert min(balances) >= 0
        left = sum(balances)
        assert (left, allocation.kept_for(company)) == (sum(debts) - used, kept - used)
        assert not checking.first_break()
        transaction.savepoint_rollback(inner)


class TestThePage:
    def test_fills_the_oldest_first_or_the_one_asked_for_and_keeps_what_was_typed(self):
        company = CompanyFactory()
        client = Client()
        client.force_login(member(company, Role.ACCOUNTANT))
        address = f"/company/{company.pk}/accounts/deposit/"
        assert "Aucune somme conservée" in client.get(address).content.decode()
        keep(company, 50_000)
        assert "Aucune facture ouverte" in client.get(address).content.decode()
        first, second = owed(company, 32_010, 40_000)
        page = client.get(address).content.decode()
        assert 'value="320,10"' in page and 'value="179,90"' in page
        asked = client.get(f"{address}?invoice={second.pk}").content.decode()
        assert 'value="400,00"' in asked and 'value="320,10"' not in asked
        for url in (f"/company/{company.pk}/accounts/", f"/company/{company.pk}/invoices/{first.pk}/"):
            assert address in client.get(url).content.decode()
        seen = allocation.last_entry(company)
        fields = {f"invoice_{first.pk}": "320,10", f"invoice_{second.pk}": "200,00", "seen": seen}
        assert f'name="seen" value="{seen}"' in page
        refused = client.post(address, fields)
        assert "500,00" in refused.content.decode() and "200,00" in refused.content.decode()
        assert client.post(address, fields | {f"invoice_{second.pk}": ""}).status_code == 302
        first.refresh_from_db()
        assert first.state == "paid"
        part = {f"invoice_{second.pk}": "50,00", "seen": allocation.last_entry(company)}
        for _tab in range(2):  # a form sent twice, from two tabs or with the back button
            assert client.post(address, part).status_code == 302
        assert allocation.kept_for(company) == 50_000 - 32_010 - 5_000
        assert "a changé" in client.get(address).content.decode()


OURS = "53,39\N{NO-BREAK SPACE}€ de son argent encore à rembourser"


@pytest.fixture
def paid_twice(double, at_once):
    """An invoice of 53.39 € paid by transfer while the accountant was paying it by card."""
    company = CompanyFactory(name="Tannerie du Royans")
    accountant, bill = member(company, Role.ACCOUNTANT), invoice(company)
    Invoice.objects.filter(pk=bill.pk).update(state="due")
    page = payments.start(invoice=bill, actor=accountant, at=timezone.now())
    with transaction.atomic():
        allocation.receive(company=company, cents=5_339, key="twice", at=timezone.now(), actor=None, only=[bill])
    double.pays(page.url)
    payments.refresh(payment_id=page.pk, at=timezone.now())
    bill.refresh_from_db()
    assert (bill.state, bill.balance_cents, ties.open_business(company)) == ("paid", -5_339, [OURS])
    deposits.keep(invoice=bill, actor=accountant, at=timezone.now())
    return company, accountant, bill, page


def ask(company, actor, cents, **more):
    asked = {"reason": "Payé deux fois", "key": str(uuid.uuid4()), "at": timezone.now()}
    return deposits.ask(company=company, cents=cents, actor=actor, **{**asked, **more})


def sums(company):
    """Kept, on its way back, and the association's money at Stripe and in the bank."""
    return (
        allocation.kept_for(company),
        -ledger.balance(AccountKind.REFUNDS, company=company),
        ledger.balance(AccountKind.BANK),
    )


class TestMoneySentBack:
    def test_returns_to_the_card_it_came_from_once_and_touches_no_invoice(self, paid_twice, double):
        company, accountant, bill, page = paid_twice
        with pytest.raises(deposits.NothingToKeep):  # a double click
            deposits.keep(invoice=bill, actor=accountant, at=timezone.now())
        at_stripe = ledger.balance(AccountKind.STRIPE)
        row = ask(company, accountant, 2_000, payment=page, key="k")
        assert ties.open_business(company) == [OURS]  # a company that leaves gets its money first
        assert sums(company) == (3_339, 2_000, 5_339) and not checking.first_break()
        assert ask(company, accountant, 2_000, payment=page, key="k") == row
        payments.send_refund(row.refund, at=timezone.now())
        payments.send_refund(row.refund, at=timezone.now())  # a repeat is the same request
        for body in double.events("charge.refunded") * 2:
            assert double.post(body) == 200
        row.refresh_from_db()
        page.refresh_from_db()
        bill.refresh_from_db()
        assert (row.state, page.refunded_cents, bill.state, bill.balance_cents) == ("done", 2_000, "paid", 0)
        assert sums(company) == (3_339, 0, 5_339) and ledger.balance(AccountKind.STRIPE) == at_stripe - 2_000
        keep(company, 10_000)  # came by transfer: no card gets it
        with pytest.raises(deposits.MeansRefused):
            ask(company, accountant, 3_340, payment=page)
        assert OutboxMail.objects.filter(key__startswith="deposit-refund-").count() == 1
        assert not checking.first_break()

    def test_that_the_payers_bank_returns_days_later_is_kept_again(self, paid_twice, double):
        company, accountant, _bill, page = paid_twice
        row = ask(company, accountant, 5_339, payment=page)
        payments.send_refund(row.refund, at=timezone.now())
        double.lever("bounce", refund=Refund.objects.get().refund_id)
        for body in double.events("refund.failed") * 2:
            assert double.post(body) == 200
        row.refresh_from_db()
        page.refresh_from_db()
        assert (row.state, page.refunded_cents, sums(company)[:2]) == ("cancelled", 0, (5_339, 0))
        assert ask(company, accountant, 5_339, payment=page).state == "asked"  # it may be tried again
        assert not checking.first_break()

    def test_waits_when_the_service_is_silent_and_stays_when_it_refuses(self, paid_twice, double):
        company, accountant, _bill, page = paid_twice
        row = ask(company, accountant, 1_000, payment=page)
        double.lever("fail", requests=3)
        with pytest.raises(payments.PaymentServiceDown):
            payments.send_refund(row.refund, at=timezone.now())
        assert sums(company)[:2] == (4_339, 1_000)
        double.lever("dispute", payment_intent=double.intent()["id"])
        with pytest.raises(payments.RefundRefused):
            payments.send_refund(row.refund, at=timezone.now())
        row.refresh_from_db()
        assert (row.state, sums(company)[:2]) == ("cancelled", (5_339, 0))

    def test_leaves_by_transfer_and_the_statement_finds_it_by_reference(self):
        company, by = CompanyFactory(), staff()
        keep(company, 50_000)
        first, second = (ask(company, by, cents, iban="FR14 2004 1010 0505 0001 3M02 606") for cents in (20_000, 5_000))
        assert sums(company) == (25_000, 25_000, 50_000)
        with pytest.raises(allocation.KeptTooLittle):
            ask(company, by, 25_001, iban=first.iban)
        content = camt(
            entry(-20_000, text=f"VIR {first.reference}", bank_id="1"), entry(-5_000, bank_id="2"), total=-25_000
        )
        importing.take(content=content, name="r.xml", actor=by, at=timezone.now())
        found, other = BankLine.objects.order_by("position")
        assert (found.state, other.state, sums(company)) == ("matched", "open", (25_000, 5_000, 30_000))
        with pytest.raises(matching.RefundAsked):
            matching.match_refund(line=other, refund=first, actor=by, at=timezone.now())
        matching.undo(line=found, actor=by, at=timezone.now(), reason="x")
        first.refresh_from_db()
        assert first.state == "asked" and not checking.first_break()
        matching.match_refund(line=BankLine.objects.get(pk=found.pk), refund=first, actor=by, at=timezone.now())
        client = Client()
        client.force_login(by)
        shown = client.get(f"/company/{company.pk}/accounts/deposit/").content.decode()
        assert "Abandonner le virement de 50,00\xa0€" in shown and "la somme servirait deux fois" in shown
        deposits.cancel(row=second, actor=by, at=timezone.now())
        with pytest.raises(deposits.CancelRefused):
            deposits.cancel(row=second, actor=by, at=timezone.now())
        assert sums(company) == (30_000, 0, 30_000) and not checking.first_break()

    def test_is_the_accountants_and_the_staffs_to_ask_for(self):
        company = CompanyFactory()
        keep(company, 1_000)
        for user in (member(company, Role.ADMIN), member(company, Role.BUYER), member(CompanyFactory(), *Role)):
            with pytest.raises(NotAllowed):
                ask(company, user, 1, iban="FR1420041010050500013M02606")
        for wrong in ({"cents": 0}, {"iban": "FR1420041010050500013M02607"}):
            with pytest.raises(Invalid):
                ask(**{"company": company, "actor": staff(), "cents": 1, "iban": "FR1420041010050500013M02606"} | wrong)
        assert allocation.kept_for(company) == 1_000

    def test_is_asked_for_on_a_page_that_keeps_what_was_typed_with_a_notice_as_pdf(self, paid_twice):
        company, accountant, _bill, page = paid_twice
        client = Client()
        client.force_login(accountant)
        start, there = (f"/company/{company.pk}/accounts/deposit/{end}" for end in ("", "back/"))
        assert there in client.get(start).content.decode()
        assert "visa … 4242" in client.get(there).content.decode()
        typed = {"cents": "60,00", "way": str(page.pk), "reason": "Payé deux fois", "key": "page-1"}
        refused = client.post(there, typed).content.decode()
        assert "60,00" in refused and "Payé deux fois" in refused and "53,39\xa0€" in refused and "53.39" not in refused
        assert client.post(there, typed | {"cents": "20,00"}).status_code == 302
        assert client.post(there, typed | {"cents": "20,00"}).status_code == 302  # sent twice, done once
        row = DepositRefund.objects.get()
        shown = client.get(start).content.decode()
        assert row.state == "done" and row.reference in shown and "33,39" in shown
        text = PdfReader(io.BytesIO(client.get(f"{there}{row.pk}/pdf/").content)).pages[0].extract_text()
        for said in (row.reference, "20,00", "Tannerie du Royans", "visa … 4242", "aucun avoir"):
            assert said in text, said
        staffs, other = Client(), invoice(company)
        staffs.force_login(staff())
        assert "33,39" in staffs.get("/erb/collection/?state=kept").content.decode()
        with transaction.atomic():
            allocation.receive(company=company, cents=5_339, key="x", at=timezone.now(), actor=None, only=[other])
            allocation.receive(company=company, cents=700, key="y", at=timezone.now(), actor=None)
        note = other.lines.get()
        with transaction.atomic():
            credit_notes.issue(invoice=other, nets={note.pk: 1_000}, reason="x", key="x", actor=None, at=timezone.now())
        for who, url in ((staffs, "/erb/collection/?state=kept"), (client, start)):
            shown = who.get(url).content.decode()
            assert other.number in shown and "12,00" in shown
        keeping = f"/company/{company.pk}/invoices/{other.pk}/keep/"
        assert keeping in client.get(f"/company/{company.pk}/invoices/{other.pk}/").content.decode()
        assert client.post(keeping).status_code == 302 and allocation.kept_for(company) == 3_339 + 700 + 1_200


class TestTheMandatesFile:
    @pytest.mark.parametrize(
        ("language", "words"), [("fr", "Mandat de prélèvement SEPA"), ("en", "SEPA direct debit mandate")]
    )
    def test_tells_reference_words_date_and_evidence(self, language, words):
        row = mandate(CompanyFactory(name="Tannerie du Royans"), "ERB-RUM-7")
        row.language, row.ip, row.user_agent = language, "192.0.2.7", "Firefox"
        reader = PdfReader(io.BytesIO(mandate_file.mandate_pdf(row)))
        text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
        for said in (
            words,
            "ERB-RUM-7",
            "Tannerie du Royans",
            "FR72ZZZ123456",
            "Les mots",
            "192.0.2.7",
            "Firefox",
            "2606",
        ):
            assert said in text, said
        assert (
            reader.metadata.title.endswith("ERB-RUM-7")
            and "pdfaid:part>2<" in reader.xmp_metadata.stream.get_data().decode()
        )
