"""Offers for some people, conflicts in words, pictures, drafts and plans, and the agreement that has to be accepted anew."""

import io
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from PIL import Image

from companies.errors import NotAllowed
from companies.models import AuditEntry, Document, OutboxMail, Person, Site
from companies.pictures import PictureRefused
from merchants import agreement, conflicts, selectors, services, words
from merchants.models import Merchant, MerchantStatus, OfferState, OfferVersion, Period
from merchants.services.applications import AgreementMissing
from merchants.services.offers import AgreementOutdated, MomentPassed, NothingPrepared, TooFewPeople
from merchants.services.terms import OfferRefused, terms_of
from tests.factories.benefit_card import MerchantFactory, ShopFactory, offer
from tests.factories.companies import CompanyFactory, EmploymentFactory, UserFactory, staff
from tests.factories.merchants import owner, terms

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
AFTER = datetime(2027, 1, 10, 9, 0, tzinfo=UTC)  # the time to think the agreement over has passed


def photo(size=(40, 30), kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", size, "#8a4420").save(out, kind)
    return out.getvalue()


@pytest.fixture
def shop(db):
    return ShopFactory()


@pytest.fixture
def boss(shop):
    return owner(shop.merchant)


@pytest.fixture
def visitor(boss):
    client = Client()
    client.force_login(boss)
    return client


FORM = {
    "kind": "percent", "percent": "10", "title": "Dix", "days": [str(n) for n in range(7)], "starts_on": "2026-11-01",
    "period": "rolling", "per_person_limit": "2", "window_days": "30", "combine": "alone", "offline": "allow",
    "contract": "any", "excluded": "14/07/2027\n08/01/2027 - 04/02/2027", "hours": "18h-19h, 11h30-12h15",
}  # fmt: skip


class TestTerms:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"period": Period.ROLLING, "per_person_limit": 2}, "window_days"),
            ({"period": Period.ROLLING, "window_days": 30}, "per_person_limit"),
            ({"period": Period.ROLLING, "window_days": 30, "per_person_limit": 101}, "per_person_limit"),
            ({"period": Period.ROLLING, "window_days": 367, "per_person_limit": 1}, "window_days"),
            ({"period": Period.MONTH, "window_days": 30, "per_person_limit": 1}, "window_days"),
            ({"first_visit": True}, "per_person_limit"),
            ({"ends_on": date(2026, 1, 2), "excluded": [["2026-01-01", "2026-01-02"]]}, "excluded"),
            ({"ends_on": date(2026, 1, 2), "weekdays": 0b0000001}, "excluded"),
        ],
    )
    def test_of_the_new_kinds_are_refused_on_their_field(self, changes, field):
        with pytest.raises(OfferRefused) as refusal:
            terms(**changes).check()
        assert refusal.value.field == field

    def test_come_back_from_a_draft_as_they_were(self, shop, boss):
        row = offer(shop.merchant)
        said = terms(
            hours=[["11:30", "12:15"], ["20:00", "02:00"]], ends_on=date(2027, 1, 1), excluded=[["2026-12-25", "2026-12-25"]],
            picture_id=services.keep_picture(actor=boss, merchant=shop.merchant, content=photo(), at=NOW),
        )  # fmt: skip
        services.save_offer(actor=boss, merchant=shop.merchant, offer=row, terms=said, hold=True, at=NOW)
        row.refresh_from_db()
        assert terms_of(row.draft) == said

    def test_are_put_in_words(self):
        version = terms(
            period=Period.ROLLING, per_person_limit=2, window_days=30, combine="alone", sizes=["10-49"], contract="open",
            excluded=[["2027-07-14", "2027-07-14"]],
        ).as_version()  # fmt: skip
        with translation.override("fr"):
            assert [text.replace("\xa0", " ") for text in words.conditions(version)] == [
                "2 fois sur 30 jours glissants et par personne",
                "non cumulable avec une autre offre le même jour",
                "pour les entreprises de 10–49 salariés · contrats sans date de fin",
                "sauf mer. 14 juillet 2027",
            ]

    def test_are_put_in_numbers_around_minimum_and_ceiling(self):
        """case: preview in numbers: "on 80.00 € you pay 72.00 €"."""
        version = terms(cap_cents=1000, min_spend_cents=3000).as_version()
        with translation.override("en"):
            assert words.sums(version) == [
                ("€20.00", "€20.00"), ("€29.00", "€29.00"), ("€30.00", "€27.00"), ("€80.00", "€72.00"), ("€100.00", "€90.00"),
            ]  # fmt: skip


