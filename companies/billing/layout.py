"""What stands on the page of an invoice or a credit note: formatted words, ready for the template."""

from datetime import date
from typing import Any

from django.utils.translation import get_language, override, pgettext
from django.utils.translation import gettext as _

from companies.billing import mentions
from companies.billing.mentions import amount, day
from companies.billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceVat, SelfBilled
from companies.billing.references import creditor_reference, spaced


def _french() -> bool:
    return (get_language() or "fr").startswith("fr")


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f") if _french() else f"{number:,}"


def _price(e4: int | None) -> str:
    if e4 is None:
        return ""
    whole, rest = divmod(abs(e4), 10_000)
    decimals = f"{rest:04d}"
    decimals = decimals[:2] + decimals[2:].rstrip("0")
    sign = "-" if e4 < 0 else ""
    return f"{sign}{_count(whole)},{decimals}\u00a0€" if _french() else f"{sign}€{_count(whole)}.{decimals}"


def _rate(bp: int) -> str:
    text = f"{bp / 100:g}"
    return (text.replace(".", ",") if _french() else text) + "\u00a0%"


def _words() -> dict[str, str]:
    return {
        "seller": _("Seller"),
        "buyer": pgettext("invoice", "Buyer"),
        "delivery": _("Delivered to"),
        "vat_no": _("VAT no."),
        "description": _("Description"),
        "quantity": _("Quantity"),
        "unit": _("Unit"),
        "price": _("Unit price excl. VAT"),
        "vat": _("VAT"),
        "net": _("Amount excl. VAT"),
        "rate": _("VAT rate"),
        "base": _("Base excl. VAT"),
        "page": _("page"),
        "structured": _("The same as data (Factur-X EN 16931)"),
    }


def _totals(net: int, vat: int, gross: int, prepaid: int = 0, kept: int = 0) -> list[list[str]]:
    rows = [
        [_("Total excl. VAT"), amount(net)],
        [_("VAT"), amount(vat)],
        [_("Total incl. VAT"), amount(gross)],
    ]
    if prepaid:
        rows += [[_("Advances deducted"), amount(-prepaid)], [_("Left to pay"), amount(gross - prepaid)]]
    if kept:
        rows += [[_("Kept back by Stripe"), amount(-kept)], [_("Left to pay"), amount(gross - kept)]]
    return rows


def _of(number: str, issued_on: date) -> str:
    """How another document is named."""
    return _("%(number)s of %(day)s") % {"number": number, "day": day(issued_on)}


def invoice_data(invoice: Invoice) -> dict[str, Any]:
    """Everything the template writes, in the invoice's language; only stored values, so the file can be made again."""
    with override(invoice.language):
        return _invoice(invoice)


def _invoice(invoice: Invoice) -> dict[str, Any]:
    vat_rows = list(invoice.vat_rows.all())
    return {
        "title": invoice.get_type_code_display(),
        "number": invoice.number,
        "language": invoice.language,
        "issued": [invoice.issued_on.year, invoice.issued_on.month, invoice.issued_on.day],
        "words": _words(),
        "facts": [
            [_("Issued on"), day(invoice.issued_on)],
            [_("Delivered or supplied on"), "" if invoice.is_advance else day(invoice.supply_on)],
            [_("Payment due on"), day(invoice.due_on)],
            [pgettext("invoice", "Purchase order"), invoice.order_reference],
            [_("Nature of the operation"), mentions.nature(invoice)],
            [_("Replaces invoice"), _of(old.number, old.issued_on) if (old := invoice.corrects) else ""],
        ],
        "seller": invoice.seller | {"legal": mentions.legal_information(invoice.seller)},
        "buyer": invoice.buyer | {"legal": mentions.legal_information(invoice.buyer)},
        "delivery": invoice.delivery,
        "lines": [
            {
                "description": line.description,
                "quantity": _count(line.quantity),
                "unit": line.unit,
                "price": _price(line.unit_price_e4),
                "rate": _rate(line.vat_bp),
                "net": amount(line.net_cents),
            }
            for line in invoice.lines.all()
        ],
        "vat": [
            {"rate": _rate(row.vat_bp), "base": amount(row.base_cents), "vat": amount(row.vat_cents)}
            for row in vat_rows
        ],
        "totals": _totals(
            invoice.net_cents, invoice.vat_cents, invoice.gross_cents, invoice.prepaid_cents, invoice.kept_cents
        ),
        "notes": invoice.notes,
        "mentions": [
            *mentions.by_mandate(invoice),
            *mentions.vat_notes(invoice, vat_rows),
            *mentions.advance_notes(invoice),
            *mentions.kept_notes(invoice),
            *(
                [_("To be paid by %(day)s at the latest.") % {"day": day(invoice.due_on)}]
                if invoice.asked_cents
                else []
            ),
            *mentions.payment_notes(invoice.due_on).values(),
        ],
        "transfer": _transfer(invoice),
    }


