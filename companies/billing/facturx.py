"""Factur-X (EN 16931): our rows as Cross Industry Invoice XML.

The only caller of the library's writer. Keys are the business terms of EN 16931; French rules (BR-FR) as of XP Z12-012.
Amounts leave as exact decimal strings, never as floats.
"""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import override

from companies import money
from companies.billing import mentions
from companies.billing.exemptions import of_rate
from companies.billing.layout import sums_by_rate
from companies.billing.models import CreditNote, Invoice, InvoiceLine, InvoiceVat, SelfBilled
from companies.billing.references import creditor_reference

LEVEL = "en16931"
CREDIT_NOTE = "381"
TRANSFER = "30"
PROCESSES = {"goods": "B1", "services": "S1", "mixed": "M1"}  # BT-23, BR-FR-08
AFTER_ADVANCE = {"goods": "B4", "services": "S4", "mixed": "M4"}  # a final invoice that deducts advance invoices
PAID = {"goods": "B2", "services": "S2", "mixed": "M2"}  # issued when all of it was paid
SIREN, SIRET, E_ADDRESS = "0002", "0009", "0225"  # ISO 6523 schemes
PIECE = "C62"
UNITS = {  # UN/ECE recommendation 20, by our words
    **dict.fromkeys(["gram", "grams", "gramme", "grammes", "g"], "GRM"),
    **dict.fromkeys(["kilo", "kilos", "kg"], "KGM"),
    **dict.fromkeys(["millilitre", "millilitres", "ml"], "MLT"),
    **dict.fromkeys(["litre", "litres", "l"], "LTR"),
    **dict.fromkeys(["metre", "metres", "mètre", "mètres", "m"], "MTR"),
    **dict.fromkeys(["pair", "pairs", "paire", "paires"], "PR"),
    **dict.fromkeys(["hour", "hours", "heure", "heures", "h"], "HUR"),
    **dict.fromkeys(["box", "boxes", "carton", "cartons"], "XCT"),
    **dict.fromkeys(["day", "days", "jour", "jours"], "DAY"),
    **dict.fromkeys(["month", "months", "mois"], "MON"),
    **dict.fromkeys(["flat rate", "forfait", "forfaits"], "LS"),
}
logging.getLogger("factur-x").setLevel(logging.ERROR)  # it tells of every attachment


def invoice_xml(invoice: Invoice) -> bytes:
    """The structured invoice, checked against the published schema while it is made."""
    with override(invoice.language):
        rows = list(invoice.vat_rows.all())
        return document_xml(
            _head(invoice, invoice.number, invoice.type_code, invoice.issued_on)
            | _before(invoice)
            | _payment(invoice)
            | {
                "BG-1": _notes(invoice, rows),
                "BG-23": [_vat(row.vat_bp, row.base_cents, row.vat_cents, row.exemption) for row in rows],
                "BG-25": [_line(line, exemptions_of(rows)) for line in invoice.lines.all()],
            }
            | _totals(
                invoice.net_cents,
                invoice.vat_cents,
                invoice.gross_cents,
                invoice.prepaid_cents + invoice.kept_cents,
            )
        )


def credit_note_xml(note: CreditNote) -> bytes:
    """The structured credit note (381): positive amounts, and the number and day of the invoice it corrects."""
    invoice = note.invoice
    with override(invoice.language):
        rows = {row.vat_bp: row for row in invoice.vat_rows.all()}
        lines = list(note.lines.select_related("line").order_by("line__position"))
        sums = sums_by_rate(lines)
        return document_xml(
            _head(invoice, note.number, CREDIT_NOTE, note.issued_on)
            | {
                "BT-9": note.issued_on,
                "BG-3": [{"BT-25": invoice.number, "BT-26": invoice.issued_on}],
                "BG-1": [*_notes(invoice, [rows[rate] for rate in sums]), {"BT-22": note.reason}],
                "BG-23": [_vat(rate, base, vat, rows[rate].exemption) for rate, (base, vat) in sums.items()],
                "BG-25": [_credited(row.line, row.net_cents, exemptions_of(list(rows.values()))) for row in lines],
            }
            | _totals(note.net_cents, note.vat_cents, note.gross_cents)
        )


