"""Yearly dues: what each headcount pays, and the runs that invoice it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models.invoice import Invoice
from companies.models import Company, Job, User


class DuesBracket(models.Model):
    """What a company of up to so many people pays a year; no limit on the largest."""

    up_to = models.PositiveIntegerField(_("up to this many people"), null=True, blank=True)
    net_cents = models.BigIntegerField(_("dues of a year"))

    class Meta:
        ordering = [models.F("up_to").asc(nulls_last=True)]
        constraints = [
            models.UniqueConstraint(fields=["up_to"], nulls_distinct=False, name="bracket_once"),
            models.CheckConstraint(name="bracket_of_something", condition=Q(net_cents__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.up_to or '∞'}: {self.net_cents}"


class DuesState(models.TextChoices):
    DRAFT = "draft", _("To review")
    ISSUING = "issuing", _("Being issued")
    ISSUED = "issued", _("Issued")
    UNDONE = "undone", _("Undone")


DUES_TRANSITIONS: dict[str, frozenset[str]] = {
    "draft": frozenset({"issuing", "undone"}),
    "issuing": frozenset({"issued"}),
}


class DuesRun(models.Model):
    """One calculation of a year's dues: reviewed as a draft, then issued or undone."""

    year = models.PositiveSmallIntegerField(_("year"))
    due_on = models.DateField(_("due on"))
    state = models.CharField(_("state"), max_length=8, choices=DuesState, default=DuesState.DRAFT)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    job = models.ForeignKey(Job, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["year"], condition=Q(state__in=["draft", "issuing"]), name="dues_one_run_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.year} · {self.state}"


class DuesLine(models.Model):
    """What one company owes in a run, and how it was calculated."""

    run = models.ForeignKey(DuesRun, models.PROTECT, related_name="lines")
    company = models.ForeignKey(Company, models.PROTECT, related_name="dues_lines")
    headcount = models.PositiveIntegerField()
    full_cents = models.BigIntegerField()
    months = models.PositiveSmallIntegerField()
    cents = models.BigIntegerField()
    included = models.BooleanField(default=True)
    invoice = models.OneToOneField(Invoice, models.PROTECT, null=True, blank=True, related_name="dues_line")

    class Meta:
        ordering = ["company__name"]
        constraints = [
            models.UniqueConstraint(fields=["run", "company"], name="dues_line_once"),
            models.CheckConstraint(name="dues_months_of_a_year", condition=Q(months__gte=1, months__lte=12)),
            models.CheckConstraint(
                name="dues_within_full", condition=Q(cents__gt=0, cents__lte=models.F("full_cents"))
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run} · {self.company}"
