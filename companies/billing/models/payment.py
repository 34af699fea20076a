"""Payments, as attempts to pay one invoice, and what Stripe tells us about them."""

import pgtrigger
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.access import companies_of, is_staff
from companies.billing.models.invoice import Invoice
from companies.billing.models.mandate import Mandate
from companies.models import Company, Role, User
from companies.models.guards import never_emptied


class PaymentState(models.TextChoices):
    """Where one attempt stands."""

    CREATED = "created", _("Prepared")
    OPEN = "open", _("Waiting for the payer")
    PROCESSING = "processing", _("On its way")
    SUCCEEDED = "succeeded", _("Money received")
    FAILED = "failed", _("Payment failed")
    CANCELLED = "cancelled", _("Given up")
    CHARGED_BACK = "charged_back", _("Taken back")


UNDER_WAY = (PaymentState.CREATED, PaymentState.OPEN, PaymentState.PROCESSING)
ARRIVED = (PaymentState.SUCCEEDED, PaymentState.CHARGED_BACK)
# What Stripe says wins: money that arrived is booked whatever we believed before.
PAYMENT_TRANSITIONS: dict[str, frozenset[str]] = {
    "created": frozenset({"open", "processing", "succeeded", "failed", "cancelled"}),
    "open": frozenset({"processing", "succeeded", "failed", "cancelled"}),
    "processing": frozenset({"succeeded", "failed"}),
    "failed": frozenset({"succeeded"}),
    "cancelled": frozenset({"processing", "succeeded"}),
    "succeeded": frozenset({"charged_back"}),
    "charged_back": frozenset({"succeeded"}),
}


class PaymentQuerySet(models.QuerySet["Payment"]):
    def visible_to(self, user: User | AnonymousUser) -> "PaymentQuerySet":
        """Payments of the companies the user is accountant or administrator of; all for the association's staff."""
        if not user.is_authenticated:
            return self.none()
        return (
            self
            if is_staff(user)
            else self.filter(invoice__company__in=companies_of(user, Role.ACCOUNTANT, Role.ADMIN))
        )

    def under_way(self) -> "PaymentQuerySet":
        return self.filter(state__in=UNDER_WAY)


class Payment(models.Model):
    """One attempt to pay one invoice through Stripe."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="payments")
    attempt = models.PositiveSmallIntegerField()
    state = models.CharField(_("state"), max_length=12, choices=PaymentState, default=PaymentState.CREATED)
    method = models.CharField(max_length=12, blank=True)  # card | sepa_debit, known when the payer chose
    method_hint = models.CharField(max_length=40, blank=True)  # "visa 4242", last figures of the IBAN
    amount_cents = models.BigIntegerField()
    refunded_cents = models.BigIntegerField(default=0)
    session_id = models.CharField(max_length=120, blank=True)
    intent_id = models.CharField(max_length=80, blank=True)
    mandate_reference = models.CharField(max_length=60, blank=True)
    mandate = models.ForeignKey(Mandate, models.PROTECT, null=True, blank=True, related_name="payments")  # off session
    # A destination charge (Stripe Connect): the supplier's account, what of it is our commission, and Stripe's transfer.
    destination = models.CharField(max_length=80, blank=True, db_default="")
    commission_cents = models.BigIntegerField(default=0, db_default=0)
    transfer_id = models.CharField(max_length=80, blank=True, db_default="")
    url = models.TextField(blank=True)
    failure = models.CharField(max_length=60, blank=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)  # when Stripe was last asked

    objects = PaymentQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state__in=UNDER_WAY), name="payment_under_way"),
            models.Index(fields=["session_id"], condition=~Q(session_id=""), name="payment_by_session"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "attempt"], name="payment_attempt_once"),
            models.UniqueConstraint(fields=["invoice"], condition=Q(state__in=UNDER_WAY), name="payment_one_under_way"),
            models.UniqueConstraint(fields=["intent_id"], condition=~Q(intent_id=""), name="payment_intent_once"),
            models.CheckConstraint(name="payment_of_something", condition=Q(amount_cents__gt=0)),
            models.CheckConstraint(
                name="payment_refunds_within_amount",
                condition=Q(refunded_cents__gte=0, refunded_cents__lte=F("amount_cents")),
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="payment_fixed",
                fields=["invoice", "attempt", "amount_cents", "created_at", "destination", "commission_cents"],
            ),
            pgtrigger.Protect(name="payment_not_deleted", operation=pgtrigger.Delete),
            never_emptied("payment_never_emptied"),
            pgtrigger.FSM(
                name="payment_states",
                field="state",
                transitions=[(old, new) for old, targets in PAYMENT_TRANSITIONS.items() for new in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} · {self.attempt}"

    @property
    def idempotency_key(self) -> str:
        """Names this attempt at Stripe: however often we ask, there is one."""
        return f"invoice-{self.invoice_id}-{self.attempt}"

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY


class Refund(models.Model):
    """Money sent back to a payer. Its key at Stripe is made from this row."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    amount_cents = models.BigIntegerField()
    reason = models.CharField(max_length=240)
    key = models.CharField(
        max_length=80, blank=True, db_default=""
    )  # drawn with the form, so that sending it twice is one refund
    refund_id = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=12, default="asked")  # asked | succeeded | failed
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="refund_of_something", condition=Q(amount_cents__gt=0)),
            models.UniqueConstraint(fields=["payment", "key"], condition=~Q(key=""), name="refund_once_per_key"),
        ]

    def __str__(self) -> str:
        return f"{self.payment}: {self.amount_cents}"


class StripeCustomer(models.Model):
    """Who a company is at Stripe."""

    company = models.OneToOneField(Company, models.PROTECT, related_name="stripe_customer")
    customer_id = models.CharField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.customer_id


class StripeEvent(models.Model):
    """The inbox: every event as it came, once by its id. What it means is decided later, in a task."""

    id = models.CharField(primary_key=True, max_length=120)
    kind = models.CharField(max_length=80)
    payload = models.JSONField()
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["received_at"], condition=Q(handled_at__isnull=True), name="stripe_event_unhandled")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
