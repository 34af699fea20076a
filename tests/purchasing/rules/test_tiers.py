"""Order quantity, tier, tolerance and caps: the acceptance cases of the design, then properties."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules import hints
from purchasing.rules.errors import RuleError
from purchasing.rules.tiers import Drop, accepts, settle, tier_at
from tests.purchasing.rules.build import by_twelve, commit, four, terms


def order_of(quantity: int, tolerance: int, pack: int, moq: int = 0, consent: bool = False) -> int:
    rows = [commit("A", quantity, tolerance, tier_tolerance=consent)]
    return settle(terms(pack=pack, moq=moq), rows).ordered


class TestTheOrder:
    def test_fills_the_pack_of_twelve_from_tolerance(self):
        """case: A10+2 B7 C12+5 D4+1 → order 36; A11 B7 C14 D4."""
        outcome = settle(by_twelve(), four())
        assert (outcome.ordered, outcome.granted) == (36, {"A": 11, "B": 7, "C": 14, "D": 4})

    def test_fills_first_come_first_served_when_asked(self):
        """case: FIFO option → 12, 7, 13, 4."""
        assert settle(by_twelve(), four(), tolerance="first_come").granted == {"A": 12, "B": 7, "C": 13, "D": 4}

    def test_rounds_down_when_tolerance_misses_the_pack(self):
        """case: Q=33, T=2 → order 24 by policy round down; 10, 7, 12, 4 → 7, 5, 9, 3."""
        rows = [commit("A", 10, 1), commit("B", 7), commit("C", 12, 1), commit("D", 4)]
        outcome = settle(by_twelve(), rows)
        assert (outcome.outcome, outcome.ordered) == ("rounded_down", 24)
        assert outcome.granted == {"A": 7, "B": 5, "C": 9, "D": 3}

    def test_fails_instead_when_the_policy_says_so(self):
        rows = [commit("A", 10, 1), commit("B", 7), commit("C", 12, 1), commit("D", 4)]
        outcome = settle(by_twelve(), rows, minimum_missed="fail")
        assert (outcome.outcome, outcome.ordered, set(outcome.granted.values())) == ("minimum_missed", 0, {0})

    def test_buys_no_pack_from_tolerance_alone(self):
        """case: Q=0, T=40 → nothing ordered."""
        outcome = settle(by_twelve(), [commit("A", 0, 40)])
        assert (outcome.outcome, outcome.ordered) == ("empty", 0)

    def test_leaves_tolerance_alone_when_packs_are_full(self):
        """case: Q=24, T=5 → 24, tolerance unused."""
        assert order_of(24, 5, pack=12) == 24

    @pytest.mark.parametrize(
        ("quantity", "tolerance", "moq", "ordered"), [(5, 0, 10, 0), (9, 1, 0, 10), (12, 1, 0, 10), (14, 1, 0, 15)]
    )
    def test_respects_packs_of_five(self, quantity, tolerance, moq, ordered):
        """case: Pack 5, MOQ 2 packs, Q=5 → 0; Q=9, T=1 → 10; Q=12, T=1 → 10; Q=14, T=1 → 15."""
        assert order_of(quantity, tolerance, pack=5, moq=moq) == ordered

    def test_stays_in_the_tier_when_tolerance_is_for_packs_only(self):
        outcome = settle(terms(), [commit("A", 240, 10)])
        assert (outcome.ordered, outcome.tier.unit_price_e4) == (240, 36_000)

    def test_reaches_the_tier_with_consent_when_the_bill_falls(self):
        outcome = settle(terms(), [commit("A", 240, 10, tier_tolerance=True)])
        assert (outcome.ordered, outcome.tier.unit_price_e4) == (250, 31_500)

    def test_does_not_spend_240_to_save_nothing(self):
        """case: Q=10, T=240 (tier consent) → 10 units at 4.20 = 42.00 €."""
        outcome = settle(terms(), [commit("A", 10, 240, tier_tolerance=True)])
        assert (outcome.ordered, outcome.tier.unit_price_e4) == (10, 42_000)

    def test_takes_only_the_pack_rest_from_members_without_tier_consent(self):
        rows = [commit("A", 95, 8), commit("B", 0, 12, tier_tolerance=True)]
        outcome = settle(terms(((1, 42_000), (100, 30_000)), pack=12), rows)
        assert (outcome.ordered, outcome.granted) == (108, {"A": 96, "B": 12})

    def test_compares_with_the_nearest_cheaper_order_not_only_with_the_dearest(self):
        steep = terms(((1, 40_000), (100, 10_000), (110, 9_900)))
        assert settle(steep, [commit("A", 99, 20, tier_tolerance=True)]).ordered == 100


class TestAPriceCap:
    def test_equal_to_the_price_stays_in(self):
        """case: Cap equal to the price (3.15) stays in."""
        assert settle(terms(), [commit("A", 250, price_cap_e4=31_500)]).granted == {"A": 250}

    def test_a_ten_thousandth_below_goes_out_and_is_told(self):
        """case: cap 3.1499 goes out."""
        rows = [commit("A", 250), commit("B", 20, price_cap_e4=31_499)]
        outcome = settle(terms(), rows)
        assert outcome.granted == {"A": 250, "B": 0}
        assert outcome.dropped == (Drop("B", "price_cap"),)

    def test_is_looked_at_again_after_each_departure(self):
        # Without B the pool falls below 250, which drops C too; D pays the price of what is left.
        rows = [commit("A", 120), commit("B", 140, price_cap_e4=30_000), commit("C", 90, price_cap_e4=32_000)]
        outcome = settle(terms(), rows)
        assert (outcome.ordered, outcome.tier.unit_price_e4) == (120, 36_000)
        assert outcome.dropped == (Drop("B", "price_cap"), Drop("C", "price_cap"))

    def test_lets_a_low_cap_in_when_it_brings_the_tier(self):
        rows = [commit("A", 200), commit("B", 50, price_cap_e4=31_500)]
        assert settle(terms(), rows).granted == {"A": 200, "B": 50}


class TestAUsefulMinimum:
    def test_gives_the_units_to_the_others_when_the_order_is_rounded_down(self):
        rows = [commit("A", 10), commit("B", 7), commit("C", 12), commit("D", 4, min_useful=4)]
        outcome = settle(by_twelve(), rows)
        assert (outcome.ordered, outcome.granted["D"]) == (24, 0)
        assert sum(outcome.granted.values()) == 24
        assert outcome.dropped == (Drop("D", "min_useful"),)


class TestTheBuyUpHint:
    @pytest.mark.parametrize("quantity", [86, 90, 99, 219, 249, 469, 499])
    def test_is_on_where_more_costs_less(self, quantity):
        """case: Hint on for 86-99, 219-249, 469-499."""
        assert hints.buy_up(terms(), quantity)

    @pytest.mark.parametrize("quantity", [85, 100, 218, 250, 468, 500, 0])
    def test_is_off_elsewhere(self, quantity):
        """case: Hint off for 85, 218, 468."""
        assert not hints.buy_up(terms(), quantity)

    def test_says_that_100_cost_360_instead_of_415_80(self):
        """case: 99 → 4.20 (415.80 €) and the buy-up hint says 100 costs 360.00."""
        assert hints.buy_up(terms(), 99) == [hints.BuyUp(100, 3_600_000, 558_000)]

    def test_exact_threshold_has_the_better_price(self):
        """case: Exactly 100 → 3.60 (inclusive)."""
        assert [tier_at(terms().tiers, q).unit_price_e4 for q in (99, 100)] == [42_000, 36_000]


class TestTerms:
    def test_refuse_a_tier_that_is_dearer(self):
        with pytest.raises(RuleError) as caught:
            terms(((1, 100), (10, 101)))
        assert caught.value.code == "tier_dearer"


commitments = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.integers(0, 20),
        st.booleans(),
        st.one_of(st.none(), st.sampled_from([29_500, 31_500, 36_000, 41_999, 42_000])),
        st.integers(0, 20),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=7,
).map(
    lambda rows: [
        commit(chr(65 + n), q, t, at, tier_tolerance=c, price_cap_e4=cap, min_useful=min(m, q))
        for n, (q, t, c, cap, m, at) in enumerate(rows)
    ]
)
some_terms = st.builds(
    lambda pack, moq: terms(((1, 42_000), (50, 36_000), (90, 31_500), (140, 29_500)), pack, moq),
    st.integers(1, 15),
    st.integers(0, 40),
)


class TestEveryLine:
    @given(some_terms, commitments)
    @settings(max_examples=400)
    def test_keeps_its_promises(self, conditions, rows):
        outcome = settle(conditions, rows)
        assert sum(outcome.granted.values()) == outcome.ordered  # I5
        assert outcome.ordered % conditions.pack == 0  # I6
        assert outcome.ordered == 0 or outcome.ordered >= conditions.moq
        for row in rows:
            assert 0 <= outcome.granted[row.member] <= row.quantity + row.tolerance  # I2
            if outcome.ordered and outcome.granted[row.member]:
                assert accepts(row, outcome.tier.unit_price_e4)  # I7
        if outcome.ordered:
            assert outcome.tier == tier_at(conditions.tiers, outcome.ordered)  # the supplier's tier, not a wish
            out = {d.member for d in outcome.dropped}
            for row in rows:
                if not accepts(row, outcome.tier.unit_price_e4):
                    assert row.member in out
        if outcome.outcome == "filled":
            for row in rows:
                if accepts(row, outcome.tier.unit_price_e4):
                    assert outcome.granted[row.member] >= row.quantity

    @given(some_terms, commitments, st.randoms(use_true_random=False))
    def test_does_not_look_at_the_order_of_rows(self, conditions, rows, rng):  # I11
        shuffled = list(rows)
        rng.shuffle(shuffled)
        assert settle(conditions, rows) == settle(conditions, shuffled)

    @given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 8), st.integers(0, 4)), min_size=1, max_size=3))
    def test_finds_a_full_order_whenever_one_exists(self, pack, pairs):
        rows = [commit(chr(65 + n), q, t) for n, (q, t) in enumerate(pairs)]
        conditions = terms(((1, 42_000),), pack)
        fits = [sum(g) for g in product(*(range(q, q + t + 1) for q, t in pairs)) if sum(g) % pack == 0]
        outcome = settle(conditions, rows)
        if any(q for q, _ in pairs) and fits:
            assert outcome.outcome == "filled"
            assert outcome.ordered == min(fits)

    def test_of_ten_million_units_locks_at_once(self):
        rows = [commit("A", 9_999_995, 3_000), commit("B", 7, 2)]
        assert settle(terms(((1, 42_000),), pack=1_000), rows).ordered == 10_001_000
