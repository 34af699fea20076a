"""Who owes the association something and is no member: a supplier, for its commission."""

from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from companies.access import is_staff
from companies.models import User


class CustomerQuerySet(models.QuerySet["Customer"]):
    def visible_to(self, user: User | AnonymousUser) -> "CustomerQuerySet":
        """The association's staff; the supplier itself comes by its signed link."""
        return self if is_staff(user) else self.none()


class Customer(models.Model):
    """A supplier as a buyer of the association's service. One per SIREN; what stands on an invoice is frozen there."""

    siren = models.CharField(max_length=9, unique=True)
    name = models.CharField(_("name"), max_length=160)
    legal_form = models.CharField(_("legal form"), max_length=60, blank=True)
    street = models.CharField(_("street"), max_length=160, blank=True)
    postcode = models.CharField(_("postcode"), max_length=10, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    siret = models.CharField(max_length=14, blank=True)
    vat_no = models.CharField(_("VAT number"), max_length=20, blank=True)
    e_address = models.CharField(_("electronic address"), max_length=60, blank=True)  # empty: its SIREN
    email = models.EmailField(_("e-mail"), blank=True)
    payment_days = models.PositiveSmallIntegerField(_("days to pay"), default=30)
    created_at = models.DateTimeField()

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_address(self) -> bool:
        """Whether an invoice may be written to it (CGI ann. II art. 242 nonies A, I, 1°)."""
        return bool(self.street and self.postcode and self.city)
