"""The files of invoices and credit notes: rendered once, stored with their hash, mailed once."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse

from companies import mail
from companies.billing.models import CreditNote, Invoice, InvoiceState
from companies.billing.seller import LATE_RATE, RECOVERY_CENTS
from companies.billing.settlement import set_invoice
from companies.documents import render_pdf, store
from companies.models import Company, Document, Role, User

STANDARD = "a-3b"  # what Factur-X asks for
NATURES = {
    "goods": "Livraison de biens",
    "services": "Prestation de services",
    "mixed": "Livraison de biens et prestation de services",
}


def _amount(cents: int) -> str:
    """An amount as a French document writes it.

    >>> _amount(-123456)
    '-1 234,56 €'
    """
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole:,}".replace(",", "\u202f") + f",{rest:02d}\u00a0€"


def _price(e4: int | None) -> str:
    if e4 is None:
        return ""
    whole, rest = divmod(abs(e4), 10_000)
    decimals = f"{rest:04d}"
    decimals = decimals[:2] + decimals[2:].rstrip("0")
    return f"{'-' if e4 < 0 else ''}{whole:,}".replace(",", "\u202f") + f",{decimals}\u00a0€"


def _rate(bp: int) -> str:
    return f"{bp / 100:g}".replace(".", ",") + "\u00a0%"


def _date(value: Any) -> str:
    return f"{value:%d/%m/%Y}"


def invoice_data(invoice: Invoice) -> dict[str, Any]:
    """Everything the template writes, formatted; only stored values, so the file can be made again the same."""
    return {
        "title": "Facture",
        "number": invoice.number,
        "language": "fr",
        "issued": [invoice.issued_on.year, invoice.issued_on.month, invoice.issued_on.day],
        "facts": [
            ["Date d'émission", _date(invoice.issued_on)],
            ["Date de livraison ou de prestation", _date(invoice.supply_on)],
            ["Échéance de paiement", _date(invoice.due_on)],
            ["Référence de commande", invoice.order_reference],
            ["Nature de l'opération", NATURES[invoice.nature]],
        ],
        "seller": invoice.seller,
        "buyer": invoice.buyer,
        "lines": [
            {
                "description": line.description,
                "quantity": f"{line.quantity:,}".replace(",", "\u202f"),
                "unit": line.unit,
                "price": _price(line.unit_price_e4),
                "rate": _rate(line.vat_bp),
                "net": _amount(line.net_cents),
            }
            for line in invoice.lines.all()
        ],
        "vat": [
            {"rate": _rate(row.vat_bp), "base": _amount(row.base_cents), "vat": _amount(row.vat_cents)}
            for row in invoice.vat_rows.all()
        ],
        "totals": [
            ["Total hors taxes", _amount(invoice.net_cents)],
            ["TVA", _amount(invoice.vat_cents)],
            ["Total toutes taxes comprises", _amount(invoice.gross_cents)],
        ],
        "notes": invoice.notes,
        "mentions": [
            f"À régler au plus tard le {_date(invoice.due_on)}. Pas d'escompte pour paiement anticipé.",
            f"Pénalités de retard : {LATE_RATE}. Indemnité forfaitaire pour frais de recouvrement : "
            f"{_amount(RECOVERY_CENTS)} (article L441-10 du code de commerce).",
            *_vat_mentions(invoice),
        ],
        "transfer": {"iban": invoice.seller.get("iban", ""), "reference": invoice.number},
    }


def _vat_mentions(invoice: Invoice) -> list[str]:
    mentions = []
    if invoice.seller.get("vat_on_debits"):
        mentions.append("Option pour le paiement de la taxe d'après les débits.")
    if any(row.vat_bp == 0 for row in invoice.vat_rows.all()):
        mentions.append(str(invoice.seller.get("exemption", "TVA non applicable.")))
    return mentions


def credit_note_data(note: CreditNote) -> dict[str, Any]:
    """A credit note is laid out like its invoice, and names it."""
    invoice = note.invoice
    lines = list(note.lines.select_related("line"))
    rates = sorted({row.line.vat_bp for row in lines}, reverse=True)
    return invoice_data(invoice) | {
        "title": "Avoir",
        "number": note.number,
        "issued": [note.issued_on.year, note.issued_on.month, note.issued_on.day],
        "facts": [
            ["Date d'émission", _date(note.issued_on)],
            ["Facture rectifiée", f"{invoice.number} du {_date(invoice.issued_on)}"],
            ["Motif", note.reason],
        ],
        "lines": [
            {
                "description": row.line.description,
                "quantity": "",
                "unit": "",
                "price": "",
                "rate": _rate(row.line.vat_bp),
                "net": _amount(-row.net_cents),
            }
            for row in lines
        ],
        "vat": [
            {
                "rate": _rate(rate),
                "base": _amount(-sum(row.net_cents for row in lines if row.line.vat_bp == rate)),
                "vat": _amount(-sum(row.vat_cents for row in lines if row.line.vat_bp == rate)),
            }
            for rate in rates
        ],
        "totals": [
            ["Total hors taxes", _amount(-note.net_cents)],
            ["TVA", _amount(-note.vat_cents)],
            ["Total toutes taxes comprises", _amount(-note.gross_cents)],
        ],
        "mentions": [],
        "notes": "",
    }


def _render(data: dict[str, Any]) -> bytes:
    return render_pdf("billing/documents/invoice.typ", data, pdf_standards=STANDARD)


def invoice_file(invoice: Invoice, *, at: datetime) -> Document:
    """The PDF of an invoice, made on first need. Two workers at once keep one file."""
    if invoice.document is not None:
        return invoice.document
    content = _render(invoice_data(invoice))
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
    """The PDF of a credit note, made on first need."""
    if note.document is not None:
        return note.document
    content = _render(credit_note_data(note))
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


def readers(company: Company) -> list[User]:
    """Who gets a company's invoices: its accountants, or its administrators when it has none."""
    for role in (Role.ACCOUNTANT, Role.ADMIN):
        found = User.objects.filter(memberships__company=company, memberships__role=role, is_active=True)
        if users := list(found.order_by("pk")):
            return users
    return []


def deliver(*, invoice_id: int, at: datetime) -> None:
    """Make the file, mail it to the company, and say that the invoice now waits for its payment."""
    invoice = Invoice.objects.select_related("company", "document").get(pk=invoice_id)
    document = invoice_file(invoice, at=at)
    with transaction.atomic(durable=True):
        locked = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=invoice_id)
        if locked.state != InvoiceState.ISSUED:
            return
        url = mail.absolute(reverse("billing:invoice", args=[locked.company_id, locked.pk]))
        for user in readers(locked.company):
            mail.queue(
                to=user.email,
                template="billing/mail/invoice",
                context={"invoice": locked, "url": url, "user": user},
                key=f"invoice-{locked.pk}-{user.pk}",
                language=user.language,
                attachments=[document],
                at=at,
            )
        set_invoice(locked, InvoiceState.DUE, at=at, label="ERB")
