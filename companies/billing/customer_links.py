"""The signed link by which a supplier sees what the association invoices it, without an account."""

from datetime import date

from django.urls import reverse

from companies.billing import links
from companies.billing.models import Customer
from companies.billing.supplier_links import LIFE_DAYS, SupplierLinkEnded

SALT = "billing.suppliers-account"


def token(customer: Customer, *, made_on: date | None = None) -> str:
    """What names the supplier; the same all day."""
    return links.dated_token(SALT, customer.pk, made_on)


def path(customer: Customer) -> str:
    """The address of the supplier's page."""
    return reverse("billing:customer_home", args=[token(customer)])


def customer_of(given: str) -> Customer:
    """The supplier of a link. Raises SupplierLinkEnded."""
    row = Customer.objects.filter(pk=links.pk_of(given, SALT, life_days=LIFE_DAYS)).first()
    if row is None:
        raise SupplierLinkEnded
    return row
