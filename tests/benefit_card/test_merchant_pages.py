"""What a merchant's owner sees of the card."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from benefit_card.models import Quota, Redemption
from benefit_card.services import redemption
from companies.models import AuditEntry, Person
from merchants.models import Kind
from tests.factories.benefit_card import TillFactory, card, offer, print_code, token
from tests.factories.companies import UserFactory, staff
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    """A till with one accepted sale of 20 € at 10 % off, and the owner's browser."""
    till, made = TillFactory(), card()
    row = offer(till.merchant, title="10 % sur tout", per_person_limit=1)
    client_id = uuid.uuid4()
    answer = redemption.redeem(
        till=till, client_id=client_id, code=print_code(made), offer_id=row.pk, amount_cents=2000, version=None,
        at=datetime.now(UTC),
    )  # fmt: skip
    assert answer.status == 201
    client = Client()
    client.force_login(owner(till.merchant))
    return till, made, client_id, client


def line_of_today(till):
    headers = {"Authorization": f"Till {token(till)}"}
    return Client(headers=headers).get("/api/v1/redemptions/").json()["results"][0]


def page(client, name, *args):
    return client.get(reverse(f"benefit_card:{name}", args=args))


class TestOwnersDay:
    def test_lists_money_and_an_alias_but_never_a_name(self, shop):
        till, made, _client_id, client = shop
        text = page(client, "merchant_today", till.merchant.pk).content.decode()
        assert "10 % sur tout" in text and "18,00" in text
        assert made.person.first_name not in text and made.person.last_name not in text

    def test_and_the_holder_s_history_say_what_was_given_instead_of_a_discount(self, shop):
        till, made, _client_id, client = shop
        row = offer(till.merchant, title="Café", kind=Kind.GIFT, percent=None, gift="un café")
        answer = redemption.redeem(
            till=till, client_id=uuid.uuid4(), code=print_code(made), offer_id=row.pk, amount_cents=0, version=None,
            at=datetime.now(UTC),
        )  # fmt: skip
        assert answer.status == 201
        Person.objects.filter(pk=made.person_id).update(user=UserFactory())
        made.person.refresh_from_db()
        holder = Client()
        holder.force_login(made.person.user)
        pages = [page(client, "merchant_today", till.merchant.pk), page(holder, "my_redemptions")]
        for text in (found.content.decode() for found in pages):
            assert "Offert\xa0: un café" in text and "0,00" not in text.replace("20,00", "").replace("18,00", "")
        assert line_of_today(till)["gift"] == "un café"

    def test_adds_up_today_and_the_month(self, shop):
        till, _made, _client_id, client = shop
        found = page(client, "merchant_figures", till.merchant.pk).context
        assert found["today"] == found["month"] == {"count": 1, "off": 200, "gross": 2000}

    def test_undoes_a_sale_in_the_owners_name_and_gives_the_use_back(self, shop):
        till, _made, client_id, client = shop
        client.post(reverse("benefit_card:merchant_void", args=[till.merchant.pk, client_id]))
        assert not Redemption.objects.counted().exists()
        assert Quota.objects.get().used == 0
        assert AuditEntry.objects.get(action="redemption.voided").actor == till.merchant.roles.get().user

    def test_refuses_to_undo_after_a_quarter_of_an_hour_and_changes_nothing(self, shop):
        till, _made, client_id, client = shop
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16)):
            client.post(reverse("benefit_card:merchant_void", args=[till.merchant.pk, client_id]))
        assert Redemption.objects.counted().count() == 1

    def test_is_closed_to_the_association_and_to_other_merchants(self, shop):
        till, _made, client_id, _client = shop
        for user in (staff(), owner(TillFactory().merchant)):
            other = Client()
            other.force_login(user)
            assert page(other, "merchant_today", till.merchant.pk).status_code in {302, 404}
            other.post(reverse("benefit_card:merchant_void", args=[till.merchant.pk, client_id]))
        assert Redemption.objects.counted().count() == 1
