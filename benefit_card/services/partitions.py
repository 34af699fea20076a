"""The tables of the months that redemptions lie in. A month that has none yet is caught by a table for the rest."""

import logging
from datetime import date, datetime, timedelta

from django.db import DatabaseError, connection, transaction

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
    """Tables for this month and the next three; rows that came in a month without one are moved into theirs."""
    made = ensure(since=at, until=at + AHEAD)
    for month in outside_months():
        try:
            moved = move(month)
        except DatabaseError:  # somebody held the tables longer than a till may wait: tomorrow again
            logger.exception("redemptions of %s stay outside the table of their month", month)
        else:
            logger.warning("%d redemptions of %s were moved into the table of their month", moved, month)
    confirm()
    return made


# What points at a redemption is let go and tied again in the same transaction: a row cannot change its table under a foreign key.
_TIES = """
SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype = 'f' AND confrelid = 'benefit_card_redemption'::regclass AND conparentid = 0 ORDER BY 1, 2
"""
_MOVE = """
CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
  SELECT * FROM benefit_card_redemption_other WHERE id >= {first} AND id < {next};
DELETE FROM benefit_card_redemption_other WHERE id >= {first} AND id < {next};
SET CONSTRAINTS ALL IMMEDIATE;
SELECT benefit_card_redemption_month('{month}');
ALTER TABLE benefit_card_redemption_{name} DISABLE TRIGGER USER;
INSERT INTO benefit_card_redemption SELECT * FROM moved;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE benefit_card_redemption_{name} ENABLE TRIGGER USER;
DROP TABLE moved;
"""


def move(month: date) -> int:
    """Give a month its table and the rows that lie outside; all of it, or nothing. Tills wait meanwhile, other months too.

    The undoings of these rows are not made a second time, and what points at them points at them afterwards.
    """
    first = months.first_number(months.bounds(month)[0])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        cursor.execute("LOCK TABLE benefit_card_redemption IN ACCESS EXCLUSIVE MODE")
        cursor.execute(_TIES)
        ties = cursor.fetchall()
        for table, name, _definition in ties:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        cursor.execute(
            "SELECT count(*) FROM benefit_card_redemption_other WHERE id >= %s AND id < %s",
            [first, first + PER_MONTH],
        )
        rows = int(cursor.fetchone()[0])
        cursor.execute(_MOVE.format(first=first, next=first + PER_MONTH, month=month, name=f"{month:%Y_%m}"))
        for table, name, definition in ties:
            unchecked = definition.removesuffix(" NOT VALID")
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {unchecked} NOT VALID")
    return rows


def confirm() -> None:
    """Have PostgreSQL look at the keys that a move tied again, each by itself and with nobody waiting."""
    with connection.cursor() as cursor:
        cursor.execute(_TIES)
        for table, name, definition in cursor.fetchall():
            if definition.endswith(" NOT VALID"):
                cursor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def outside_months() -> list[date]:
    """The months whose redemptions lie in no month's table, by their first days."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT id / %s FROM benefit_card_redemption_other ORDER BY 1", [PER_MONTH])
        return [date((number - 1) // 12, (number - 1) % 12 + 1, 1) for (number,) in cursor.fetchall()]


def missing(*, at: datetime) -> list[date]:
    """Which of this month and the next has no table."""
    wanted = [months.first_of(at.astimezone(PARIS).date())]
    wanted.append(months.after(wanted[0]))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) WITH ORDINALITY AS w (name, place) "
            "WHERE to_regclass('benefit_card_redemption_' || name) IS NULL ORDER BY place",
            [[f"{month:%Y_%m}" for month in wanted]],
        )
        names = {name for (name,) in cursor.fetchall()}
    return [month for month in wanted if f"{month:%Y_%m}" in names]


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
