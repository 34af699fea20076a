"""What accountants, staff and programs see of invoices over HTTP."""

import hashlib
import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation

from companies.billing import settlement, todo
from companies.billing.models import Invoice
from companies.billing.settlement import Observation
from companies.models import ApiToken, Role
from tests.factories.billing import AT, invoice, line, payment
from tests.factories.companies import CompanyFactory, member, staff

pytestmark = pytest.mark.django_db


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": 0, "reauthenticated": False}]
    session["demo_second_factor"] = True
    session.save()
    return client


@pytest.fixture
def company():
    return CompanyFactory(name="Tannerie du Royans")


@pytest.fixture
def accountant(company):
    return member(company, Role.ACCOUNTANT)


def page(client, name, *args, lang="fr", **query) -> str:
    client.cookies["language"] = lang
    answer = client.get(reverse(name, args=args), query)
    assert answer.status_code == 200
    return re.sub(r"[\u202f\u00a0]", " ", answer.content.decode())


def fail(bill) -> None:
    attempt = payment(bill)
    for outcome in ("processing", "failed"):
        settlement.apply(payment_id=attempt.pk, seen=Observation(outcome, failure="insufficient_funds"), at=AT)


class TestInvoiceList:
    def test_says_what_to_expect_when_it_is_empty(self, company, accountant):
        text = page(browser(accountant), "billing:invoice_list", company.pk)
        assert "Aucune facture pour l’instant" in text

    @pytest.mark.parametrize(("tab", "count"), [("", 3), ("due", 2), ("collecting", 1), ("failed", 1), ("paid", 0)])
    def test_filters_by_state(self, company, accountant, tab, count):
        invoice(company)
        fail(invoice(company))
        settlement.apply(payment_id=payment(invoice(company)).pk, seen=Observation("processing"), at=AT)
        invoice()  # another company's
        text = page(browser(accountant), "billing:invoice_list", company.pk, state=tab)
        assert len(set(re.findall(r"ERB-2026-\d+", text))) == count

    def test_costs_the_same_number_of_queries_for_one_and_for_thirty(
        self, company, accountant, django_assert_max_num_queries
    ):
        client = browser(accountant)
        invoice(company)
        page(client, "billing:invoice_list", company.pk)
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as one:
            page(client, "billing:invoice_list", company.pk)
        for _ in range(29):
            invoice(company)
        with django_assert_max_num_queries(len(one)):
            page(client, "billing:invoice_list", company.pk)

    def test_is_complete_in_english(self, company, accountant):
        invoice(company)
        text = page(browser(accountant), "billing:invoice_list", company.pk, lang="en")
        assert "Still owed" in text
        assert "Reste dû" not in text


class TestInvoicePage:
    def test_shows_lines_vat_history_and_one_way_to_pay(self, company, accountant):
        bill = invoice(company, line(description="Gants <b>taille 9</b>"))
        text = page(browser(accountant), "billing:invoice", company.pk, bill.pk)
        assert "Payer 53,39 €" in text
        assert "&lt;b&gt;taille 9" in text
        assert "8,90 €" in text
        assert "Facture émise" in text
        assert text.count("btn-primary") == 1

    def test_says_why_a_payment_failed_and_what_to_do(self, company, accountant):
        bill = invoice(company)
        fail(bill)
        text = page(browser(accountant), "billing:invoice", company.pk, bill.pk)
        assert "pas assez d’argent" in text
        assert "Payer 53,39 €" in text

    def test_lets_staff_read_and_not_pay(self, company):
        bill = invoice(company)
        text = page(browser(staff()), "billing:invoice", company.pk, bill.pk)
        assert bill.number in text
        assert "Payer" not in text

    def test_hands_out_the_same_file_each_time(self, company, accountant):
        bill = invoice(company)
        client, url = browser(accountant), reverse("billing:pdf", args=[company.pk, bill.pk])
        first, second = client.get(url), client.get(url)
        assert first.content[:5] == b"%PDF-"
        assert first.content == second.content
        assert Invoice.objects.get().document.sha256 == hashlib.sha256(first.content).hexdigest()
        assert bill.number in first.headers["Content-Disposition"]

    def test_of_another_company_does_not_exist(self, company, accountant):
        other = invoice()
        for args in ([other.company_id, other.pk], [company.pk, other.pk]):
            assert browser(accountant).get(reverse("billing:invoice", args=args)).status_code == 404


