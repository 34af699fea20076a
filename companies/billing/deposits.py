"""Money kept for a company goes back: to the card or account it was paid with, else by bank transfer.

What is asked for leaves the company's deposits at once, so it cannot be spent meanwhile, and waits on an account of its own
until Stripe or a bank line says that it left. No call leaves the machine from here.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from stdnum import iban as iban_rules

from companies import audit, mail
from companies.access import require
from companies.billing import access, buyers, ledger, returns, third_party
from companies.billing.allocation import KeptTooLittle, kept_for
from companies.billing.models import (
    AccountKind,
    BankLine,
    BankMatch,
    DepositRefund,
    DepositRefundState,
    Invoice,
    LedgerEntry,
    LineState,
    Payment,
    PaymentState,
    Refund,
)
from companies.billing.models.invoice import SETTLED
from companies.billing.printing import readers
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.templatetags.ui import euros

REFERENCE = re.compile(r"RMB[- ]?(\d{6,})", re.IGNORECASE)
ENDED = (DepositRefundState.CANCELLED,)


class NothingToKeep(DomainError):
    code = "nothing_paid_too_much"
    message = _("Nothing was paid too much on this invoice.")


class MeansRefused(DomainError):
    code = "deposit_means_refused"
    message = _("Only %(most)s of what is kept were paid with this means. Lower the amount or choose a transfer.")


class IbanRefused(Invalid):
    code = "iban_refused"
    message = _("This is no IBAN. Copy it from the company's bank details.")
    field = "iban"


class CancelRefused(DomainError):
    code = "deposit_refund_left"
    message = _("This money has left already, or is given up. Reload the page to see where it stands.")


class SumAsked(Invalid):
    code = "deposit_sum_asked"
    message = _("Type an amount above zero.")
    field = "cents"


@dataclass(frozen=True)
class Means:
    """A payment whose money is kept, and how much of it can go back the way it came."""

    payment: Payment
    cents: int


# What was paid too much ------------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def keep(*, invoice: Invoice, actor: User, at: datetime) -> int:
    """Move what was paid too much on an invoice to the company's deposits. Raises NotAllowed, NothingToKeep."""
    require(access.can_pay(actor, invoice.company) or access.can_collect(actor))
    row = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=invoice.pk)
    return put_aside(row, actor=actor, at=at)


def put_aside(row: Invoice, *, actor: User | None, at: datetime) -> int:
    """Keep what was paid too much on a locked invoice, inside the caller's transaction. Raises NothingToKeep."""
    third_party.require_own(row)
    company = buyers.member(row)
    cents = -ledger.owed([row])[row.pk]
    if cents <= 0 or not row.is_settled:
        raise NothingToKeep
    last = LedgerEntry.objects.filter(invoice=row).order_by("-pk").values_list("pk", flat=True)[0]
    ledger.post(
        key=f"kept-{row.pk}-{last}",
        kind="kept",
        at=at,
        reason=row.number,
        sides=[
            ledger.debt(row, cents),
            ledger.Side(AccountKind.DEPOSITS, -cents, company=company),
        ],
    )
    Invoice.objects.filter(pk=row.pk).update(balance_cents=0)
    label = "" if actor else "ERB"
    audit.record(
        "invoice.kept", target=row, at=at, actor=actor, actor_label=label, company=row.company, data={"cents": cents}
    )
    return cents


def paid_too_much() -> QuerySet[Invoice]:
    """Invoices on which money stands that nobody owes, the oldest first."""
    return Invoice.objects.own().filter(balance_cents__lt=0, state__in=SETTLED, company__isnull=False).order_by("pk")


# Asking for it back ----------------------------------------------------------------------------------------------------
def means_of(company: Company) -> list[Means]:
    """The payments whose money is kept: they were paid too much for, and that was put on the deposits."""
    kept = LedgerEntry.objects.filter(
        account__kind=AccountKind.RECEIVABLE, account__company=company, transaction__kind="kept"
    ).filter(transaction__reversed_by=None)
    left = dict(kept.values_list("invoice").annotate(sum=Sum("cents")).order_by())
    gone = DepositRefund.objects.filter(company=company, refund__isnull=False).exclude(state__in=ENDED)
    for invoice_id, cents in gone.values_list("refund__payment__invoice_id", "cents"):
        left[invoice_id] = left.get(invoice_id, 0) - cents
    rows = Payment.objects.filter(invoice__in=left, state=PaymentState.SUCCEEDED).order_by("pk")
    rooms = rows.annotate(back=Sum("refunds__amount_cents", filter=~Q(refunds__state="failed")))
    found, most = [], kept_for(company)
    for payment in rooms.select_related("invoice__company"):
        cents = min(payment.amount_cents - (payment.back or 0), left[payment.invoice_id], most)
        if cents > 0:
            found.append(Means(payment, cents))
            left[payment.invoice_id] -= cents
    return found


def known_ibans(company: Company) -> list[str]:
    """The accounts the company's transfers came from, the newest first."""
    rows = BankMatch.objects.filter(company=company, undone_at=None).exclude(line__iban="")
    return list(dict.fromkeys(rows.order_by("-pk").values_list("line__iban", flat=True)[:50]))


