"""Reading an instance: bad input is refused by code and field, never with a traceback."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purchasing.rules.award import Instance, parse
from purchasing.rules.award.instance import dump
from purchasing.rules.errors import RuleError
from tests.purchasing.award.build import SAMPLES

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(-2, 3), max_size=3),
    st.just({}),
    st.just("\ud800"),
)


def changed(path, value):
    data = copy.deepcopy(SAMPLES["A12"])
    at = data
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return data


class TestReading:
    @pytest.mark.parametrize("name", sorted(SAMPLES))
    def test_gives_back_what_was_written(self, name):
        instance = parse(SAMPLES[name])
        assert parse(json.loads(json.dumps(dump(instance)))) == instance

    @pytest.mark.parametrize(
        ("path", "value", "code", "field"),
        [
            (["products"], None, "required", "products"),
            (["products"], {}, "not_a_list", "products"),
            (["products", 0], 3, "not_an_object", "products[0]"),
            (["products", 0, "id"], "", "invalid_id", "products[0].id"),
            (["products", 1, "id"], "P1", "duplicate_id", "products[1].id"),
            (["products", 0, "demand"], -1, "out_of_range", "products[0].demand"),
            (["products", 0, "demand"], 1.5, "not_a_whole_number", "products[0].demand"),
            (["products", 0, "demand"], True, "not_a_whole_number", "products[0].demand"),
            (["products", 0, "demand"], None, "required", "products[0].demand"),
            (["suppliers", 1, "id"], "S1", "duplicate_id", "suppliers[1].id"),
            (["suppliers", 0, "freight"], "1", "not_a_whole_number", "suppliers[0].freight"),
            (["suppliers", 0, "franco"], 10**30, "out_of_range", "suppliers[0].franco"),
            (["suppliers", 0, "schemes", 0, "metric"], "kg", "unknown_choice", "suppliers[0].schemes[0].metric"),
            (["suppliers", 0, "schemes", 0, "from"], [], "first_tier_not_zero", "suppliers[0].schemes[0].from"),
            (["suppliers", 0, "schemes", 0, "from"], [0, 0], "tiers_not_rising", "suppliers[0].schemes[0].from[1]"),
            (["suppliers", 0, "offers", 0, "product"], 2, "unknown_index", "suppliers[0].offers[0].product"),
            (["suppliers", 0, "offers", 1, "product"], 0, "duplicate_offer", "suppliers[0].offers[1].product"),
            (["suppliers", 0, "offers", 0, "scheme"], -1, "unknown_index", "suppliers[0].offers[0].scheme"),
            (["suppliers", 0, "offers", 0, "pack"], 0, "out_of_range", "suppliers[0].offers[0].pack"),
            (["suppliers", 0, "offers", 0, "prices"], [1], "price_per_tier", "suppliers[0].offers[0].prices"),
            (["suppliers", 0, "offers", 0, "prices"], [1, -1], "out_of_range", "suppliers[0].offers[0].prices[1]"),
            (["max_suppliers"], "2", "not_a_whole_number", "max_suppliers"),
            (["conflicts"], [[0]], "not_a_pair", "conflicts[0]"),
            (["conflicts"], [[0, 0]], "conflict_with_itself", "conflicts[0]"),
            (["conflicts"], [[0, 2]], "unknown_index", "conflicts[0][1]"),
            (["single_source_groups"], [1], "not_a_list", "single_source_groups[0]"),
            (["single_source_groups"], [[0, 5]], "unknown_index", "single_source_groups[0][1]"),
        ],
    )
    def test_names_the_mistake_and_its_place(self, path, value, code, field):
        with pytest.raises(RuleError) as refused:
            parse(changed(path, value))
        assert (refused.value.code, refused.value.field) == (code, field)

    @given(st.data())
    def test_never_fails_in_another_way(self, data):
        value = copy.deepcopy(SAMPLES["A12"])
        for _ in range(data.draw(st.integers(1, 3))):
            at = value
            while True:
                keys = list(at) if isinstance(at, dict) else list(range(len(at))) if isinstance(at, list) else []
                if not keys:
                    break
                key = data.draw(st.sampled_from(keys))
                if not isinstance(at[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
                    at[key] = data.draw(ODD)
                    break
                at = at[key]
        try:
            assert isinstance(parse(value), Instance)
        except RuleError as error:
            assert error.code and str(error)