def _transfer(invoice: Invoice) -> str:
    iban = invoice.seller.get("iban", "")
    if not iban or not invoice.asked_cents:
        return ""
    words = _("By bank transfer: IBAN %(iban)s, reference %(reference)s. Or by card or SEPA debit from your ERB space.")
    if invoice.is_suppliers:
        words = _("By bank transfer to the supplier: IBAN %(iban)s, reference %(reference)s.")
    if invoice.customer_id is not None:
        words = _("By bank transfer: IBAN %(iban)s, reference %(reference)s.")
    return words % {"iban": iban, "reference": spaced(creditor_reference(invoice.number))}


def credit_note_data(note: CreditNote) -> dict[str, Any]:
    """A credit note is laid out like its invoice, and names it."""
    with override(note.invoice.language):
        return _credit_note(note)


def _credit_note(note: CreditNote) -> dict[str, Any]:
    invoice = note.invoice
    lines = list(note.lines.select_related("line").order_by("line__position"))
    return _invoice(invoice) | {
        "title": _("Credit note"),
        "number": note.number,
        "issued": [note.issued_on.year, note.issued_on.month, note.issued_on.day],
        "facts": [
            [_("Issued on"), day(note.issued_on)],
            [
                _("Corrected invoice"),
                _of(invoice.number, invoice.issued_on),
            ],
            [_("Reason"), note.reason],
            [_("Nature of the operation"), mentions.nature(invoice)],
        ],
        "lines": [
            {
                "description": row.line.description,
                "quantity": "",
                "unit": "",
                "price": "",
                "rate": _rate(row.line.vat_bp),
                "net": amount(-row.net_cents),
            }
            for row in lines
        ],
        "vat": [
            {"rate": _rate(rate), "base": amount(-base), "vat": amount(-vat)}
            for rate, (base, vat) in sums_by_rate(lines).items()
        ],
        "totals": _totals(-note.net_cents, -note.vat_cents, -note.gross_cents),
        "mentions": [
            *mentions.by_mandate(invoice),
            *mentions.vat_notes(invoice, [r for r in invoice.vat_rows.all() if r.vat_bp in sums_by_rate(lines)]),
        ],
        "notes": "",
        "transfer": "",
    }


def self_billed_data(document: SelfBilled) -> dict[str, Any]:
    """A document in a seller's name, laid out like an invoice; in French, the language of the mandate."""
    with override("fr"):
        rows = [InvoiceVat(**row) for row in document.vat]
        sign, first = -1 if document.is_credit else 1, document.corrects
        return {
            "title": document.get_type_code_display(),
            "number": document.number,
            "language": "fr",
            "issued": [document.issued_on.year, document.issued_on.month, document.issued_on.day],
            "words": _words(),
            "facts": [
                [_("Issued on"), day(document.issued_on)],
                [_("Delivered or supplied on"), day(document.supply_on)],
                [_("Payment due on"), "" if document.is_credit else day(document.due_on)],
                [pgettext("invoice", "Purchase order"), document.order_reference],
                [_("Corrected invoice"), _of(first.number, first.issued_on) if first else ""],
                [_("Reason"), document.reason],
                [_("Nature of the operation"), mentions.nature(document)],
            ],
            "seller": document.seller | {"legal": mentions.legal_information(document.seller)},
            "buyer": document.buyer | {"legal": mentions.legal_information(document.buyer)},
            "delivery": {},
            "lines": [
                {
                    "description": line["description"],
                    "quantity": _count(line["quantity"]),
                    "unit": line["unit"],
                    "price": _price(line["unit_price_e4"]),
                    "rate": _rate(line["vat_bp"]),
                    "net": amount(sign * line["net_cents"]),
                }
                for line in document.lines
            ],
            "vat": [
                {"rate": _rate(r.vat_bp), "base": amount(sign * r.base_cents), "vat": amount(sign * r.vat_cents)}
                for r in rows
            ],
            "totals": _totals(sign * document.net_cents, sign * document.vat_cents, sign * document.gross_cents),
            "notes": "",
            "mentions": [
                mentions.self_billing(),
                *mentions.exemption_notes(rows),
                *mentions.payment_notes(document.due_on).values(),
            ],
            "transfer": "",
        }


def sums_by_rate(lines: list[CreditNoteLine]) -> dict[int, tuple[int, int]]:
    """Net and VAT cents per rate of a credit note's lines, the highest rate first."""
    rates = sorted({row.line.vat_bp for row in lines}, reverse=True)
    of = {rate: [row for row in lines if row.line.vat_bp == rate] for rate in rates}
    return {rate: (sum(r.net_cents for r in rows), sum(r.vat_cents for r in rows)) for rate, rows in of.items()}
