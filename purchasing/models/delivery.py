"""What arrived, who gets how much of it, and who collected it."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models import Company, Document, User
from purchasing.models.commitment import Commitment
from purchasing.models.order import PurchaseOrder, PurchaseOrderLine
from purchasing.models.pool import Pool
from purchasing.states import HAND_OVER, RECEIPT, HandOverState, ReceiptState, machine

# I1: on a line that has been shared out, every unit has an owner or is explicitly left over.
EVERY_UNIT_HAS_AN_OWNER = """
    PERFORM 1 FROM purchasing_receiptline l WHERE l.id = {line} AND l.allocated_at IS NOT NULL
        AND l.counted - l.refused <> l.left_over
            + (SELECT COALESCE(SUM(a.quantity), 0) FROM purchasing_allocation a WHERE a.receipt_line_id = l.id);
    IF FOUND THEN
        RAISE EXCEPTION 'receipt line %: allocations and left-over differ from what was received', {line}
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""
# I2: over all deliveries nobody gets less than nothing or more than was granted at the lock.
NOBODY_GETS_TOO_MUCH = """
    PERFORM 1 FROM purchasing_commitment c WHERE c.id = {commitment}
        AND (SELECT COALESCE(SUM(a.quantity), 0) FROM purchasing_allocation a WHERE a.commitment_id = c.id)
            NOT BETWEEN 0 AND COALESCE(c.granted, 0);
    IF FOUND THEN
        RAISE EXCEPTION 'commitment %: allocated outside what was granted', {commitment}
            USING ERRCODE = 'check_violation';
    END IF;
"""


class ReceiptQuerySet(models.QuerySet["Receipt"]):
    def visible_to(self, user: User) -> ReceiptQuerySet:
        """Deliveries of the pools the user runs; a company sees its own hand-overs, not the whole delivery."""
        return self.filter(order__pool__in=Pool.objects.led_by(user))


class Receipt(models.Model):
    """One delivery of an order. Never edited once counted: a mistake is a counter-receipt (`corrects`)."""

    order = models.ForeignKey(PurchaseOrder, models.PROTECT, related_name="receipts")
    number = models.PositiveSmallIntegerField(default=1)
    corrects = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="corrections")
    state = models.CharField(max_length=22, choices=ReceiptState, default=ReceiptState.ANNOUNCED)
    delivery_note = models.CharField(_("delivery note"), max_length=60, blank=True)
    place = models.CharField(_("place"), max_length=200, blank=True)
    notes = models.TextField(_("reserves and remarks"), blank=True)
    announced_for = models.DateField(null=True, blank=True)
    parcels = models.PositiveSmallIntegerField(_("parcels or pallets"), null=True, blank=True)
    arrived_at = models.DateTimeField(null=True, blank=True)
    counted_at = models.DateTimeField(null=True, blank=True)
    counted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    # Reserves bind the carrier only when it is told in time (article L133-3 of the commercial code).
    reserves_until = models.DateTimeField(null=True, blank=True)
    carrier_told_at = models.DateTimeField(null=True, blank=True)
    carrier_told_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    carrier_reference = models.CharField(_("number of the registered letter"), max_length=60, blank=True)
    created_at = models.DateTimeField()

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        ordering = ["order", "number"]
        constraints = [models.UniqueConstraint(fields=["order", "number"], name="receipt_number_once")]
        triggers = [machine("receipt_states", RECEIPT)]

    def __str__(self) -> str:
        return f"{self.order_id} #{self.number}"


