"""A strict reader of the *fichier des écritures comptables*, written from art. A47 A-1 of the livre des procédures fiscales."""

import re
from dataclasses import dataclass
from datetime import date, datetime

HEADER = [
    "JournalCode",
    "JournalLib",
    "EcritureNum",
    "EcritureDate",
    "CompteNum",
    "CompteLib",
    "CompAuxNum",
    "CompAuxLib",
    "PieceRef",
    "PieceDate",
    "EcritureLib",
    "Debit",
    "Credit",
    "EcritureLet",
    "DateLet",
    "ValidDate",
    "Montantdevise",
    "Idevise",
]
AMOUNT = re.compile(r"\d+,\d{2}")


class Refused(ValueError):
    """The file is not what the article asks for; the line and why."""


@dataclass
class Entry:
    journal: str
    number: int
    day: date
    account: str
    auxiliary: str
    debit: int
    credit: int
    letter: str


def _day(text: str, line: int, name: str, *, needed: bool = True) -> date | None:
    if not text and not needed:
        return None
    if not re.fullmatch(r"\d{8}", text):
        raise Refused(f"line {line}: {name} {text!r} is no date")
    return datetime.strptime(text, "%Y%m%d").date()


def _cents(text: str, line: int) -> int:
    if not AMOUNT.fullmatch(text):
        raise Refused(f"line {line}: {text!r} is no amount")
    return int(text.replace(",", ""))


def read(content: str, name: str) -> list[Entry]:
    """The entries of a file; raises Refused at the first thing the article does not allow."""
    if not re.fullmatch(r"\d{9}FEC\d{8}\.txt", name):
        raise Refused(f"name {name!r}")
    rows = content.split("\r\n")
    if rows.pop() != "":
        raise Refused("the last line does not end")
    if rows[0].split("\t") != HEADER:
        raise Refused("header")
    found, labels = [], {}
    for number, row in enumerate(rows[1:], 2):
        fields = row.split("\t")
        if len(fields) != 18:
            raise Refused(f"line {number}: {len(fields)} fields")
        data = dict(zip(HEADER, fields, strict=True))
        for needed in ("JournalCode", "JournalLib", "EcritureNum", "CompteNum", "CompteLib", "PieceRef", "EcritureLib"):
            if not data[needed].strip():
                raise Refused(f"line {number}: {needed} is empty")
        if not re.fullmatch(r"\d{3}[0-9A-Z]*", data["CompteNum"]):
            raise Refused(f"line {number}: account {data['CompteNum']!r}")
        if bool(data["CompAuxNum"]) != bool(data["CompAuxLib"]) or bool(data["EcritureLet"]) != bool(data["DateLet"]):
            raise Refused(f"line {number}: half of a pair")
        if labels.setdefault(data["CompteNum"], data["CompteLib"]) != data["CompteLib"]:
            raise Refused(f"line {number}: two labels of account {data['CompteNum']}")
        _day(data["PieceDate"], number, "PieceDate")
        _day(data["DateLet"], number, "DateLet", needed=False)
        _day(data["ValidDate"], number, "ValidDate")
        debit, credit = _cents(data["Debit"], number), _cents(data["Credit"], number)
        if bool(debit) == bool(credit):
            raise Refused(f"line {number}: debit and credit")
        if data["Montantdevise"] or data["Idevise"]:
            raise Refused(f"line {number}: a foreign currency we do not use")
        day = _day(data["EcritureDate"], number, "EcritureDate")
        found.append(
            Entry(
                *(data["JournalCode"], int(data["EcritureNum"]), day, data["CompteNum"], data["CompAuxNum"]),
                *(debit, credit, data["EcritureLet"]),
            )
        )
    _whole(found)
    return found


def _whole(entries: list[Entry]) -> None:
    """Numbers are unbroken and chronological, and every entry balances."""
    last = None
    sums: dict[int, int] = {}
    for entry in entries:
        if last is not None and (entry.number not in (last.number, last.number + 1) or entry.day < last.day):
            raise Refused(f"entry {entry.number} of {entry.day} after {last.number} of {last.day}")
        last = entry
        sums[entry.number] = sums.get(entry.number, 0) + entry.debit - entry.credit
    if odd := [number for number, cents in sums.items() if cents]:
        raise Refused(f"entry {odd[0]} does not balance")
