"""Monthly statements of merchants. What one says never changes; what happens after its close is in the next."""

from typing import TYPE_CHECKING

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from benefit_card.models.redemption import Redemption
from companies.models import Document
from merchants.access import owns
from merchants.models import Merchant

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class StatementQuerySet(models.QuerySet["Statement"]):
    def of_merchant(self, user: "object | AnonymousUser", merchant: Merchant) -> "StatementQuerySet":
        """A merchant's own statements, for its owners."""
        return self.filter(merchant=merchant) if owns(user, merchant) else self.none()  # type: ignore[arg-type]  # nobody comes here without signing in


class Statement(models.Model):
    """A month of one merchant, closed under an unbroken number. Only its files are added afterwards, once."""

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="statements")
    month = models.DateField(help_text="First day of the month, Europe/Paris.")
    number = models.CharField(max_length=24, unique=True)
    closed_at = models.DateTimeField()
    sales = models.PositiveIntegerField(help_text="Sales of the month, conflicts and late arrivals included.")
    conflicts = models.PositiveIntegerField()
    voids = models.PositiveIntegerField(help_text="Undone sales, corrections of earlier statements included.")
    corrections = models.PositiveIntegerField(help_text="Of the undone sales, those of an earlier statement.")
    gross_cents = models.BigIntegerField()
    discount_cents = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of the lines as CSV.")
    csv = models.ForeignKey(Document, models.PROTECT, null=True, related_name="+")
    pdf = models.ForeignKey(Document, models.PROTECT, null=True, related_name="+")

    objects = StatementQuerySet.as_manager()

    class Meta:
        ordering = ["-month", "merchant"]
        constraints = [models.UniqueConstraint(fields=["merchant", "month"], name="statement_once_per_month")]
        indexes = [models.Index(fields=["month"], name="statement_without_files", condition=Q(pdf__isnull=True))]
        triggers = [
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="immutable", operation=pgtrigger.Update, condition=pgtrigger.AnyChange(exclude=["csv", "pdf"])
            ),
            pgtrigger.Protect(
                name="files_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__pdf__isnull=False) & pgtrigger.Q(old__pdf__df=pgtrigger.F("new__pdf")),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def to_pay_cents(self) -> int:
        return self.gross_cents - self.discount_cents


class LineKind(models.TextChoices):
    """What a line of a statement is."""

    SALE = "sale", _("Sale")
    CONFLICT = "conflict", _("Sale given without network, honoured")
    VOID = "void", pgettext_lazy("sale", "Undone")
    CORRECTION = "correction", _("Correction of an earlier statement")


class StatementLine(models.Model):
    """One redemption on one statement: a redemption, or its undoing, stands on exactly one."""

    statement = models.ForeignKey(Statement, models.PROTECT, related_name="lines")
    redemption = models.OneToOneField(Redemption, models.PROTECT, related_name="statement_line")
    kind = models.CharField(max_length=10, choices=LineKind)

    class Meta:
        ordering = ["statement", "redemption"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=LineKind.values), name="statement_line_kind_known")]
        triggers = [pgtrigger.Protect(name="immutable", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.statement_id} {self.kind} {self.redemption_id}"
