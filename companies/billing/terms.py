"""How late an invoice may be due: 60 days, or 45 days to the end of the month (code de commerce art. L441-10, I)."""

from calendar import monthrange
from datetime import date, timedelta

from django.utils.translation import gettext_lazy as _

from companies.errors import Invalid

DAYS, DAYS_TO_MONTH_END = 60, 45


class TermsRefused(Invalid):
    """Due later than the law allows."""

    code = "terms_refused"
    message = _(
        "An invoice is due within 60 days of its issue, or 45 days to the end of the month: at the latest on %(last)s."
    )
    field = "due_on"


def _month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def latest(issued_on: date) -> date:
    """The last day an invoice of a day may be due.

    Both ways to count "45 days, end of month" are lawful: to the end of the month in which they end, or 45 days after the
    end of the month of issue.

    >>> latest(date(2026, 3, 1)), latest(date(2026, 1, 20))
    (datetime.date(2026, 5, 15), datetime.date(2026, 3, 31))
    """
    counted = _month_end(issued_on + timedelta(days=DAYS_TO_MONTH_END))
    from_end = _month_end(issued_on) + timedelta(days=DAYS_TO_MONTH_END)
    return max(issued_on + timedelta(days=DAYS), counted, from_end)


def check(due_on: date, *, issued_on: date) -> None:
    """Raises TermsRefused."""
    last = latest(issued_on)
    if due_on > last:
        raise TermsRefused(last=f"{last:%d/%m/%Y}")
