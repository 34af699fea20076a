"""What an offer is worth, and when it holds."""

from datetime import date, datetime, time
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchants import opening
from merchants.pricing import discount, is_open_at, overlapping

cents = st.integers(0, 1_000_000)
MONDAY = date(2026, 3, 2)


def off(gross, *, kind="percent", percent=10, amount=None, cap=None, least=0):
    return discount(
        kind=kind, percent=percent, amount_cents=amount, cap_cents=cap, min_spend_cents=least, gross_cents=gross
    )


class TestDiscount:
    @settings(deadline=None)  # a busy machine is no fault of the arithmetic
    @given(cents, st.integers(1, 100), st.none() | cents, cents)
    def test_of_a_percentage_stays_between_nothing_and_the_price_and_below_its_cap(self, gross, percent, cap, least):
        found = off(gross, percent=percent, cap=cap, least=least)
        assert 0 <= found <= gross
        assert cap is None or found <= cap
        assert gross >= least or found == 0

    @settings(deadline=None)  # a busy machine is no fault of the arithmetic
    @given(cents, cents, cents)
    def test_of_a_fixed_amount_is_that_amount_or_the_price_if_lower(self, gross, amount, least):
        assert off(gross, kind="fixed", amount=amount, least=least) == (min(amount, gross) if gross >= least else 0)

    @settings(deadline=None)  # a busy machine is no fault of the arithmetic
    @given(cents, st.integers(1, 100))
    def test_never_shrinks_when_the_price_grows(self, gross, percent):
        assert off(gross + 1, percent=percent) >= off(gross, percent=percent)

    @pytest.mark.parametrize(
        ("gross", "percent", "expected"), [(1999, 15, 300), (50, 1, 1), (49, 1, 0), (8000, 10, 800)]
    )
    def test_is_rounded_once_half_up(self, gross, percent, expected):
        assert off(gross, percent=percent) == expected

    def test_of_a_gift_takes_nothing_off_the_price(self):
        assert off(5000, kind="gift", percent=None) == 0


class TestHours:
    def at(self, day, clock, **terms):
        values = {
            "weekdays": 127,
            "hours": [],
            "starts_on": MONDAY,
            "ends_on": None,
            "excluded": [],
        }
        return is_open_at(SimpleNamespace(**{**values, **terms}), datetime.combine(day, clock))

    def test_hold_on_the_first_and_the_last_day_and_not_around_them(self):
        days = [date(2026, 3, n) for n in (1, 2, 8, 9)]
        assert [self.at(day, time(0), ends_on=date(2026, 3, 8)) for day in days] == [False, True, True, False]

    def test_begin_at_the_first_minute_and_end_before_the_last(self):
        clocks = [time(13, 59), time(14), time(17, 59, 59), time(18)]
        assert [self.at(MONDAY, clock, hours=[["14:00", "18:00"]]) for clock in clocks] == [False, True, True, False]

    def test_may_be_several_a_day(self):
        """Case: happy hours at noon and in the evening, the last past midnight."""
        hours = [["11:30", "12:15"], ["18:00", "19:00"], ["23:00", "00:30"]]
        clocks = [time(0, 29), time(0, 30), time(11, 30), time(12, 15), time(17, 59), time(18), time(19), time(23)]
        found = [self.at(date(2026, 3, 3), clock, hours=hours) for clock in clocks]
        assert found == [True, False, True, False, False, True, False, True]
        assert not self.at(MONDAY, time(0, 29), hours=hours), "the night before is not the offer's any more"

    @given(st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 1439)).filter(lambda s: s[0] != s[1]), max_size=4))
    @settings(deadline=None)
    def test_overlap_when_two_spans_hold_at_the_same_minute(self, spans):
        hours = [[f"{n // 60:02}:{n % 60:02}" for n in span] for span in spans]
        minutes = [n % 1440 for start, end in spans for n in range(start, end if end > start else end + 1440)]
        assert overlapping(hours) == (len(set(minutes)) < len(minutes))

    def test_past_midnight_belong_to_the_evening_before(self):
        night = {"hours": [["20:00", "02:00"]], "weekdays": 0b1}  # Mondays only
        tuesday = date(2026, 3, 3)
        assert self.at(MONDAY, time(21), **night) and self.at(tuesday, time(1), **night)
        assert not self.at(tuesday, time(21), **night) and not self.at(MONDAY, time(1), **night)

    def test_hold_on_the_chosen_weekdays_only(self):
        found = [self.at(date(2026, 3, 2 + n), time(10), weekdays=0b0101) for n in range(4)]
        assert found == [True, False, True, False]


class TestOfferHours:
    @pytest.mark.parametrize(
        ("text", "spans"),
        [
            ("18h-19h, 11h30-12h15", [["11:30", "12:15"], ["18:00", "19:00"]]),
            ("21h30 à 1h", [["21:30", "01:00"]]),
            ("", []),
            ("0h-24h", []),
        ],
    )
    def test_are_read_as_people_write_them_also_past_midnight(self, text, spans):
        assert opening.parse_spans(text) == spans

    @pytest.mark.parametrize("text", ["midi", "9h", "24h-2h", "9h-25h"])
    def test_refuse_what_is_no_hour(self, text):
        with pytest.raises(ValueError):
            opening.parse_spans(text)


class TestOpeningHours:
    @pytest.mark.parametrize(
        ("text", "pairs"),
        [
            ("9h-12h, 14h-19h", [["09:00", "12:00"], ["14:00", "19:00"]]),
            ("9h30 - 12h30 et 14h à 18h45", [["09:30", "12:30"], ["14:00", "18:45"]]),
            ("08:00-12:00 / 13:30-17:00", [["08:00", "12:00"], ["13:30", "17:00"]]),
            ("", []),
        ],
    )
    def test_are_read_as_people_write_them(self, text, pairs):
        assert opening.parse_day(text) == pairs

    @pytest.mark.parametrize("text", ["12h-9h", "matin", "9h-12h, 11h-14h", "9h-25h", "9h"])
    def test_refuse_what_makes_no_sense(self, text):
        with pytest.raises(ValueError):
            opening.parse_day(text)
