"""Keys of the tests lie in a folder of their own, drawn once."""

import pytest
from rest_framework.test import APIClient

from tests.factories.benefit_card import token


@pytest.fixture(autouse=True)
def _card_keys(settings, tmp_path_factory):
    settings.CARD_KEY_DIR = str(tmp_path_factory.getbasetemp() / "card-keys")
    settings.CARD_HOST = ""


@pytest.fixture
def at_till():
    """A client that speaks for a till."""

    def client(till) -> APIClient:
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=f"Till {token(till)}")
        return api

    return client
