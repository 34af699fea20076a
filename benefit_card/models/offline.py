"""What tills did without network, as it arrived: every entry is kept, whatever became of it."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.access import is_staff
from companies.models import User
from merchants.models import Till

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class EntryVerdict(models.TextChoices):
    """What became of an entry when it first arrived."""

    ACCEPTED = "accepted", pgettext_lazy("redemption", "Counted")
    REPLAYED = "replayed", _("Known already")
    CONFLICT = "conflict", _("Honoured beyond what was left")
    LATE = "late", _("Too late: a person decides")
    REFUSED = "refused", _("Not honoured")


class LateDecision(models.TextChoices):
    """What a person decided about a late sale or a conflict."""

    HONOURED = "honoured", _("Counted after all")
    REFUSED = "refused", pgettext_lazy("late sale", "Not counted")
    KEPT = "kept", _("Stays as it is")
    UNDONE = "undone", _("Taken off by a correction")
    WITHDRAWN = "withdrawn", _("Withdrawn by the merchant")


class OfflineEntryQuerySet(models.QuerySet["OfflineEntry"]):
    def visible_to(self, user: "User | AnonymousUser") -> "OfflineEntryQuerySet":
        """The association's staff sees all, a merchant's owner its own tills'; nobody else any."""
        if not user.is_authenticated:
            return self.none()
        return self if is_staff(user) else self.filter(till__shop__merchant__roles__user=user).distinct()

    def to_judge(self) -> "OfflineEntryQuerySet":
        """Late sales and conflicts, decided or not."""
        return self.filter(verdict__in=[EntryVerdict.LATE, EntryVerdict.CONFLICT])


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
    decided_at = models.DateTimeField(null=True, help_text="When a person decided a late entry or a conflict.")
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decision = models.CharField(max_length=9, choices=LateDecision, blank=True, default="", db_default="")
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")

    objects = OfflineEntryQuerySet.as_manager()

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
            models.CheckConstraint(
                condition=Q(decision="") | Q(decided_at__isnull=False), name="offline_entry_decision_has_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.till_id}/{self.seq} {self.verdict}"