def document_xml(terms: dict[str, Any]) -> bytes:
    """The XML of business terms, checked against the schema; raises when a term is missing or of the wrong kind."""
    from facturx import generate_cii_xml

    found = generate_cii_xml(terms, level=LEVEL, check_xsd=True, check_schematron=False)
    return found if isinstance(found, bytes) else bytes(found[0])


def exemptions_of(rows: list[InvoiceVat]) -> dict[int, str]:
    """Why there is no VAT, by rate."""
    return {row.vat_bp: row.exemption for row in rows}


def self_billed_xml(document: SelfBilled) -> bytes:
    """What the association writes in a seller's name: 389, or 261 that names its invoice."""
    with override("fr"):
        rows = [InvoiceVat(**row) for row in document.vat]
        lines = [InvoiceLine(position=place, **line) for place, line in enumerate(document.lines, 1)]
        first = document.corrects
        notes = [{"BT-21": code, "BT-22": words} for code, words in mentions.payment_notes(document.due_on).items()]
        others = [mentions.self_billing(), *mentions.exemption_notes(rows), document.reason]
        return document_xml(
            {
                "BT-1": document.number,
                "BT-2": document.issued_on,
                "BT-3": document.type_code,
                "BT-5": "EUR",
                "BT-9": document.due_on,
                "BT-23": PROCESSES[document.nature],
                "BT-72": document.supply_on,
                "BG-4": party(document.seller) | _tax_identifier(document.seller),
                "BG-7": party(document.buyer),
                "BG-1": notes + [{"BT-22": words} for words in others if words],
                "BG-23": [_vat(row.vat_bp, row.base_cents, row.vat_cents, row.exemption) for row in rows],
                "BG-25": [_line(line, exemptions_of(rows)) for line in lines],
            }
            | ({"BT-13": document.order_reference} if document.order_reference else {})
            | ({"BG-3": [{"BT-25": first.number, "BT-26": first.issued_on}]} if first else {})
            | _totals(document.net_cents, document.vat_cents, document.gross_cents)
        )


def _head(invoice: Invoice, number: str, kind: str, issued_on: date) -> dict[str, Any]:
    terms: dict[str, Any] = {
        "BT-1": number,
        "BT-2": issued_on,
        "BT-3": kind,
        "BT-5": "EUR",
        "BT-23": PROCESSES[invoice.nature],
        "BT-72": invoice.supply_on,
        "BG-4": party(invoice.seller) | _tax_identifier(invoice.seller),
        "BG-7": party(invoice.buyer),
    }
    if invoice.seller.get("vat_on_debits") and invoice.nature != "goods":
        terms["BT-8"] = "invoice"
    if invoice.order_reference:
        terms["BT-13"] = invoice.order_reference
    if invoice.delivery:
        terms["BG-13"] = {"name": invoice.delivery.get("name") or invoice.buyer["name"], **_address(invoice.delivery)}
    return terms


def _before(invoice: Invoice) -> dict[str, Any]:
    """The invoice that this one replaces, or the advance invoices that it deducts (BG-3)."""
    if invoice.kept_cents == invoice.gross_cents:
        return {"BT-23": PAID[invoice.nature]}
    before = [invoice.corrects] if invoice.corrects else [row.advance for row in invoice.deductions.all()]
    if not before:
        return {}
    terms: dict[str, Any] = {"BG-3": [{"BT-25": one.number, "BT-26": one.issued_on} for one in before]}
    return terms if invoice.corrects else terms | {"BT-23": AFTER_ADVANCE[invoice.nature]}


def _payment(invoice: Invoice) -> dict[str, Any]:
    terms: dict[str, Any] = {"BT-9": invoice.due_on, "BT-83": creditor_reference(invoice.number)}
    if iban := str(invoice.seller.get("iban", "")).replace(" ", ""):
        terms |= {"BT-81": TRANSFER, "BT-84": iban, "BT-85": invoice.seller["name"]}
    return terms


def party(who: Mapping[str, Any]) -> dict[str, Any]:
    """A seller or buyer: legal identity, address, VAT number and electronic address."""
    terms: dict[str, Any] = {
        "name": who["name"],
        "legal_identifier": who["siren"],
        "legal_identifier_schemeid": SIREN,
        **_address(who),
        "einvoicing_addr": who.get("e_address") or who["siren"],
        "einvoicing_addr_schemeid": E_ADDRESS,
    }
    if who.get("siret"):
        terms["identifiers"] = {SIRET: who["siret"]}
    if who.get("vat_no"):
        terms["vat_identifier"] = who["vat_no"]
    if legal := mentions.legal_information(who):
        terms["legal_info"] = legal
    return terms


