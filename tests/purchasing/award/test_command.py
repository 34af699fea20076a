"""`manage.py solve_award`: exact keys and exit codes."""

import copy
import json

import pytest
from django.core.management import call_command

from tests.purchasing.award.build import SAMPLES


@pytest.fixture
def run(tmp_path, capsys):
    def run(data, *options):
        file = tmp_path / "award.json"
        file.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        code = 0
        try:
            call_command("solve_award", str(file), *options)
        except SystemExit as exit:
            code = exit.code
        return code, json.loads(capsys.readouterr().out)

    return run


class TestSolveAward:
    def test_prints_the_award(self, run):
        code, out = run(SAMPLES["A12"])
        assert code == 0
        assert (out["status"], out["cost_cents"], out["bound_cents"], out["gap"]) == ("optimal", 21030, 21030, 0)
        assert out["award"] == [
            {"supplier": "S1", "product": "P1", "packs": 16},
            {"supplier": "S1", "product": "P2", "packs": 4},
            {"supplier": "S2", "product": "P2", "packs": 1},
        ]
        assert out["suppliers"] == [
            {"supplier": "S1", "tiers": [0], "net_cents": 20000, "freight_cents": 0},
            {"supplier": "S2", "tiers": [0], "net_cents": 1030, "freight_cents": 0},
        ]
        assert out["seconds"] >= 0 and "reason" not in out

    def test_exits_with_3_and_the_reason_when_nothing_is_possible(self, run):
        code, out = run(SAMPLES["A13"])
        assert (code, out["status"], out["cost_cents"], out["award"]) == (3, "infeasible", None, [])
        assert (out["reason"]["code"], out["reason"]["product"]) == ("availability", "P1")

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"max_suppliers": 1}, "max_suppliers"),
            ({"conflicts": [[0, 1]]}, "conflict"),
            ({"single_source_groups": [[0, 1]]}, "single_source_group"),
            ({"minimum": 10_000}, "minimum_order"),
            ({"limit": 1}, "product_max_suppliers"),
            ({"limit": 0}, "product_max_suppliers"),
            ({"pack": 4}, "packs"),
            ({"max_suppliers": 1, "conflicts": [[0, 1]]}, "combined_rules"),
        ],
    )
    def test_names_the_rules_that_make_it_impossible(self, run, change, code):
        data = _needs_both()
        change = dict(change)
        if minimum := change.pop("minimum", 0):
            data["suppliers"][0]["min_order_value"] = minimum
        if "limit" in change:
            data["products"][0]["max_suppliers"] = change.pop("limit")
        if pack := change.pop("pack", 0):
            for supplier in data["suppliers"]:
                supplier["offers"][0]["pack"] = pack
        status, out = run(data | change)
        assert (status, out["reason"]["code"]) == (3, code)

    @pytest.mark.parametrize(
        ("text", "options", "code"),
        [
            ("", (), "invalid_json"),
            ("[" * 100_000, (), "invalid_json"),
            ('{"products": NaN}', (), "invalid_json"),
            ("[]", (), "not_an_object"),
            ('{"products": [], "suppliers": []}', ("--seconds", "nan"), "out_of_range"),
            ('{"products": [], "suppliers": []}', ("--seconds", "-1"), "out_of_range"),
            ('{"products": [], "suppliers": []}', ("--seconds", "soon"), "out_of_range"),
        ],
    )
    def test_exits_with_2_on_bad_input(self, run, text, options, code):
        status, out = run(text, *options)
        assert (status, out["error"]["code"]) == (2, code)
        assert set(out["error"]) == {"code", "message", "field"}

    def test_exits_with_2_when_the_file_cannot_be_read(self, capsys):
        with pytest.raises(SystemExit) as exit:
            call_command("solve_award", "/nowhere/award.json")
        assert exit.value.code == 2
        assert json.loads(capsys.readouterr().out)["error"]["field"] == "file"

    def test_costs_nothing_to_buy_nothing(self, run):
        code, out = run({"products": [], "suppliers": []})
        assert (code, out["status"], out["cost_cents"], out["award"]) == (0, "optimal", 0, [])


def _needs_both():
    """One product of which each of two suppliers has half, and a second one that only the second has."""
    offer = {"product": 0, "pack": 1, "max_packs": 5, "scheme": 0, "prices": [100]}
    scheme = {"metric": "units", "from": [0]}
    suppliers = [{"id": n, "schemes": [scheme], "offers": [copy.deepcopy(offer)]} for n in ("S1", "S2")]
    suppliers[1]["offers"].append(offer | {"product": 1})
    products = [{"id": "P1", "demand": 10}, {"id": "P2", "demand": 1}]
    return {"products": products, "suppliers": suppliers}
