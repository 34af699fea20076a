"""Suppliers' own accounts at Stripe: what Connect carries never stands in the association's books."""

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.access import is_staff
from companies.models import User


class ConnectedAccountQuerySet(models.QuerySet["ConnectedAccount"]):
    def visible_to(self, user: User | AnonymousUser) -> "ConnectedAccountQuerySet":
        """The association's staff; the supplier itself comes by its signed link."""
        return self if is_staff(user) else self.none()


class ConnectedAccount(models.Model):
    """A supplier at Stripe, as Stripe last said. One per SIREN."""

    siren = models.CharField(max_length=9, unique=True)
    name = models.CharField(_("name"), max_length=160)
    email = models.EmailField(_("e-mail"))
    account_id = models.CharField(max_length=80, blank=True)  # empty until Stripe answered
    charges_enabled = models.BooleanField(default=False)
    payouts_enabled = models.BooleanField(default=False)
    transfers_active = models.BooleanField(default=False)
    details_submitted = models.BooleanField(default=False)
    requirements = models.JSONField(default=list, blank=True)  # what Stripe still asks for
    # The association's commission on what is paid through this account, incl. VAT; 0 for none.
    commission_bp = models.PositiveIntegerField(_("commission"), default=0)
    invited_at = models.DateTimeField()
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    seen_at = models.DateTimeField(null=True, blank=True)

    objects = ConnectedAccountQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["account_id"], condition=~Q(account_id=""), name="connected_account_of_one_supplier"
            ),
            models.CheckConstraint(name="connected_commission_within_bounds", condition=Q(commission_bp__lte=3_000)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def can_charge(self) -> bool:
        """Whether the companies may pay through it today."""
        return bool(self.account_id) and self.charges_enabled and self.transfers_active
