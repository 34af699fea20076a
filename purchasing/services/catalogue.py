"""Suppliers and articles, common to all companies."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import Invalid
from companies.models import User
from purchasing import access
from purchasing.models import Article, Supplier, SupplierContact
from purchasing.services import billing_mandates


class ReferenceTaken(Invalid):
    code = "reference_taken"
    message = _("Another article has the reference %(reference)s.")
    field = "reference"


@transaction.atomic(durable=True)
def save_article(*, actor: User, values: Mapping[str, Any], at: datetime, article: Article | None = None) -> Article:
    """Create or change an article of the common catalogue. Requests and pools keep the words and units they copied."""
    require(access.can_keep_catalogue(actor))
    row = article or Article()
    was = {name: str(getattr(row, name)) for name in values} if article else {}
    for name, value in values.items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise ReferenceTaken(reference=row.reference) from error
    audit.record(
        "article.changed" if article else "article.created",
        target=row,
        at=at,
        actor=actor,
        data={name: text for name, text in was.items() if text != str(getattr(row, name))},
    )
    return row


@transaction.atomic(durable=True)
def save_supplier(
    *,
    actor: User,
    values: Mapping[str, Any],
    contact: Mapping[str, str],
    at: datetime,
    supplier: Supplier | None = None,
) -> Supplier:
    """Create or change a supplier and the contact that gets its links. Raises NotAllowed, SirenBound."""
    require(access.can_keep_catalogue(actor))
    if supplier and supplier.pk and "siren" in values:
        billing_mandates.require_siren_free(supplier, str(values["siren"]))
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
