"""Files for the accountant's own program: trial balance and invoices as CSV (semicolon, decimal comma, UTF-8 with mark)."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from companies.billing import chart, fec
from companies.billing.models import BESIDE, Account, Invoice, LedgerEntry

_NUMBER = re.compile(r"-?\d+(,\d+)?")


def _safe(value: object) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    text = str(value)
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") and not _NUMBER.fullmatch(text) else text


def rows_csv(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Rows as CSV, line by line, with the mark a spreadsheet knows UTF-8 by."""
    yield "\ufeff"
    for row in rows:
        out = io.StringIO()
        csv.writer(out, delimiter=";").writerow([_safe(cell) for cell in row])
        yield out.getvalue()


def _amount(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100},{abs(cents) % 100:02d}"


def balances(until: date) -> list[dict[str, Any]]:
    """The trial balance at the end of a day: every account with its debits, credits and balance."""
    rows = (
        LedgerEntry.objects.filter(transaction__at__lt=fec.start_of(until + timedelta(days=1)))
        .exclude(account__kind__in=BESIDE)
        .values("account")
        .annotate(debit=Sum("cents", filter=Q(cents__gt=0)), credit=Sum("cents", filter=Q(cents__lt=0)))
        .order_by()
    )
    sums = {row["account"]: (row["debit"] or 0, -(row["credit"] or 0)) for row in rows}
    found: dict[tuple[str, str], list[int]] = {}
    for account in Account.objects.filter(pk__in=sums).select_related("company"):
        name = chart.named(account)
        entry = found.setdefault((name.number, name.label), [0, 0])
        entry[0] += sums[account.pk][0]
        entry[1] += sums[account.pk][1]
    return [
        {"number": number, "label": label, "debit": debit, "credit": credit, "balance": debit - credit}
        for (number, label), (debit, credit) in sorted(found.items())
    ]


def balance_csv(until: date) -> Iterator[str]:
    head = [_("Account"), _("Name"), _("Debit"), _("Credit"), _("Balance")]
    body = (
        [row["number"], row["label"], _amount(row["debit"]), _amount(row["credit"]), _amount(row["balance"])]
        for row in balances(until)
    )
    return rows_csv([head, *body])


def invoices_csv(since: date, until: date) -> Iterator[str]:
    """The invoices of a period, one line per rate of VAT."""
    head = [_("Number"), _("Issued on"), _("Company"), "SIREN", _("Rate"), _("Base excl. VAT"), _("VAT"), _("State")]

    def rows() -> Iterator[Sequence[object]]:
        yield head
        found = Invoice.objects.own().filter(issued_on__gte=since, issued_on__lte=until).order_by("pk")
        for invoice in found.prefetch_related("vat_rows").iterator(chunk_size=500):
            for row in invoice.vat_rows.all():
                yield [
                    *(invoice.number, f"{invoice.issued_on:%d/%m/%Y}", invoice.buyer["name"], invoice.buyer["siren"]),
                    *(f"{row.vat_bp / 100:g}".replace(".", ","), _amount(row.base_cents), _amount(row.vat_cents)),
                    invoice.get_state_display(),
                ]

    return rows_csv(rows())
