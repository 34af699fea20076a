"""Statements of account: what a company was invoiced and what it paid, with the balance after each."""

import csv
import io
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies import money
from companies.billing.models import AccountKind, LedgerEntry
from companies.documents import render_pdf
from companies.models import Company
from companies.templatetags.ui import day, euros

KINDS = {
    "invoice": gettext_lazy("Invoice"),
    "credit_note": gettext_lazy("Credit note"),
    "payment": gettext_lazy("Payment"),
    "transfer": gettext_lazy("Bank transfer"),
    "bank": gettext_lazy("Bank transfer"),
    "refund": gettext_lazy("Refund"),
    "charge_back": gettext_lazy("Payment taken back"),
    "reinstated": gettext_lazy("Payment confirmed after a claim"),
    "write_off": gettext_lazy("Debt given up"),
    "kept": gettext_lazy("Kept for later invoices"),
    "reversal": gettext_lazy("Correction"),
}


@dataclass(frozen=True)
class Row:
    """One movement; `debit` is owed more, `credit` less."""

    on: date
    kind: Any
    text: str
    invoice_id: int | None
    cents: int
    balance_cents: int

    @property
    def debit_cents(self) -> int:
        return max(self.cents, 0)

    @property
    def credit_cents(self) -> int:
        return max(-self.cents, 0)


@dataclass(frozen=True)
class Statement:
    company: Company
    first: date
    last: date
    opening_cents: int
    closing_cents: int
    deposit_cents: int
    rows: list[Row] = field(default_factory=list)


def of(company: Company, *, first: date, last: date) -> Statement:
    """The movements of a company's account between two days, both included. Three queries."""
    entries = LedgerEntry.objects.filter(account__kind=AccountKind.RECEIVABLE, account__company=company)
    begin = timezone.make_aware(datetime.combine(first, time.min))
    end = timezone.make_aware(datetime.combine(last + timedelta(days=1), time.min))
    opening = int(entries.filter(transaction__at__lt=begin).aggregate(sum=Sum("cents"))["sum"] or 0)
    deposits = LedgerEntry.objects.filter(account__kind=AccountKind.DEPOSITS, account__company=company)
    kept = -int(deposits.filter(transaction__at__lt=end).aggregate(sum=Sum("cents"))["sum"] or 0)
    balance, rows = opening, []
    chosen = entries.filter(transaction__at__gte=begin, transaction__at__lt=end)
    for entry in chosen.select_related("transaction", "invoice").order_by("transaction__at", "pk"):
        balance += entry.cents
        posted = entry.transaction
        number = entry.invoice.number if entry.invoice else ""
        text = posted.reason if posted.kind == "credit_note" else number
        rows.append(
            Row(
                timezone.localdate(posted.at), KINDS.get(posted.kind, posted.kind), text, entry.invoice_id, entry.cents,
                balance,
            )
        )  # fmt: skip
    return Statement(company, first, last, opening, balance, kept, rows)


def as_csv(found: Statement) -> str:
    """For a spreadsheet: semicolons, decimal points, one row a movement."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([_("Date"), _("Movement"), _("Document"), _("Debit"), _("Credit"), _("Balance")])
    writer.writerow([found.first, _("Balance before"), "", "", "", money.euros(found.opening_cents)])
    for row in found.rows:
        debit = money.euros(row.debit_cents) if row.debit_cents else ""
        credit = money.euros(row.credit_cents) if row.credit_cents else ""
        writer.writerow([row.on, row.kind, row.text, debit, credit, money.euros(row.balance_cents)])
    return out.getvalue()


def as_pdf(found: Statement, *, language: str, at: datetime) -> bytes:
    """One or more pages to send to an auditor."""
    data = {
        "title": _("Statement of account"),
        "language": language,
        "period": _("From %(first)s to %(last)s") % {"first": day(found.first), "last": day(found.last)},
        "made": _("Made on %(day)s") % {"day": day(at)},
        "seller": settings.SELLER,
        "company": {
            "name": found.company.name,
            "street": found.company.street,
            "town": f"{found.company.postcode} {found.company.city}",
            "siret": found.company.siret,
        },
        "head": [_("Date"), _("Movement"), _("Document"), _("Debit"), _("Credit"), _("Balance")],
        "opening": [_("Balance before"), euros(found.opening_cents)],
        "rows": [
            [
                f"{row.on:%d/%m/%Y}",
                str(row.kind),
                row.text,
                euros(row.debit_cents) if row.debit_cents else "",
                euros(row.credit_cents) if row.credit_cents else "",
                euros(row.balance_cents),
            ]
            for row in found.rows
        ],
        "closing": [_("Owed at the end"), euros(found.closing_cents)],
        "deposit": [_("Kept for you"), euros(found.deposit_cents)] if found.deposit_cents else [],
        "page": _("Page"),
    }
    return render_pdf("billing/documents/statement.typ", data)
