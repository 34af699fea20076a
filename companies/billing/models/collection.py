"""Collecting what is due: debits announced and sent, instalments, reminders, proposals, write-offs, disputes."""

from datetime import date

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.billing import calendar
from companies.billing.models.invoice import Invoice
from companies.billing.models.mandate import Mandate
from companies.billing.models.payment import Payment
from companies.models import Company, Document, User
from companies.models.guards import never_emptied


def _retry_days() -> list[int]:
    return [5, 10]


class CollectionPolicy(models.Model):
    """How the association collects; one row, changed by its staff."""

    notice_days = models.PositiveSmallIntegerField(_("days between announcement and debit"), default=2)
    retry_days = ArrayField(models.PositiveSmallIntegerField(), default=_retry_days)

    class Meta:
        constraints = [
            models.CheckConstraint(name="policy_is_one", condition=Q(pk=1)),
            models.CheckConstraint(name="policy_announces", condition=Q(notice_days__gte=1, notice_days__lte=14)),
        ]

    def __str__(self) -> str:
        return f"{self.notice_days}"


class PlanState(models.TextChoices):
    PROPOSED = "proposed", _("Waiting for consent")
    AGREED = "agreed", _("Agreed")
    DONE = "done", _("Paid")
    CANCELLED = "cancelled", _("Given up")


