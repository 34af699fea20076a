"""Needs that come back every month or quarter."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Document, User
from purchasing.models.budget import OfCompanyQuerySet
from purchasing.models.request import PurchaseRequest, RequestLine


class RecurringNeed(models.Model):
    """A request that is written again by the clock, from the lines of the one it was made of."""

    class Every(models.TextChoices):
        MONTH = "month", _("every month")
        QUARTER = "quarter", _("every quarter")

    company = models.ForeignKey(Company, models.CASCADE, related_name="recurring_needs")
    # Its lines are the pattern; it stays as it is.
    pattern = models.ForeignKey(PurchaseRequest, models.PROTECT, related_name="recurrences")
    every = models.CharField(_("how often"), max_length=8, choices=Every)
    starts_on = models.DateField(_("first on"))
    ends_on = models.DateField(_("last on"), null=True, blank=True)
    # How many periods were written: the next day is counted from the first, so that the 31st stays the 31st.
    written = models.PositiveIntegerField(default=0)
    next_on = models.DateField()
    lead_days = models.PositiveSmallIntegerField(_("needed so many days later"), default=30)
    submit = models.BooleanField(_("submit it at once"), default=False)
    requester = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OfCompanyQuerySet.as_manager()

    class Meta:
        ordering = ["next_on", "pk"]
        indexes = [models.Index(fields=["next_on"], condition=Q(ended_at__isnull=True), name="recurring_due")]

    def __str__(self) -> str:
        return f"{self.pattern} {self.every}"


class RecurringRun(models.Model):
    """One period that was written: the constraint is what makes it happen once."""

    recurring = models.ForeignKey(RecurringNeed, models.CASCADE, related_name="runs")
    due_on = models.DateField()
    request = models.ForeignKey(PurchaseRequest, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    # Why it could not be submitted, when it should have been.
    trouble = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-due_on"]
        constraints = [models.UniqueConstraint(fields=["recurring", "due_on"], name="recurring_once_per_period")]

    def __str__(self) -> str:
        return f"{self.recurring_id}: {self.due_on}"


class RequestFile(models.Model):
    """A file beside a request or one of its lines: a drawing, a photo, a data sheet."""

    request = models.ForeignKey(PurchaseRequest, models.CASCADE, related_name="files")
    line = models.ForeignKey(RequestLine, models.SET_NULL, null=True, blank=True, related_name="files")
    document = models.ForeignKey(Document, models.PROTECT, related_name="+")
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        ordering = ["added_at", "pk"]

    def __str__(self) -> str:
        return self.document.name
