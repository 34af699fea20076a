"""What is a supplier's: invoices written in its name, and money that is not the association's to take.

Source: CGI art. 289, I, 2 (invoicing under a mandate); CMF art. L314-1 and L521-1 (taking in money for somebody else is a payment
service that needs a licence). Such a claim stands beside the books, on two accounts of its own that no file of the association
contains; each path by which money comes in asks here first.
"""

from django.utils.translation import gettext_lazy as _

from companies.billing.models import AccountKind, Invoice
from companies.errors import DomainError


class SuppliersMoney(DomainError):
    """The association would take in money that belongs to a supplier."""

    code = "suppliers_money"
    message = _(
        "Invoice %(number)s is %(seller)s's own: it was written in its name, and the money goes to it. The association may not "
        "collect it. Pay by bank transfer to the account on the invoice."
    )


class SuppliersInvoice(DomainError):
    """The association would dispose of a supplier's claim."""

    code = "suppliers_invoice"
    message = _(
        "Invoice %(number)s is %(seller)s's own claim: only the supplier can grant time, give the debt up or remind of it."
    )


def cash_of(invoice: Invoice) -> AccountKind:
    """Where a payment through Stripe stands: the association's clearing, or with the supplier."""
    return AccountKind.SUPPLIERS_OWN if invoice.is_suppliers else AccountKind.STRIPE


def require_own(invoice: Invoice) -> None:
    """Raises SuppliersInvoice unless the claim is the association's."""
    if invoice.is_suppliers:
        raise SuppliersInvoice(number=invoice.number, seller=invoice.seller["name"])


def is_collectable(invoice: Invoice) -> bool:
    """Whether a page of ours may take money for an invoice: our own, or a supplier's that Stripe Connect carries."""
    from companies.billing import connected

    return (invoice.company_id is not None and not invoice.is_suppliers) or connected.of_invoice(invoice) is not None


def require_collectable(invoice: Invoice) -> None:
    """The guard before every payment page: raises SuppliersMoney for what is a supplier's, unless Connect carries it."""
    if not is_collectable(invoice):
        raise SuppliersMoney(number=invoice.number, seller=invoice.seller["name"])


def require_ours(invoice: Invoice) -> None:
    """The guard before money that arrives on our own account: raises SuppliersMoney for what is a supplier's."""
    if invoice.is_suppliers:
        raise SuppliersMoney(number=invoice.number, seller=invoice.seller["name"])