class InstalmentPlan(models.Model):
    """Dated parts of one invoice, debited only once the company's accountant has agreed to them."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="plans")
    state = models.CharField(max_length=10, choices=PlanState, default=PlanState.PROPOSED)
    proposed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    proposed_at = models.DateTimeField()
    agreed_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    agreed_at = models.DateTimeField(null=True, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(state__in=["proposed", "agreed"]), name="plan_one_per_invoice"
            ),
            models.CheckConstraint(
                name="plan_agreed_has_evidence",
                condition=~Q(state__in=["agreed", "done"]) | Q(agreed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} · {self.state}"


class Instalment(models.Model):
    """One part of a plan."""

    plan = models.ForeignKey(InstalmentPlan, models.PROTECT, related_name="instalments")
    position = models.PositiveSmallIntegerField()
    due_on = models.DateField()
    amount_cents = models.BigIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="instalment_position"),
            models.CheckConstraint(name="instalment_of_something", condition=Q(amount_cents__gt=0)),
        ]
        triggers = [
            pgtrigger.Protect(name="instalment_immutable", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("instalment_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.plan} {self.position}"

    @property
    def debit_on(self) -> date:
        """The day the banks settle it."""
        return calendar.target_day(self.due_on)


class DebitState(models.TextChoices):
    PLANNED = "planned", _("Announced")
    SENT = "sent", _("Sent to the bank")
    CANCELLED = "cancelled", _("Given up")


class PlannedDebit(models.Model):
    """A debit announced to the payer, sent on its day, once."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="debits")
    mandate = models.ForeignKey(Mandate, models.PROTECT, related_name="debits")
    instalment = models.ForeignKey(Instalment, models.PROTECT, null=True, blank=True, related_name="debits")
    state = models.CharField(max_length=10, choices=DebitState, default=DebitState.PLANNED)
    attempt = models.PositiveSmallIntegerField(default=1)
    amount_cents = models.BigIntegerField()
    debit_on = models.DateField()
    announced_at = models.DateTimeField()
    payment = models.OneToOneField(Payment, models.PROTECT, null=True, blank=True, related_name="debit")
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["debit_on", "pk"]
        indexes = [models.Index(fields=["debit_on"], condition=Q(state="planned"), name="debit_planned")]
        constraints = [
            models.UniqueConstraint(fields=["invoice"], condition=Q(state="planned"), name="debit_one_planned"),
            models.CheckConstraint(name="debit_within_limit", condition=Q(amount_cents__gt=0, amount_cents__lte=10**6)),
            models.CheckConstraint(
                name="debit_sent_has_attempt", condition=~Q(state="sent") | Q(payment__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} · {self.debit_on}"

    @property
    def asked_cents(self) -> int:
        """What will be debited: never more than what is still owed then."""
        return max(min(self.amount_cents, self.invoice.balance_cents), 0)


class ReminderLevel(models.Model):
    """One of the three levels: when it is sent and what it says, changed by the staff."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    days_late = models.PositiveSmallIntegerField(_("days after the due date"))
    subject_fr = models.CharField(_("subject in French"), max_length=120)
    text_fr = models.TextField(_("text in French"))
    subject_en = models.CharField(_("subject in English"), max_length=120)
    text_en = models.TextField(_("text in English"))
    proposes_suspension = models.BooleanField(_("propose the company's suspension"), default=False)

    class Meta:
        ordering = ["number"]
        constraints = [models.CheckConstraint(name="reminder_levels_are_three", condition=Q(number__in=[1, 2, 3]))]

    def __str__(self) -> str:
        return f"{self.number}"


class Reminder(models.Model):
    """A reminder as it was sent, once per invoice and level."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="reminders")
    level = models.PositiveSmallIntegerField()
    sent_at = models.DateTimeField()
    recipients = ArrayField(models.EmailField())
    subject = models.CharField(max_length=160)
    text = models.TextField()
    balance_cents = models.BigIntegerField()

    class Meta:
        ordering = ["level"]
        constraints = [models.UniqueConstraint(fields=["invoice", "level"], name="reminder_once_per_level")]
        triggers = [
            pgtrigger.Protect(name="reminder_immutable", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("reminder_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} · {self.level}"


class SuspensionProposal(models.Model):
    """The last reminder was in vain: a person of the staff decides."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="suspension_proposals")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="suspension_proposals")
    proposed_at = models.DateTimeField()
    state = models.CharField(max_length=10, default="open")  # open | suspended | dismissed
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["company"], condition=Q(state="open"), name="proposal_one_open"),
            models.UniqueConstraint(fields=["invoice"], name="proposal_once_per_invoice"),
        ]

    def __str__(self) -> str:
        return f"{self.company} · {self.state}"


class WriteOff(models.Model):
    """A debt given up: one person asks, another decides."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="write_offs")
    amount_cents = models.BigIntegerField()
    reason = models.CharField(max_length=240)
    state = models.CharField(max_length=8, default="asked")  # asked | done | refused
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["invoice"], condition=Q(state="asked"), name="write_off_one_asked"),
            models.CheckConstraint(name="write_off_of_something", condition=Q(amount_cents__gt=0)),
            models.CheckConstraint(
                name="write_off_by_two_persons",
                condition=~Q(state="done") | (Q(decided_by__isnull=False) & ~Q(decided_by=F("asked_by"))),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} · {self.state}"

    @property
    def given_up_cents(self) -> int:
        """What is given up: what was asked, less what was paid since."""
        return min(self.amount_cents, self.invoice.balance_cents) if self.state == "asked" else self.amount_cents


class Dispute(models.Model):
    """A payer's claim on one payment, as Stripe tells it."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="disputes")
    dispute_id = models.CharField(max_length=80, unique=True)
    cents = models.BigIntegerField()
    status = models.CharField(max_length=40)
    reason = models.CharField(max_length=60, blank=True)
    answer_by = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.dispute_id

    @property
    def is_open(self) -> bool:
        """Whether the bank still decides."""
        return self.status not in ("won", "lost")


class DisputeAnswer(models.Model):
    """What the association told the payer's bank about a claim: written once, sent once."""

    dispute = models.OneToOneField(Dispute, models.PROTECT, related_name="answer")
    text = models.TextField()
    document = models.ForeignKey(Document, models.PROTECT, null=True, blank=True, related_name="+")
    written_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    written_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    refusal = models.CharField(max_length=240, blank=True)  # why Stripe did not take it

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["written_at"], condition=Q(sent_at=None), name="dispute_answer_to_send")]
        triggers = [
            pgtrigger.ReadOnly(name="dispute_answer_as_written", exclude=["sent_at", "refusal"]),
            pgtrigger.Protect(name="dispute_answer_stays", operation=pgtrigger.Delete),
            never_emptied("dispute_answer_never_emptied"),
        ]

    def __str__(self) -> str:
        return str(self.dispute)
