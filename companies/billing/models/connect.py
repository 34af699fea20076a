"""Suppliers' own accounts at Stripe: what Connect carries never stands in the association's books."""

import pgtrigger
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.access import is_staff
from companies.billing.models.payment import Payment
from companies.models import User
from companies.models.guards import never_emptied


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


class HandedOn(models.Model):
    """A transfer to a supplier of money that had come back to us: what a later claim is recovered from."""

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="handed_on")
    key = models.CharField(max_length=120, unique=True)  # of the posting: connect-returned-<claim or refund>
    transfer_id = models.CharField(max_length=80, unique=True)
    cents = models.BigIntegerField()  # with our commission, which the transfer itself is less by

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(name="handed_on_something", condition=Q(cents__gt=0))]
        triggers = [
            pgtrigger.Protect(name="handed_on_stays", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("handed_on_never_emptied"),
        ]

    def __str__(self) -> str:
        return self.transfer_id
