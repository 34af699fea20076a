"""Each reason for which a quote loses: its figures, and the sentence people read."""

import pytest
from django.utils import translation

from purchasing import award_words
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


def said(row, name=""):
    with translation.override("en"):
        return award_words._lost_sentence(row, name)


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
                "Would cost €1.00 less, but the assumptions",
            ),
            ({"offers": [{"max_packs": 9}]}, ("not_enough", 0, 0, 0, 0), "Not enough available to deliver the line"),
            ({"offers": [{"pack": 4}]}, ("no_packs", 0, 0, 0, 0), "No number of its packs fits the quantity wanted."),
            ({"min_order_value": 1_500}, ("own_minimum", 0, 0, 0, 400), "with this line alone €4.00 would be missing"),
            ({"rules": {"max_suppliers": 1}}, ("max_suppliers", 0, 0, 0, 0), "one supplier more than allowed"),
            ({"min_order_units": 11}, ("min_order_units", 0, 0, 0, 0), "A rule of the tender excludes it."),
            (
                {"schemes": [{"metric": "units", "from": [0], "least": 11}]},
                ("min_quantity", 0, 0, 0, 0),
                "A rule of the tender excludes it.",
            ),
            ({"rules": {"conflicts": [[0, 1]]}}, ("conflict", 0, 0, 0, 0), "A rule of the tender excludes it."),
            (
                {"rules": {"single_source_groups": [[0, 1]]}},
                ("single_source_group", 0, 0, 0, 0),
                "A rule of the tender excludes it.",
            ),
        ],
    )
    def test_loses_for_this_reason(self, given, figures, sentence):
        instance = problem(**given)
        (row,) = lost(instance, PACKS)
        assert (row.why, row.extra, row.goods, row.freight, row.missing) == figures
        assert (row.offer, row.other) == (2, None)
        assert sentence in said(award_result._lost(instance, PACKS)[0])

    def test_loses_to_the_minimum_of_the_supplier_that_wins_the_line(self):
        """Without the first line 5.00 stay with S0, whose minimum is 12.00."""
        instance = problem(winner={"min_order_value": 1_200})
        (row,) = lost(instance, PACKS)
        assert (row.why, row.missing, row.other) == ("other_minimum", 700, 0)
        (shown,) = award_result._lost(instance, PACKS)
        assert said(shown, "Gants SA") == "Without this line Gants SA would fall €7.00 below its minimum order."


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
                "None of its 1 lines is cheaper than the one chosen. At its best, with 1 of its lines, everything would cost",
            ),
            (
                {"min_order_value": 1_500},
                ("own_minimum", 1, 0, 0, 0, 0, 0, 400),
                "Even with all of them €4.00 would be",
            ),
            ({"rules": {"max_suppliers": 1}}, ("max_suppliers", 1, 0, 0, 0, 0, 0, 0), "one supplier more than allowed"),
        ],
    )
    def test_says_what_its_best_would_add(self, given, figures, sentence):
        instance = problem(**given)
        (row,) = unused(instance, PACKS)
        assert row.supplier == 1
        found = (row.why, row.lines, row.cheaper, row.saves, row.taken, row.extra, row.freight, row.missing)
        assert found == figures
        with translation.override("en"):
            assert sentence in award_words._unused_sentence(award_result._unused(instance, PACKS)[0])
