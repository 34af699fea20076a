"""Programs that talk to us."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from companies.models.company import Company
from companies.models.user import User


class ApiToken(models.Model):
    """A key of a company's program. It acts for the person who made it, only in that company, only within its scopes."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="api_tokens")
    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=80)
    scopes = ArrayField(models.CharField(max_length=40))
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class IdempotentReply(models.Model):
    """The answer given to one `Idempotency-Key` of one caller, repeated for 24 hours."""

    caller = models.CharField(max_length=80)
    key = models.CharField(max_length=100)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["caller", "key"], name="idempotent_reply_once")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_reply_age")]

    def __str__(self) -> str:
        return self.key
