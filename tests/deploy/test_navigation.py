import re

import pytest
from django.test import Client

from companies.models import Role
from companies.shell import Place
from deploy.navigation import _here
from tests.factories.companies import CompanyFactory, PersonFactory, UserFactory, member

PLACES = [
    Place("Home", "/company/1/", "house"),
    Place("Requests", "/company/1/requests/", "clipboard-list"),
    Place("Deliveries", "/company/1/deliveries/", "truck"),
    Place("My card", "/card/", "id-card"),
    Place("History", "/me/redemptions/", "history"),
]


class TestThePlaceAPageBelongsTo:
    @pytest.mark.parametrize(
        ("path", "place"),
        [
            ("/company/1/", "/company/1/"),
            ("/company/1/requests/7/", "/company/1/requests/"),
            ("/company/1/claims/3/", "/company/1/deliveries/"),
            ("/hand-overs/3/", "/company/1/deliveries/"),
            ("/company/1/recurring/", "/company/1/requests/"),
            ("/company/1/settings/", ""),
            ("/me/card/", "/card/"),
            ("/me/data/", "/me/redemptions/"),
        ],
    )
    def test_is_the_nearest_and_never_the_home_of_everything(self, path, place):
        assert _here(path, PLACES) == place


def shell(user, path, language):
    client = Client()
    client.force_login(user)
    client.cookies["language"] = language
    return client.get(path, follow=True).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["fr", "en"])
class TestTheBottomBarOfAPhone:
    """look.md: phone: bottom bar with at most four places."""

    def bar(self, page):
        nav = re.search(r'<nav class="places".*?</nav>', page, re.S).group()
        more = "".join(re.findall(r"<details.*?</details>", nav, re.S))
        shown = [link for link in re.findall(r"<a [^>]*>", nav.replace(more, "")) if "places__wide" not in link]
        return len(shown) + bool(more), set(re.findall(r'href="([^"]+)"', nav))

    def test_has_four_places_for_an_employee_and_one_s_data_are_two_taps_away(self, language):
        person = PersonFactory(user=UserFactory())
        page = shell(person.user, "/me/redemptions/", language)
        assert self.bar(page) == (4, {"/card/", "/me/offers/", "/me/pools/", "/me/redemptions/"})
        menu = re.search(r'<details class="me">.*?</details>', page, re.S).group()
        assert "/me/data/" in menu and "/me/data/" in page.replace(menu, "")

    def test_has_three_and_a_menu_of_all_others_for_somebody_with_every_role(self, language):
        company = CompanyFactory()
        page = shell(member(company, *Role), f"/company/{company.pk}/", language)
        count, addresses = self.bar(page)
        assert count == 4 and len(addresses) == 16
