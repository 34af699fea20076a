"""Who issues the invoices: the association's legal identity, frozen into every document it appears on."""

from typing import Any

from django.conf import settings

from companies.billing.models import Customer, EInvoicing
from companies.models import Company


def seller() -> dict[str, Any]:
    """The mentions about the seller, from settings.SELLER."""
    return dict(settings.SELLER)


def _e_address(company: Company | Customer) -> str:
    """Where a company receives structured invoices: its own address, else its SIREN."""
    if isinstance(company, Customer):
        return company.e_address or company.siren
    row = EInvoicing.objects.filter(company=company).first()
    return row.address if row else company.siren


def buyer(company: Company | Customer) -> dict[str, Any]:
    """The mentions about the buyer as they are today."""
    return {
        "name": company.name,
        "legal_form": company.legal_form,
        "street": company.street,
        "postcode": company.postcode,
        "city": company.city,
        "siren": company.siren,
        "siret": company.siret,
        "vat_no": company.vat_no,
        "e_address": _e_address(company),
    }
