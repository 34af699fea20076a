"""Forgetting: what may no longer be known goes, sums stay, and nobody gets a used-up gift again by leaving."""

from __future__ import annotations

import io
import json
import sys
import uuid
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from benefit_card import selectors
from benefit_card.models import Card, ErasedHolder, Quota, Redemption, RedemptionRequest, RetentionReport, Shown
from benefit_card.services import cards, erasure, holders, personal_data, redemption, retention
from companies.errors import NotAllowed
from companies.models import Employment, OutboxMail, Person, User
from companies.services.erasure import StaffAccount
from companies.services.roles import LastAdministrator
from merchants.models import DigestChoice, Favourite, Kind
from merchants.services import discovery
from tests.factories.benefit_card import TillFactory, card, offer, print_code
from tests.factories.companies import CompanyFactory, EmploymentFactory, UserFactory, member, staff
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    """The moment of each test, not of their collection: the keys of its cards are drawn a moment before."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC))


def sell(made: Card, row, till, at=None, amount=4711):
    at = at or datetime.now(UTC)
    return redemption.redeem(
        till=till, client_id=uuid.uuid4(), code=print_code(made), offer_id=row.pk, amount_cents=amount, version=None, at=at
    )  # fmt: skip


@pytest.fixture
def holder():
    """Somebody with an account who used a single-use gift."""
    made = card()
    user = UserFactory(email="camille@example.org", full_name="Camille Témoin")
    Person.objects.filter(pk=made.person_id).update(user=user, first_name="Camille", last_name="Témoin-Unique")
    made.person.refresh_from_db()
    till = TillFactory()
    row = offer(till.merchant, kind=Kind.GIFT, gift="Un café", per_person_limit=1)
    assert sell(made, row, till, amount=0).status == 201
    return made, row, till


class TestErasure:
    def test_takes_the_person_out_and_leaves_the_sum(self, holder, client):
        """Case: Erasure request — personal rows gone from app, search and exports; statement totals unchanged."""
        made, _row, _till = holder
        user, company = made.person.user, made.person.employments.get().company
        before = list(Redemption.objects.values_list("gross_cents", "discount_cents"))
        discovery.choose_digest(user=user, wanted=True, at=NOW)
        discovery.toggle_favourite(actor=user, merchant=holder[2].merchant)
        client.force_login(user)
        assert client.post(reverse("benefit_card:my_data_erase"), {"confirmed": "1"}).status_code == 302
        assert not DigestChoice.objects.exists() and not Favourite.objects.exists()
        assert list(Redemption.objects.values_list("gross_cents", "discount_cents")) == before
        assert Redemption.objects.get().person is None and Redemption.objects.get().card is None
        client.force_login(member(company, "hr", "admin"))
        for name in ("companies:employee_list", "benefit_card:company_cards"):
            assert "Témoin-Unique" not in client.get(reverse(name, args=[company.pk])).content.decode()
        user.refresh_from_db()
        assert not user.is_active and "camille" not in user.email + user.full_name
        assert not OutboxMail.objects.filter(to="camille@example.org").exists()
        assert Card.objects.revoked(at=NOW).filter(pk=made.pk).exists()

    def test_does_not_reset_a_single_use_gift(self, holder):
        """Case: Erasure request — quota hash still blocks the single-use gift."""
        made, row, till = holder
        company = made.person.employments.get().company
        erasure.erase_oneself(actor=made.person.user, confirmed=True, at=NOW)
        again = EmploymentFactory(company=company, person__first_name="camille", person__last_name="TEMOIN UNIQUE")
        (new,) = cards.make_cards([again.person_id], batch=None, at=NOW)
        answer = sell(new, row, till, amount=0)
        assert (answer.status, answer.body["code"]) == (409, "limit_reached")
        (third,) = cards.draft_cards([again.person_id], batch=None, at=NOW)
        assert third.holder_key == new.holder_key
        other = EmploymentFactory(company=company)
        (stranger,) = cards.make_cards([other.person_id], batch=None, at=NOW)
        assert sell(stranger, row, till, amount=0).status == 201

    def test_keeps_no_name_for_that(self, holder):
        made, _row, _till = holder
        erasure.erase_oneself(actor=made.person.user, confirmed=True, at=NOW)
        kept = ErasedHolder.objects.get()
        assert len(kept.name_hash) == 32 and "moin" not in kept.name_hash
        retention.run(at=NOW + holders.LONGEST + timedelta(days=2))
        assert not ErasedHolder.objects.exists()

    def test_needs_a_clear_yes(self, holder):
        with pytest.raises(erasure.NotConfirmed):
            erasure.erase_oneself(actor=holder[0].person.user, confirmed=False, at=NOW)
        assert Redemption.objects.get().person is not None

    def test_is_refused_while_somebody_depends_on_it(self):
        company, till = CompanyFactory(), TillFactory()
        for user, refusal in (
            (member(company, "admin"), LastAdministrator),
            (staff(), StaffAccount),
            (owner(till.merchant), erasure.LastOwner),
        ):
            with pytest.raises(refusal):
                erasure.erase_oneself(actor=user, confirmed=True, at=NOW)
            assert User.objects.get(pk=user.pk).is_active

    def test_is_for_everybody_who_signs_in(self, client):
        buyer = member(CompanyFactory(), "buyer")
        client.force_login(buyer)
        assert client.get(reverse("benefit_card:my_data")).status_code == 200
        client.post(reverse("benefit_card:my_data_erase"), {"confirmed": "1"})
        assert not User.objects.get(pk=buyer.pk).is_active and not buyer.memberships.exists()


class TestExport:
    def test_holds_every_list_and_who_looked(self, holder, client):
        """Case: Erasure request — export done before contains all access-log entries."""
        made, _row, till = holder
        for reason in ("Litige sur un café du 3 mars", "Demande écrite de la personne"):
            personal_data.break_glass(actor=staff(), wanted="camille@example.org", reason=reason, at=datetime.now(UTC))
        discovery.choose_digest(user=made.person.user, wanted=True, at=NOW)
        discovery.toggle_favourite(actor=made.person.user, merchant=till.merchant)
        client.force_login(made.person.user)
        answer = client.post(reverse("benefit_card:my_data_export"))
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        data = json.loads(archive.read("data.json"))
        assert data["person"]["last_name"] == "Témoin-Unique"
        assert [row["merchant"] for row in data["redemptions"]] == [till.merchant.name]
        assert [row["gift"] for row in data["redemptions"]] == ["Un café"]
        assert data["favourites"] == [{"merchant": till.merchant.name}] and data["mails_of_offers"][0]["stopped"] == ""
        whys = {row["why"] for row in data["access_log"]}
        assert {"Litige sur un café du 3 mars", "Demande écrite de la personne"} <= whys
        assert {f"{name}.csv" for name in ("redemptions", "access_log", "cards")} <= set(archive.namelist())
        assert till.merchant.name in archive.read("redemptions.csv").decode("utf-8-sig")

    def test_is_given_ten_times_an_hour(self, holder, client):
        client.force_login(holder[0].person.user)
        url = reverse("benefit_card:my_data_export")
        assert [client.post(url).status_code for _n in range(11)] == [200] * 10 + [302]


class TestBreakGlass:
    def test_is_logged_told_and_shown_to_the_person(self, holder, client):
        """Threat: insider tracks a person — each access leaves an entry shown to the employee."""
        made, _row, till = holder
        who = staff()
        client.force_login(who)
        said = {"wanted": "Camille@example.org", "reason": "Le commerce conteste la remise"}
        page = client.post(reverse("benefit_card:staff_person"), said).content.decode()
        assert till.merchant.name in page
        assert OutboxMail.objects.filter(to="camille@example.org", body__contains="Le commerce conteste").exists()
        client.force_login(made.person.user)
        mine = client.get(reverse("benefit_card:my_data")).content.decode()
        assert "Le commerce conteste la remise" in mine and str(who) in mine

    def test_is_for_the_association_alone_and_leaves_no_formula_in_a_file(self, holder):
        """Threat: insider tracks a person; malicious CSV: what others named is text in the person's own files."""
        made, _row, till = holder
        for nobody in (made.person.user, owner(till.merchant), member(CompanyFactory(), "hr", "admin")):
            with pytest.raises(NotAllowed):
                personal_data.break_glass(
                    actor=nobody, wanted="camille@example.org", reason="Le commerce conteste la remise", at=NOW
                )
        till.merchant.name = "=1+1"
        till.merchant.save()
        archive = zipfile.ZipFile(io.BytesIO(personal_data.export(made.person.user, at=NOW)))
        assert ";'=1+1;" in archive.read("redemptions.csv").decode("utf-8-sig")

    @pytest.mark.parametrize("said", [{"reason": "car"}, {"wanted": "Témoin-Unique"}, {"wanted": "no@example.org"}])
    def test_opens_nothing_without_reason_or_by_name(self, holder, client, said):
        client.force_login(staff())
        said = {"wanted": "camille@example.org", "reason": "Le commerce conteste la remise", **said}
        answer = client.post(reverse("benefit_card:staff_person"), said)
        assert answer.status_code == 400 and holder[2].merchant.name not in answer.content.decode()


