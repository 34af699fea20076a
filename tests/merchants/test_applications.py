"""How a merchant comes in."""

import hashlib
from io import BytesIO

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from pypdf import PdfReader

from companies.errors import NotAllowed
from companies.models import OutboxMail, User
from companies.states import StateRefused
from merchants import agreement, services
from merchants.models import Merchant, MerchantStatus, Shop
from merchants.services.applications import AgreementMissing, MerchantKnown, SiretRefused, SuspensionUnexplained
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
        assert (merchant.status, merchant.agreed_at, merchant.agreement) == (
            MerchantStatus.APPLIED,
            PAST,
            agreement.CURRENT,
        )
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
        page = answer.content.decode()
        assert "Cordonnerie Vial" in page
        for refusal in (SiretRefused(), AgreementMissing()):
            assert refusal.sentence in page, "each field says at once what it lacks"

    def test_can_be_sent_by_a_stranger_who_reads_english_and_the_proof_says_what_was_shown(self, client: Client):
        values = application()
        values |= {"category": values["category"].pk, "agreed": "on", "reading": "en"}
        del values["at"]
        client.cookies["language"] = "en"
        page = client.get(reverse("merchants:apply")).content.decode()
        for article in agreement.articles(reading="en"):
            assert escape(article.text) in page and escape(article.reading) in page
        assert '<input type="hidden" name="reading" value="en">' in page
        assert client.post(reverse("merchants:apply"), values).status_code == 200
        assert Merchant.objects.get().name == "Cordonnerie Vial"
        assert User.objects.get().language == "en", "and its mails come in English"
        proof = Merchant.objects.get().acceptances.get()
        assert (proof.reading, proof.reading_sha256) == ("en", agreement.fingerprint(agreement.CURRENT, "en"))
        paper = PdfReader(BytesIO(bytes(proof.document.content)))
        said = " ".join("".join(page.extract_text() for page in paper.pages).split())
        assert "copie de lecture en anglais" in said and agreement.READING["en"][agreement.CURRENT][-1] in said


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


class TestProof:
    def test_of_the_agreement_says_who_when_from_where_and_which_text(self, client):
        at = timezone.now()
        merchant = services.apply(**application(address="192.0.2.7", at=at))
        proof = merchant.acceptances.get()
        assert (proof.signer, proof.address, proof.at, proof.version) == (
            application()["owner_name"],
            "192.0.2.7",
            at,
            agreement.CURRENT,
        )
        assert proof.sha256 == agreement.fingerprint(agreement.CURRENT)
        client.force_login(proof.user)
        answer = client.get(reverse("merchants:agreement", args=[merchant.pk]))
        assert answer.content[:4] == b"%PDF"
        assert hashlib.sha256(answer.content).hexdigest() == proof.document.sha256
        with pytest.raises(DatabaseError), transaction.atomic():
            merchant.acceptances.update(sha256="1" * 64)

    def test_keeps_the_text_of_every_version(self):
        known = {
            "2026-1": "c0aec0578fe38179ea8138eeefe3aff4690269ccfd09049e410470979a9cb4c3",
            "2026-2": "98203a4a2f75f33eab64c77a7522e7d01784dcda4cb8ec2db488a8c53dc26a9e",
        }
        assert {version: agreement.fingerprint(version) for version in agreement.TEXTS} == known
        copies = {
            "2026-1": "f4bfa18ffc169670da3e8d3ef13923dcfa082912ed8e4d6a31a0b0d4a75f511d",
            "2026-2": "4d27c20254dd92aa106ee8d59e57bcdb4c10c6985567a2d806d7e77d8f8a49d0",
        }
        assert {version: agreement.fingerprint(version, "en") for version in agreement.TEXTS} == copies
        for version, articles in agreement.TEXTS.items():
            assert len(agreement.articles(version, reading="en")) == len(articles)


class TestRefusal:
    def test_tells_the_applicant_why_shows_nothing_and_can_be_changed(self, client):
        """Case: sign-up with SIRET, review."""
        merchant = services.apply(**application())
        who, now = merchant.roles.get().user, timezone.now()
        with pytest.raises(NotAllowed):
            services.refuse(actor=who, merchant=merchant, reason="x", at=now)
        with pytest.raises(SuspensionUnexplained):
            services.refuse(actor=staff(), merchant=merchant, reason=" ", at=now)
        client.force_login(staff())
        client.post(reverse("merchants:staff_refuse", args=[merchant.pk]), {"reason": "Hors du bassin romanais"})
        merchant.refresh_from_db()
        assert merchant.status == "refused"
        assert "Hors du bassin romanais" in OutboxMail.objects.filter(to=who.email).latest("pk").body
        with pytest.raises(MerchantKnown):
            services.apply(**application())
        client.force_login(who)
        assert "Hors du bassin romanais" in client.get(reverse("merchants:home", args=[merchant.pk])).content.decode()
        services.approve(actor=staff(), merchant=merchant, at=now)
        with pytest.raises(StateRefused):
            services.refuse(actor=staff(), merchant=merchant, reason="x", at=now)


class TestSuspension:
    def test_tells_the_merchant_why(self, client):
        """Case: suspension."""
        merchant = services.apply(**application())
        who = merchant.roles.get().user
        services.approve(actor=staff(), merchant=merchant, at=timezone.now())
        with pytest.raises(SuspensionUnexplained):
            services.suspend(actor=staff(), merchant=merchant, reason=" ", at=timezone.now())
        services.suspend(actor=staff(), merchant=merchant, reason="Remises refusées deux fois", at=timezone.now())
        assert "Remises refusées deux fois" in OutboxMail.objects.filter(to=who.email).latest("pk").body
        client.force_login(who)
        page = client.get(reverse("merchants:home", args=[merchant.pk])).content.decode()
        assert "Remises refusées deux fois" in page
