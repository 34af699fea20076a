from datetime import UTC, date, datetime

import pytest

from companies.billing import calendar


class TestTargetDays:
    @pytest.mark.parametrize(
        "day",
        [
            *(date(2026, 1, 1), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 12, 25)),
            *(date(2026, 3, 7), date(2026, 3, 8)),
        ],
    )
    def test_are_no_holidays_of_the_banks_and_no_weekends(self, day):
        assert not calendar.is_target_day(day)

    def test_are_days_on_which_only_france_rests(self):
        assert calendar.is_target_day(date(2026, 7, 14))

    def test_follow_each_other_over_easter_and_the_turn_of_the_year(self):
        assert calendar.target_day(date(2026, 4, 3)) == date(2026, 4, 7)
        assert calendar.target_days_after(date(2026, 12, 24), 1) == date(2026, 12, 28)
        assert calendar.target_days_after(date(2026, 4, 1), 14) == date(2026, 4, 23)


class TestOfficeTime:
    @pytest.mark.parametrize(
        ("at", "open_"),
        [
            (datetime(2026, 3, 3, 7, 0, tzinfo=UTC), True),  # 8:00 in Paris
            (datetime(2026, 3, 3, 6, 59, tzinfo=UTC), False),
            (datetime(2026, 7, 15, 16, 59, tzinfo=UTC), True),  # summer time: 18:59
            (datetime(2026, 7, 15, 17, 0, tzinfo=UTC), False),
            (datetime(2026, 7, 14, 9, 0, tzinfo=UTC), False),  # the national holiday
            (datetime(2026, 3, 7, 9, 0, tzinfo=UTC), False),  # a Saturday
            (datetime(2026, 3, 3, 23, 30, tzinfo=UTC), False),
        ],
    )
    def test_is_by_day_and_never_on_a_public_holiday(self, at, open_):
        assert calendar.is_office_time(at) is open_
