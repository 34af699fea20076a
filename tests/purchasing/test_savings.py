"""Savings: landed cost against the price in the request, with an honest gap where there was none."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from companies import charts
from purchasing import savings
from purchasing.models import Commitment, RequestLine
from purchasing.services import claims, decide_claim
from tests.purchasing.billed import AT, Billed


@pytest.fixture
def settled(transactional_db):
    b = Billed(fairness="stand_alone_cap", category="protection")
    for letter, price in (("A", 50_000), ("B", 40_000), ("C", 60_000)):
        RequestLine.objects.filter(request__company=b.w.companies[letter]).update(ref_price_e4=price)
    b.share("test")
    return b


class TestASaving:
    def test_is_the_reference_less_everything_that_was_paid(self, settled):
        """A got 11 at 5.00 before: 55.00; goods, freight are 44.49. D wrote no price: nothing is claimed to be saved."""
        total = savings.total(savings.lines(settled.w.companies["A"]))
        assert (total.reference_cents, total.paid_cents, total.saved_cents, total.saved_bp) == (
            5_500,
            4_449,
            1_051,
            1_911,
        )
        unknown = savings.total(savings.lines(settled.w.companies["D"]))
        assert (unknown.reference_cents, unknown.paid_cents, unknown.unknown_cents, unknown.saved_bp) == (
            0,
            0,
            1_618,
            None,
        )

    def test_is_told_by_company_category_pool_and_year_in_a_few_queries(self, settled):
        with CaptureQueriesContext(connection) as queries:
            rows = savings.lines()
        assert len(queries) == 4
        assert {f.label: f.saved_cents for f in savings.by_company(rows)} == {
            "A": 1_051,
            "B": 2_800 - 2_831,
            "C": 8_400 - 5_662,
            "D": 0,
        }
        (year,) = savings.by_year(rows)
        (pool,) = savings.by_pool(rows)
        assert year.label == "2026" and pool.saved_cents == year.saved_cents == 1_051 - 31 + 2_738
        assert [f.saved_cents for f in savings.by_category(rows)] == [pool.saved_cents]

    def test_grows_by_what_a_claim_brought_back(self, settled):
        settled.issue()
        claim = claims.open_claim(actor=settled.w.staff, order=settled.order, word=claims.Word("quality", "x"), at=AT)
        decide_claim.resolve(
            actor=settled.w.staff, claim=claim, outcome="credit", reason="ok", credit_cents=1_000, at=AT
        )
        assert savings.total(savings.lines()).paid_cents == 4_449 + 2_831 + 5_662 - 306 - 194 - 389

    def test_has_pages_and_files(self, settled, client):
        client.force_login(settled.w.buyers["A"])
        base = f"/company/{settled.w.companies['A'].pk}/"
        page = client.get(f"{base}savings/", headers={"accept-language": "fr"}).content.decode()
        assert "10,51" in page and "<svg viewBox" in page and "27,38" not in page
        rows = client.get(f"{base}savings.csv").content.decode("utf-8-sig").splitlines()
        assert len(rows) == 2 and "55,00" in rows[1]
        api = client.get(f"/api/v1{base.replace('company', 'companies')}savings/").json()["results"]
        assert (api[0]["paid"], api[0]["reference"]) == ("44.49", "55.00")
        client.force_login(settled.w.staff)
        page = client.get("/erb/savings/").content.decode()
        assert "27,38" in page and "16,18" in page
        assert "style=" not in page.split("<main")[1].split("</main")[0]


class TestTheProofSheet:
    def test_says_alone_and_in_the_pool_with_the_numbers(self, settled, client):
        Commitment.objects.filter(company=settled.w.companies["A"]).update(stand_alone_cents=6_190)
        client.force_login(settled.w.buyers["A"])
        path = f"/company/{settled.w.companies['A'].pk}/pools/{settled.w.pool.pk}/proof/"
        page = client.get(path, headers={"accept-language": "fr"}).content.decode().replace("\xa0", " ")
        assert "61,90" in page and "44,49" in page


class TestAChart:
    def test_has_neither_style_nor_script_and_escapes_its_labels(self):
        drawn = charts.bars([("<b>Hygiène</b>", 12), ("Très long nom de catégorie qui ne tient pas", -3)])
        assert "<b>" not in drawn and "style" not in drawn and "Monaco" not in drawn and "…" in drawn

    def test_of_nothing_is_nothing(self):
        assert charts.bars([]) == "" and charts.bars([("x", 0)]) == ""
