"""What an accountant needs to see of collecting: due, announced, in collection, failed, disputed."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, Sum
from django.db.models.functions import Greatest, Least
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies import money
from companies.billing.models import (
    DebitState,
    DepositRefund,
    DepositRefundState,
    Dispute,
    DisputeAnswer,
    Invoice,
    InvoiceState,
    PlannedDebit,
    SuspensionProposal,
    WriteOff,
)
from companies.billing.models.invoice import GROUPS, PAYABLE, InvoiceQuerySet

AGES = (
    ("future", gettext_lazy("Not yet due"), None, 0),
    ("30", gettext_lazy("1 to 30 days late"), 1, 30),
    ("60", gettext_lazy("31 to 60 days late"), 31, 60),
    ("90", gettext_lazy("61 to 90 days late"), 61, 90),
    ("old", gettext_lazy("More than 90 days late"), 91, None),
)
OPEN_DISPUTES = Q(closed_at__isnull=True) | Q(payment__invoice__state=InvoiceState.CHARGED_BACK)


@dataclass(frozen=True)
class Age:
    """Open invoices of one age."""

    key: str
    label: Any
    count: int
    cents: int


def ages(rows: InvoiceQuerySet, *, today: date) -> list[Age]:
    """The due list by age, in one query."""
    from datetime import timedelta

    wanted: dict[str, Any] = {}
    for key, _label, least, most in AGES:
        late = Q(state__in=PAYABLE)
        if least is None:
            late &= Q(due_on__gte=today)
        else:
            late &= Q(due_on__lte=today - timedelta(days=least))
            if most is not None:
                late &= Q(due_on__gte=today - timedelta(days=most))
        wanted[f"sum_{key}"] = Sum("balance_cents", filter=late)
        wanted[f"count_{key}"] = Count("pk", filter=late)
    found = rows.aggregate(**wanted)
    return [Age(key, label, found[f"count_{key}"], found[f"sum_{key}"] or 0) for key, label, _least, _most in AGES]


def figures(rows: InvoiceQuerySet, *, today: date) -> dict[str, int]:
    """The six sums at the head of a desk, in three queries."""
    sums = rows.aggregate(
        due=Sum("balance_cents", filter=Q(state__in=PAYABLE)),
        late=Sum("balance_cents", filter=Q(state__in=PAYABLE, due_on__lt=today)),
        collecting=Sum("balance_cents", filter=Q(state=InvoiceState.COLLECTING)),
        failed=Sum("balance_cents", filter=Q(state__in=GROUPS["failed"])),
    )
    debits = PlannedDebit.objects.filter(invoice__in=rows, state=DebitState.PLANNED)
    claims = Dispute.objects.filter(OPEN_DISPUTES, payment__invoice__in=rows)
    asked = Greatest(Least("amount_cents", "invoice__balance_cents"), 0)  # as `PlannedDebit.asked_cents`
    sums["announced"] = debits.aggregate(sum=Sum(asked))["sum"]
    sums["disputed"] = claims.aggregate(sum=Sum("cents"))["sum"]
    return {name: int(value or 0) for name, value in sums.items()}


def owed_to_suppliers(rows: InvoiceQuerySet) -> int:
    """The part of what is due that ERB wrote in suppliers' names: no claim of the association."""
    theirs = rows.filter(state__in=PAYABLE).exclude(billing_mandate=None)
    return int(theirs.aggregate(sum=Sum("balance_cents"))["sum"] or 0)


def announced(rows: InvoiceQuerySet) -> Any:
    """Debits to come, the next first."""
    found = PlannedDebit.objects.filter(invoice__in=rows, state=DebitState.PLANNED)
    return found.select_related("invoice__company", "mandate").order_by("debit_on", "pk")


def disputes(rows: InvoiceQuerySet) -> Any:
    """Claims of payers, the newest first."""
    answered = Exists(DisputeAnswer.objects.filter(dispute=OuterRef("pk")))
    found = Dispute.objects.filter(payment__invoice__in=rows).annotate(answered=answered)
    return found.select_related("payment__invoice__company")


def waiting_counts() -> dict[str, int]:
    """What a person of the staff has to decide."""
    return {
        "proposals": SuspensionProposal.objects.filter(state="open").count(),
        "write_offs": WriteOff.objects.filter(state="asked").count(),
        "disputes": Dispute.objects.filter(closed_at__isnull=True).count(),
        "transfers": DepositRefund.objects.filter(state=DepositRefundState.ASKED, refund=None).count(),
    }


def due_list_csv(rows: Iterable[Invoice], *, today: date) -> str:
    """Open invoices for a spreadsheet, one a line."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(
        [
            _("Company"),
            "SIREN",
            _("Number"),
            _("Issued on"),
            _("Due on"),
            _("Days late"),
            _("Total"),
            _("Still owed"),
            _("State"),
            _("Reminders"),
        ]
    )
    for row in rows:
        late = max((today - row.due_on).days, 0)
        sent = len(row.reminders.all())
        writer.writerow(
            [
                _safe(row.company.name if row.company else row.buyer["name"]),
                row.buyer["siren"],
                row.number,
                row.issued_on,
                row.due_on,
                late,
                money.euros(row.gross_cents),
                money.euros(row.balance_cents),
                row.get_state_display(),
                sent,
            ]
        )
    return out.getvalue()


def _safe(text: str) -> str:
    """A name that begins like a formula is no formula."""
    return f"'{text}" if text[:1] in "=+-@\t" else text
