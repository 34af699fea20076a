"""A supplier's price list as it sends it (CSV or spreadsheet), read line by line; each error says where it is."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from companies.employees.headings import fold
from companies.employees.problems import Unreadable
from companies.employees.table import MAX_LINES, Cell, Row, rows
from companies.errors import DomainError
from companies.money import parse_quantity, parse_unit_price
from purchasing.rules.units import HUNDRED_WORDS, PACK, PACK_WORDS, WORDS, Base

HEADINGS: dict[str, str] = {
    "reference": "reference|ref|ref article|reference article|code|code article|article|sku|ref fournisseur|item|item number",
    "name": "designation|libelle|nom|description|produit|article designation|name|intitule",
    "price": "prix|prix ht|prix unitaire|prix unitaire ht|pu|pu ht|tarif|prix net|prix net ht|prix de vente|price|unit price|net price",
    "base": "prix pour|base|base de prix|quantite de prix|pour|par|price per|price base|up",
    "unit": "unite|unite de vente|u v|unit|um",
    "pack": "colisage|conditionnement|pcb|pack|qte par colis|par carton|uv|pack size",
}
FIELD_OF = {word: name for name, words in HEADINGS.items() for word in words.split("|")}
NEEDED = ("reference", "price")


ONE = Base()


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line: the supplier's number, its words, the price as written, what it is for, how it is packed."""

    number: int
    reference: str = ""
    name: str = ""
    price_e4: int = 0
    base: Base = ONE
    unit: str = ""
    pack: int = 1
    problems: tuple[str, ...] = ()


def recognised(cells: list[Cell]) -> int:
    return len({FIELD_OF[word] for cell in cells[:100] if (word := fold(cell)) in FIELD_OF})


def read(content: bytes) -> list[PriceLine]:
    """All lines of a list. Errors of a line are on the line; `Unreadable` means the file as a whole is no use."""
    table = rows(content, recognised)
    columns = _heading(table)
    lines: list[PriceLine] = []
    seen: dict[str, int] = {}
    for number, cells in table:
        if not any(_text(cell) for cell in cells):
            continue
        if len(lines) >= MAX_LINES:
            raise Unreadable("too_many_lines", limit=MAX_LINES)
        line = _line(number, cells, columns)
        if line.reference and line.reference in seen:
            line = _with(line, f"twice:{seen[line.reference]}")
        seen.setdefault(line.reference, number)
        lines.append(line)
    if not lines:
        raise Unreadable("no_lines")
    return lines


def _heading(table: Iterator[Row]) -> dict[str, int]:
    """The first row that names the reference and the price; titles above it are passed over."""
    for position, (_number, cells) in enumerate(table):
        found: dict[str, int] = {}
        for index, cell in enumerate(cells[:100]):
            name = FIELD_OF.get(fold(cell))
            if name and name not in found:
                found[name] = index
        if all(name in found for name in NEEDED):
            return found
        if position >= 20:
            break
    raise Unreadable("no_heading", missing=list(NEEDED))


def _text(cell: Cell) -> str:
    if isinstance(cell, float):
        # repr gives the shortest figure that reads back the same, as the sheet shows it; nothing is calculated with it.
        return str(int(cell)) if cell.is_integer() else repr(cell)
    return " ".join(str(cell).replace("\xa0", " ").split())


def _line(number: int, cells: list[Cell], columns: Mapping[str, int]) -> PriceLine:
    values = {name: _text(cells[index]) if index < len(cells) else "" for name, index in columns.items()}
    problems: list[str] = []
    reference, name = values.get("reference", "")[:60], values.get("name", "")[:200]
    if not reference:
        problems.append("missing:reference")
    elif reference.startswith(("=", "+", "@")) or name.startswith(("=", "+", "@")):
        problems.append("formula")
    price = 0
    try:
        price = parse_unit_price(re.sub(r"(?i)\s*(€|eur|ht)\s*", "", values.get("price", "")))
        if price <= 0:
            problems.append("price_zero")
    except DomainError:
        problems.append(f"price:{values.get('price', '')[:40]}" if values.get("price") else "missing:price")
    unit = ""
    if word := fold(values.get("unit", "")):
        unit = WORDS.get(word, PACK if word in PACK_WORDS else "")
        if not unit:
            problems.append(f"unit:{word[:40]}")
    pack = 1
    if values.get("pack"):
        try:
            pack = max(1, parse_quantity(re.sub(r"[^\d ]", "", values["pack"]) or "x"))
        except DomainError:
            problems.append(f"pack:{values['pack'][:40]}")
    base = _base(values.get("base", ""))
    if base is None:
        problems.append(f"base:{values['base'][:40]}")
    if unit == PACK:  # sold by the pack: the price is for one, counted in pieces
        base, unit = Base(1, PACK), "piece"
    return PriceLine(number, reference, name, price, base or Base(), unit, pack, tuple(problems))


def _base(text: str) -> Base | None:
    """What a price is for: "100", "le cent", "kg", "100 kg", "colis"; one of the unit when nothing is said."""
    word = fold(text)
    if not word or word in ("1", "l unite"):
        return Base()
    word = word.removeprefix("le ").removeprefix("par ").removeprefix("pour ")
    if word in HUNDRED_WORDS:
        return Base(HUNDRED_WORDS[word])
    match = re.fullmatch(r"(\d{1,6})? ?([a-z]*)", word)
    if match is None:
        return None
    count, unit = int(match[1] or 1), match[2]
    if not unit:
        return Base(count) if count else None
    if unit in PACK_WORDS:
        return Base(count, PACK)
    return Base(count, WORDS[unit]) if unit in WORDS and count else None


def _with(line: PriceLine, problem: str) -> PriceLine:
    values = {name: getattr(line, name) for name in PriceLine.__slots__}
    return PriceLine(**values | {"problems": (*line.problems, problem)})
