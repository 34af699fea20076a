"""Background work of the room. Every task takes ids and may run twice."""

import logging
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.urls import reverse
from django.utils import timezone

from companies import jobs
from companies.billing import (
    books,
    collecting,
    dues,
    ereporting,
    inbox,
    mandates,
    payments,
    printing,
    reminders,
    supplier_invoicing,
    windows,
)
from companies.billing.channel import collected, exchange
from companies.billing.channel.port import ChannelDown, channel, one_at_a_time
from companies.billing.models import CreditNote, Invoice, InvoiceState, Refund, SelfBilled, StripeEvent
from companies.billing.payments import connect as connect_at_stripe
from companies.billing.payments import disputes as disputes_at_stripe
from companies.billing.payments import mandates as mandates_at_stripe
from companies.billing.payments import personal as personal_at_stripe

log = logging.getLogger(__name__)
RETRIES: dict[str, Any] = {
    "autoretry_for": (payments.PaymentServiceDown,),
    "retry_backoff": 2,
    "retry_backoff_max": 300,
    "max_retries": 8,
}


@shared_task(name="billing.handle_event", **RETRIES)
def handle_event(*, event_id: str) -> None:
    """Ask Stripe how the payment stands that an event is about. The event's own words are never believed."""
    event = StripeEvent.objects.filter(pk=event_id).first()
    if event is None or event.handled_at is not None:
        return
    inbox.handle(event.payload, at=timezone.now())
    StripeEvent.objects.filter(pk=event_id, handled_at=None).update(handled_at=timezone.now())


@shared_task(name="billing.refresh_payment", **RETRIES)
def refresh_payment(*, payment_id: int) -> None:
    """Ask Stripe about one attempt."""
    payments.refresh(payment_id=payment_id, at=timezone.now())


@shared_task(name="billing.render_invoice")
def render_invoice(*, invoice_id: int) -> None:
    """Make the PDF of an invoice, once, and mail it to the company's accountants, once each."""
    printing.deliver(invoice_id=invoice_id, at=timezone.now())


@shared_task(name="billing.render_credit_note")
def render_credit_note(*, credit_note_id: int) -> None:
    """Make the PDF of a credit note, once, and mail it to those who got its invoice, once each."""
    printing.deliver_credit_note(note_id=credit_note_id, at=timezone.now())


@shared_task(name="billing.render_self_billed")
def render_self_billed(*, self_billed_id: int) -> None:
    """Make the PDF of a document in a seller's name, once, and leave it for the platform."""
    printing.deliver_self_billed(document_id=self_billed_id, at=timezone.now())


@shared_task(name="billing.sweep")
def sweep() -> None:
    """Take up what stayed behind: lost events, silent payments, refunds never sent, invoices without their file."""
    at = timezone.now()
    for payment_id in sorted({*payments.stuck(at=at), *payments.unbooked(at=at)}):
        refresh_payment.delay(payment_id=payment_id)
    late = StripeEvent.objects.filter(handled_at__isnull=True, received_at__lt=at - timedelta(minutes=1))
    for event_id in late.order_by("received_at").values_list("pk", flat=True)[:500]:
        handle_event.delay(event_id=event_id)
    asked = Refund.objects.filter(state="asked", refund_id="", created_at__lt=at - timedelta(minutes=2))
    for refund in asked.select_related("payment")[:50]:
        try:
            payments.send_refund(refund, at=at)
        except (payments.RefundRefused, payments.PaymentServiceDown) as refusal:
            log.warning("refund %s: %s", refund.pk, refusal)
    unsent = Invoice.objects.filter(state=InvoiceState.ISSUED, issued_at__lt=at - timedelta(minutes=1))
    for invoice_id in unsent.order_by("pk").values_list("pk", flat=True)[:200]:
        render_invoice.delay(invoice_id=invoice_id)
    unmade = CreditNote.objects.filter(document=None, issued_at__lt=at - timedelta(minutes=1))
    for note_id in unmade.order_by("pk").values_list("pk", flat=True)[:200]:
        render_credit_note.delay(credit_note_id=note_id)
    unwritten = SelfBilled.objects.filter(document=None, issued_at__lt=at - timedelta(minutes=1))
    for self_billed_id in unwritten.order_by("pk").values_list("pk", flat=True)[:200]:
        render_self_billed.delay(self_billed_id=self_billed_id)
    disputes_at_stripe.sweep(at=at)
    connect_at_stripe.sweep(at=at)
    mandates_at_stripe.sweep(at=at)
    personal_at_stripe.sweep(at=at)


@shared_task(name="billing.close_windows")
def close_windows() -> None:
    """Invoices whose payer can no longer claim the debit back are paid for good."""
    windows.close(at=timezone.now())


@shared_task(name="billing.exchange")
def exchange_with_platform() -> None:
    """Send waiting documents and statuses to the approved platform and take in what came; one at a time."""
    at = timezone.now()
    with one_at_a_time("billing.exchange") as mine:
        if not mine:
            return
        collected.say(at=at)
        way = channel()
        try:
            exchange.send_waiting(way, at=at)
            exchange.take_in(way, at=at)
            ereporting.send_waiting(way, at=at)
            ereporting.follow_sent(way, at=at)
        except ChannelDown as down:
            log.warning("platform: %s", down)


@shared_task(name="billing.ereport")
def make_reports() -> None:
    """Make the e-reports of the periods that ended; the exchange with the platform sends them."""
    ereporting.close_periods(at=timezone.now())


@shared_task(name="billing.invoice_suppliers")
def invoice_suppliers() -> None:
    """Invoice suppliers their commissions of the months that ended, once."""
    supplier_invoicing.invoice_months(at=timezone.now())


@shared_task(name="billing.check_books")
def check_books() -> None:
    """Recompute the books from their rows; what is found stands on the staff's pages."""
    books.check(at=timezone.now())


@shared_task(name="billing.collect", **RETRIES)
def collect() -> None:
    """Announce debits, send those whose day has come, plan another try for those that failed for a passing reason."""
    at = timezone.now()
    mandates.lapse(at=at)  # what ended tonight debits nothing this morning
    collecting.plan(at=at)
    collecting.retry(at=at)
    collecting.collect(at=at)


@shared_task(name="billing.lapse_mandates")
def lapse_mandates() -> None:
    """End mandates that were not used for 36 months."""
    mandates.lapse(at=timezone.now())


@shared_task(name="billing.forget_mandate", **RETRIES)
def forget_mandate(*, mandate_id: int) -> None:
    """Detach the account of an ended mandate at Stripe."""
    for row in mandates.ended_and_attached().filter(pk=mandate_id):
        mandates_at_stripe.forget(row)


@shared_task(name="billing.remind")
def remind() -> None:
    """Send the reminders that are due; nothing by night, on week-ends or on public holidays."""
    reminders.send(at=timezone.now())


@shared_task(name="billing.issue_dues")
def issue_dues(*, job_id: str) -> None:
    """Issue the invoices of a dues run. Run again after a crash, it goes on where it stopped."""
    job = jobs.begin(job_id)
    if job is None:
        return
    done = dues.issue(job=job, at=timezone.now())
    jobs.finish(job_id, {"url": reverse("billing:dues_run", args=[job.payload["run"]]), "count": done})
