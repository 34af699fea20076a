"""A supplier's file beside its name: contacts, closed days, and the documents that qualify it."""

from datetime import date, datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from purchasing import access
from purchasing.models import Supplier, SupplierClosure, SupplierContact, SupplierDocument
from purchasing.services.request_file import plain_name

# A document is asked for again this long before it expires.
WARN_BEFORE = timedelta(days=30)
MAX_DOCUMENT = 8 * 1024 * 1024


class NotPdf(Invalid):
    code = "not_a_pdf"
    message = _("Send the document as a PDF of at most 8 MB.")
    field = "file"


class DatesWrong(Invalid):
    code = "dates_wrong"
    message = _("The last day must not be before the first.")
    field = "ends_on"


class LastContact(DomainError):
    code = "last_contact"
    message = _("A supplier keeps at least one contact that receives requests for quotes.")


@transaction.atomic(durable=True)
def close(
    *, actor: User, supplier: Supplier, starts_on: date, ends_on: date, reason: str = "", at: datetime
) -> SupplierClosure:
    """Note days on which the supplier is closed."""
    require(access.can_keep_catalogue(actor))
    if ends_on < starts_on:
        raise DatesWrong
    Supplier.objects.select_for_update().get(pk=supplier.pk)
    row, new = SupplierClosure.objects.get_or_create(
        supplier=supplier, starts_on=starts_on, ends_on=ends_on, defaults={"reason": reason}
    )
    if not new:
        return row
    data = {"from": str(starts_on), "until": str(ends_on)}
    audit.record("supplier.closure_added", target=supplier, at=at, actor=actor, data=data)
    return row


@transaction.atomic(durable=True)
def reopen(*, actor: User, closure: SupplierClosure, at: datetime) -> None:
    """Take closed days away."""
    require(access.can_keep_catalogue(actor))
    audit.record("supplier.closure_removed", target=closure.supplier, at=at, actor=actor)
    closure.delete()


def earliest_delivery(supplier: Supplier, ordered_on: date) -> date:
    """The first day goods can be there: lead time counted in days the supplier is open.

    Weekends count as the lead time does on quotes; closed days do not.
    """
    closed = [(c.starts_on, c.ends_on) for c in supplier.closures.all()]
    day, left = ordered_on, supplier.lead_days
    for _n in range(1_000):
        if not any(first <= day <= last for first, last in closed):
            if left == 0:
                break
            left -= 1
        day += timedelta(days=1)
    return day


@transaction.atomic(durable=True)
def add_document(
    *, actor: User, supplier: Supplier, kind: str, name: str, content: bytes, expires_on: date | None, at: datetime
) -> SupplierDocument:
    """Keep a document; it takes the place of the one of its kind, which stays for the record."""
    require(access.can_keep_catalogue(actor))
    if not content.startswith(b"%PDF-") or len(content) > MAX_DOCUMENT:
        raise NotPdf
    Supplier.objects.select_for_update().get(pk=supplier.pk)
    same = supplier.documents.filter(kind=kind, expires_on=expires_on, replaced_at__isnull=True)
    if again := same.filter(document__sha256=sha256(content).hexdigest()).first():
        return again  # the same form or call twice
    if kind != SupplierDocument.Kind.OTHER:
        supplier.documents.filter(kind=kind, replaced_at__isnull=True).update(replaced_at=at)
    kept = documents.store(kind="supplier_document", name=plain_name(name), content=content, at=at)
    row = supplier.documents.create(kind=kind, document=kept, expires_on=expires_on, added_by=actor, added_at=at)
    data = {"kind": kind, "expires_on": str(expires_on or "")}
    audit.record("supplier.document_added", target=supplier, at=at, actor=actor, data=data)
    return row


def expiring(at: datetime) -> QuerySet[SupplierDocument]:
    """Documents of active suppliers that expired or soon will."""
    until = timezone.localdate(at) + WARN_BEFORE
    rows = SupplierDocument.objects.filter(replaced_at__isnull=True, expires_on__lte=until, supplier__active=True)
    return rows.select_related("supplier").order_by("expires_on")


@transaction.atomic(durable=True)
def add_contact(*, actor: User, supplier: Supplier, values: dict[str, object], at: datetime) -> SupplierContact:
    """Add a person at the supplier; the same address again changes that person."""
    require(access.can_keep_catalogue(actor))
    email = str(values["email"]).lower()
    rest = {name: value for name, value in values.items() if name != "email"}
    row, _new = SupplierContact.objects.update_or_create(supplier=supplier, email=email, defaults=rest)
    audit.record("supplier.contact_added", target=supplier, at=at, actor=actor)
    return row


@transaction.atomic(durable=True)
def remove_contact(*, actor: User, contact: SupplierContact, at: datetime) -> None:
    """Remove a person, but never the last who receives requests for quotes."""
    require(access.can_keep_catalogue(actor))
    others = contact.supplier.contacts.filter(receives_tenders=True).exclude(pk=contact.pk)
    if contact.receives_tenders and not others.exists():
        raise LastContact
    audit.record("supplier.contact_removed", target=contact.supplier, at=at, actor=actor)
    contact.delete()
