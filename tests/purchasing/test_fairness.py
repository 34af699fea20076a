"""The sentence of the fairness rule: on the pool's page, on the proof sheet and on its paper, with the same two numbers."""

from io import BytesIO

import pytest
from django.urls import reverse
from django.utils import translation
from pypdf import PdfReader

from purchasing.models import Commitment
from tests.purchasing.billed import Billed

pytestmark = pytest.mark.django_db


@pytest.fixture
def billed(client):
    """A pays 44.49 in the pool and would pay 52.13 alone; B nobody knows."""
    b = Billed(fairness="stand_alone_cap")
    Commitment.objects.filter(company=b.w.companies["A"]).update(stand_alone_cents=5_213)
    Commitment.objects.filter(company=b.w.companies["B"]).update(stand_alone_cents=None)
    b.share()
    client.cookies["language"] = "fr"
    return b


class TestTheSentence:
    def test_says_alone_and_in_the_pool_wherever_a_company_looks(self, client, billed):
        company, pool = billed.w.companies["A"], billed.w.pool
        client.force_login(billed.w.buyers["A"])
        for name in ("company_pool", "proof"):
            page = client.get(reverse(f"purchasing:{name}", args=[company.pk, pool.pk])).content.decode()
            assert "52,13" in page and "44,49" in page and "jamais plus qu" in page
        paper = client.get(reverse("purchasing:proof_pdf", args=[company.pk, pool.pk])).content
        text = PdfReader(BytesIO(paper)).pages[0].extract_text()
        assert "52,13" in text and "44,49" in text

    def test_is_left_out_where_nobody_knows_the_price_alone(self, client, billed):
        company, pool = billed.w.companies["B"], billed.w.pool
        client.force_login(billed.w.buyers["B"])
        with translation.override("fr"):
            page = client.get(reverse("purchasing:company_pool", args=[company.pk, pool.pk])).content.decode()
        assert "Seul " not in page and "jamais plus qu" not in page
