"""What suppliers owe the association: its commission, kept back by Stripe Connect or agreed for a pool (decision 0058).

A commission is written down in the transaction that earns it; once a month all of a supplier's stand on one invoice.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override
from stdnum.fr import siren as siren_rules

from companies.billing.models import Customer, SupplierFee
from companies.errors import Invalid

PARTY = ("name", "legal_form", "street", "postcode", "city", "siret", "vat_no", "e_address", "email")


class IdentityAsked(Invalid):
    """The association may not invoice somebody without a name, a SIREN and an address."""

    code = "supplier_identity_asked"
    message = _(
        "ERB invoices its commission to %(name)s: the supplier needs a right SIREN and its full address. Complete it first."
    )


def customer_of(party: Mapping[str, Any], *, at: datetime) -> Customer:
    """The supplier as a buyer; what was not known of it is filled in. Raises IdentityAsked without a SIREN."""
    siren = str(party.get("siren", "")).replace(" ", "")
    if not siren_rules.is_valid(siren):
        raise IdentityAsked(name=party.get("name", ""))
    said = {name: str(party[name]) for name in PARTY if party.get(name)}
    row, new = Customer.objects.get_or_create(siren=siren, defaults=said | {"created_at": at})
    changed = {name: value for name, value in said.items() if not getattr(row, name)}
    if changed and not new:
        Customer.objects.filter(pk=row.pk).update(**changed)
        for name, value in changed.items():
            setattr(row, name, value)
    return row


def write(
    *,
    party: Mapping[str, Any],
    key: str,
    kept: bool,
    net_cents: int,
    vat_cents: int,
    vat_bp: int,
    label: Any,
    at: datetime,
    corrects: SupplierFee | None = None,
) -> SupplierFee:
    """Write a commission down inside the caller's transaction, once per key; below zero it takes a part of `corrects` back."""
    with override("fr"):
        words = str(label)[:200]
    row, _new = SupplierFee.objects.get_or_create(
        key=key,
        defaults={
            "customer": customer_of(party, at=at),
            "kept": kept,
            "corrects": corrects,
            "label": words,
            "earned_at": at,
            "net_cents": net_cents,
            "vat_cents": vat_cents,
            "vat_bp": vat_bp,
        },
    )
    return row
