"""Statements as banks give them: CAMT.053 (ISO 20022, versions 02 to 13) and CSV. Pure: bytes in, lines out."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext_lazy as _

from companies.billing import safe_xml
from companies.errors import Invalid

MOST_BYTES = 20 * 1024 * 1024
MOST_LINES = 20_000  # a busy year; more would keep the reader waiting longer than a page may
LONGEST_LINE = 20_000  # characters of a CSV line
CAMT = re.compile(r"urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.\d\d")


class TooManyLines(Invalid):
    code = "statement_too_long"
    message = _("This file holds more than %(most)s lines. Ask the bank for one file a month.")


class StatementRefused(Invalid):
    """The file is no bank statement we can read; nothing was imported."""

    code = "statement_refused"
    message = _("This is not a bank statement we can read: %(why)s")


@dataclass(frozen=True)
class Line:
    """One booked movement; money that came is positive. `key` is the same whenever the same movement is read again."""

    booked_on: date
    value_on: date
    cents: int
    name: str = ""
    iban: str = ""
    text: str = ""
    reference: str = ""
    bank_id: str = ""
    key: str = ""


@dataclass(frozen=True)
class Statement:
    format: str
    iban: str
    reference: str
    lines: list[Line] = field(default_factory=list)
    opening_cents: int | None = None
    closing_cents: int | None = None


def read(content: bytes) -> list[Statement]:
    """The statements of a file. Raises StatementRefused, FileTooLarge, XmlDangerous, XmlRefused."""
    if len(content) > MOST_BYTES:
        raise safe_xml.FileTooLarge(limit=MOST_BYTES // (1024 * 1024))
    start = content.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t")[:1]
    found = _camt(content) if start == b"<" else [_csv(content)]
    return [replace(statement, lines=_keyed(statement)) for statement in found]


def _keyed(statement: Statement) -> list[Line]:
    """Give each line its key: the bank's own, else its content and which of several equal ones it is."""
    seen: dict[tuple[Any, ...], int] = {}
    found = []
    for line in statement.lines:
        content = (line.booked_on, line.cents, line.bank_id, line.name, line.iban, line.text, line.reference)
        seen[content] = seen.get(content, 0) + 1
        words = "\x1f".join(str(part) for part in (statement.iban, *content, seen[content]))
        found.append(replace(line, key=hashlib.sha256(words.encode()).hexdigest()))
    return found


def cents_of(text: str) -> int:
    """An amount of a bank: `1 234,56`, `1,234.56`, `-12.3`. Raises ValueError.

    >>> cents_of("1 234,56"), cents_of("-1,234.5"), cents_of("12")
    (123456, -123450, 1200)
    """
    plain = re.sub(r"[\s\u00a0\u202f€']|EUR", "", text)
    comma, point = plain.rfind(","), plain.rfind(".")
    decimal = max(comma, point)
    if comma >= 0 and point >= 0:
        plain = plain.replace("," if point > comma else ".", "")
    elif decimal >= 0 and plain.count(plain[decimal]) > 1:
        plain = plain.replace(plain[decimal], "")
    plain = plain.replace(",", ".")
    if not re.fullmatch(r"[+-]?\d{1,12}(\.\d{1,2})?", plain):
        raise ValueError(text)
    return int(Decimal(plain) * 100)


# CAMT.053 ------------------------------------------------------------------------------------------------------------
def _camt(content: bytes) -> list[Statement]:
    root = safe_xml.read(content, limit=MOST_BYTES)
    if sum(1 for _node in root.iter("{*}Ntry", "{*}TxDtls")) > 2 * MOST_LINES:
        raise TooManyLines(most=MOST_LINES)
    namespace = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
    if not CAMT.fullmatch(namespace):
        raise StatementRefused(why=_("its format is not CAMT.053."))
    found = [_statement(node) for node in root.iterfind("{*}BkToCstmrStmt/{*}Stmt")]
    if not found:
        raise StatementRefused(why=_("it holds no statement."))
    return found


