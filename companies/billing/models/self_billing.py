"""Invoices the association writes in the name of who sells to it (389, 261), and the written mandates that allow it."""

import pgtrigger
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.access import companies_of, is_staff
from companies.models import Company, Document, Role, User
from companies.models.guards import never_emptied


class MandatePurpose(models.TextChoices):
    """Whose invoices a mandate allows the association to write."""

    PURCHASES = "purchases", _("What it sells to the association")
    MEMBERS = "members", _("What it sells to the member companies")


class SelfBillingMandate(models.Model):
    """A seller's written permission (CGI art. 289, I, 2). A change of words is a new version, never an edit."""

    purpose = models.CharField(
        max_length=9, choices=MandatePurpose, default=MandatePurpose.PURCHASES, db_default="purchases"
    )
    contest_days = models.PositiveSmallIntegerField(default=8, db_default=8)  # the time to contest a document
    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="self_billing_mandates")
    siren = models.CharField(max_length=9)
    party = models.JSONField()  # the seller's identity as it stands on the documents
    version = models.PositiveSmallIntegerField()
    text = models.TextField()
    signed_on = models.DateField()
    signed_by = models.CharField(max_length=160)
    paper = models.OneToOneField(Document, models.PROTECT, related_name="+")  # the signed mandate itself
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=240, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["siren", "purpose", "version"], name="self_billing_version_once"),
            models.UniqueConstraint(
                fields=["siren", "purpose"], condition=Q(revoked_at__isnull=True), name="self_billing_one_in_force"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="self_billing_mandate_stays", exclude=["revoked_at", "revoked_reason", "created_by"]
            ),
            pgtrigger.Protect(name="self_billing_mandate_kept", operation=pgtrigger.Delete),
            never_emptied("self_billing_mandate_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.party['name']} · v{self.version}"

    @property
    def series(self) -> str:
        """Numbers of a seller are its own series (CGI ann. II art. 242 nonies A): one for all versions of its mandate."""
        return f"{'FM' if self.purpose == MandatePurpose.MEMBERS else 'AF'}{self.siren}"


class SelfBilledQuerySet(models.QuerySet["SelfBilled"]):
    def visible_to(self, user: User | AnonymousUser) -> "SelfBilledQuerySet":
        """All for the staff; those in the name of their company for its accountants and administrators."""
        if not user.is_authenticated:
            return self.none()
        mine = companies_of(user, Role.ACCOUNTANT, Role.ADMIN)
        return self if is_staff(user) else self.filter(mandate__company__in=mine)


class SelfBilled(models.Model):
    """An invoice (389) or a credit note (261) of a seller, written by the association. Only its file is added later."""

    class Type(models.TextChoices):
        INVOICE = "389", _("Self-billed invoice")
        CREDIT_NOTE = "261", pgettext_lazy("document", "Self-billed credit note")

    mandate = models.ForeignKey(SelfBillingMandate, models.PROTECT, related_name="documents")
    type_code = models.CharField(max_length=3, choices=Type)
    corrects = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="credits")
    number = models.CharField(_("number"), max_length=32, unique=True)
    key = models.CharField(max_length=80, unique=True)
    issued_at = models.DateTimeField()
    issued_on = models.DateField()
    supply_on = models.DateField()
    due_on = models.DateField()
    order_reference = models.CharField(max_length=80, blank=True)
    reason = models.CharField(max_length=240, blank=True)
    nature = models.CharField(max_length=8)
    seller = models.JSONField()
    buyer = models.JSONField()
    lines = models.JSONField()  # [{"description", "quantity", "unit", "net_cents", "vat_bp", "kind"}]
    vat = models.JSONField()  # [{"vat_bp", "base_cents", "vat_cents", "exemption"}]
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    gross_cents = models.BigIntegerField()
    document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="+")

    objects = SelfBilledQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="self_billed_gross_is_net_and_vat", condition=Q(gross_cents=F("net_cents") + F("vat_cents"))
            ),
            models.CheckConstraint(name="self_billed_is_of_something", condition=Q(gross_cents__gt=0)),
            models.CheckConstraint(
                name="self_billed_credit_names_its_invoice",
                condition=Q(type_code="389", corrects__isnull=True) | Q(type_code="261", corrects__isnull=False),
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="self_billed_immutable", exclude=["document"]),
            pgtrigger.Protect(name="self_billed_not_deleted", operation=pgtrigger.Delete),
            never_emptied("self_billed_never_emptied"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_credit(self) -> bool:
        return self.type_code == self.Type.CREDIT_NOTE
