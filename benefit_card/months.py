"""Calendar months of Europe/Paris. Pure."""

from datetime import date, datetime, time, timedelta

from benefit_card.credential import PARIS


def first_of(day: date) -> date:
    return day.replace(day=1)


def after(month: date) -> date:
    """The first day of the next month.

    >>> after(date(2026, 12, 1))
    datetime.date(2027, 1, 1)
    """
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def before(month: date) -> date:
    return (month.replace(day=1) - timedelta(days=1)).replace(day=1)


def bounds(month: date) -> tuple[datetime, datetime]:
    """The first moment of a month and of the next."""
    start = month.replace(day=1)
    return datetime.combine(start, time.min, PARIS), datetime.combine(after(start), time.min, PARIS)


def midnight(at: datetime) -> datetime:
    """The first moment of the day of `at`.

    >>> midnight(datetime(2026, 4, 1, 12, tzinfo=PARIS)).isoformat()
    '2026-04-01T00:00:00+02:00'
    """
    return midnight_of(at.astimezone(PARIS).date())


def midnight_of(day: date) -> datetime:
    """The first moment of a day."""
    return datetime.combine(day, time.min, PARIS)


def last_closed(at: datetime) -> date:
    """The last month that is over by at least a day, so that nothing of it is still being written.

    >>> last_closed(datetime(2026, 4, 1, 12, tzinfo=PARIS)), last_closed(datetime(2026, 4, 2, 0, tzinfo=PARIS))
    (datetime.date(2026, 2, 1), datetime.date(2026, 3, 1))
    """
    return before(first_of((at - timedelta(days=1)).astimezone(PARIS).date()))


def closing_time(month: date) -> datetime:
    """When the night of the 2nd closes a month."""
    return datetime.combine(after(month) + timedelta(days=1), time(5, 10), PARIS)


PER_MONTH = 10**10


def first_number(at: datetime) -> int:
    """The first number of a redemption made in the month of `at`: the month stands before its last ten digits.

    >>> first_number(datetime(2026, 12, 1, tzinfo=PARIS)) - first_number(datetime(2026, 11, 30, tzinfo=PARIS)) == PER_MONTH
    True
    """
    day = at.astimezone(PARIS)
    return (day.year * 12 + day.month) * PER_MONTH