def _text(node: Any, *paths: str) -> str:
    for path in paths:
        found = node.find("/".join(f"{{*}}{part}" for part in path.split("/")))
        if found is not None and (found.text or "").strip():
            return " ".join(str(found.text).split())
    return ""


def _day(node: Any, path: str) -> date | None:
    text = _text(node, f"{path}/Dt", f"{path}/DtTm")
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        raise StatementRefused(why=_("the date %(day)s is none.") % {"day": text[:20]}) from None


def _signed(node: Any, path: str = "Amt", sign_of: Any = None) -> int:
    amount = node.find("/".join(f"{{*}}{part}" for part in path.split("/")))
    if amount is None:
        raise StatementRefused(why=_("an amount is missing."))
    if amount.get("Ccy", "EUR") != "EUR":
        raise StatementRefused(why=_("an amount is not in euros."))
    try:
        value = Decimal(amount.text or "")
        cents = int(value * 100)
        if value != value.quantize(Decimal("0.01")) or not 0 <= cents < 10**14:
            raise InvalidOperation
    except (InvalidOperation, ValueError):
        raise StatementRefused(why=_("the amount %(amount)s is none.") % {"amount": (amount.text or "")[:20]}) from None
    kind = _text(sign_of if sign_of is not None else node, "CdtDbtInd")
    if kind not in ("CRDT", "DBIT"):
        raise StatementRefused(why=_("an amount is neither credit nor debit."))
    return cents if kind == "CRDT" else -cents


def _statement(node: Any) -> Statement:
    balances = {_text(row, "Tp/CdOrPrtry/Cd"): _signed(row) for row in node.iterfind("{*}Bal")}
    lines = [line for entry in node.iterfind("{*}Ntry") for line in _entry(entry)]
    opening, closing = balances.get("OPBD", balances.get("PRCD")), balances.get("CLBD")
    if opening is not None and closing is not None and opening + sum(line.cents for line in lines) != closing:
        raise StatementRefused(why=_("its lines do not lead from the opening to the closing balance."))
    return Statement(
        "camt.053",
        _text(node, "Acct/Id/IBAN").replace(" ", ""),
        _text(node, "Id")[:80],
        lines,
        opening,
        closing,
    )


def _entry(entry: Any) -> Iterator[Line]:
    """The movements of one entry: one per transaction of a batch when their amounts add up, else the entry as a whole."""
    if _text(entry, "Sts/Cd", "Sts") not in ("BOOK", ""):
        return
    total, booked = _signed(entry), _day(entry, "BookgDt") or _day(entry, "ValDt")
    if booked is None:
        raise StatementRefused(why=_("a line has no date."))
    valued = _day(entry, "ValDt") or booked
    details = list(entry.iterfind("{*}NtryDtls/{*}TxDtls"))
    parts = [_part(detail, entry) for detail in details] if len(details) > 1 else []
    bank_id = _text(entry, "AcctSvcrRef", "NtryRef")
    if parts and None not in parts and sum(part or 0 for part in parts) == total:
        for place, (detail, cents) in enumerate(zip(details, parts, strict=True), 1):
            own = _text(detail, "Refs/AcctSvcrRef", "Refs/TxId") or f"{bank_id}/{place}"
            yield _line(detail, entry, booked, valued, cents or 0, own)
    else:
        yield _line(details[0] if len(details) == 1 else entry, entry, booked, valued, total, bank_id)


def _part(detail: Any, entry: Any) -> int | None:
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        if detail.find("/".join(f"{{*}}{part}" for part in path.split("/"))) is not None:
            own = detail if _text(detail, "CdtDbtInd") else entry
            return _signed(detail, path, own)
    return None


