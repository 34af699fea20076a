"""Statements of account: what a company was invoiced and what it paid, with the balance after each.

What it owes suppliers, by invoices the association wrote in their name, stands apart, one account per supplier: it is no claim
of the association and in none of its balances (decision 0052).
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies import money
from companies.billing.models import AccountKind, Customer, LedgerEntry, SelfBillingMandate
from companies.documents import render_pdf
from companies.employees.sheets import harmless
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
    "fee_kept": gettext_lazy("Kept back by Stripe"),
    "told_paid": gettext_lazy("Paid, as the supplier says"),
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
class Owed:
    """What is owed to one supplier for what the association invoiced in its name."""

    name: str
    opening_cents: int
    closing_cents: int
    rows: list[Row]


@dataclass(frozen=True)
class Statement:
    company: Company | Customer
    first: date
    last: date
    opening_cents: int
    closing_cents: int
    deposit_cents: int
    rows: list[Row] = field(default_factory=list)
    suppliers: list[Owed] = field(default_factory=list)


def of(company: Company | Customer, *, first: date, last: date) -> Statement:
    """The movements of a company's or a supplier's account between two days, both included. Six queries at most."""
    begin = timezone.make_aware(datetime.combine(first, time.min))
    end = timezone.make_aware(datetime.combine(last + timedelta(days=1), time.min))
    owner = {"account__company" if isinstance(company, Company) else "account__customer": company}
    until = LedgerEntry.objects.filter(**owner, transaction__at__lt=end)
    entries = until.filter(account__kind=AccountKind.RECEIVABLE)
    opening = int(entries.filter(transaction__at__lt=begin).aggregate(sum=Sum("cents"))["sum"] or 0)
    deposits = until.filter(account__kind=AccountKind.DEPOSITS)
    kept = -int(deposits.aggregate(sum=Sum("cents"))["sum"] or 0)
    rows = _rows(_in_order(entries, begin), opening)
    suppliers = _suppliers(until.filter(account__kind=AccountKind.SUPPLIERS_CLAIM), begin)
    return Statement(company, first, last, opening, _closing(rows, opening), kept, rows, suppliers)


def _suppliers(entries: QuerySet[LedgerEntry], begin: datetime) -> list[Owed]:
    """One account per SIREN, whatever the version of the mandate was; none for what was settled before and did not move."""
    siren = "invoice__billing_mandate__siren"
    before = entries.filter(transaction__at__lt=begin).order_by().values_list(siren).annotate(sum=Sum("cents"))
    openings = {key: cents for key, cents in before if cents}
    moved: dict[str, list[LedgerEntry]] = {key: [] for key in openings}
    for entry in _in_order(entries, begin).select_related("transaction", "invoice__billing_mandate"):
        moved.setdefault(_siren(entry), []).append(entry)
    signed = SelfBillingMandate.objects.filter(siren__in=moved).order_by("pk")
    names = {row.siren: str(row.party["name"]) for row in signed} if moved else {}
    found = []
    for key, movements in moved.items():
        opening = openings.get(key, 0)
        rows = _rows(movements, opening)
        found.append(Owed(names[key], opening, _closing(rows, opening), rows))
    return sorted(found, key=lambda row: row.name)


def _siren(entry: LedgerEntry) -> str:
    assert entry.invoice and entry.invoice.billing_mandate  # nothing else stands on a supplier's account
    return entry.invoice.billing_mandate.siren


def _in_order(entries: QuerySet[LedgerEntry], begin: datetime) -> QuerySet[LedgerEntry]:
    rows = entries.filter(transaction__at__gte=begin).select_related("transaction", "invoice")
    return rows.order_by("transaction__at", "pk")


def _closing(rows: Sequence[Row], opening: int) -> int:
    return rows[-1].balance_cents if rows else opening


def _rows(entries: Iterable[LedgerEntry], balance: int) -> list[Row]:
    rows = []
    for entry in entries:
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
    return rows


def as_csv(found: Statement) -> str:
    """For a spreadsheet: semicolons, decimal points, one row a movement, with whom the account is with."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([_("Date"), _("Movement"), _("Document"), _("Debit"), _("Credit"), _("Balance"), _("Owed to")])
    own = Owed(settings.SELLER["name"], found.opening_cents, found.closing_cents, found.rows)
    for account in [own, *found.suppliers]:
        name = harmless(account.name)
        writer.writerow([found.first, _("Balance before"), "", "", "", money.euros(account.opening_cents), name])
        for row in account.rows:
            debit = money.euros(row.debit_cents) if row.debit_cents else ""
            credit = money.euros(row.credit_cents) if row.credit_cents else ""
            writer.writerow([row.on, row.kind, row.text, debit, credit, money.euros(row.balance_cents), name])
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
        "rows": _printed(found.rows),
        "closing": [_("Owed at the end"), euros(found.closing_cents)],
        "apart": [
            _("Owed to suppliers"),
            _("Invoices ERB wrote in their name. They are paid to the supplier, not to ERB."),
        ],
        "suppliers": [
            {
                "name": account.name,
                "opening": [_("Balance before"), euros(account.opening_cents)],
                "rows": _printed(account.rows),
                "closing": [_("Owed at the end"), euros(account.closing_cents)],
            }
            for account in found.suppliers
        ],
        "deposit": [_("Kept for you"), euros(found.deposit_cents)] if found.deposit_cents else [],
        "page": _("Page"),
    }
    return render_pdf("billing/documents/statement.typ", data)


def _printed(rows: Sequence[Row]) -> list[list[str]]:
    return [
        [
            f"{row.on:%d/%m/%Y}",
            str(row.kind),
            row.text,
            euros(row.debit_cents) if row.debit_cents else "",
            euros(row.credit_cents) if row.credit_cents else "",
            euros(row.balance_cents),
        ]
        for row in rows
    ]
