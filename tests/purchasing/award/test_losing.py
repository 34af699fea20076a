"""Each reason for which a quote loses: its figures, and the sentence people read."""

import pytest
from django.utils import translation

from purchasing import losing_words
from purchasing.rules.award import parse
from purchasing.rules.award.losing import lost, unused
from purchasing.services import award_result

PACKS = {0: 10, 1: 5}  # S0 wins both products, 15.00 in all


def problem(*, winner=None, offers=(), rules=None, **loser):
    """10 and 5 units, which S0 sells at 1.00 each; S1 offers the first one at 1.10 unless told otherwise."""
    plain = [{"metric": "units", "from": [0]}]
    first = {"product": 0, "pack": 1, "max_packs": 60, "scheme": 0, "prices": [110]}
    ours = [{**first, "product": k, "prices": [100]} for k in range(2)]
    return parse(
        {
            "products": [{"id": "P0", "demand": 10}, {"id": "P1", "demand": 5}],
            "suppliers": [
                {"id": "S0", "schemes": plain, "offers": ours, **(winner or {})},
                {"id": "S1", "schemes": plain, "offers": [first | row for row in offers or [{}]], **loser},
            ],
            **(rules or {}),
        }
    )


@pytest.fixture(autouse=True)
def _in_english():
    with translation.override("en"):
        yield


def said(row, name="", *, assumed=False):
    return losing_words.of_line(row, name, assumed=assumed)


class TestAQuoteForALine:
    @pytest.mark.parametrize(
        "given, figures, sentence",
        [
            ({"freight": 30}, ("dearer", 130, 100, 30, 0), "€1.30 dearer in all: €1.00 for the goods and €0.30 for"),
            ({}, ("dearer", 100, 100, 0, 0), "€1.00 dearer."),
            ({"offers": [{"prices": [100]}]}, ("dearer", 0, 0, 0, 0), "Costs the same in all; the other one was kept."),
            (
                {"offers": [{"prices": [90]}]},
                ("dearer", -100, -100, 0, 0),
                "Would cost €1.00 less: the computation ended before it looked there.",
            ),
            ({"offers": [{"max_packs": 9}]}, ("not_enough", 0, 0, 0, 0), "Not enough available to deliver the line"),
            ({"offers": [{"pack": 4}]}, ("no_packs", 0, 0, 0, 0), "No number of its packs fits the quantity wanted."),
            ({"min_order_value": 1_500}, ("own_minimum", 0, 0, 0, 400), "with this line alone €4.00 would be missing"),
            (
                {"rules": {"max_suppliers": 1}},
                ("max_suppliers", 0, 0, 0, 0),
                "Only one supplier is allowed.",
            ),
            ({"min_order_units": 11}, ("own_units", 0, 0, 0, 1), "with this line alone 1 unit would be missing."),
            (
                {"schemes": [{"metric": "units", "from": [0], "least": 12}]},
                ("own_units", 0, 0, 0, 2),
                "with this line alone 2 units would be missing.",
            ),
        ],
    )
    def test_loses_for_this_reason(self, given, figures, sentence):
        instance = problem(**given)
        (row,) = lost(instance, PACKS)
        assert (row.why, row.extra, row.goods, row.freight, row.missing) == figures
        assert (row.offer, row.other) == (2, None)
        assert sentence in said(award_result._lost(instance, PACKS)[0])

    def test_says_that_a_preference_speaks_against_a_cheaper_one_only_where_one_was_stated(self):
        (row,) = award_result._lost(problem(offers=[{"prices": [90]}]), PACKS)
        assert "the preference for local suppliers speaks against it" in said(row, assumed=True)

    @pytest.mark.parametrize(
        "given, figures, sentence",
        [
            # Without the first line 5.00 and 5 units stay with S0.
            (
                {"winner": {"min_order_value": 1_200}},
                ("other_minimum", 700),
                "Without this line Gants SA would fall €7.00 below its minimum order.",
            ),
            (
                {"winner": {"min_order_units": 9}},
                ("other_units", 4),
                "Without this line Gants SA would fall 4 units below its minimum quantity.",
            ),
            ({"rules": {"conflicts": [[0, 1]]}}, ("conflict", 0), "It may not deliver beside Gants SA."),
            (
                {"rules": {"single_source_groups": [[0, 1]]}},
                ("single_source_group", 0),
                "Lines that must stay together are with Gants SA.",
            ),
        ],
    )
    def test_loses_to_the_supplier_that_wins_the_line(self, given, figures, sentence):
        instance = problem(**given)
        (row,) = lost(instance, PACKS)
        assert (row.why, row.missing, row.other) == (*figures, 0)
        assert said(award_result._lost(instance, PACKS)[0], "Gants SA") == sentence


