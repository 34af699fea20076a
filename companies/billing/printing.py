"""The files of invoices and credit notes: rendered once, stored with their hash, mailed once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import prefetch_related_objects
from django.utils import timezone

from companies import mail
from companies.billing import archive, buyers, customer_links, facturx, layout
from companies.billing.models import CreditNote, DebitState, Invoice, InvoiceState, SelfBilled
from companies.billing.settlement import set_invoice
from companies.documents import render_pdf, store
from companies.models import Company, Document, Role, User

STANDARD = ["a-3a", "ua-1"]  # an archive, as Factur-X asks for, that a screen reader can follow
TEMPLATE = "billing/documents/invoice.typ"


def invoice_pdf(invoice: Invoice) -> bytes:
    """The Factur-X file of an invoice: PDF/A-3 with its EN 16931 XML. Reads only stored values."""
    prefetch_related_objects([invoice], "lines", "vat_rows", "deductions__advance", "corrects")
    return _facturx(layout.invoice_data(invoice), facturx.invoice_xml(invoice))


def credit_note_pdf(note: CreditNote) -> bytes:
    """The Factur-X file of a credit note."""
    prefetch_related_objects([note.invoice], "vat_rows")
    return _facturx(layout.credit_note_data(note), facturx.credit_note_xml(note))


def _facturx(data: dict[str, Any], xml: bytes) -> bytes:
    return archive.name_profile(render_pdf(TEMPLATE, data, pdf_standards=STANDARD, attached=xml))


def invoice_file(invoice: Invoice, *, at: datetime) -> Document:
    """The file of an invoice, made on first need. Two workers at once keep one file."""
    if invoice.document is not None:
        return invoice.document
    content = invoice_pdf(invoice)
    with transaction.atomic():
        locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        if locked.document is None:
            locked.document = store(
                kind="invoice", name=f"{invoice.number}.pdf", content=content, company=invoice.company, at=at
            )
            locked.save(update_fields=["document"])
    invoice.document = locked.document
    return locked.document


def credit_note_file(note: CreditNote, *, at: datetime) -> Document:
    """The file of a credit note, made on first need."""
    if note.document is not None:
        return note.document
    content = credit_note_pdf(note)
    with transaction.atomic():
        locked = CreditNote.objects.select_for_update(of=("self",)).get(pk=note.pk)
        if locked.document is None:
            locked.document = store(
                kind="credit_note",
                name=f"{note.number}.pdf",
                content=content,
                company=note.invoice.company,
                at=at,
            )
            locked.save(update_fields=["document"])
    note.document = locked.document
    return locked.document


def self_billed_file(row: SelfBilled, *, at: datetime) -> Document:
    """The file of a document in a seller's name, made on first need."""
    if row.document is not None:
        return row.document
    content = _facturx(layout.self_billed_data(row), facturx.self_billed_xml(row))
    with transaction.atomic():
        locked = SelfBilled.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if locked.document is None:
            locked.document = store(
                kind="self_billed", name=f"{row.number}.pdf", content=content, company=row.mandate.company, at=at
            )
            locked.save(update_fields=["document"])
    row.document = locked.document
    return locked.document


def file_of(document: Invoice | CreditNote | SelfBilled, *, at: datetime) -> Document:
    """The file of any document; who opens one that no worker made yet sets off what the worker would have done with it."""
    if document.document is not None:
        return document.document
    if isinstance(document, Invoice):
        return invoice_file(document, at=at)
    if isinstance(document, CreditNote):
        return deliver_credit_note(note_id=document.pk, at=at)
    return deliver_self_billed(document_id=document.pk, at=at)


def readers(company: Company) -> list[User]:
    """Who gets a company's invoices: its accountants, or its administrators when it has none."""
    for role in (Role.ACCOUNTANT, Role.ADMIN):
        found = User.objects.filter(memberships__company=company, memberships__role=role, is_active=True)
        if users := list(found.order_by("pk")):
            return users
    return []


@dataclass(frozen=True)
class Reader:
    """Who gets what is sent about an invoice."""

    key: str
    email: str
    language: str
    name: str


def readers_of(invoice: Invoice) -> list[Reader]:
    """The accountants of a company, in their language; the address of a supplier's accounts, in French."""
    if invoice.customer is not None:
        row = invoice.customer
        return [Reader(f"customer-{row.pk}", row.email, "fr", row.name)] if row.email else []
    users = readers(buyers.member(invoice))
    return [Reader(str(user.pk), user.email, user.language, str(user)) for user in users]


def page_for_readers(invoice: Invoice) -> str:
    """Where they find it: the company's page, or the supplier's by its signed link."""
    return mail.absolute(customer_links.path(invoice.customer) if invoice.customer else invoice.page)


def language_of(company: Company) -> str:
    """The language of a company's documents: English when all who get them read English, else French."""
    languages = {user.language for user in readers(company)}
    return "en" if languages == {"en"} else "fr"


def deliver(*, invoice_id: int, at: datetime) -> None:
    """Make the file, mail it to the company once, and say that the invoice now waits for its payment, unless it is paid."""
    from companies.billing.channel import exchange

    invoice = Invoice.objects.select_related("company", "customer", "document").get(pk=invoice_id)
    document = invoice_file(invoice, at=at)
    exchange.hand_over(invoice, at=at)
    with transaction.atomic(durable=True):
        rows = Invoice.objects.select_for_update(of=("self",)).select_related("company", "customer")
        locked = rows.get(pk=invoice_id)
        url = page_for_readers(locked)
        for reader in readers_of(locked):
            mail.queue(
                to=reader.email,
                template="billing/mail/invoice",
                context={"invoice": locked, "url": url},
                key=f"invoice-{locked.pk}-{reader.key}",
                language=reader.language,
                attachments=[document],
                at=at,
            )
        if locked.state == InvoiceState.ISSUED:
            set_invoice(locked, InvoiceState.DUE, at=at, label="ERB")


@transaction.atomic(durable=True)
def deliver_credit_note(*, note_id: int, at: datetime) -> Document:
    """Make the file, leave it for the platform, and mail it, once each, to those who got its invoice.

    All of it or nothing: a credit note that has its file is delivered, so that the sweep finds the others by its lack.
    """
    from companies.billing.channel import exchange

    about = ("invoice__company", "invoice__customer", "document")
    note = CreditNote.objects.select_related(*about).get(pk=note_id)
    document = credit_note_file(note, at=at)
    exchange.hand_over(note, at=at)
    url = page_for_readers(note.invoice)
    planned = note.invoice.debits.filter(state=DebitState.PLANNED).order_by("debit_on", "pk").first()
    what = {"debit": planned, "late": note.invoice.due_on < timezone.localdate(at)}
    for reader in readers_of(note.invoice):
        mail.queue(
            to=reader.email,
            template="billing/mail/credit_note",
            context={"note": note, "invoice": note.invoice, "url": url, **what},
            key=f"credit-note-{note.pk}-{reader.key}",
            language=reader.language,
            attachments=[document],
            at=at,
        )
    return document


@transaction.atomic(durable=True)
def deliver_self_billed(*, document_id: int, at: datetime) -> Document:
    """Make the file of a document in a seller's name and leave it for the platform, both or nothing, once."""
    from companies.billing.channel import exchange

    row = SelfBilled.objects.select_related("mandate__company", "document", "corrects").get(pk=document_id)
    document = self_billed_file(row, at=at)
    exchange.hand_over(row, at=at)
    return document
