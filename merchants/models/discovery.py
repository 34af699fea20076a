"""What an employee keeps of the offers: favourites, and whether the monthly digest is wanted."""

from django.db import models

from companies.models import User
from merchants.models.merchant import Merchant


class Favourite(models.Model):
    """A merchant that somebody wants on top. Nobody else sees it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="favourite_merchants")
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "merchant"], name="favourite_once")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.merchant_id}"


class DigestChoice(models.Model):
    """Somebody who asked for the monthly mail of new offers; `stopped_at` ends it."""

    user = models.OneToOneField(User, models.CASCADE, related_name="digest_choice")
    since = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user_id}"