class TestForm:
    def test_saves_every_rule_and_shows_it_again(self, shop, visitor):
        company = CompanyFactory(name="Cuirs Test")
        site = Site.objects.create(company=CompanyFactory(name="Autre"), name="Atelier")
        for _person in range(10):
            EmploymentFactory(company=company)
        address = reverse("merchants:offer_new", args=[shop.merchant_id])
        sent = {**FORM, "employers": "cuirs test\nAutre / atelier", "sizes": [], "picture": io.BytesIO(photo())}
        answer = visitor.post(address, sent)
        assert answer.status_code == 302, answer.context["form"].errors
        version = OfferVersion.objects.get()
        assert (version.period, version.per_person_limit, version.window_days) == ("rolling", 2, 30)
        assert (version.companies, version.sites, version.combine) == ([company.pk], [site.pk], "alone")
        assert version.hours == [["11:30", "12:15"], ["18:00", "19:00"]]
        assert version.excluded == [["2027-01-08", "2027-02-04"], ["2027-07-14", "2027-07-14"]]
        page = visitor.get(reverse("merchants:offer_edit", args=[shop.merchant_id, version.offer_id])).content.decode()
        assert "Cuirs Test" in page and "Autre / Atelier" in page and "14/07/2027" in page
        assert str(version.picture_id) in page and "11:30-12:15, 18:00-19:00" in page

    def test_keeps_the_picture_when_another_field_is_refused(self, shop, visitor):
        address = reverse("merchants:offer_new", args=[shop.merchant_id])
        answer = visitor.post(address, {**FORM, "title": "", "picture": io.BytesIO(photo())})
        kept = Document.objects.get(kind="offer_picture")
        assert answer.status_code == 200 and str(kept.pk) in answer.content.decode()

    def test_refuses_what_is_no_picture_on_its_field(self, shop, visitor):
        address = reverse("merchants:offer_new", args=[shop.merchant_id])
        answer = visitor.post(address, {**FORM, "picture": io.BytesIO(b"<svg onload=alert(1)>")})
        assert answer.status_code == 200 and "picture" in answer.context["form"].errors
        assert not OfferVersion.objects.exists() and not Document.objects.exists()

    def test_names_employers_it_does_not_know(self, shop, visitor):
        address = reverse("merchants:offer_new", args=[shop.merchant_id])
        answer = visitor.post(address, {**FORM, "employers": "Personne SA"})
        assert "Personne SA" in str(answer.context["form"].errors["employers"])

    def test_previews_hours_and_conflicts_in_words_while_one_types(self, shop, visitor):
        offer(shop.merchant, title="Cinq", percent=5)
        address = reverse("merchants:offer_preview", args=[shop.merchant_id])
        page = visitor.post(address, FORM).content.decode()
        assert "Cinq" in page and "de 11\u00a0h\u00a030 à 12\u00a0h\u00a015 et de 18\u00a0h à 19\u00a0h" in page

    @pytest.mark.parametrize("hours", ["matin", "11h-13h, 12h-14h"])
    def test_keeps_hours_that_make_no_sense_and_says_so_beside_them(self, shop, visitor, hours):
        address = reverse("merchants:offer_new", args=[shop.merchant_id])
        answer = visitor.post(address, {**FORM, "hours": hours})
        assert list(answer.context["form"].errors) == ["hours"] and hours in answer.content.decode()


class TestAudience:
    def test_of_fewer_than_ten_people_is_refused(self, shop, boss):
        """Decision 0032: an offer never points at fewer than ten people."""
        company = CompanyFactory()
        people = [EmploymentFactory(company=company) for _person in range(10)]
        said = terms(companies=[company.pk])
        services.save_offer(actor=boss, merchant=shop.merchant, terms=said, at=NOW)
        people[0].ends_on = date(2026, 1, 31)
        people[0].save()
        with pytest.raises(TooFewPeople):
            services.save_offer(actor=boss, merchant=shop.merchant, terms=said, at=NOW)

    def test_finds_its_offers_and_nobody_else_does(self, shop):
        job = EmploymentFactory()
        row = offer(shop.merchant, companies=[job.company_id], title="Pour nous")
        everybody = offer(shop.merchant)
        other = Person.objects.exclude(pk=job.person_id).first() or EmploymentFactory().person

        def found(person):
            return set(selectors.find_offers(text="", category=None, today=date(2026, 11, 23), person=person))

        assert found(job.person) == {row, everybody}
        assert found(other) == found(None) == {everybody}