def _line(detail: Any, entry: Any, booked: date, valued: date, cents: int, bank_id: str) -> Line:
    other = "Dbtr" if cents >= 0 else "Cdtr"
    words = [" ".join((node.text or "").split()) for node in detail.iterfind("{*}RmtInf/{*}Ustrd")]
    end_to_end = _text(detail, "Refs/EndToEndId")
    return Line(
        booked_on=booked,
        value_on=valued,
        cents=cents,
        name=_text(detail, f"RltdPties/{other}/Nm", f"RltdPties/{other}/Pty/Nm")[:140],
        iban=_text(detail, f"RltdPties/{other}Acct/Id/IBAN").replace(" ", "")[:34],
        text=(" ".join(words) or _text(entry, "AddtlNtryInf"))[:500],
        reference=(_text(detail, "RmtInf/Strd/CdtrRefInf/Ref") or ("" if end_to_end == "NOTPROVIDED" else end_to_end))[
            :60
        ],
        bank_id=bank_id[:60],
    )


# CSV -----------------------------------------------------------------------------------------------------------------
HEADINGS = {
    "day": ("date", "date operation", "date de comptabilisation", "booking date", "date comptable", "date op"),
    "valued": ("date de valeur", "date valeur", "value date"),
    "text": ("libelle", "description", "text", "libelle operation", "detail", "communication", "motif"),
    "amount": ("montant", "amount", "montant eur", "montant en euros"),
    "debit": ("debit", "debit eur", "debit euros"),
    "credit": ("credit", "credit eur", "credit euros"),
    "name": ("nom", "name", "contrepartie", "tiers", "counterparty"),
    "iban": ("iban", "iban contrepartie", "counterparty iban", "compte tiers"),
    "reference": ("reference", "ref", "reference de bout en bout", "end to end"),
}


def _plain(heading: str) -> str:
    import unicodedata

    text = "".join(letter for letter in unicodedata.normalize("NFKD", heading) if not unicodedata.combining(letter))
    return " ".join(re.sub(r"[^a-z ]", " ", text.lower()).split())


def _csv(content: bytes) -> Statement:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise StatementRefused(why=_("it is neither CAMT.053 nor CSV."))
    if text.count("\n") > MOST_LINES:
        raise TooManyLines(most=MOST_LINES)
    if any(len(line) > LONGEST_LINE for line in text.split("\n")):
        raise StatementRefused(why=_("one of its lines is too long."))
    delimiter = max(";\t,", key=text.partition("\n")[0].count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise StatementRefused(why=str(error)) from None
    places = _places(rows[0] if rows else [])
    lines = [_row(row, places, number) for number, row in enumerate(rows[1:], 2) if any(cell.strip() for cell in row)]
    if not lines:
        raise StatementRefused(why=_("it has no line."))
    days = [line.booked_on for line in lines]
    return Statement("csv", "", f"{min(days)} – {max(days)}", lines)


def _places(heading: list[str]) -> dict[str, int]:
    names = [_plain(cell) for cell in heading]
    places = {
        key: next(place for place, name in enumerate(names) if name in wanted)
        for key, wanted in HEADINGS.items()
        if any(name in wanted for name in names)
    }
    if "day" not in places or not ({"amount", "debit", "credit"} & set(places)):
        raise StatementRefused(why=_("its first line does not name a date and an amount (or debit and credit)."))
    return places


def _row(row: list[str], places: dict[str, int], number: int) -> Line:
    def cell(name: str) -> str:
        place = places.get(name)
        return " ".join(row[place].split()) if place is not None and place < len(row) else ""

    try:
        booked = _date(cell("day"))
        if cell("amount"):
            cents = cents_of(cell("amount"))
        else:
            cents = (abs(cents_of(cell("credit"))) if cell("credit") else 0) - (
                abs(cents_of(cell("debit"))) if cell("debit") else 0
            )
    except ValueError:
        raise StatementRefused(why=_("line %(line)s has no date and amount we can read.") % {"line": number}) from None
    return Line(
        booked_on=booked,
        value_on=_date(cell("valued")) if cell("valued") else booked,
        cents=cents,
        name=cell("name")[:140],
        iban=cell("iban").replace(" ", "")[:34],
        text=cell("text")[:500],
        reference=cell("reference")[:60],
    )


def _date(text: str) -> date:
    for form in ("%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    raise ValueError(text)
