"""Pairing a till, once, and cutting it off."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections
from django.utils import timezone
from rest_framework.test import APIClient

from companies.errors import NotAllowed
from companies.prepared import Found
from merchants import services, till_auth
from merchants.models import Cashier, MerchantStatus, PairingCode, Till
from merchants.services.offers import MerchantNotActive
from merchants.services.tills import LIFETIME, PREFIX, PairingRefused, tidy
from tests.factories.benefit_card import ShopFactory, TillFactory, token
from tests.factories.companies import PAST, UserFactory, staff
from tests.factories.merchants import owner

PAIR = "/api/v1/tills/pair/"
THREADS = 16


@pytest.mark.django_db
class TestPairing:
    def code(self, shop, at=PAST):
        return services.create_pairing(actor=owner(shop.merchant), shop=shop, till_name="Counter", at=at)[1]

    def test_gives_a_token_once_and_keeps_only_its_hash(self):
        shop = ShopFactory()
        code = self.code(shop)
        till, secret = services.pair(code=f" {code[:4].lower()}-{code[4:]} ", at=PAST)
        assert (till.shop, till.name) == (shop, "Counter")
        assert secret not in str(Till.objects.values().get()) and code not in str(PairingCode.objects.values().get())
        with pytest.raises(PairingRefused):
            services.pair(code=code, at=PAST)
        assert Till.objects.count() == 1

    @pytest.mark.parametrize("late", [LIFETIME, LIFETIME + timedelta(seconds=1)])
    def test_ends_after_ten_minutes(self, late):
        code = self.code(ShopFactory())
        with pytest.raises(PairingRefused):
            services.pair(code=code, at=PAST + late)

    def test_works_until_the_last_second(self):
        code = self.code(ShopFactory())
        assert services.pair(code=code, at=PAST + LIFETIME - timedelta(seconds=1))[0].pk

    def test_is_for_the_owner_and_the_association(self):
        shop = ShopFactory()
        for actor in (UserFactory(), owner(ShopFactory().merchant)):
            with pytest.raises(NotAllowed):
                services.create_pairing(actor=actor, shop=shop, till_name="A", at=PAST)
        assert services.create_pairing(actor=staff(), shop=shop, till_name="A", at=PAST)

    @pytest.mark.parametrize("status", [MerchantStatus.APPLIED, MerchantStatus.SUSPENDED])
    def test_waits_for_the_merchants_approval(self, status):
        with pytest.raises(MerchantNotActive):
            self.code(ShopFactory(merchant__status=status))

    def test_over_the_api_shows_token_shop_merchant_and_time(self):
        shop = ShopFactory()
        answer = APIClient().post(PAIR, {"code": PREFIX + self.code(shop, timezone.now())}, format="json")
        assert answer.status_code == 201
        names = (answer.data["shop"], answer.data["merchant"], answer.data["till"])
        assert names == (shop.name, shop.merchant.name, "Counter")
        assert answer.data["server_time"]

    def test_over_the_api_refuses_with_a_stable_code(self):
        answer = APIClient().post(PAIR, {"code": "ABCDEFGH"}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (409, "pairing_refused")
        assert answer["Content-Type"] == "application/problem+json"

    def test_reads_look_alike_letters(self):
        assert tidy("oil0-ABCD") == "0110ABCD"


@pytest.mark.django_db(transaction=True)
class TestPairingAtOnce:
    def test_makes_one_till_of_sixteen_devices(self):
        shop = ShopFactory()
        user = owner(shop.merchant)
        now = timezone.now()
        barrier = Barrier(THREADS)

        def attempt(code: str) -> object:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            try:
                return services.pair(code=code, at=now)
            except PairingRefused as refusal:
                return refusal.code
            finally:
                connections.close_all()

        for _round in range(5):
            _row, code = services.create_pairing(actor=user, shop=shop, till_name="A", at=now)
            with ThreadPoolExecutor(THREADS) as pool:
                answers = list(pool.map(attempt, [code] * THREADS))
            assert answers.count("pairing_refused") == THREADS - 1
        assert Till.objects.count() == 5


@pytest.mark.django_db
class TestTillOfARequest:
    """A till is found by a statement that is compiled once; it is the till that the queryset would have found."""

    def test_is_whole_with_its_shop_and_merchant(self, django_assert_num_queries):
        till = TillFactory(shop__hours={"2": [["09:00", "12:30"]]}, device_key=b"point")
        TillFactory()
        expected = Till.objects.paired().get(pk=till.pk)
        with django_assert_num_queries(1):
            found = till_auth.by_token().of(till.token_hash)
            rows = [(row, row.shop, row.shop.merchant) for row in (found, expected)]
        for one, other in zip(*rows, strict=True):
            assert type(one) is type(other) and not one._state.adding
            names = [field.attname for field in one._meta.concrete_fields]
            assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
        assert found.has_cashiers is expected.has_cashiers is False

    def test_knows_at_once_what_changed(self):
        till = TillFactory()
        Cashier.objects.create(shop=till.shop, name="Alix", pin_hash="!", created_at=PAST)
        assert till_auth.by_token().of(till.token_hash).has_cashiers is True
        Till.objects.filter(pk=till.pk).update(revoked_at=timezone.now())
        assert till_auth.by_token().of(till.token_hash) is None

    def test_needs_one_open_value(self):
        with pytest.raises(ValueError, match="one value"):
            Found(Till.objects.paired())


@pytest.mark.django_db
class TestRevokedTill:
    def scan(self, till):
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Till {token(till)}")
        return api.post("/api/v1/scans/", {"code": "0003NQK8N1"}, format="json")

    def test_is_refused_at_the_next_request(self):
        till = TillFactory()
        user = owner(till.shop.merchant)
        assert self.scan(till).status_code != 401
        services.revoke(actor=user, till=till, at=PAST)
        answer = self.scan(till)
        assert (answer.status_code, answer.json()["code"]) == (401, "till_not_paired")

    def test_is_not_what_a_till_of_a_suspended_merchant_becomes(self):
        """It accepts nothing, is told so without the reason, and goes on by itself once the suspension is lifted."""
        till, cut = TillFactory(), TillFactory()
        services.suspend(actor=staff(), merchant=till.shop.merchant, reason="Fermé pour impayés.", at=PAST)
        answer = self.scan(till)
        assert (answer.status_code, answer.json()["code"]) == (403, "merchant_suspended")
        assert "impayés" not in answer.content.decode()
        Till.objects.filter(pk=cut.pk).update(revoked_at=PAST)
        services.suspend(actor=staff(), merchant=cut.shop.merchant, reason="Aussi.", at=PAST)
        assert self.scan(cut).status_code == 401
        services.approve(actor=staff(), merchant=till.shop.merchant, at=timezone.now())
        assert self.scan(till).status_code not in (401, 403)

    def test_is_what_every_till_of_a_closed_shop_becomes(self):
        till = TillFactory()
        services.close_shop(actor=owner(till.shop.merchant), shop=till.shop, at=PAST)
        assert self.scan(till).status_code == 401

    def test_cannot_be_made_by_another_merchant(self):
        till = TillFactory()
        with pytest.raises(NotAllowed):
            services.revoke(actor=owner(ShopFactory().merchant), till=till, at=PAST)
        assert self.scan(till).status_code != 401
