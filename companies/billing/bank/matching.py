"""Matching bank lines with invoices, and undoing it. Every match is one posting; undoing is its reversal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies.access import is_staff, require
from companies.billing import books, deposits, fec, ledger, returns, settlement, third_party
from companies.billing.bank.rules import Debt, Proposal, match, spread
from companies.billing.models import (
    AccountKind,
    BankLine,
    BankMatch,
    Customer,
    DepositRefund,
    DepositRefundState,
    Invoice,
    InvoiceState,
    LineState,
)
from companies.billing.models.bank import LINE_TRANSITIONS
from companies.billing.models.invoice import PAYABLE
from companies.billing.references import numbers_in
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.states import move

# What a line that is no invoice's money may be booked on.
ACCOUNTS = (
    AccountKind.STRIPE,
    AccountKind.BANK_CHARGES,
    AccountKind.SUPPLIERS,
    AccountKind.PURCHASES,
    AccountKind.REBILLED,
    AccountKind.ROUNDING,
)
LABEL = "Banque"


class LineTaken(DomainError):
    code = "bank_line_taken"
    message = _("This line is matched already. Undo its match first.")


class KeptUsed(DomainError):
    code = "bank_kept_used"
    message = _("What was kept of this line paid another invoice or was sent back since. Take that back first.")


class PartsRefused(Invalid):
    code = "bank_parts_refused"
    message = _("The parts must be above zero, at most what each invoice owes, and together at most the line.")


class RefundAsked(DomainError):
    code = "bank_refund_refused"
    message = _("This transfer was found on another line, was given up, or is of another sum.")


class CompanyAsked(Invalid):
    code = "bank_company_asked"
    message = _("Choose invoices of one company, so that what is left can be kept for it.")


class KeeperAsked(CompanyAsked):
    """Money is kept for nobody."""

    message = _("Choose the company that the money is kept for.")
    field = "company"


@dataclass(frozen=True)
class Suggestion:
    proposal: Proposal
    invoices: list[tuple[Invoice, int]]
    company: Company | None  # none when a supplier pays
    name: str


def known_payer(iban: str) -> int | None:
    """The company an IBAN belongs to: the one its transfers were matched with, when it was always the same."""
    if not iban:
        return None
    found = BankMatch.objects.filter(line__iban=iban, undone_at=None, company__isnull=False)
    companies = set(found.values_list("company_id", flat=True).distinct()[:2])
    return companies.pop() if len(companies) == 1 else None


def payer_of(company_id: int | None, customer_id: int | None) -> int:
    """Who owes, as the rules compare it: a company by its id, a supplier below zero."""
    return company_id if company_id is not None else -(customer_id or 0)


def debts_of(rows: "QuerySet[Invoice]") -> list[Debt]:
    return [
        Debt(row.pk, payer_of(row.company_id, row.customer_id), row.number, row.balance_cents, row.due_on)
        for row in rows.filter(state__in=PAYABLE, balance_cents__gt=0, billing_mandate=None).order_by("pk")
    ]


def propose(line: BankLine) -> Proposal | None:
    """What the rules say about a line."""
    numbers = numbers_in(f"{line.reference} {line.text}")
    payer = known_payer(line.iban)
    wanted = Invoice.objects.own().filter(number__in=numbers) if numbers else Invoice.objects.none()
    named = list(wanted.values_list("number", flat=True))
    owing = list(wanted.values_list("company_id", "customer_id"))
    companies = {company for company, _customer in owing if company} | ({payer} if payer else set())
    customers = {customer for _company, customer in owing if customer}
    if not companies and not customers:
        return None
    debts = debts_of(Invoice.objects.filter(Q(company_id__in=companies) | Q(customer_id__in=customers)))
    return match(cents=line.cents, numbers=numbers, debts=debts, payer=payer, named=named)


def suggestion(line: BankLine) -> Suggestion | None:
    """The proposal for a line with its invoices, for the person who decides."""
    found = propose(line)
    if found is None or not found.parts:
        return None
    rows = Invoice.objects.select_related("company", "customer").in_bulk([pk for pk, _cents in found.parts])
    parts = [(rows[pk], cents) for pk, cents in found.parts]
    return Suggestion(found, parts, Company.objects.filter(pk=found.company).first(), parts[0][0].buyer["name"])


def match_all(lines: Iterable[BankLine], *, at: datetime) -> int:
    """Match by itself what is certain; the rest waits for a person. Returns how many lines were matched."""
    count = 0
    for line in lines:
        if (going := deposits.named_by(line)) is not None:
            _book_refund(line, going, rule="reference", actor=None, at=at)
            count += 1
            continue
        found = propose(line) if line.cents > 0 and line.state == LineState.OPEN else None
        if found is not None and found.certain and found.parts:
            company_id = found.company if found.company > 0 else None
            _book(line, dict(found.parts), company_id=company_id, rule=found.rule, actor=None, at=at)
            count += 1
    return count


@transaction.atomic(durable=True)
def match_invoices(*, line: BankLine, parts: dict[int, int], actor: User, at: datetime) -> BankMatch:
    """Use a line for invoices (id → cents); what is left is kept for the company. Raises LineTaken, PartsRefused."""
    require(is_staff(actor))
    return _book(line, parts, company_id=None, rule="manual", actor=actor, at=at)


def _moment(line: BankLine, at: datetime) -> datetime:
    """When the posting counts: the day the bank booked it, unless its month is closed."""
    booked = fec.start_of(line.booked_on) + timedelta(hours=12)
    last = ledger.closed_until()
    return at if booked > at or (last is not None and line.booked_on.replace(day=1) <= last) else booked


def _locked(line: BankLine) -> BankLine:
    locked = BankLine.objects.select_for_update(of=("self",)).get(pk=line.pk)
    if locked.state != LineState.OPEN:
        raise LineTaken
    return locked


def _book(
    line: BankLine, parts: dict[int, int], *, company_id: int | None, rule: str, actor: User | None, at: datetime
) -> BankMatch:
    line = _locked(line)
    invoices = list(
        Invoice.objects.select_for_update(of=("self",))
        .filter(pk__in=parts)
        .select_related("company", "customer")
        .order_by("pk")
    )
    for row in invoices:
        third_party.require_ours(row)
    owed = ledger.owed(invoices)
    if len(invoices) != len(parts) or line.cents <= 0 or any(not 0 < parts[row.pk] <= owed[row.pk] for row in invoices):
        raise PartsRefused
    left = line.cents - sum(parts.values())
    companies = {payer_of(row.company_id, row.customer_id): row.company for row in invoices}
    if left < 0:
        raise PartsRefused
    if company_id is None and len(companies) == 1:
        company_id = max(next(iter(companies)), 0) or None
    if left and company_id is None:
        raise CompanyAsked
    company = Company.objects.get(pk=company_id) if company_id else None
    sides = [ledger.Side(AccountKind.BANK, line.cents), ledger.Side(AccountKind.DEPOSITS, -left, company=company)]
    sides += [ledger.debt(row, -parts[row.pk]) for row in invoices]
    made = _posted(line, sides, rule=rule, company=company if len(companies) < 2 else None, actor=actor, at=at)
    for row in invoices:
        to = settlement.by_balance(row, when_open=InvoiceState(row.state))
        settlement.set_invoice(row, to, at=at, actor=actor, label=LABEL, reason=str(line.name or line.text)[:120])
    return made


@transaction.atomic(durable=True)
def match_account(
    *, line: BankLine, kind: AccountKind, actor: User, at: datetime, company: Company | None = None
) -> BankMatch:
    """Book a line that is no invoice's money on an account, or on a company's deposits."""
    require(is_staff(actor))
    if (kind == AccountKind.DEPOSITS) != (company is not None) or (company is None and kind not in ACCOUNTS):
        raise KeeperAsked
    line = _locked(line)
    sides = [ledger.Side(AccountKind.BANK, line.cents), ledger.Side(kind, -line.cents, company=company)]
    return _posted(line, sides, rule="manual", company=company, actor=actor, at=at)


@transaction.atomic(durable=True)
def match_refund(*, line: BankLine, refund: DepositRefund, actor: User, at: datetime) -> BankMatch:
    """Say that a line is the transfer by which a company's deposit went back. Raises LineTaken, RefundAsked."""
    require(is_staff(actor))
    return _book_refund(line, refund, rule="manual", actor=actor, at=at)


