"""The pages of employee pools: what an employee sees and pays, what the employer does not see, and the pick-up."""

import io
import json
import re
import zipfile

import pytest
from django.urls import reverse

from benefit_card.services.personal_data import export
from companies.models import Role
from companies.services import tokens
from purchasing.models import EmployeePool, EmployeePurchase
from purchasing.services import employee_goods
from purchasing.services.employee_pool import Subsidy
from tests.factories.companies import CompanyFactory, UserFactory, member
from tests.purchasing.employees.world import CLOSES, NOW, PERCENT, EmployeeWorld

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]


@pytest.fixture
def w(double):
    return EmployeeWorld(double, subsidy=PERCENT)


def signed_in(client, user, language="en"):
    user.language = language
    user.save()
    client.force_login(user)
    client.cookies["language"] = language
    return client


def page(client, name, *args, **data):
    answer = client.get(reverse(f"purchasing:{name}", args=args), data)
    assert answer.status_code == 200, answer
    return re.sub(r"\s+", " ", answer.content.decode().replace("\xa0", " ").replace("\u202f", " "))


class TestAnEmployee:
    def test_sees_the_cost_joins_pays_and_leaves(self, w, client, double):
        signed_in(client, w.people[0].user)
        assert "Granulés de bois" in page(client, "my_pools")
        url = reverse("purchasing:my_pool", args=[w.pool.pk])
        name = f"quantity{w.article.pk}"
        answer = client.post(url, {name: "2", "action": "preview"}).content.decode()
        assert "165.00" in answer and not EmployeePurchase.objects.exists()
        answer = client.post(url, {name: "2", "action": "commit"})
        assert answer.status_code == 302 and answer.headers["Location"].startswith(double.url)
        double.pays(answer.headers["Location"])
        answer = client.get(reverse("purchasing:my_pool_paid", args=[w.pool.pk]), follow=True)
        assert "Reserved on your card" in answer.content.decode()
        assert "At the price of today" in answer.content.decode()
        client.post(reverse("purchasing:my_pool_withdraw", args=[w.pool.pk]))
        assert EmployeePurchase.objects.get().state == "withdrawn"

    def test_loses_nothing_typed_when_refused(self, w, client):
        signed_in(client, w.people[0].user)
        url = reverse("purchasing:my_pool", args=[w.pool.pk])
        for typed, said in (("1e9", "1e9"), ("0", "Say how many"), ("99999999", "At most")):
            answer = client.post(url, {f"quantity{w.article.pk}": typed, "action": "commit"})
            assert answer.status_code == 200
            assert typed in answer.content.decode() and said in answer.content.decode()

    def test_sees_nothing_of_pools_for_others_and_of_others_purchases(self, w, client):
        EmployeePool.objects.update(audience="chosen")
        w.commit(w.people[1], 3)
        signed_in(client, UserFactory())
        assert client.get(reverse("purchasing:my_pools")).status_code == 404
        signed_in(client, w.people[0].user)
        assert str(w.people[1]) not in page(client, "my_pool", w.pool.pk)

    def test_costs_a_constant_number_of_queries(self, w, client, django_assert_max_num_queries):
        signed_in(client, w.people[0].user)
        page(client, "my_pools")
        with django_assert_max_num_queries(24):
            page(client, "my_pools")

    def test_finds_the_payment_in_the_export_of_ones_data(self, w, client):
        w.join(w.people[0], 2)
        rows = json.loads(zipfile.ZipFile(io.BytesIO(export(w.people[0].user, at=NOW))).read("data.json"))["payments"]
        assert [(row["what"], row["price"], row["company_part"]) for row in rows] == [
            ("Granulés de bois", "180.00", "15.00")
        ]


class TestTheEmployer:
    def test_never_reads_who_chose_what_nor_how_few_take_part(self, w, client):
        w.join(w.people[0], 2)
        w.join(w.people[1], 3)
        signed_in(client, w.hr)
        shown = page(client, "company_employee_pool", w.company.pk, w.pool.pk)
        assert "Fewer than 10 of your people" in shown and "promised" not in shown
        w.lock()
        w.order()
        w.arrive(5)
        shown = page(client, "company_employee_pool", w.company.pk, w.pool.pk)
        listed = shown[shown.index("todo--info") : shown.index("</ul>", shown.index("todo--info"))]
        assert str(w.people[0]) in listed and "×" not in listed and "Palette" not in listed

    def test_says_what_it_adds_and_is_told_what_is_wrong(self, w, client):
        signed_in(client, w.hr)
        url = reverse("purchasing:company_employee_pool", args=[w.company.pk, w.pool.pk])
        answer = client.post(url, {"kind": "amount", "amount": "-3", "where": "Accueil"})
        assert answer.status_code == 200 and "Accueil" in answer.content.decode()
        assert client.post(url, {"kind": "amount", "amount": "12,50", "where": "Accueil"}).status_code == 302
        place = w.pool.places.get()
        assert (place.kind, place.amount_cents, place.where) == ("amount", 1_250, "Accueil")


