"""`manage.py bench_redeem`: every body it writes is accepted."""

import json

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from benefit_card.models import Redemption
from tests.factories.benefit_card import card

pytestmark = pytest.mark.django_db


class TestBenchRedeem:
    @pytest.mark.parametrize("existing", [0, 2, 9])
    def test_writes_requests_that_are_all_accepted(self, tmp_path, existing):
        for _card in range(existing):
            card()
        file = tmp_path / "bench.json"
        call_command("bench_redeem", count=7, out=file, verbosity=0)
        content = json.loads(file.read_text())
        api = APIClient()
        api.credentials(HTTP_AUTHORIZATION=content["headers"]["Authorization"])
        answers = [api.post(content["url"], body, format="json").status_code for body in content["bodies"]]
        assert answers == [201] * 7
        assert Redemption.objects.count() == 7
