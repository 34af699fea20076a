"""The exact evaluator: what an award costs, and which rule it breaks."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from purchasing.rules.award import Evaluation, Violation, evaluate, parse
from tests.purchasing.award.build import SAMPLES, tiny

LOTS = st.lists(st.integers(0, 5), min_size=9, max_size=9)


def by_hand(data, packs):
    """The cost or None, computed from the JSON in another way: supplier by supplier, tier by tier."""
    cost, lines, at = 0, [], 0
    for i, supplier in enumerate(data["suppliers"]):
        own = [(o, packs.get(at + j, 0)) for j, o in enumerate(supplier["offers"])]
        at += len(own)
        lines += [(i, o["product"], n, o["pack"]) for o, n in own if n]
        if any(n > o["max_packs"] for o, n in own):
            return None
        if not any(n for _, n in own):
            continue
        goods = 0
        for g, scheme in enumerate(supplier["schemes"]):
            of_scheme = [(o, n) for o, n in own if o["scheme"] == g]
            weigh = (lambda o: o["pack"]) if scheme["metric"] == "units" else (lambda o: o["prices"][0])
            reached = sum(weigh(o) * n for o, n in of_scheme)
            tier = max(r for r, start in enumerate(scheme["from"]) if start <= reached)
            goods += sum(o["prices"][tier] * n for o, n in of_scheme)
        if goods < supplier["min_order_value"] or sum(o["pack"] * n for o, n in own) < supplier["min_order_units"]:
            return None
        cost += goods
        if supplier["franco"] is None or goods < supplier["franco"]:
            cost += supplier["freight"]
    return cost if _limits_hold(data, lines) else None


def _limits_hold(data, lines):
    for k, product in enumerate(data["products"]):
        units = sum(n * pack for _, p, n, pack in lines if p == k)
        if not product["demand"] <= units <= product["demand"] + product["max_surplus"]:
            return False
        if product["max_suppliers"] is not None and len({i for i, p, *_ in lines if p == k}) > product["max_suppliers"]:
            return False
    used = {i for i, *_ in lines}
    if data["max_suppliers"] is not None and len(used) > data["max_suppliers"]:
        return False
    if any(one in used and other in used for one, other in data["conflicts"]):
        return False
    return all(len({i for i, p, *_ in lines if p in group}) <= 1 for group in data["single_source_groups"])


class TestAnEvaluation:
    @given(st.integers(0, 10**6), LOTS)
    def test_equals_the_cost_computed_by_hand(self, seed, lots):
        data = tiny(Random(seed))
        instance = parse(data)
        packs = {o.index: n for o, n in zip(instance.offers, lots, strict=False)}
        result = evaluate(instance, packs)
        assert (result.cost_cents if isinstance(result, Evaluation) else None) == by_hand(data, packs)

    @given(st.integers(0, 10**6), LOTS)
    def test_does_not_depend_on_the_order_of_rows_or_on_offers_bought_zero_times(self, seed, lots):
        instance = parse(tiny(Random(seed)))
        packs = {o.index: n for o, n in zip(instance.offers, lots, strict=False)}
        assert evaluate(instance, packs) == evaluate(instance, {o: packs[o] for o in reversed(packs) if packs[o]})

    def test_takes_the_tier_the_order_reaches_even_where_a_lower_one_would_be_cheaper(self):
        instance = parse(SAMPLES["A12"])
        pooled, spread = evaluate(instance, {0: 16, 1: 5}), evaluate(instance, {0: 16, 1: 4, 3: 1})
        assert pooled.orders[0].tiers == (1,)
        assert (pooled.orders[0].goods_cents, pooled.orders[0].freight_cents) == (18900, 6000)
        assert (pooled.cost_cents, spread.cost_cents) == (24900, 21030)

    def test_starts_a_tier_and_the_franco_at_exactly_their_threshold(self):
        data = _one(demand=10, freight=500, franco=900, starts=[0, 10], prices=[100, 90])
        assert evaluate(parse(data), {0: 10}).cost_cents == 900
        data["suppliers"][0]["franco"] = 901
        assert evaluate(parse(data), {0: 10}).cost_cents == 1400

    def test_names_the_first_broken_rule(self):
        assert _violation({}, {0: 1}).rule == "demand"
        assert _violation({}, {0: 3}).rule == "max_surplus"
        assert _violation({}, {0: 9}).rule == "max_packs"
        assert _violation({}, {7: 1}).rule == "unknown_offer"
        assert _violation({}, {0: -1}).rule == "unknown_offer"
        assert _violation({"min_order_value": 201}, {0: 2}) == Violation("min_order_value", supplier=0)
        assert _violation({"min_order_units": 3}, {0: 2}) == Violation("min_order_units", supplier=0)

    def test_allows_exactly_what_a_rule_allows_and_not_one_more(self):
        data = _one(demand=4)
        data["products"][0]["max_surplus"] = 1
        offer, supplier = data["suppliers"][0]["offers"][0], data["suppliers"][0]
        for rule, place, limit, good, bad in (
            ("max_packs", offer, {"max_packs": 4}, 4, 5),
            ("max_surplus", offer, {}, 5, 6),
            ("min_order_units", supplier, {"min_order_units": 5}, 5, 4),
            ("min_order_value", supplier, {"min_order_value": 500}, 5, 4),
            ("min_quantity", supplier["schemes"][0], {"least": 5}, 5, 4),
        ):
            before = dict(place)
            place.update(limit)
            assert isinstance(evaluate(parse(data), {0: good}), Evaluation), rule
            assert evaluate(parse(data), {0: bad}).rule == rule
            place.clear()
            place.update(before)

    def test_names_the_broken_limits_between_suppliers(self):
        half = {0: 1, 1: 1}
        for limit, rule in (
            ({"max_suppliers": 1}, "max_suppliers"),
            ({"conflicts": [[0, 1]]}, "conflict"),
            ({"single_source_groups": [[0]]}, "single_source_group"),
            ({"products": [{"id": "P", "demand": 2, "max_suppliers": 1}]}, "product_max_suppliers"),
        ):
            data = _one(demand=2)
            data["suppliers"].append(data["suppliers"][0] | {"id": "T"})
            assert isinstance(evaluate(parse(data), half), Evaluation)
            assert evaluate(parse(data | limit), half).rule == rule


def _one(*, demand, freight=0, franco=None, starts=(0,), prices=(100,), **supplier):
    scheme = {"metric": "units", "from": list(starts)}
    offer = {"product": 0, "pack": 1, "max_packs": 50, "scheme": 0, "prices": list(prices)}
    row = {"id": "S", "freight": freight, "franco": franco, "schemes": [scheme], "offers": [offer], **supplier}
    return {"products": [{"id": "P", "demand": demand}], "suppliers": [row]}


def _violation(supplier, packs):
    data = _one(demand=2, **supplier)
    data["suppliers"][0]["offers"][0]["max_packs"] = 5
    result = evaluate(parse(data), packs)
    assert isinstance(result, Violation)
    return result
