"""Packs and freight of an employee pool: what is ordered, what is left for the opener, what one person can be asked at most."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from purchasing.rules import shares
from purchasing.rules.employee_lot import OPENER, Lot, Reach, fill, freight_most, freight_parts, rest_of
from purchasing.rules.landed import freight_due
from purchasing.rules.tiers import Commitment, Terms, Tier

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
terms = st.builds(
    lambda least, pack, prices: Terms(
        tuple(Tier(least + 7 * n, cents) for n, cents in enumerate(sorted(prices, reverse=True))), pack
    ),
    st.integers(1, 25),
    st.integers(1, 12),
    st.lists(st.integers(50, 5_000), min_size=1, max_size=3, unique=True),
)
# (units, units more for packs) of each person
people = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 6)), min_size=1, max_size=8)


def words(taken, start=0):
    return [
        Commitment(str(start + n), units, BEGAN + timedelta(minutes=n), more) for n, (units, more) in enumerate(taken)
    ]


class TestPacks:
    @given(terms, people, st.booleans())
    def test_are_full_and_nobody_gets_more_than_they_said(self, how, taken, opener):
        told = fill(how, words(taken), opener=opener)
        assert told.ordered % how.pack == 0
        assert sum(told.granted.values()) == told.ordered
        assert told.ordered == 0 or told.ordered >= how.least
        for n, (units, more) in enumerate(taken):
            assert 0 <= told.granted[str(n)] <= units + more
        rest = told.granted.get(OPENER, 0)
        assert 0 <= rest < how.pack and (opener or not rest)
        if rest:  # what the others would take for packs comes first
            assert all(told.granted[str(n)] == units + more for n, (units, more) in enumerate(taken))
        if opener and sum(units for units, _more in taken) >= how.least:
            assert all(told.granted[str(n)] >= units for n, (units, _more) in enumerate(taken))

    def test_leave_the_opener_what_the_others_do_not_fill(self):
        """10 + 2, 7, 12 + 5, 4 + 1 in packs of 12 need nobody; without tolerance three units are left."""
        how = Terms((Tier(1, 349),), 12)
        told = fill(how, words([(10, 2), (7, 0), (12, 5), (4, 1)]), opener=True)
        assert (told.ordered, [told.granted[str(n)] for n in range(4)]) == (36, [11, 7, 14, 4])
        assert OPENER not in told.granted
        assert fill(how, words([(10, 0), (7, 0), (12, 0), (4, 0)]), opener=True).granted[OPENER] == 3
        fewer = fill(how, words([(10, 0), (7, 0), (12, 0), (4, 0)]), opener=False)
        assert [fewer.granted[str(n)] for n in range(4)] == [7, 5, 9, 3]

    def test_never_make_up_a_missed_minimum(self):
        assert rest_of(Terms((Tier(10, 100),), 12), 9, 0) == 0
        assert fill(Terms((Tier(10, 100),), 12), words([(9, 0)]), opener=True).ordered == 0


class TestFreight:
    @given(
        st.lists(st.tuples(terms, people, st.sampled_from([550, 1000, 2000])), min_size=1, max_size=3),
        st.integers(1, 20_000),
        st.sampled_from([shares.VALUE, shares.QUANTITY, shares.EQUAL]),
        st.booleans(),
    )
    def test_of_nobody_is_more_than_was_said_before_joining(self, articles, freight, split, opener):
        """The captured amount is never above what was authorised: freight said at most covers every outcome."""
        most_each = 15
        lots, reach = [], {}
        for number, (how, taken, rate) in enumerate(articles):
            told = fill(how, words(taken), opener=opener)
            if told.tier:
                lots.append(Lot(number, rate, told.tier.unit_price_e4, told.granted))
            for n, (units, more) in enumerate(taken):
                reach.setdefault(str(n), []).append(Reach(units + more, how.least, most_each))
        due = freight_due(sum(lot.goods_cents for lot in lots), freight, None)
        parts = freight_parts(due, split, lots)
        assert sum(parts.values()) == due
        rates = len({rate for _how, _taken, rate in articles})
        for member, taken in reach.items():
            mine = sum(cents for (who, _article), cents in parts.items() if who == member)
            assert 0 <= mine <= freight_most(freight, split, taken, rates)

    def test_by_value_counts_what_the_opener_takes(self):
        lots = [Lot(1, 2000, 100, {"7": 8, OPENER: 2})]
        assert freight_parts(1_000, shares.VALUE, lots) == {("7", 1): 800, (OPENER, 1): 200}
        assert freight_parts(0, shares.VALUE, lots) == {}
