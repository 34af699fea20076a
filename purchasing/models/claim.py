"""Something was wrong with goods or invoice: the evidence, the supplier's answer, and the credit that ends it."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models import CreditNote
from companies.models import Company, Document, User
from purchasing.models.delivery import HandOver, Receipt
from purchasing.models.order import PurchaseOrder, PurchaseOrderLine
from purchasing.models.pool import Pool
from purchasing.models.settlement import SupplierInvoice
from purchasing.states import CLAIM, ClaimState, machine

# The shares of a credit add up to it, to the cent.
CREDITS_ADD_UP = """
    PERFORM 1 FROM purchasing_claim c WHERE c.id = NEW.claim_id AND c.credit_net_cents <>
        (SELECT SUM(s.net_cents) FROM purchasing_claimcredit s WHERE s.claim_id = c.id);
    IF FOUND THEN
        RAISE EXCEPTION 'claim %: the shares of the credit do not add up', NEW.claim_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


class ClaimQuerySet(models.QuerySet["Claim"]):
    def visible_to(self, user: User) -> ClaimQuerySet:
        """A company's own claims; whoever runs the pool sees all of its order (I13: no other company does)."""
        return self.filter(
            Q(company__in=Company.objects.visible_to(user)) | Q(order__pool__in=Pool.objects.led_by(user))
        )


class Claim(models.Model):
    """One claim against the supplier of an order. `company` is empty when it is about all of the delivery or invoice."""

    class Kind(models.TextChoices):
        MISSING = "missing", _("Goods are missing")
        DAMAGED = "damaged", _("Goods are damaged")
        WRONG = "wrong", _("Other goods than ordered")
        QUALITY = "quality", _("The quality is not as agreed")
        PRICE = "price", _("The price is not as agreed")
        OTHER = "other", _("Something else")

    class Outcome(models.TextChoices):
        CREDIT = "credit", _("Credit to the companies")
        SUPPLIER_CREDIT = "supplier", _("Credit of the supplier to the association")
        REPLACEMENT = "replacement", _("Goods delivered again")
        NOTHING = "nothing", _("Nothing")

    order = models.ForeignKey(PurchaseOrder, models.PROTECT, related_name="claims")
    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="claims")
    number = models.CharField(max_length=24, unique=True)
    kind = models.CharField(_("what is wrong"), max_length=8, choices=Kind)
    state = models.CharField(max_length=8, choices=ClaimState, default=ClaimState.OPEN)
    text = models.TextField(_("what happened"))
    asked_cents = models.PositiveBigIntegerField(_("credit asked, before VAT"), null=True, blank=True)
    # Where it was noticed.
    receipt = models.ForeignKey(Receipt, models.PROTECT, null=True, blank=True, related_name="claims")
    hand_over = models.ForeignKey(HandOver, models.PROTECT, null=True, blank=True, related_name="claims")
    supplier_invoice = models.ForeignKey(SupplierInvoice, models.PROTECT, null=True, blank=True, related_name="claims")
    # The supplier has until then; afterwards whoever runs the pool is reminded.
    due_at = models.DateTimeField()
    token_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    token_expires_at = models.DateTimeField(null=True, blank=True)
    opened_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    opened_at = models.DateTimeField()
    outcome = models.CharField(max_length=11, choices=Outcome, blank=True)
    credit_net_cents = models.PositiveBigIntegerField(default=0)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)

    objects = ClaimQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        indexes = [models.Index(fields=["state", "due_at"], name="claim_by_clock")]
        constraints = [
            models.CheckConstraint(condition=~Q(text=""), name="claim_says_what"),
            models.CheckConstraint(
                condition=~Q(state__in=["resolved", "rejected"])
                | (Q(decided_by__isnull=False, decided_at__isnull=False) & ~Q(reason="")),
                name="claim_decided_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(condition=~Q(state="resolved") | ~Q(outcome=""), name="claim_resolved_has_outcome"),
            models.CheckConstraint(
                condition=Q(credit_net_cents=0) | Q(outcome__in=["credit", "supplier"]), name="claim_credit_has_outcome"
            ),
            # A refused difference opens one claim, however often one clicks.
            models.UniqueConstraint(
                fields=["supplier_invoice"], condition=Q(kind="price"), name="claim_once_per_refused_difference"
            ),
        ]
        triggers = [machine("claim_states", CLAIM)]

    def __str__(self) -> str:
        return self.number


class ClaimLine(models.Model):
    """So many units of an order line are concerned."""

    claim = models.ForeignKey(Claim, models.CASCADE, related_name="lines")
    order_line = models.ForeignKey(PurchaseOrderLine, models.PROTECT, related_name="claim_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering = ["claim", "order_line"]
        constraints = [
            models.UniqueConstraint(fields=["claim", "order_line"], name="claim_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="claim_line_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.claim_id}: {self.quantity}"


class ClaimEvidence(models.Model):
    """A photo behind a claim; added, never taken away."""

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="evidence")
    document = models.ForeignKey(Document, models.PROTECT, related_name="+")
    by_supplier = models.BooleanField(default=False)
    added_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["claim", "pk"]
        constraints = [models.UniqueConstraint(fields=["claim", "document"], name="claim_evidence_once")]
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.claim_id}: {self.document_id}"


class ClaimAnswer(models.Model):
    """What the supplier says to a claim. Append-only."""

    class Verdict(models.TextChoices):
        ACCEPT = "accept", _("We accept and credit")
        REPLACE = "replace", _("We deliver again")
        REFUSE = "refuse", _("We do not accept")

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="answers")
    verdict = models.CharField(max_length=7, choices=Verdict)
    offered_cents = models.PositiveBigIntegerField(_("credit before VAT"), null=True, blank=True)
    text = models.TextField(_("remark"), blank=True)
    # Empty when it came by the link.
    recorded_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["claim", "at", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(verdict="refuse") | ~Q(text=""), name="claim_refusal_has_reason")
        ]
        triggers = [pgtrigger.Protect(name="never_changed", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.claim_id} {self.verdict}"


class ClaimCreditQuerySet(models.QuerySet["ClaimCredit"]):
    def visible_to(self, user: User) -> ClaimCreditQuerySet:
        return self.filter(company__in=Company.objects.visible_to(user))


class ClaimCredit(models.Model):
    """One company's part of a credit, by largest remainder over what it was charged, and its credit notes.

    `weight` and `rank` replay the split. No note in the listing model: there the supplier credits each company itself.
    """

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="credits")
    company = models.ForeignKey(Company, models.PROTECT, related_name="claim_credits")
    weight = models.PositiveBigIntegerField()
    rank = models.PositiveIntegerField(default=0)
    net_cents = models.PositiveBigIntegerField()
    # The part of it that gives back freight and fee, in proportion to the goods credited.
    costs_cents = models.PositiveBigIntegerField(default=0)
    notes = models.ManyToManyField(CreditNote, related_name="claim_credits", blank=True)

    objects = ClaimCreditQuerySet.as_manager()

    class Meta:
        ordering = ["claim", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["claim", "company"], name="claim_credit_once"),
            models.CheckConstraint(condition=Q(costs_cents__lte=F("net_cents")), name="claim_credit_costs_within"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="credits_add_up",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                func=CREDITS_ADD_UP,
            ),
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.net_cents} → {self.company_id}"
