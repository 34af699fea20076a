"""Invoices on their way through the approved platform, those received, and every status of their life cycle."""

import pgtrigger
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.access import is_staff
from companies.billing.models.credit_note import CreditNote
from companies.billing.models.invoice import Invoice
from companies.billing.models.ledger import LedgerTransaction
from companies.billing.models.self_billing import SelfBilled
from companies.models import Company, Document, User
from companies.models.guards import never_emptied


class EInvoicing(models.Model):
    """How a company is reached: its electronic address (scheme 0225), and from when it gets invoices there."""

    company = models.OneToOneField(Company, models.PROTECT, related_name="e_invoicing")
    address = models.CharField(_("electronic address"), max_length=60)
    switch_on = models.DateField(_("structured invoices from"))

    def __str__(self) -> str:
        return self.address


class TransmissionState(models.TextChoices):
    """Where a document stands between us and its reader."""

    WAITING = "waiting", _("Waiting to be sent")
    SENT = "sent", _("Handed to the platform")
    DELIVERED = "delivered", _("Received by the company")
    APPROVED = "approved", _("Approved by the company")
    REFUSED = "refused", _("Refused by the company")
    REJECTED = "rejected", _("Rejected by the platform")


TRANSMISSION_TRANSITIONS: dict[str, frozenset[str]] = {
    "waiting": frozenset({"sent", "rejected"}),
    "sent": frozenset({"delivered", "approved", "refused", "rejected"}),
    "delivered": frozenset({"approved", "refused", "rejected"}),
    "approved": frozenset({"refused"}),
    "refused": frozenset(),
    "rejected": frozenset({"waiting"}),
}


