"""What payments do to invoices and to the books. No call leaves the machine from here.

`apply` takes what Stripe says now about one attempt and brings our rows to it. It may run twice, late and out of order:
every change is a guarded update or a ledger posting with a key of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from companies import audit
from companies.billing import advance_books, buyers, connected, ledger, returns, third_party
from companies.billing.models import (
    AccountKind,
    DepositRefund,
    DepositRefundState,
    Invoice,
    InvoiceState,
    LedgerEntry,
    LedgerTransaction,
    Payment,
    PaymentState,
    Refund,
)
from companies.billing.models import Dispute as DisputeRow
from companies.billing.models.invoice import TRANSITIONS
from companies.billing.models.payment import PAYMENT_TRANSITIONS
from companies.models import User
from companies.states import move

BY_STRIPE = "Stripe"


@dataclass(frozen=True)
class Dispute:
    """A claim of the payer. `returned` is true when the money came back to us."""

    id: str
    cents: int
    returned: bool
    status: str = "lost"
    reason: str = ""
    answer_by: int | None = None


@dataclass(frozen=True)
class Observation:
    """What Stripe says about one attempt, read at once: `outcome` is open, processing, succeeded, failed or cancelled."""

    outcome: str
    received_cents: int = 0
    fee_cents: int = 0
    intent_id: str = ""
    method: str = ""
    method_hint: str = ""
    mandate_reference: str = ""
    failure: str = ""
    disputes: Sequence[Dispute] = ()
    refunds: Sequence[tuple[str, int]] = ()
    failed_refunds: Sequence[str] = field(default=())
    transfer_id: str = ""  # to the supplier, of a destination charge
    commission_back_cents: int = 0
    refund_rows: Mapping[str, int] = field(default_factory=dict)  # refund at Stripe → our row, by the mark we put on it
    url: str = ""


@transaction.atomic(durable=True)
def apply(*, payment_id: int, seen: Observation, at: datetime) -> Payment:
    """Bring one attempt, its invoice and the books to what Stripe says. Returns the attempt as it stands now."""
    invoice_id = Payment.objects.values_list("invoice_id", flat=True).get(pk=payment_id)
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("company", "customer").get(pk=invoice_id)
    payment = Payment.objects.select_for_update(of=("self",)).get(pk=payment_id)
    payment.invoice = invoice
    facts = {
        "intent_id": seen.intent_id or payment.intent_id,
        "method": seen.method or payment.method,
        "method_hint": seen.method_hint or payment.method_hint,
        "mandate_reference": seen.mandate_reference or payment.mandate_reference,
        "url": seen.url or payment.url,
        "transfer_id": seen.transfer_id or payment.transfer_id,
        "seen_at": at,
    }
    Payment.objects.filter(pk=payment.pk).update(**facts)
    for name, value in facts.items():
        setattr(payment, name, value)
    if seen.outcome == "processing":
        mark_processing(payment, at=at)
    elif seen.outcome == "failed":
        mark_failed(payment, seen.failure, at=at)
    elif seen.outcome == "cancelled":
        mark_cancelled(payment, at=at)
    elif seen.outcome == "succeeded":
        mark_paid(payment, seen, at=at)
        for dispute in seen.disputes:
            charge_back(payment, dispute, at=at)
        for refund_id, row_id in seen.refund_rows.items():  # the news may be quicker than the answer to our call
            Refund.objects.filter(pk=row_id, payment=payment, refund_id="").update(refund_id=refund_id)
        for refund_id, cents in seen.refunds:
            record_refund(payment, refund_id, cents, at=at)
        for refund_id in seen.failed_refunds:
            take_back_refund(payment, refund_id, at=at)
    return payment


def _step(payment: Payment, to: PaymentState, *, at: datetime, reason: str = "", **changes: Any) -> bool:
    """One guarded move of an attempt; False when it is there already or may not go there any more."""
    if to not in PAYMENT_TRANSITIONS.get(payment.state, frozenset()):
        return False
    move(
        payment,
        to,
        table=PAYMENT_TRANSITIONS,
        at=at,
        actor=None,
        actor_label=BY_STRIPE,
        company=payment.invoice.company,
        reason=reason,
        **changes,
    )
    return True


def set_invoice(
    invoice: Invoice,
    to: InvoiceState,
    *,
    at: datetime,
    reason: str = "",
    actor: User | None = None,
    label: str = BY_STRIPE,
) -> None:
    """Move the invoice and its balance to where the books put them.

    A move the table does not know changes the balance only: an invoice whose second attempt is in collection stays there
    when the first one is taken back, and what follows is decided when the second ends.
    """
    if (heir := _pass_on(invoice, at=at)) is not None:
        open_again = to if to == InvoiceState.CHARGED_BACK else by_balance(heir, when_open=InvoiceState.DUE)
        set_invoice(heir, open_again, at=at, reason=reason, actor=actor, label=label)
        to = InvoiceState.CREDITED
    balance = ledger.owed([invoice])[invoice.pk]
    advance_books.follow(invoice, at=at)
    if invoice.state == to or to not in TRANSITIONS[invoice.state]:
        Invoice.objects.filter(pk=invoice.pk).update(balance_cents=balance)
        invoice.balance_cents = balance
        return
    move(
        invoice,
        to,
        table=TRANSITIONS,
        at=at,
        actor=actor,
        actor_label="" if actor else label,
        company=invoice.company,
        reason=reason,
        data={"balance_cents": balance},
        balance_cents=balance,
    )


def _pass_on(invoice: Invoice, *, at: datetime) -> Invoice | None:
    """What happens to the money of an invoice that was replaced concerns the one in its place: its debt goes there, and
    what is too much as far as that one is owed. Returns it when something went, else None."""
    if invoice.state != InvoiceState.CREDITED or not (cents := ledger.owed([invoice])[invoice.pk]):
        return None
    heir = Invoice.objects.select_for_update(of=("self",)).select_related("company").filter(corrects=invoice).first()
    if heir is None:
        return None
    if cents < 0:
        cents = -min(-cents, max(ledger.owed([heir])[heir.pk], 0))
    if not cents:
        return None
    prefix = f"moved-{invoice.pk}-"
    number = LedgerTransaction.objects.filter(key__startswith=prefix).count() + 1
    sides = [ledger.debt(row, sign * cents) for row, sign in ((invoice, -1), (heir, 1))]
    ledger.post(key=f"{prefix}{number}", kind="moved", at=at, sides=sides, reason=f"{invoice.number} · {heir.number}")
    return heir


def by_balance(invoice: Invoice, *, when_open: InvoiceState) -> InvoiceState:
    """The state that follows from the books: settled, partly paid, or `when_open` when nothing is paid."""
    balance = ledger.owed([invoice])[invoice.pk]
    if balance > 0:
        return InvoiceState.PART_PAID if balance < invoice.asked_cents else when_open
    if Invoice.objects.filter(corrects=invoice).exists():
        return InvoiceState.CREDITED
    arrived = invoice.payments.filter(state=PaymentState.SUCCEEDED).exists() or _transferred(invoice)
    return InvoiceState.PAID if arrived else InvoiceState.CREDITED


def _transferred(invoice: Invoice) -> bool:
    """Whether money came by another way than Stripe, and was not reversed since."""
    posted = LedgerEntry.objects.filter(
        invoice=invoice, transaction__kind__in=["transfer", "moved", "told_paid", "fee_kept"]
    )
    return posted.filter(transaction__reversed_by=None).exists()


def mark_processing(payment: Payment, *, at: datetime) -> None:
    """The debit is on its way: the invoice is in collection."""
    if _step(payment, PaymentState.PROCESSING, at=at) and payment.invoice.is_payable:
        set_invoice(payment.invoice, InvoiceState.COLLECTING, at=at)


def mark_failed(payment: Payment, failure: str, *, at: datetime) -> None:
    """The attempt came to nothing: the invoice waits for another."""
    if not _step(payment, PaymentState.FAILED, at=at, reason=failure, failure=failure[:60]):
        return
    invoice = payment.invoice
    if invoice.is_payable:  # the news that it was on its way never came, or comes later
        set_invoice(invoice, InvoiceState.COLLECTING, at=at)
    set_invoice(invoice, InvoiceState.FAILED, at=at, reason=failure)


def mark_cancelled(payment: Payment, *, at: datetime) -> None:
    """The payer left without paying: nothing is wrong with the invoice."""
    _step(payment, PaymentState.CANCELLED, at=at)


def mark_paid(payment: Payment, seen: Observation, *, at: datetime) -> None:
    """The one door through which money arrives. The ledger's key makes a second time a no-op."""
    invoice = payment.invoice
    posted = ledger.post(
        key=f"payment-{payment.pk}",
        kind="payment",
        at=at,
        reason=f"{invoice.number} · {payment.intent_id}",
        sides=[
            ledger.Side(third_party.cash_of(invoice), seen.received_cents),
            ledger.debt(invoice, -seen.received_cents),
        ],
    )
    if seen.fee_cents:
        ledger.post(
            key=f"payment-{payment.pk}-fee",
            kind="fee",
            at=at,
            reason=payment.intent_id,
            sides=[
                ledger.Side(AccountKind.BANK_CHARGES, seen.fee_cents),
                ledger.Side(AccountKind.STRIPE, -seen.fee_cents),
            ],
        )
    if payment.destination:
        connected.post_commission(payment, seen.commission_back_cents, at=at)
    if posted is None:
        return
    _step(payment, PaymentState.SUCCEEDED, at=at, settled_at=at, failure="")
    set_invoice(invoice, by_balance(invoice, when_open=InvoiceState(invoice.state)), at=at)