class ReceiptLine(models.Model):
    """What was counted of one order line; negative only in a counter-receipt. `left_over` belongs to nobody yet."""

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="lines")
    order_line = models.ForeignKey(PurchaseOrderLine, models.PROTECT, related_name="receipt_lines")
    counted = models.IntegerField(_("counted"), default=0)
    refused = models.IntegerField(_("refused"), default=0)
    reserves = models.CharField(_("reserves"), max_length=200, blank=True)
    # What came instead of what was ordered, accepted at the same price; the companies are told.
    substitute = models.CharField(_("came instead"), max_length=200, blank=True)
    left_over = models.IntegerField(default=0)
    allocated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["receipt", "order_line"]
        constraints = [
            models.UniqueConstraint(fields=["receipt", "order_line"], name="receipt_line_once"),
            models.CheckConstraint(
                condition=(Q(counted__gte=0) & Q(refused__gte=0) & Q(refused__lte=F("counted")))
                | (Q(counted__lte=0) & Q(refused__lte=0) & Q(refused__gte=F("counted"))),
                name="receipt_line_refused_within_counted",
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="units_have_owners",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=EVERY_UNIT_HAS_AN_OWNER.format(line="NEW.id"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.receipt_id}/{self.order_line_id}"


class ReceiptPhoto(models.Model):
    """A photo taken at the delivery, behind its reserves. Re-encoded: it carries no place and no camera."""

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="photos")
    document = models.OneToOneField(Document, models.PROTECT, related_name="+")
    caption = models.CharField(_("what one sees"), max_length=120, blank=True)
    taken_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["receipt", "pk"]

    def __str__(self) -> str:
        return f"{self.receipt_id}: {self.caption}"


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def visible_to(self, user: User) -> AllocationQuerySet:
        return self.filter(commitment__company__in=Company.objects.visible_to(user))


class Allocation(models.Model):
    """Units of one receipt line that go to one commitment, by which rule and in which rank."""

    receipt_line = models.ForeignKey(ReceiptLine, models.PROTECT, related_name="allocations")
    commitment = models.ForeignKey(Commitment, models.PROTECT, related_name="allocations")
    quantity = models.IntegerField()
    rule = models.CharField(max_length=20)
    rank = models.PositiveIntegerField(default=0)

    objects = AllocationQuerySet.as_manager()

    class Meta:
        ordering = ["receipt_line", "rank", "pk"]
        constraints = [models.UniqueConstraint(fields=["receipt_line", "commitment"], name="allocation_once")]
        triggers = [
            pgtrigger.Trigger(
                name="units_have_owners",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=NOBODY_GETS_TOO_MUCH.format(commitment="NEW.commitment_id")
                + EVERY_UNIT_HAS_AN_OWNER.format(line="NEW.receipt_line_id"),
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} → {self.commitment_id}"


class HandOverQuerySet(models.QuerySet["HandOver"]):
    def visible_to(self, user: User) -> HandOverQuerySet:
        return self.filter(company__in=Company.objects.visible_to(user))


class HandOver(models.Model):
    """One company's part of one delivery: ready, collected, confirmed or contested."""

    class Method(models.TextChoices):
        BUTTON = "button", _("By hand")
        SCAN = "scan", _("Label scanned")
        SIGNATURE = "signature", pgettext_lazy("proof", "Signed")

    receipt = models.ForeignKey(Receipt, models.PROTECT, related_name="hand_overs")
    company = models.ForeignKey(Company, models.PROTECT, related_name="hand_overs")
    state = models.CharField(max_length=11, choices=HandOverState, default=HandOverState.READY)
    handed_at = models.DateTimeField(null=True, blank=True)
    handed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    method = models.CharField(max_length=9, choices=Method, blank=True)
    signed_by = models.CharField(_("collected by"), max_length=120, blank=True)
    signature = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="+")
    # Set when staff let a part leave that the risk rule kept back (decision 0064).
    released_at = models.DateTimeField(null=True, blank=True)
    released_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    release_reason = models.CharField(max_length=300, blank=True, db_default="")
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    note = models.TextField(_("remark"), blank=True)

    objects = HandOverQuerySet.as_manager()

    class Meta:
        ordering = ["receipt", "company"]
        constraints = [
            models.UniqueConstraint(fields=["receipt", "company"], name="hand_over_once"),
            models.CheckConstraint(condition=~Q(state="contested") | ~Q(note=""), name="hand_over_contest_has_reason"),
            models.CheckConstraint(
                condition=~Q(method="signature") | (Q(signature__isnull=False) & ~Q(signed_by="")),
                name="hand_over_signature_is_kept",
            ),
            models.CheckConstraint(
                condition=Q(released_at__isnull=True, released_by__isnull=True, release_reason="")
                | (Q(released_at__isnull=False, released_by__isnull=False) & ~Q(release_reason="")),
                name="hand_over_release_has_reason",
            ),
        ]
        triggers = [machine("hand_over_states", HAND_OVER)]

    def __str__(self) -> str:
        return f"{self.receipt_id} → {self.company_id}"


class HandOverLine(models.Model):
    """What left with a company's people, written at that moment: a later correction cannot touch it (I16)."""

    hand_over = models.ForeignKey(HandOver, models.PROTECT, related_name="lines")
    commitment = models.ForeignKey(Commitment, models.PROTECT, related_name="handed")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ["hand_over", "commitment"]
        constraints = [models.UniqueConstraint(fields=["hand_over", "commitment"], name="hand_over_line_once")]
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.hand_over_id}: {self.quantity}"
