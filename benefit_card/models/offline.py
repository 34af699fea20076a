"""What tills did without network, as it arrived: every entry is kept, whatever became of it."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from merchants.models import Till


class EntryVerdict(models.TextChoices):
    """What became of an entry when it first arrived."""

    ACCEPTED = "accepted", pgettext_lazy("redemption", "Counted")
    REPLAYED = "replayed", _("Known already")
    CONFLICT = "conflict", _("Honoured beyond what was left")
    LATE = "late", _("Too late: a person decides")
    REFUSED = "refused", _("Not honoured")


class OfflineEntry(models.Model):
    """One sale of a till's queue. The first answer to a `client_id` is its answer for ever."""

    client_id = models.UUIDField(primary_key=True)
    till = models.ForeignKey(Till, models.PROTECT, related_name="offline_entries")
    seq = models.PositiveBigIntegerField(help_text="The device's own count, so that a missing entry shows.")
    body_hash = models.CharField(max_length=64)
    evidence = models.BinaryField(max_length=200, help_text="The bytes of the code that was shown.")
    said = models.JSONField(help_text="What the device said: offer, version, amount, list, cashier.")
    verdict = models.CharField(max_length=8, choices=EntryVerdict)
    code = models.CharField(max_length=40, blank=True, help_text="Why, as a stable code.")
    response = models.JSONField()
    scanned_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, help_text="When a person decided a late entry.")

    class Meta:
        verbose_name_plural = "offline entries"
        ordering = ["till", "seq"]
        indexes = [
            models.Index(fields=["till", "seq"], name="offline_entry_till_seq"),
            models.Index(
                fields=["received_at"], name="offline_entry_to_decide",
                condition=Q(verdict="late", decided_at__isnull=True),
            ),
        ]  # fmt: skip
        constraints = [
            models.CheckConstraint(condition=Q(verdict__in=EntryVerdict.values), name="offline_entry_verdict_known"),
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True) | Q(decided_at__gte=F("received_at")),
                name="offline_entry_decided_after_arrival",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.till_id}/{self.seq} {self.verdict}"
