"""The home pages."""

import pytest
from django.test import Client
from django.urls import reverse

from companies.models import Role
from tests.factories.companies import CompanyFactory, EmploymentFactory, member, staff


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
