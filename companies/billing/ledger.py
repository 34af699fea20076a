"""Posting to the books. PostgreSQL checks at commit that every transaction sums to zero."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Max, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.billing.models import (
    BESIDE,
    CLAIMS,
    Account,
    AccountKind,
    ClosedMonth,
    Customer,
    Invoice,
    LedgerEntry,
    LedgerTransaction,
)
from companies.errors import DomainError
from companies.models import Company


class MonthClosed(DomainError):
    """The books of that month are closed."""

    code = "month_closed"
    message = _("The books of %(month)s are closed. Use a later date: what is wrong there is put right today.")


def closed_until() -> date | None:
    """The first day of the last closed month; None while none is."""
    return ClosedMonth.objects.aggregate(last=Max("month"))["last"]


def require_open(at: datetime) -> None:
    """Refuse a posting into a closed month in words; the database refuses it too."""
    last, day = closed_until(), timezone.localdate(at)
    if last is not None and day.replace(day=1) <= last:
        raise MonthClosed(month=f"{day:%m/%Y}")


@dataclass(frozen=True)
class Side:
    """One side of a posting: debits positive, credits negative. Zero sides are left out."""

    kind: AccountKind
    cents: int
    company: Company | None = None
    vat_bp: int | None = None
    invoice: Invoice | None = None
    customer: Customer | None = None


def account(
    kind: AccountKind,
    *,
    company: Company | None = None,
    vat_bp: int | None = None,
    customer: Customer | None = None,
) -> Account:
    """The account, made on first use."""
    found, _new = Account.objects.get_or_create(kind=kind, company=company, vat_bp=vat_bp, customer=customer)
    return found


def debt(invoice: Invoice, cents: int) -> Side:
    """What an invoice's buyer owes on it: the association's receivable, or beside the books for a supplier's own invoice."""
    kind = AccountKind.SUPPLIERS_CLAIM if invoice.is_suppliers else AccountKind.RECEIVABLE
    return Side(kind, cents, invoice.company, invoice=invoice, customer=invoice.customer)


def accounts(sides: Sequence[Side]) -> dict[Side, Account]:
    """The account of each side: one query for those that are there, the others made on first use."""
    companies = {side.company.pk for side in sides if side.company}
    customers = {side.customer.pk for side in sides if side.customer}
    known = {
        (row.kind, row.company_id, row.customer_id, row.vat_bp): row
        for row in Account.objects.filter(
            Q(company=None, customer=None) | Q(company__in=companies) | Q(customer__in=customers),
            kind__in={side.kind for side in sides},
        )
    }
    return {side: known.get(_name(side)) or _made(side) for side in sides}


def _name(side: Side) -> tuple[str, int | None, int | None, int | None]:
    company, customer = side.company, side.customer
    return (side.kind, company.pk if company else None, customer.pk if customer else None, side.vat_bp)


def _made(side: Side) -> Account:
    return account(side.kind, company=side.company, vat_bp=side.vat_bp, customer=side.customer)


def post(
    *,
    key: str,
    kind: str,
    at: datetime,
    sides: Iterable[Side],
    reason: str = "",
    reverses: LedgerTransaction | None = None,
) -> LedgerTransaction | None:
    """Write one transaction, once per key; None when the key was posted before. Call it inside a transaction.

    Sides that do not sum to zero are refused by the database when the transaction commits. Raises MonthClosed.
    """
    require_open(at)
    try:
        row, new = LedgerTransaction.objects.get_or_create(
            key=key, defaults={"kind": kind, "at": at, "reason": reason[:240], "reverses": reverses}
        )
    except IntegrityError:
        require_open(at)  # it was closed a moment ago
        raise
    if not new:
        return None
    moved = [side for side in sides if side.cents]
    if sum(side.cents for side in moved if side.kind in BESIDE):
        raise ValueError(f"{key}: what stands beside the books must balance by itself")
    of = accounts(moved)
    LedgerEntry.objects.bulk_create(
        LedgerEntry(transaction=row, account=of[side], invoice=side.invoice, cents=side.cents) for side in moved
    )
    return row


@transaction.atomic
def reverse(original: LedgerTransaction, *, at: datetime, reason: str) -> LedgerTransaction | None:
    """Put a mistake right: the same sides with the opposite sign, once; None when it was reversed before."""
    entries = list(original.entries.select_related("account__company", "account__customer", "invoice"))
    sides = [
        Side(AccountKind(of.kind), -entry.cents, of.company, of.vat_bp, entry.invoice, of.customer)
        for entry in entries
        for of in [entry.account]
    ]
    return post(key=f"reversal-{original.pk}", kind="reversal", at=at, sides=sides, reason=reason, reverses=original)


def balance(
    kind: AccountKind, *, company: Company | None = None, vat_bp: int | None = None, customer: Customer | None = None
) -> int:
    """The sum of an account."""
    entries = LedgerEntry.objects.filter(account__kind=kind, account__company=company, account__customer=customer)
    entries = entries.filter(account__vat_bp=vat_bp)
    return int(entries.aggregate(total=Sum("cents"))["total"] or 0)


def owed(invoices: Sequence[Invoice]) -> dict[int, int]:
    """What is still owed on invoices, as the books say it, or for a supplier's claim what is noted beside them."""
    rows = (
        LedgerEntry.objects.filter(invoice__in=invoices, account__kind__in=CLAIMS)
        .values("invoice")
        .annotate(total=Sum("cents"))
        .order_by()
    )
    sums = {row["invoice"]: row["total"] for row in rows}
    return {invoice.pk: sums.get(invoice.pk, 0) for invoice in invoices}
