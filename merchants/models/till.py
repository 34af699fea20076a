"""Tills: paired devices. No cashier needs an account."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models import User
from merchants.models.merchant import Merchant, MerchantStatus, Shop


class TillQuerySet(models.QuerySet["Till"]):
    def stopped(self) -> "TillQuerySet":
        """Tills that are linked, and may scan again once the association lets their merchant in again."""
        return self.filter(revoked_at__isnull=True, shop__closed_at__isnull=True).exclude(
            shop__merchant__status=MerchantStatus.ACTIVE
        )

    def paired(self) -> "TillQuerySet":
        """Tills that may scan now: not revoked, of an active merchant, in a shop that is open for business.

        `has_cashiers` tells whether the till has to say who works.
        """
        cashiers = Cashier.objects.working().filter(shop=models.OuterRef("shop"))
        return (
            self.filter(
                revoked_at__isnull=True, shop__closed_at__isnull=True, shop__merchant__status=MerchantStatus.ACTIVE
            )
            .select_related("shop__merchant")
            .annotate(has_cashiers=models.Exists(cashiers))
        )


class Till(models.Model):
    """A device that may scan cards for one shop. Its token is shown once, at pairing; only the hash is kept."""

    shop = models.ForeignKey(Shop, models.PROTECT, related_name="tills")
    name = models.CharField(_("name"), max_length=60)
    token_hash = models.CharField(max_length=64, unique=True)
    paired_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    device_key = models.BinaryField(
        null=True, max_length=65, editable=False,
        help_text="P-256 point of the key that signs what the device did without network; it never leaves the device.",
    )  # fmt: skip

    objects = TillQuerySet.as_manager()

    # What REST framework asks of `request.user`; a till is authenticated by its token and is nobody's account.
    is_authenticated = True
    is_anonymous = False
    is_active = True

    class Meta:
        ordering = ["shop", "name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def merchant(self) -> Merchant:
        return self.shop.merchant


class PairingCode(models.Model):
    """Lets one device become a till, once, within ten minutes."""

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="pairing_codes")
    till_name = models.CharField(max_length=60)
    code_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    till = models.OneToOneField(Till, models.SET_NULL, null=True, blank=True, related_name="pairing_code")

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="pairing_code_expiry")]
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("created_at")), name="pairing_code_lives_after_birth"),
        ]

    def __str__(self) -> str:
        return self.till_name


class CashierQuerySet(models.QuerySet["Cashier"]):
    def working(self) -> "CashierQuerySet":
        """Cashiers who have not left."""
        return self.filter(removed_at__isnull=True)


class Cashier(models.Model):
    """Somebody who works at the tills of a shop. No account: a first name and a PIN, of which only the hash is kept."""

    shop = models.ForeignKey(Shop, models.PROTECT, related_name="cashiers")
    name = models.CharField(_("first name or nickname"), max_length=40)
    pin_hash = models.CharField(max_length=128)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = CashierQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["shop", "name"], condition=Q(removed_at__isnull=True), name="cashier_name_once_per_shop"
            )
        ]

    def __str__(self) -> str:
        return self.name