def _book_refund(line: BankLine, refund: DepositRefund, *, rule: str, actor: User | None, at: datetime) -> BankMatch:
    line = _locked(line)
    row = DepositRefund.objects.select_for_update(of=("self",)).select_related("company").get(pk=refund.pk)
    if row.state != DepositRefundState.ASKED or row.refund_id is not None or line.cents != -row.cents:
        raise RefundAsked
    sides = [
        ledger.Side(AccountKind.REFUNDS, row.cents, company=row.company),
        ledger.Side(AccountKind.BANK, line.cents),
    ]
    made = _posted(line, sides, rule=rule, company=row.company, actor=actor, at=at)
    returns.left(row, at=at, actor=actor, label=LABEL, match=made)
    return made


def _posted(
    line: BankLine,
    sides: Sequence[ledger.Side],
    *,
    rule: str,
    company: Company | None,
    actor: User | None,
    at: datetime,
) -> BankMatch:
    turn = line.matches.count() + 1
    to_invoices = any(side.invoice for side in sides)
    posted = ledger.post(
        key=f"bank-{line.pk}-{turn}",
        kind="transfer" if to_invoices else "bank",
        at=_moment(line, at),
        sides=sides,
        reason=" ".join(filter(None, [line.name, line.reference or line.text]))[:200],
    )
    if posted is None:
        raise LineTaken
    try:
        with transaction.atomic():
            made = BankMatch.objects.create(
                line=line, rule=rule, company=company, transaction=posted, matched_by=actor, matched_at=at
            )
    except IntegrityError:
        raise LineTaken from None
    label = "" if actor else LABEL
    move(
        line,
        LineState.MATCHED,
        table=LINE_TRANSITIONS,
        at=at,
        actor=actor,
        actor_label=label,
        company=company,
        reason=rule,
    )
    return made


