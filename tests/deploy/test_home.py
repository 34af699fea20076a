"""The home pages."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from benefit_card.models import Quota
from benefit_card.quota import STOCK
from benefit_card.services.cards import make_cards
from companies.models import Role
from merchants.models import Favourite
from tests.factories.benefit_card import TillFactory, offer
from tests.factories.companies import CompanyFactory, EmploymentFactory, member, staff
from tests.purchasing.employees.world import EmployeeWorld


def home(user, name, *args):
    client = Client()
    client.force_login(user)
    client.cookies["language"] = "en"
    return client.get(reverse(name, args=args)).content.decode()


@pytest.mark.django_db
class TestTheHomeOfACompany:
    @pytest.mark.parametrize(
        ("role", "shown", "hidden"),
        [
            (Role.BUYER, "Requests under way", "Employees today"),
            (Role.HR, "Employees today", "To be paid"),
            (Role.ACCOUNTANT, "To be paid", "Requests under way"),
        ],
    )
    def test_shows_the_figures_of_the_role_and_no_other(self, role, shown, hidden):
        company = CompanyFactory()
        page = home(member(company, role), "home_company", company.pk)
        assert shown in page and hidden not in page

    def test_counts_the_people_of_this_company_alone(self):
        company = CompanyFactory()
        EmploymentFactory.create_batch(3, company=company)
        EmploymentFactory(company=company, ended=True)
        EmploymentFactory()
        page = " ".join(home(member(company, Role.HR), "home_company", company.pk).split())
        assert 'Employees today</span><strong class="figure__value">3<' in page

    def test_takes_as_many_statements_for_many_people_as_for_few(self, django_assert_max_num_queries):
        company = CompanyFactory()
        user = member(company, *Role)
        with django_assert_max_num_queries(
            80
        ) as few:  # fifteen lists, for somebody with every role, of what needs doing now
            home(user, "home_company", company.pk)
        EmploymentFactory.create_batch(20, company=company)
        with django_assert_max_num_queries(len(few)):
            home(user, "home_company", company.pk)


@pytest.mark.django_db
class TestTheHomeOfTheStaff:
    def test_shows_the_association_at_a_glance(self):
        CompanyFactory.create_batch(2)
        user = staff()
        client = Client()
        client.force_login(user)
        session = client.session
        session["demo_second_factor"] = True
        session.save()
        client.cookies["language"] = "en"
        page = client.get(reverse("home_staff")).content.decode()
        assert "Member companies" in page and 'figure__value">2<' in page


@pytest.mark.django_db
class TestWhatStandsBelowTheCard:
    """look.md, first screen of an employee: the card; offers near, remaining uses; open employee pools."""

    def test_shows_three_offers_with_the_uses_left_marked_shops_first_and_open_pools(self):
        world = EmployeeWorld(double=None)
        reader = world.people[0]
        make_cards([reader.pk], batch=None, at=timezone.now())
        shops = [TillFactory().shop.merchant for _one in range(5)]
        titles = [f"Remise {place}" for place in range(5)]
        for shop, title in zip(shops, titles, strict=True):
            offer(shop, title=title, per_person_limit=2)
        offer(shops[0], title="Un second du même commerce", kind="gift", gift="un café")
        used_up = offer(shops[4], title="Déjà pris", stock=3)
        Quota.objects.create(scope=STOCK, key=str(used_up.pk), period="", used=3)
        Favourite.objects.create(user=reader.user, merchant=shops[4])
        page = " ".join(home(reader.user, "home_person_now").split())
        assert [title for title in titles if title in page] == [*titles[:2], titles[4]]
        assert page.index(titles[4]) < page.index(titles[0]) and page.count("2 uses left") == 3
        assert "Déjà pris" not in page and "Un second" not in page
        assert reverse("purchasing:my_pool", args=[world.pool.pk]) in page and "Granulés de bois" in page
