"""Statements of the association's account, their lines, and what each line was matched with."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models.ledger import LedgerTransaction
from companies.models import Company, Document, User
from companies.models.guards import never_emptied


class BankStatement(models.Model):
    """One file of the bank. The same file is never taken twice."""

    document = models.OneToOneField(Document, models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64, unique=True)
    format = models.CharField(max_length=12)
    iban = models.CharField(max_length=34, blank=True)
    reference = models.CharField(max_length=80, blank=True)
    opening_cents = models.BigIntegerField(null=True)
    closing_cents = models.BigIntegerField(null=True)
    new_lines = models.PositiveIntegerField(default=0)
    known_lines = models.PositiveIntegerField(default=0)  # were in an earlier file
    imported_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    imported_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.reference or self.document.name


class LineState(models.TextChoices):
    """Where a line stands."""

    OPEN = "open", _("To be matched")
    MATCHED = "matched", _("Matched")
    ASIDE = "aside", _("Set aside")


LINE_TRANSITIONS: dict[str, frozenset[str]] = {
    "open": frozenset({"matched", "aside"}),
    "matched": frozenset({"open"}),
    "aside": frozenset({"open"}),
}


class BankLine(models.Model):
    """One movement as the bank booked it. Only its state ever changes; its key makes a second import impossible."""

    statement = models.ForeignKey(BankStatement, models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    key = models.CharField(max_length=64, unique=True)
    booked_on = models.DateField()
    value_on = models.DateField()
    cents = models.BigIntegerField()
    name = models.CharField(max_length=140, blank=True)
    iban = models.CharField(max_length=34, blank=True)
    text = models.CharField(max_length=500, blank=True)
    reference = models.CharField(max_length=60, blank=True)
    bank_id = models.CharField(max_length=60, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=LineState, default=LineState.OPEN)

    class Meta:
        ordering = ["-booked_on", "-pk"]
        indexes = [
            models.Index(fields=["state", "-booked_on"], name="bank_line_by_state"),
            models.Index(fields=["iban"], condition=~Q(iban=""), name="bank_line_by_iban"),
        ]
        constraints = [models.UniqueConstraint(fields=["statement", "position"], name="bank_line_position_once")]
        triggers = [
            pgtrigger.ReadOnly(name="bank_line_as_booked", exclude=["state"]),
            pgtrigger.Protect(name="bank_line_stays", operation=pgtrigger.Delete),
            never_emptied("bank_line_never_emptied"),
            pgtrigger.FSM(
                name="bank_line_states",
                field="state",
                transitions=[(old, new) for old, targets in LINE_TRANSITIONS.items() for new in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.booked_on} {self.cents}"


class BankMatch(models.Model):
    """What a line was used for: one posting of the whole line. A line has one match at most that is not undone."""

    line = models.ForeignKey(BankLine, models.PROTECT, related_name="matches")
    rule = models.CharField(max_length=16)  # reference, iban_amount, iban_all, or manual
    company = models.ForeignKey(Company, models.PROTECT, null=True, related_name="+")
    transaction = models.OneToOneField(LedgerTransaction, models.PROTECT, related_name="bank_match")
    matched_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    matched_at = models.DateTimeField()
    undone_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    undone_at = models.DateTimeField(null=True)
    undone_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["line"], condition=Q(undone_at=None), name="bank_line_matched_once"),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="bank_match_as_made", fields=["line", "rule", "company", "transaction", "matched_at"]
            ),
            pgtrigger.Protect(name="bank_match_stays", operation=pgtrigger.Delete),
            never_emptied("bank_match_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.line} {self.rule}"
