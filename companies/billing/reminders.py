"""Reminders in three levels, each sent once, by day only; the last one proposes the company's suspension."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, mail
from companies.access import require
from companies.billing import access, calendar, links
from companies.billing.models import (
    DebitState,
    Dispute,
    InstalmentPlan,
    Invoice,
    InvoiceState,
    PlannedDebit,
    PlanState,
    Reminder,
    ReminderLevel,
    SuspensionProposal,
)
from companies.billing.models.invoice import PAYABLE
from companies.billing.printing import page_for_readers, readers_of
from companies.errors import DomainError
from companies.models import Company, CompanyStatus, User
from companies.services import admissions
from companies.templatetags.ui import day, euros
from companies.typography import french

MARKS = ("{number}", "{company}", "{amount}", "{due}", "{days}")  # what the texts may name of an invoice
CHUNK = 200
PAUSE = timedelta(days=7)  # between two levels, however late the invoice is
DEFAULTS: list[dict[str, Any]] = [
    {
        "number": 1,
        "days_late": 7,
        "subject_fr": "Facture {number} : le paiement n'est pas arrivé",
        "text_fr": "la facture {number} de {company} était à régler le {due}. Il reste {amount}.\n\n"
        "Si le paiement est parti entre-temps, ne tenez pas compte de ce message.",
        "subject_en": "Invoice {number}: the payment has not arrived",
        "text_en": "invoice {number} of {company} was to be paid by {due}. {amount} are still owed.\n\n"
        "If the payment has left meanwhile, please disregard this message.",
    },
    {
        "number": 2,
        "days_late": 21,
        "subject_fr": "Deuxième rappel : facture {number}",
        "text_fr": "malgré notre rappel, {amount} restent dus sur la facture {number} de {company}, échue le {due} "
        "({days} jours de retard).\n\nUne difficulté ? Répondez-nous : un paiement en plusieurs fois est possible.",
        "subject_en": "Second reminder: invoice {number}",
        "text_en": "despite our reminder, {amount} are still owed on invoice {number} of {company}, due on {due} "
        "({days} days late).\n\nIs there a difficulty? Answer us: paying in instalments is possible.",
    },
    {
        "number": 3,
        "days_late": 35,
        "subject_fr": "Dernier rappel : facture {number}",
        "text_fr": "{amount} restent dus sur la facture {number} de {company}, échue le {due} ({days} jours de retard).\n\n"
        "Sans règlement, l'association peut suspendre l'entreprise : ses cartes ne seront plus acceptées et elle ne "
        "pourra plus rejoindre de commande groupée.",
        "subject_en": "Last reminder: invoice {number}",
        "text_en": "{amount} are still owed on invoice {number} of {company}, due on {due} ({days} days late).\n\n"
        "Without payment the association may suspend the company: its cards will no longer be accepted and it can no "
        "longer join pooled orders.",
        "proposes_suspension": True,
    },
]

SUPPLIERS_LAST = {
    "fr": french(
        "{amount} restent dus sur la facture {number} de {company}, échue le {due} ({days} jours de retard).\n\n"
        "Sans règlement sous huit jours, les pénalités de retard et l'indemnité de 40 € écrites sur la facture sont dues."
    ),
    "en": "{amount} are still owed on invoice {number} of {company}, due on {due} ({days} days late).\n\n"
    "Without payment within eight days, the late penalties and the 40 € indemnity on the invoice are due.",
}


class NotOpen(DomainError):
    """Somebody decided before."""

    code = "proposal_decided"
    message = _("This proposal was decided already.")


class PaidMeanwhile(DomainError):
    """Nothing is owed any more on what was reminded of."""

    code = "proposal_paid"
    message = _("Nothing is owed on this invoice any more: there is no reason left to suspend the company.")


def levels() -> list[ReminderLevel]:
    """The three levels as the staff set them; made with our words on first use."""
    found = list(ReminderLevel.objects.all())
    if len(found) < len(DEFAULTS):
        for default in DEFAULTS:
            ReminderLevel.objects.get_or_create(number=default["number"], defaults=default)
        found = list(ReminderLevel.objects.all())
    return found


def due_for(level: ReminderLevel, *, at: datetime) -> Iterator[int]:
    """Invoices that get this level now: late enough, the level before sent a week ago, and nothing on its way."""
    today = timezone.localdate(at)
    sent = Reminder.objects.filter(invoice=OuterRef("pk"), level=level.number)
    before = Reminder.objects.filter(invoice=OuterRef("pk"), level=level.number - 1, sent_at__lte=at - PAUSE)
    planned = PlannedDebit.objects.filter(invoice=OuterRef("pk"), state=DebitState.PLANNED)
    agreed = InstalmentPlan.objects.filter(invoice=OuterRef("pk"), state=PlanState.AGREED)
    # A supplier's claim is not reminded of: that is for it to do (recovery for others: CPCE art. L124-1).
    rows = Invoice.objects.own().filter(state__in=PAYABLE, balance_cents__gt=0)
    rows = rows.filter(due_on__lte=today - timedelta(days=level.days_late))
    claimed = Dispute.objects.filter(payment__invoice=OuterRef("pk"), closed_at=None)  # the payer's bank still decides
    rows = rows.filter(~Exists(sent), ~Exists(planned), ~Exists(claimed))
    # A plan that is kept is no delay; one whose debit failed is.
    rows = rows.exclude(Exists(agreed), state__in=[InvoiceState.DUE, InvoiceState.PART_PAID])
    if level.number > 1:
        rows = rows.filter(Exists(before))
    return rows.order_by("pk").values_list("pk", flat=True)[:CHUNK].iterator()


def send(*, at: datetime) -> int:
    """Send the reminders that are due, by day only; returns how many."""
    if not calendar.is_office_time(at):
        return 0
    count = 0
    for level in levels():
        for invoice_id in list(due_for(level, at=at)):
            count += _send_one(level, invoice_id, at=at)
    return count


@transaction.atomic(durable=True)
def _send_one(level: ReminderLevel, invoice_id: int, *, at: datetime) -> bool:
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("company", "customer")
    invoice = rows.get(pk=invoice_id)
    if invoice.is_suppliers or not invoice.is_payable or invoice.reminders.filter(level=level.number).exists():
        return False
    users = readers_of(invoice)
    subject, text = words(level, invoice, users[0].language if users else "fr", at=at)
    row = Reminder.objects.create(
        invoice=invoice,
        level=level.number,
        sent_at=at,
        recipients=[user.email for user in users],
        subject=subject,
        text=text,
        balance_cents=invoice.balance_cents,
    )
    url = page_for_readers(invoice) if invoice.customer else mail.absolute(links.path(invoice))
    for user in users:
        subject, text = words(level, invoice, user.language, at=at)
        mail.queue(
            to=user.email,
            template="billing/mail/reminder",
            context={"subject": subject, "text": text, "url": url, "by_transfer": invoice.customer is not None},
            key=f"reminder-{row.pk}-{user.key}",
            language=user.language,
            at=at,
        )
    audit.record(
        f"invoice.reminded_{level.number}",
        target=invoice,
        at=at,
        actor=None,
        actor_label="ERB",
        company=invoice.company,
        data={"cents": invoice.balance_cents},
    )
    if level.proposes_suspension and invoice.company and invoice.company.status == CompanyStatus.ADMITTED:
        _propose(invoice, invoice.company, at=at)
    return True


def words(level: ReminderLevel, invoice: Invoice, language: str, *, at: datetime) -> tuple[str, str]:
    """Subject and text with the invoice's facts in them. Only our own words are replaced; the text is no program."""
    from django.utils import translation

    english = language == "en"
    subject, text = (level.subject_en, level.text_en) if english else (french(level.subject_fr), french(level.text_fr))
    if invoice.customer and level.proposes_suspension:  # no member: there is nothing to suspend
        text = SUPPLIERS_LAST["en" if english else "fr"]
    with translation.override(language):
        facts = {
            "{number}": invoice.number,
            "{company}": invoice.buyer["name"],
            "{amount}": euros(invoice.balance_cents),
            "{due}": day(invoice.due_on),
            "{days}": str((timezone.localdate(at) - invoice.due_on).days),
        }
    for mark, value in facts.items():
        subject, text = subject.replace(mark, value), text.replace(mark, value)
    return subject[:160], text


