"""Reading for pages: tabs with their counts, figures, histories in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.billing.models import Invoice, InvoiceState, Payment, PaymentState
from companies.billing.models.invoice import GROUPS, InvoiceQuerySet
from companies.models import AuditEntry

TAB_LABELS = {
    "": _("All invoices"),
    "due": _("To be paid"),
    "collecting": _("In collection"),
    "failed": _("Payment failed"),
    "paid": _("Paid"),
}
TONES = {
    InvoiceState.ISSUED: ("info", "file-clock"),
    InvoiceState.DUE: ("info", "receipt-text"),
    InvoiceState.COLLECTING: ("warning", "loader"),
    InvoiceState.PART_PAID: ("warning", "circle-dashed"),
    InvoiceState.FAILED: ("danger", "circle-x"),
    InvoiceState.CHARGED_BACK: ("danger", "undo-2"),
    InvoiceState.PAID: ("success", "circle-check"),
    InvoiceState.FINAL: ("success", "circle-check-big"),
    InvoiceState.CREDITED: ("muted", "receipt"),
    InvoiceState.WRITTEN_OFF: ("muted", "archive"),
}
PAYMENT_TONES = {
    PaymentState.SUCCEEDED: ("success", "circle-check"),
    PaymentState.FAILED: ("danger", "circle-x"),
    PaymentState.CHARGED_BACK: ("danger", "undo-2"),
    PaymentState.PROCESSING: ("warning", "loader"),
    PaymentState.CANCELLED: ("muted", "ban"),
}
WORDS = {
    "invoice.issued": _("Invoice issued"),
    "invoice.due": _("Sent, to be paid"),
    "invoice.collecting": _("Payment on its way"),
    "invoice.paid": _("Paid"),
    "invoice.part_paid": _("Partly paid"),
    "invoice.failed": _("Payment failed"),
    "invoice.charged_back": _("Payment taken back by the payer"),
    "invoice.final": _("Paid for good: the payment can no longer be taken back"),
    "invoice.credited": _("Settled by a credit note"),
    "invoice.written_off": _("Written off"),
    "invoice.transfer": _("Bank transfer received"),
    "invoice.debit_announced": _("Debit announced"),
    "invoice.reminded_1": _("First reminder sent"),
    "invoice.reminded_2": _("Second reminder sent"),
    "invoice.reminded_3": _("Last reminder sent"),
    "invoice.plan_proposed": _("Instalments proposed"),
    "invoice.plan_agreed": _("Instalments agreed"),
    "invoice.plan_cancelled": _("Instalments given up"),
    "invoice.write_off_asked": _("Proposed to give the debt up"),
    "invoice.write_off_refused": _("The debt is not given up"),
    "invoice.refund_asked": _("Refund sent to the payer"),
    "invoice.replaced": _("Replaced by a corrective invoice"),
    "invoice.contested": _("Contested by the supplier"),
    "invoice.contest_answered": _("Answered to the supplier"),
    "invoice.kept": _("What was paid too much is kept for the company"),
}
OWED_AGAIN = _("Owed again")
FAILURES = {
    "insufficient_funds": _("There was not enough money on the account."),
    "debit_not_authorized": _("The bank refused the debit."),
    "generic_decline": _("The card was declined."),
    "authentication_required": _("The bank did not confirm the payment."),
    "payment_intent_mandate_invalid": _("The mandate is no longer in force."),
    "payment_method_not_available": _("The mandate is no longer in force."),
    "expired_card": _("The card has expired."),
}


@dataclass(frozen=True)
class Tab:
    key: str
    label: Any
    count: int
    current: bool


@dataclass(frozen=True)
class Step:
    """A line of the history, as the timeline component draws it."""

    at: datetime
    words: Any
    actor_name: str
    reason: str


def tabs(rows: InvoiceQuerySet, current: str) -> list[Tab]:
    """The filters of the list with how many invoices each holds, in one query."""
    wanted: dict[str, Any] = {key: Count("pk", filter=Q(state__in=states)) for key, states in GROUPS.items()}
    counts = rows.aggregate(all=Count("pk"), **wanted)
    return [
        Tab(key, label, int(counts[key or "all"]), key == current or (not key and current not in GROUPS))
        for key, label in TAB_LABELS.items()
    ]


def figures(rows: InvoiceQuerySet, *, today: date) -> dict[str, int]:
    """What is owed, overdue, in collection and failed, in cents."""
    open_states = GROUPS["due"]
    sums = rows.aggregate(
        due=Sum("balance_cents", filter=Q(state__in=open_states)),
        late=Sum("balance_cents", filter=Q(state__in=open_states, due_on__lt=today)),
        collecting=Sum("balance_cents", filter=Q(state=InvoiceState.COLLECTING)),
        failed=Sum("balance_cents", filter=Q(state__in=GROUPS["failed"])),
    )
    return {name: int(value or 0) for name, value in sums.items()}


def decorate(rows: Iterable[Invoice], *, today: date) -> list[Invoice]:
    """Give each invoice the tone, icon and lateness its row shows."""
    found = list(rows)
    for invoice in found:
        tone, icon = TONES[InvoiceState(invoice.state)]
        invoice.tone, invoice.icon = tone, icon  # type: ignore[attr-defined]  # for the template
        invoice.is_late = invoice.due_on < today and not invoice.is_settled and invoice.balance_cents > 0  # type: ignore[attr-defined]  # for the template
    return found


def decorate_payments(rows: Iterable[Payment]) -> list[Payment]:
    """Give each attempt its tone, icon and the reason it failed in words."""
    found = list(rows)
    for payment in found:
        tone, icon = PAYMENT_TONES.get(PaymentState(payment.state), ("info", "clock"))
        payment.tone, payment.icon = tone, icon  # type: ignore[attr-defined]  # for the template
        payment.why = FAILURES.get(payment.failure, payment.failure) if payment.failure else ""  # type: ignore[attr-defined]  # for the template
    return found


def timeline(invoice: Invoice) -> list[Step]:
    """What happened to an invoice, in words."""
    return [_step(entry) for entry in audit.history(invoice)]


def _step(entry: AuditEntry) -> Step:
    actor = str(entry.actor) if entry.actor else entry.actor_label
    reason = FAILURES.get(entry.reason, "" if entry.reason.startswith(("du_", "dp_", "re_")) else entry.reason)
    again = entry.action == "invoice.due" and entry.data.get("from", "issued") != "issued"
    return Step(entry.at, OWED_AGAIN if again else WORDS.get(entry.action, entry.action), actor, str(reason))
