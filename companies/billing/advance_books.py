"""Advance invoices (386) in the books: what their VAT does as they are paid, and what a final invoice deducts.

Source: CGI art. 269, 2, a and c: the tax on an advance falls due when it is paid, for goods too since 2023. Until then it
waits on an account of its own. The goods or services are a sale only with the final invoice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from companies import money
from companies.billing import ledger
from companies.billing.models import (
    CLAIMS,
    AccountKind,
    AdvanceDeduction,
    CreditNote,
    CreditNoteLine,
    DocumentType,
    Invoice,
    InvoiceState,
    LedgerEntry,
)
from companies.models import Company

NO_CASH = ("invoice", "credit_note", "write_off", "replaced")
CASH = ~(Q(transaction__kind__in=NO_CASH) | Q(transaction__reverses__kind__in=NO_CASH))  # of entries: money moved


@dataclass(frozen=True)
class Left:
    """What is left of an advance invoice after its credit notes."""

    advance: Invoice
    net_cents: int
    vat: dict[int, int]

    @property
    def vat_cents(self) -> int:
        return sum(self.vat.values())

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents


def left_of(advance: Invoice) -> Left:
    """Net and VAT by rate of an advance invoice, less what its credit notes took back."""
    vat = {row.vat_bp: row.vat_cents for row in advance.vat_rows.all()}
    credited = CreditNoteLine.objects.filter(line__invoice=advance)
    for rate, cents in credited.values_list("line__vat_bp").annotate(sum=Sum("vat_cents")).order_by():
        vat[rate] -= cents
    back = CreditNote.objects.filter(invoice=advance).aggregate(sum=Sum("net_cents"))["sum"] or 0
    return Left(advance, advance.net_cents - back, vat)


def gross_by_rate(invoice: Invoice) -> dict[int, int]:
    """What an invoice asks with its VAT, by rate, less its credit notes."""
    found = {row.vat_bp: row.base_cents + row.vat_cents for row in invoice.vat_rows.all()}
    credited = CreditNoteLine.objects.filter(line__invoice=invoice).values_list("line__vat_bp")
    for rate, net, vat in credited.annotate(net=Sum("net_cents"), vat=Sum("vat_cents")).order_by():
        found[rate] -= net + vat
    return found


def received(invoice: Invoice) -> int:
    """The money that stands on an invoice: no credit note, no debt given up."""
    entries = LedgerEntry.objects.filter(invoice=invoice, account__kind__in=CLAIMS)
    return -int(entries.filter(CASH).aggregate(sum=Sum("cents"))["sum"] or 0)


def follow(invoice: Invoice, *, at: datetime) -> None:
    """Bring the VAT that is due on an advance to what was paid of it, inside the caller's transaction.

    Once the final invoice has deducted it the tax is due whole, whatever becomes of the payment.
    """
    if not invoice.is_advance or AdvanceDeduction.objects.filter(advance=invoice).exists():
        return
    left = left_of(invoice)
    cash = min(max(received(invoice), 0), left.gross_cents)
    prefix = f"advance-vat-{invoice.pk}-"
    posted = LedgerEntry.objects.filter(transaction__key__startswith=prefix)
    booked = dict(
        posted.filter(account__kind=AccountKind.VAT_COLLECTED)
        .values_list("account__vat_bp")
        .annotate(sum=Sum("cents"))
        .order_by()
    )
    sides = []
    for rate, vat in left.vat.items():
        due = money.divide(vat * cash, left.gross_cents) if left.gross_cents else 0
        change = due + booked.get(rate, 0)
        sides.append(ledger.Side(AccountKind.VAT_PENDING, change, vat_bp=rate))
        sides.append(ledger.Side(AccountKind.VAT_COLLECTED, -change, vat_bp=rate))
    if any(side.cents for side in sides):
        number = posted.values("transaction").distinct().count() + 1
        ledger.post(key=f"{prefix}{number}", kind="advance_vat", at=at, sides=sides, reason=invoice.number)


def open_for(company: Company, order_reference: str) -> list[Invoice]:
    """Advance invoices of a company for one order that no final invoice deducted, locked, the oldest first."""
    if not order_reference:
        return []
    rows = Invoice.objects.select_for_update(of=("self",)).filter(
        company=company, type_code=DocumentType.PREPAYMENT, order_reference=order_reference, deduction=None
    )
    return list(rows.select_related("company").order_by("pk"))


def deductible(advances: Sequence[Invoice], gross_cents: int) -> list[Left]:
    """Of some advances those that are paid and fit into a total, the oldest first."""
    found: list[Left] = []
    for advance in advances:
        if advance.state not in (InvoiceState.PAID, InvoiceState.FINAL):
            continue
        left = left_of(advance)
        if 0 < left.gross_cents <= gross_cents - sum(one.gross_cents for one in found):
            found.append(left)
    return found


def sides_of(company: Company, deducted: Sequence[Left]) -> list[ledger.Side]:
    """What a final invoice takes off the advances: they become part of the sale, and their VAT is not owed again."""
    sides = []
    for one in deducted:
        sides.append(ledger.Side(AccountKind.ADVANCES, one.net_cents, company=company))
        sides += [ledger.Side(AccountKind.VAT_COLLECTED, cents, vat_bp=rate) for rate, cents in one.vat.items()]
    return sides


def write(invoice: Invoice, deducted: Sequence[Left]) -> None:
    """Keep which advances an invoice deducted."""
    AdvanceDeduction.objects.bulk_create(
        AdvanceDeduction(
            invoice=invoice,
            advance=one.advance,
            net_cents=one.net_cents,
            vat_cents=one.vat_cents,
            gross_cents=one.gross_cents,
            vat={str(rate): cents for rate, cents in one.vat.items()},
        )
        for one in deducted
    )
