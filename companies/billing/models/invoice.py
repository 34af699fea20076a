"""Invoices: numbered and immutable from the moment they exist."""

import pgtrigger
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from companies.access import companies_of, is_staff
from companies.billing.models.customer import Customer
from companies.billing.models.self_billing import SelfBillingMandate
from companies.models import Company, Document, Role, User
from companies.models.guards import never_emptied


class InvoiceState(models.TextChoices):
    """Where an invoice stands. `draft` never reaches the database: a number is given when the row is made."""

    ISSUED = "issued", _("Being sent")
    DUE = "due", _("To be paid")
    COLLECTING = "collecting", _("In collection")
    PAID = "paid", _("Paid")
    PART_PAID = "part_paid", _("Partly paid")
    FAILED = "failed", _("Payment failed")
    CHARGED_BACK = "charged_back", _("Payment taken back")
    FINAL = "final", _("Paid for good")
    CREDITED = "credited", _("Credited")
    WRITTEN_OFF = "written_off", _("Written off")


class LegalModel(models.TextChoices):
    """Who sells what to whom (money.md)."""

    RESALE = "resale", _("Purchase and resale")
    AGENT = "agent", _("Commission agent")
    LISTING = "listing", _("Listing")
    MANDATE = "mandate", _("In the supplier's name, by mandate")
    DUES = "dues", _("Membership")


class DocumentType(models.TextChoices):
    """What an invoice is (UNTDID 1001, BT-3)."""

    INVOICE = "380", pgettext_lazy("document", "Invoice")
    PREPAYMENT = "386", _("Advance invoice")
    CORRECTIVE = "384", _("Corrective invoice")


class LineKind(models.TextChoices):
    """What a line is for; decides its ledger account and the nature of the operation."""

    GOODS = "goods", _("Goods")
    FREIGHT = "freight", _("Freight")
    FEE = "fee", _("Service")


_OPEN = {"collecting", "paid", "part_paid", "credited", "written_off"}
TRANSITIONS: dict[str, frozenset[str]] = {
    "issued": frozenset(_OPEN | {"due"}),
    "due": frozenset(_OPEN),
    "collecting": frozenset({"paid", "part_paid", "failed", "due", "credited"}),
    "failed": frozenset(_OPEN | {"due"}),
    "part_paid": frozenset(_OPEN | {"due", "charged_back"}),
    "paid": frozenset({"charged_back", "final", "part_paid", "due", "credited"}),
    "charged_back": frozenset(_OPEN | {"due"}),
    # The Core scheme lets a debtor contest an unauthorised debit for 13 months: the bank decides, not we.
    "final": frozenset({"charged_back", "credited", "part_paid", "due"}),
    "credited": frozenset({"charged_back", "due", "part_paid"}),
    "written_off": frozenset({"paid", "part_paid"}),
}
PAYABLE = (
    InvoiceState.ISSUED,
    InvoiceState.DUE,
    InvoiceState.PART_PAID,
    InvoiceState.FAILED,
    InvoiceState.CHARGED_BACK,
)
SETTLED = (InvoiceState.PAID, InvoiceState.FINAL, InvoiceState.CREDITED)


class NumberCounter(models.Model):
    """The last number given in one series and year. Its row lock makes numbers unbroken."""

    series = models.CharField(max_length=12)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["series", "year"], name="number_counter_once")]
        triggers = [never_emptied("number_counter_never_emptied")]

    def __str__(self) -> str:
        return f"{self.series}-{self.year}: {self.last}"


class InvoiceQuerySet(models.QuerySet["Invoice"]):
    def visible_to(self, user: User | AnonymousUser) -> "InvoiceQuerySet":
        """Invoices of the companies the user is accountant or administrator of; all for the association's staff."""
        if not user.is_authenticated:
            return self.none()
        return self if is_staff(user) else self.filter(company__in=companies_of(user, Role.ACCOUNTANT, Role.ADMIN))

    def payable(self) -> "InvoiceQuerySet":
        return self.filter(state__in=PAYABLE)

    def own(self) -> "InvoiceQuerySet":
        """The association's own claims: nothing that was written in a supplier's name."""
        return self.filter(billing_mandate=None)

    def in_group(self, group: str) -> "InvoiceQuerySet":
        """One tab of the accountant's list; an unknown name means all."""
        states = GROUPS.get(group)
        return self if states is None else self.filter(state__in=states)


