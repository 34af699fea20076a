"""Commissions of the association on what suppliers sell: each earned once, each on one invoice."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models.credit_note import CreditNote
from companies.billing.models.customer import Customer
from companies.billing.models.invoice import InvoiceLine
from companies.models.guards import never_emptied


class SupplierFee(models.Model):
    """One commission, or a part of one given back (below zero, `corrects` names it). Only where it was invoiced is added."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="fees")
    key = models.CharField(max_length=120, unique=True)  # of the posting or the sale that earned it
    # Kept: Stripe Connect held it back from the supplier's money, and it stands in the books already.
    kept = models.BooleanField(_("kept back by Stripe"))
    corrects = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="corrections")
    label = models.CharField(max_length=200)
    earned_at = models.DateTimeField()
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    vat_bp = models.PositiveIntegerField()
    invoice_line = models.ForeignKey(InvoiceLine, models.PROTECT, null=True, blank=True, related_name="fees")
    credit_note = models.ForeignKey(CreditNote, models.PROTECT, null=True, blank=True, related_name="fees")
    set_off_at = models.DateTimeField(null=True, blank=True)  # came to nothing before it was invoiced

    class Meta:
        ordering = ["earned_at", "pk"]
        indexes = [
            models.Index(
                fields=["customer"],
                condition=Q(invoice_line__isnull=True, credit_note__isnull=True, set_off_at__isnull=True),
                name="supplier_fee_not_invoiced",
            )
        ]
        constraints = [
            models.CheckConstraint(
                name="supplier_fee_has_one_sign",
                condition=Q(net_cents__gte=0, vat_cents__gte=0, corrects__isnull=True)
                | Q(net_cents__lte=0, vat_cents__lte=0, corrects__isnull=False),
            ),
            models.CheckConstraint(
                name="supplier_fee_invoiced_once",
                condition=Q(invoice_line__isnull=True, credit_note__isnull=True)
                | Q(invoice_line__isnull=True, set_off_at__isnull=True)
                | Q(credit_note__isnull=True, set_off_at__isnull=True),
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="supplier_fee_stays", exclude=["invoice_line", "credit_note", "set_off_at"]),
            pgtrigger.Protect(name="supplier_fee_kept", operation=pgtrigger.Delete),
            never_emptied("supplier_fee_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.customer} · {self.key}"

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents
