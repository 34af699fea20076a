"""Landed cost, franco, progress without giving a quantity away, packs of several sizes, a supplier's price rise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchasing.rules import hints
from purchasing.rules.landed import Quote, cheapest_volume, freight_due, landed
from purchasing.rules.packs import PackFill, pack_fill
from tests.purchasing.rules.build import by_twelve, terms


class TestLandedCost:
    def test_includes_the_rest_of_the_pack_and_the_freight(self):
        row = landed(Quote(by_twelve(), freight_cents=1_990, franco_cents=50_000), 33)
        assert (row.ordered, row.goods_cents, row.freight_cents, row.total_cents) == (36, 12_570, 1_990, 14_560)

    def test_reads_the_tier_at_the_ordered_quantity(self):
        assert [landed(Quote(terms()), q).unit_price_e4 for q in (99, 100, 250)] == [42_000, 36_000, 31_500]

    def test_says_what_is_missing_to_the_minimum(self):
        assert landed(Quote(terms(), minimum_cents=50_000), 100).minimum_missing_cents == 14_000

    def test_takes_a_discount_off_the_goods(self):
        assert landed(Quote(terms(), discount_bp=500), 100).total_cents == 34_200

    def test_is_nothing_for_nothing(self):
        assert landed(Quote(terms(), freight_cents=1_000), 0).total_cents == 0

    @given(st.integers(1, 700))
    def test_of_the_best_volume_is_never_dearer_than_the_wanted_one(self, wanted):
        quote = Quote(terms(pack=12), freight_cents=4_000, franco_cents=90_000)
        assert cheapest_volume(quote, wanted).total_cents <= landed(quote, wanted).total_cents
        assert cheapest_volume(quote, wanted).ordered >= wanted

    @given(st.integers(1, 700), st.sampled_from([1, 5, 12]), st.sampled_from([None, 90_000]), st.sampled_from([0, 300]))
    def test_of_the_best_volume_is_the_cheapest_of_all_larger_ones(self, wanted, pack, franco, discount):
        quote = Quote(terms(pack=pack), freight_cents=4_000, franco_cents=franco, discount_bp=discount)
        everything = [landed(quote, volume) for volume in range(wanted, 1_000)]
        assert cheapest_volume(quote, wanted).total_cents == min(row.total_cents for row in everything)

    def test_of_99_is_bought_as_100(self):
        assert cheapest_volume(Quote(terms()), 99).ordered == 100


class TestFranco:
    def test_hints_that_five_euros_more_save_35(self):
        """case: Franco 500 €: pool 495 + freight 35 → hint "5 € more saves 35 €"."""
        assert hints.franco(49_500, 3_500, 50_000) == hints.FrancoHint(500, 3_500)

    def test_is_reached_inclusively(self):
        """case: at 500.00 freight 0 for all."""
        assert (freight_due(50_000, 3_500, 50_000), freight_due(49_999, 3_500, 50_000)) == (0, 3_500)
        assert hints.franco(50_000, 3_500, 50_000) is None

    def test_is_silent_when_more_goods_cost_more_than_the_freight(self):
        assert hints.franco(40_000, 3_500, 50_000) is None


class TestProgress:
    def test_of_two_members_is_a_band(self):
        """case: Two members only in a pool → progress shown as a band (60-80 %)."""
        assert hints.progress(70, 100, members=2) == hints.Progress(None, 100, 60, 80)

    def test_of_many_members_is_exact(self):
        row = hints.progress(70, 100, members=4)
        assert (row.reached, row.missing, row.from_percent) == (70, 30, 70)

    @given(st.integers(0, 2_000), st.integers(1, 999), st.integers(0, 3))
    def test_of_few_members_never_gives_a_quantity(self, reached, threshold, members):
        row = hints.progress(reached, threshold, members=members)
        assert row.reached is None and row.missing is None
        assert row.from_percent % 20 == 0 and row.from_percent <= min(100, reached * 100 // threshold) <= row.to_percent


class TestASuppliersChange:
    @pytest.mark.parametrize(("confirmed", "asked"), [(37_000, True), (36_720, False), (36_721, True), (30_000, False)])
    def test_above_two_percent_asks_the_members_again(self, confirmed, asked):
        assert hints.needs_consent(36_000, confirmed, 200) is asked

    def test_from_3_60_to_3_70_is_2_78_percent(self):
        """case: 30 at 3.70 instead of 36 at 3.60: +2.78 % is above a 2 % limit."""
        assert hints.price_rise_bp(36_000, 37_000) == 278


class TestACrateOfTenKilos:
    def test_of_seven_kilos_misses_three(self):
        """case: Two retail sizes of one crate of 10 kg: 2×1 + 1×5 → 7 kg, missing 3."""
        assert pack_fill([(2, 1), (1, 5)], 10) == PackFill(7, 0, 7, 3)

    def test_of_seventeen_kilos_fills_one_and_lets_seven_wait(self):
        """case: 2×1 + 1×5 + 1×10 = 17 → one crate fills, 7 kg wait."""
        assert pack_fill([(2, 1), (1, 5), (1, 10)], 10) == PackFill(17, 1, 7, 3)
