"""A company's firm word: so many, at most at this price."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Document, Site, User
from purchasing.models.pool import Pool, PoolLine
from purchasing.models.request import RequestLine
from purchasing.states import COMMITMENT, CommitmentState, machine


class CommitmentQuerySet(models.QuerySet["Commitment"]):
    def visible_to(self, user: User) -> CommitmentQuerySet:
        """Commitments of the user's own companies; staff see all. A lead buyer sees no other company's (I13)."""
        return self.filter(company__in=Company.objects.visible_to(user))

    def firm(self) -> CommitmentQuerySet:
        """Those that count: committed before the lock, locked after it. A draft is not a commitment."""
        return self.filter(state__in=[CommitmentState.COMMITTED, CommitmentState.LOCKED])


class Commitment(models.Model):
    """The current word of one company on one pool line; what it said before is in `versions`."""

    class DropReason(models.TextChoices):
        PRICE_CAP = "price_cap", _("The price is above your cap")
        MINIMUM = "minimum", _("A minimum was missed")
        MIN_USEFUL = "min_useful", _("Less than your useful minimum")
        APPROVAL = "approval", _("Not approved in time")
        BUDGET = "budget", _("The budget does not cover it")
        CONSENT = "consent", _("You refused the supplier's change")
        DRAFT = "draft", _("Still a draft at the deadline")
        SUSPENDED = "suspended", _("The company is suspended")
        CANCELLED = "cancelled", _("The pool was cancelled")
        ORDER = "order", _("The order to the supplier was cancelled")
        DEARER = "dearer", _("You better order alone: together would have been dearer")

    pool_line = models.ForeignKey(PoolLine, models.PROTECT, related_name="commitments")
    company = models.ForeignKey(Company, models.PROTECT, related_name="commitments")
    site = models.ForeignKey(Site, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("site"))
    request_line = models.ForeignKey(RequestLine, models.PROTECT, null=True, blank=True, related_name="commitments")
    state = models.CharField(max_length=10, choices=CommitmentState, default=CommitmentState.DRAFT)
    quantity = models.PositiveIntegerField(_("quantity"))
    # May be used to fill packs; with `tolerance_tier` also to reach a better tier.
    tolerance = models.PositiveIntegerField(_("tolerance"), default=0)
    tolerance_tier = models.BooleanField(_("also use the tolerance for a better tier"), default=False)
    price_cap_e4 = models.PositiveBigIntegerField(_("price cap"), null=True, blank=True)
    min_useful = models.PositiveIntegerField(_("useful minimum"), default=0)
    # Whose budget pays: said by the buyer, else that of the request.
    cost_centre = models.CharField(_("cost centre"), max_length=40, blank=True)
    # Age for ties and for first come, first served: when the quantity held now was first promised.
    committed_at = models.DateTimeField(null=True, blank=True)
    committed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    approved_cents = models.PositiveBigIntegerField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)
    # The company's part of the order, set at the lock.
    granted = models.PositiveIntegerField(null=True, blank=True)
    drop_reason = models.CharField(max_length=10, choices=DropReason, blank=True)
    # Net cost of buying what was granted alone at the same quotes, for the fairness cap; null = no alternative.
    stand_alone_cents = models.PositiveBigIntegerField(null=True, blank=True)
    # The same for what came, when that was less.
    alone_received_cents = models.PositiveBigIntegerField(null=True, blank=True)

    objects = CommitmentQuerySet.as_manager()

    class Meta:
        ordering = ["pool_line", "committed_at", "pk"]
        indexes = [models.Index(fields=["company", "state"], name="commitment_by_company")]
        constraints = [
            models.UniqueConstraint(fields=["pool_line", "company"], name="commitment_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="commitment_quantity_positive"),
            models.CheckConstraint(
                condition=Q(granted__isnull=True) | Q(granted__lte=F("quantity") + F("tolerance")),
                name="commitment_granted_within_tolerance",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["committed", "locked"]) | Q(committed_at__isnull=False),
                name="commitment_firm_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="locked") | Q(granted__isnull=False), name="commitment_locked_has_granted"
            ),
            models.CheckConstraint(
                condition=~Q(state="dropped") | ~Q(drop_reason=""), name="commitment_dropped_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | Q(committed_by__isnull=True)
                | ~Q(approved_by=F("committed_by")),
                name="commitment_buyer_is_not_approver",
            ),
        ]
        triggers = [machine("commitment_states", COMMITMENT)]

    def __str__(self) -> str:
        return f"{self.company_id}: {self.quantity} × {self.pool_line_id}"


class ProofQuerySet(models.QuerySet["CommitmentProof"]):
    def visible_to(self, user: User) -> ProofQuerySet:
        """Proofs of the user's own companies; staff see all."""
        return self.filter(company__in=Company.objects.visible_to(user))


class CommitmentProof(models.Model):
    """What a company confirmed at one moment, word for word, with its hash; the PDF is made right after and mailed.

    A row without a document is the outbox of that work: a sweeper finishes what a crash left behind.
    """

    pool = models.ForeignKey(Pool, models.PROTECT, related_name="+")
    company = models.ForeignKey(Company, models.PROTECT, related_name="commitment_proofs")
    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    content = models.JSONField()
    # SHA-256 of the canonical JSON of `content`; printed on the PDF.
    sha256 = models.CharField(max_length=64)
    document = models.ForeignKey(Document, models.PROTECT, null=True, blank=True, related_name="+")

    objects = ProofQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["company", "pool"], name="proof_by_company_and_pool"),
            models.Index(fields=["at"], condition=Q(document__isnull=True), name="proof_to_write"),
        ]
        triggers = [
            pgtrigger.Protect(name="proof_kept", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="proof_frozen", fields=["pool", "company", "actor", "at", "content", "sha256"]),
        ]

    def __str__(self) -> str:
        return f"{self.company_id}/{self.pool_id} {self.at:%Y-%m-%d %H:%M}"


class CommitmentVersion(models.Model):
    """One thing the company said, with the proof of what it agreed to. Append-only."""

    commitment = models.ForeignKey(Commitment, models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    quantity = models.PositiveIntegerField()
    tolerance = models.PositiveIntegerField(default=0)
    tolerance_tier = models.BooleanField(default=False)
    price_cap_e4 = models.PositiveBigIntegerField(null=True, blank=True)
    min_useful = models.PositiveIntegerField(default=0)
    # Dates, prices, policies and legal model shown on the page that was confirmed.
    terms = models.JSONField(default=dict)
    proof = models.ForeignKey(CommitmentProof, models.PROTECT, null=True, blank=True, related_name="versions")
    actor = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["commitment", "number"]
        constraints = [models.UniqueConstraint(fields=["commitment", "number"], name="commitment_version_once")]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]

    def __str__(self) -> str:
        return f"{self.commitment_id} v{self.number}"
