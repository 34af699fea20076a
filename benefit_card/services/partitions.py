"""The tables of the months that redemptions lie in. A month that has none yet is caught by a table for the rest."""

import logging
from datetime import datetime, timedelta

from django.db import connection, transaction

from benefit_card import months
from benefit_card.credential import PARIS
from benefit_card.months import PER_MONTH

AHEAD = timedelta(days=92)
PATIENCE = "3s"  # a new table needs a moment without anybody in the old ones; a till must not queue behind its wish
logger = logging.getLogger(__name__)


def ensure(*, since: datetime, until: datetime) -> int:
    """Have a table for every month between two moments, both included; return how many were made.

    PostgreSQL makes it (`benefit_card_redemption_month`, decision 0041). Months that were made before cost nothing.
    """
    month, last = (months.first_of(at.astimezone(PARIS).date()) for at in (since, until))
    made = 0
    while month <= last:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            cursor.execute("SELECT benefit_card_redemption_month(%s)", [month])
            made += bool(cursor.fetchone()[0])
        month = months.after(month)
    return made


def prepare(*, at: datetime) -> int:
    """Tables for this month and the next three; says so in the log when rows lie outside the table of a month."""
    made = ensure(since=at, until=at + AHEAD)
    if rows := outside():
        logger.warning(
            "%d redemptions lie in no month's table; see the runbook, \u201cRedemptions by month\u201d", rows
        )
    return made


def outside() -> int:
    """How many redemptions came in a month that had no table. They are complete and counted, only slower to find."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM benefit_card_redemption_other")
        return int(cursor.fetchone()[0])


def count_on() -> None:
    """Let the next number follow the highest, after rows were copied in with theirs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval('benefit_card_redemption_id_seq', max(id %% %s)) FROM benefit_card_redemption", [PER_MONTH]
        )