def _propose(invoice: Invoice, company: Company, *, at: datetime) -> None:
    if SuspensionProposal.objects.filter(company=company, state="open").exists():
        return
    _row, new = SuspensionProposal.objects.get_or_create(
        invoice=invoice, defaults={"company": company, "proposed_at": at}
    )
    if new:
        audit.record(
            "company.suspension_proposed",
            target=company,
            at=at,
            actor=None,
            actor_label="ERB",
            company=company,
            reason=invoice.number,
        )


def decide(
    *, proposal: SuspensionProposal, suspend: bool, reason: str, actor: User, at: datetime
) -> SuspensionProposal:
    """A person of the staff suspends the company, or does not. Its cards stop at the next scan.

    Raises NotAllowed, NotOpen, PaidMeanwhile.
    """
    require(access.can_collect(actor))
    if proposal.state != "open":
        raise NotOpen
    if suspend and not Invoice.objects.filter(pk=proposal.invoice_id, state__in=PAYABLE, balance_cents__gt=0).exists():
        raise PaidMeanwhile
    company = proposal.company
    if suspend and company.status == CompanyStatus.ADMITTED:
        admissions.suspend(company=company, actor=actor, at=at, reason=reason)
    with transaction.atomic(durable=True):
        changed = SuspensionProposal.objects.filter(pk=proposal.pk, state="open").update(
            state="suspended" if suspend else "dismissed", decided_by=actor, decided_at=at, reason=reason[:240]
        )
        if not changed:
            raise NotOpen
        if not suspend:
            audit.record(
                "company.suspension_dismissed", target=company, at=at, actor=actor, company=company, reason=reason
            )
    proposal.refresh_from_db()
    return proposal


def unknown_marks(text: str) -> list[str]:
    """What stands in braces like a mark and is none: it would be sent as it stands.

    >>> unknown_marks("Facture {number}, {nummer}")
    ['{nummer}']
    """
    return [mark for mark in re.findall(r"\{[^{}\s]*\}", text) if mark not in MARKS]


@transaction.atomic(durable=True)
def change_level(*, level: ReminderLevel, actor: User, at: datetime, **values: object) -> ReminderLevel:
    """New dates or words for a level; what was sent stays as it was."""
    require(access.can_collect(actor))
    for name, value in values.items():
        setattr(level, name, value)
    level.save()
    audit.record("reminderlevel.changed", target=level, at=at, actor=actor, data={"days_late": level.days_late})
    return level
