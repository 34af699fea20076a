"""Arithmetic of money."""

import doctest

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from companies import money
from companies.errors import DomainError
from companies.forms import MoneyField


class TestMoney:
    def test_keeps_the_promises_of_its_docstrings(self):
        assert doctest.testmod(money).failed == 0
        assert doctest.testmod(money).attempted > 8


class TestShare:
    @given(st.integers(-(10**9), 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=60))
    def test_sums_to_the_total(self, total, weights):
        assert sum(money.share(total, weights)) == total

    @given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=60).filter(any))
    def test_is_within_one_unit_of_the_exact_part(self, total, weights):
        for part, weight in zip(money.share(total, weights), weights, strict=True):
            assert abs(part * sum(weights) - total * weight) < sum(weights)

    def test_gives_ten_thousand_euros_less_a_cent_to_four_thousand_employees(self):
        parts = money.share(999_999, [1] * 4000)
        assert parts.count(250) == 3999 and parts.count(249) == 1


class TestParsing:
    @pytest.mark.parametrize(
        ("typed", "cents"),
        [
            ("12,50", 1250),
            ("12.5", 1250),
            ("1 234,56 €", 123456),
            ("1.234,56", 123456),
            ("0", 0),
            ("7", 700),
            ("1 000", 100000),
        ],
    )
    def test_reads_what_people_type(self, typed, cents):
        assert money.parse_cents(typed) == cents

    @pytest.mark.parametrize(
        "typed", ["1e9", "-1", "nan", "", "12,505", "0x10", "١٢", "1,2,3", "99999999999999", "--", "1_000"]
    )
    def test_refuses_what_is_no_amount(self, typed):
        with pytest.raises(DomainError) as refused:
            money.parse_cents(typed)
        assert refused.value.code == "amount_invalid" and refused.value.sentence


class TestAnAmountInAField:
    @pytest.mark.parametrize(("language", "shown"), [("fr", "1234,50"), ("en", "1234.50")])
    def test_is_shown_as_the_reader_types_it(self, language, shown):
        with translation.override(language):
            assert MoneyField().prepare_value(123_450) == shown