@transaction.atomic(durable=True)
def ask(
    *,
    company: Company,
    cents: int,
    reason: str,
    key: str,
    actor: User,
    at: datetime,
    payment: Payment | None = None,
    iban: str = "",
) -> DepositRefund:
    """Take a sum off what is kept, to be sent to a payment's means or to an IBAN; once per key.

    Raises NotAllowed, SumAsked, KeptTooLittle, MeansRefused, IbanRefused. Who calls sends a refund on its way afterwards.
    """
    require(access.can_pay(actor, company) or access.can_collect(actor))
    Company.objects.select_for_update().get(pk=company.pk)
    key = f"{company.pk}-{key}"  # a company's keys are its own
    if (earlier := DepositRefund.objects.filter(key=key, company=company).first()) is not None:
        return earlier
    if cents <= 0:
        raise SumAsked
    if cents > (kept := kept_for(company)):
        raise KeptTooLittle(kept=euros(kept))
    refund, account = None, ""
    if payment is not None:
        refund = _refund_of(company, payment, cents, reason, actor, at)
    else:
        account = iban_rules.compact(iban)
        if not iban_rules.is_valid(account):
            raise IbanRefused
    row = DepositRefund.objects.create(
        company=company,
        key=key,
        cents=cents,
        reason=reason[:240],
        iban=account,
        iban_known=account in known_ibans(company),
        refund=refund,
        asked_by=actor,
        asked_at=at,
    )
    ledger.post(
        key=f"deposit-refund-{row.pk}",
        kind="deposit_refund",
        at=at,
        reason=f"{row.reference} {reason}"[:240],
        sides=[
            ledger.Side(AccountKind.DEPOSITS, cents, company=company),
            ledger.Side(AccountKind.REFUNDS, -cents, company=company),
        ],
    )
    audit.record(
        "depositrefund.asked", target=row, at=at, actor=actor, company=company, reason=reason, data={"cents": cents}
    )
    _tell(row, at=at)
    return row


def _refund_of(company: Company, payment: Payment, cents: int, reason: str, actor: User, at: datetime) -> Refund:
    locked = Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
    most = next((one.cents for one in means_of(company) if one.payment.pk == locked.pk), 0)
    if cents > most:
        raise MeansRefused(most=euros(most))
    return Refund.objects.create(
        payment=locked, amount_cents=cents, reason=reason[:240], created_by=actor, created_at=at
    )


def _tell(row: DepositRefund, *, at: datetime) -> None:
    """Every accountant learns of it, so that nobody sends the company's money away unseen."""
    for user in readers(row.company):
        mail.queue(
            to=user.email,
            template="billing/mail/deposit_refund",
            context={"row": row, "url": mail.absolute(reverse("billing:deposit", args=[row.company_id]))},
            key=f"deposit-refund-{row.pk}-{user.pk}",
            language=user.language,
            at=at,
        )


@transaction.atomic(durable=True)
def cancel(*, row: DepositRefund, actor: User, at: datetime, reason: str = "") -> None:
    """Give up a transfer that was not made yet. Raises NotAllowed, StateRefused; a card's refund cannot be called back."""
    require(access.can_pay(actor, row.company) or access.can_collect(actor))
    locked = DepositRefund.objects.select_for_update(of=("self",)).select_related("company").get(pk=row.pk)
    if locked.refund_id is not None or locked.state != DepositRefundState.ASKED:
        raise CancelRefused
    returns.stays(locked, at=at, reason=reason, actor=actor)


def transfers_to_make() -> list[DepositRefund]:
    """What the staff still has to send by bank, the oldest first."""
    rows = DepositRefund.objects.filter(state=DepositRefundState.ASKED, refund=None)
    return list(rows.select_related("company", "asked_by").order_by("pk"))


def companies_with_money() -> QuerySet[Company]:
    """Companies that money is kept for, with how much, the most first."""
    is_theirs = Q(accounts__kind=AccountKind.DEPOSITS)
    rows = Company.objects.annotate(kept=-Sum("accounts__entries__cents", filter=is_theirs))
    return rows.filter(kept__gt=0).order_by("-kept", "name")


def shown_by(line: BankLine) -> list[DepositRefund]:
    """The transfers a bank line may be: its reference first, then those of the same sum."""
    if line.cents >= 0 or line.state != LineState.OPEN:
        return []
    named = set(map(int, REFERENCE.findall(f"{line.reference} {line.text}")))
    rows = [row for row in transfers_to_make() if row.cents == -line.cents]
    return sorted(rows, key=lambda row: (row.pk not in named, row.pk))


def named_by(line: BankLine) -> DepositRefund | None:
    """The transfer a line names by reference and sum; None when a person has to look."""
    named = set(map(int, REFERENCE.findall(f"{line.reference} {line.text}")))
    found = [row for row in shown_by(line) if row.pk in named]
    return found[0] if len(found) == 1 else None
