"""Framework agreements in the browser and over REST."""

import re

import pytest
from django.urls import reverse

from companies.models import Role
from purchasing import links, savings, todo
from purchasing.models import Article, CallOff, FrameworkAgreement, PurchaseOrder
from purchasing.rules.framework import RebateTier
from purchasing.services import framework, framework_rebate, framework_use, order
from purchasing.services.order import ORDER_SALT
from tests.factories.companies import member, staff
from tests.factories.purchasing import SupplierFactory
from tests.purchasing.back import world
from tests.purchasing.framed import AT, SIGNED, YEAR_OVER, frame

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(time_machine):
    time_machine.move_to(AT, tick=False)


def url(name, *args):
    return reverse(f"purchasing:{name}", args=args)


class TestStaff:
    def test_write_an_agreement_down_and_sign_it(self, client, now):
        person, supplier = staff(), SupplierFactory()
        client.force_login(person)
        assert client.get(url("framework_list")).status_code == 200
        head = {"title": "Papier", "supplier": supplier.pk, "starts_on": "2026-01-01", "ends_on": "2026-12-31",
                "alert_days": 60, "email": "a@b.example", "lead_days": 5, "legal_model": "resale", "fee_bp": 0,
                "most_cents": "10 000,00"}  # fmt: skip
        wrong = client.post(url("framework_new"), head | {"ends_on": "2025-12-31"})
        assert "Papier" in wrong.text and wrong.status_code == 200
        client.post(url("framework_new"), head)
        row = FrameworkAgreement.objects.get()
        terms = {"text": "Ramette", "pack": "5", "vat_bp": "2000", "from0": "1", "price0": "4,20", "from1": "100",
                 "price1": "3,60", "most": "1000"}  # fmt: skip
        assert client.post(url("framework_article_new", row.pk), terms | {"price1": "5"}).status_code == 200
        client.post(url("framework_article_new", row.pk), terms)
        article = row.articles.get()
        client.post(url("framework_rebate_tiers", row.pk),
                    {"basis": "value", "mode": "slices", "start0": "0", "rate0": "2", "start1": "5 000", "rate1": "3,5"})  # fmt: skip
        company = frame().company("A")
        client.post(url("framework_quota", row.pk, article.pk), {"company": company.pk, "quantity": "200"})
        client.post(url("framework_act", row.pk, "sign"))
        row.refresh_from_db()
        assert (row.state, row.most_cents, article.quotas.get().quantity) == ("active", 1_000_000, 200)
        assert list(row.rebate_tiers.values_list("start", "rate_bp")) == [(0, 200), (500_000, 350)]
        page = client.get(url("framework", row.pk)).text
        assert "Ramette" in page and company.name in page
        revise = {"valid_from": "2026-06-01", "reason": "Indice", "from0": "1", "price0": "4,50"}
        client.post(url("framework_article", row.pk, article.pk), revise)
        assert article.prices.filter(valid_from="2026-06-01").get().unit_price_e4 == 45_000

    def test_make_one_of_an_award(self, client):
        w = world()
        client.force_login(w.staff)
        award = w.pool.tenders.get().awards.get()
        assert (
            url("framework_from_award", w.pool.pk, award.pk, w.supplier.pk)
            in client.get(url("comparison", w.pool.pk)).text
        )
        answer = client.post(url("framework_from_award", w.pool.pk, award.pk, w.supplier.pk))
        assert answer.url == url("framework", FrameworkAgreement.objects.get().pk)

    def test_are_told_of_what_ends_and_what_is_owed(self):
        f = frame(ends_on=AT.date(), most_cents=2_000)
        f.draw("A", 10)
        titles = [str(row.title) for row in todo.for_staff(f.staff, AT)]
        assert sum("Papier A4" in title for title in titles) == 2
        assert any(
            "Papier A4" in str(row.title) for row in todo.for_company(f.buyers["A"], f.companies["A"], {"buyer"}, AT)
        )
        g = frame(sign=False, title="Encre")
        tiers = [RebateTier(0, 200)]
        framework.set_rebate(actor=g.staff, agreement=g.agreement, basis="value", mode="whole", tiers=tiers, at=SIGNED)
        g.agreement = framework.sign(actor=g.staff, agreement=g.agreement, at=SIGNED)
        g.bought("A", 10)
        assert any("Encre" in str(row.title) for row in todo.for_staff(g.staff, YEAR_OVER))

    def test_compute_credit_and_export_a_rebate(self, client, time_machine):
        f = frame(sign=False)
        tiers = [RebateTier(0, 200)]
        framework.set_rebate(actor=f.staff, agreement=f.agreement, basis="value", mode="whole", tiers=tiers, at=SIGNED)
        f.agreement = framework.sign(actor=f.staff, agreement=f.agreement, at=SIGNED)
        f.bought("A", 99)
        time_machine.move_to(YEAR_OVER, tick=False)
        client.force_login(f.staff)
        client.post(url("rebate_compute", f.agreement.pk), {"year": "2026", "agreed": "5,00", "reason": "Avoir 12"})
        rebate = f.agreement.rebates.get()
        assert "Avoir 12" in client.get(url("rebate", rebate.pk)).text
        client.post(url("rebate_act", rebate.pk, "issue"))
        rebate.refresh_from_db()
        assert (rebate.state, rebate.amount_cents) == ("issued", 500)
        assert "5,00" in client.get(url("rebate_csv", rebate.pk)).content.decode()
        client.force_login(f.buyers["A"])
        proof = client.get(url("rebate_proof", f.companies["A"].pk, rebate.pk)).text
        assert rebate.shares.get().notes.get().number in proof
        other = frame()
        other.company("B")
        client.force_login(other.buyers["B"])
        assert client.get(url("rebate_proof", other.companies["B"].pk, rebate.pk)).status_code == 404


