"""What only the pages offered, over REST: files, copies, approval rules, a supplier's file, answers by link, moderation."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from companies.models import Role
from purchasing import links
from purchasing.models import Delegation, Price, RequestFile, SupplierDocument, SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.services import review
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import (
    ArticleFactory,
    RequestFactory,
    RequestLineFactory,
    SupplierFactory,
    answer,
    link,
    sent_tender,
)
from tests.purchasing.back import Delivered

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 plan"


def url(name, **args):
    return reverse(f"purchasing_api:{name}", kwargs=args)


def send(client, method, where, data=None):
    return getattr(client, method)(where, data or {}, content_type="application/json")


def upload(client, where, content=PDF, **data):
    return client.post(where, {"file": SimpleUploadedFile("plan.pdf", content, "application/pdf"), **data})


@pytest.fixture
def company():
    return CompanyFactory()


class TestARequest:
    def test_is_copied_takes_files_once_and_tells_who_else_asks(self, client, company):
        buyer = member(company, Role.BUYER)
        row = RequestLineFactory(request=RequestFactory(company=company, requester=buyer)).request
        RequestLineFactory(approved=True, text="gants NITRILE taille M")
        client.force_login(buyer)
        at = {"company": company.pk, "pk": row.pk}
        first, again = (upload(client, url("request_files", **at)) for _ in range(2))
        assert first.status_code == again.status_code == 201
        assert first.json() == again.json() and RequestFile.objects.count() == 1
        assert upload(client, url("request_files", **at), b"MZ").json()["code"] == "file_refused"
        kept = client.get(url("request_file", file=first.json()["id"], **at))
        assert (kept.content, client.get(url("request_files", **at)).json()[0]["name"]) == (PDF, "plan.pdf")
        copy = send(client, "post", url("request_copy", **at))
        assert (copy.status_code, copy.json()["state"], len(copy.json()["lines"])) == (201, "draft", 1)
        found = client.get(url("asked", company=company.pk), {"text": "Gants nitrile taille M", "unit": "box"})
        assert found.json() == {"companies": 1, "pools": []}

    def test_tells_which_prices_of_what_was_bought_rose(self, client, company):
        buyer, article = member(company, Role.BUYER), ArticleFactory(name="Papier A4")
        now = timezone.now()
        RequestLineFactory(request=RequestFactory(company=company, requester=buyer, created_at=now), article=article)
        for one, change in ((article, 900), (ArticleFactory(), 1_200)):
            maker = SupplierFactory()
            Price.objects.create(supplier=maker, article=one, price_e4=50_000, valid_from=now.date(), change_bp=change,
                                 created_at=now)  # fmt: skip
        client.force_login(buyer)
        (row,) = client.get(url("price_rises", company=company.pk)).json()["results"]
        assert (row["article_name"], row["change_bp"], row["price"]) == ("Papier A4", 900, "5.0000")


class TestApprovalRules:
    def test_are_kept_by_the_companys_program(self, client, company):
        admin, away, other = member(company, Role.ADMIN), member(company, Role.APPROVER), member(company, Role.BUYER)
        client.force_login(admin)
        made = send(client, "post", url("approval_levels", company=company.pk), {"above": "5000.00", "approvers": 2})
        assert (made.status_code, made.json()["above"]) == (201, "5000.00")
        assert len(client.get(url("approval_levels", company=company.pk)).json()) == 1
        where = url("approval_level", company=company.pk, pk=made.json()["id"])
        assert send(client, "delete", where).status_code == 204
        day = timezone.localdate()
        said = {"absent": away.email, "stand_in": other.email, "starts_on": day, "ends_on": day + timedelta(days=5)}
        first, again = (send(client, "post", url("stand_ins", company=company.pk), said) for _ in range(2))
        assert first.status_code == again.status_code == 201 and Delegation.objects.count() == 1
        stranger = {**said, "stand_in": member(CompanyFactory(), Role.BUYER).email}
        refused = send(client, "post", url("stand_ins", company=company.pk), stranger)
        assert (refused.status_code, refused.json()["code"]) == (400, "person_not_in_company")
        assert client.get(url("stand_ins", company=company.pk)).json()["results"][0]["absent"] == away.email
        assert send(client, "delete", url("stand_in", company=company.pk, pk=first.json()["id"])).status_code == 204
        assert Delegation.objects.get().revoked_at is not None


class TestASuppliersFile:
    def test_holds_documents_with_expiry_closed_days_and_people_each_once(self, client):
        client.force_login(staff())
        at = {"pk": SupplierFactory().pk}
        day = timezone.localdate() + timedelta(days=20)
        for _ in range(2):
            made = upload(client, url("supplier_documents", **at), kind="kbis", expires_on=day)
            assert (made.status_code, made.json()["expires_on"]) == (201, str(day))
        assert SupplierDocument.objects.count() == 1
        upload(client, url("supplier_documents", **at), b"%PDF-1.7 autre", kind="kbis", expires_on=day)
        assert [bool(row["replaced_at"]) for row in client.get(url("supplier_documents", **at)).json()] == [False, True]
        assert client.get(url("supplier_document", document=made.json()["id"], **at)).content == PDF
        days = {"starts_on": day, "ends_on": day + timedelta(days=7), "reason": "Congés"}
        closed = [send(client, "post", url("supplier_closures", **at), days).json() for _ in range(2)]
        assert closed[0] == closed[1] and len(client.get(url("supplier_closures", **at)).json()) == 1
        assert send(client, "delete", url("supplier_closure", closure=closed[0]["id"], **at)).status_code == 204
        person = {"name": "Léa Roux", "email": "lea@example.org"}
        added = send(client, "post", url("supplier_contacts", **at), person).json()
        assert len(client.get(url("supplier_contacts", **at)).json()) == 2
        assert send(client, "delete", url("supplier_contact", contact=added["id"], **at)).status_code == 204
        last = client.get(url("supplier_contacts", **at)).json()[0]["id"]
        assert send(client, "delete", url("supplier_contact", contact=last, **at)).status_code == 409


class TestASuppliersProgram:
    def test_declines_and_withdraws_by_its_link(self, client):
        now = timezone.now()
        one, two = sent_tender(suppliers=2, at=now).invitations.order_by("pk")
        answer(two, 42_000, at=now, valid_until=now.date() + timedelta(days=90))
        said = send(client, "post", url("quote_act", token=link(one), action="decline"), {"reason": "Complet"})
        assert (said.status_code, said.json()["state"]) == (200, "declined")
        token = link(two)
        for status, state in ((200, "withdrawn"), (409, None)):
            said = send(client, "post", url("quote_act", token=token, action="withdraw"))
            assert (said.status_code, said.json().get("state")) == (status, state)
        assert client.get(url("quote_act", token=token, action="decline")).status_code == 405

    def test_reads_its_review_complains_and_replies_once_and_staff_settle(self, client, delivered_review):
        row, token = delivered_review
        where = url("review_by_link", token=token)
        assert client.get(where).json()["quality"] == 2
        assert send(client, "post", where, {"complaint": "Autre commande"}).json()["complaint"] == "Autre commande"
        assert send(client, "post", where, {"reply": "Nous avons remplacé"}).json()["reply"] == "Nous avons remplacé"
        assert send(client, "post", where, {"reply": "Autre chose"}).status_code == 409
        client.force_login(staff())
        assert [r["id"] for r in client.get(url("exchange_complaints")).json()["results"]] == [row.pk]
        hide = url("exchange_moderate", kind="review", pk=row.pk, action="hide")
        assert send(client, "post", hide).status_code == 400  # no reason
        assert send(client, "post", hide, {"reason": "Une autre commande"}).status_code == 204
        row.refresh_from_db()
        assert (row.state, row.moderation) == ("hidden", "Une autre commande")
        assert client.get(url("exchange_complaints")).json()["results"] == []

    @pytest.fixture
    def delivered_review(self):
        goods, at = Delivered(), timezone.now()
        goods.hand_over(goods.receive(36), "A")
        by = {"actor": goods.w.buyers["A"], "company": goods.w.companies["A"], "order": goods.order}
        row = review.write(**by, scores=dict.fromkeys(CRITERIA, 2), at=at)
        token = links.new_token(review.SALT)
        SupplierReview.objects.filter(pk=row.pk).update(
            token_hash=links.digest(token), token_expires_at=at + timedelta(days=1)
        )
        return row, token


class TestATender:
    def test_is_postponed_never_brought_forward(self, client):
        person = staff()
        tender = sent_tender(actor=person, at=timezone.now())
        client.force_login(person)
        where, day = url("tender_postpone", pk=tender.pool_id), timezone.now() + timedelta(days=400)
        assert send(client, "post", where, {"deadline": day}).status_code == 200
        assert send(client, "post", where, {"deadline": day - timedelta(days=1)}).json()["code"] == "deadline_past"