class TestConflicts:
    def said(self, *others, **changes):
        version = terms(title="Neuve", **changes).as_version()
        with translation.override("en"):
            return [(n.sentence, n.warning) for n in conflicts.notices(version, others, self.hours)]

    hours = ()

    def other(self, **changes):
        return terms(**{"title": "Old", **changes}).as_version()

    def test_tell_what_two_offers_cost_together_and_warn_of_a_lot(self):
        ((sentence, warning),) = self.said(self.other(percent=5))
        assert "pays €68.40 on €80.00" in sentence and not warning
        ((sentence, warning),) = self.said(self.other(percent=50))
        assert "pays €36.00 on €80.00" in sentence and warning

    def test_tell_of_offers_that_exclude_each_other(self):
        ((sentence, warning),) = self.said(self.other(percent=5), combine="alone")
        assert "cannot use “Old” on the same day" in sentence and not warning

    def test_warn_of_an_offer_nobody_will_choose(self):
        ((sentence, warning),) = self.said(self.other(percent=15), combine="alone")
        assert "nobody will choose" in sentence and warning
        ((sentence, _),) = self.said(self.other(percent=15, min_spend_cents=2000), combine="alone")
        assert "nobody will choose" not in sentence

    def test_warn_of_the_same_offer_twice(self):
        assert "gives the same" in self.said(self.other())[0][0]

    @pytest.mark.parametrize(
        "changes",
        [
            {"weekdays": 0b0000001},
            {"starts_on": date(2027, 1, 1)},
            {"hours": [["08:00", "09:00"], ["18:00", "19:00"], ["20:00", "02:00"]]},
            {"contract": "fixed"},
            {"companies": [1]},
            {"sizes": ["1-9"]},
        ],
    )
    def test_are_none_where_two_offers_never_meet(self, changes):
        mine = {
            "weekdays": 0b0100000, "ends_on": date(2026, 12, 31), "hours": [["09:00", "12:00"], ["14:00", "18:00"]],
            "contract": "open", "companies": [2], "sizes": ["250+"],
        }  # fmt: skip
        names = {"ends_on" if name == "starts_on" else name for name in changes}
        assert self.said(self.other(**changes), **{name: mine[name] for name in names}) == []

    def test_see_a_night_of_sunday_run_into_monday(self):
        night = self.other(weekdays=0b1000000, hours=[["22:00", "03:00"]], percent=5)
        assert self.said(night, weekdays=0b0000001, hours=[["00:00", "02:00"]])
        assert self.said(night, weekdays=0b0000001, hours=[["12:00", "14:00"], ["02:30", "03:30"]])
        assert not self.said(night, weekdays=0b0000001, hours=[["03:00", "24:00"]])

    def test_warn_of_hours_when_every_shop_is_closed(self):
        self.hours = [{"1": [["09:00", "12:00"]]}]
        assert "closed" in self.said(weekdays=0b0000010)[0][0]
        assert self.said(weekdays=0b0000001) == []

    def test_tell_what_no_till_can_check_without_network(self):
        ((sentence, _),) = self.said(offline="allow", stock=5, contract="open", combine="alone")
        assert all(part in sentence for part in ("uses at other tills", "employer and contract", "other offers"))
        assert self.said(offline="online", stock=5) == []

    def test_stand_on_the_page_before_publishing(self, shop, boss, visitor):
        offer(shop.merchant, title="Ancienne", percent=50)
        row = services.save_offer(actor=boss, merchant=shop.merchant, terms=terms(), at=NOW)
        page = visitor.get(reverse("merchants:offer", args=[shop.merchant_id, row.pk])).content.decode()
        assert "Avant de publier" in page and "Ancienne" in page and "36,00" in page


