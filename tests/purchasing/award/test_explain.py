"""Explaining an award: every figure can be checked with the evaluator."""

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules.award import evaluate, parse
from purchasing.rules.award.explain import Losing, explain
from purchasing.rules.award.local_search import Search
from tests.purchasing.award.build import SAMPLES, tiny


class TestAnExplanation:
    def test_says_what_each_losing_offer_would_cost(self):
        # P1 at S2: 16 × 10.40, which leaves 4 × 10.00 and the freight of 60.00 at S1.
        found = explain(parse(SAMPLES["A12"]), {0: 16, 1: 4, 3: 1})
        assert found.losing == (Losing(2, extra_cents=16640 + 1030 + 4000 + 6000 - 21030),)

    def test_says_why_an_offer_could_not_be_taken(self):
        data = SAMPLES["A12"] | {"products": [{"id": "P1", "demand": 16}, {"id": "P2", "demand": 5}]}
        data["suppliers"] = [dict(s) for s in data["suppliers"]]
        data["suppliers"][1]["offers"] = [
            {"product": 0, "pack": 1, "max_packs": 15, "scheme": 0, "prices": [1040]},
            {"product": 1, "pack": 4, "max_packs": 60, "scheme": 0, "prices": [4120]},
        ]
        found = explain(parse(data), {0: 16, 1: 5})
        assert [(row.offer, row.broken) for row in found.losing] == [(2, "not_enough"), (3, "no_packs")]
        data["suppliers"][1]["offers"][1]["pack"] = 1
        data["suppliers"][1]["min_order_value"] = 30000
        assert explain(parse(data), {0: 16, 1: 5}).losing[1].broken == "min_order_value"

    def test_compares_with_one_supplier_for_all_and_with_the_cheapest_lines(self):
        simpler = explain(parse(SAMPLES["A12"]), {0: 16, 1: 4, 3: 1}).simpler
        assert (simpler.one_supplier_cents, simpler.one_supplier) == (16 * 1040 + 5 * 1030, 1)
        assert simpler.cheapest_lines_cents == 24900

    def test_refuses_an_award_that_is_not_legal(self):
        with pytest.raises(ValueError, match="breaks demand"):
            explain(parse(SAMPLES["A12"]), {})

    @settings(deadline=None, max_examples=40)
    @given(st.integers(0, 10**6))
    def test_covers_every_offer_that_lost_and_no_other(self, seed):
        instance = parse(tiny(Random(seed)))
        found = Search(instance, time.monotonic, time.monotonic() + 0.2).run(Random(1))
        if found is None:
            return
        rows = explain(instance, found.packs).losing
        assert {r.offer for r in rows} == {o.index for o in instance.offers} - {o for o, n in found.packs.items() if n}
        assert all((r.extra_cents is None) != (r.broken is None) for r in rows)
        assert evaluate(instance, found.packs).cost_cents == found.cost_cents
