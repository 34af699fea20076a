"""Suppliers and articles, common to all companies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from companies import audit
from companies.access import require
from companies.models import User
from purchasing import access
from purchasing.models import Supplier, SupplierContact


@transaction.atomic(durable=True)
def save_supplier(
    *,
    actor: User,
    values: Mapping[str, Any],
    contact: Mapping[str, str],
    at: datetime,
    supplier: Supplier | None = None,
) -> Supplier:
    """Create or change a supplier and the contact that gets its links."""
    require(access.can_keep_catalogue(actor))
    action = "supplier.changed" if supplier and supplier.pk else "supplier.created"
    supplier = supplier or Supplier()
    for name, value in values.items():
        setattr(supplier, name, value)
    supplier.save()
    known = supplier.contacts.filter(receives_tenders=True).first() or SupplierContact(supplier=supplier)
    known.name, known.email, known.phone = contact["name"], contact["email"], contact.get("phone", "")
    known.save()
    audit.record(action, target=supplier, at=at, actor=actor)
    return supplier