class TestABuyer:
    def test_calls_off_and_sees_it_go_on(self, client, now):
        f = frame(most=200)
        company = f.company("A")
        f.quota("A", 50)
        client.force_login(f.buyers["A"])
        assert "Papier A4" in client.get(url("company_frameworks", company.pk)).text
        page = url("company_framework", company.pk, f.agreement.pk)
        field = f"quantity{f.article.pk}"
        refused = client.post(page, {field: "51", "notes": "vite"})
        assert refused.status_code == 200 and "vite" in refused.text and not CallOff.objects.exists()
        client.post(page, {field: "20"})
        row = CallOff.objects.get()
        assert row.order.state == "to_sign"
        detail = client.get(url("call_off", company.pk, row.pk)).text
        assert row.order.number in detail
        assert "30" in client.get(page).text
        assert client.get(url("request", company.pk, row.request_id)).status_code == 200

    def test_does_not_see_figures_that_give_another_company_away(self, client, now):
        """I13."""
        f = frame(most=987)
        f.draw("A", 123)
        company = f.company("B")
        client.force_login(f.buyers["B"])
        text = client.get(url("company_framework", company.pk, f.agreement.pk)).text
        assert (
            re.findall(r"(?<!\w)(?:864|123|987)(?!\w)", text) == []
        )  # as a word: a token of the form may hold any digits
        data = client.get(f"/api/v1/companies/{company.pk}/framework-agreements/{f.agreement.pk}/").json()
        assert data["articles"][0]["left"] is None

    def test_corrects_what_an_approver_returned(self, client, now):
        from purchasing.services import request

        f = frame()
        company = f.company("A", limit=0)
        row = f.draw("A", 10)
        approver = member(company, Role.APPROVER)
        request.decide(actor=approver, request=row.request, verdict="returned", reason="Moins", at=AT)
        client.force_login(f.buyers["A"])
        page = url("call_off", company.pk, row.pk)
        assert client.get(url("request_edit", company.pk, row.request_id)).url == page
        assert 'value="10"' in client.get(page).text
        client.post(page, {f"quantity{f.article.pk}": "4"})
        row.refresh_from_db()
        assert (row.request.state, row.lines.get().quantity) == ("submitted", 4)

    def test_lists_take_a_constant_number_of_queries(self, client, now, django_assert_max_num_queries):
        f = frame()
        company = f.company("A")
        for _n in range(3):
            f.draw("A", 1)
        client.force_login(f.buyers["A"])
        with django_assert_max_num_queries(32):
            client.get(url("company_frameworks", company.pk))
        client.force_login(f.staff)
        with django_assert_max_num_queries(32):
            client.get(url("framework_list"))


class TestTheFrameBehindACallOff:
    def test_opens_on_every_page_of_the_way_of_the_goods(self, client, now):
        f = frame(freight_cents=1_500)
        sent = f.bought("A", 10)
        company, pool = f.companies["A"], sent.pool_id
        client.force_login(f.staff)
        for page in (url("order", sent.pk), url("goods", pool), url("pool", pool)):
            assert client.get(page).status_code == 200, page
        client.force_login(f.buyers["A"])
        for name in ("commit", "company_pool", "proof"):
            assert client.get(url(name, company.pk, pool)).status_code == 200, name
        assert client.get(url("pool_list", company.pk)).text.count("CA-") == 0
        (line,) = savings.lines(company)
        assert line.reference_cents is None  # its own price is no reference: freight would count as a loss

    def test_asks_the_company_before_a_dearer_price_is_taken(self, client, now):
        """case: a supplier's change above the limit: members must re-consent. The limit of an agreed price is nothing."""
        f = frame()
        sent = f.send(f.draw("A", 10))
        (line,) = sent.lines.all()
        answer = order.Answer(delivery_on=AT.date(), changes={line.pk: (10, 20_100)})
        row = order.acknowledge(order=sent, answer=answer, at=AT)
        assert row.consent_needed
        client.force_login(f.buyers["A"])
        company = f.companies["A"]
        assert client.get(url("commit", company.pk, sent.pool_id)).status_code == 200
        client.post(url("commit_change", company.pk, sent.pool_id, row.pk), {"accepted": "no"})
        sent.refresh_from_db()
        assert sent.state == "refused"
        assert framework_use.drawn_of(f.article) == {str(company.pk): 0}


