"""What the supplier bills, and who carries which cent of it."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Document, User
from purchasing.models.commitment import Commitment
from purchasing.models.order import PurchaseOrder, PurchaseOrderLine
from purchasing.models.pool import Pool
from purchasing.models.supplier import Supplier
from purchasing.states import SUPPLIER_INVOICE, SupplierInvoiceState, machine

# I3: the shares of a supplier's line add up to it; a fairness adjustment moves money, it makes none.
SHARES_ADD_UP = """
    IF NEW.line_id IS NOT NULL THEN
        PERFORM 1 FROM purchasing_supplierinvoiceline l WHERE l.id = NEW.line_id AND l.net_cents <>
            (SELECT SUM(s.net_cents) FROM purchasing_costshare s WHERE s.line_id = l.id);
    ELSIF NEW.kind = 'fairness' THEN
        PERFORM 1 FROM purchasing_costshare s WHERE s.invoice_id = NEW.invoice_id AND s.kind = 'fairness'
            GROUP BY s.invoice_id HAVING SUM(s.net_cents) <> 0;
    ELSE
        RETURN NULL;
    END IF;
    IF FOUND THEN
        RAISE EXCEPTION 'supplier invoice %: the shares do not add up', NEW.invoice_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


class SupplierInvoiceQuerySet(models.QuerySet["SupplierInvoice"]):
    def visible_to(self, user: User) -> SupplierInvoiceQuerySet:
        return self.filter(order__pool__in=Pool.objects.led_by(user))


class SupplierInvoice(models.Model):
    """A supplier's invoice for one order, as received."""

    order = models.ForeignKey(PurchaseOrder, models.PROTECT, related_name="supplier_invoices")
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="invoices")
    number = models.CharField(_("invoice number"), max_length=60)
    state = models.CharField(max_length=8, choices=SupplierInvoiceState, default=SupplierInvoiceState.RECEIVED)
    issued_on = models.DateField(_("issued on"))
    due_on = models.DateField(_("due on"), null=True, blank=True)
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    gross_cents = models.BigIntegerField()
    # What the order and the receipts made us expect, before VAT.
    expected_net_cents = models.BigIntegerField(default=0)
    document = models.ForeignKey(Document, models.PROTECT, null=True, blank=True, related_name="+")
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)

    objects = SupplierInvoiceQuerySet.as_manager()

    class Meta:
        ordering = ["-recorded_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["supplier", "number"], name="supplier_invoice_once"),
            models.CheckConstraint(
                condition=Q(gross_cents=F("net_cents") + F("vat_cents")), name="supplier_invoice_adds_up"
            ),
        ]
        triggers = [machine("supplier_invoice_states", SUPPLIER_INVOICE)]

    def __str__(self) -> str:
        return self.number


class SupplierInvoiceLine(models.Model):
    """Goods of one order line, freight, or a discount on the whole document (negative)."""

    class Kind(models.TextChoices):
        GOODS = "goods", _("Goods")
        FREIGHT = "freight", _("Freight")
        DISCOUNT = "discount", _("Discount")

    invoice = models.ForeignKey(SupplierInvoice, models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=Kind)
    order_line = models.ForeignKey(
        PurchaseOrderLine, models.PROTECT, null=True, blank=True, related_name="supplier_invoice_lines"
    )
    text = models.CharField(max_length=200)
    quantity = models.IntegerField(null=True, blank=True)
    unit_price_e4 = models.BigIntegerField(null=True, blank=True)
    net_cents = models.BigIntegerField()
    vat_bp = models.PositiveIntegerField()
    vat_cents = models.BigIntegerField()

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="supplier_invoice_line_position_once"),
            models.CheckConstraint(
                condition=~Q(kind="goods") | Q(order_line__isnull=False), name="supplier_invoice_goods_have_order_line"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class CostShareQuerySet(models.QuerySet["CostShare"]):
    def visible_to(self, user: User) -> CostShareQuerySet:
        return self.filter(company__in=Company.objects.visible_to(user))


class CostShare(models.Model):
    """The cents of one supplier line that one company carries, with what is needed to replay the rule.

    `weight` is the company's weight in the split and `rank` its place in the queue for the odd cents.
    """

    class Kind(models.TextChoices):
        GOODS = "goods", _("Goods")
        FREIGHT = "freight", _("Freight")
        DISCOUNT = "discount", _("Discount")
        FAIRNESS = "fairness", _("Equalisation")
        FEE = "fee", _("Management fee")

    invoice = models.ForeignKey(SupplierInvoice, models.PROTECT, related_name="shares")
    line = models.ForeignKey(SupplierInvoiceLine, models.PROTECT, null=True, blank=True, related_name="shares")
    kind = models.CharField(max_length=8, choices=Kind)
    company = models.ForeignKey(Company, models.PROTECT, related_name="cost_shares")
    commitment = models.ForeignKey(Commitment, models.PROTECT, null=True, blank=True, related_name="cost_shares")
    quantity = models.IntegerField(null=True, blank=True)
    weight = models.BigIntegerField(default=0)
    rule = models.CharField(max_length=24)
    rank = models.PositiveIntegerField(default=0)
    net_cents = models.BigIntegerField()
    vat_bp = models.PositiveIntegerField()
    vat_cents = models.BigIntegerField()

    objects = CostShareQuerySet.as_manager()

    class Meta:
        ordering = ["invoice", "line", "rank", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["line", "company"], condition=Q(line__isnull=False), name="cost_share_once_per_line"
            ),
            models.UniqueConstraint(
                fields=["invoice", "company", "kind", "vat_bp"],
                condition=Q(line__isnull=True),
                name="cost_share_once_per_document",
            ),
            models.CheckConstraint(
                condition=Q(line__isnull=False) | Q(kind__in=["fairness", "fee"]), name="cost_share_has_source"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="shares_add_up",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=SHARES_ADD_UP,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.net_cents} → {self.company_id}"
