"""Money kept for a company, used for the invoices it chooses; and the file of its mandate."""

import io

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from companies.billing import allocation, books, checking, mandate_file
from companies.billing.bank import importing, matching
from companies.billing.models import BankLine, Invoice, LedgerTransaction
from companies.errors import NotAllowed
from companies.models import AuditEntry, Role
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
        left = sum(Invoice.objects.filter(company=company).values_list("balance_cents", flat=True))
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
        fields = {f"invoice_{first.pk}": "320,10", f"invoice_{second.pk}": "200,00"}
        refused = client.post(address, fields)
        assert "500.00" in refused.content.decode() and "200,00" in refused.content.decode()
        assert client.post(address, fields | {f"invoice_{second.pk}": ""}).status_code == 302
        first.refresh_from_db()
        assert first.state == "paid"


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
