"""What a program keeps over REST: suppliers, articles, price lists, budgets, needs that come back."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from companies.models import AuditEntry, Role
from companies.services import tokens
from purchasing.api.keeping import BudgetOut
from purchasing.models import Article, Budget, Price, PurchaseOrder, RecurringNeed, Supplier
from purchasing.services import budget as budgets
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import (
    ArticleFactory,
    RequestFactory,
    RequestLineFactory,
    SupplierFactory,
)
from tests.purchasing.back import Delivered

pytestmark = pytest.mark.django_db


def url(name, **args):
    return reverse(f"purchasing_api:{name}", kwargs=args)


def send(client, method, where, data=None):
    return getattr(client, method)(where, data or {}, content_type="application/json")


class TestTheCatalogue:
    def test_is_kept_by_staff(self, client):
        client.force_login(staff())
        made = send(client, "post", url("articles"), {
            "reference": "G-12", "name": "Gants", "category": "protection", "unit": "pair", "pack": 12, "vat_bp": 2000,
            "ref_price": "3.4917",
        })  # fmt: skip
        assert (made.status_code, made.json()["ref_price"]) == (201, "3.4917")
        again = send(client, "post", url("articles"), {"reference": "G-12", "name": "Autres", "category": "office"})
        assert (again.status_code, again.json()["code"]) == (400, "reference_taken")
        one = url("article", pk=made.json()["id"])
        body = {"reference": "G-12", "name": "Gants fins", "category": "protection", "unit": "pair", "pack": 10}
        assert send(client, "put", one, body).json()["pack"] == 10
        assert client.get(one).json()["name"] == "Gants fins" and Article.objects.count() == 1
        assert AuditEntry.objects.get(action="article.changed").data["pack"] == "12"

    def test_holds_suppliers_with_their_contact(self, client):
        client.force_login(staff())
        body = {
            "name": "Drôme Protection", "category": "protection", "city": "Valence", "minimum": "250.00",
            "franco": "500.00", "contact_name": "Léa Roux", "contact_email": "devis@example.org",
        }  # fmt: skip
        made = send(client, "post", url("suppliers"), body)
        assert (made.status_code, made.json()["franco"]) == (201, "500.00")
        changed = send(client, "put", url("supplier", pk=made.json()["id"]), {**body, "minimum": "300.00"})
        assert (changed.status_code, changed.json()["minimum"]) == (200, "300.00")
        row = Supplier.objects.get(name="Drôme Protection")
        assert row.contacts.get().email == "devis@example.org"
        assert send(client, "post", url("suppliers"), {"name": "Sans contact"}).status_code == 400

    def test_is_read_only_for_companies_and_narrowed_by_word_and_category(self, client):
        client.force_login(member(CompanyFactory(), Role.BUYER))
        gloves = ArticleFactory(name="Gants nitrile", category="protection")
        ArticleFactory(name="Gants de cuisine", category="office")
        ArticleFactory(name="Gants retirés", category="protection", active=False)
        maker = SupplierFactory(name="Gants et Cie", category="protection")
        SupplierFactory(name="Autre", category="protection")
        SupplierFactory(name="Gants d’avant", category="protection", active=False)
        for name, wanted in (("articles", gloves.pk), ("suppliers", maker.pk)):
            found = client.get(url(name), {"q": "gants", "category": "protection"}).json()["results"]
            assert [row["id"] for row in found] == [wanted]
            assert send(client, "post", url(name)).status_code == 403
        assert send(client, "put", url("article", pk=gloves.pk)).status_code == 403
        assert send(client, "put", url("supplier", pk=maker.pk)).status_code == 403
        at = timezone.now()
        Price.objects.create(
            supplier=maker,
            article=gloves,
            price_e4=40_000,
            valid_from="2026-01-01",
            ended_on="2026-03-01",
            created_at=at,
        )
        Price.objects.create(supplier=maker, article=gloves, price_e4=42_000, valid_from="2026-03-01", created_at=at)
        prices = url("article_prices", pk=gloves.pk)
        assert [row["price"] for row in client.get(prices).json()["results"]] == ["4.2000", "4.0000"]
        assert [row["price"] for row in client.get(prices, {"current": 1}).json()["results"]] == ["4.2000"]


class TestBudgets:
    def test_are_set_read_and_removed(self, client):
        company = CompanyFactory()
        client.force_login(member(company, Role.ACCOUNTANT))
        where = url("budgets", company=company.pk)
        body = {"year": 2026, "cost_centre": " atelier ", "amount": "5000.00"}
        made = send(client, "post", where, body)
        assert (made.status_code, made.json()["cost_centre"], made.json()["left"]) == (201, "ATELIER", "5000.00")
        assert send(client, "post", where, {**body, "amount": "6000.00"}).json()["id"] == made.json()["id"]
        assert [row["amount"] for row in client.get(where, {"year": 2026}).json()] == ["6000.00"]
        last_year = send(client, "post", where, {**body, "year": 2024, "name": "Vieux"}).json()
        assert [row["name"] for row in client.get(where, {"year": 2024}).json()] == ["Vieux"]
        assert [row["amount"] for row in client.get(where, {"year": 2026}).json()] == ["6000.00"]
        foreign = Budget.objects.create(company=CompanyFactory(), year=2026, cost_centre="ATELIER", amount_cents=100)
        assert client.delete(url("budget", company=company.pk, pk=foreign.pk)).status_code == 404
        assert client.delete(url("budget", company=company.pk, pk=made.json()["id"])).status_code == 204
        assert set(Budget.objects.values_list("pk", flat=True)) == {last_year["id"], foreign.pk}
        assert send(client, "post", where, {**body, "amount": "-1"}).status_code == 400

    def test_say_what_counts_against_them(self):
        """Needs that wait, firm words and what was billed, each under its own name."""
        row = Budget(pk=1, year=2026, cost_centre="ATELIER", amount_cents=10_000)
        told = BudgetOut(budgets.BudgetUse(row, 1_000, 200, 30)).data
        assert [told[name] for name in ("amount", "reserved", "committed", "spent")] == [
            "100.00",
            "10.00",
            "2.00",
            "0.30",
        ]
        assert told["left"] == "88.00"

    def test_and_needs_are_kept_by_a_program_for_its_own_company_alone(self, client):
        """A token acts for one company, even when its maker has a role in two."""
        here, there = CompanyFactory(), CompanyFactory()
        user = member(here, Role.ADMIN, Role.BUYER, Role.ACCOUNTANT)
        for role in (Role.BUYER, Role.ACCOUNTANT):
            there.memberships.create(user=user, role=role, granted_at=timezone.now())
        _row, secret = tokens.create(company=here, name="ERP", scopes=["requests:write"], actor=user, at=timezone.now())
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
        for name in ("requests", "budgets", "recurring_needs", "company_orders"):
            status = 200 if name != "company_orders" else 403  # that needs the scope of orders
            assert client.get(url(name, company=here.pk), **bearer).status_code == status
            assert client.get(url(name, company=there.pk), **bearer).status_code in (403, 404)
        assert client.get(url("budgets", company=there.pk), **bearer).status_code == 404
        tokens.ApiToken.objects.update(scopes=["requests"])
        body = {"year": 2026, "cost_centre": "A", "amount": "1.00"}
        where = url("budgets", company=here.pk)
        assert client.post(where, body, content_type="application/json", **bearer).status_code == 403


class TestNeedsThatComeBack:
    def test_begin_and_end(self, client):
        company = CompanyFactory()
        buyer = member(company, Role.BUYER)
        pattern = RequestFactory(company=company, requester=buyer)
        RequestLineFactory(request=pattern)
        client.force_login(buyer)
        where = url("recurring_needs", company=company.pk)
        today = timezone.localdate()
        body = {"pattern": pattern.pk, "every": "month", "starts_on": str(today + timedelta(days=3))}
        made = send(client, "post", where, body)
        assert (made.status_code, made.json()["next_on"]) == (201, body["starts_on"])
        past = send(client, "post", where, {**body, "starts_on": str(today - timedelta(days=3))})
        assert (past.status_code, past.json()["code"]) == (400, "starts_past")
        foreign = RequestFactory(company=CompanyFactory())
        assert send(client, "post", where, {**body, "pattern": foreign.pk}).status_code == 404
        theirs = RecurringNeed.objects.create(
            company=foreign.company, pattern=foreign, every="month", starts_on=today, next_on=today,
            requester=foreign.requester, created_at=timezone.now(),
        )  # fmt: skip
        assert client.delete(url("recurring_need", company=company.pk, pk=theirs.pk)).status_code == 404
        theirs.delete()
        assert client.delete(url("recurring_need", company=company.pk, pk=made.json()["id"])).status_code == 204
        assert RecurringNeed.objects.get().ended_at is not None
        assert len(client.get(where).json()["results"]) == 1


class TestTheOrdersOfACompany:
    def test_tell_its_own_part_and_what_of_it_has_arrived(self, client, django_assert_max_num_queries):
        """A member's ERP reads orders and receipts: case 30 of 36 arrive → 9, 6, 12, 3; nobody reads another's (I13)."""
        goods = Delivered()
        goods.receive(30)
        told = {}
        for letter in "ABCD":
            company = goods.w.companies[letter]
            client.force_login(goods.w.buyers[letter])
            with django_assert_max_num_queries(16):
                (row,) = client.get(url("company_orders", company=company.pk)).json()["results"]
            (line,) = row["lines"]
            told[letter] = (line["quantity"], line["received"], line["net"])
            assert (row["number"], line["unit_price"]) == (goods.order.number, "3.4917")
            assert "36" not in str(line["quantity"]) and "goods" not in row
        assert told == {"A": (11, 9, "38.41"), "B": (7, 6, "24.44"), "C": (14, 12, "48.88"), "D": (4, 3, "13.97")}
        one = url("company_order", company=goods.w.companies["D"].pk, pk=goods.order.pk)
        assert client.get(one).json()["lines"][0]["quantity"] == 4
        assert client.get(url("company_orders", company=goods.w.companies["D"].pk), {"pool": 0}).json()["results"] == []

    def test_are_nobody_elses(self, client):
        goods, outsider = Delivered(), CompanyFactory()
        client.force_login(member(outsider, Role.BUYER))
        assert client.get(url("company_orders", company=outsider.pk)).json()["results"] == []
        assert client.get(url("company_order", company=outsider.pk, pk=goods.order.pk)).status_code == 404
        assert client.get(url("company_orders", company=goods.w.companies["A"].pk)).status_code == 404
        PurchaseOrder.objects.update(state="cancelled", sent_at=None)  # never sent
        client.force_login(goods.w.buyers["A"])
        assert client.get(url("company_orders", company=goods.w.companies["A"].pk)).json()["results"] == []