class TestPicture:
    def test_is_made_small_and_served_with_cache_and_a_strict_policy(self, shop, boss, visitor):
        """case: image bomb and SVG by a merchant (threat table): re-encoded, capped, served inert."""
        said = terms(
            picture_id=services.keep_picture(actor=boss, merchant=shop.merchant, content=photo((2_000, 900)), at=NOW)
        )
        row = services.save_offer(actor=boss, merchant=shop.merchant, terms=said, at=NOW)
        address = reverse("merchants:picture", args=[row.current.picture_id])
        stranger = Client()
        stranger.force_login(UserFactory())
        assert stranger.get(address).status_code == 404, "of a draft"
        services.publish(actor=boss, offer=row, at=NOW)
        for client in (visitor, stranger):
            answer = client.get(address)
            assert answer.content.startswith(b"\xff\xd8\xff") and answer["Content-Type"] == "image/jpeg"
            assert answer["Cache-Control"] == "private, max-age=31536000, immutable"
            assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
            assert answer["X-Content-Type-Options"] == "nosniff"
        with Image.open(io.BytesIO(answer.content)) as image:
            assert image.width == 960
        assert address in stranger.get(reverse("merchants:offers")).content.decode()

    def test_of_another_merchant_cannot_be_taken(self, shop, boss):
        elsewhere = MerchantFactory()
        theirs = services.keep_picture(actor=owner(elsewhere), merchant=elsewhere, content=photo(), at=NOW)
        with pytest.raises(PictureRefused):
            services.save_offer(actor=boss, merchant=shop.merchant, terms=terms(picture_id=theirs), at=NOW)

    def test_goes_when_no_terms_show_it_any_more_and_never_before(self, shop, boss):
        """Decision 0040: in force, paused, draft, planned and prepared terms keep their picture; old versions lose it."""
        names = ("stray", "replaced", "now", "prepared", "planned", "paused", "ended", "new")
        kept = {
            name: services.keep_picture(
                actor=boss, merchant=shop.merchant, content=photo(), at=NOW + timedelta(days=3 * (name == "new"))
            )
            for name in names
        }

        def write(name, offer=None, **more):
            said = terms(title=name, picture_id=kept[name])
            return services.save_offer(actor=boss, merchant=shop.merchant, terms=said, offer=offer, at=NOW, **more)

        row = write("replaced")
        services.publish(actor=boss, offer=row, at=NOW)
        row = write("now", row)
        write("prepared", row, hold=True)
        services.schedule(actor=boss, offer=write("planned"), due_at=NOW + timedelta(days=30), at=NOW)
        for name, step in (("paused", services.pause), ("ended", services.end)):
            services.publish(actor=boss, offer=(other := write(name)), at=NOW)
            step(actor=boss, offer=other, at=NOW)
        assert services.forget_pictures(at=NOW + timedelta(days=6)) == 0, "a form may still be open"
        assert [services.forget_pictures(at=NOW + timedelta(days=8)) for _run in range(2)] == [3, 0]
        left = set(Document.objects.filter(kind="offer_picture").values_list("pk", flat=True))
        assert left == {kept[name] for name in ("now", "prepared", "planned", "paused", "new")}
        first = row.versions.get(number=1)
        assert (first.title, first.picture_id) == ("replaced", None)
        services.put_in_force(actor=boss, offer=row, at=NOW + timedelta(days=9))
        assert services.forget_pictures(at=NOW + timedelta(days=9)) == 1, "what was in force is replaced"

    def test_may_be_taken_from_a_version_but_not_exchanged(self, shop, boss):
        one, two = (services.keep_picture(actor=boss, merchant=shop.merchant, content=photo(), at=NOW) for _two in "ab")
        version = offer(shop.merchant, picture_id=one).current
        for changes in ({"picture": two}, {"picture": None, "title": "x"}):
            with pytest.raises(DatabaseError, match="Cannot update"), transaction.atomic():
                OfferVersion.objects.filter(pk=version.pk).update(**changes)

    def test_is_for_those_who_look_after_the_merchant(self, shop):
        for actor in (UserFactory(), owner(MerchantFactory())):
            with pytest.raises(NotAllowed):
                services.keep_picture(actor=actor, merchant=shop.merchant, content=photo(), at=NOW)


