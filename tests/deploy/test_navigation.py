import pytest

from companies.shell import Place
from deploy.navigation import _here

PLACES = [
    Place("Home", "/company/1/", "house"),
    Place("Requests", "/company/1/requests/", "clipboard-list"),
    Place("Deliveries", "/company/1/deliveries/", "truck"),
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
        ],
    )
    def test_is_the_nearest_and_never_the_home_of_everything(self, path, place):
        assert _here(path, PLACES) == place
