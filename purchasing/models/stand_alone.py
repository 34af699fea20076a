"""What each company of a pool would pay alone for what it gets, and how sure that is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from companies.models import Company, User
from purchasing.models.pool import Pool


class StandAloneQuerySet(models.QuerySet["StandAlone"]):
    def visible_to(self, user: User) -> StandAloneQuerySet:
        """Rows of the user's own companies; staff see all: the price tells how much a company takes (I13)."""
        return self.filter(company__in=Company.objects.visible_to(user))


class StandAlone(models.Model):
    """The least a company could pay alone for `wanted` (pool line → units) at the quotes of the tender.

    `cents` is the optimum where `proven`, else a proven lower bound; null: no quote would sell so little, as far as found.
    `fingerprint` says for which units and quotes; the lock uses the row only when it still fits. `parts` shares `cents`
    out over the lines. Once the solver has had its turn, `tried` is set.
    """

    pool = models.ForeignKey(Pool, models.CASCADE, related_name="stand_alone")
    company = models.ForeignKey(Company, models.PROTECT, related_name="+")
    fingerprint = models.CharField(max_length=64)
    wanted = models.JSONField(default=dict)
    cents = models.PositiveBigIntegerField(null=True, blank=True)
    found_cents = models.PositiveBigIntegerField(null=True, blank=True)
    proven = models.BooleanField(default=False)
    tried = models.BooleanField(default=False)
    parts = models.JSONField(default=dict)
    # Where the search ended: quotes bought from and prices of the bound, so that a small change is answered at once.
    start = models.JSONField(default=dict)
    at = models.DateTimeField()

    objects = StandAloneQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "company"], name="stand_alone_once"),
            models.CheckConstraint(
                condition=Q(cents__isnull=True) | Q(found_cents__isnull=True) | Q(cents__lte=models.F("found_cents")),
                name="stand_alone_is_no_more_than_found",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pool_id}/{self.company_id}: {self.cents}"
