"""The merchants' pages and the employees' list of offers."""

import random

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from companies.demo_data import World
from merchants import demo_data
from merchants.models import Merchant, Offer, OfferState, Till
from merchants.services.tills import digest
from tests.factories.benefit_card import MerchantFactory, ShopFactory, offer
from tests.factories.companies import UserFactory, staff
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
FORM = {
    "kind": "percent", "percent": "15", "cap_cents": "12,50", "amount_cents": "3", "gift": "ignored", "title": "15 % le mardi",
    "days": ["1"], "starts_on": "2026-03-02", "period": "month", "offline": "online", "min_spend_cents": "",
    "combine": "any", "contract": "any",
}  # fmt: skip


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    session = client.session  # staff pages ask for a second factor
    session["account_authentication_methods"] = [{"method": "mfa", "type": "totp", "at": 0, "reauthenticated": False}]
    session.save()
    return client


class TestOfferForm:
    def test_saves_what_was_typed_and_ignores_fields_of_other_kinds(self):
        merchant = MerchantFactory()
        answer = signed_in(owner(merchant)).post(reverse("merchants:offer_new", args=[merchant.pk]), FORM)
        assert answer.status_code == 302
        version = Offer.objects.get().current
        assert (version.percent, version.cap_cents, version.weekdays) == (15, 1250, 2)
        assert (version.amount_cents, version.gift) == (None, "")

    @pytest.mark.parametrize("amount", ["1e9", "-1", "nan", "12,505"])
    def test_refuses_amounts_that_are_none_and_keeps_the_rest(self, amount):
        merchant = MerchantFactory()
        address = reverse("merchants:offer_new", args=[merchant.pk])
        answer = signed_in(owner(merchant)).post(address, {**FORM, "cap_cents": amount})
        assert answer.status_code == 200 and not Offer.objects.exists()
        assert "15 % le mardi" in answer.content.decode()

    def test_previews_in_numbers_while_one_types(self):
        merchant = MerchantFactory()
        answer = signed_in(owner(merchant)).post(reverse("merchants:offer_preview", args=[merchant.pk]), FORM)
        assert "68,00" in answer.content.decode() and not Offer.objects.exists()


class TestTillPage:
    def test_shows_the_link_code_as_a_square_and_in_letters_once(self):
        shop = ShopFactory()
        client = signed_in(owner(shop.merchant))
        address = reverse("merchants:till_list", args=[shop.merchant.pk])
        answer = client.post(address, {"shop": shop.pk, "till_name": "Comptoir"})
        page = answer.content.decode()
        assert "<svg" in page and answer.context["code"] in page and answer["Cache-Control"] == "no-store"
        assert answer.context["code"] not in client.get(address).content.decode()

    def test_offers_only_the_merchants_own_shops(self):
        merchant, foreign = MerchantFactory(), ShopFactory()
        address = reverse("merchants:till_list", args=[merchant.pk])
        answer = signed_in(owner(merchant)).post(address, {"shop": foreign.pk, "till_name": "A"})
        assert "pairing" not in answer.context


class TestDiscovery:
    def get(self, **query):
        return signed_in(UserFactory()).get(reverse("merchants:offers"), query).content.decode()

    def test_shows_published_offers_of_open_shops_only(self):
        offer(ShopFactory().merchant, title="Visible")
        hidden = offer(ShopFactory().merchant, title="Paused")
        Offer.objects.filter(pk=hidden.pk).update(state=OfferState.PAUSED)
        offer(ShopFactory(merchant__status="suspended").merchant, title="Halted")
        offer(MerchantFactory(), title="Without a shop")
        page = self.get()
        assert "Visible" in page
        assert not any(title in page for title in ("Paused", "Halted", "Without a shop"))

    def test_finds_every_word_somewhere(self):
        shop = ShopFactory(merchant__name="Cordonnerie Vial", street="3 rue Pêcherie")
        offer(shop.merchant, title="Ressemelage")
        assert "Ressemelage" in self.get(q="vial pêcherie")
        assert "Ressemelage" not in self.get(q="vial gambetta")

    def test_escapes_what_merchants_write(self):
        """Threat: stored XSS by merchant."""
        offer(ShopFactory().merchant, title="<img src=x onerror=alert(1)>")
        assert "<img src=x" not in self.get()

    def test_needs_as_many_queries_for_twenty_offers_as_for_two(self):
        client = signed_in(UserFactory())
        counts = []
        for number in (2, 18):
            for _index in range(number):
                offer(ShopFactory().merchant)
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse("merchants:offers"))
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestStaffList:
    def test_puts_applications_on_top(self):
        waiting = MerchantFactory(name="Zébulon", status="applied")
        MerchantFactory(name="Abeille")
        page = signed_in(staff()).get(reverse("merchants:staff_list"))
        assert list(page.context["waiting"]) == [waiting]


class TestDemoData:
    def test_makes_a_hundred_and_fifty_merchants_and_a_till_that_scans(self):
        world = World(scale="erb")
        demo_data.seed(rng=random.Random(1), world=world, at=timezone.now(), scale="erb")
        assert Merchant.objects.count() == 150
        assert set(Merchant.objects.values_list("shops__city", flat=True)) == {"Romans-sur-Isère", "Bourg-de-Péage"}
        assert all(1 <= merchant.offers.count() <= 6 for merchant in Merchant.objects.all()[:30])
        till = Till.objects.paired().get(token_hash=digest(world.notes["till_token"]))
        assert till.shop.merchant_id == world.notes["merchant"]
