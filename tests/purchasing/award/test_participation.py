"""When together costs more than alone: some order alone, and the total never exceeds what all pay alone."""

from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules.award import Evaluation, Instance, Offer, Product, Scheme, Supplier, evaluate
from purchasing.rules.award.participation import Member, participate, reduced_to, widened
from tests.purchasing.award.build import awards


def one_product(offers, needs):
    """Offers (price, pack, packs) each of a supplier of its own, for members who need so many."""
    suppliers = tuple(
        Supplier(f"S{i}", (Scheme("units", (0,)),), (Offer(i, i, 0, pack, packs, 0, (price,)),))
        for i, (price, pack, packs) in enumerate(offers)
    )
    return Instance((Product("P", sum(needs), 0),), suppliers)


def least(instance, members, together):
    """The cheapest award of some members, trying everything; None when there is none."""
    part = reduced_to(widened(instance), members, together)
    costs = [r.cost_cents for packs in awards(part) if isinstance(r := evaluate(part, packs), Evaluation)]
    return min(costs, default=None)


class TestWhoOrdersTogether:
    def test_where_cheap_capacity_is_scarce_one_stays_alone(self):
        """case: scarce cheap capacity: 100 units at 8, then 10; A and B want 100 each: together 1,800, alone 1,600."""
        instance = one_product([(800, 1, 100), (1_000, 1, 500)], [100, 100])
        members = [Member({0: 100}, 80_000), Member({0: 100}, 80_000)]
        found = participate(instance, members, known={0: 100, 1: 100})
        assert (found.total, found.proven) == (160_000, True)
        assert len(found.together) <= 1

    def test_where_a_pack_serves_two_nobody_saves_by_leaving_all(self):
        """case: pack of 2 at 10, three members need 1: all pay 20 together, 10 each alone, 20 for a pair and one alone."""
        instance = one_product([(1_000, 2, 9)], [1, 1, 1])
        members = [Member({0: 1}, 1_000)] * 3
        found = participate(instance, members, known={0: 2})
        assert (found.cost, found.total, found.proven) == (2_000, 2_000, True)
        assert found.together == (0, 1, 2)  # equal totals: the more order together

    def test_whoever_cannot_buy_alone_takes_part(self):
        instance = one_product([(800, 1, 100), (1_000, 1, 500)], [100, 100])
        found = participate(instance, [Member({0: 100}, 80_000), Member({0: 100}, None)], known={0: 100, 1: 100})
        assert 1 in found.together and found.total == 160_000

    def test_is_nobody_when_no_answer_comes(self, monkeypatch):
        monkeypatch.setattr("purchasing.rules.award.participation._ask", lambda *_: None)
        found = participate(one_product([(1_000, 1, 9)], [3]), [Member({0: 3}, 2_000)])
        assert (found.together, found.total, found.proven) == ((), 2_000, False)

    @given(st.integers(0, 10**9), st.integers(0, 1_000))
    @settings(max_examples=150, deadline=None)
    def test_never_costs_more_than_everybody_alone_whatever_the_solver_says(self, seed, lie):
        """Answers of any quality, also illegal ones, are judged by the evaluator before they count."""
        random = Random(seed)  # drawn again from the same number
        needs = [random.randint(1, 3) for _ in range(3)]
        instance = one_product([(random.randint(50, 150), random.choice([1, 2]), random.randint(1, 6))], needs)
        members = [Member({0: n}, random.randint(50, 400) * n // 2) for n in needs]
        said = {"members": random.sample(range(3), lie % 4), "packs": {0: lie % 7}, "end": "optimal", "bound": 0.0}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("purchasing.rules.award.participation._ask", lambda *_: said)
            found = participate(instance, members)
        assert found.total <= sum(m.alone for m in members)
        part = reduced_to(widened(instance), members, found.together)
        if found.together:
            assert evaluate(part, found.packs).cost_cents == found.cost

    def test_is_what_trying_everything_finds(self):
        random = Random(11)  # the same problems every time
        for _ in range(1):
            needs = [random.randint(1, 3) for _ in range(3)]
            instance = one_product([(random.randint(90, 150) * 2, 2, 6), (random.randint(90, 150), 1, 3)], needs)
            members = [Member({0: n}, least(instance, [Member({0: n}, 0)], (0,))) for n in needs]
            totals = [
                cost + sum(m.alone for j, m in enumerate(members) if j not in group)
                for size in range(4)
                for group in combinations(range(3), size)
                if (cost := 0 if not group else least(instance, members, group)) is not None
            ]
            found = participate(instance, members)
            assert (found.total, found.proven) == (min(totals), True)
