"""A form sent twice makes one thing, also by two fingers at the same moment; two forms make two."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from companies import once
from companies.models import Meeting, Role
from companies.services import meetings
from purchasing.models import AwardStudy, FrameworkAgreement, Pool, PurchaseRequest, Supplier
from purchasing.services import tender as tenders
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import RequestLineFactory, SupplierFactory, answer, sent_tender

pytestmark = pytest.mark.django_db(transaction=True)


def copying(threads=1):
    """So many browsers of one buyer copy one request with the same key at the same moment; where each was sent."""
    buyer = member(CompanyFactory(), Role.BUYER)
    company = buyer.memberships.get().company
    line = RequestLineFactory(request__company=company, request__requester=buyer)
    path = reverse("purchasing:request_copy", args=[company.pk, line.request_id])
    start, sent = threading.Barrier(threads), []

    def work():
        client = Client()
        client.force_login(buyer)
        try:
            start.wait()
            sent.append(client.post(path, {"once": "a1"}).headers["Location"])
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sent


def twice(client, path, said, model):
    """Send a filled form twice with one key: both end at the same one thing."""
    sent = [client.post(path, said | {"once": "k9"}) for _ in range(2)]
    assert [answer.status_code for answer in sent] == [302, 302], sent[0].content.decode()[-2000:]
    assert sent[0].headers["Location"] == sent[1].headers["Location"] and model.objects.count() == 1


class TestAFormSentTwice:
    def test_by_sixteen_browsers_at_once_makes_one_draft(self):
        sent = copying(16)
        assert len(sent) == 16 and len(set(sent)) == 1
        assert PurchaseRequest.objects.count() == 2

    def test_makes_one_agreement_and_another_key_or_other_words_another(self, client, settings):
        settings.STAFF_NEEDS_SECOND_FACTOR = False
        client.force_login(staff())
        path = reverse("purchasing:framework_new")
        said = {
            "title": "Papier", "supplier": SupplierFactory().pk, "starts_on": "2026-01-01", "ends_on": "2026-12-31",
            "alert_days": 60, "email": "a@b.example", "lead_days": 5, "legal_model": "resale", "fee_bp": 0,
            "most_cents": "10 000,00", "once": "k1",
        }  # fmt: skip
        assert 'name="once"' in client.get(path).content.decode()
        first = client.post(path, said)
        assert first.status_code == 302, first.content.decode()[-3000:]
        assert client.post(path, said).headers["Location"] == first.headers["Location"]
        assert FrameworkAgreement.objects.count() == 1
        client.post(path, said | {"title": "Papier et carton"})
        client.post(path, said | {"once": "k2"})
        assert FrameworkAgreement.objects.count() == 3

    def test_without_a_key_or_refused_is_looked_at_again(self, client):
        buyer = member(CompanyFactory(), Role.BUYER)
        client.force_login(buyer)
        company = buyer.memberships.get().company
        line = RequestLineFactory(request__company=company, request__requester=buyer)
        path = reverse("purchasing:request_copy", args=[company.pk, line.request_id])
        assert client.post(path).headers["Location"] != client.post(path).headers["Location"]
        assert once.FIELD == "once"

    def test_makes_one_request_one_supplier_and_one_meeting(self, client, settings):
        settings.STAFF_NEEDS_SECOND_FACTOR = False
        buyer, person = member(CompanyFactory(), Role.BUYER), staff()
        group = meetings.found(actor=person, name="Achats", at=timezone.now())
        company = buyer.memberships.get().company_id
        lines = {"lines-TOTAL_FORMS": 1, "lines-INITIAL_FORMS": 0, "lines-0-text": "Gants", "lines-0-quantity": "10"}
        forms = [
            (buyer, reverse("purchasing:request_new", args=[company]), {"title": "Gants", **lines}, PurchaseRequest),
            (person, reverse("purchasing:supplier_new"), {"name": "Drôme Protection", "category": "protection",
             "contact_name": "Léa", "contact_email": "lea@example.org", "lead_days": 5, "active": "on"}, Supplier),
            (person, reverse("companies:meeting_new", args=[group.pk]), {"title": "Bois", "day": "2027-03-01",
             "begins": "18:00", "ends": "19:00", "agenda": "Accueil"}, Meeting),
        ]  # fmt: skip
        for user, path, said, model in forms:
            client.force_login(user)
            assert 'name="once"' in client.get(path).content.decode()
            twice(client, path, said, model)

    def test_makes_one_pool_and_one_computation(self, client, settings):
        settings.STAFF_NEEDS_SECOND_FACTOR = False
        person, need, path = staff(), RequestLineFactory(approved=True), reverse("purchasing:pool_new")
        client.force_login(person)
        assert 'name="once"' in client.post(path, {"need": need.pk}).content.decode()
        rules = {"legal_model": "resale", "minimum_missed": "round_down", "shortage": "proportional",
                 "freight": "value", "fairness": "stand_alone_cap", "fee_bp": "100", "lead": person.pk}  # fmt: skip
        line = {"line0-text": "Gants nitrile M", "line0-pack": "10", "line0-vat_bp": "2000"}
        twice(client, path, {"need": need.pk, "action": "open", "title": "Gants", **rules, **line}, Pool)
        tender = sent_tender(suppliers=1, actor=person)
        answer(tender.invitations.get(), 40_000, valid_until=timezone.localdate() + timedelta(days=60))
        tenders.open_quotes(actor=person, tender=tender, at=tender.deadline)
        path = reverse("purchasing:award_studies", args=[tender.pool_id])
        assert 'name="once"' in client.get(path).content.decode()
        twice(client, path, {"seconds": "60"}, AwardStudy)