@transaction.atomic(durable=True)
def undo(*, line: BankLine, actor: User, at: datetime, reason: str) -> None:
    """Take a match back: its posting is reversed, its invoices are owed again, the line waits again.

    Raises LineTaken, and KeptUsed when what was kept of the line paid another invoice since.
    """
    require(is_staff(actor))
    if not reason.strip():
        raise books.ReasonAsked
    line = BankLine.objects.select_for_update(of=("self",)).get(pk=line.pk)
    made = line.matches.select_related("transaction").filter(undone_at=None).first()
    if made is None:
        raise LineTaken(_("This line has no match to undo."))
    if made.company_id:  # nobody uses what is kept meanwhile
        Company.objects.select_for_update().get(pk=made.company_id)
    books.put_back(made.transaction, actor=actor, at=at, reason=reason.strip())
    for refund in DepositRefund.objects.select_for_update(of=("self",)).filter(match=made).select_related("company"):
        returns.not_left(refund, at=at, actor=actor, reason=reason.strip())
    if made.company_id and ledger.balance(AccountKind.DEPOSITS, company=made.company) > 0:
        raise KeptUsed
    BankMatch.objects.filter(pk=made.pk, undone_at=None).update(
        undone_by=actor, undone_at=at, undone_reason=reason.strip()[:200]
    )
    move(line, LineState.OPEN, table=LINE_TRANSITIONS, at=at, actor=actor, company=made.company, reason=reason.strip())


@transaction.atomic(durable=True)
def set_aside(*, line: BankLine, actor: User, at: datetime, reason: str) -> None:
    """Say that a line needs no posting (a duplicate of the bank, another account's), with the reason."""
    require(is_staff(actor))
    if not reason.strip():
        raise books.ReasonAsked
    move(_locked(line), LineState.ASIDE, table=LINE_TRANSITIONS, at=at, actor=actor, reason=reason.strip())


@transaction.atomic(durable=True)
def take_up(*, line: BankLine, actor: User, at: datetime) -> None:
    """A line set aside waits again."""
    require(is_staff(actor))
    move(line, LineState.OPEN, table=LINE_TRANSITIONS, at=at, actor=actor)


def oldest_first(line: BankLine, payer: Company | Customer) -> list[tuple[Invoice, int]]:
    """How a line would fill a company's or a supplier's invoices, the oldest first."""
    rows = Invoice.objects.filter(company=payer) if isinstance(payer, Company) else payer.invoices.all()
    parts, _left = spread(line.cents, debts_of(rows))
    found = rows.select_related("company").in_bulk([pk for pk, _cents in parts])
    return [(found[pk], cents) for pk, cents in parts]


def last_import_day() -> date | None:
    """The day of the newest booked movement."""
    newest = BankLine.objects.order_by("-booked_on").values_list("booked_on", flat=True).first()
    return newest if newest is None else timezone.localdate() if newest > timezone.localdate() else newest
