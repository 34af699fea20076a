"""What a supplier contests of the documents that were written in its name."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models.credit_note import CreditNote
from companies.billing.models.invoice import Invoice
from companies.models import User
from companies.models.guards import never_emptied


class Contest(models.Model):
    """A supplier's no to one document, within the time its mandate gives. The staff answers, with a credit note or words."""

    invoice = models.OneToOneField(Invoice, models.PROTECT, null=True, blank=True, related_name="contest")
    credit_note = models.OneToOneField(CreditNote, models.PROTECT, null=True, blank=True, related_name="contest")
    reason = models.CharField(_("reason"), max_length=500)
    made_at = models.DateTimeField()
    answer = models.CharField(_("answer"), max_length=500, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="contest_of_one_document",
                condition=Q(invoice__isnull=False, credit_note__isnull=True)
                | Q(invoice__isnull=True, credit_note__isnull=False),
            ),
            models.CheckConstraint(name="contest_says_why", condition=~Q(reason="")),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="contest_stays", exclude=["answer", "answered_at", "answered_by"]),
            pgtrigger.Protect(name="contest_kept", operation=pgtrigger.Delete),
            never_emptied("contest_never_emptied"),
        ]

    def __str__(self) -> str:
        return str(self.document)

    @property
    def document(self) -> Invoice | CreditNote:
        found = self.invoice or self.credit_note
        assert found is not None
        return found

    @property
    def about(self) -> Invoice:
        """The invoice it is about, itself or by its credit note."""
        return self.document if isinstance(self.document, Invoice) else self.document.invoice
