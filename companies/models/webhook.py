"""Addresses of members' programs that want to be told, and what was told to each."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models.company import Company
from companies.models.user import User


class WebhookEndpoint(models.Model):
    """Where a company's program listens. `position` is the last link of the audit chain that was looked at for it."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="webhooks")
    url = models.CharField(_("address"), max_length=300)
    topics = ArrayField(models.CharField(max_length=20))
    secret = models.CharField(max_length=80)
    position = models.PositiveBigIntegerField(default=0)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    failing_since = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One event for one address: kept until delivered, and for thirty days after."""

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries")
    seq = models.PositiveBigIntegerField()
    event = models.CharField(max_length=60)
    payload = models.JSONField()
    created_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "seq"], name="webhook_once_per_event")]
        indexes = [models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="webhook_due")]

    def __str__(self) -> str:
        return f"{self.event} → {self.endpoint}"