GROUPS: dict[str, tuple[InvoiceState, ...]] = {
    "due": PAYABLE,
    "collecting": (InvoiceState.COLLECTING,),
    "failed": (InvoiceState.FAILED, InvoiceState.CHARGED_BACK),
    "paid": SETTLED,
}


class Invoice(models.Model):
    """One invoice to a company, or of a commission to a supplier (`customer`, decision 0058): the association's own, or one
    that it wrote to a company in a supplier's name under a mandate (CGI art. 289, I, 2).

    Only its state, balance and file ever change.
    """

    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="invoices")
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, blank=True, related_name="invoices")
    number = models.CharField(_("number"), max_length=24, unique=True)
    key = models.CharField(max_length=120, unique=True)
    source = models.CharField(max_length=120, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=InvoiceState, default=InvoiceState.ISSUED)
    type_code = models.CharField(max_length=3, choices=DocumentType, default=DocumentType.INVOICE, db_default="380")
    corrects = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="corrected_by")
    legal_model = models.CharField(max_length=8, choices=LegalModel)
    # In whose name it was written; empty for the association's own invoices.
    billing_mandate = models.ForeignKey(
        SelfBillingMandate, models.PROTECT, null=True, blank=True, related_name="invoices"
    )
    nature = models.CharField(max_length=8)  # goods | services | mixed
    issued_at = models.DateTimeField()
    issued_on = models.DateField(_("issued on"))
    supply_on = models.DateField(_("supplied on"))
    due_on = models.DateField(_("due on"))
    order_reference = models.CharField(max_length=80, blank=True)
    notes = models.TextField(blank=True)
    language = models.CharField(max_length=2, default="fr")  # of the document
    delivery = models.JSONField(default=dict, blank=True)  # where the goods went, when not to the buyer's address
    seller = models.JSONField()  # the mentions as they were on the day of issue
    buyer = models.JSONField()
    net_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    gross_cents = models.BigIntegerField()
    prepaid_cents = models.BigIntegerField(
        default=0, db_default=0
    )  # paid on advance invoices that this one deducts (BT-113)
    # Of a commission: what Stripe had kept back of the supplier's money before the invoice was written (BT-113).
    kept_cents = models.BigIntegerField(default=0, db_default=0)
    balance_cents = models.BigIntegerField()
    document = models.OneToOneField(Document, models.PROTECT, null=True, blank=True, related_name="invoice")

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["company", "-id"], name="invoice_of_company"),
            models.Index(fields=["state", "due_on"], name="invoice_by_state"),
        ]
        constraints = [
            models.CheckConstraint(
                name="invoice_has_one_buyer",
                condition=Q(company__isnull=False, customer__isnull=True)
                | Q(company__isnull=True, customer__isnull=False, legal_model="listing", type_code="380"),
            ),
            models.CheckConstraint(
                name="invoice_gross_is_net_and_vat", condition=Q(gross_cents=F("net_cents") + F("vat_cents"))
            ),
            models.CheckConstraint(name="invoice_is_of_something", condition=Q(gross_cents__gt=0)),
            models.CheckConstraint(
                name="invoice_corrective_says_what",
                condition=Q(type_code="384", corrects__isnull=False) | (~Q(type_code="384") & Q(corrects__isnull=True)),
            ),
            models.CheckConstraint(
                name="invoice_in_whose_name",
                condition=Q(legal_model="mandate", billing_mandate__isnull=False, type_code="380", prepaid_cents=0)
                | (~Q(legal_model="mandate") & Q(billing_mandate__isnull=True)),
            ),
            models.CheckConstraint(
                name="invoice_deducts_at_most_itself",
                condition=Q(prepaid_cents__gte=0, prepaid_cents__lte=F("gross_cents")),
            ),
            models.CheckConstraint(
                name="invoice_kept_within_itself",
                condition=Q(kept_cents=0)
                | Q(kept_cents__gt=0, kept_cents__lte=F("gross_cents"), prepaid_cents=0, legal_model="listing"),
            ),
            models.CheckConstraint(name="invoice_state_known", condition=Q(state__in=InvoiceState.values)),
            models.CheckConstraint(
                name="invoice_settled_owes_nothing",
                condition=~Q(state__in=[state.value for state in SETTLED]) | Q(balance_cents__lte=0),
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="invoice_immutable", exclude=["state", "balance_cents", "document"]),
            pgtrigger.Protect(name="invoice_not_deleted", operation=pgtrigger.Delete),
            never_emptied("invoice_never_emptied"),
            pgtrigger.Protect(
                name="invoice_file_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__document__isnull=False)
                & pgtrigger.Q(old__document__df=pgtrigger.F("new__document")),
            ),
            pgtrigger.FSM(
                name="invoice_states",
                field="state",
                transitions=[(old, new) for old, targets in TRANSITIONS.items() for new in sorted(targets)],
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def is_payable(self) -> bool:
        return self.state in PAYABLE and self.balance_cents > 0

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def paid_too_much_cents(self) -> int:
        """What was received beyond what is owed, while nobody has said what it is for."""
        return max(-self.balance_cents, 0) if self.is_settled else 0

    @property
    def paid_cents(self) -> int:
        return self.gross_cents - self.balance_cents

    @property
    def asked_cents(self) -> int:
        """What this invoice itself asked for: its total less what advance invoices had asked or Stripe had kept before."""
        return self.gross_cents - self.prepaid_cents - self.kept_cents

    @property
    def is_suppliers(self) -> bool:
        """Whether the claim is a supplier's, in whose name it was written."""
        return self.billing_mandate_id is not None

    @property
    def page(self) -> str:
        """The address of its page: the company's, or for an invoice to a supplier the staff's."""
        if self.company_id is None:
            return reverse("billing:supplier_invoice", args=[self.pk])
        return reverse("billing:invoice", args=[self.company_id, self.pk])

    @property
    def is_advance(self) -> bool:
        return self.type_code == DocumentType.PREPAYMENT


class InvoiceLine(models.Model):
    """One line; `vat_cents` is stored when the VAT was given by line (shares of a supplier's VAT)."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=LineKind, default=LineKind.GOODS)
    description = models.CharField(max_length=240)
    quantity = models.BigIntegerField()
    unit = models.CharField(max_length=24, blank=True)
    unit_price_e4 = models.BigIntegerField(null=True)
    net_cents = models.BigIntegerField()
    vat_bp = models.PositiveIntegerField()
    vat_cents = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="invoice_line_position")]
        triggers = [
            pgtrigger.Protect(name="invoice_line_immutable", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("invoice_line_never_emptied"),
            pgtrigger.Trigger(
                name="invoice_lines_sum",
                level=pgtrigger.Row,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                timing=pgtrigger.Deferred,
                declare=[("_net", "BIGINT"), ("_sum", "BIGINT")],
                func=pgtrigger.Func(
                    """
                    SELECT net_cents INTO _net FROM {fields.invoice.related_model._meta.db_table}
                        WHERE id = NEW.invoice_id;
                    SELECT sum(net_cents) INTO _sum FROM {meta.db_table} WHERE invoice_id = NEW.invoice_id;
                    IF _net IS DISTINCT FROM _sum THEN
                        RAISE EXCEPTION 'invoice % has net % but lines of %', NEW.invoice_id, _net, _sum
                            USING ERRCODE = 'check_violation';
                    END IF;
                    RETURN NULL;
                    """
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceVat(models.Model):
    """The base and the VAT of one rate on one invoice."""

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="vat_rows")
    vat_bp = models.PositiveIntegerField()
    base_cents = models.BigIntegerField()
    vat_cents = models.BigIntegerField()
    exemption = models.CharField(max_length=16, blank=True)  # why there is no VAT; a key of exemptions.EXEMPTIONS

    class Meta:
        ordering = ["-vat_bp"]
        constraints = [models.UniqueConstraint(fields=["invoice", "vat_bp"], name="invoice_vat_rate_once")]
        triggers = [
            pgtrigger.Protect(name="invoice_vat_immutable", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("invoice_vat_never_emptied"),
        ]

    def __str__(self) -> str:
        return f"{self.vat_bp}: {self.vat_cents}"
