"""How people get into a company, and companies into the association."""

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.core import signing
from django.db import models
from django.utils.translation import gettext_lazy as _

from companies.models.company import Company, Membership, Role, StaffRole
from companies.models.user import User

if TYPE_CHECKING:
    from datetime import datetime

    from django.contrib.auth.models import AnonymousUser

SALT = "companies.invitation"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, user: "User | AnonymousUser") -> "InvitationQuerySet":
        """Invitations of the companies the user administers; the staff sees them all."""
        if not user.is_authenticated:
            return self.none()
        if StaffRole.objects.filter(user=user).exists():
            return self
        return self.filter(company__in=Membership.objects.filter(user=user, role=Role.ADMIN).values("company"))

    def pending(self) -> "InvitationQuerySet":
        """Neither accepted nor withdrawn, expired ones included: they can be sent again."""
        return self.filter(accepted_at__isnull=True, revoked_at__isnull=True)


class Invitation(models.Model):
    """Roles offered to whoever reads a mailbox. The link is signed, expires, and works once."""

    company = models.ForeignKey(Company, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    roles = ArrayField(models.CharField(max_length=12, choices=Role))
    language = models.CharField(max_length=5, default="fr")
    serial = models.PositiveSmallIntegerField(default=1, help_text="Sending again makes the earlier links useless.")
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["company", "email"],
                condition=models.Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_one_pending_per_address",
            )
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def token(self) -> str:
        """What stands in the link."""
        return signing.dumps([self.pk, self.serial], salt=SALT)

    def is_open(self, at: "datetime") -> bool:
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > at

    @property
    def role_names(self) -> str:
        return ", ".join(str(Role(role).label) for role in self.roles)


class Application(models.Model):
    """A company's request to become a member, and who made it."""

    company = models.OneToOneField(Company, models.CASCADE, related_name="application")
    full_name = models.CharField(_("your name"), max_length=120)
    email = models.EmailField(_("your e-mail address"))
    message = models.TextField(_("message"), blank=True, max_length=2000)
    applied_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.company}: {self.email}"
