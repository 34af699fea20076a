"""How a merchant comes in."""

import pytest
from django.test import Client
from django.urls import reverse

from companies.errors import NotAllowed
from companies.models import OutboxMail, User
from merchants import services
from merchants.models import Merchant, MerchantStatus, Shop
from merchants.services.applications import AgreementMissing, MerchantKnown, SiretRefused
from tests.factories.benefit_card import CategoryFactory, MerchantFactory
from tests.factories.companies import PAST, siret, staff
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db


def application(**changes):
    values = {
        "name": "Cordonnerie Vial",
        "siret": siret(77),
        "category": CategoryFactory(),
        "owner_name": "Martine Vial",
        "email": "Martine@vial.example",
        "street": "3 rue Pêcherie",
        "postcode": "26100",
        "city": "Romans-sur-Isère",
        "agreed": True,
        "at": PAST,
    }
    return {**values, **changes}


class TestApplication:
    def test_records_merchant_shop_owner_and_the_agreement(self):
        merchant = services.apply(**application())
        assert (merchant.status, merchant.agreed_at, merchant.agreement) == (MerchantStatus.APPLIED, PAST, "2026-1")
        assert merchant.shops.get().street == "3 rue Pêcherie"
        assert merchant.roles.get().user.email == "martine@vial.example"

    @pytest.mark.parametrize(
        ("changes", "refusal"),
        [
            ({"siret": "12345678901234"}, SiretRefused),
            ({"siret": "abc"}, SiretRefused),
            ({"agreed": False}, AgreementMissing),
        ],
    )
    def test_is_refused_and_changes_nothing(self, changes, refusal):
        with pytest.raises(refusal):
            services.apply(**application(**changes))
        assert not Merchant.objects.exists() and not Shop.objects.exists() and not User.objects.exists()

    def test_is_refused_for_a_siret_that_is_already_here(self):
        services.apply(**application())
        with pytest.raises(MerchantKnown):
            services.apply(**application(email="other@vial.example"))
        assert User.objects.count() == 1

    def test_reads_a_siret_with_spaces(self):
        number = siret(78)
        spaced = f"{number[:3]} {number[3:6]} {number[6:9]} {number[9:]}"
        assert services.apply(**application(siret=spaced)).siret == number

    def test_keeps_what_was_typed_when_the_form_is_refused(self, client: Client):
        answer = client.post(reverse("merchants:apply"), {"name": "Cordonnerie Vial", "siret": "1"})
        assert answer.status_code == 400
        assert "Cordonnerie Vial" in answer.content.decode()

    def test_can_be_sent_by_a_stranger(self, client: Client):
        values = application()
        values |= {"category": values["category"].pk, "agreed": "on"}
        del values["at"]
        assert client.post(reverse("merchants:apply"), values).status_code == 200
        assert Merchant.objects.get().name == "Cordonnerie Vial"


class TestApproval:
    def test_is_the_associations_alone_and_told_by_mail(self):
        merchant = MerchantFactory(status=MerchantStatus.APPLIED)
        user = owner(merchant)
        with pytest.raises(NotAllowed):
            services.approve(actor=user, merchant=merchant, at=PAST)
        services.approve(actor=staff(), merchant=merchant, at=PAST)
        merchant.refresh_from_db()
        assert merchant.status == MerchantStatus.ACTIVE
        mail = OutboxMail.objects.get()
        assert mail.to == user.email and merchant.name in mail.subject and f"/merchant/{merchant.pk}/" in mail.body
