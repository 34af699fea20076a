"""Reading a stranger's invoice: PDF with Factur-X inside, CII or UBL. The only caller of the library's reader.

Hostile files are refused in words before anything expands, resolves or loops: size, document types, entities, depth,
attachments that unpack to more than they should.
"""

import io
import logging
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from companies.billing import safe_xml
from companies.errors import Invalid

MOST_XML = 10 * 1024 * 1024
MOST_LINES = 10_000
NAMES = ("factur-x.xml", "zugferd-invoice.xml", "xrechnung.xml")
PROBLEMS: dict[str, Any] = {
    "no_data": _("There is no structured invoice inside: its figures were not read."),
    "other_buyer": _("It is addressed to another company."),
    "currency": _("Its currency is not the euro."),
    "lines": _("Its lines do not add up to its net total."),
    "vat": _("Its VAT by rate does not add up."),
    "total": _("Net total and VAT do not make its total."),
}
logging.getLogger("factur-x").setLevel(logging.ERROR)


class NotAnInvoice(Invalid):
    code = "not_an_invoice"
    message = _("This file is neither a PDF nor an electronic invoice (Factur-X, UBL, CII). Nothing was kept.")


class PdfRefused(Invalid):
    code = "pdf_refused"
    message = _("This PDF is damaged, encrypted or unpacks to too much. Ask the supplier for another.")


class InvoiceUnreadable(Invalid):
    code = "invoice_unreadable"
    message = _("The structured invoice breaks its format: %(why)s")


@dataclass(frozen=True)
class ReadLine:
    text: str
    article: str
    quantity: Decimal
    unit: str
    unit_price_e4: int | None
    net_cents: int
    vat_bp: int