def charge_back(payment: Payment, dispute: Dispute, *, at: datetime) -> None:
    """The payer took the money back: this one invoice is owed again, nobody else's share moves."""
    invoice = payment.invoice
    _note(payment, dispute, at)
    for name, sign, wanted in (("charge_back", 1, True), ("reinstated", -1, dispute.returned)):
        if not wanted:
            continue
        posted = ledger.post(
            key=f"{name}-{dispute.id}",
            kind=name,
            at=at,
            reason=f"{invoice.number} · {dispute.id}",
            sides=[
                ledger.debt(invoice, sign * dispute.cents),
                ledger.Side(third_party.cash_of(invoice), -sign * dispute.cents),
            ],
        )
        if posted is None:
            continue
        if payment.destination:  # taken from our balance at Stripe, or given back to it
            mark = "taken" if sign > 0 else "won"
            connected.post_laid_out(f"connect-{mark}-{dispute.id}", sign * dispute.cents, payment, at=at)
        _step(payment, PaymentState.CHARGED_BACK if sign > 0 else PaymentState.SUCCEEDED, at=at, reason=dispute.id)
        if sign > 0:
            set_invoice(invoice, InvoiceState.CHARGED_BACK, at=at, reason=dispute.id)
        else:
            set_invoice(invoice, by_balance(invoice, when_open=InvoiceState.DUE), at=at, reason=dispute.id)


