"""The price alone is a promise: exact where it says so, else a bound that no way to buy falls below."""

from math import isfinite
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules.alone import SCALE, Case, Market, Offered, Start, Supply
from purchasing.rules.award.solve import prove
from purchasing.rules.landed import half_up
from purchasing.rules.tiers import Terms, Tier
from tests.purchasing.award.build import cheapest, count


def offered(line, supply, tiers, *, pack=1, moq=0, available=None):
    return Offered(line, supply, Terms(tuple(Tier(n, e4) for n, e4 in tiers), pack=pack, moq=moq), available)


def drawn(random):
    """A market small enough to try every purchase, with packs, tiers, minimums, franco and stock; and a need."""
    supplies = [
        Supply(random.choice([0, 300, 500]), random.choice([None, None, 1_500]), random.choice([0, 0, 900]))
        for _ in range(random.randint(1, 3))
    ]
    offers = []
    lines = range(random.randint(1, 3))
    for line in lines:
        for i in range(len(supplies)):
            if random.random() < 0.85:
                price = random.randint(80, 130) * 100
                tiers = [(1, price)]
                if random.random() < 0.5:
                    tiers.append((random.randint(2, 6), price * random.randint(60, 95) // 100))
                terms = {"pack": random.choice([1, 1, 2, 3]), "moq": random.choice([0, 0, 4])}
                offers.append(offered(line, i, tiers, **terms, available=random.choice([None, None, 4])))
    return Market(offers, supplies), {line: random.randint(1, 5) for line in lines}


def exact(market, wanted):
    """What the solver proves, in cents."""
    instance = market.problem(wanted)
    found = prove(instance, seconds=20)
    assert found.status == "optimal"
    return half_up(found.evaluation.cost_cents, instance.scale)


class TestThePriceAlone:
    @pytest.mark.parametrize(
        ("wanted", "cents"),
        [
            ({1: 90}, 37_000),  # 100 cost less than 90
            ({1: 100}, 37_000),
            ({1: 20}, 9_400),
        ],
    )
    def test_buys_more_where_that_costs_less(self, wanted, cents):
        market = Market([offered(1, 0, [(1, 42_000), (100, 36_000)])], [Supply(1_000)])
        found = market.price(wanted)
        assert (found.cents, found.proven, found.parts) == (cents, True, {1: cents})

    def test_of_a_line_that_costs_nothing_can_be_kept_and_found_again(self):
        market = Market([offered(1, 0, [(1, 0)]), offered(2, 0, [(1, 10_000)])], [Supply(500)])
        first = market.price({1: 5, 2: 3})
        again = market.price({1: 6, 2: 3}, start=first.start)
        assert (first.cents, again.found_cents) == (800, 800) and again.cents <= 800
        assert all(isfinite(rate) for rate in first.start.rates.values())  # PostgreSQL keeps no infinity in JSON

    def test_is_none_where_no_quote_sells_so_little_or_the_line(self):
        market = Market([offered(1, 0, [(1, 10_000)], available=5)], [Supply(0, None, 10_000)])
        assert market.price({1: 4}) is None and market.price({1: 9}) is None and market.price({2: 1}) is None

    def test_is_a_pack_and_a_loose_unit_once_the_solver_has_looked(self):
        """case: CS10: a pack of ten for 100 and a loose unit for 12: eleven cost 112 alone."""
        market = Market([offered(1, 0, [(1, 100_000)], pack=10), offered(1, 1, [(1, 120_000)])], [Supply(), Supply()])
        quick = market.price({1: 11})
        assert quick.cents <= 11_200 <= quick.found_cents and not quick.proven
        assert exact(market, {1: 11}) == 11_200

    def test_shares_freight_between_lines_and_weighs_a_franco(self):
        """case: CS11 in small: two lines at one supplier reach its franco; apart each would pay freight."""
        rows = [offered(1, 0, [(1, 10_000)]), offered(2, 0, [(1, 10_000)]), offered(2, 1, [(1, 9_000)])]
        market = Market(rows, [Supply(3_000, 20_000), Supply(0)])
        assert exact(market, {1: 100, 2: 100}) == 20_000
        assert market.price({1: 50, 2: 100}).cents == 5_000 + 9_000 + 3_000

    @given(st.integers(0, 10**9))
    @settings(max_examples=60, deadline=None)
    def test_is_never_above_what_any_purchase_costs(self, seed):
        market, wanted = drawn(Random(seed))  # drawn again from the same number
        found = market.price(wanted)
        if not set(wanted) <= set(market.lines):
            assert found is None
            return
        instance = market.problem(wanted)
        if count(instance) > 6_000:
            return
        best = cheapest(instance)
        if found is None:
            return  # the quick way looks at whole lines only
        assert best is not None
        least = half_up(best, instance.scale)
        assert found.cents <= least <= found.found_cents
        assert sum(found.parts.values()) == found.cents
        bare = Case(market, wanted).bound(found.found_cents * SCALE * 2, 60)[0]  # not held down by a way that was found
        assert bare <= best * SCALE // instance.scale
        assert not found.proven or found.cents == least
        # from where it ended for other units, or from any numbers at all, the bound holds too
        other = {line: n + 1 for line, n in wanted.items()}
        wild = Start((0,), {line: 9.0 / (line + 1) for line in wanted})
        for start in (found.start, wild, (market.price(other) or found).start):
            again = market.price(wanted, start=start)
            assert again.cents <= least <= again.found_cents

    def test_by_the_solver_is_what_trying_everything_finds(self):
        random, looked = Random(5), 0  # the same problems every time
        while looked < 2:
            market, wanted = drawn(random)
            quick = market.price(wanted)
            if quick is None or quick.proven or count(instance := market.problem(wanted)) > 6_000:
                continue
            best, looked = cheapest(instance), looked + 1
            proof = prove(instance, seconds=20)
            assert (proof.status, proof.evaluation.cost_cents) == ("optimal", best)

    def test_for_many_lines_and_quotes_is_close_to_its_bound(self):
        """50 quotes × 60 lines, too many for the solver: the bound is within two percent of a way to buy."""
        random = Random(3)  # the same market every time
        offers = []
        for line in range(60):
            base = random.randint(20_000, 90_000)
            for i in range(50):
                price = base * random.randint(90, 120) // 100
                offers.append(offered(line, i, [(1, price), (100, price * 9 // 10)], pack=6))
        market = Market(
            offers, [Supply(random.randint(20, 90) * 100, random.choice([None, 80_000])) for _ in range(50)]
        )
        wanted = {line: random.randint(1, 60) for line in range(60)}
        found = market.price(wanted)
        assert found.cents >= found.found_cents * 98 // 100
        # a few units more: answered from where that ended, a tenth of the steps are as close
        wanted |= {line: wanted[line] + 2 for line in range(0, 60, 7)}
        again, whole = market.price(wanted, start=found.start), market.price(wanted)
        assert again.cents >= whole.cents * 999 // 1000 and again.found_cents <= whole.found_cents * 1001 // 1000
