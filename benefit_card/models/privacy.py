"""Figures without people, what outlives an erased person, and the reports of retention."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import User
from merchants.models import Merchant


class UseScope(models.TextChoices):
    """Of what a monthly figure is. There is no company and merchant together, on purpose."""

    ALL = "all", _("Everybody")
    COMPANY = "company", _("Company")
    COMPANY_CATEGORY = "comp_cat", _("Company and category")
    SIZE = "size", _("Company size")
    CATEGORY = "category", _("Category")


class MonthlyUse(models.Model):
    """Use in one closed month, counted once and never again: two looks at a month cannot be subtracted.

    Raw counts: what is shown goes through `benefit_card.anonymity` first.
    """

    month = models.DateField()
    scope = models.CharField(max_length=8, choices=UseScope)
    key = models.CharField(max_length=80, help_text="Company, size bracket or category slug; empty for everybody.")
    people = models.PositiveIntegerField(help_text="Persons who used the card at least once.")
    uses = models.PositiveIntegerField()
    discount_cents = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "key", "month"], name="monthly_use_once"),
            models.CheckConstraint(condition=Q(scope__in=UseScope.values), name="monthly_use_scope_known"),
        ]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.scope} {self.key}"


class MerchantUse(models.Model):
    """A merchant's visits in one past month, counted once: its page of figures does not read a year of redemptions.

    Counted a whole month after the month closed, when sales made without network have arrived and mistakes are undone.
    """

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+")
    month = models.DateField(db_index=True)
    visits = models.PositiveIntegerField()
    discount_cents = models.BigIntegerField()
    gross_cents = models.BigIntegerField()
    hours = models.JSONField(help_text="Visits by weekday and hour of the day: 100 × weekday (Monday 1) + hour.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "month"], name="merchant_use_once")]
        triggers = [pgtrigger.Protect(name="frozen", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.merchant_id}"


class MerchantDay(models.Model):
    """A merchant's visits on one past day of the months that `MerchantUse` has not counted yet, counted anew every night."""

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField(db_index=True, help_text="Europe/Paris.")
    visits = models.PositiveIntegerField()
    discount_cents = models.BigIntegerField()
    gross_cents = models.BigIntegerField()
    hours = models.JSONField(help_text="As in `MerchantUse`.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["merchant", "day"], name="merchant_day_once")]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.merchant_id}"


class ErasedHolder(models.Model):
    """Under which key an erased person's uses are counted, found again only by who enrols the same person.

    `name_hash` is a keyed hash of the name and an employer: nothing here names anybody. Dropped when no counter needs it.
    """

    name_hash = models.CharField(max_length=32, unique=True)
    holder_key = models.CharField(max_length=32)
    until = models.DateField(help_text="End of the longest period in which uses count.")

    def __str__(self) -> str:
        return f"until {self.until}"


class RetentionReport(models.Model):
    """What one run of retention forgot: counts only."""

    at = models.DateTimeField()
    counts = models.JSONField()
    actor = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d}"
