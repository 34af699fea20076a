"""Collecting what is due on mandates: announce, debit on a day the banks settle, try again when that makes sense.

`plan` and `retry` write rows and mails, `collect` writes the attempt before it asks Stripe; each is run by beat every few
minutes and may be killed anywhere: what is left is found again by its row.
"""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from companies import audit, mail
from companies.billing import buyers, calendar, mandates, payments
from companies.billing.models import (
    DebitState,
    Instalment,
    InstalmentPlan,
    Invoice,
    InvoiceState,
    Mandate,
    MandateState,
    Payment,
    PaymentState,
    PlannedDebit,
    PlanState,
)
from companies.billing.models.invoice import PAYABLE
from companies.billing.models.payment import UNDER_WAY
from companies.billing.payments import SEPA_LIMIT_CENTS
from companies.billing.printing import readers

log = logging.getLogger(__name__)
CHUNK = 200
# Failures after which the same account may well pay some days later; after any other a person has to do something.
WORTH_ANOTHER_TRY = frozenset(
    {"insufficient_funds", "processing_error", "generic_decline", "generic_could_not_process"}
)


def debit_day(*, due_on: date, today: date, notice_days: int) -> date:
    """The first day the banks settle that is not before the due date and leaves the notice agreed.

    >>> debit_day(due_on=date(2026, 4, 2), today=date(2026, 4, 1), notice_days=2)
    datetime.date(2026, 4, 7)
    """
    return calendar.target_day(max(due_on, today + timedelta(days=notice_days)))


# Announcing -----------------------------------------------------------------------------------------------------------
def waiting() -> Iterable[Invoice]:
    """Invoices of companies with a mandate that wait for money and for which nothing is planned or under way."""
    planned = PlannedDebit.objects.filter(invoice=OuterRef("pk"), state=DebitState.PLANNED)
    sent = PlannedDebit.objects.filter(invoice=OuterRef("pk"), state=DebitState.SENT, instalment=None)
    open_plan = InstalmentPlan.objects.filter(invoice=OuterRef("pk"), state=PlanState.PROPOSED)
    agreed = InstalmentPlan.objects.filter(invoice=OuterRef("pk"), state=PlanState.AGREED)
    mandate = Mandate.objects.filter(company=OuterRef("company"), state=MandateState.ACTIVE)
    under_way = Payment.objects.filter(invoice=OuterRef("pk"), state__in=UNDER_WAY)
    rows = Invoice.objects.own().filter(state__in=[InvoiceState.DUE, InvoiceState.PART_PAID], balance_cents__gt=0)
    rows = rows.filter(Exists(mandate), ~Exists(planned), ~Exists(open_plan), ~Exists(under_way))
    return rows.filter((Q(balance_cents__lte=SEPA_LIMIT_CENTS) & ~Exists(sent)) | Exists(agreed)).order_by("pk")


def plan(*, at: datetime) -> int:
    """Announce a debit for each invoice that waits for one; returns how many. What failed before is `retry`'s."""
    count = 0
    for pk in [row.pk for row in waiting()[:CHUNK]]:  # type: ignore[index]  # a query set may be cut
        with transaction.atomic(durable=True):
            invoice = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=pk)
            count += _plan_one(invoice, at=at)
    return count


def _plan_one(invoice: Invoice, *, at: datetime) -> bool:
    mandate = mandates.in_force(buyers.member(invoice))
    if mandate is None or not invoice.is_payable or invoice.debits.filter(state=DebitState.PLANNED).exists():
        return False
    agreed = invoice.plans.filter(state=PlanState.AGREED).first()
    instalment = next_instalment(agreed) if agreed else None
    if agreed and instalment is None:
        return False
    amount = min(instalment.amount_cents, invoice.balance_cents) if instalment else invoice.balance_cents
    if amount > SEPA_LIMIT_CENTS:
        return False
    day = debit_day(
        due_on=instalment.due_on if instalment else invoice.due_on,
        today=timezone.localdate(at),
        notice_days=mandate.notice_days,
    )
    announce(invoice, mandate, amount=amount, day=day, at=at, instalment=instalment)
    return True


def next_instalment(plan: InstalmentPlan) -> Instalment | None:
    """The first part of a plan for which no debit was sent or given up for good."""
    return plan.instalments.exclude(debits__state__in=[DebitState.PLANNED, DebitState.SENT]).first()