class TestPlans:
    def test_publish_a_draft_at_their_moment_and_not_before(self, shop, boss):
        row = services.save_offer(actor=boss, merchant=shop.merchant, terms=terms(), at=NOW)
        services.schedule(actor=boss, offer=row, due_at=NOW + timedelta(hours=2), at=NOW)
        assert services.follow_plans(at=NOW + timedelta(hours=1)) == 0
        assert [services.follow_plans(at=NOW + timedelta(hours=2)) for _run in range(2)] == [1, 0]
        row.refresh_from_db()
        assert (row.state, row.due_at) == (OfferState.PUBLISHED, None)

    def test_put_prepared_terms_in_force_as_a_new_version(self, shop, boss):
        row = offer(shop.merchant)
        services.save_offer(actor=boss, merchant=shop.merchant, offer=row, terms=terms(percent=20), hold=True, at=NOW)
        row.refresh_from_db()
        assert (row.current.percent, row.draft["percent"]) == (10, 20), "tills and holders go on with the old terms"
        services.schedule(actor=boss, offer=row, due_at=NOW + timedelta(days=1), at=NOW)
        services.follow_plans(at=NOW + timedelta(days=1))
        row.refresh_from_db()
        assert (row.current.number, row.current.percent, row.draft, row.due_at) == (2, 20, None, None)
        assert AuditEntry.objects.filter(action="offer.version", actor=None, actor_label="schedule").exists()

    def test_wait_while_the_merchant_is_suspended(self, shop, boss):
        row = services.save_offer(actor=boss, merchant=shop.merchant, terms=terms(), at=NOW)
        services.schedule(actor=boss, offer=row, due_at=NOW + timedelta(hours=1), at=NOW)
        services.suspend(actor=staff(), merchant=shop.merchant, reason="Remises refusées", at=NOW)
        assert services.follow_plans(at=NOW + timedelta(hours=2)) == 0
        services.approve(actor=staff(), merchant=Merchant.objects.get(pk=shop.merchant_id), at=NOW)
        assert services.follow_plans(at=NOW + timedelta(hours=3)) == 1

    def test_are_dropped_with_the_draft_or_the_end(self, shop, boss):
        row = offer(shop.merchant)
        services.save_offer(actor=boss, merchant=shop.merchant, offer=row, terms=terms(percent=20), hold=True, at=NOW)
        services.schedule(actor=boss, offer=row, due_at=NOW + timedelta(days=1), at=NOW)
        services.drop_draft(actor=boss, offer=row, at=NOW)
        assert services.follow_plans(at=NOW + timedelta(days=2)) == 0
        with pytest.raises(NothingPrepared):
            services.put_in_force(actor=boss, offer=row, at=NOW)
        with pytest.raises(NothingPrepared):
            services.schedule(actor=boss, offer=row, due_at=NOW + timedelta(days=1), at=NOW)

    def test_are_for_the_future_and_for_the_owner(self, shop, boss):
        row = services.save_offer(actor=boss, merchant=shop.merchant, terms=terms(), at=NOW)
        with pytest.raises(MomentPassed):
            services.schedule(actor=boss, offer=row, due_at=NOW, at=NOW)
        with pytest.raises(NotAllowed):
            services.schedule(actor=UserFactory(), offer=row, due_at=NOW + timedelta(days=1), at=NOW)

    def test_end_an_offer_when_its_last_day_is_over(self, shop):
        row = offer(shop.merchant, ends_on=date(2026, 11, 21))
        later = offer(shop.merchant, ends_on=date(2026, 11, 22))  # its last night may run into today
        services.follow_plans(at=NOW)
        row.refresh_from_db(), later.refresh_from_db()
        assert (row.state, later.state) == (OfferState.ENDED, OfferState.PUBLISHED)

    def test_are_made_on_the_page(self, shop, boss, visitor):
        row = offer(shop.merchant)
        edit = reverse("merchants:offer_edit", args=[shop.merchant_id, row.pk])
        assert visitor.post(edit, {**FORM, "percent": "20", "hold": "1"}).status_code == 302
        plan = reverse("merchants:offer_plan", args=[shop.merchant_id, row.pk])
        due = timezone.localtime() + timedelta(days=3)
        visitor.post(plan, {"due_at": f"{due:%Y-%m-%dT%H:%M}"})
        page = visitor.get(reverse("merchants:offer", args=[shop.merchant_id, row.pk])).content.decode()
        assert "Conditions préparées" in page and "64,00" in page and f"{due:%H}" in page
        visitor.post(reverse("merchants:offer_force", args=[shop.merchant_id, row.pk]))
        row.refresh_from_db()
        assert row.current.percent == 20


