"""Who sells to the companies."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.models import Document, User
from purchasing.models.article import Category


class Supplier(models.Model):
    """A supplier of the association; its people answer by signed link, without an account."""

    name = models.CharField(_("name"), max_length=160, unique=True)
    siren = models.CharField(_("SIREN"), max_length=9, blank=True)
    vat_no = models.CharField(_("VAT number"), max_length=20, blank=True)
    street = models.CharField(_("street"), max_length=160, blank=True)
    postcode = models.CharField(_("postcode"), max_length=10, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    category = models.CharField(_("category"), max_length=20, choices=Category)
    minimum_cents = models.PositiveBigIntegerField(_("minimum order"), default=0)
    franco_cents = models.PositiveBigIntegerField(_("free freight from"), null=True, blank=True)
    lead_days = models.PositiveSmallIntegerField(_("lead time in days"), default=7)
    local = models.BooleanField(_("local supplier"), default=False)
    active = models.BooleanField(_("active"), default=True)
    notes = models.TextField(_("notes"), blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class SupplierContact(models.Model):
    """A person at a supplier. The one with `receives_tenders` gets the links."""

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="contacts")
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"))
    phone = models.CharField(_("telephone"), max_length=30, blank=True)
    receives_tenders = models.BooleanField(_("receives requests for quotes"), default=True)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["supplier", "email"], name="supplier_contact_once"),
            models.CheckConstraint(condition=~Q(email=""), name="supplier_contact_has_email"),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"


class SupplierClosure(models.Model):
    """Days on which a supplier neither prepares nor delivers."""

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="closures")
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("until"))
    reason = models.CharField(_("reason"), max_length=80, blank=True)

    class Meta:
        ordering = ["starts_on"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_on__gte=models.F("starts_on")), name="closure_ends_after_start")
        ]

    def __str__(self) -> str:
        return f"{self.starts_on} – {self.ends_on}"


class SupplierDocument(models.Model):
    """Proof that a supplier may sell to us: registration, insurance, social contributions, certificates."""

    class Kind(models.TextChoices):
        KBIS = "kbis", _("Company register extract (Kbis)")
        SOCIAL = "social", _("Certificate of social contributions")
        INSURANCE = "insurance", _("Liability insurance")
        QUALITY = "quality", _("Quality or safety certificate")
        OTHER = "other", _("Other document")

    supplier = models.ForeignKey(Supplier, models.CASCADE, related_name="documents")
    kind = models.CharField(_("document"), max_length=12, choices=Kind)
    document = models.ForeignKey(Document, models.PROTECT, related_name="+")
    expires_on = models.DateField(_("valid until"), null=True, blank=True)
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()
    # A newer one of the same kind took its place; the file stays for the record.
    replaced_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["kind", "-added_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["supplier", "kind"],
                condition=Q(replaced_at__isnull=True) & ~Q(kind="other"),
                name="supplier_document_one_current",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.expires_on or ''}"