class TestThePickUp:
    def test_is_by_code_once_and_a_code_typed_wrong_is_said(self, w, client):
        rows = [w.join(w.people[0], 2), w.join(w.people[1], 3)]
        w.lock()
        w.order()
        w.arrive(5)
        signed_in(client, w.people[0].user)
        code = employee_goods.code_for(rows[0])
        assert code in page(client, "my_pool_code", w.pool.pk)
        signed_in(client, w.hr)
        typed = reverse("purchasing:employee_code", args=[w.company.pk, w.pool.pk])
        answer = client.post(typed, {"code": "12-nothing"}, follow=True)
        assert "This code is of no parcel here." in answer.content.decode()
        answer = client.post(typed, {"code": f" {code.upper()} "})
        url = answer.headers["Location"]
        line = rows[0].lines.get()
        answer = client.post(url, {f"refused{line.pk}": "1", "reason": ""})
        assert "Write what is wrong" in answer.content.decode()
        client.post(url, {f"refused{line.pk}": "1", "reason": "Mouillé"})
        assert "it has been handed over before" in client.post(url, follow=True).content.decode()
        line.refresh_from_db()
        assert (line.handed, line.refused) == (1, 1)

    def test_is_found_by_the_companys_own_camera_or_by_typing(self, w, client):
        """case: own scanner; the page loads the till's reader, allows the camera, and takes the typed code as well."""
        row = w.join(w.people[0], 2)
        w.lock()
        w.order()
        w.arrive(2)
        signed_in(client, w.hr)
        url = reverse("purchasing:employee_scan", args=[w.company.pk])
        answer = client.get(url)
        assert answer.headers["Permissions-Policy"] == "camera=(self)"
        assert "benefit_card/scanner" in answer.content.decode() and "employee-scan" in answer.content.decode()
        wrong = client.post(url, {"code": "12-nothing"})
        assert "This code is of no parcel here." in wrong.content.decode() and "12-nothing" in wrong.content.decode()
        code = employee_goods.code_for(row)
        assert client.post(url, {"code": code.upper()}).headers["Location"] == employee_goods.path_of(code)
        elsewhere = member(CompanyFactory(), Role.HR)
        signed_in(client, elsewhere)
        other = reverse("purchasing:employee_scan", args=[elsewhere.memberships.get().company_id])
        assert "of no parcel here" in client.post(other, {"code": code}).content.decode()


class TestTheRunner:
    def test_writes_opens_and_orders_on_pages(self, double, client):
        w = EmployeeWorld(double)
        hr = member(w.company, Role.HR)
        signed_in(client, hr)
        frame = {"title": "Vélos", "closes_at": CLOSES.strftime("%Y-%m-%dT%H:%M"), "description": ""}
        answer = client.post(reverse("purchasing:company_employee_pool_new", args=[w.company.pk]), frame)
        pool = EmployeePool.objects.get(title="Vélos")
        assert answer.status_code == 302 and pool.company == w.company
        bad = {"name": "Vélo", "vat_bp": "2000", "from0": "1", "price0": "500,00", "from1": "5"}
        answer = client.post(answer.headers["Location"], bad)
        assert "Give both the quantity and the price" in answer.content.decode()
        assert "500,00" in answer.content.decode()
        url = reverse("purchasing:employee_article_new", args=[pool.pk])
        assert client.post(url, bad | {"price1": "450"}).status_code == 302
        client.post(reverse("purchasing:employee_pool_act", args=[pool.pk, "publish"]))
        pool.refresh_from_db()
        assert (pool.state, pool.articles.get().tiers.count()) == ("open", 2)
        assert "Vélos" in page(client, "company_employee_pools", w.company.pk)
        page(client, "employee_pool", pool.pk)

    def test_is_told_what_waits_at_home(self, w, client):
        w.join(w.people[0], 2)
        w.lock()
        signed_in(client, w.staff)
        session = client.session
        session["demo_second_factor"] = True
        session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": 0}]
        session.save()
        answer = client.get(reverse("home_staff"))
        assert "Send the order: Granulés de bois" in answer.content.decode()
        w.order()
        w.arrive(2)
        signed_in(client, w.hr)
        assert "Hand out: Granulés de bois" in client.get(reverse("home_company", args=[w.company.pk])).content.decode()