def _tax_identifier(who: Mapping[str, Any]) -> dict[str, str]:
    """A seller without a VAT number is known to the tax office by its SIREN (BT-32)."""
    return {} if who.get("vat_no") else {"tax_identifier": str(who["siren"])}


def _address(who: Mapping[str, Any]) -> dict[str, str]:
    parts = {"addr_l1": who.get("street"), "postcode": who.get("postcode"), "city": who.get("city")}
    return {name: str(part) for name, part in parts.items() if part} | {"country_code": who.get("country") or "FR"}


def _notes(invoice: Invoice, rows: list[InvoiceVat]) -> list[dict[str, str]]:
    notes = [{"BT-21": code, "BT-22": words} for code, words in mentions.payment_notes(invoice.due_on).items()]
    notes += [{"BT-22": words} for words in mentions.by_mandate(invoice)]
    notes += [{"BT-22": words} for words in mentions.vat_notes(invoice, rows)]
    notes += [{"BT-22": words} for words in mentions.advance_notes(invoice) + mentions.kept_notes(invoice)]
    return notes + ([{"BT-22": invoice.notes}] if invoice.notes else [])


def _vat(vat_bp: int, base: int, vat: int, exemption: str) -> dict[str, str]:
    terms = {
        "BT-116": money.euros(base),
        "BT-117": money.euros(vat),
        "BT-118": _category(vat_bp, exemption),
        "BT-119": _percent(vat_bp),
    }
    if (reason := of_rate(vat_bp, exemption)) is not None:
        terms["BT-120"] = str(reason.sentence)
        if reason.vatex:
            terms["BT-121"] = reason.vatex
    return terms


def _category(vat_bp: int, exemption: str) -> str:
    reason = of_rate(vat_bp, exemption)
    return "S" if reason is None else reason.category


def _percent(bp: int) -> str:
    return f"{bp // 100}.{bp % 100:02d}"


def _line(line: InvoiceLine, exemptions: Mapping[int, str]) -> dict[str, str]:
    """One line. Where quantity × price is not the net amount to the cent, the price is given for the whole quantity."""
    price = line.unit_price_e4
    exact = price is not None and price >= 0 and money.line_total(line.quantity, price) == line.net_cents
    if exact and price is not None:
        return _item(line, exemptions, line.net_cents) | {
            "BT-129": str(line.quantity),
            "BT-146": f"{price // 10_000}.{price % 10_000:04d}",
        }
    # A price is never negative (BR-27): the quantity of a discount is.
    quantity = abs(line.quantity) or 1
    return _item(line, exemptions, line.net_cents) | {
        "BT-129": str(quantity if line.net_cents >= 0 else -quantity),
        "BT-146": money.euros(abs(line.net_cents)),
        "BT-149": str(quantity),
    }


def _credited(line: InvoiceLine, net_cents: int, exemptions: Mapping[int, str]) -> dict[str, str]:
    return _item(line, exemptions, net_cents) | {
        "BT-129": "1" if net_cents >= 0 else "-1",
        "BT-130": PIECE,
        "BT-146": money.euros(abs(net_cents)),
    }


def _item(line: InvoiceLine, exemptions: Mapping[int, str], net_cents: int) -> dict[str, str]:
    return {
        "BT-126": str(line.position),
        "BT-130": UNITS.get(line.unit.lower().strip(), PIECE),
        "BT-131": money.euros(net_cents),
        "BT-151": _category(line.vat_bp, exemptions[line.vat_bp]),
        "BT-152": _percent(line.vat_bp),
        "BT-153": line.description,
    }


def _totals(net: int, vat: int, gross: int, prepaid: int = 0) -> dict[str, str]:
    terms = {
        "BT-106": money.euros(net),
        "BT-109": money.euros(net),
        "BT-110": money.euros(vat),
        "BT-112": money.euros(gross),
        "BT-115": money.euros(gross - prepaid),
    }
    return terms | {"BT-113": money.euros(prepaid)} if prepaid else terms
