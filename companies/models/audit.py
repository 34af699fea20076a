"""Who did what, when and why: append-only rows, chained by hash."""

import pgtrigger
from django.db import models
from django.utils.translation import gettext_lazy as _

from companies.models.company import Company
from companies.models.guards import never_emptied
from companies.models.user import User


class AuditEntry(models.Model):
    """One change of state, written in the same transaction as the change itself."""

    at = models.DateTimeField(_("when"))
    action = models.CharField(max_length=60)
    actor = models.ForeignKey(User, models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    actor_label = models.CharField(max_length=120, blank=True, db_default="")
    target_type = models.CharField(max_length=60)
    target_id = models.CharField(max_length=40)
    company = models.ForeignKey(Company, models.DO_NOTHING, null=True, related_name="+", db_constraint=False)
    reason = models.TextField(blank=True, db_default="")
    data = models.JSONField(default=dict, db_default={})

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["target_type", "target_id", "id"], name="audit_target")]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.target_type} {self.target_id}"

    @property
    def words(self) -> str:
        """The action for people; rooms register sentences in `companies.audit_words`."""
        from companies.audit_words import words

        return words(self.action)

    @property
    def actor_name(self) -> str:
        """Who did it: the account's name, or the label of a till, a supplier or the system."""
        from companies.audit_words import actor

        return actor(self.actor_label) or (str(self.actor) if self.actor_id and self.actor else "")

    @property
    def why(self) -> str:
        """The reason for people."""
        from companies.audit_words import why

        return why(self.reason)


class AuditSeal(models.Model):
    """The link of one entry in the chain: hash = SHA-256(previous hash, canonical entry).

    Seals are written by one process at a time, a moment after the entry, so that business transactions never queue behind
    the head of the chain (decision 0004).
    """

    seq = models.PositiveBigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, models.DO_NOTHING, related_name="seal", db_constraint=False)
    hash = models.BinaryField(max_length=32)

    class Meta:
        ordering = ["seq"]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("never_emptied"),
        ]

    def __str__(self) -> str:
        return f"seal {self.seq}"