class TestTheSupplier:
    def test_sees_by_the_link_that_it_is_a_call_off_and_its_others(self, client, now):
        f = frame()
        first, second = f.send(f.draw("A", 1)), f.send(f.draw("B", 2))
        token = links.new_token(ORDER_SALT)
        PurchaseOrder.objects.filter(pk=second.pk).update(token_hash=links.digest(token), token_expires_at=YEAR_OVER)
        text = client.get(url("supplier_order", token)).text
        assert f.agreement.number in text and first.number in text and second.number in text


class TestOverRest:
    def test_staff_write_an_agreement_down_whole_or_not_at_all(self, client, now):
        person, supplier, article = staff(), SupplierFactory(), None
        company = frame().company("A")
        article = Article.objects.create(name="Ramette", reference="R1", category="office")
        client.force_login(person)
        body = {
            "title": "Papier", "supplier": supplier.pk, "starts_on": "2026-01-01", "ends_on": "2026-12-31",
            "email": "a@b.example", "rebate_basis": "value", "rebate_tiers": [{"start": 0, "rate_bp": 200}],
            "articles": [{"article": article.pk, "most": 100, "tiers": [{"from_qty": 1, "unit_price": "4.2000"}],
                          "quotas": [{"company": company.pk, "quantity": 101}]}],
        }  # fmt: skip
        before = FrameworkAgreement.objects.count()
        answer = client.post("/api/v1/framework-agreements/", body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (422, "framework_quota_above_maximum") or (
            answer.status_code in (400, 409)
        )
        assert FrameworkAgreement.objects.count() == before
        body["articles"][0]["quotas"][0]["quantity"] = 100
        made = client.post("/api/v1/framework-agreements/", body, content_type="application/json").json()
        signed = client.post(f"/api/v1/framework-agreements/{made['id']}/sign/")
        assert signed.json()["state"] == "active"

    def test_an_erp_draws_once_per_idempotency_key(self, client, now):
        f = frame(most=10)
        company = f.company("A")
        client.force_login(f.buyers["A"])
        shown = client.get(f"/api/v1/companies/{company.pk}/framework-agreements/{f.agreement.pk}/").json()
        assert shown["articles"][0]["tiers"][1] == {"from_qty": 100, "unit_price": "1.8000"}
        body = {"agreement": f.agreement.pk, "lines": [{"article": shown["articles"][0]["id"], "quantity": 10}]}
        path = f"/api/v1/companies/{company.pk}/call-offs/"
        send = {"content_type": "application/json", "headers": {"Idempotency-Key": "draw-1"}}
        first, again = client.post(path, body, **send), client.post(path, body, **send)
        assert (first.status_code, again.json()["id"]) == (201, first.json()["id"])
        assert first.json()["goods"] == "20.00" and first.json()["order"].startswith("BC-2026-")
        refused = client.post(path, body, content_type="application/json")
        assert refused.json()["code"] == "call_off_quota_reached"
        assert CallOff.objects.count() == 1

    def test_a_company_reads_its_part_of_a_rebate(self, client):
        f = frame(sign=False)
        tiers = [RebateTier(0, 200)]
        framework.set_rebate(actor=f.staff, agreement=f.agreement, basis="value", mode="whole", tiers=tiers, at=SIGNED)
        f.agreement = framework.sign(actor=f.staff, agreement=f.agreement, at=SIGNED)
        f.bought("A", 50)
        rebate = framework_rebate.compute(actor=f.staff, agreement=f.agreement, year=2026, at=YEAR_OVER)
        framework_rebate.issue(actor=f.staff, rebate=rebate, at=YEAR_OVER)
        client.force_login(f.buyers["A"])
        (row,) = client.get(f"/api/v1/companies/{f.companies['A'].pk}/rebates/").json()["results"]
        assert (row["net"], row["value"], row["year"]) == ("2.00", "100.00", 2026)
