"""The firm order to one supplier of a pool, and what the supplier says to it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import Document, User
from purchasing.models.commitment import Commitment
from purchasing.models.pool import Pool, PoolLine
from purchasing.models.supplier import Supplier
from purchasing.models.tender import Quote
from purchasing.states import ORDER, OrderState, machine


class OrderQuerySet(models.QuerySet["PurchaseOrder"]):
    def visible_to(self, user: User) -> OrderQuerySet:
        """Orders of the pools the user runs."""
        return self.filter(pool__in=Pool.objects.led_by(user))


class OrderPaper(models.Model):
    """What every order to a supplier has, whoever buys: number, amounts before VAT, document, signed link."""

    number = models.CharField(max_length=24, unique=True)
    state = models.CharField(max_length=13, choices=OrderState, default=OrderState.DRAFT)
    email = models.EmailField(blank=True)
    goods_cents = models.PositiveBigIntegerField(default=0)
    freight_cents = models.PositiveBigIntegerField(default=0)
    freight_vat_bp = models.PositiveIntegerField(default=2000)
    vat_cents = models.PositiveBigIntegerField(default=0)
    deliver_to = models.CharField(_("delivery place"), max_length=200, blank=True)
    expected_on = models.DateField(_("expected on"), null=True, blank=True)
    document = models.ForeignKey(Document, models.PROTECT, null=True, blank=True, related_name="+")
    # The supplier's signed link, hashed, as for quotes.
    token_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    signed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.number


class PurchaseOrder(OrderPaper):
    """What the association orders from one supplier for one pool."""

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="orders")
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="orders")
    quote = models.ForeignKey(Quote, models.PROTECT, null=True, blank=True, related_name="orders")

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "supplier"], condition=~Q(state="cancelled"), name="order_once_per_pool_and_supplier"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "to_sign", "cancelled"]) | Q(sent_at__isnull=False),
                name="order_sent_has_time",
            ),
        ]
        triggers = [machine("order_states", ORDER)]


class OrderLinePaper(models.Model):
    """What every line of an order to a supplier says."""

    position = models.PositiveSmallIntegerField()
    text = models.CharField(max_length=200)
    reference = models.CharField(max_length=60, blank=True)
    unit = models.CharField(max_length=12)
    pack = models.PositiveIntegerField(default=1)
    quantity = models.PositiveIntegerField()
    unit_price_e4 = models.PositiveBigIntegerField()
    vat_bp = models.PositiveIntegerField()
    net_cents = models.PositiveBigIntegerField()

    class Meta:
        abstract = True


def goods_by_rate(lines: Iterable[OrderLinePaper]) -> dict[int, int]:
    """Net cents of an order's lines by VAT rate."""
    found: dict[int, int] = {}
    for line in lines:
        found[line.vat_bp] = found.get(line.vat_bp, 0) + line.net_cents
    return found


class PurchaseOrderLine(OrderLinePaper):
    """One line of an order: the quantity the pool locked at the price it locked, or what is left after a change."""

    order = models.ForeignKey(PurchaseOrder, models.PROTECT, related_name="lines")
    pool_line = models.ForeignKey(PoolLine, models.PROTECT, related_name="order_lines")

    class Meta:
        ordering = ["order", "position"]
        constraints = [
            models.UniqueConstraint(fields=["order", "position"], name="order_line_position_once"),
            models.UniqueConstraint(fields=["order", "pool_line"], name="order_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="order_line_quantity_not_negative"),
            models.CheckConstraint(
                condition=Q(quantity=F("quantity") / F("pack") * F("pack")), name="order_line_whole_packs"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}/{self.position}"


class AnswerPaper(models.Model):
    """What a supplier says to an order (ARC): as ordered, or with changes."""

    class Kind(models.TextChoices):
        ACCEPTED = "accepted", _("As ordered")
        CHANGED = "changed", _("With changes")

    kind = models.CharField(max_length=8, choices=Kind)
    reference = models.CharField(_("your reference"), max_length=60, blank=True)
    delivery_on = models.DateField(_("delivery on"), null=True, blank=True)
    note = models.TextField(_("remark"), blank=True)
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        abstract = True


class Acknowledgement(AnswerPaper):
    """The supplier's answer to an order of companies."""

    order = models.ForeignKey(PurchaseOrder, models.PROTECT, related_name="acknowledgements")
    # Above the limit the companies must agree again before the change is accepted.
    consent_needed = models.BooleanField(default=False)
    consent_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["order", "at", "pk"]

    def __str__(self) -> str:
        return f"{self.order_id} {self.kind}"


class AnswerLinePaper(models.Model):
    """What a supplier confirms for one order line, and the article it would deliver instead."""

    quantity = models.PositiveIntegerField()
    unit_price_e4 = models.PositiveBigIntegerField()
    substitute = models.CharField(_("delivered instead"), max_length=200, blank=True)

    class Meta:
        abstract = True


class AcknowledgementLine(AnswerLinePaper):
    """One line of an answer to an order of companies."""

    acknowledgement = models.ForeignKey(Acknowledgement, models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(PurchaseOrderLine, models.PROTECT, related_name="acknowledged")

    class Meta:
        ordering = ["acknowledgement", "order_line"]
        constraints = [
            models.UniqueConstraint(fields=["acknowledgement", "order_line"], name="acknowledgement_line_once")
        ]

    def __str__(self) -> str:
        return f"{self.acknowledgement_id}/{self.order_line_id}"


class Consent(models.Model):
    """A company's answer to a supplier's change; null while it has not answered."""

    acknowledgement = models.ForeignKey(Acknowledgement, models.CASCADE, related_name="consents")
    commitment = models.ForeignKey(Commitment, models.PROTECT, related_name="consents")
    accepted = models.BooleanField(null=True, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["acknowledgement", "commitment"]
        constraints = [models.UniqueConstraint(fields=["acknowledgement", "commitment"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.acknowledgement_id}/{self.commitment_id}"
