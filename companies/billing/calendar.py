"""Days on which banks settle, and hours at which people may be written to. Pure: the moment is passed in."""

from datetime import date, datetime, timedelta
from functools import lru_cache

import holidays
from django.utils import timezone

FIRST_HOUR, LAST_HOUR = 8, 19  # nobody is reminded before eight or from seven in the evening, Paris time


@lru_cache(maxsize=8)
def _target(year: int) -> frozenset[date]:
    return frozenset(holidays.financial_holidays("ECB", years=year))


@lru_cache(maxsize=8)
def _french(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FR", years=year))


def is_target_day(day: date) -> bool:
    """Whether TARGET, the banks' clearing, is open: no weekend, none of its six holidays.

    >>> is_target_day(date(2026, 4, 3)), is_target_day(date(2026, 4, 7))
    (False, True)
    """
    return day.weekday() < 5 and day not in _target(day.year)


def target_day(day: date) -> date:
    """The day itself when TARGET is open, else the next on which it is.

    >>> target_day(date(2026, 4, 3))
    datetime.date(2026, 4, 7)
    """
    while not is_target_day(day):
        day += timedelta(days=1)
    return day


def target_days_after(day: date, count: int) -> date:
    """The day `count` TARGET days later.

    >>> target_days_after(date(2026, 4, 2), 1)
    datetime.date(2026, 4, 7)
    """
    for _ in range(count):
        day = target_day(day + timedelta(days=1))
    return day


def days_after(day: date, count: int) -> date:
    """So many days later, French public holidays not counted (weekends are).

    >>> days_after(date(2026, 4, 3), 3)  # Easter Monday is the 6th
    datetime.date(2026, 4, 7)
    """
    while count:
        day += timedelta(days=1)
        count -= day not in _french(day.year)
    return day


def is_office_time(at: datetime) -> bool:
    """Whether a company may be written to about money: a working day in France, between eight and seven."""
    local = timezone.localtime(at)
    day = local.date()
    return day.weekday() < 5 and day not in _french(day.year) and FIRST_HOUR <= local.hour < LAST_HOUR