class TestASupplierThatWinsNothing:
    @pytest.mark.parametrize(
        "given, figures, sentence",
        [
            (
                {"offers": [{"prices": [90]}, {"product": 1}], "freight": 200},
                ("dearer", 2, 1, 100, 1, 100, 200, 0),
                "Cheaper on 1 of its 2 lines, €1.00 together. But freight would rise by €2.00: at its best, €1.00 dearer in",
            ),
            (
                {},
                ("dearer", 1, 0, 0, 1, 100, 0, 0),
                "Its one line is not cheaper than the one chosen. At its best, with 1 of its lines, everything would cost",
            ),
            (
                {"min_order_value": 1_500},
                ("own_minimum", 1, 0, 0, 0, 0, 0, 400),
                "Even with all of them €4.00 would be",
            ),
            (
                {"min_order_units": 13},
                ("own_units", 1, 0, 0, 1, 0, 0, 3),
                "Even with all of them 3 units would be missing",
            ),
            (
                {"rules": {"max_suppliers": 1}},
                ("max_suppliers", 1, 0, 0, 1, 0, 0, 0),
                "Only one supplier is allowed.",
            ),
        ],
    )
    def test_says_what_its_best_would_add(self, given, figures, sentence):
        instance = problem(**given)
        (row,) = unused(instance, PACKS)
        assert row.supplier == 1
        found = (row.why, row.lines, row.cheaper, row.saves, row.taken, row.extra, row.freight, row.missing)
        assert found == figures
        assert sentence in losing_words.of_supplier(award_result._unused(instance, PACKS)[0], "", assumed=False)

    @pytest.mark.parametrize(
        "minimum, figures, sentence",
        [
            (
                {"min_order_value": 1_200},
                ("other_minimum", 1, 700, 0),
                "If it took 1 line, Gants SA would fall €7.00 below its minimum order.",
            ),
            (
                {"min_order_units": 9},
                ("other_units", 1, 4, 0),
                "If it took 1 line, Gants SA would fall below its minimum quantity (missing: 4).",
            ),
        ],
    )
    def test_names_the_minimum_of_another_supplier(self, minimum, figures, sentence):
        """Its line is cheaper, but whoever wins it now needs it for its own minimum."""
        instance = problem(winner=minimum, offers=[{"prices": [90]}])
        (row,) = unused(instance, PACKS)
        assert (row.why, row.taken, row.missing, row.other) == figures
        (shown,) = award_result._unused(instance, PACKS)
        assert losing_words.of_supplier(shown, "Gants SA", assumed=False) == (
            f"Cheaper on 1 of its 1 lines, €1.00 together. {sentence}"
        )

    def test_names_the_way_that_comes_nearest_when_more_lines_leave_less_missing(self):
        """Three products. Taking only the cheap one leaves S0 2.00 short; taking two leaves it 7.00 short."""
        plain = [{"metric": "units", "from": [0]}]
        row = {"pack": 1, "max_packs": 60, "scheme": 0}
        instance = parse(
            {
                "products": [{"id": "P0", "demand": 5}, {"id": "P1", "demand": 5}, {"id": "P2", "demand": 8}],
                "suppliers": [
                    {
                        "id": "S0",
                        "schemes": plain,
                        "offers": [{**row, "product": k, "prices": [100]} for k in range(3)],
                        "min_order_value": 1_500,
                    },
                    {
                        "id": "S1",
                        "schemes": plain,
                        "offers": [{**row, "product": 0, "prices": [90]}, {**row, "product": 1, "prices": [110]}],
                    },
                ],
            }
        )
        (found,) = unused(instance, {0: 5, 1: 5, 2: 8})
        assert (found.why, found.taken, found.missing, found.other) == ("other_minimum", 1, 200, 0)
