"""What a company may spend, and who must agree above which amount."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import Company, Role, User
from purchasing.models.commitment import Commitment
from purchasing.models.pool import Pool
from purchasing.models.request import PurchaseRequest


class OfCompanyQuerySet(models.QuerySet[Any]):
    """Rows that belong to a company by a field of that name."""

    def visible_to(self, user: User) -> OfCompanyQuerySet:
        """Rows of the user's own companies; association staff see all."""
        return self.filter(company__in=Company.objects.visible_to(user))


class Budget(models.Model):
    """What a cost centre may commit in one calendar year, before VAT. A company with one keeps budgets for that year."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="budgets")
    year = models.PositiveSmallIntegerField(_("year"))
    # As on requests: trimmed, upper case. Never blank: what has no cost centre has no budget either.
    cost_centre = models.CharField(_("cost centre"), max_length=40)
    name = models.CharField(_("name"), max_length=80, blank=True)
    amount_cents = models.PositiveBigIntegerField(_("budget"))

    objects = OfCompanyQuerySet.as_manager()

    class Meta:
        ordering = ["-year", "cost_centre"]
        constraints = [
            models.UniqueConstraint(fields=["company", "year", "cost_centre"], name="budget_once_per_centre_and_year"),
            models.CheckConstraint(condition=~Q(cost_centre=""), name="budget_has_cost_centre"),
        ]

    def __str__(self) -> str:
        return f"{self.cost_centre} {self.year}"


class BudgetCharge(models.Model):
    """What one commitment costs its budget by the last look at tier and freight. Written again whenever these change."""

    commitment = models.OneToOneField(Commitment, models.CASCADE, primary_key=True, related_name="charge")
    cents = models.PositiveBigIntegerField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.commitment_id}: {self.cents}"


class ApprovalLevel(models.Model):
    """Above an amount more people must agree. The company's approval limit with one approver comes before all levels."""

    class Kind(models.TextChoices):
        ANY = "", _("any approver")
        ACCOUNTANT = Role.ACCOUNTANT.value, _("one of them an accountant")
        ADMIN = Role.ADMIN.value, _("one of them an administrator")

    company = models.ForeignKey(Company, models.CASCADE, related_name="approval_levels")
    above_cents = models.PositiveBigIntegerField(_("above"))
    approvers = models.PositiveSmallIntegerField(_("number of approvers"), default=1)
    kind = models.CharField(_("who"), max_length=12, choices=Kind, blank=True, default=Kind.ANY)

    objects = OfCompanyQuerySet.as_manager()

    class Meta:
        ordering = ["above_cents"]
        constraints = [
            models.UniqueConstraint(fields=["company", "above_cents"], name="approval_level_once_per_amount"),
            models.CheckConstraint(condition=Q(approvers__gte=1, approvers__lte=5), name="approval_level_one_to_five"),
        ]

    def __str__(self) -> str:
        return f"{self.above_cents}: {self.approvers} {self.kind}"


class Delegation(models.Model):
    """An absent approver's authority in another person's hands, from one day to another."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="delegations")
    absent = models.ForeignKey(User, models.CASCADE, related_name="delegations_given", verbose_name=_("who is absent"))
    stand_in = models.ForeignKey(User, models.CASCADE, related_name="delegations_held", verbose_name=_("who stands in"))
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))
    reason = models.CharField(_("reason"), max_length=120, blank=True)
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = OfCompanyQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_on", "pk"]
        indexes = [models.Index(fields=["stand_in", "company", "ends_on"], name="delegation_of_stand_in")]
        constraints = [
            models.CheckConstraint(condition=~Q(absent=F("stand_in")), name="delegation_to_somebody_else"),
            models.CheckConstraint(condition=Q(ends_on__gte=F("starts_on")), name="delegation_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.absent} → {self.stand_in}"


class CommitmentApproval(models.Model):
    """One person's yes to a company's part of a pool, up to an amount. Several may be needed."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="+")
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="approvals")
    approver = models.ForeignKey(User, models.PROTECT, related_name="+")
    on_behalf_of = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    amount_cents = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    # Set when an approver said no, or the approver became the buyer.
    void_at = models.DateTimeField(null=True, blank=True)

    objects = OfCompanyQuerySet.as_manager()

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["pool", "company"], name="approval_of_pool")]
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "company", "approver"],
                condition=Q(void_at__isnull=True),
                name="approval_once_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool_id}/{self.company_id}: {self.approver_id}"


class ApprovalLink(models.Model):
    """A signed link that lets one approver say yes from the mail: once, until it expires. Only its hash is kept."""

    token_hash = models.CharField(max_length=64, unique=True)
    approver = models.ForeignKey(User, models.CASCADE, related_name="+")
    company = models.ForeignKey(Company, models.CASCADE, related_name="+")
    request = models.ForeignKey(PurchaseRequest, models.CASCADE, null=True, blank=True, related_name="+")
    pool = models.ForeignKey(Pool, models.CASCADE, null=True, blank=True, related_name="+")
    # The amount the mail named; the link approves no more than that.
    amount_cents = models.PositiveBigIntegerField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(request__isnull=False, pool__isnull=True) | Q(request__isnull=True, pool__isnull=False),
                name="approval_link_of_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approver_id} until {self.expires_at:%Y-%m-%d}"
