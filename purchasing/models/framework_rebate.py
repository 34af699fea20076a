"""The year-end rebate of an agreement: what it comes to, and each company's part."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models import CreditNote, Invoice
from companies.models import Company, User
from purchasing.models.framework import FrameworkAgreement
from purchasing.models.supplier import Supplier
from purchasing.states import REBATE, RebateState, machine

# The parts of a rebate add up to it, to the cent.
REBATE_ADDS_UP = """
    PERFORM 1 FROM purchasing_frameworkrebate r WHERE r.id = NEW.rebate_id AND r.amount_cents <>
        (SELECT SUM(s.net_cents) FROM purchasing_rebateshare s WHERE s.rebate_id = r.id);
    IF FOUND THEN
        RAISE EXCEPTION 'rebate %: the parts do not add up', NEW.rebate_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


class RebateNote(models.Model):
    """The supplier's own credit note for the rebate of a year, as it is booked: one for all that was shared out by then."""

    agreement = models.ForeignKey(FrameworkAgreement, models.PROTECT, related_name="rebate_notes")
    supplier = models.ForeignKey(Supplier, models.PROTECT, related_name="rebate_notes")
    year = models.PositiveSmallIntegerField()
    number = models.CharField(_("number of the supplier's credit note"), max_length=60)
    issued_on = models.DateField(_("issued on"))
    # Negative where the supplier takes back what an earlier note gave too much.
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    by_rate = models.JSONField(default=list)  # [rate, net, VAT], as posted
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["agreement", "year", "pk"]
        constraints = [models.UniqueConstraint(fields=["supplier", "number"], name="rebate_note_once")]
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return self.number


class FrameworkRebate(models.Model):
    """What a year's received goods bring back. The first of a year, then one more for each difference found later.

    `volume` and `value_cents` are all of the year; `whole_cents` the rebate on them, `before_cents` what earlier ones
    shared out, and `amount_cents` the difference, which is what this one shares.
    """

    agreement = models.ForeignKey(FrameworkAgreement, models.PROTECT, related_name="rebates")
    year = models.PositiveSmallIntegerField(_("year"))
    sequence = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=8, choices=RebateState, default=RebateState.COMPUTED)
    volume = models.PositiveBigIntegerField()
    value_cents = models.PositiveBigIntegerField()
    # By the tiers, and as agreed with the supplier: another amount needs a reason.
    computed_cents = models.PositiveBigIntegerField()
    whole_cents = models.PositiveBigIntegerField()
    before_cents = models.BigIntegerField(default=0)
    amount_cents = models.BigIntegerField()
    # The tiers as they were, so that the sheet can be computed again.
    tiers = models.JSONField(default=list)
    reason = models.TextField(_("reason"), blank=True)
    supplier_reference = models.CharField(_("supplier's credit note"), max_length=60, blank=True)
    note = models.ForeignKey(RebateNote, models.PROTECT, null=True, blank=True, related_name="rebates")
    computed_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    computed_at = models.DateTimeField()
    issued_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    issued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["agreement", "-year", "-sequence"]
        constraints = [
            models.UniqueConstraint(fields=["agreement", "year", "sequence"], name="rebate_sequence_once"),
            models.UniqueConstraint(
                fields=["agreement", "year"], condition=Q(state="computed"), name="rebate_one_open_per_year"
            ),
            models.CheckConstraint(
                condition=Q(amount_cents=F("whole_cents") - F("before_cents")), name="rebate_is_the_difference"
            ),
            models.CheckConstraint(
                condition=Q(whole_cents=F("computed_cents")) | ~Q(reason=""), name="rebate_other_amount_has_reason"
            ),
            models.CheckConstraint(
                condition=~Q(state="issued") | (Q(issued_by__isnull=False, issued_at__isnull=False)),
                name="rebate_issued_by_somebody",
            ),
        ]
        triggers = [machine("rebate_states", REBATE)]

    def __str__(self) -> str:
        return f"{self.agreement_id} {self.year}/{self.sequence}"


class RebateShareQuerySet(models.QuerySet["RebateShare"]):
    def visible_to(self, user: User) -> RebateShareQuerySet:
        """Parts of the user's own companies; staff see all (I13)."""
        return self.filter(company__in=Company.objects.visible_to(user))


class RebateShare(models.Model):
    """One company's part, by largest remainder over what it received. `weight` and `rank` replay the split.

    No note in the listing model: there the supplier credits each company itself.
    """

    rebate = models.ForeignKey(FrameworkRebate, models.PROTECT, related_name="shares")
    company = models.ForeignKey(Company, models.PROTECT, related_name="rebate_shares")
    units = models.PositiveBigIntegerField()
    # At the prices of the orders, less what claims gave back.
    value_cents = models.PositiveBigIntegerField()
    credited_cents = models.PositiveBigIntegerField(default=0)
    weight = models.PositiveBigIntegerField()
    rank = models.PositiveIntegerField(default=0)
    whole_cents = models.PositiveBigIntegerField()
    before_cents = models.BigIntegerField(default=0)
    net_cents = models.BigIntegerField()
    notes = models.ManyToManyField(CreditNote, related_name="rebate_shares", blank=True)
    # Where an earlier rebate gave too much, the difference is invoiced.
    invoice = models.ForeignKey(Invoice, models.PROTECT, null=True, blank=True, related_name="+")

    objects = RebateShareQuerySet.as_manager()

    class Meta:
        ordering = ["rebate", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["rebate", "company"], name="rebate_share_once"),
            models.CheckConstraint(
                condition=Q(net_cents=F("whole_cents") - F("before_cents")), name="rebate_share_is_the_difference"
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="rebate_adds_up",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=REBATE_ADDS_UP,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.net_cents} → {self.company_id}"
