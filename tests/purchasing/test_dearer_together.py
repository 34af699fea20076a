"""Where commitments cost more together than alone: seen again as they change, told, acted on by the pool's policy."""

from datetime import date

import pytest
from django.urls import reverse

from purchasing.models import PoolTogether, PriceTier, Quote, QuoteLine, Supplier, TenderInvitation
from purchasing.services import alone, commitment, dearer
from purchasing.tasks_back import price_alone
from tests.purchasing.back import AFTER, CLOSES, OPENED, World, hours, world

pytestmark = pytest.mark.django_db


def dear(tiers=((1, 101_000), (400, 100_000)), **pool) -> World:
    """A and B need 200 of line 1 (10.10, from 400 on 10.00), D 40 of line 2: 10.10 at the winner, 8.00 elsewhere.

    Together 4,404.00; alone 2,020.00 twice and 320.00, 4,360.00; A and B together and D alone 4,320.00.
    """
    w = world(tiers=tiers, fairness="stand_alone_cap", line_count=2, pack=1, freight_cents=0, **pool)
    second = w.pool.lines.get(position=2)
    other = Supplier.objects.create(name="Autre fournisseur", category="protection", city="Romans")
    invitation = TenderInvitation.objects.create(
        tender=w.pool.tenders.get(),
        supplier=other,
        email="autre@example.org",
        state="lost",
        token_hash=f"quote-{other.pk}",
        expires_at=CLOSES,
    )
    quote = Quote.objects.create(invitation=invitation, valid_until=date(2026, 12, 31), saved_at=OPENED)
    PriceTier.objects.create(quote_line=QuoteLine.objects.create(quote=quote, pool_line=second), unit_price_e4=80_000)
    Quote.objects.filter(pk=quote.pk).update(submitted_at=OPENED)
    w.commit("A", 200)
    w.commit("B", 200)
    company = w.company("D")
    word = {second.pk: commitment.Word(40)}
    commitment.commit_all(actor=w.buyers["D"], company=company, pool=w.pool, words=word, at=hours(4))
    return w


@pytest.fixture
def told(monkeypatch):
    """The solver's answer without the solver: A and B together. It is priced by the exact evaluator as ever."""
    said = {"members": [0, 1], "packs": {"0": 400}}
    monkeypatch.setattr("purchasing.rules.award.participation._ask", lambda *_: said)


def compare(w: World, at=AFTER) -> PoolTogether:
    alone.prepare(pool=w.pool, at=at)
    found = dearer.refresh(pool=w.pool, at=at)
    assert found is not None
    return found


class TestTogetherDearerThanAlone:
    def test_is_seen_by_the_worker_and_again_after_every_change_of_words(self):
        w = dear()
        assert dearer.due(hours(9)) == [w.pool.pk]
        price_alone()
        row = PoolTogether.objects.get(pool=w.pool)
        a, b, d = (w.companies[letter].pk for letter in "ABD")
        assert (row.cost_cents, row.alone_cents) == (440_400, 436_000)
        assert (row.found["together"], row.found["alone"]) == ([a, b], [d])
        assert (row.found["total_cents"], row.found["excess_cents"], row.found["proven"]) == (432_000, 4_400, True)
        assert row.found["over"] == {str(d): 8_400}
        PoolTogether.objects.update(at=hours(5))
        assert not dearer.due(hours(9))
        w.commit("E", 200, at=hours(6))
        assert dearer.due(hours(9)) == [w.pool.pk]
        assert compare(w, hours(9)).found["excess_cents"] == 2_400
        w.commit("F", 200, at=hours(10))
        assert compare(w, hours(11)).found["excess_cents"] == 400
        w.commit("G", 200, at=hours(12))
        row = compare(w, hours(13))  # together 10,404.00, alone 10,420.00: the shares can keep the promise
        assert (row.cost_cents, row.alone_cents, row.found) == (1_040_400, 1_042_000, {})

    @pytest.mark.parametrize(
        ("rule", "states"), [("order", ["locked"] * 3), ("release", ["locked", "locked", "dropped"])]
    )
    def test_ends_by_the_policy_of_the_pool(self, rule, states, told):
        w = dear(dearer=rule)
        compare(w)
        w.lock()
        rows = [w.pool.lines.get(position=n).commitments.order_by("company__name") for n in (1, 2)]
        assert [row.state for line in rows for row in line] == states
        assert [row.drop_reason for row in rows[1]] == [{"order": "", "release": "dearer"}[rule]]
        assert w.pool.state == "locked" and w.line.unit_price_e4 == 100_000
        assert PoolTogether.objects.get().found["alone"] == [w.companies["D"].pk]

    def test_releases_nobody_on_figures_of_other_words(self, monkeypatch, told):
        w = dear(dearer="release")
        compare(w)
        w.commit("A", 199, at=hours(6))
        monkeypatch.setattr(dearer, "refresh", lambda **_: None)  # as if the word came just after
        w.lock()
        assert set(w.states().values()) == {"locked"}
        assert w.pool.lines.get(position=2).commitments.get().state == "locked"

    def test_where_nobody_better_orders_together_frees_all(self, told):
        w = dear(((1, 100_000),), dearer="release")  # A and B gain nothing from each other
        row = compare(w)
        assert row.found["excess_cents"] == 8_000
        PoolTogether.objects.update(found=row.found | {"together": [], "alone": [c.pk for c in w.companies.values()]})
        w.lock()
        assert w.pool.state == "failed"
        assert set(w.states().values()) == {"dropped"}

    def test_is_told_to_each_company_with_its_own_figure_and_to_staff_with_all(self, client, told):
        w = dear(dearer="release")
        compare(w)
        client.cookies["language"] = "en"
        pages = {}
        for letter in "AD":
            client.force_login(w.buyers[letter])
            pages[letter] = client.get(
                reverse("purchasing:commit", args=[w.companies[letter].pk, w.pool.pk])
            ).content.decode()
        assert "44.00" in pages["A"] and "84.00" not in pages["A"]
        assert "<strong>D</strong>" in pages["D"] and "84.00" in pages["D"] and "320.00" in pages["D"]
        client.force_login(w.staff)
        goods = client.get(reverse("purchasing:goods", args=[w.pool.pk])).content.decode()
        assert (
            "<strong>D</strong>" in goods
            and "4,320.00" in goods
            and "are released" in goods
            and "ask the companies to take back" in goods
        )
        body = client.get(f"/api/v1/pools/{w.pool.pk}/").json()["together"]
        assert (body["excess"], body["total"], body["order_alone"]) == ("44.00", "4320.00", [w.companies["D"].pk])
        found = PoolTogether.objects.get().found
        few = {str(w.companies[letter].pk): 1 for letter in "AD"}
        PoolTogether.objects.update(found=found | {"prices": few})  # as of two companies: each would know the other's
        client.force_login(w.buyers["D"])
        page = client.get(reverse("purchasing:commit", args=[w.companies["D"].pk, w.pool.pk]))
        assert page.context["together"] is None
