"""Which advance invoice was deducted from which final invoice: once, and never changed."""

import pgtrigger
from django.db import models
from django.db.models import F, Q

from companies.billing.models.invoice import Invoice
from companies.models.guards import never_emptied


class AdvanceDeduction(models.Model):
    """A paid advance invoice, as its final invoice deducts it."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="deductions")
    advance = models.OneToOneField(Invoice, models.PROTECT, related_name="deduction")
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    gross_cents = models.BigIntegerField()
    vat = models.JSONField()  # cents of VAT by rate in basis points, as text

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="deduction_gross_is_net_and_vat", condition=Q(gross_cents=F("net_cents") + F("vat_cents"))
            ),
            models.CheckConstraint(name="deduction_is_of_something", condition=Q(gross_cents__gt=0)),
            models.CheckConstraint(name="deduction_not_of_itself", condition=~Q(invoice=F("advance"))),
        ]
        triggers = [
            pgtrigger.Protect(name="deduction_stays", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("deduction_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.advance} → {self.invoice}"
