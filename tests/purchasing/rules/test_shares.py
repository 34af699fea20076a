"""Money to the cent: acceptance cases, then properties."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules import shares
from purchasing.rules.shares import Charge, Goods, Party, equalisation, share

MEMBERS = [Party(m) for m in "ABCD"]
UNITS = {"A": 11, "B": 7, "C": 14, "D": 4}


def net(statement):
    return [sum(row.values()) for row in statement.net.values()]


def vat(statement):
    return [sum(row.values()) for row in statement.vat.values()]


class TestTheWorkedExample:
    def statement(self, goods=12_570, **kwargs):
        return shares.settle(
            MEMBERS, [Goods("goods", 2000, goods, UNITS)], [Charge("freight", "freight", 1_990)], **kwargs
        )

    def test_splits_goods_freight_and_vat(self):
        statement = self.statement()
        assert [statement.total(m, "goods") for m in "ABCD"] == [3_841, 2_444, 4_888, 1_397]
        assert [statement.total(m, "freight") for m in "ABCD"] == [608, 387, 774, 221]
        assert net(statement) == [4_449, 2_831, 5_662, 1_618]
        assert vat(statement) == [890, 566, 1_132, 324]
        assert (sum(net(statement)), sum(vat(statement))) == (14_560, 2_912)

    def test_splits_a_bill_that_is_three_cents_higher(self):
        """case: Supplier bills 125.73: 38.42, 24.45, 48.89, 13.97."""
        statement = self.statement(12_573)
        assert [statement.total(m, "goods") for m in "ABCD"] == [3_842, 2_445, 4_889, 1_397]

    def test_can_be_replayed_from_its_parts(self):
        for part in self.statement().parts:
            total = sum(p.cents for p in self.statement().parts if p.source == part.source)
            assert part.cents == total * part.weight // part.weights + (part.rank > 0)

    @pytest.mark.parametrize(
        ("policy", "expected"),
        [
            ("quantity", [608, 387, 774, 221]),
            ("equal", [498, 498, 497, 497]),
            ("weight", [199, 398, 597, 796]),
            ("drop_point", [398, 796, 398, 398]),  # B has two
        ],
    )
    def test_shares_freight_by_policy(self, policy, expected):
        parties = [Party(m, weight=n, drops=2 if m == "B" else 0) for n, m in enumerate("ABCD", start=1)]
        goods = [Goods("goods", 2000, 12_570, UNITS)]
        statement = shares.settle(parties, goods, [Charge("freight", "freight", 1_990)], freight=policy)
        assert [statement.total(m, "freight") for m in "ABCD"] == expected

    def test_asks_no_freight_from_who_received_nothing(self):
        goods = [Goods("goods", 2000, 1_000, {"A": 1, "B": 1})]
        statement = shares.settle(MEMBERS, goods, [Charge("f", "freight", 101)], freight="equal")
        assert net(statement) == [551, 550, 0, 0]


class TestShare:
    @pytest.mark.parametrize(
        ("total", "count", "expected"),
        [
            (5_000, 3, [1_667, 1_667, 1_666]),
            (10_000, 7, [1_429] * 4 + [1_428] * 3),
            (1, 4, [1, 0, 0, 0]),
            (2, 3, [1, 1, 0]),
        ],
    )
    def test_gives_the_left_over_cents_to_the_earliest(self, total, count, expected):
        """case: 50.00 over 3, 100.00 over 7, 0.01 over 4, 0.02 over 3."""
        assert share(total, [1] * count) == expected

    def test_of_9_999_99_over_4_000_employees_is_exact(self):
        """case: 9,999.99 € over 4,000 employees → 3,999 × 2.50 + 1 × 2.49; total exact; stable if rows are shuffled."""
        assert share(999_999, [1] * 4_000) == [250] * 3_999 + [249]
        names = [f"{n:04d}" for n in range(4_000)]
        parties, paid = [Party(name) for name in names], []
        for order in (names, Random(7).sample(names, 4_000)):  # the same shuffle every time
            statement = shares.settle(parties, [Goods("goods", 2000, 999_999, dict.fromkeys(order, 1))])
            paid.append([statement.total(name, "goods") for name in names])
        assert paid[0] == paid[1] == [250] * 3_999 + [249]

    @given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=40).filter(any))
    def test_always_sums_and_never_strays_a_cent(self, total, weights):
        got = share(total, weights)
        assert sum(got) == total
        for cents, weight in zip(got, weights, strict=True):
            assert abs(cents * sum(weights) - total * weight) < sum(weights)
            assert weight or not cents


class TestVat:
    def test_of_four_times_12_33_at_5_5_percent_rounds_per_invoice_in_resale(self):
        """case: Four × 12.33 € at 5.5 %: 2.72 against 2.71."""
        goods = [Goods("goods", 550, 4_932, dict.fromkeys("ABCD", 1))]
        resale = shares.settle(MEMBERS, goods, model="resale")
        assert (sum(vat(resale)), resale.vat_rounding_cents) == (272, 1)
        agent = shares.settle(MEMBERS, goods, model="agent")
        assert (sum(vat(agent)), agent.vat_rounding_cents) == (271, 0)
        assert vat(agent) == [68, 68, 68, 67]  # shares of the supplier's VAT: the odd cents to the earliest

    def test_follows_freight_to_each_rate(self):
        """case: Freight 10.00 € on 60.00 at 5.5 % and 40.00 at 20 % → 6.00 and 4.00."""
        goods = [Goods("food", 550, 6_000, {"A": 1}), Goods("boxes", 2000, 4_000, {"A": 1})]
        statement = shares.settle([Party("A")], goods, [Charge("freight", "freight", 1_000)])
        assert statement.net["A"] == {550: 6_600, 2000: 4_400}


class TestTheStandAloneCap:
    @pytest.mark.parametrize(
        ("uniform", "alone", "expected"),
        [
            ([18_182, 1_818], [10_000, 10_000], [10_000, 10_000]),  # pack left over
            ([10_182, 1_018], [10_000, 1_200], [10_000, 1_200]),  # CS10
            ([103_880, 400_000], [100_000, 500_000], [100_000, 403_880]),  # CS09
            ([33_000, 18_000, 12_000], [30_000, 23_900, 17_900], [30_000, 19_500, 13_500]),  # CS11
            ([720_000, 80_000], [800_000, 100_000], [720_000, 80_000]),  # CS12
            ([90_000, 90_000], [80_000, 80_000], [90_000, 90_000]),  # no rational split exists
        ],
    )
    def test_gives_the_shares_of_the_design(self, uniform, alone, expected):
        """case: the table of counter-examples: pack leftover, CS09 to CS12, scarce cheap capacity."""
        assert [u + e for u, e in zip(uniform, equalisation(uniform, alone), strict=True)] == expected

    def test_never_caps_who_has_no_alternative(self):
        moves = equalisation([200, 100, 100], [100, None, 130])
        assert moves == [-100, 70, 30]

    def test_lets_the_large_company_gain_when_a_part_is_shared_in_proportion(self):
        """case: the free rider of the design: A alone has the best tier already. One price leaves it nothing, a mix a part."""
        uniform, alone = [720_000, 64_000], [720_000, 100_000]
        assert equalisation(uniform, alone) == [0, 0]
        assert equalisation(uniform, alone, 25) == [-7_902, 7_902]
        assert equalisation(uniform, alone, 100) == [-31_610, 31_610]  # both pay 95.6 % of alone

    @given(
        st.lists(st.tuples(st.integers(0, 9_999), st.one_of(st.none(), st.integers(0, 9_999))), min_size=1, max_size=9),
        st.sampled_from([0, 0, 10, 50, 99, 100]),
    )
    @settings(max_examples=400)
    def test_is_never_above_alone_when_that_is_possible(self, rows, mix):
        uniform, alone = [u for u, _ in rows], [s for _, s in rows]
        moves = equalisation(uniform, alone, mix)
        assert sum(moves) == 0
        feasible = any(s is None and u for u, s in rows) or sum(u for u, _ in rows) <= sum(s or 0 for u, s in rows if u)
        for (u, s), move in zip(rows, moves, strict=True):
            if feasible and s is not None and u:
                assert u + move <= s
            if not u:
                assert not move


documents = st.lists(
    st.tuples(
        st.sampled_from([550, 1000, 2000]), st.integers(0, 50_000), st.lists(st.integers(0, 30), min_size=4, max_size=4)
    ),
    min_size=1,
    max_size=4,
)


class TestEveryDocument:
    @given(
        documents,
        st.integers(0, 5_000),
        st.integers(0, 2_000),
        st.sampled_from(["value", "quantity", "weight", "equal"]),
        st.sampled_from(["resale", "agent", "listing"]),
        st.booleans(),
    )
    @settings(max_examples=300)
    def test_is_shared_to_the_cent(self, rows, freight, discount, policy, model, cap):  # I3, I4
        goods = [
            Goods(str(n), rate, cents, dict(zip("ABCD", units, strict=True)))
            for n, (rate, cents, units) in enumerate(rows)
        ]
        parties = [Party(m, stand_alone_cents=9_000) for m in "ABCD"]
        charges = [Charge("freight", "freight", freight), Charge("discount", "discount", discount)]
        statement = shares.settle(parties, goods, charges, freight=policy, model=model, stand_alone_cap=cap)
        supplier = sum(line.cents for line in goods) + freight - discount
        assert sum(net(statement)) == supplier
        for line in goods:
            assert sum(p.cents for p in statement.parts if p.source == line.source) == line.cents
        assert sum(p.cents for p in statement.parts if p.kind == "fairness") == 0
        if model != "resale":
            assert statement.vat_rounding_cents == 0
