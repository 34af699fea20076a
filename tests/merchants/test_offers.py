"""Offers: terms, versions, states."""

from datetime import date

import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from django.utils import translation

from companies.errors import NotAllowed
from companies.models import AuditEntry
from companies.states import StateRefused
from merchants import services, words
from merchants.models import MerchantStatus, Offer, OfferState, OfferVersion
from merchants.services.offers import MerchantNotActive, OfferOver, OfferRefused
from tests.factories.benefit_card import MerchantFactory
from tests.factories.companies import PAST, UserFactory, staff
from tests.factories.merchants import owner, terms


@pytest.mark.django_db
class TestOffer:
    def save(self, merchant, actor, offer=None, **changes):
        return services.save_offer(actor=actor, merchant=merchant, offer=offer, terms=terms(**changes), at=PAST)

    def test_is_a_draft_until_its_owner_publishes_it(self):
        merchant = MerchantFactory()
        user = owner(merchant)
        offer = self.save(merchant, user)
        assert (offer.state, offer.current.number) == (OfferState.DRAFT, 1)
        assert not Offer.objects.published().exists()
        services.publish(actor=user, offer=offer, at=PAST)
        assert list(Offer.objects.published()) == [offer]

    def test_gets_a_new_version_when_its_terms_change_and_none_when_they_do_not(self):
        merchant = MerchantFactory()
        user = owner(merchant)
        offer = self.save(merchant, user)
        offer = self.save(merchant, user, offer)
        assert offer.versions.count() == 1
        offer = self.save(merchant, user, offer, percent=15)
        assert list(offer.versions.values_list("number", "percent")) == [(1, 10), (2, 15)]
        assert offer.current.percent == 15

    def test_keeps_its_versions_as_they_were_written(self):
        merchant = MerchantFactory()
        version = self.save(merchant, owner(merchant)).current
        with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
            OfferVersion.objects.filter(pk=version.pk).update(percent=50)
        version.refresh_from_db()
        assert version.percent == 10

    def test_cannot_be_published_before_the_merchant_is_approved(self):
        merchant = MerchantFactory(status=MerchantStatus.APPLIED)
        user = owner(merchant)
        offer = self.save(merchant, user)
        with pytest.raises(MerchantNotActive):
            services.publish(actor=user, offer=offer, at=PAST)
        offer.refresh_from_db()
        assert offer.state == OfferState.DRAFT

    def test_is_out_of_reach_of_strangers_and_of_other_owners(self):
        merchant = MerchantFactory()
        for actor in (UserFactory(), owner(MerchantFactory())):
            with pytest.raises(NotAllowed):
                self.save(merchant, actor)
        assert not Offer.objects.exists() and not AuditEntry.objects.exists()

    def test_may_be_prepared_by_the_association_for_a_merchant(self):
        assert self.save(MerchantFactory(), staff()).current.percent == 10

    def test_comes_back_from_a_pause_but_not_from_its_end(self):
        merchant = MerchantFactory()
        user = owner(merchant)
        offer = self.save(merchant, user)
        for step in (services.publish, services.pause, services.publish, services.end):
            step(actor=user, offer=offer, at=PAST)
        with pytest.raises(StateRefused):
            services.publish(actor=user, offer=offer, at=PAST)
        with pytest.raises(OfferOver):
            self.save(merchant, user, offer, percent=20)

    def test_disappears_with_a_suspended_merchant(self):
        merchant = MerchantFactory()
        user = owner(merchant)
        services.publish(actor=user, offer=self.save(merchant, user), at=PAST)
        services.suspend(actor=staff(), merchant=merchant, reason="closed", at=PAST)
        assert not Offer.objects.published().exists()


class TestTerms:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"percent": 0}, "percent"),
            ({"percent": 101}, "percent"),
            ({"kind": "fixed", "percent": None}, "amount_cents"),
            ({"kind": "gift", "percent": None}, "gift"),
            ({"kind": "fixed", "percent": None, "amount_cents": 900, "min_spend_cents": 500}, "min_spend_cents"),
            ({"weekdays": 0}, "days"),
            ({"ends_on": date(2025, 12, 31)}, "ends_on"),
            ({"hours": [["09:00", "09:00"]]}, "hours"),
            ({"hours": [["11:00", "12:15"], ["12:00", "13:00"]]}, "hours"),
            ({"hours": [["01:00", "03:00"], ["22:00", "02:00"]]}, "hours"),
            ({"hours": [[f"{n:02}:00", f"{n:02}:30"] for n in range(7)]}, "hours"),
            ({"per_person_limit": 0}, "per_person_limit"),
        ],
    )
    def test_that_make_no_sense_are_refused_on_their_field(self, changes, field):
        with pytest.raises(OfferRefused) as refusal:
            terms(**changes).check()
        assert refusal.value.field == field

    def test_are_put_in_words_and_numbers(self):
        version = OfferVersion(**vars(terms(cap_cents=2000, weekdays=0b0000010, per_person_limit=2, period="month")))
        with translation.override("fr"):
            assert words.worth(version) == "−10\u00a0%"
            assert words.example(version) == "Sur 80,00\u00a0€, le client paie 72,00\u00a0€."
            expected = ["20,00\u00a0€ de remise au plus", "mardi", "2 fois par mois et par personne"]
            assert words.conditions(version) == expected

    @pytest.mark.parametrize(
        ("hours", "weekdays", "said"),
        [
            ([["11:30", "12:15"], ["18:00", "19:00"]], 127, "de 11 h 30 à 12 h 15 et de 18 h à 19 h"),
            ([["21:30", "01:00"]], 0b0110000, "vendredi, samedi de 21 h 30 à 1 h"),
            ([["00:00", "09:00"], ["18:00", "24:00"]], 127, "avant 9 h et à partir de 18 h"),
            ([], 127, ""),
        ],
    )
    def test_name_their_hours(self, hours, weekdays, said):
        with translation.override("fr"):
            assert words.hours(OfferVersion(weekdays=weekdays, hours=hours)).replace("\u00a0", " ") == said
