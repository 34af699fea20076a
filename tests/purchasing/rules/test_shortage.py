"""Sharing what arrived: acceptance cases, then properties."""

from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules.shortage import Claim, Layer, allocate, first_come, highest_average
from tests.purchasing.rules.build import minute

GRANTED = [Claim("A", 11, minute(0)), Claim("B", 7, minute(1)), Claim("C", 14, minute(2)), Claim("D", 4, minute(3))]


def one_by_one(units, claims, floors=None):
    """The rule as it is written in the design: give units one by one to the highest q/(2a+1)."""
    given = list(floors or [0] * len(claims))
    for _ in range(units - sum(given)):
        open_ = [i for i, q in enumerate(claims) if given[i] < q]
        if not open_:
            break
        best = max(open_, key=lambda i: (claims[i] / (2 * given[i] + 1), -i))
        # Integers decide ties: floats only find a candidate.
        for i in open_:
            left, right = claims[i] * (2 * given[best] + 1), claims[best] * (2 * given[i] + 1)
            if left > right or (left == right and i < best):
                best = i
        given[best] += 1
    return given


class TestAShortage:
    def test_of_30_of_36_gives_9_6_12_3(self):
        """case: 30 of 36 received → 9, 6, 12, 3."""
        assert allocate(30, GRANTED) == {"A": 9, "B": 6, "C": 12, "D": 3}

    def test_of_30_of_36_first_come_gives_11_7_12_0(self):
        """case: 30 of 36 received, FIFO 11, 7, 12, 0."""
        assert allocate(30, GRANTED, "first_come") == {"A": 11, "B": 7, "C": 12, "D": 0}

    def test_of_35_gives_11_7_13_4(self):
        """case: 35 → 11, 7, 13, 4."""
        assert allocate(35, GRANTED) == {"A": 11, "B": 7, "C": 13, "D": 4}

    def test_of_one_unit_gives_it_to_the_largest(self):
        """case: 1 → C gets it."""
        assert allocate(1, GRANTED) == {"A": 0, "B": 0, "C": 1, "D": 0}

    def test_of_nothing_gives_nothing(self):
        """case: 0 → all 0."""
        assert set(allocate(0, GRANTED).values()) == {0}

    def test_of_weights_6_6_2_is_monotone(self):
        """case: Weights 6, 6, 2: 10 → 5, 4, 1; 11 → 5, 5, 1; 12 → 5, 5, 2."""
        assert [highest_average(n, [6, 6, 2]) for n in (10, 11, 12)] == [[5, 4, 1], [5, 5, 1], [5, 5, 2]]

    def test_keeps_a_useful_minimum_whole(self):
        """case: 10, 10, 10 with 20 received, the third min_useful=10 → 10, 10, 0."""
        claims = [Claim("A", 10, minute(0)), Claim("B", 10, minute(1)), Claim("C", 10, minute(2), min_useful=10)]
        assert allocate(20, claims) == {"A": 10, "B": 10, "C": 0}

    def test_without_a_useful_minimum_gives_7_7_6(self):
        """case: 10, 10, 10 with 20 received → 7, 7, 6."""
        assert allocate(20, [Claim(m, 10, minute(n)) for n, m in enumerate("ABC")]) == {"A": 7, "B": 7, "C": 6}

    def test_with_three_useful_minimums_still_serves_two(self):
        claims = [Claim(m, 10, minute(n), min_useful=10) for n, m in enumerate("ABC")]
        assert allocate(20, claims) == {"A": 10, "B": 10, "C": 0}

    def test_of_weighed_goods_goes_to_the_gram(self):
        """case: Weighed goods 24.180 of 25.000 kg → 12.090, 7.012, 5.078."""
        claims = [Claim(m, q, minute(n)) for n, (m, q) in enumerate([("A", 12_500), ("B", 7_250), ("C", 5_250)])]
        assert allocate(24_180, claims) == {"A": 12_090, "B": 7_012, "C": 5_078}

    def test_takes_nothing_back_where_the_useful_minimum_would(self):
        # The rule of the design alone gives 9, 8, 0 for 17 units and 6, 6, 6 for 18.
        claims = [Claim("A", 10, minute(0)), Claim("B", 10, minute(1)), Claim("C", 10, minute(2), min_useful=6)]
        first = allocate(17, claims)
        assert first == {"A": 9, "B": 8, "C": 0}
        assert allocate(18, claims) == {"A": 6, "B": 6, "C": 6}
        assert allocate(18, claims, before=first) == {"A": 9, "B": 9, "C": 0}

    def test_first_come_knows_that_raised_quantities_are_new(self):
        # 12 lowered to 8 and raised to 12 again: the last 4 are younger than B.
        claims = [
            Claim("A", 12, minute(0), layers=(Layer(8, minute(0)), Layer(4, minute(9)))),
            Claim("B", 10, minute(5)),
        ]
        assert first_come(15, claims) == [8, 7]
        assert allocate(15, claims) == allocate(15, [Claim("A", 12, minute(0)), Claim("B", 10, minute(5))])


