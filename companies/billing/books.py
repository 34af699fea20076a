"""What the accountant does to the books: close months, put entries right, take the files away."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncMonth
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies import audit
from companies.access import is_staff, require
from companies.billing import checking, fec, ledger, settlement
from companies.billing.models import (
    BESIDE,
    AccountKind,
    BooksCheck,
    ClosedMonth,
    Invoice,
    InvoiceState,
    LedgerEntry,
    LedgerTransaction,
)
from companies.documents import store
from companies.errors import DomainError
from companies.models import User

# What a person may reverse, by the beginning of its key: entries by hand, and the use of money that was kept. A bank line's
# posting is undone where the line is, everything else has its own document.
REVERSIBLE = ("manual-", "deposit-")
BOTH_SIDES = (
    AccountKind.BANK,
    AccountKind.STRIPE,
    AccountKind.SUPPLIERS,
    AccountKind.PURCHASES,
    AccountKind.ROUNDING,
    AccountKind.BANK_CHARGES,
    AccountKind.REBILLED,
)


class CannotClose(DomainError):
    code = "month_not_closable"
    message = gettext_lazy("This month cannot be closed: %(why)s")


class NotReversible(DomainError):
    code = "not_reversible"
    message = gettext_lazy(
        "This entry is not reversed by hand: an invoice is corrected by a credit note, a payment by a refund, "
        "a bank line by undoing its match."
    )


class ReasonAsked(DomainError):
    code = "reason_asked"
    message = gettext_lazy("Say why, in a few words. It stays in the books.")
    field = "reason"
    status = 400


def first_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return first_of(month + timedelta(days=32))


def to_close() -> date | None:
    """The month that comes next to be closed; None when nothing was posted yet."""
    last = ledger.closed_until()
    if last is not None:
        return next_month(last)
    first = LedgerTransaction.objects.aggregate(first=Min("at"))["first"]
    return first_of(timezone.localdate(first)) if first else None


@transaction.atomic(durable=True)
def close_month(*, month: date, actor: User, at: datetime) -> ClosedMonth:
    """Close a month that is over: nothing is posted into it, or before it, any more. Its entries are kept as FEC.

    Raises CannotClose when it is not over, not the next one, or the books are not intact.
    """
    require(is_staff(actor))
    month = first_of(month)
    with (
        connection.cursor() as cursor
    ):  # waits for postings under way; later ones wait for us and then see the month closed
        cursor.execute("LOCK TABLE billing_ledgertransaction IN SHARE ROW EXCLUSIVE MODE")
    known = ClosedMonth.objects.filter(month=month).first()
    if known is not None:
        return known
    if timezone.localdate(at) < next_month(month):
        raise CannotClose(why=_("it is not over yet."))
    if to_close() != month:
        raise CannotClose(why=_("months are closed one after the other, and another one comes first."))
    if broken := checking.first_break():
        raise CannotClose(why=broken)
    until = next_month(month) - timedelta(days=1)
    content = "".join(fec.lines(month, until)).encode()
    totals = _in_month(month).aggregate(
        count=Count("transaction", distinct=True), debit=Sum("cents", filter=Q(cents__gt=0))
    )
    document = store(
        kind="fec", name=fec.file_name(until), content=content, media_type="text/plain; charset=utf-8", at=at
    )
    row = ClosedMonth.objects.create(
        month=month,
        closed_at=at,
        closed_by=actor,
        transactions=totals["count"],
        debit_cents=totals["debit"] or 0,
        document=document,
    )
    audit.record("closedmonth.closed", target=row, at=at, actor=actor, data={"sha256": document.sha256})
    return row


def _in_month(month: date) -> Any:
    return LedgerEntry.objects.filter(
        transaction__at__gte=fec.start_of(month), transaction__at__lt=fec.start_of(next_month(month))
    ).exclude(account__kind__in=BESIDE)


def months() -> list[dict[str, Any]]:
    """Every month with postings, the newest first: how much, and whether it is closed."""
    closed = {row.month: row for row in ClosedMonth.objects.select_related("closed_by", "document")}
    rows = (
        LedgerEntry.objects.exclude(account__kind__in=BESIDE)
        .annotate(month=TruncMonth("transaction__at"))
        .values("month")
        .annotate(count=Count("transaction", distinct=True), debit=Sum("cents", filter=Q(cents__gt=0)))
        .order_by("-month")
    )
    found = []
    for row in rows:
        day = timezone.localdate(row["month"])
        found.append({"month": day, "count": row["count"], "debit": row["debit"] or 0, "closed": closed.get(day)})
    return found


@transaction.atomic(durable=True)
def enter(
    *, debit: AccountKind, credit: AccountKind, cents: int, at: datetime, reason: str, actor: User, key: str
) -> LedgerTransaction | None:
    """A manual entry between two accounts of the association, once per key."""
    require(is_staff(actor))
    if not reason.strip():
        raise ReasonAsked
    sides = [ledger.Side(debit, cents), ledger.Side(credit, -cents)]
    posted = ledger.post(key=f"manual-{key}", kind="manual", at=at, sides=sides, reason=reason.strip())
    if posted is not None:
        audit.record("ledgertransaction.entered", target=posted, at=at, actor=actor, reason=reason.strip())
    return posted


@transaction.atomic(durable=True)
def reverse(*, original: LedgerTransaction, actor: User, at: datetime, reason: str) -> LedgerTransaction:
    """Put an entry right by its opposite, once. Raises NotReversible."""
    require(is_staff(actor))
    if not reason.strip():
        raise ReasonAsked
    if not original.key.startswith(REVERSIBLE):
        raise NotReversible
    return put_back(original, actor=actor, at=at, reason=reason.strip())


def put_back(original: LedgerTransaction, *, actor: User, at: datetime, reason: str) -> LedgerTransaction:
    """Reverse a posting inside the caller's transaction and bring the invoices it touched to their new balance."""
    touched = sorted(set(original.entries.exclude(invoice=None).values_list("invoice_id", flat=True)))
    invoices = list(
        Invoice.objects.select_for_update(of=("self",)).filter(pk__in=touched).select_related("company").order_by("pk")
    )
    back = ledger.reverse(original, at=at, reason=reason)
    if back is None:
        raise NotReversible(_("This entry was reversed already."))
    audit.record("ledgertransaction.reversed", target=original, at=at, actor=actor, reason=reason)
    for invoice in invoices:
        to = settlement.by_balance(invoice, when_open=InvoiceState.DUE)
        settlement.set_invoice(invoice, to, at=at, actor=actor, reason=reason)
    return back


# The nightly check -------------------------------------------------------------------------------------------------
def check(*, at: datetime) -> BooksCheck:
    """Recompute the books from their rows, in one picture of all of them, and keep what was found."""
    alone = not connection.in_atomic_block
    with transaction.atomic():
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        difference, counts = checking.first_break(), dict(checking.counts())
    return BooksCheck.objects.create(at=at, difference=difference[:400], counts=counts)
