"""Members' programs are told what happened in their company, signed, over real HTTP."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from companies import audit, outward
from companies.errors import NotAllowed
from companies.models import Role, WebhookDelivery, WebhookEndpoint
from companies.services import webhooks
from tests.factories.companies import CompanyFactory, member
from tests.program import listening

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program():
    with listening() as server:
        yield server


@pytest.fixture
def private(settings):
    settings.WEBHOOK_PRIVATE_ADDRESSES = True


def noted(program, topics=("invoices",)):
    company = CompanyFactory()
    admin = member(company, Role.ADMIN)
    return webhooks.create(company=company, url=program.url, topics=topics, actor=admin, at=timezone.now())


def happens(action, company):
    audit.record(action, target=company, at=timezone.now(), actor=None, company=company)
    audit.seal()


def tell(at=None):
    at = at or timezone.now()
    webhooks.feed(at=at)
    return [webhooks.deliver(delivery_id=pk, at=at) for pk in webhooks.due(at=at)]


@pytest.mark.usefixtures("private")
class TestAProgram:
    def test_is_told_with_a_signature_it_can_check(self, program):
        endpoint = noted(program)
        happens("invoice.issued", endpoint.company)
        assert tell() == [True]
        headers, body = program.heard[0]
        head = {name.lower(): value for name, value in headers.items()}
        assert head["webhook-signature"] == webhooks.signature(
            endpoint.secret, message_id=head["webhook-id"], timestamp=int(head["webhook-timestamp"]), body=body
        )
        told = json.loads(body)
        assert told["type"] == "invoice.issued" and told["data"]["company"] == endpoint.company_id

    def test_is_told_once_however_often_we_look(self, program):
        endpoint = noted(program)
        happens("invoice.issued", endpoint.company)
        WebhookEndpoint.objects.update(position=0)
        tell()
        WebhookEndpoint.objects.update(position=0)
        assert tell() == [] and len(program.heard) == 1

    def test_hears_nothing_of_other_companies_other_topics_nor_of_people(self, program):
        endpoint = noted(program, topics=list(webhooks.TOPICS))
        happens("invoice.issued", CompanyFactory())
        for action in [
            "card.made",
            "redemption.accepted",
            "employees.import_applied",
            "membership.granted",
            "pool.locked",
        ]:
            happens(action, endpoint.company)
        assert tell() == [] and program.heard == []

    def test_hears_nothing_of_the_time_before_it_listened(self, program):
        company = CompanyFactory()
        happens("invoice.issued", company)
        admin = member(company, Role.ADMIN)
        webhooks.create(company=company, url=program.url, topics=["invoices"], actor=admin, at=timezone.now())
        assert tell() == []

    def test_that_fails_is_asked_again_later_and_given_up_after_three_days(self, program):
        endpoint = noted(program)
        happens("invoice.issued", endpoint.company)
        program.status, now = 500, timezone.now()
        assert tell(now) == [False]
        row = WebhookDelivery.objects.get()
        assert (row.attempts, row.status, row.delivered_at) == (1, 500, None)
        assert row.next_at == now + webhooks.PAUSES[0]
        assert tell(now) == []
        WebhookDelivery.objects.update(next_at=now + timedelta(days=4))
        assert tell(now + timedelta(days=4)) == [False]
        endpoint.refresh_from_db()
        assert endpoint.disabled_at is not None
        program.status = 200
        webhooks.resume(endpoint=endpoint, actor=endpoint.created_by, at=now)
        assert tell(now + timedelta(days=5)) == [True]
        endpoint.refresh_from_db()
        assert (endpoint.disabled_at, endpoint.failing_since) == (None, None)

    def test_that_is_gone_costs_nobody_anything(self, program):
        endpoint = noted(program)
        happens("invoice.issued", endpoint.company)
        WebhookEndpoint.objects.update(url="http://127.0.0.1:9/")
        assert tell() == [False]
        assert WebhookDelivery.objects.get().error != ""

    def test_that_drips_its_answer_is_cut_off(self, program, monkeypatch):
        """Each byte comes in time and the answer never ends; without a limit for the whole it would end well here."""
        monkeypatch.setattr(outward, "WHOLE", 0.3)
        program.drips = 300
        noted(program)
        happens("invoice.issued", WebhookEndpoint.objects.get().company)
        assert tell() == [False]
        assert "too long" in WebhookDelivery.objects.get().error
        assert program.cut.wait(60)

    def test_is_told_by_one_of_two_workers(self, program):
        endpoint = noted(program)
        happens("invoice.issued", endpoint.company)
        now = timezone.now()
        webhooks.feed(at=now)
        pk = webhooks.due(at=now)[0]
        assert [webhooks.deliver(delivery_id=pk, at=now) for _worker in range(2)] == [True, False]
        assert len(program.heard) == 1


class TestAnAddress:
    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1/", "https://127.0.0.1/", "https://localhost/", "https://10.0.0.8/x", "https://[::1]/",
            "https://169.254.169.254/latest/", "ftp://erb.example/", "https://", "https://user:secret@1.1.1.1/", "nonsense",
            "https://1.1.1.1:99999/", "https://\x00/", "http://1.1.1.1/", "https://224.0.0.1/", "https://[::ffff:10.0.0.8]/",
            "https://[64:ff9b::10.0.0.8]/", "https://[2002:0a00:0008::]/", "https://[::10.0.0.8]/", "https://[ff02::1]/",
        ],
    )  # fmt: skip
    def test_inside_a_network_or_without_https_is_refused(self, url):
        company = CompanyFactory()
        admin = member(company, Role.ADMIN)
        with pytest.raises(outward.AddressRefused):
            webhooks.create(company=company, url=url, topics=["invoices"], actor=admin, at=timezone.now())
        assert not WebhookEndpoint.objects.exists()

    def test_is_for_administrators(self):
        company = CompanyFactory()
        for role in [Role.BUYER, Role.HR, Role.ACCOUNTANT, Role.APPROVER]:
            with pytest.raises(NotAllowed):
                webhooks.create(
                    company=company,
                    url="https://1.1.1.1/",
                    topics=["invoices"],
                    actor=member(company, role),
                    at=timezone.now(),
                )

    def test_shows_its_secret_once(self, client, program, settings):
        settings.WEBHOOK_PRIVATE_ADDRESSES = True
        company = CompanyFactory()
        client.force_login(member(company, Role.ADMIN))
        page = reverse("companies:webhooks", args=[company.pk])
        answer = client.post(page, {"url": program.url, "topics": ["invoices", "claims"]})
        secret = WebhookEndpoint.objects.get().secret
        assert secret in answer.content.decode() and answer["Cache-Control"] == "no-store"
        assert secret not in client.get(page).content.decode()

    def test_that_is_refused_keeps_what_was_typed(self, client):
        company = CompanyFactory()
        client.force_login(member(company, Role.ADMIN))
        page = reverse("companies:webhooks", args=[company.pk])
        content = client.post(page, {"url": "http://192.168.1.4/erb", "topics": ["invoices"]}).content.decode()
        assert "http://192.168.1.4/erb" in content and "https://erp.example.fr/erb" in content


class TestTheSignature:
    def test_is_that_of_standard_webhooks(self):
        """The example of the docstring, computed with openssl."""
        secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZg=="
        found = webhooks.signature(secret, message_id="erb_1", timestamp=1, body=b"{}")
        assert found == "v1,aDaDSLvsWx23mAnB7FVj/hS54fls3PXD3J1Zd7Yartk="
