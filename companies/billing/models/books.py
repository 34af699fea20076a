"""Months that are closed for good, and what the nightly check of the books found."""

import pgtrigger
from django.db import models
from django.db.models import Q

from companies.models import Document, User
from companies.models.guards import never_emptied


class ClosedMonth(models.Model):
    """A month into which nothing is posted any more. Months close one after the other; none opens again."""

    month = models.DateField(unique=True)  # its first day
    closed_at = models.DateTimeField()
    closed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    transactions = models.PositiveIntegerField()
    debit_cents = models.BigIntegerField()
    document = models.OneToOneField(Document, models.PROTECT, related_name="+")  # its entries as FEC

    class Meta:
        ordering = ["-month"]
        constraints = [models.CheckConstraint(name="closed_month_first_day", condition=Q(month__day=1))]
        triggers = [
            pgtrigger.Protect(name="closed_month_stays", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("closed_month_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class BooksCheck(models.Model):
    """One run of the nightly check: empty `difference` means the books were intact."""

    at = models.DateTimeField()
    difference = models.CharField(max_length=400, blank=True)
    counts = models.JSONField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.difference or "intact"
