"""Many invoices and payments at once, by the same rules as one: for demonstrations, imports and measurements.

Nothing is mailed and no file is rendered: a file is made when somebody first asks for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from companies import audit
from companies.billing import ledger, numbering
from companies.billing.invoices import Prepared, series_of
from companies.billing.models import (
    Account,
    AccountKind,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceVat,
    LedgerEntry,
    LedgerTransaction,
    Payment,
    PaymentState,
)
from companies.billing.windows import CLAIM_WINDOW
from companies.models import AuditEntry


@dataclass(frozen=True)
class Posting:
    key: str
    kind: str
    at: datetime
    sides: Sequence[ledger.Side]
    reason: str = ""  # the piece, as the accountant's files name it


@dataclass(frozen=True)
class Paid:
    """A payment that arrived."""

    invoice: Invoice
    at: datetime
    method: str = "sepa_debit"
    fee_cents: int = 35


def post_many(postings: Sequence[Posting]) -> None:
    """Write many new transactions; their keys must be new."""
    accounts: dict[tuple[str, int | None, int | None], Account] = {}
    made = LedgerTransaction.objects.bulk_create(
        (LedgerTransaction(key=row.key, kind=row.kind, at=row.at, reason=row.reason) for row in postings),
        batch_size=2_000,
    )
    entries = []
    for row, posting in zip(made, postings, strict=True):
        for side in posting.sides:
            if not side.cents:
                continue
            name = (side.kind.value, side.company.pk if side.company else None, side.vat_bp)
            if name not in accounts:
                accounts[name] = ledger.account(side.kind, company=side.company, vat_bp=side.vat_bp)
            entries.append(LedgerEntry(transaction=row, account=accounts[name], invoice=side.invoice, cents=side.cents))
    LedgerEntry.objects.bulk_create(entries, batch_size=5_000)


@transaction.atomic
def issue_many(prepared: Iterable[Prepared]) -> list[Invoice]:
    """Number and store many invoices, in the order of their dates, each waiting for its payment."""
    rows = sorted(prepared, key=lambda row: row.invoice.issued_at)
    by_year: dict[tuple[str, int], list[Prepared]] = {}
    for row in rows:
        name = (series_of(row.invoice.billing_mandate), numbering.year_of(row.invoice.issued_at))
        by_year.setdefault(name, []).append(row)
    for (series, year), of_year in by_year.items():
        numbers = numbering.take(series, at=of_year[0].invoice.issued_at, count=len(of_year))
        for number, row in zip(numbers, of_year, strict=True):
            row.invoice.number = numbering.text(series, year, number)
            row.invoice.state = InvoiceState.DUE
    invoices = Invoice.objects.bulk_create((row.invoice for row in rows), batch_size=1_000)
    for row in rows:
        for line in row.lines:
            line.invoice = row.invoice
        for vat_row in row.vat_rows:
            vat_row.invoice = row.invoice
    InvoiceLine.objects.bulk_create((line for row in rows for line in row.lines), batch_size=2_000)
    InvoiceVat.objects.bulk_create((vat for row in rows for vat in row.vat_rows), batch_size=2_000)
    post_many(
        [Posting(f"invoice-{r.invoice.pk}", "invoice", r.invoice.issued_at, r.sides, r.invoice.number) for r in rows]
    )
    AuditEntry.objects.bulk_create(
        (
            audit.entry(
                f"invoice.{state}",
                target=invoice,
                at=invoice.issued_at,
                actor=None,
                actor_label="ERB",
                company=invoice.company,
                data={"number": invoice.number, "gross_cents": invoice.gross_cents},
            )
            for invoice in invoices
            for state in ("issued", "due")
        ),
        batch_size=2_000,
    )
    return invoices


@transaction.atomic
def pay_many(paid: Sequence[Paid], *, now: datetime) -> list[Payment]:
    """Record many payments that arrived in full; those whose claim window has passed are paid for good."""
    payments = Payment.objects.bulk_create(
        (
            Payment(
                invoice=row.invoice,
                attempt=1,
                state=PaymentState.SUCCEEDED,
                method=row.method,
                method_hint="IBAN FR … 2606" if row.method == "sepa_debit" else "visa … 4242",
                amount_cents=row.invoice.balance_cents,
                intent_id=f"pi_past_{row.invoice.pk}",
                created_at=row.at - timedelta(days=5 if row.method == "sepa_debit" else 0),
                expires_at=row.at,
                settled_at=row.at,
                seen_at=row.at,
            )
            for row in paid
        ),
        batch_size=1_000,
    )
    postings = []
    for payment, row in zip(payments, paid, strict=True):
        owed = ledger.Side(
            AccountKind.RECEIVABLE, -payment.amount_cents, company=row.invoice.company, invoice=row.invoice
        )
        got = ledger.Side(AccountKind.STRIPE, payment.amount_cents)
        fee = [
            ledger.Side(AccountKind.BANK_CHARGES, row.fee_cents),
            ledger.Side(AccountKind.STRIPE, -row.fee_cents),
        ]
        postings.append(Posting(f"payment-{payment.pk}", "payment", row.at, [got, owed], row.invoice.number))
        postings.append(Posting(f"payment-{payment.pk}-fee", "fee", row.at, fee, row.invoice.number))
    post_many(postings)
    closed = [row.invoice.pk for row in paid if row.at < now - CLAIM_WINDOW]
    Invoice.objects.filter(pk__in=[row.invoice.pk for row in paid]).update(state=InvoiceState.PAID, balance_cents=0)
    Invoice.objects.filter(pk__in=closed).update(state=InvoiceState.FINAL)
    AuditEntry.objects.bulk_create(
        (
            audit.entry(
                "invoice.paid",
                target=row.invoice,
                at=row.at,
                actor=None,
                actor_label="Stripe",
                company=row.invoice.company,
                data={"from": "due"},
            )
            for row in paid
        ),
        batch_size=2_000,
    )
    return payments
