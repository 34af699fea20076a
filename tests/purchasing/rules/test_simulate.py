"""The JSON what-if: exact output, and every bad input said by code and field."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchasing.rules import simulate, simulate_input
from purchasing.rules.errors import RuleError
from tests.purchasing.rules.build import input_of, worked

BILL = {"goods": "125.70", "freight": "19.90", "discount": "0.00"}
FOUR_TIERS = [
    {"from": 1, "unit_price": "4.2000"},
    {"from": 100, "unit_price": "3.6000"},
    {"from": 250, "unit_price": "3.1500"},
    {"from": 500, "unit_price": "2.9500"},
]


def column(result, key):
    return [row[key] for row in result["shares"].values()]


class TestTheWhatIf:
    def test_gives_the_worked_example(self):
        result = simulate.run(worked(supplier_invoice=BILL))
        assert (result["ordered"], result["unit_price"], result["tier_from"]) == (36, "3.4917", 1)
        assert result["granted"] == {"A": 11, "B": 7, "C": 14, "D": 4}
        assert result["shares"]["A"] == {
            "quantity": 11,
            "goods": "38.41",
            "freight": "6.08",
            "discount": "0.00",
            "fairness": "0.00",
            "net": "44.49",
            "vat": "8.90",
            "gross": "53.39",
        }
        assert column(result, "net") == ["44.49", "28.31", "56.62", "16.18"]
        assert column(result, "vat") == ["8.90", "5.66", "11.32", "3.24"]
        assert result["totals"] == {"net": "145.60", "vat": "29.12", "gross": "174.72", "vat_rounding": "0.00"}
        assert (result["receipts"], result["left_over"], result["dropped"]) == ([], 0, [])

    def test_cumulates_deliveries(self):
        result = simulate.run(worked(receipts=[20, 10], supplier_invoice=BILL))
        assert result["receipts"] == [{"A": 6, "B": 4, "C": 8, "D": 2}, {"A": 9, "B": 6, "C": 12, "D": 3}]
        assert column(result, "quantity") == [9, 6, 12, 3]
        assert result["totals"]["net"] == "145.60"

    def test_bills_what_was_received_when_there_is_no_invoice_yet(self):
        assert simulate.run(worked())["totals"]["net"] == "125.70"
        assert simulate.run(worked(receipts=[30]))["totals"]["net"] == "104.75"

    def test_gives_nobody_anything_when_nothing_arrives(self):
        result = simulate.run(worked(receipts=[0]))
        assert set(column(result, "gross")) == {"0.00"}
        assert result["receipts"] == [{"A": 0, "B": 0, "C": 0, "D": 0}]

    def test_leaves_over_what_nobody_ordered(self):
        result = simulate.run(worked(receipts=[40]))
        assert (result["left_over"], sum(column(result, "quantity"))) == (4, 36)

    def test_hints_that_100_cost_less_than_99(self):
        result = simulate.run(input_of([{"member": "A", "quantity": 99}], tiers=FOUR_TIERS))
        assert result["hints"] == [{"kind": "buy_up", "quantity": 100, "saves": "55.80"}]
        assert result["totals"]["net"] == "415.80"
        assert simulate.run(input_of([{"member": "A", "quantity": 85}], tiers=FOUR_TIERS))["hints"] == []

    def test_hints_that_five_euros_more_save_the_freight(self):
        rows = [{"member": "A", "quantity": 99}]
        tiers = [{"from": 1, "unit_price": "5.0000"}]
        franco = {"freight": "35.00", "franco": "500.00"}
        result = simulate.run(input_of(rows, tiers=tiers, freight_terms=franco))
        assert result["hints"] == [{"kind": "franco", "amount": "5.00", "saves": "35.00"}]

    def test_drops_a_member_on_the_cap(self):
        rows = [{"member": "A", "quantity": 100}, {"member": "B", "quantity": 5, "price_cap": "3.5999"}]
        result = simulate.run(input_of(rows, tiers=FOUR_TIERS))
        assert result["dropped"] == [{"member": "B", "reason": "price_cap"}]
        assert result["granted"] == {"A": 100, "B": 0}

    def test_never_lets_pooling_cost_more_than_alone(self):
        # A pack of 10 at 100 €: A needs 10, B needs 1, two packs are bought.
        rows = [
            {"member": "A", "quantity": 10, "stand_alone": "100.00"},
            {"member": "B", "quantity": 1, "tolerance": 9, "stand_alone": "100.00"},
        ]
        tiers = [{"from": 1, "unit_price": "10.0000"}]
        bill = {"goods": "200.00"}
        policies = {"fairness": "stand_alone_cap"}
        result = simulate.run(input_of(rows, pack=10, tiers=tiers, supplier_invoice=bill, policies=policies))
        assert column(result, "net") == ["100.00", "100.00"]

    def test_shows_the_vat_rounding_of_resale(self):
        rows = [{"member": m, "quantity": 1} for m in "ABCD"]
        tiers = [{"from": 1, "unit_price": "12.3300"}]
        resale = simulate.run(input_of(rows, tiers=tiers, model="resale", vat_bp=550))
        assert resale["totals"] == {"net": "49.32", "vat": "2.72", "gross": "52.04", "vat_rounding": "0.01"}
        agent = simulate.run(input_of(rows, tiers=tiers, model="agent", vat_bp=550))
        assert agent["totals"]["vat"] == "2.71"

    def test_spares_who_received_nothing_the_freight_unless_nothing_came_at_all(self):
        rows = [{"member": "A", "quantity": 5}, {"member": "B", "quantity": 5, "price_cap": "1.0000"}]
        bill = {"goods": "0.00", "freight": "9.99"}
        result = simulate.run(input_of(rows, receipts=[0], supplier_invoice=bill))
        assert column(result, "freight") == ["9.99", "0.00"]

    @given(st.permutations(range(4)))
    def test_ignores_the_order_of_rows(self, order):  # I11
        data = worked(supplier_invoice=BILL, receipts=[13, 9])
        shuffled = copy.deepcopy(data)
        shuffled["commitments"] = [data["commitments"][i] for i in order]
        assert json.dumps(simulate.run(shuffled)) == json.dumps(simulate.run(data))


def broken(path, value):
    data = worked(supplier_invoice=dict(BILL), receipts=[3], policies={})
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return data


class TestABadInput:
    @pytest.mark.parametrize(
        ("path", "value", "code", "field"),
        [
            (["pack"], 0, "out_of_range", "pack"),
            (["pack"], True, "not_a_whole_number", "pack"),
            (["moq"], -1, "out_of_range", "moq"),
            (["tiers"], [], "required", "tiers"),
            (["tiers"], None, "required", "tiers"),
            (["tiers", 0], 3, "not_an_object", "tiers[0]"),
            (["tiers", 0, "unit_price"], "1e3", "not_an_amount", "tiers[0].unit_price"),
            (["tiers", 0, "unit_price"], 4.2, "not_an_amount", "tiers[0].unit_price"),
            (["tiers", 0, "unit_price"], "4.20001", "too_many_decimals", "tiers[0].unit_price"),
            (["tiers", 0, "unit_price"], "-4.2", "out_of_range", "tiers[0].unit_price"),
            (["commitments"], {}, "not_a_list", "commitments"),
            (["commitments", 1, "quantity"], -1, "out_of_range", "commitments[1].quantity"),
            (["commitments", 1, "quantity"], 1.5, "not_a_whole_number", "commitments[1].quantity"),
            (["commitments", 1, "quantity"], 10**30, "out_of_range", "commitments[1].quantity"),
            (["commitments", 1, "member"], "A", "duplicate_member", "commitments[1].member"),
            (["commitments", 1, "member"], "", "invalid_member", "commitments[1].member"),
            (["commitments", 1, "member"], "\ud800", "invalid_member", "commitments[1].member"),
            (["commitments", 0, "committed_at"], "2026-03-02", "no_offset", "commitments[0].committed_at"),
            (["commitments", 0, "committed_at"], "yesterday", "not_a_time", "commitments[0].committed_at"),
            (
                ["commitments", 0, "committed_at"],
                "0001-01-01T00:00:00+23:00",
                "not_a_time",
                "commitments[0].committed_at",
            ),
            (["commitments", 0, "min_useful"], 99, "min_useful_too_large", "commitments[0].min_useful"),
            (["commitments", 0, "tier_tolerance"], "yes", "not_a_boolean", "commitments[0].tier_tolerance"),
            (["commitments", 0, "stand_alone"], "x", "not_an_amount", "commitments[0].stand_alone"),
            (["receipts"], [-1], "out_of_range", "receipts[0]"),
            (["policies", "shortage"], "random", "unknown_choice", "policies.shortage"),
            (["policies", "shortage"], ["value"], "unknown_choice", "policies.shortage"),
            (["model"], "gift", "unknown_choice", "model"),
            (["vat_bp"], 10_001, "out_of_range", "vat_bp"),
            (["supplier_invoice", "goods"], "12,50", "not_an_amount", "supplier_invoice.goods"),
            (["supplier_invoice"], [], "not_an_object", "supplier_invoice"),
        ],
    )
    def test_is_named_by_code_and_field(self, path, value, code, field):
        with pytest.raises(RuleError) as caught:
            simulate.run(broken(path, value))
        assert (caught.value.code, caught.value.field) == (code, field)

    @pytest.mark.parametrize("text", ["", "{", "[1,", '{"pack": NaN}', "[" * 100_000, "1" * 5_000, "\ufeff{}"])
    def test_is_refused_when_it_is_not_json(self, text):
        with pytest.raises(RuleError) as caught:
            simulate_input.loads(text)
        assert caught.value.code == "invalid_json"

    @pytest.mark.parametrize("data", [None, [], 3, "x", {}])
    def test_is_refused_when_it_is_no_object_or_empty(self, data):
        with pytest.raises(RuleError):
            simulate.run(data)

    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )

    @given(
        st.sampled_from([["pack"], ["tiers"], ["tiers", 0], ["commitments"], ["commitments", 0], ["receipts"]])
        | st.sampled_from(["quantity", "member", "tolerance", "committed_at", "price_cap", "weight", "layers"]).map(
            lambda key: ["commitments", 0, key]
        )
        | st.sampled_from([["policies"], ["policies", "freight"], ["supplier_invoice"], ["model"], ["vat_bp"]]),
        json_values,
    )
    def test_never_ends_in_anything_but_an_answer_or_a_named_error(self, path, value):
        try:
            json.dumps(simulate.run(broken(path, value)), ensure_ascii=False).encode()
        except RuleError as error:
            assert error.code and error.message


class TestNobody:
    def test_orders_nothing(self):
        result = simulate.run(input_of([]))
        assert (result["ordered"], result["unit_price"], result["shares"]) == (0, None, {})

    def test_cannot_be_billed(self):
        with pytest.raises(RuleError) as caught:
            simulate.run(input_of([], supplier_invoice={"goods": "1.00"}))
        assert caught.value.code == "nobody_to_pay"


class TestALargePool:
    def test_of_70_members_and_500_lines_is_computed_in_seconds(self):
        rows = [{"member": f"m{n:02d}", "quantity": 1_000_003 + n, "tolerance": n} for n in range(60)]
        data = input_of(rows, pack=997, tiers=FOUR_TIERS, receipts=[30_000_000, 20_000_000])
        for _ in range(10):
            assert sum(simulate.run(data)["receipts"][-1].values()) == 50_000_000
