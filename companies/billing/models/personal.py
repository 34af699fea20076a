"""What employees pay themselves in pools opened to them, with what their company adds."""

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Person
from companies.models.guards import never_emptied


class PersonalState(models.TextChoices):
    """Where an employee's payment stands."""

    CREATED = "created", _("Prepared")
    OPEN = "open", _("Waiting for the payer")
    AUTHORISED = "authorised", _("Reserved on the card")
    CAPTURED = "captured", _("Paid")
    RELEASED = "released", _("Given back")
    FAILED = "failed", _("Payment failed")


PERSONAL_TRANSITIONS: dict[str, frozenset[str]] = {
    "created": frozenset({"open", "authorised", "captured", "released", "failed"}),
    "open": frozenset({"authorised", "captured", "released", "failed"}),
    # A reservation of a card ends by itself after seven days when nobody captures it.
    "authorised": frozenset({"captured", "released", "failed"}),
    "released": frozenset({"authorised", "captured"}),  # what Stripe says wins
    "failed": frozenset({"authorised", "captured", "open"}),
}
HELD = (PersonalState.CREATED, PersonalState.OPEN, PersonalState.AUTHORISED)


class PersonalPayment(models.Model):
    """One employee's payment for one commitment: reserved when they commit, taken when the pool locks."""

    key = models.CharField(max_length=120, unique=True)
    person = models.ForeignKey(Person, models.PROTECT, related_name="payments")
    company = models.ForeignKey(Company, models.PROTECT, related_name="personal_payments")
    subject = models.CharField(max_length=120)
    state = models.CharField(_("state"), max_length=10, choices=PersonalState, default=PersonalState.CREATED)
    price_cents = models.BigIntegerField()
    subsidy_cents = models.BigIntegerField(default=0)
    captured_cents = models.BigIntegerField(default=0)  # of the price, the company's part included
    captured_subsidy_cents = models.BigIntegerField(default=0)
    refunded_cents = models.BigIntegerField(default=0)
    refunded_subsidy_cents = models.BigIntegerField(default=0)
    attempt = models.PositiveSmallIntegerField(default=1)
    language = models.CharField(max_length=5, default="fr")
    return_path = models.CharField(max_length=200)
    session_id = models.CharField(max_length=120, blank=True)
    intent_id = models.CharField(max_length=80, blank=True)
    url = models.TextField(blank=True)
    method_hint = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=60, blank=True)
    wish = models.CharField(max_length=8, blank=True)  # capture | release: decided here, to be done at Stripe
    wish_cents = models.BigIntegerField(default=0)
    wish_subsidy_cents = models.BigIntegerField(null=True, blank=True)  # null: in proportion
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state__in=HELD), name="personal_under_way"),
            models.Index(fields=["session_id"], condition=~Q(session_id=""), name="personal_by_session"),
        ]
        constraints = [
            models.CheckConstraint(
                name="personal_subsidy_within_price",
                condition=Q(price_cents__gt=0, subsidy_cents__gte=0, subsidy_cents__lte=F("price_cents")),
            ),
            models.CheckConstraint(
                name="personal_capture_within_price",
                condition=Q(captured_cents__gte=0, captured_cents__lte=F("price_cents")),
            ),
            models.CheckConstraint(
                name="personal_refund_within_capture",
                condition=Q(refunded_cents__gte=0, refunded_cents__lte=F("captured_cents")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="personal_not_deleted", operation=pgtrigger.Delete),
            never_emptied("personal_never_emptied"),
            pgtrigger.FSM(
                name="personal_states",
                field="state",
                transitions=[(old, new) for old, targets in PERSONAL_TRANSITIONS.items() for new in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject} · {self.pk}"

    @property
    def own_cents(self) -> int:
        """What the person pays."""
        return self.price_cents - self.subsidy_cents


class PersonalRefund(models.Model):
    """Money of an employee's purchase that goes back, to the person and to the company in proportion."""

    payment = models.ForeignKey(PersonalPayment, models.PROTECT, related_name="refunds")
    key = models.CharField(max_length=120, unique=True)
    cents = models.BigIntegerField()
    to_company_cents = models.BigIntegerField()
    to_person_cents = models.BigIntegerField()
    reason = models.CharField(max_length=240)
    refund_id = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=12, default="asked")  # asked | succeeded | failed
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="personal_refund_adds_up",
                condition=Q(cents__gt=0, cents=F("to_company_cents") + F("to_person_cents")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.payment}: {self.cents}"