def test_the_amount_of_a_company_is_offered_in_the_readers_language(double, client):
    w = EmployeeWorld(double, subsidy=Subsidy("amount", 0, 1_000))
    signed_in(client, w.people[0].user, "fr")
    shown = page(client, "my_pool", w.pool.pk)
    assert "participe à vos achats" in shown and "10,00 €" in shown


class TestTheApi:
    def test_lets_a_companys_program_count_and_hand_over_once(self, w, client):
        """Counted by number, collected by code, each once; a token needs the scope, and the code is of this company."""
        row = w.join(w.people[0], 2)
        w.lock()
        w.order()
        scopes = ["employee-pools:write"]
        admin = member(w.company, Role.HR, Role.ADMIN)
        _token, secret = tokens.create(company=w.company, name="Stock", scopes=scopes, actor=admin, at=NOW)
        bearer = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}

        def call(name, body=None, **args):
            url = reverse(f"purchasing_api:{name}", kwargs={"company": w.company.pk, **args})
            if body is None:
                return client.get(url, **bearer)
            return client.post(url, body, content_type="application/json", **bearer)

        listed = call("company_employee_pools").json()["results"]
        assert [item["title"] for item in listed] == ["Granulés de bois"]
        one = call("company_employee_pool", pk=w.pool.pk).json()
        article = str(w.article.pk)
        assert (one["to_count"], one["next_number"], one["waiting"]) == ({article: 2}, 1, [])
        count = {"number": 1, "counts": {article: 2}}
        made = [call("employee_arrivals", count, pk=w.pool.pk).json() for _twice in range(2)]
        assert [item["counted"] for item in made] == [True, False] and made[1]["to_count"] == {}
        assert call("employee_arrivals", pk=w.pool.pk).json()["results"][0]["quantity"] == 2
        assert call("company_employee_pool", pk=w.pool.pk).json()["waiting"] == [{"person": str(w.people[0])}]
        code = {"code": employee_goods.code_for(row)}
        seen = call("employee_pick_up_look", code).json()
        assert [(line["article"], line["waiting"]) for line in seen["lines"]] == [("Palette", 2)]
        assert [call("employee_pick_ups", code).json()["units"] for _twice in range(2)] == [2, 0]
        assert call("employee_pick_ups", {"code": "1-aaaaaaaaaaaa"}).status_code == 404
        foreign = reverse("purchasing_api:employee_pick_ups", kwargs={"company": CompanyFactory().pk})
        assert client.post(foreign, code, content_type="application/json", **bearer).status_code == 404
        tokens.ApiToken.objects.update(scopes=["employee-pools"])
        assert call("employee_pick_ups", code).status_code == 403
        assert call("company_employee_pools").status_code == 200

    def test_lets_an_employee_join_and_leave_once(self, w, client, double):
        signed_in(client, w.people[0].user)
        base = reverse("purchasing_api:my_pools")
        assert [row["title"] for row in client.get(base).json()["results"]] == ["Granulés de bois"]
        one = f"{base}{w.pool.pk}/"
        body = {"quantities": {str(w.article.pk): 2}}
        made = client.post(f"{one}commitment/", body, content_type="application/json")
        assert made.status_code == 201
        assert (made.json()["purchase"]["own"], made.json()["purchase"]["company_adds"]) == ("165.00", "15.00")
        double.pays(made.json()["payment_url"])
        again = client.post(f"{one}commitment/", body, content_type="application/json").json()
        assert (again["purchase"]["payment"], again["payment_url"]) == ("authorised", "")
        assert client.get(one).json()["articles"][0]["taken"] == 2
        assert client.delete(f"{one}commitment/").status_code == 204
        assert client.get(one).json()["purchase"]["state"] == "withdrawn"
        wrong = client.post(f"{one}commitment/", {"quantities": {"0": 1}}, content_type="application/json")
        assert (wrong.status_code, wrong.json()["code"]) == (400, "nothing_wanted")