class Transmission(models.Model):
    """One document handed to the platform, once."""

    invoice = models.OneToOneField(Invoice, models.PROTECT, null=True, blank=True, related_name="transmission")
    credit_note = models.OneToOneField(CreditNote, models.PROTECT, null=True, blank=True, related_name="transmission")
    self_billed = models.OneToOneField(SelfBilled, models.PROTECT, null=True, blank=True, related_name="transmission")
    state = models.CharField(_("state"), max_length=9, choices=TransmissionState, default=TransmissionState.WAITING)
    channel = models.CharField(max_length=12, blank=True)
    flow_id = models.CharField(max_length=80, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=240, blank=True)
    created_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["tried_at"], condition=Q(state="waiting"), name="transmission_waiting")]
        constraints = [
            models.CheckConstraint(
                name="transmission_of_one_document",
                condition=Q(invoice__isnull=False, credit_note__isnull=True, self_billed__isnull=True)
                | Q(invoice__isnull=True, credit_note__isnull=False, self_billed__isnull=True)
                | Q(invoice__isnull=True, credit_note__isnull=True, self_billed__isnull=False),
            ),
            models.UniqueConstraint(fields=["flow_id"], condition=~Q(flow_id=""), name="transmission_flow_once"),
        ]
        triggers = [
            pgtrigger.FSM(
                name="transmission_states",
                field="state",
                transitions=[(o, n) for o, targets in TRANSMISSION_TRANSITIONS.items() for n in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def about(self) -> Invoice | CreditNote | SelfBilled:
        """The document."""
        document = self.invoice or self.credit_note or self.self_billed
        assert document is not None
        return document

    @property
    def number(self) -> str:
        return self.about.number

    @property
    def company(self) -> Company | None:
        """Whose document it is; None for a seller that is no member."""
        if self.self_billed is not None:
            return self.self_billed.mandate.company
        return self.invoice.company if self.invoice else self.credit_note.invoice.company if self.credit_note else None

    @property
    def receiver_name(self) -> str:
        """Whom an invoice or a credit note of ours goes to."""
        invoice = self.invoice or (self.credit_note.invoice if self.credit_note else None)
        return str(invoice.buyer["name"]) if invoice else ""


class ReceivedState(models.TextChoices):
    """What was decided about a received invoice."""

    RECEIVED = "received", pgettext_lazy("invoice", "To be checked")
    APPROVED = "approved", pgettext_lazy("invoice", "Approved")
    REFUSED = "refused", pgettext_lazy("invoice", "Refused")
    PAID = "paid", pgettext_lazy("invoice", "Paid")


RECEIVED_TRANSITIONS: dict[str, frozenset[str]] = {
    "received": frozenset({"approved", "refused"}),
    "approved": frozenset({"paid", "refused"}),
    "refused": frozenset(),
    "paid": frozenset(),
}


class ReceivedQuerySet(models.QuerySet["ReceivedInvoice"]):
    def visible_to(self, user: User | AnonymousUser) -> "ReceivedQuerySet":
        """The association's staff; nobody else."""
        return self if is_staff(user) else self.none()

    def for_order(self, number: str) -> "ReceivedQuerySet":
        """Those that quote an order of ours and were not refused."""
        return self.filter(order_reference=number).exclude(state=ReceivedState.REFUSED)


class ReceivedInvoice(models.Model):
    """An invoice sent to the association, as it was read. Only its state and the words of a refusal change."""

    document = models.OneToOneField(Document, models.PROTECT, related_name="+")
    sha256 = models.CharField(max_length=64, unique=True)
    format = models.CharField(max_length=8)  # facturx | cii | ubl | pdf
    source = models.CharField(max_length=12)  # upload | folder | mailbox | platform
    flow_id = models.CharField(max_length=80, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=ReceivedState, default=ReceivedState.RECEIVED)
    type_code = models.CharField(max_length=4, default="380")
    number = models.CharField(_("number"), max_length=60)
    seller_name = models.CharField(_("supplier"), max_length=160, blank=True)
    seller_siren = models.CharField(max_length=9, blank=True)
    seller_vat_no = models.CharField(max_length=20, blank=True)
    seller_iban = models.CharField(max_length=34, blank=True)
    issued_on = models.DateField(null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    order_reference = models.CharField(max_length=80, blank=True)
    net_cents = models.BigIntegerField(null=True)
    vat_cents = models.BigIntegerField(null=True)
    gross_cents = models.BigIntegerField(null=True)
    vat = models.JSONField(default=list)  # [{"vat_bp", "base_cents", "vat_cents"}]
    problems = models.JSONField(default=list)  # codes of what does not fit, see reading.PROBLEMS
    refusal = models.CharField(max_length=240, blank=True)  # the words the supplier was given
    received_at = models.DateTimeField()

    objects = ReceivedQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["order_reference"], condition=~Q(order_reference=""), name="received_by_order")]
        constraints = [
            models.UniqueConstraint(
                fields=["seller_siren", "number"], condition=~Q(seller_siren=""), name="received_invoice_once"
            ),
            models.UniqueConstraint(fields=["flow_id"], condition=~Q(flow_id=""), name="received_flow_once"),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="received_as_read", exclude=["state", "refusal"]),
            pgtrigger.Protect(name="received_stays", operation=pgtrigger.Delete),
            never_emptied("received_never_emptied"),
            pgtrigger.FSM(
                name="received_states",
                field="state",
                transitions=[(o, n) for o, targets in RECEIVED_TRANSITIONS.items() for n in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_read(self) -> bool:
        """Whether figures were read; a plain PDF is read by a person, and its supplier told by one."""
        return self.format != "pdf"


class ReceivedLine(models.Model):
    """One line as the supplier wrote it."""

    invoice = models.ForeignKey(ReceivedInvoice, models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    text = models.CharField(max_length=240)
    article = models.CharField(max_length=60, blank=True)
    quantity = models.DecimalField(max_digits=18, decimal_places=4)
    unit = models.CharField(max_length=8, blank=True)
    unit_price_e4 = models.BigIntegerField(null=True)
    net_cents = models.BigIntegerField()
    vat_bp = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="received_line_position_once")]
        triggers = [
            pgtrigger.Protect(name="received_line_stays", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("received_line_never_emptied"),
        ]

    def __str__(self) -> str:
        return self.text


class StatusCode(models.IntegerChoices):
    """Life-cycle statuses of the French reform (XP Z12-012); 200, 210, 212 and 213 are mandatory."""

    DEPOSITED = 200, _("Deposited on the platform")
    ISSUED = 201, _("Issued by the platform")
    RECEIVED = 202, _("Received by the other platform")
    AVAILABLE = 203, _("Made available to the reader")
    TAKEN = 204, _("Taken in hand")
    APPROVED = 205, pgettext_lazy("invoice", "Approved")
    PART_APPROVED = 206, _("Approved in part")
    DISPUTED = 207, _("In dispute")
    SUSPENDED = 208, _("Suspended")
    COMPLETED = 209, _("Completed")
    REFUSED = 210, pgettext_lazy("invoice", "Refused")
    PAYMENT_SENT = 211, _("Payment sent")
    COLLECTED = 212, _("Payment received")
    REJECTED = 213, _("Rejected")


class Status(models.Model):
    """One step in the life of a document, told by others (`incoming`) or by us. Never changed; ours are sent once.

    Money received is told posting by posting: what came above zero, what was taken back below.
    """

    transmission = models.ForeignKey(Transmission, models.PROTECT, null=True, related_name="statuses")
    received = models.ForeignKey(ReceivedInvoice, models.PROTECT, null=True, related_name="statuses")
    code = models.PositiveSmallIntegerField(choices=StatusCode)
    reason_code = models.CharField(max_length=24, blank=True)
    reason = models.CharField(max_length=240, blank=True)
    at = models.DateTimeField()
    incoming = models.BooleanField()
    flow_id = models.CharField(max_length=80, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    posting = models.ForeignKey(LedgerTransaction, models.PROTECT, null=True, related_name="+")  # of a 212 of ours
    cents = models.BigIntegerField(null=True)
    parts = models.JSONField(default=list)  # [[rate in basis points, cents with VAT]], summing to `cents`

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["at"], condition=Q(incoming=False, sent_at=None), name="status_to_send")]
        constraints = [
            models.UniqueConstraint(fields=["flow_id"], condition=~Q(flow_id=""), name="status_flow_once"),
            models.UniqueConstraint(
                fields=["transmission", "code"],
                condition=Q(incoming=False, posting=None),
                name="status_said_once_about_ours",
            ),
            models.UniqueConstraint(
                fields=["transmission", "posting"], condition=Q(posting__isnull=False), name="status_money_told_once"
            ),
            models.UniqueConstraint(
                fields=["received", "code"], condition=Q(incoming=False), name="status_said_once_about_theirs"
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="status_as_told",
                fields=["transmission", "received", "code", "reason", "at", "posting", "cents", "parts"],
            ),
            pgtrigger.Protect(name="status_stays", operation=pgtrigger.Delete),
            never_emptied("status_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.code}"

    @property
    def is_waiting(self) -> bool:
        """Whether it is still to go to the platform, which knows nothing of a plain PDF."""
        return not self.incoming and self.sent_at is None and (self.received is None or self.received.is_read)
