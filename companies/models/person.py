"""People who work in the member companies. Only what the card and the letters need is kept."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from companies.models.company import Company, Membership, Role, Site, StaffRole
from companies.models.user import User

if TYPE_CHECKING:
    from datetime import date

    from django.contrib.auth.models import AnonymousUser


class Person(models.Model):
    """A human who may hold a card. Somebody with two employers is one person with two employments."""

    first_name = models.CharField(_("first name"), max_length=80)
    last_name = models.CharField(_("last name"), max_length=80)
    user = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="person")
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"

    @property
    def initial(self) -> str:
        return self.last_name[:1].upper()


class EmploymentQuerySet(models.QuerySet["Employment"]):
    def visible_to(self, user: "User | AnonymousUser") -> "EmploymentQuerySet":
        """Employments of the companies where the user is in human resources or an administrator."""
        if not user.is_authenticated:
            return self.none()
        if StaffRole.objects.filter(user=user).exists():
            return self
        companies = Membership.objects.filter(user=user, role__in=[Role.HR, Role.ADMIN]).values("company")
        return self.filter(company__in=companies)

    def current(self, *, on: "date") -> "EmploymentQuerySet":
        """Employments that run on a day, first and last day included."""
        return self.filter(Q(ends_on__isnull=True) | Q(ends_on__gte=on), starts_on__lte=on)


class Employment(models.Model):
    """A person working for a company from a day to a day (both included)."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="employments")
    company = models.ForeignKey(Company, models.CASCADE, related_name="employments")
    site = models.ForeignKey(Site, models.SET_NULL, null=True, blank=True, related_name="employments")
    reference = models.CharField(_("staff number"), max_length=40, blank=True)
    email = models.EmailField(_("work e-mail"), blank=True)
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = EmploymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["company", "reference"],
                condition=~Q(reference=""),
                name="employment_reference_once_per_company",
            ),
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=F("starts_on")), name="employment_ends_after_start"
            ),
        ]
        indexes = [models.Index(fields=["company", "ends_on"], name="employment_company_ends")]

    def __str__(self) -> str:
        return f"{self.person} · {self.company}"
