"""Whom an invoice goes to: a company, or a supplier for the association's commission (decision 0058)."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from companies.billing.models import Invoice
from companies.errors import DomainError
from companies.models import Company


class SupplierPaysByTransfer(DomainError):
    """What only a member has: kept money, a mandate, instalments, a page of Stripe's."""

    code = "supplier_pays_by_transfer"
    message = _(
        "Invoice %(number)s is the commission of a supplier: it is paid by bank transfer with the reference on it, at once "
        "and in full."
    )


def member(invoice: Invoice) -> Company:
    """The company an invoice goes to. Raises SupplierPaysByTransfer when it goes to a supplier."""
    if invoice.company is None:
        raise SupplierPaysByTransfer(number=invoice.number)
    return invoice.company


def named(text: str) -> Q:
    """Invoices whose buyer's name contains some words."""
    return Q(company__name__icontains=text) | Q(customer__name__icontains=text)
