"""Quotas of a framework agreement, and the rebate of its year shared by real volumes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules.errors import RuleError
from purchasing.rules.framework import (
    Limits,
    RebateTier,
    Received,
    check_limits,
    left,
    make_rebate_tiers,
    rebate,
    share_rebate,
)

MEMBERS = "ABCD"
quotas = st.dictionaries(st.sampled_from(MEMBERS), st.integers(0, 40), max_size=3)
draws = st.lists(st.tuples(st.sampled_from(MEMBERS), st.integers(1, 30)), max_size=25)


class TestWhatIsLeft:
    @settings(max_examples=150, deadline=None)
    @given(quotas, st.integers(0, 60), draws)
    def test_keeps_every_quota_whole_and_the_maximum_unbroken(self, kept, spare, asked):
        """Whatever was accepted before, each member with a quota can draw the rest of it to the last unit."""
        limits = Limits(sum(kept.values()) + spare, kept)
        drawn: dict[str, int] = {}
        for member, units in asked:
            if units <= left(limits, drawn, member):
                drawn[member] = drawn.get(member, 0) + units
        assert sum(drawn.values()) <= limits.most
        for member, quota in kept.items():
            assert drawn.get(member, 0) <= quota
            assert left(limits, drawn, member) == quota - drawn.get(member, 0)

    def test_is_the_quota_alone_without_a_maximum(self):
        assert left(Limits(None, {"A": 10}), {"A": 4, "B": 900}, "A") == 6
        assert left(Limits(None, {"A": 10}), {}, "B") is None

    def test_is_nothing_when_a_later_agreement_took_it(self):
        assert left(Limits(10, {}), {"A": 12}, "B") == 0

    def test_refuses_quotas_above_the_maximum(self):
        check_limits(Limits(10, {"A": 6, "B": 4}))
        with pytest.raises(RuleError):
            check_limits(Limits(10, {"A": 6, "B": 5}))


RATES = (RebateTier(1_000_000, 200), RebateTier(2_500_000, 300))
UNITS = (RebateTier(1_000, None, 200), RebateTier(5_000, None, 350))


class TestTheRebate:
    @pytest.mark.parametrize(
        ("mode", "value", "cents"),
        [
            ("whole", 999_999, 0),
            ("whole", 1_000_000, 20_000),
            ("whole", 2_499_999, 50_000),
            ("whole", 2_500_000, 75_000),
            ("slices", 1_000_000, 0),
            ("slices", 2_500_000, 30_000),
            ("slices", 3_000_000, 45_000),
        ],
    )
    def test_on_value_starts_at_the_threshold_inclusive(self, mode, value, cents):
        assert rebate(RATES, basis="value", mode=mode, volume=0, value_cents=value) == cents

    @pytest.mark.parametrize(
        ("mode", "units", "cents"),
        [("whole", 999, 0), ("whole", 1_000, 2_000), ("whole", 6_000, 21_000), ("slices", 6_000, 11_500)],
    )
    def test_on_volume_is_per_unit(self, mode, units, cents):
        assert rebate(UNITS, basis="volume", mode=mode, volume=units, value_cents=9) == cents

    def test_on_volume_may_be_a_rate_of_the_value(self):
        tiers = (RebateTier(1_000, 100),)
        assert rebate(tiers, basis="volume", mode="whole", volume=1_000, value_cents=12_345) == 123

    @pytest.mark.parametrize(
        ("tiers", "basis", "mode"),
        [
            ((), "value", "whole"),
            ((RebateTier(1, 100), RebateTier(1, 200)), "value", "whole"),
            ((RebateTier(1, 100), RebateTier(2, None, 5)), "volume", "whole"),
            ((RebateTier(1, None, 5),), "value", "whole"),
            ((RebateTier(1, 100),), "volume", "slices"),
        ],
    )
    def test_refuses_tiers_that_mean_nothing(self, tiers, basis, mode):
        with pytest.raises(RuleError):
            make_rebate_tiers(tiers, basis, mode)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 6_000_000), st.integers(0, 6_000_000), st.sampled_from(["whole", "slices"]))
    def test_never_falls_when_more_is_received(self, one, other, mode):
        low, high = sorted((one, other))
        args = {"basis": "value", "mode": mode, "volume": 0}
        assert rebate(RATES, value_cents=low, **args) <= rebate(RATES, value_cents=high, **args)


received = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 90_000)), min_size=1, max_size=12)


class TestTheShares:
    @settings(max_examples=200, deadline=None)
    @given(st.integers(0, 500_000), received, st.sampled_from(["value", "volume"]))
    def test_add_up_and_stay_within_a_cent_of_the_exact_part(self, total, rows, basis):
        """The proof sheet replays: floor of the exact share, plus one cent for whoever has a rank."""
        got = [Received(str(n), units, value) for n, (units, value) in enumerate(rows)]
        weights = [units if basis == "volume" else value for units, value in rows]
        if not any(weights):
            if total:
                with pytest.raises(RuleError):
                    share_rebate(total, got, basis)
            return
        parts = share_rebate(total, got, basis)
        assert sum(part.cents for part in parts) == total
        for part, weight in zip(parts, weights, strict=True):
            assert part.cents == total * weight // sum(weights) + (part.rank > 0)
            assert weight or not part.cents
        assert sorted(part.rank for part in parts if part.rank) == list(range(1, sum(p.rank > 0 for p in parts) + 1))
