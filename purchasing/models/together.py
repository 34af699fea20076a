"""Whether what companies committed to costs more together than alone, as last computed."""

from __future__ import annotations

from django.db import models

from purchasing.models.pool import Pool


class PoolTogether(models.Model):
    """What the commitments of a pool cost together and what their companies would pay alone, one by one.

    `found` is empty while ordering together pays. Else it says who better orders together and who alone, by company id,
    with the price of each alone; `fingerprint` tells for which units and prices. Kept after the lock as it was then.
    """

    pool = models.OneToOneField(Pool, models.CASCADE, related_name="together")
    fingerprint = models.CharField(max_length=64)
    cost_cents = models.PositiveBigIntegerField()
    alone_cents = models.PositiveBigIntegerField(null=True, blank=True)  # null: somebody cannot buy alone
    found = models.JSONField(default=dict)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.pool_id}: {self.cost_cents}/{self.alone_cents}"
