"""Member companies, their sites, and who does what in them."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.models.user import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class Role(models.TextChoices):
    """What a person does in a company."""

    ADMIN = "admin", _("Administrator")
    BUYER = "buyer", _("Buyer")
    APPROVER = "approver", _("Approver")
    HR = "hr", _("Human resources")
    ACCOUNTANT = "accountant", _("Accountant")


class CompanyStatus(models.TextChoices):
    """Where a company stands in the association."""

    APPLIED = "applied", _("Applied")
    ADMITTED = "admitted", _("Member")
    SUSPENDED = "suspended", _("Suspended")
    # Access has ended; orders, claims or invoices that are still open are brought to their end first.
    LEAVING = "leaving", pgettext_lazy("company", "Leaving")
    LEFT = "left", pgettext_lazy("company", "Left")


GONE = (CompanyStatus.LEAVING, CompanyStatus.LEFT)  # nobody acts for such a company any more


class CompanyQuerySet(models.QuerySet["Company"]):
    def visible_to(self, user: "User | AnonymousUser") -> "CompanyQuerySet":
        """Companies the user holds a role in; all of them for the association's staff."""
        if not user.is_authenticated:
            return self.none()
        if StaffRole.objects.filter(user=user).exists():
            return self
        return self.filter(pk__in=Membership.objects.filter(user=user).values("company")).exclude(status__in=GONE)

    def members(self) -> "CompanyQuerySet":
        """Companies that take part today."""
        return self.filter(status=CompanyStatus.ADMITTED, suspended_at__isnull=True)


class Company(models.Model):
    """A member company of the association."""

    name = models.CharField(_("name"), max_length=160)
    siren = models.CharField("SIREN", max_length=9)
    siret = models.CharField("SIRET", max_length=14, unique=True)
    vat_no = models.CharField(_("VAT number"), max_length=14, blank=True)
    legal_form = models.CharField(_("legal form"), max_length=40, blank=True)
    trade = models.CharField(_("trade"), max_length=80, blank=True)
    street = models.CharField(_("street"), max_length=160, blank=True)
    postcode = models.CharField(_("postcode"), max_length=10, blank=True)
    city = models.CharField(_("town"), max_length=80, blank=True)
    headcount = models.PositiveIntegerField(_("headcount"), default=0)
    status = models.CharField(_("status"), max_length=12, choices=CompanyStatus, default=CompanyStatus.APPLIED)
    suspended_at = models.DateTimeField(null=True, blank=True)
    approval_limit_cents = models.PositiveBigIntegerField(
        _("approval limit"),
        default=100_000,
        help_text=_("A request above this amount needs an approver. Zero: every request does."),
    )
    payment_days = models.PositiveSmallIntegerField(_("payment term in days"), default=30)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CompanyQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="company_suspended_has_a_date",
                condition=Q(status=CompanyStatus.SUSPENDED, suspended_at__isnull=False)
                | (~Q(status=CompanyStatus.SUSPENDED) & Q(suspended_at__isnull=True)),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_member(self) -> bool:
        return self.status == CompanyStatus.ADMITTED and self.suspended_at is None


class Site(models.Model):
    """A place of a company where goods are delivered and people work."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="sites")
    name = models.CharField(_("name"), max_length=120)
    street = models.CharField(_("street"), max_length=160, blank=True)
    postcode = models.CharField(_("postcode"), max_length=10, blank=True)
    city = models.CharField(_("town"), max_length=80, blank=True)
    delivery_hours = models.CharField(_("delivery hours"), max_length=160, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["company", "name"], name="site_name_once_per_company")]

    def __str__(self) -> str:
        return self.name


class StaffRole(models.Model):
    """Makes a person a member of the association's staff."""

    user = models.OneToOneField(User, models.CASCADE, related_name="staff_role")
    granted_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.user)


class Membership(models.Model):
    """One role of one person in one company."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    company = models.ForeignKey(Company, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=12, choices=Role)
    granted_at = models.DateTimeField(auto_now_add=True)
    granted_by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "company", "role"], name="membership_role_once"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.company} · {self.role}"