class TestAgreement:
    def outdated(self, shop):
        Merchant.objects.filter(pk=shop.merchant_id).update(agreement="2026-1")
        shop.merchant.refresh_from_db()
        return shop.merchant

    def test_of_a_new_text_leaves_time_and_then_stops_new_offers_only(self, shop, boss):
        """Case: agreement re-accepted when its text changes."""
        merchant = self.outdated(shop)
        running = offer(merchant)
        row = services.save_offer(actor=boss, merchant=merchant, terms=terms(), at=NOW)
        services.publish(actor=boss, offer=row, at=NOW)
        services.pause(actor=boss, offer=row, at=NOW)
        row.merchant.refresh_from_db()
        for attempt in (
            lambda: services.publish(actor=boss, offer=row, at=AFTER),
            lambda: services.schedule(actor=boss, offer=row, due_at=AFTER + timedelta(days=1), at=AFTER),
        ):
            with pytest.raises(AgreementOutdated):
                attempt()
        running.refresh_from_db()
        assert running.state == OfferState.PUBLISHED, "what runs goes on"
        services.accept_agreement(actor=boss, merchant=merchant, agreed=True, address="192.0.2.1", at=AFTER)
        row.merchant.refresh_from_db()
        services.publish(actor=boss, offer=row, at=AFTER)

    def test_is_accepted_once_by_an_owner_with_proof(self, shop, boss):
        """Case: agreement accepted with proof."""
        merchant = self.outdated(shop)
        with pytest.raises(AgreementMissing):
            services.accept_agreement(actor=boss, merchant=merchant, agreed=False, at=NOW)
        with pytest.raises(NotAllowed):
            services.accept_agreement(actor=staff(), merchant=merchant, agreed=True, at=NOW)
        for _twice in range(2):
            services.accept_agreement(actor=boss, merchant=merchant, agreed=True, address="192.0.2.1", at=NOW)
        proof = merchant.acceptances.get()
        assert (proof.version, proof.user, proof.address, proof.at) == (agreement.CURRENT, boss, "192.0.2.1", NOW)
        assert proof.sha256 == agreement.fingerprint(agreement.CURRENT)
        assert bytes(proof.document.content).startswith(b"%PDF")

    def test_is_asked_for_by_mail_twice_and_not_of_those_who_accepted(self, shop, boss):
        merchant = self.outdated(shop)
        owner(MerchantFactory())
        stopped = MerchantFactory(agreement="2026-1", status=MerchantStatus.SUSPENDED)
        owner(stopped)
        assert [services.ask_for_agreement(at=NOW) for _run in range(2)] == [1, 0]
        assert [services.ask_for_agreement(at=AFTER) for _run in range(2)] == [1, 0]
        first, last = OutboxMail.objects.order_by("pk")
        assert first.to == last.to == boss.email and f"/merchant/{merchant.pk}/agreement/" in first.body
        assert services.ask_for_agreement(at=datetime(2026, 10, 31, 9, tzinfo=UTC)) == 0

    def test_shows_what_is_new_and_is_accepted_on_a_page(self, shop, boss, visitor):
        self.outdated(shop)
        home = visitor.get(reverse("merchants:home", args=[shop.merchant_id])).content.decode()
        address = reverse("merchants:agreement_accept", args=[shop.merchant_id])
        assert address in home
        page = visitor.get(address).content.decode()
        assert page.count("Nouveau") == sum(article.new for article in agreement.articles(accepted="2026-1")) == 4
        assert agreement.READING["en"][agreement.CURRENT][0] not in page
        visitor.post(address, {"agreed": "1", "reading": ""})
        assert (shop.merchant.acceptances.get().reading, shop.merchant.acceptances.get().reading_sha256) == ("", "")
        shop.merchant.refresh_from_db()
        assert shop.merchant.agreement == agreement.CURRENT
        assert (
            address
            not in visitor.get(reverse("merchants:home", args=[shop.merchant_id])).content.decode().split("todo")[0]
        )
