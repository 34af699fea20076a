"""What one employee buys in an employee pool, how it was paid, collected and paid back."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models import PersonalPayment, PersonalRefund
from companies.models import Company, Person, User
from purchasing.models.employee_pool import EmployeeArticle, EmployeePool
from purchasing.states import machine
from purchasing.states_employees import PAY_BACK, PURCHASE, PayBackState, PurchaseState

ACTIVE = (PurchaseState.COMMITTED, PurchaseState.LOCKED)


class EmployeePurchase(models.Model):
    """One commitment. Changing it withdraws this row and writes another, so that each has one payment of its own."""

    pool = models.ForeignKey(EmployeePool, models.PROTECT, related_name="purchases")
    person = models.ForeignKey(Person, models.PROTECT, related_name="employee_purchases")
    company = models.ForeignKey(Company, models.PROTECT, related_name="employee_purchases")  # through which they buy
    state = models.CharField(_("state"), max_length=10, choices=PurchaseState, default=PurchaseState.COMMITTED)
    ended_for = models.CharField(max_length=12, blank=True)  # minimum | unpaid | cancelled | changed
    committed_at = models.DateTimeField()
    # At the first tier, with every unit taken for packs and the most freight: no card is ever charged more.
    dearest_cents = models.PositiveBigIntegerField()
    freight_most_cents = models.PositiveBigIntegerField(default=0)  # of it
    reserved_cents = models.PositiveBigIntegerField()  # of it, promised by the company
    price_cents = models.PositiveBigIntegerField(null=True, blank=True)  # fixed at the lock
    freight_cents = models.PositiveBigIntegerField(default=0)  # of it
    subsidy_cents = models.PositiveBigIntegerField(null=True, blank=True)
    payment = models.OneToOneField(
        PersonalPayment, models.PROTECT, null=True, blank=True, related_name="employee_purchase"
    )

    class Meta:
        ordering = ["-committed_at", "-pk"]
        indexes = [models.Index(fields=["pool", "state"], name="employee_purchase_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "person"],
                condition=Q(state__in=["committed", "locked"]),
                name="employee_purchase_one_alive",
            ),
            models.CheckConstraint(
                condition=Q(reserved_cents__lte=F("dearest_cents"), dearest_cents__gt=0),
                name="employee_purchase_within_price",
            ),
            models.CheckConstraint(
                condition=~Q(state="locked") | Q(price_cents__isnull=False, subsidy_cents__isnull=False),
                name="employee_purchase_locked_has_price",
            ),
            # The price only falls, and so does what each side was to pay.
            models.CheckConstraint(
                condition=Q(price_cents__isnull=True)
                | Q(price_cents__lte=F("dearest_cents"), subsidy_cents__lte=F("reserved_cents")),
                name="employee_purchase_price_falls",
            ),
            models.CheckConstraint(
                name="employee_purchase_freight_within_word",
                condition=Q(freight_cents__lte=F("freight_most_cents"), freight_most_cents__lte=F("dearest_cents")),
            ),
        ]
        triggers = [
            machine("employee_purchase_states", PURCHASE),
            pgtrigger.Protect(name="employee_purchase_kept", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.pool_id}/{self.pk}"

    @property
    def own_most_cents(self) -> int:
        """What the card is charged at most."""
        return self.dearest_cents - self.reserved_cents

    @property
    def own_cents(self) -> int:
        """What the card is charged, once locked; before, at most."""
        if self.price_cents is None or self.subsidy_cents is None:
            return self.own_most_cents
        return self.price_cents - self.subsidy_cents


class EmployeePurchaseLine(models.Model):
    """Units of one article: wanted, ordered at the lock, arrived, collected, refused, never to come."""

    purchase = models.ForeignKey(EmployeePurchase, models.PROTECT, related_name="lines")
    article = models.ForeignKey(EmployeeArticle, models.PROTECT, related_name="wanted")
    quantity = models.PositiveIntegerField()
    tolerance = models.PositiveIntegerField(default=0)  # units more, if a pack needs them
    ordered = models.PositiveIntegerField(default=0)
    freight_cents = models.PositiveBigIntegerField(default=0)  # of all that was ordered, fixed at the lock
    arrived = models.PositiveIntegerField(default=0)
    handed = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["purchase", "article"]
        constraints = [
            models.UniqueConstraint(fields=["purchase", "article"], name="employee_line_once"),
            models.CheckConstraint(
                name="employee_line_adds_up",
                condition=Q(quantity__gt=0, ordered__lte=F("quantity") + F("tolerance"))
                & Q(ordered__gte=F("arrived") + F("missing"))
                & Q(arrived__gte=F("handed") + F("refused")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purchase_id}: {self.quantity}"

    @property
    def ready(self) -> int:
        """Units that wait to be collected."""
        return self.arrived - self.handed - self.refused

    def worth(self, units: int, given_back: int = 0) -> int:
        """Cents for `units` after `given_back` others: price and, in proportion on the running total, freight."""
        if not self.ordered:
            return 0
        freight = [self.freight_cents * n // self.ordered for n in (given_back, given_back + units)]
        return units * (self.article.unit_price_cents or 0) + freight[1] - freight[0]

    @property
    def to_come(self) -> int:
        return self.ordered - self.arrived - self.missing


class EmployeePickUp(models.Model):
    """Units that changed hands at work, by whom and how. Never edited."""

    class Method(models.TextChoices):
        SCAN = "scan", _("Code scanned")
        BUTTON = "button", _("Confirmed by hand")

    line = models.ForeignKey(EmployeePurchaseLine, models.PROTECT, related_name="pick_ups")
    handed = models.PositiveIntegerField()
    refused = models.PositiveIntegerField(default=0)
    method = models.CharField(max_length=6, choices=Method)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        triggers = [
            pgtrigger.Protect(name="employee_pick_up_kept", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.handed}"


class EmployeePayBack(models.Model):
    """Units whose price goes back to person and company; carried out by a task that may run twice."""

    class Cause(models.TextChoices):
        MISSING = "missing", _("Not delivered")
        REFUSED = "refused", _("Refused at the pick-up")
        CANCELLED = "cancelled", _("Pool cancelled")

    line = models.ForeignKey(EmployeePurchaseLine, models.PROTECT, related_name="pay_backs")
    units = models.PositiveIntegerField()
    cents = models.PositiveBigIntegerField()
    cause = models.CharField(max_length=9, choices=Cause)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=PayBackState, default=PayBackState.PROPOSED)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    refund = models.OneToOneField(PersonalRefund, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(condition=Q(units__gt=0, cents__gt=0), name="employee_pay_back_is_something"),
            models.CheckConstraint(
                condition=Q(state__in=["proposed"]) | Q(decided_by__isnull=False), name="employee_pay_back_decided_by"
            ),
        ]
        triggers = [machine("employee_pay_back_states", PAY_BACK)]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.cents}"