def announce(
    invoice: Invoice,
    mandate: Mandate,
    *,
    amount: int,
    day: date,
    at: datetime,
    instalment: Instalment | None = None,
    attempt: int = 1,
) -> PlannedDebit:
    """Plan one debit and tell the company's accountants, inside the caller's transaction: amount, day, mandate."""
    row = PlannedDebit.objects.create(
        invoice=invoice,
        mandate=mandate,
        instalment=instalment,
        attempt=attempt,
        amount_cents=amount,
        debit_on=day,
        announced_at=at,
    )
    url = mail.absolute(reverse("billing:invoice", args=[invoice.company_id, invoice.pk]))
    for user in readers(buyers.member(invoice)):
        mail.queue(
            to=user.email,
            template="billing/mail/debit_notice",
            context={"debit": row, "invoice": invoice, "mandate": mandate, "url": url},
            key=f"debit-notice-{row.pk}-{user.pk}",
            language=user.language,
            at=at,
        )
    audit.record(
        "invoice.debit_announced",
        target=invoice,
        at=at,
        actor=None,
        actor_label="ERB",
        company=invoice.company,
        data={"cents": amount, "on": day.isoformat(), "mandate": mandate.reference},
    )
    return row


# Debiting -------------------------------------------------------------------------------------------------------------
def collect(*, at: datetime) -> int:
    """Send the debits whose day has come; returns how many were begun. Nothing is sent while the banks rest."""
    today = timezone.localdate(at)
    if not calendar.is_target_day(today):
        return 0
    ripe = PlannedDebit.objects.filter(state=DebitState.PLANNED, debit_on__lte=today)
    begun = 0
    for pk in list(ripe.order_by("debit_on", "pk").values_list("pk", flat=True)[:CHUNK]):
        payment_id = begin(debit_id=pk, at=at)
        if payment_id is None:
            continue
        begun += 1
        try:
            payments.refresh(payment_id=payment_id, at=at)
        except payments.PaymentServiceDown:
            log.warning("debit %s waits for the payment service", pk)  # its attempt is a row: the sweeper asks again
    return begun


@transaction.atomic(durable=True)
def begin(*, debit_id: int, at: datetime) -> int | None:
    """Turn an announced debit into an attempt with its row, once. None: it waits, or is not wanted any more."""
    invoice_id = PlannedDebit.objects.values_list("invoice_id", flat=True).get(pk=debit_id)
    invoice = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice_id)
    row = PlannedDebit.objects.select_for_update(of=("self",)).select_related("mandate").get(pk=debit_id)
    if row.state != DebitState.PLANNED:
        return None
    if invoice.payments.filter(state__in=UNDER_WAY).exists():
        return None  # somebody pays right now: another day
    reason = ""
    if invoice.state not in PAYABLE or invoice.balance_cents <= 0:
        reason = "nothing owed"
    elif row.mandate.state != MandateState.ACTIVE:
        reason = "mandate ended"
    elif timezone.localdate(row.announced_at) + timedelta(days=row.mandate.notice_days) > timezone.localdate(at):
        return None
    if reason:
        PlannedDebit.objects.filter(pk=row.pk).update(state=DebitState.CANCELLED, reason=reason)
        return None
    mandate = row.mandate
    payment = payments.new_attempt(
        invoice,
        amount_cents=min(row.amount_cents, invoice.balance_cents),
        at=at,
        mandate=mandate,
        method="sepa_debit",
        method_hint=f"IBAN {mandate.iban_hint}",
        mandate_reference=mandate.reference,
    )
    PlannedDebit.objects.filter(pk=row.pk).update(state=DebitState.SENT, payment=payment)
    Mandate.objects.filter(pk=mandate.pk).update(last_used_at=at)
    return payment.pk


# Trying again ---------------------------------------------------------------------------------------------------------
def retry(*, at: datetime) -> int:
    """Announce another debit for what failed for a reason that passes, as often as the policy says."""
    rules = mandates.policy().retry_days
    later = PlannedDebit.objects.filter(invoice=OuterRef("invoice"), pk__gt=OuterRef("pk"))
    failed = PlannedDebit.objects.filter(
        state=DebitState.SENT,
        payment__state=PaymentState.FAILED,
        payment__failure__in=WORTH_ANOTHER_TRY,
        invoice__state=InvoiceState.FAILED,
        attempt__lte=len(rules),
    )
    count = 0
    for debit in failed.filter(~Exists(later)).order_by("pk")[:CHUNK]:
        with transaction.atomic(durable=True):
            invoice = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=debit.invoice_id)
            mandate = mandates.in_force(buyers.member(invoice))
            newer = invoice.debits.filter(pk__gt=debit.pk).exists() or invoice.state != InvoiceState.FAILED
            if mandate is None or newer or invoice.balance_cents <= 0:
                continue
            pause = max(rules[debit.attempt - 1], mandate.notice_days)
            day = calendar.target_day(timezone.localdate(at) + timedelta(days=pause))
            announce(
                invoice,
                mandate,
                amount=min(debit.amount_cents, invoice.balance_cents),
                day=day,
                at=at,
                instalment=debit.instalment,
                attempt=debit.attempt + 1,
            )
            count += 1
    return count