@dataclass(frozen=True)
class ReadInvoice:
    """What a file says. Without structured data only `format` and `problems` are filled."""

    format: str
    type_code: str = "380"
    number: str = ""
    issued_on: date | None = None
    due_on: date | None = None
    order_reference: str = ""
    seller_name: str = ""
    seller_siren: str = ""
    seller_vat_no: str = ""
    seller_iban: str = ""
    net_cents: int | None = None
    vat_cents: int | None = None
    gross_cents: int | None = None
    vat: list[dict[str, int]] = field(default_factory=list)
    lines: list[ReadLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def read(content: bytes) -> ReadInvoice:
    """Read a file. Raises FileTooLarge, NotAnInvoice, PdfRefused, XmlDangerous, XmlRefused, InvoiceUnreadable."""
    if len(content) > safe_xml.MOST_BYTES:
        raise safe_xml.FileTooLarge(limit=safe_xml.MOST_BYTES // (1024 * 1024))
    if content[:1024].lstrip().startswith(b"%PDF-"):
        xml = _inside(content)
        return ReadInvoice("pdf", problems=["no_data"]) if xml is None else _parsed(xml, "facturx")
    if content.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t").startswith(b"<"):
        return _parsed(content, "")
    raise NotAnInvoice


def _inside(content: bytes) -> bytes | None:
    """The structured invoice in a PDF; None when there is none."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(content))
        if reader.is_encrypted:
            raise PdfRefused
        len(reader.pages)
        found = {entry.name.lower(): entry for entry in reader.attachment_list}
        for name in NAMES:
            if name in found:
                xml = bytes(found[name].content or b"")
                if len(xml) > MOST_XML:
                    raise PdfRefused
                return xml
    except PdfRefused:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        raise PdfRefused from error
    return None


def _parsed(xml: bytes, kind: str) -> ReadInvoice:
    from facturx import get_flavor, parse_ubl_cii_xml

    root = safe_xml.read(xml, limit=MOST_XML)
    try:
        flavor = str(get_flavor(root))
    except Exception as error:  # the library raises bare exceptions
        raise NotAnInvoice from error
    try:
        terms = parse_ubl_cii_xml(root, flavor=flavor, float_as="string", date_as="date", check_xsd=True)
        return _mapped(terms, kind or ("ubl" if flavor.startswith("ubl") else "cii"))
    except Invalid:
        raise
    except Exception as error:
        raise InvoiceUnreadable(why=_first_line(error)) from error


def _first_line(error: Exception) -> str:
    """The end of the library's explanation: its last line names what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:240]


def _cents(text: Any) -> int:
    value = Decimal(str(text))
    if not value.is_finite() or abs(value) >= 10**12:
        raise InvalidOperation(f"amount {text}")
    return int((value * 100).quantize(Decimal(1), ROUND_HALF_UP))


def _optional(text: Any) -> int | None:
    return None if text in (None, "") else _cents(text)


def _bp(text: Any) -> int:
    value = Decimal(str(text or 0))
    if not 0 <= value <= 100:
        raise InvalidOperation(f"rate {text}")
    return int(value * 100)


def _mapped(terms: dict[str, Any], kind: str) -> ReadInvoice:
    seller, buyer = terms.get("BG-4") or {}, terms.get("BG-7") or {}
    rows = terms.get("BG-25") or []
    if len(rows) > MOST_LINES:
        raise InvalidOperation(f"{len(rows)} lines")
    found = ReadInvoice(
        kind,
        type_code=str(terms.get("BT-3") or "380")[:4],
        number=str(terms["BT-1"])[:60],
        issued_on=terms.get("BT-2"),
        due_on=terms.get("BT-9"),
        order_reference=str(terms.get("BT-13") or "")[:80],
        seller_name=str(seller.get("name") or "")[:160],
        seller_siren=_siren(seller),
        seller_vat_no=str(seller.get("vat_identifier") or "")[:20],
        seller_iban=str(_single(terms.get("BT-84")) or "").replace(" ", "")[:34],
        net_cents=_optional(terms.get("BT-109")),
        vat_cents=_optional(_single(terms.get("BT-110"))) or 0,
        gross_cents=_optional(terms.get("BT-112")),
        vat=[
            {"vat_bp": _bp(row.get("BT-119")), "base_cents": _cents(row["BT-116"]), "vat_cents": _cents(row["BT-117"])}
            for row in terms.get("BG-23") or []
        ],
        lines=[_line(row) for row in rows],
    )
    found.problems.extend(_problems(found, terms, buyer))
    return found


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _siren(party: dict[str, Any]) -> str:
    """The SIREN of a party, from its legal identifier or its French VAT number."""
    legal = str(party.get("legal_identifier") or "").replace(" ", "")
    if legal.isdecimal() and len(legal) in (9, 14):
        return legal[:9]
    vat = str(party.get("vat_identifier") or "").replace(" ", "")
    return vat[4:13] if vat.startswith("FR") and vat[4:13].isdecimal() and len(vat) == 13 else ""


def _line(row: dict[str, Any]) -> ReadLine:
    price = row.get("BT-146")
    base = Decimal(str(row.get("BT-149") or 1)) or Decimal(1)
    each = None if price is None else int((Decimal(str(price)) / base * 10_000).quantize(Decimal(1), ROUND_HALF_UP))
    quantity = Decimal(str(row.get("BT-129") or 1)).quantize(Decimal("0.0001"))
    if abs(quantity) >= 10**12 or (each is not None and abs(each) >= 10**15):
        raise InvalidOperation("quantity")
    return ReadLine(
        text=str(row.get("BT-153") or "")[:240],
        article=str(row.get("BT-155") or "")[:60],
        quantity=quantity,
        unit=str(row.get("BT-130") or "")[:8],
        unit_price_e4=each,
        net_cents=_cents(row["BT-131"]),
        vat_bp=_bp(row.get("BT-152")),
    )


def _problems(found: ReadInvoice, terms: dict[str, Any], buyer: dict[str, Any]) -> list[str]:
    problems = []
    ours, theirs = str(settings.SELLER.get("siren", "")), _siren(buyer)
    if theirs and ours and theirs != ours:
        problems.append("other_buyer")
    if terms.get("BT-5") != "EUR":
        problems.append("currency")
    allowances = _optional(terms.get("BT-107")) or 0
    charges = _optional(terms.get("BT-108")) or 0
    if found.lines and found.net_cents != sum(line.net_cents for line in found.lines) - allowances + charges:
        problems.append("lines")
    if found.vat and found.vat_cents != sum(row["vat_cents"] for row in found.vat):
        problems.append("vat")
    if found.gross_cents != (found.net_cents or 0) + (found.vat_cents or 0):
        problems.append("total")
    return problems
