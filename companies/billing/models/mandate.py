"""SEPA direct debit mandates, with the evidence of what was agreed to, when and by whom."""

import pgtrigger
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.access import companies_of, is_staff
from companies.models import Company, Role, User
from companies.models.guards import never_emptied


class MandateState(models.TextChoices):
    """Where a mandate stands."""

    ASKED = "asked", _("Being set up")
    ACTIVE = "active", _("In force")
    REFUSED = "refused", _("Not accepted")
    REVOKED = "revoked", _("Revoked")
    LAPSED = "lapsed", _("Lapsed")


MANDATE_TRANSITIONS: dict[str, frozenset[str]] = {
    "asked": frozenset({"active", "refused"}),
    "active": frozenset({"revoked", "lapsed"}),
}


class MandateQuerySet(models.QuerySet["Mandate"]):
    def visible_to(self, user: User | AnonymousUser) -> "MandateQuerySet":
        """Mandates of the companies the user is accountant or administrator of; all for the association's staff."""
        if not user.is_authenticated:
            return self.none()
        return self if is_staff(user) else self.filter(company__in=companies_of(user, Role.ACCOUNTANT, Role.ADMIN))


class Mandate(models.Model):
    """A company's permission to debit its account. The IBAN itself is with Stripe; we keep country and last four."""

    company = models.ForeignKey(Company, models.PROTECT, related_name="mandates")
    state = models.CharField(_("state"), max_length=8, choices=MandateState, default=MandateState.ASKED)
    key = models.CharField(max_length=60, blank=True, db_default="")  # drawn with the form: sent twice is signed once
    reference = models.CharField(_("mandate reference"), max_length=60, blank=True)  # RUM, given by Stripe
    creditor_name = models.CharField(max_length=160)
    creditor_ics = models.CharField(max_length=40)
    holder = models.CharField(_("account holder"), max_length=120)
    iban_country = models.CharField(max_length=2)
    iban_last4 = models.CharField(max_length=4)
    notice_days = models.PositiveSmallIntegerField()  # agreed with the mandate: how long before a debit it is announced
    text_version = models.CharField(max_length=20)
    text = models.TextField()  # the words as they stood on the page
    language = models.CharField(max_length=5)
    signed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    signed_at = models.DateTimeField()
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    setup_id = models.CharField(max_length=80, blank=True)
    method_id = models.CharField(max_length=80, blank=True)
    stripe_id = models.CharField(max_length=80, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    end_reason = models.CharField(max_length=240, blank=True)

    objects = MandateQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["company"], condition=Q(state="active"), name="mandate_one_in_force"),
            models.UniqueConstraint(fields=["reference"], condition=~Q(reference=""), name="mandate_reference_once"),
            models.UniqueConstraint(
                fields=["company", "key"],
                condition=~Q(key="") & Q(state__in=["asked", "active"]),
                name="mandate_once_per_key",
            ),
            models.UniqueConstraint(fields=["setup_id"], condition=~Q(setup_id=""), name="mandate_setup_once"),
            models.CheckConstraint(
                name="mandate_in_force_is_complete",
                condition=~Q(state="active") | (~Q(reference="") & ~Q(method_id="") & ~Q(stripe_id="")),
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="mandate_not_deleted", operation=pgtrigger.Delete),
            never_emptied("mandate_never_emptied"),
            pgtrigger.ReadOnly(
                name="mandate_evidence",
                fields=[
                    "company",
                    "creditor_name",
                    "creditor_ics",
                    "holder",
                    "iban_country",
                    "iban_last4",
                    "notice_days",
                    "text_version",
                    "text",
                    "language",
                    "signed_at",
                    "ip",
                    "user_agent",
                ],
            ),
            pgtrigger.FSM(
                name="mandate_states",
                field="state",
                transitions=[(old, new) for old, targets in MANDATE_TRANSITIONS.items() for new in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return self.reference or f"{self.company} · {self.pk}"

    @property
    def iban_hint(self) -> str:
        return f"{self.iban_country} … {self.iban_last4}"
