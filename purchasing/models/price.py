"""What suppliers ask for articles, over time, and the price lists it came from."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models import Job, User
from purchasing.models.article import Article
from purchasing.models.supplier import Supplier


class PriceListState(models.TextChoices):
    READING = "reading", _("Being read")
    UNREADABLE = "unreadable", _("Not readable")
    READY = "ready", _("To review")
    APPLYING = "applying", _("Being applied")
    APPLIED = "applied", pgettext_lazy("price list", "Applied")
    CANCELLED = "cancelled", _("Given up")


PRICE_LIST: dict[str, frozenset[str]] = {
    "reading": frozenset({"ready", "unreadable", "cancelled"}),
    "unreadable": frozenset({"cancelled"}),
    "ready": frozenset({"reading", "applying", "cancelled"}),
    "applying": frozenset({"applied", "reading"}),
    "applied": frozenset(),
    "cancelled": frozenset(),
}


class PriceList(models.Model):
    """One catalogue or price list a supplier sent. The file is forgotten once it is applied or given up."""

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="price_lists")
    name = models.CharField(_("file"), max_length=160)
    content = models.BinaryField(null=True)
    # Whether the file names everything the supplier sells: then what is missing is no longer sold.
    full = models.BooleanField(_("the file names all articles"), default=False)
    valid_from = models.DateField(_("prices hold from"))
    state = models.CharField(max_length=12, choices=PriceListState, default=PriceListState.READING)
    trouble = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="+")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def errors(self) -> int:
        return int(self.counts.get("error", 0))


class PriceListRow(models.Model):
    """What one line of a price list would do."""

    class Kind(models.TextChoices):
        NEW = "new", _("New")
        CHANGED = "changed", _("Price changed")
        UNCHANGED = "unchanged", pgettext_lazy("price list", "Unchanged")
        GONE = "gone", _("No longer sold")
        ERROR = "error", _("Error")

    price_list = models.ForeignKey(PriceList, models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    line = models.PositiveIntegerField(null=True)
    kind = models.CharField(max_length=10, choices=Kind)
    reference = models.CharField(max_length=60, blank=True)
    name = models.CharField(max_length=200, blank=True)
    article = models.ForeignKey(Article, models.SET_NULL, null=True, related_name="+")
    unit = models.CharField(max_length=12, blank=True)
    pack = models.PositiveIntegerField(default=1)
    price_e4 = models.PositiveBigIntegerField(null=True)
    was_e4 = models.PositiveBigIntegerField(null=True)
    problems = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["price_list", "position"], name="price_list_row_once")]
        indexes = [models.Index(fields=["price_list", "kind", "position"], name="price_list_row_kind")]

    def __str__(self) -> str:
        return f"{self.reference} {self.kind}"


class Price(models.Model):
    """What a supplier asks for one unit of an article, from a day on. The history is never changed, only continued."""

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="prices")
    article = models.ForeignKey(Article, models.CASCADE, related_name="prices")
    # The supplier's own number for it.
    reference = models.CharField(_("reference"), max_length=60, blank=True)
    pack = models.PositiveIntegerField(default=1)
    price_e4 = models.PositiveBigIntegerField(_("unit price"))
    valid_from = models.DateField()
    ended_on = models.DateField(null=True, blank=True)
    # Against the price before it, in basis points; null for the first.
    change_bp = models.IntegerField(null=True, blank=True)
    price_list = models.ForeignKey(PriceList, models.SET_NULL, null=True, blank=True, related_name="prices")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["article", "supplier", "valid_from", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["supplier", "article"], condition=Q(ended_on__isnull=True), name="price_one_current"
            ),
            models.CheckConstraint(condition=Q(price_e4__gte=1), name="price_positive"),
        ]
        indexes = [models.Index(fields=["-created_at", "change_bp"], name="price_rises")]

    def __str__(self) -> str:
        return f"{self.article_id} {self.price_e4}"
