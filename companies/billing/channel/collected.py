"""Status 212: each payment of an invoice is told to the platform once, and once more below zero when it is taken back.

Source: XP Z12-012 and Z12-014, use case 34 (partial collection, cancelled collection): one message for each payment, the
amount with its VAT by rate (MEN, MDT-207, 215 and 224), a negative amount cancels; their sum is what stands on the invoice.
For an invoice in a supplier's name it is told for the supplier, on the way the invoice went: a payment through Stripe
Connect, or what the supplier says it received, and taken back with its word.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, Sum

from companies import money
from companies.billing.advance_books import CASH, gross_by_rate
from companies.billing.models import CLAIMS, LedgerEntry, Status, StatusCode, Transmission, TransmissionState

TOLD_OF = (TransmissionState.SENT, TransmissionState.DELIVERED, TransmissionState.APPROVED)
BATCH = 200


def say(*, at: datetime) -> int:
    """Leave a status 212 for every posting that moved the money of an invoice the platform has; returns how many."""
    told = Status.objects.filter(transmission=OuterRef("invoice__transmission"), incoming=False)
    told = told.filter(code=StatusCode.COLLECTED)
    earlier = Q(posting=OuterRef("transaction")) | Q(posting=None, at__gte=OuterRef("transaction__at"))
    rows = (
        LedgerEntry.objects.filter(CASH, account__kind__in=CLAIMS, invoice__transmission__state__in=TOLD_OF)
        .exclude(Exists(told.filter(earlier)))  # without a posting: told as a whole, before each was
        .values("invoice__transmission", "transaction")
        .annotate(sum=Sum("cents"))
        .exclude(sum=0)
        .order_by("transaction")
    )
    by_document: dict[int, list[tuple[int, int]]] = {}
    for row in rows[:BATCH]:
        by_document.setdefault(row["invoice__transmission"], []).append((row["transaction"], -row["sum"]))
    return sum(_tell(pk, postings, at=at) for pk, postings in by_document.items())


@transaction.atomic
def _tell(transmission_id: int, postings: list[tuple[int, int]], *, at: datetime) -> int:
    """Write down what to tell of one document; the constraint keeps each posting told once."""
    row = Transmission.objects.select_for_update(of=("self",)).select_related("invoice").get(pk=transmission_id)
    assert row.invoice is not None
    due = gross_by_rate(row.invoice)
    for deduction in row.invoice.deductions.select_related("advance"):
        for rate, cents in gross_by_rate(deduction.advance).items():
            due[rate] = due.get(rate, 0) - cents
    said: dict[int, int] = {}
    for status in row.statuses.filter(incoming=False, posting__isnull=False).values_list("parts", flat=True):
        for rate, cents in status:
            said[rate] = said.get(rate, 0) + cents
    new = []
    for posting, cents in postings:
        parts = by_rate(cents, due, said)
        for rate, part in parts.items():
            said[rate] = said.get(rate, 0) + part
        new.append(
            Status(
                transmission=row, code=StatusCode.COLLECTED, at=at, incoming=False, posting_id=posting, cents=cents,
                parts=[[rate, part] for rate, part in parts.items() if part],
            )
        )  # fmt: skip
    return len(Status.objects.bulk_create(new, ignore_conflicts=True))


def by_rate(cents: int, due: Mapping[int, int], said: Mapping[int, int]) -> dict[int, int]:
    """Share a sum over the rates so that all told together comes to what each rate is due, to the cent.

    >>> by_rate(60_00, {2000: 120_00, 550: 105_50}, {})
    {2000: 3193, 550: 2807}
    >>> by_rate(165_50, {2000: 120_00, 550: 105_50}, {2000: 31_93, 550: 28_07})
    {2000: 8807, 550: 7743}
    >>> by_rate(-60_00, {2000: 120_00, 550: 105_50}, {2000: 120_00, 550: 105_50})
    {2000: -3193, 550: -2807}
    """
    sign = 1 if cents > 0 else -1
    rates = list(due)
    fits = [max(sign * (due[rate] - said.get(rate, 0)), 0) for rate in rates]
    first = min(abs(cents), sum(fits))
    parts = money.share(first, fits) if first else [0] * len(rates)
    left = abs(cents) - first
    if left:  # more than is due, or taken back below it
        rest = [max(due[rate], 0) if sign > 0 else max(said.get(rate, 0) - part, 0)
                for rate, part in zip(rates, parts, strict=True)]  # fmt: skip
        parts = [part + more for part, more in zip(parts, money.share(left, rest), strict=True)]
    return {rate: sign * part for rate, part in zip(rates, parts, strict=True)}