quantities = st.lists(st.integers(0, 40), min_size=1, max_size=6)
claims_of = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=6).map(
    lambda rows: [Claim(chr(65 + n), q, minute(at), min(m, q)) for n, (q, m, at) in enumerate(rows)]
)


class TestEveryShare:
    @given(quantities, st.integers(0, 260))
    @settings(max_examples=400)
    def test_equals_the_rule_walked_unit_by_unit(self, claims, units):
        units = min(units, sum(claims))
        assert highest_average(units, claims) == one_by_one(units, claims)

    @given(st.lists(st.integers(2**23, 2**25), min_size=2, max_size=8), st.data())
    def test_of_millions_is_what_whole_numbers_say(self, claims, data):
        """Below 2^24 quotients are compared as floats, above as fractions: the next unit goes to the highest either way."""
        units = data.draw(st.integers(0, sum(claims) - 1))
        now, then = highest_average(units, claims), highest_average(units + 1, claims)
        (more,) = [i for i in range(len(claims)) if then[i] != now[i]]
        for i, q in enumerate(claims):
            ahead = claims[more] * (2 * now[i] + 1) - q * (2 * now[more] + 1)
            assert now[i] == q or ahead > 0 or (ahead == 0 and more <= i)

    @given(quantities, st.integers(0, 100), st.data())
    def test_equals_the_walk_from_floors_too(self, claims, units, data):
        floors = [data.draw(st.integers(0, q)) for q in claims]
        units = max(sum(floors), min(units, sum(claims)))
        assert highest_average(units, claims, floors) == one_by_one(units, claims, floors)

    @given(quantities, st.integers(0, 240))
    def test_never_falls_with_one_more_unit(self, claims, units):
        fewer, more = highest_average(units, claims), highest_average(units + 1, claims)
        assert all(a <= b for a, b in zip(fewer, more, strict=True))

    @given(claims_of, st.lists(st.integers(0, 25), max_size=6), st.sampled_from(["proportional", "first_come"]))
    @settings(max_examples=400)
    def test_of_several_deliveries_takes_nothing_back(self, claims, deliveries, rule):  # I1, I2, I16
        before, received = {c.member: 0 for c in claims}, 0
        for delivery in deliveries:
            received += delivery
            after = allocate(received, claims, rule, before)
            assert sum(after.values()) <= received
            for claim in claims:
                assert before[claim.member] <= after[claim.member] <= claim.quantity
                assert after[claim.member] == 0 or after[claim.member] >= claim.min_useful
            before = after

    @given(claims_of, st.integers(0, 120), st.randoms(use_true_random=False))
    def test_does_not_look_at_the_order_of_rows(self, claims, units, rng):
        shuffled = list(claims)
        rng.shuffle(shuffled)
        assert allocate(units, claims) == allocate(units, shuffled)

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=1, max_size=6), st.integers(0, 150))
    def test_wastes_nothing_without_useful_minimums(self, rows, units):
        claims = [Claim(chr(65 + n), q, minute(at)) for n, (q, at) in enumerate(rows)]
        assert sum(allocate(units, claims).values()) == min(units, sum(q for q, _ in rows))

    def test_of_ten_million_units_is_immediate(self):
        claims = [9_000_000 + n for n in range(70)]
        given = highest_average(10_000_000, claims)
        assert sum(given) == 10_000_000
        assert max(given) - min(given) <= 2
        floors = [5_000_000, *[0] * 69]
        assert sum(highest_average(10_000_000, claims, floors)) == 10_000_000