class TestStaffPages:
    def test_find_invoices_by_company_and_number(self, company):
        bill, other = invoice(company), invoice()
        client = browser(staff())
        assert other.number not in page(client, "billing:staff_invoices", q="tannerie")
        assert bill.number in page(client, "billing:staff_invoices", q=bill.number)
        assert "Aucune facture ici" in page(client, "billing:staff_invoices", q="rien de tel")

    def test_list_every_payment(self, company):
        fail(invoice(company))
        text = page(browser(staff()), "billing:staff_payments")
        assert "Tannerie du Royans" in text
        assert "Aucun paiement ici" in page(browser(staff()), "billing:staff_payments", state="succeeded")

    def test_refuse_a_refund_in_words_and_keep_what_was_typed(self, company):
        bill = invoice(company)
        attempt = payment(bill, "failed")
        client = browser(staff())
        client.cookies["language"] = "fr"
        answer = client.post(
            reverse("billing:staff_refund", args=[attempt.pk]), {"amount_cents": "1e9", "reason": "Casse"}
        )
        assert answer.status_code == 200
        assert "Casse" in answer.content.decode()
        assert "1e9" in answer.content.decode()


class TestApi:
    def test_lists_invoices_page_by_page_with_money_as_decimal_strings(self, company, accountant):
        for _ in range(3):
            invoice(company)
        invoice()
        client = browser(accountant)
        first = client.get("/api/v1/invoices/", {"page_size": 2}).json()
        assert [row["gross"] for row in first["results"]] == ["53.39", "53.39"]
        second = client.get(first["next"]).json()
        assert len(second["results"]) == 1
        assert second["next"] is None

    def test_filters(self, company, accountant):
        fail(invoice(company))
        invoice(company)
        client = browser(accountant)
        assert len(client.get("/api/v1/invoices/", {"state": "failed"}).json()["results"]) == 1
        assert len(client.get("/api/v1/invoices/", {"due_before": "2026-04-02"}).json()["results"]) == 0
        wrong = client.get("/api/v1/invoices/", {"state": "nonsense"})
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid")

    def test_shows_one_with_lines_and_vat(self, company, accountant):
        bill = invoice(company)
        body = browser(accountant).get(f"/api/v1/invoices/{bill.pk}/").json()
        assert body["vat_rows"] == [{"vat_bp": 2000, "base": "44.49", "vat": "8.90"}]
        assert body["lines"][0]["unit_price"] == "3.4917"

    def test_opens_to_a_token_with_the_scope_for_its_own_company_only(self, company, accountant):
        other = CompanyFactory()
        from tests.factories.companies import MembershipFactory

        MembershipFactory(user=accountant, company=other, role=Role.ACCOUNTANT)
        invoice(company)
        invoice(other)

        def get(scopes):
            digest = hashlib.sha256(b"secret").hexdigest()
            ApiToken.objects.update_or_create(
                token_hash=digest,
                defaults={
                    "company": company,
                    "user": accountant,
                    "name": "ERP",
                    "scopes": scopes,
                    "created_at": timezone.now(),
                },
            )
            return Client().get("/api/v1/invoices/", headers={"Authorization": "Bearer secret"})

        assert [row["company"] for row in get(["invoices"]).json()["results"]] == [company.pk]
        assert get(["requests"]).status_code == 403


class TestTodo:
    def test_tells_the_accountant_what_failed_and_what_is_due(self, company, accountant):
        fail(invoice(company))
        invoice(company)
        with translation.override("fr"):
            todos = todo.for_company(accountant, company, {"accountant"}, AT)
        assert [(row.title, row.tone) for row in todos] == [
            ("1 paiement a échoué", "danger"),
            ("1 facture à payer", "info"),
        ]
        assert todo.for_company(accountant, company, {"buyer"}, AT) == []

    def test_tells_staff_what_is_overdue(self, company):
        invoice(company)
        with translation.override("fr"):
            (row,) = todo.for_staff(staff(), AT.replace(month=6))
        assert row.title == "1 facture en retard"
