"""Money kept for a company that goes back to it: asked for once, sent once, never more than is kept."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models.bank import BankMatch
from companies.billing.models.payment import Refund
from companies.models import Company, User
from companies.models.guards import never_emptied


class DepositRefundState(models.TextChoices):
    ASKED = "asked", _("On its way")
    DONE = "done", _("Sent back")
    CANCELLED = "cancelled", _("Given up")


# A bank line matched with it may be undone, and a card's refund may come back days after it was sent.
DEPOSIT_REFUND_TRANSITIONS: dict[str, frozenset[str]] = {
    "asked": frozenset({"done", "cancelled"}),
    "done": frozenset({"asked", "cancelled"}),
}


class DepositRefund(models.Model):
    """One sum on its way back: to the means it was paid with (`refund`), or by transfer to `iban` until a bank line shows it."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="deposit_refunds")
    key = models.CharField(max_length=60, unique=True)
    state = models.CharField(_("state"), max_length=10, choices=DepositRefundState, default=DepositRefundState.ASKED)
    cents = models.BigIntegerField()
    reason = models.CharField(max_length=240)
    iban = models.CharField(max_length=34, blank=True)
    iban_known = models.BooleanField(default=False)  # money came from this account before
    refund = models.OneToOneField(Refund, models.PROTECT, null=True, blank=True, related_name="deposit")
    match = models.OneToOneField(BankMatch, models.PROTECT, null=True, blank=True, related_name="deposit_refund")
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["asked_at"], condition=Q(state="asked"), name="deposit_refund_open")]
        constraints = [
            models.CheckConstraint(name="deposit_refund_of_something", condition=Q(cents__gt=0)),
            models.CheckConstraint(
                name="deposit_refund_goes_one_way",
                condition=Q(iban="", refund__isnull=False) | (~Q(iban="") & Q(refund__isnull=True)),
            ),
            models.CheckConstraint(
                name="deposit_refund_done_was_sent",
                condition=~Q(state="done") | Q(refund__isnull=False) | Q(match__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="deposit_refund_as_asked", exclude=["state", "match", "ended_at", "asked_by"]),
            pgtrigger.Protect(name="deposit_refund_stays", operation=pgtrigger.Delete),
            never_emptied("deposit_refund_never_emptied"),
            pgtrigger.FSM(
                name="deposit_refund_states",
                field="state",
                transitions=[
                    (old, new) for old, targets in DEPOSIT_REFUND_TRANSITIONS.items() for new in sorted(targets)
                ],
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def reference(self) -> str:
        """What the transfer says, and by which its bank line is recognised."""
        return f"RMB-{self.pk:06d}"

    @property
    def iban_spaced(self) -> str:
        """The account in groups of four, as banks print it."""
        return " ".join(self.iban[place : place + 4] for place in range(0, len(self.iban), 4))
