"""Employee pools run over REST: written, opened, subsidised, ordered, answered for the supplier; told to companies' programs."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from companies.models import AuditEntry, Role
from companies.services import tokens
from purchasing.models import EmployeePool
from purchasing.services import employee_goods as goods
from tests.factories.companies import CompanyFactory, member
from tests.factories.purchasing import SupplierFactory
from tests.purchasing.employees.world import EmployeeWorld

pytestmark = pytest.mark.django_db


def url(name, **where):
    return reverse(f"purchasing_api:{name}", kwargs=where)


def send(client, method, where, body=None, **more):
    return getattr(client, method)(where, body or {}, content_type="application/json", **more)


class TestAProgramOfACompany:
    def test_opens_a_pool_for_its_own_people_and_adds_to_it(self, client):
        here, there = CompanyFactory(), CompanyFactory()
        hr = member(here, Role.ADMIN, Role.HR)
        there.memberships.create(user=hr, role=Role.HR, granted_at=timezone.now())
        _row, secret = tokens.create(
            company=here, name="SIRH", scopes=["employee-pools:write"], actor=hr, at=timezone.now()
        )
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
        frame = {"title": "Vélos", "closes_at": (timezone.now() + timedelta(days=9)).isoformat()}
        mine = url("company_employee_pools", company=here.pk)
        made = send(client, "post", mine, frame, **bearer)
        assert made.status_code == 201, made.content
        pk = made.json()["pool"]["id"]
        assert EmployeePool.objects.get().company == here
        assert send(client, "post", url("company_employee_pools", company=there.pk), frame, **bearer).status_code == 404
        assert send(client, "post", url("employee_pools"), frame, **bearer).status_code == 403
        early = send(client, "post", url("employee_pool_act", pk=pk, action="open"), **bearer)
        assert (early.status_code, early.json()["code"]) == (409, "employee_pool_incomplete")
        article = {"name": "Vélo", "tiers": [{"from_quantity": 2, "unit_price": "900.00"}]}
        wrong = {**article, "tiers": [*article["tiers"], {"from_quantity": 5, "unit_price": "950.00"}]}
        refused = send(client, "post", url("employee_articles", pk=pk), wrong, **bearer)
        assert (refused.status_code, refused.json()["code"]) == (400, "employee_tiers_invalid")
        put = send(client, "post", url("employee_articles", pk=pk), article, **bearer).json()["articles"][0]["id"]
        changed = send(
            client, "put", url("employee_article", pk=pk, article=put), {**article, "name": "Vélo cargo"}, **bearer
        )
        assert changed.json()["articles"][0]["name"] == "Vélo cargo"
        renamed = send(client, "put", url("employee_pool", pk=pk), {**frame, "title": "Vélos cargo"}, **bearer)
        assert renamed.json()["pool"]["title"] == "Vélos cargo"
        adds = {"kind": "percent", "percent_bp": 1_000, "most_per_person": "150.00", "most_in_all": "900.00"}
        where = url("company_employee_pool_subsidy", company=here.pk, pk=pk)
        assert send(client, "put", where, adds, **bearer).json()["most_in_all"] == "900.00"
        assert client.get(where, **bearer).json() == adds | {"amount": "0.00", "where": ""}
        opened = send(client, "post", url("employee_pool_act", pk=pk, action="open"), **bearer)
        assert opened.json()["pool"]["state"] == "open"
        late = client.delete(url("employee_article", pk=pk, article=put), **bearer)
        assert (late.status_code, late.json()["code"]) == (409, "employee_pool_opened")
        assert [row["id"] for row in client.get(url("employee_pools"), **bearer).json()["results"]] == [pk]
        ended = send(client, "post", url("employee_pool_act", pk=pk, action="cancel"), {"reason": "Salon"}, **bearer)
        assert ended.json()["pool"]["state"] == "cancelled"


class TestTheAssociation:
    def test_orders_records_the_suppliers_change_and_decides_it(self, client, double):
        """The answer of the supplier, as ordered or with a change, is the same body as for an order of companies."""
        w = EmployeeWorld(double, frame={"supplier": SupplierFactory()}, people=2, subsidy=None)
        w.join(w.people[0], 2)
        w.join(w.people[1], 3)
        w.lock()
        client.force_login(w.staff)
        sent = send(client, "post", url("employee_pool_act", pk=w.pool.pk, action="send-order"))
        assert sent.json()["pool"]["state"] == "ordered" and sent.json()["order_number"]
        where = url("employee_order", pk=w.pool.pk)
        (line,) = client.get(where).json()["lines"]
        assert (line["quantity"], line["unit_price"], client.get(where).json()["state"]) == (5, "66.6667", "sent")
        change = {"changes": [{"line": line["id"], "quantity": 4, "unit_price": line["unit_price"]}], "note": "Rupture"}
        more = {"changes": [{**change["changes"][0], "quantity": 6}]}
        refused = send(client, "post", url("employee_order_answer", pk=w.pool.pk), more)
        assert (refused.status_code, refused.json()["code"]) == (400, "order_change_invalid")
        told = send(client, "post", url("employee_order_answer", pk=w.pool.pk), change).json()
        assert (told["state"], told["answers"][0]["changes"][0]["quantity"]) == ("changed", 4)
        asked = send(client, "post", url("employee_order_decide", pk=w.pool.pk), {"accepted": False})
        assert (asked.status_code, asked.json()["code"]) == (400, "reason_missing")
        done = send(client, "post", url("employee_order_decide", pk=w.pool.pk), {"accepted": True}).json()
        assert (done["state"], done["lines"][0]["quantity"]) == ("accepted", 4)
        assert client.get(url("employee_refunds", pk=w.pool.pk)).json() == []
        w.arrive(3)
        gone = {"article": line["article"], "company": w.company.pk}
        assert send(client, "post", url("employee_rest", pk=w.pool.pk), gone).status_code == 200
        assert send(client, "post", url("employee_rest", pk=w.pool.pk), gone).status_code < 500  # twice changes nothing
        assert not goods.to_come(w.pool, w.company).get(line["article"])
        w.hand_over(w.pool.purchases.get(person=w.people[0]), refused=1)
        (back,) = client.get(url("employee_refunds", pk=w.pool.pk)).json()
        verdict = {"granted": False, "reason": "Intact"}
        said = send(client, "post", url("employee_refund", pk=w.pool.pk, refund=back["id"]), verdict).json()
        assert (back["units"], said["state"]) == (1, "declined")

    def test_tells_the_programs_of_companies_that_take_part(self, double):
        """A company that adds something hears of opening, lock and order; nothing says who of its people joined."""
        w = EmployeeWorld(double, people=1)
        w.pool.places.get_or_create(pool=w.pool, company=w.company)
        w.join(w.people[0], 2)
        w.lock()
        w.order()
        told = AuditEntry.objects.filter(target_type="purchasing.companyemployeepool").order_by("pk")
        assert list(told.values_list("action", "company", "data")) == [
            (f"companyemployeepool.{event}", w.company.pk, {}) for event in ("locked", "ordered")
        ]
