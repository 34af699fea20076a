"""The books: double entry, append-only, every transaction sums to zero. PostgreSQL itself refuses anything else."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models.customer import Customer
from companies.billing.models.invoice import Invoice
from companies.models import Company
from companies.models.guards import never_emptied

BALANCED = """
    SELECT coalesce(sum(cents), 0), count(*) INTO _sum, _count FROM billing_ledgerentry WHERE transaction_id = {key};
    IF _sum <> 0 OR _count < 2 THEN
        RAISE EXCEPTION 'ledger transaction % has % entries that sum to %', {key}, _count, _sum
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
"""


# A month is closed under a table lock that waits for postings under way, so none can slip in.
OPEN_MONTH = """
    IF EXISTS (SELECT 1 FROM billing_closedmonth
               WHERE month >= date_trunc('month', NEW.at AT TIME ZONE 'Europe/Paris')::date) THEN
        RAISE EXCEPTION 'the month of % is closed', NEW.at USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


def _balanced(name: str, key: str) -> pgtrigger.Trigger:
    """Checked when the database transaction commits, so entries may be written one by one."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Row,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        declare=[("_sum", "BIGINT"), ("_count", "INTEGER")],
        func=BALANCED.replace("{key}", key),
    )


class AccountKind(models.TextChoices):
    """What an account is for. Companies have their own receivable and deposits; the rest is the association's."""

    RECEIVABLE = "receivable", _("Receivable")
    DEPOSITS = "deposits", _("Deposits")
    REFUNDS = "refunds", _("Deposits on their way back")
    ADVANCES = "advances", _("Advances invoiced")
    BANK = "bank", _("Bank")
    STRIPE = "stripe", _("Stripe clearing")
    SUPPLIERS = "suppliers", _("Suppliers")
    PURCHASES = "purchases", _("Purchases")
    SALES = "sales", _("Sales of goods")
    REBILLED = "rebilled", _("Rebilled for principals")
    FREIGHT = "freight", _("Freight")
    FEES = "fees", _("Fees")
    DUES = "dues", _("Dues")
    VAT_COLLECTED = "vat_collected", _("VAT collected")
    VAT_PENDING = "vat_pending", _("VAT on advances not paid yet")
    VAT_DEDUCTIBLE = "vat_deductible", _("Deductible VAT")
    ROUNDING = "rounding", _("Rounding")
    BANK_CHARGES = "bank_charges", _("Bank charges")
    BAD_DEBTS = "bad_debts", _("Debts given up")
    SUBSIDIES = "subsidies", _("Employees' purchases, the company's part")
    EMPLOYEES = "employees", _("Received for employees' purchases")
    CONNECT = "connect", _("Laid out for suppliers at Stripe Connect")
    # What companies owe suppliers in whose name we wrote: kept beside the books, in no balance and no file of ours.
    SUPPLIERS_CLAIM = "suppliers_claim", _("Owed to suppliers, beside the books")
    SUPPLIERS_OWN = "suppliers_own", _("Suppliers' own business, beside the books")


OF_COMPANY = (
    AccountKind.RECEIVABLE,
    AccountKind.DEPOSITS,
    AccountKind.REFUNDS,
    AccountKind.ADVANCES,
    AccountKind.SUBSIDIES,
    AccountKind.SUPPLIERS_CLAIM,
)
BESIDE = (AccountKind.SUPPLIERS_CLAIM, AccountKind.SUPPLIERS_OWN)
CLAIMS = (AccountKind.RECEIVABLE, AccountKind.SUPPLIERS_CLAIM)
BY_RATE = (AccountKind.VAT_COLLECTED, AccountKind.VAT_PENDING, AccountKind.VAT_DEDUCTIBLE)


class Account(models.Model):
    """One account of the books. Debits are positive, credits negative. A supplier owes on an account of its own."""

    kind = models.CharField(max_length=16, choices=AccountKind)
    company = models.ForeignKey(Company, models.PROTECT, null=True, blank=True, related_name="accounts")
    customer = models.ForeignKey(Customer, models.PROTECT, null=True, blank=True, related_name="accounts")
    vat_bp = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "company", "customer", "vat_bp"], name="account_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                name="account_customer_owes_only",
                condition=Q(customer__isnull=True) | Q(kind="receivable", company__isnull=True),
            ),
            models.CheckConstraint(
                name="account_company_where_it_belongs",
                condition=Q(kind__in=[kind.value for kind in OF_COMPANY], company__isnull=False)
                | Q(customer__isnull=False)
                | (~Q(kind__in=[kind.value for kind in OF_COMPANY]) & Q(company__isnull=True)),
            ),
            models.CheckConstraint(
                name="account_rate_where_it_belongs",
                condition=Q(kind__in=[kind.value for kind in BY_RATE], vat_bp__isnull=False)
                | (~Q(kind__in=[kind.value for kind in BY_RATE]) & Q(vat_bp__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.company or self.customer or ''}".strip()


class LedgerTransaction(models.Model):
    """One event in the books. `key` makes posting it twice impossible."""

    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=24)  # invoice, credit_note, payment, fee, refund, charge_back, reinstated …
    at = models.DateTimeField()
    reason = models.CharField(max_length=240, blank=True)
    reverses = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="reversed_by")

    class Meta:
        ordering = ["pk"]
        triggers = [
            pgtrigger.Protect(name="ledger_transaction_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("ledger_transaction_never_emptied"),
            _balanced("ledger_transaction_balanced", "NEW.id"),
            pgtrigger.Trigger(
                name="ledger_month_open",
                level=pgtrigger.Row,
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=OPEN_MONTH,
            ),
        ]

    def __str__(self) -> str:
        return self.key


class LedgerEntry(models.Model):
    """One side of a transaction. `invoice` says which debt a receivable entry is about."""

    transaction = models.ForeignKey(LedgerTransaction, models.PROTECT, related_name="entries")
    account = models.ForeignKey(Account, models.PROTECT, related_name="entries")
    invoice = models.ForeignKey(Invoice, models.PROTECT, null=True, blank=True, related_name="entries")
    cents = models.BigIntegerField()

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(name="ledger_entry_not_zero", condition=~Q(cents=0))]
        triggers = [
            pgtrigger.Protect(name="ledger_entry_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            never_emptied("ledger_entry_never_emptied"),
            _balanced("ledger_entry_balanced", "NEW.transaction_id"),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.cents}"
