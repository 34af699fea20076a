"""Money that came without saying for what: the oldest debt first, the rest kept for the company."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from companies import audit
from companies.billing import ledger, settlement
from companies.billing.models import AccountKind, Invoice, InvoiceState, LedgerEntry
from companies.billing.models.invoice import PAYABLE
from companies.models import Company, User


@dataclass(frozen=True)
class Allocated:
    """How a sum was used: parts per invoice, and what stays with us for the company."""

    parts: list[tuple[Invoice, int]]
    kept_cents: int


def spread(cents: int, balances: Sequence[int]) -> list[int]:
    """Fill debts in their order.

    >>> spread(50_000, [32_010, 40_000])
    [32010, 17990]
    >>> spread(80_000, [32_010, 40_000])
    [32010, 40000]
    """
    parts = []
    for balance in balances:
        part = max(0, min(cents, balance))
        parts.append(part)
        cents -= part
    return parts


def receive(
    *,
    company: Company,
    cents: int,
    key: str,
    at: datetime,
    actor: User | None,
    source: AccountKind = AccountKind.BANK,
    reason: str = "",
    only: Sequence[Invoice] = (),
) -> Allocated:
    """Book money received from a company on its open invoices, the oldest due first, inside the caller's transaction.

    `only` names the invoices that were meant: they are filled first, in that order, even while a debit is on its way. What
    is left is kept on the company's deposits. The same key books nothing a second time and returns no parts.
    """
    return _book(company, cents, key, ledger.Side(source, cents), at, actor, reason, only)


def _book(
    company: Company,
    cents: int,
    key: str,
    source: ledger.Side,
    at: datetime,
    actor: User | None,
    reason: str,
    only: Sequence[Invoice],
) -> Allocated:
    rank = {row.pk: place for place, row in enumerate(only)}
    rows = Invoice.objects.select_for_update(of=("self",)).filter(company=company, balance_cents__gt=0)
    chosen = [row for row in rows.order_by("pk") if row.state in PAYABLE or row.pk in rank]
    chosen.sort(key=lambda row: (rank.get(row.pk, len(rank)), row.due_on, row.pk))
    parts = spread(cents, [row.balance_cents for row in chosen])
    used = [(row, part) for row, part in zip(chosen, parts, strict=True) if part]
    kept = cents - sum(parts)
    sides = [source, ledger.Side(AccountKind.DEPOSITS, -kept, company=company)]
    sides += [ledger.Side(AccountKind.RECEIVABLE, -part, company=company, invoice=row) for row, part in used]
    if ledger.post(key=key, kind="transfer", at=at, sides=sides, reason=reason) is None:
        return Allocated([], 0)
    for row, part in used:
        row.company = company
        audit.record(
            "invoice.transfer",
            target=row,
            at=at,
            actor=actor,
            actor_label="" if actor else "ERB",
            company=company,
            reason=reason,
            data={"cents": part},
        )
        to = settlement.by_balance(row, when_open=InvoiceState(row.state))
        settlement.set_invoice(row, to, at=at, actor=actor, label="ERB", reason=reason)
    return Allocated(used, kept)


@transaction.atomic(durable=True)
def use_deposit(*, company: Company, at: datetime, actor: User | None) -> Allocated:
    """Use what was kept for a company on what it owes now."""
    Company.objects.select_for_update().get(pk=company.pk)
    entries = LedgerEntry.objects.filter(account__kind=AccountKind.DEPOSITS, account__company=company)
    kept = -ledger.balance(AccountKind.DEPOSITS, company=company)
    owed = sum(row.balance_cents for row in Invoice.objects.filter(company=company).payable())
    cents = min(kept, owed)
    if cents <= 0:
        return Allocated([], max(kept, 0))
    key = f"deposit-{company.pk}-{entries.order_by('-pk').values_list('pk', flat=True)[0]}"
    source = ledger.Side(AccountKind.DEPOSITS, cents, company=company)
    return _book(company, cents, key, source, at, actor, "", ())
