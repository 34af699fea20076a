"""Who asks for the same, told while one types, without telling how much."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from companies.models import Role
from purchasing import likeness
from purchasing.models import Price, RequestLine
from tests.factories.companies import CompanyFactory, UserFactory, member
from tests.factories.purchasing import (
    NOW,
    ArticleFactory,
    PoolFactory,
    PoolLineFactory,
    RequestFactory,
    RequestLineFactory,
    SupplierFactory,
    needs,
)

pytestmark = pytest.mark.django_db


def asked(text, company=None, unit="box"):
    return likeness.asked_for(text, unit=unit, company=company or CompanyFactory())


class TestWhileTyping:
    def test_counts_other_companies_whatever_their_spelling(self):
        for text in ("Gants nitrile taille M", "gant nitril T. M", "GANTS NITRILES M (boîte de 100)"):
            needs(1, text=text)
        own = needs(1, text="Gants nitrile taille M")[0].request.company
        assert asked("gants nitrile m", own).companies == 3
        assert asked("gants nitrile L", own).companies == 0

    def test_tells_a_number_of_companies_and_nothing_else(self):
        """I13: no quantity, no name."""
        company = CompanyFactory(name="Cordonnerie Secrète")
        request = RequestFactory(company=company, approved=True)
        RequestLineFactory(request=request, state="approved", text="Gants nitrile taille M", quantity=987_654)
        buyer = member(CompanyFactory(), Role.BUYER)
        browser = Client()
        browser.force_login(buyer)
        page = browser.get(
            reverse("purchasing:asked", args=[buyer.memberships.get().company_id]),
            {"lines-0-text": "gants nitrile M", "lines-0-unit": "box"},
        ).content.decode()
        assert 'class="asked"' in page
        assert "987" not in page and "Secrète" not in page

    def test_counts_neither_drafts_nor_other_units(self):
        RequestLineFactory(text="Gants nitrile taille M")
        needs(1, text="Gants nitrile taille M", unit="pair")
        assert asked("gants nitrile taille M").companies == 0

    @pytest.mark.parametrize(("unit", "told"), [("piece", True), ("kilo", False)])
    def test_tells_by_what_others_count(self, unit, told):
        """A form begins with pieces, gloves come in boxes: who has chosen no unit yet would hear that nobody asks."""
        needs(1, text="Gants nitrile taille M", unit="box")
        buyer = member(CompanyFactory(), Role.BUYER)
        browser = Client(headers={"accept-language": "fr"})
        browser.force_login(buyer)
        address = reverse("purchasing:asked", args=[buyer.memberships.get().company_id])
        page = browser.get(address, {"lines-0-text": "gant nitril M", "lines-0-unit": unit}).content.decode()
        assert ("compté en boîtes" in page) is told and ("autre entreprise" in page) is told

    def test_names_pools_one_may_join(self):
        pool = PoolFactory(state="gathering", lead=UserFactory())
        PoolLineFactory(pool=pool, text="Gants nitrile, taille M", unit="box")
        assert asked("gant nitrile T.M").pools == (pool,)

    def test_says_nothing_to_three_letters(self):
        needs(1, text="vis")
        assert asked("vis").companies == 0

    def test_costs_two_queries_and_uses_the_indexes(self):
        company = CompanyFactory()
        with CaptureQueriesContext(
            connection,
        ) as found:
            asked("gants nitrile taille M", company)
        assert len(found) == 2
        requests = [RequestFactory(approved=True) for _ in range(20)]  # else they are found through the one request
        RequestLine.objects.bulk_create(
            RequestLineFactory.build(
                request=requests[n % 20], position=n, state="approved", text=f"Article {n} de {n * 7}"
            )
            for n in range(3_000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE purchasing_requestline, purchasing_purchaserequest")
            # Can the indexes serve it? With 3,000 rows a scan may cost less, of the table or along another index:
            # which one does hangs on the pages that earlier tests left. So there is no other, until the rollback.
            cursor.execute(
                "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'purchasing_requestline'::regclass"
                " AND NOT indisunique AND indexrelid::regclass::text NOT IN ('need_by_trigrams', 'need_by_stems')"
            )
            cursor.execute("DROP INDEX " + ", ".join(name for (name,) in cursor.fetchall()))
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        plan = likeness.candidates("gants nitrile taille M").order_by().explain()
        assert "need_by_trigrams" in plan and "need_by_stems" in plan


class TestSuggestedPools:
    def test_put_like_needs_of_several_companies_together(self):
        for text in ("Cartons DC 40x30x30 cm", "carton double cannelure 400 x 300 x 300", "Cartons 600x400x400 DC"):
            needs(1, text=text, unit="piece")
        groups = likeness.grouped(RequestLine.objects.poolable().select_related("request", "article"))
        assert [group.companies for group in groups] == [2, 1]
        assert len(likeness.suggestions(groups)) == 1

    def test_keep_two_articles_apart_however_alike(self):
        one, two = ArticleFactory(name="Gants cuir confort"), ArticleFactory(name="Gants cuir conforts")
        for article in (one, two, one):
            needs(1, text=article.name, article=article)
        groups = likeness.grouped(RequestLine.objects.poolable().select_related("request", "article"))
        assert sorted(group.companies for group in groups) == [1, 2]

    def test_count_units_that_convert_together(self):
        """Units and conversions: 2 kg and 500 g are one suggested pool; kilos join pieces whose weight is known."""
        needs(1, text="Clous acier 70 mm", unit="kilo", quantity=2, ref_price_e4=100_000)
        needs(1, text="clous acier 70 mm", unit="gram", quantity=500, ref_price_e4=100)
        bar = ArticleFactory(name="Savon de Marseille", unit="piece", unit_weight_grams=250)
        needs(1, text=bar.name, article=bar, unit="piece", quantity=40)
        needs(1, text="savon de marseille", unit="kilo", quantity=10)
        needs(1, text="savon de marseille", unit="litre", quantity=10)
        groups = likeness.grouped(RequestLine.objects.poolable().select_related("request", "article"))
        found = {(group.companies, group.unit, group.quantity) for group in groups}
        assert found == {(2, "gram", 2_500), (2, "piece", 80), (1, "litre", 10)}
        (nails,) = [row for row in likeness.suggestions(groups) if row.group.unit == "gram"]
        assert nails.paid_e4 == 100
        assert {counted for _line, counted in nails.group.rows} == {2_000, None}

    def test_tell_the_tier_they_would_reach(self):
        article = ArticleFactory(name="Gants cuir confort")
        needs(3, text=article.name, article=article, quantity=40, ref_price_e4=70_000)
        Price.objects.create(
            supplier=SupplierFactory(), article=article, price_e4=60_000, valid_from=NOW.date(), created_at=NOW
        )
        groups = likeness.grouped(RequestLine.objects.poolable().select_related("request", "article"))
        (suggestion,) = likeness.suggestions(groups)
        assert (suggestion.reached, suggestion.saves_cents) == ((1, 60_000), 12_000)