def _note(payment: Payment, dispute: Dispute, at: datetime) -> None:
    """Keep what is known about a claim for the people who watch claims."""
    row, _new = DisputeRow.objects.get_or_create(
        dispute_id=dispute.id,
        defaults={
            "payment": payment,
            "cents": dispute.cents,
            "status": dispute.status,
            "reason": dispute.reason[:60],
            "opened_at": at,
            "answer_by": datetime.fromtimestamp(dispute.answer_by, UTC) if dispute.answer_by else None,
        },
    )
    over = dispute.status in ("won", "lost")
    if row.status != dispute.status or (over and row.closed_at is None):
        DisputeRow.objects.filter(pk=row.pk).update(status=dispute.status, closed_at=at if over else None)


def record_refund(payment: Payment, refund_id: str, cents: int, *, at: datetime) -> None:
    """Money went back to the payer on purpose; what a credit note does not cover is owed again.

    A refund of what was kept for the company touches no invoice: it leaves the account on which it waited.
    """
    if Refund.objects.filter(refund_id=refund_id, state="failed").exists():
        return  # read before it came back: it never leaves again under the same id
    invoice = payment.invoice
    kept = DepositRefund.objects.select_for_update(of=("self",)).filter(refund__refund_id=refund_id).first()
    other = ledger.Side(AccountKind.REFUNDS, cents, company=invoice.company) if kept else ledger.debt(invoice, cents)
    posted = ledger.post(
        key=f"refund-{refund_id}",
        kind="refund",
        at=at,
        reason=f"{kept or invoice.number} · {refund_id}",
        sides=[other, ledger.Side(third_party.cash_of(invoice), -cents)],
    )
    if posted is None:
        return
    Refund.objects.filter(refund_id=refund_id).update(state="succeeded")
    _refunded(payment, refund_id, cents, "payment.refunded", at=at)
    if kept:
        kept.company = buyers.member(invoice)
        returns.left(kept, at=at, label=BY_STRIPE)
    else:
        set_invoice(invoice, by_balance(invoice, when_open=InvoiceState.DUE), at=at, reason=refund_id)


def take_back_refund(payment: Payment, refund_id: str, *, at: datetime) -> None:
    """The payer's bank did not take a refund, at once or days later: the money is ours again, and so is the debt to them."""
    invoice = payment.invoice
    Refund.objects.filter(refund_id=refund_id).exclude(state="failed").update(state="failed")
    posted = LedgerTransaction.objects.filter(key=f"refund-{refund_id}").first()
    if posted is not None and ledger.reverse(posted, at=at, reason=refund_id) is not None:
        cents = -sum(e.cents for e in posted.entries.filter(account__kind=third_party.cash_of(invoice)))
        if payment.destination:
            connected.post_laid_out(f"connect-bounced-{refund_id}", -cents, payment, at=at)
        _refunded(payment, refund_id, -cents, "payment.refund_failed", at=at)
        set_invoice(invoice, by_balance(invoice, when_open=InvoiceState.DUE), at=at, reason=refund_id)
    kept = DepositRefund.objects.select_for_update(of=("self",)).filter(refund__refund_id=refund_id).first()
    if kept is not None and kept.state != DepositRefundState.CANCELLED:
        kept.company = buyers.member(invoice)
        returns.stays(kept, at=at, reason=refund_id, label=BY_STRIPE)


def _refunded(payment: Payment, refund_id: str, cents: int, action: str, *, at: datetime) -> None:
    payment.refunded_cents += cents
    Payment.objects.filter(pk=payment.pk).update(refunded_cents=payment.refunded_cents)
    audit.record(
        action,
        target=payment,
        at=at,
        actor=None,
        actor_label=BY_STRIPE,
        company=payment.invoice.company,
        data={"refund": refund_id, "cents": cents},
    )
