"""Unbroken numbers: one locked counter row per series and year.

A database sequence would leave a gap whenever a transaction rolls back; `max + 1` would give one number twice. The counter
row is updated in the issuing transaction: whoever comes second waits until the first commits or gives its number back.
"""

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

INVOICE_SERIES = "ERB"
CREDIT_NOTE_SERIES = "AV"


def take(series: str, *, at: datetime, count: int = 1) -> range:
    """Take the next `count` numbers of a series in the year of `at` (Paris time) and hold the counter until commit.

    Must be called inside the transaction that writes the documents.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a number is only given inside the issuing transaction")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_numbercounter (series, year, last) VALUES (%s, %s, %s) "
            "ON CONFLICT (series, year) DO UPDATE SET last = billing_numbercounter.last + excluded.last RETURNING last",
            [series, year_of(at), count],
        )
        last = int(cursor.fetchone()[0])
    return range(last - count + 1, last + 1)


def year_of(at: datetime) -> int:
    return timezone.localdate(at).year


def text(series: str, year: int, number: int) -> str:
    """How a number is written.

    >>> text("ERB", 2026, 12)
    'ERB-2026-00012'
    """
    return f"{series}-{year}-{number:05d}"


def lock(series: str, *, at: datetime) -> None:
    """Hold the counter without taking a number, so that issuing under one key twice is decided one after the other."""
    take(series, at=at, count=0)
