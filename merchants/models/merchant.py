"""Merchants, the people who act for them, and their shops."""

import secrets
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from companies.models import StaffRole, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class Category(models.Model):
    """What a merchant sells, in a word employees look for."""

    slug = models.SlugField(unique=True)
    name_fr = models.CharField(max_length=60)
    name_en = models.CharField(max_length=60)

    class Meta:
        ordering = ["name_fr"]

    def __str__(self) -> str:
        return self.name_en if (get_language() or "fr").startswith("en") else self.name_fr


class MerchantStatus(models.TextChoices):
    """Where a merchant stands with the association."""

    APPLIED = "applied", _("To approve")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", pgettext_lazy("merchant", "Suspended")
    REFUSED = "refused", pgettext_lazy("merchant", "Refused")


def draw_alias_key() -> bytes:
    """The key under which a merchant sees cards, so that two merchants cannot compare what they saw."""
    return secrets.token_bytes(32)


class MerchantQuerySet(models.QuerySet["Merchant"]):
    def visible_to(self, user: "User | AnonymousUser") -> "MerchantQuerySet":
        """Merchants the user acts for; all of them for the association's staff."""
        if not user.is_authenticated:
            return self.none()
        if StaffRole.objects.filter(user=user).exists():
            return self
        return self.filter(pk__in=MerchantRole.objects.filter(user=user).values("merchant"))

    def active(self) -> "MerchantQuerySet":
        return self.filter(status=MerchantStatus.ACTIVE)


class Merchant(models.Model):
    """A business that gives card holders a discount."""

    name = models.CharField(_("trade name"), max_length=120)
    siret = models.CharField("SIRET", max_length=14, unique=True)
    category = models.ForeignKey(Category, models.PROTECT, related_name="merchants", verbose_name=_("category"))
    email = models.EmailField(_("e-mail address"), blank=True)
    phone = models.CharField(_("telephone"), max_length=20, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=MerchantStatus, default=MerchantStatus.APPLIED)
    alias_key = models.BinaryField(default=draw_alias_key, max_length=32, editable=False)
    agreed_at = models.DateTimeField(help_text=_("When the agreement was accepted."), null=True, blank=True)
    agreement = models.CharField(max_length=20, blank=True, help_text=_("Version of the agreement that was accepted."))
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MerchantQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["status", "name"], name="merchant_status_name")]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=MerchantStatus.values), name="merchant_status_known")
        ]

    def __str__(self) -> str:
        return self.name


class MerchantRole(models.Model):
    """Makes a person an owner of a merchant."""

    user = models.ForeignKey(User, models.CASCADE, related_name="merchant_roles")
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="roles")
    role = models.CharField(max_length=10, choices=[("owner", _("Owner"))], default="owner")
    granted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "merchant", "role"], name="merchant_role_once")]

    def __str__(self) -> str:
        return f"{self.user} · {self.merchant}"


class Shop(models.Model):
    """A place where the card is accepted.

    `hours` maps weekdays "1" (Monday) to "7" to a list of [opening, closing] pairs such as ["09:00", "12:30"];
    `closures` is a list of [first day, last day] in ISO form, both included.
    """

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="shops")
    name = models.CharField(_("name"), max_length=120)
    street = models.CharField(_("street"), max_length=160)
    postcode = models.CharField(_("postcode"), max_length=5)
    city = models.CharField(_("town"), max_length=80)
    hours = models.JSONField(_("opening hours"), default=dict, blank=True)
    closures = models.JSONField(_("exceptional closures"), default=list, blank=True)
    lat = models.DecimalField(max_digits=8, decimal_places=6, null=True, blank=True)
    lon = models.DecimalField(max_digits=9, decimal_places=6, null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        return f"{self.street}, {self.postcode} {self.city}"
