"""What a company that received an order says of its supplier, and what the supplier says to that."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, User
from purchasing.models.order import PurchaseOrder
from purchasing.models.supplier import Supplier
from purchasing.states import machine
from purchasing.states_exchange import REVIEW, ReviewState

CRITERIA = ("quality", "delivery", "service", "value")


def _score(words: object) -> models.PositiveSmallIntegerField[int, int]:
    return models.PositiveSmallIntegerField(words, validators=[MinValueValidator(1), MaxValueValidator(5)])  # type: ignore[arg-type]  # lazy words


class SupplierReview(models.Model):
    """One company on one received order. The words stay as they are once the supplier has replied."""

    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="reviews")
    order = models.ForeignKey(PurchaseOrder, models.PROTECT, related_name="reviews")
    company = models.ForeignKey(Company, models.PROTECT, related_name="supplier_reviews")
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    quality = _score(_("quality of the goods"))
    delivery = _score(_("delivery on time and complete"))
    service = _score(_("service and answers"))
    value = _score(_("value for the price"))
    text = models.TextField(_("what you want other buyers to know"), blank=True)
    state = models.CharField(max_length=9, choices=ReviewState, default=ReviewState.PUBLISHED)
    moderation = models.CharField(max_length=200, blank=True)
    published_at = models.DateTimeField()
    edited_at = models.DateTimeField(null=True, blank=True)
    # The supplier's signed link, hashed; its reply, and what it says is wrong with the review.
    token_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    reply = models.TextField(_("reply"), blank=True)
    replied_at = models.DateTimeField(null=True, blank=True)
    reply_hidden_at = models.DateTimeField(null=True, blank=True)
    reply_moderation = models.CharField(max_length=200, blank=True)
    complaint = models.CharField(max_length=500, blank=True)
    complained_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-published_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["order", "company"], name="review_once_per_order"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{name}__gte": 1, f"{name}__lte": 5}), name=f"review_{name}_1_to_5"
                )
                for name in CRITERIA
            ),
            models.CheckConstraint(condition=~Q(state="hidden") | ~Q(moderation=""), name="review_hidden_has_reason"),
            models.CheckConstraint(
                condition=Q(replied_at__isnull=True, reply="") | (Q(replied_at__isnull=False) & ~Q(reply="")),
                name="review_reply_has_time",
            ),
            models.CheckConstraint(
                condition=Q(reply_hidden_at__isnull=True) | ~Q(reply_moderation=""),
                name="review_reply_hidden_has_reason",
            ),
        ]
        triggers = [machine("review_states", REVIEW)]

    def __str__(self) -> str:
        return f"{self.supplier} · {self.company}"
