"""Money that came without saying for what: the oldest debt first, the rest kept for the company."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import access, ledger, settlement, third_party
from companies.billing.models import AccountKind, Invoice, InvoiceState, LedgerEntry
from companies.billing.models.invoice import PAYABLE
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.templatetags.ui import euros


class PartsRefused(Invalid):
    """The parts do not fit the invoices."""

    code = "deposit_parts_refused"
    message = _("Say for at least one invoice how much to use: above zero, at most what it still owes.")


class KeptTooLittle(DomainError):
    """There is less than was asked."""

    code = "deposit_too_small"
    message = _("Only %(kept)s are kept for the company. Lower the parts.")


class KeptChanged(DomainError):
    """The page was opened before what is kept was used, or grew."""

    code = "deposit_changed"
    message = _("What is kept for the company changed since this page was opened. Look at the amounts and send again.")


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
    rows = Invoice.objects.own().select_for_update(of=("self",)).filter(company=company, balance_cents__gt=0)
    chosen = [row for row in rows.order_by("pk") if row.state in PAYABLE or row.pk in rank]
    chosen.sort(key=lambda row: (rank.get(row.pk, len(rank)), row.due_on, row.pk))
    parts = spread(cents, [row.balance_cents for row in chosen])
    used = [(row, part) for row, part in zip(chosen, parts, strict=True) if part]
    return _use(company, used, cents - sum(parts), key, source, at, actor, reason)


def _use(
    company: Company,
    used: list[tuple[Invoice, int]],
    kept: int,
    key: str,
    source: ledger.Side,
    at: datetime,
    actor: User | None,
    reason: str,
) -> Allocated:
    """Post a sum on locked invoices, and bring each to what the books say."""
    for row, _part in used:
        third_party.require_ours(row)
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


def kept_for(company: Company) -> int:
    """What a company has paid and not used yet: deposits, advances, and what was left of a transfer."""
    return max(-ledger.balance(AccountKind.DEPOSITS, company=company), 0)


def _spending_key(company: Company) -> str:
    """Names one use of a deposit by the entry before it: with the company locked, the same use is not posted twice."""
    return f"deposit-{company.pk}-{last_entry(company)}"


def last_entry(company: Company) -> int:
    """The newest entry of what is kept for a company, 0 for none: a page that uses it says which one it saw."""
    entries = LedgerEntry.objects.filter(account__kind=AccountKind.DEPOSITS, account__company=company)
    return entries.order_by("-pk").values_list("pk", flat=True).first() or 0


@transaction.atomic(durable=True)
def spend(*, company: Company, parts: dict[int, int], actor: User, at: datetime, seen: int | None = None) -> Allocated:
    """Use what is kept for a company on chosen invoices (id → cents).

    `seen` is the `last_entry` of the page it was asked on, so that a form sent twice uses its parts once.
    Raises NotAllowed, KeptChanged, PartsRefused, KeptTooLittle.
    """
    require(access.can_pay(actor, company) or access.can_collect(actor))
    Company.objects.select_for_update().get(pk=company.pk)
    if seen is not None and seen != last_entry(company):
        raise KeptChanged
    wanted = {pk: cents for pk, cents in parts.items() if cents}
    rows = Invoice.objects.select_for_update(of=("self",)).filter(company=company, pk__in=wanted).order_by("pk")
    used = [(row, wanted[row.pk]) for row in rows if row.is_payable and 0 < wanted[row.pk] <= row.balance_cents]
    if not used or len(used) != len(wanted):
        raise PartsRefused
    cents, kept = sum(wanted.values()), kept_for(company)
    if cents > kept:
        raise KeptTooLittle(kept=euros(kept))
    source = ledger.Side(AccountKind.DEPOSITS, cents, company=company)
    return _use(company, used, 0, _spending_key(company), source, at, actor, "")


@transaction.atomic(durable=True)
def use_deposit(*, company: Company, at: datetime, actor: User | None) -> Allocated:
    """Use what was kept for a company on what it owes now."""
    Company.objects.select_for_update().get(pk=company.pk)
    kept = kept_for(company)
    owed = sum(row.balance_cents for row in Invoice.objects.own().filter(company=company).payable())
    cents = min(kept, owed)
    if cents <= 0:
        return Allocated([], kept)
    source = ledger.Side(AccountKind.DEPOSITS, cents, company=company)
    return _book(company, cents, _spending_key(company), source, at, actor, "", ())
