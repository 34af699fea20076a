"""What a program keeps over REST: suppliers, articles, price lists, budgets, needs that come back."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from companies.models import AuditEntry, Role
from purchasing.models import Article, Budget, RecurringNeed, Supplier
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import RequestFactory, RequestLineFactory

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

    def test_is_read_only_for_companies(self, client):
        client.force_login(member(CompanyFactory(), Role.BUYER))
        assert client.get(url("suppliers")).status_code == 200
        assert send(client, "post", url("suppliers")).status_code == 403


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
        assert client.delete(url("budget", company=company.pk, pk=made.json()["id"])).status_code == 204
        assert not Budget.objects.exists()
        assert send(client, "post", where, {**body, "amount": "-1"}).status_code == 400


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
        assert client.delete(url("recurring_need", company=company.pk, pk=made.json()["id"])).status_code == 204
        assert RecurringNeed.objects.get().ended_at is not None
        assert len(client.get(where).json()["results"]) == 1