class TestRetention:
    def test_takes_the_person_off_after_24_months_and_keeps_the_sum(self, holder):
        made, row, till = holder
        for days in (731, 729):
            Redemption.objects.create(
                client_id=uuid.uuid4(), card=made, person=made.person, merchant=till.merchant, till=till, offer=row,
                offer_version=row.current, shown=Shown.PRINT, gross_cents=days, discount_cents=1, period="ever",
                at=NOW - timedelta(days=days),
            )  # fmt: skip
        report = retention.run(at=NOW)
        assert report.counts["redemptions"] == 1
        assert Redemption.objects.get(gross_cents=731).person_id is None
        assert Redemption.objects.get(gross_cents=731).card_id is None
        assert Redemption.objects.get(gross_cents=729).person_id == made.person_id
        assert retention.run(at=NOW).counts["redemptions"] == 0

    def test_drops_refused_scans_after_a_week(self, holder):
        made, row, till = holder
        for days in (8, 6):
            sell(made, row, till, amount=0, at=NOW - timedelta(days=days))
        assert RedemptionRequest.objects.exclude(status=201).count() == 2
        assert retention.run(at=NOW).counts["scans"] == 1
        assert RedemptionRequest.objects.filter(status=201).count() == 1

    def test_erases_who_left_within_three_months(self, holder):
        made, _row, _till = holder
        today = NOW.date()
        EmploymentFactory(ends_on=today - timedelta(days=200))
        Employment.objects.filter(person=made.person).update(ends_on=today - timedelta(days=80))
        assert retention.run(at=NOW).counts["leavers"] == 1
        assert retention.run(at=NOW + timedelta(days=10)).counts["leavers"] == 1
        assert Person.objects.get(pk=made.person_id).last_name == ""
        assert not selectors.history_of(made.person.user).exists()
        assert RetentionReport.objects.count() == 2

    def test_keeps_who_left_one_of_two_employers(self, holder):
        EmploymentFactory(person=holder[0].person, ends_on=date(2025, 2, 1))
        assert retention.run(at=NOW).counts["leavers"] == 0

    def test_drops_counters_of_past_periods_only(self):
        today = NOW.date()
        for period in ("ever", "2024", "2024-03", "2024-W10", "2024-03-05", f"{today:%Y-%m}"):
            Quota.objects.create(scope="person", key="x:1", period=period, used=1)
        assert retention.run(at=NOW).counts["counters"] == 4
        assert set(Quota.objects.values_list("period", flat=True)) == {"ever", f"{today:%Y-%m}"}
