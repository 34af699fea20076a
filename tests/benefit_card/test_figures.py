"""Dashboards: closed months, counted once, never pointing at fewer than ten people."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from benefit_card import enrolment, figures
from benefit_card.credential import PARIS
from benefit_card.models import Card, MerchantDay, MerchantUse, MonthlyUse, Redemption, Shown
from benefit_card.services import cards, monthly_use, renewals
from companies.models import Role
from tests.factories.benefit_card import TillFactory, offer
from tests.factories.companies import CompanyFactory, EmploymentFactory, member, staff
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
FEBRUARY, MARCH = date(2026, 2, 1), date(2026, 3, 1)
APRIL_3 = datetime(2026, 4, 3, 12, tzinfo=PARIS)
HIDDEN = "moins de 10*"


@pytest.fixture
def company():
    """A company of ten cards, and a way to use them."""
    row = CompanyFactory(headcount=30)
    people = [EmploymentFactory(company=row).person for _n in range(11)]
    made = cards.make_cards([person.pk for person in people], batch=None, at=datetime(2026, 1, 5, tzinfo=PARIS))
    till = TillFactory()
    promise = offer(till.merchant)

    def use(month, count, times=3):
        Redemption.objects.bulk_create(
            Redemption(
                client_id=uuid.uuid4(), card=card, person_id=card.person_id, merchant=till.merchant, till=till,
                offer=promise, offer_version=promise.current, shown=Shown.PHONE, gross_cents=4_000, discount_cents=400,
                period="ever", at=datetime(month.year, month.month, 3 + n, 11, tzinfo=PARIS) + timedelta(minutes=k),
            )
            for k, card in enumerate(made[:count]) for n in range(times)
        )  # fmt: skip

    row.use, row.till = use, till
    return row


def page(client, company, at=APRIL_3):
    client.force_login(member(company, Role.HR))
    with time_machine.travel(at, tick=False):
        return client.get(reverse("benefit_card:company_use", args=[company.pk])).content.decode()


class TestCompany:
    def test_of_nine_is_hidden_and_one_more_employee_cannot_be_subtracted(self, company, client):
        """Case: Company of 9 active cards shows "moins de 10"; adding one employee reveals nobody month to month."""
        company.use(FEBRUARY, 9), company.use(MARCH, 10)
        monthly_use.count_missing(at=APRIL_3)
        text = page(client, company)
        assert HIDDEN in text and ">27<" not in text
        assert text.count(HIDDEN) == 1 and ">30<" in text

    def test_reads_the_same_with_ten_or_eleven_people(self, company, client):
        company.use(FEBRUARY, 10), company.use(MARCH, 11)
        monthly_use.count_missing(at=APRIL_3)
        text = page(client, company)
        assert text.count(">30<") >= 2 and ">33<" not in text and ">11<" not in text.split("<table", 1)[1]

    def test_sees_no_running_month_and_none_that_is_counted_twice(self, company, client):
        company.use(MARCH, 10)
        assert monthly_use.count_missing(at=datetime(2026, 3, 31, 23, tzinfo=PARIS), back=1) == [FEBRUARY]
        assert not MonthlyUse.objects.filter(month=MARCH).exists()
        monthly_use.count_missing(at=APRIL_3)
        before = list(MonthlyUse.objects.order_by("pk").values_list())
        company.use(MARCH, 11)
        assert monthly_use.count_missing(at=APRIL_3) == []
        assert list(MonthlyUse.objects.order_by("pk").values_list()) == before

    def test_has_no_figure_by_merchant(self, company, client):
        company.use(MARCH, 11)
        monthly_use.count_missing(at=APRIL_3)
        text = page(client, company)
        assert company.till.merchant.name not in text
        assert text.count("<table") == 1, "below fifty cards a company sees no split"
        assert set(MonthlyUse.objects.values_list("scope", flat=True)) == {
            "all",
            "company",
            "comp_cat",
            "size",
            "category",
        }


class TestOthers:
    def test_association_sees_adoption_in_few_queries(self, company, client, django_assert_max_num_queries):
        company.use(MARCH, 11)
        monthly_use.count_missing(at=APRIL_3)
        client.force_login(staff())
        with time_machine.travel(APRIL_3, tick=False), django_assert_max_num_queries(14):
            text = client.get(reverse("benefit_card:staff_use")).content.decode()
        assert ">30<" in text and "<svg" in text

    def test_merchant_sees_visits_and_best_hours_without_voids(self, company, client):
        company.use(MARCH, 11)
        client.force_login(owner(company.till.merchant))
        with time_machine.travel(APRIL_3, tick=False):
            text = client.get(reverse("benefit_card:merchant_visits", args=[company.till.merchant.pk])).content.decode()
        assert ">33<" in text and "11 h" in text

    def test_merchant_sees_the_same_when_past_months_were_counted(self, company):
        """Counted a whole month later; what is newer is read as it is, and a void before that is in neither."""
        company.use(FEBRUARY, 11)
        company.use(MARCH, 12)
        merchant = company.till.merchant
        read = figures.for_merchant(merchant, at=APRIL_3)
        monthly_use.count_missing(at=APRIL_3)
        assert [use.month for use in MerchantUse.objects.filter(merchant=merchant)] == [FEBRUARY]
        assert figures.for_merchant(merchant, at=APRIL_3) == read
        company.use(FEBRUARY, 2)  # too late: counted once, never again
        monthly_use.count_missing(at=APRIL_3)
        assert figures.for_merchant(merchant, at=APRIL_3) == read

    def test_merchant_sees_the_same_when_past_days_were_counted(self, company):
        """Days up to yesterday come from the night's count; a late one stands right by the next morning, today's at once."""
        merchant = company.till.merchant
        company.use(MARCH, 11)
        company.use(date(2026, 4, 1), 1, times=1)  # 3 April at 11:00: today
        read = figures.for_merchant(merchant, at=APRIL_3)
        monthly_use.count_days(at=APRIL_3)
        assert not MerchantDay.objects.filter(day=APRIL_3.date()).exists()
        assert sum(MerchantDay.objects.values_list("visits", flat=True)) == 33
        assert figures.for_merchant(merchant, at=APRIL_3) == read
        company.use(MARCH, 2, times=1)
        assert figures.for_merchant(merchant, at=APRIL_3) == read
        company.use(date(2026, 4, 1), 2, times=1)
        assert figures.for_merchant(merchant, at=APRIL_3)["visits"][0][:2] == ("04/2026", 3)
        monthly_use.count_days(at=APRIL_3)
        assert figures.for_merchant(merchant, at=APRIL_3)["visits"][1][:2] == ("03/2026", 35)


class TestEnrolment:
    def test_counts_what_each_list_of_the_page_shows(self, company, client):
        """Figures and lists come from different statements: each figure is as long as its list, and names are sorted."""
        held = list(Card.objects.order_by("pk"))
        cards.block(actor=member(company, Role.HR), card=held[0], reason="lost", at=APRIL_3)
        Card.objects.filter(pk=held[1].pk).update(activated_at=APRIL_3)
        Card.objects.filter(pk__in=[held[2].pk, held[3].pk, held[4].pk]).update(valid_until=date(2026, 4, 30))
        company.employments.filter(person=held[3].person_id).update(
            ends_on=date(2026, 4, 15)
        )  # leaves before the card ends
        other = EmploymentFactory(person=held[4].person).company
        company.employments.filter(person=held[4].person_id).update(ends_on=date(2026, 4, 15))
        for name in ("Zola", "Élan", "Abel"):
            EmploymentFactory(company=company, person__last_name=name)
        assert other.is_member
        with time_machine.travel(APRIL_3, tick=False):
            found = enrolment.counts(company, at=APRIL_3)
            client.force_login(member(company, Role.HR))
            for show in ("all", "without", "ready", "blocked", "ending"):
                page = client.get(reverse("benefit_card:company_cards", args=[company.pk]), {"show": show}).context[
                    "page"
                ]
                assert page.paginator.count == len(page.object_list) == found[show], show
                names = [(row.person.last_name, row.person.first_name) for row in page]
                assert names == sorted(names)
        assert found == {
            "all": 14,
            "people": 14,
            "cards": 10,
            "without": 3,
            "ready": 9,
            "open": 1,
            "blocked": 1,
            "ending": 2,
        }
        assert found["ending"] == renewals.ending_in(company, at=APRIL_3).count()
