"""A supplier's invoice as it was entered: its lines with the units they bill, their rates and their VAT."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from companies.models import Document
from companies.money import percent_of, share
from purchasing.models import PurchaseOrder, SupplierInvoiceLine
from purchasing.services.costs import spread
from purchasing.services.three_way import unbilled

Kind = SupplierInvoiceLine.Kind
STANDARD_BP = 2000


@dataclass(frozen=True, slots=True)
class LineIn:
    """One line as the supplier wrote it. A discount has negative cents; freight without a rate follows the goods."""

    kind: str
    net_cents: int
    vat_bp: int | None
    order_line: int | None = None
    quantity: int | None = None
    unit_price_e4: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceIn:
    number: str
    issued_on: date
    lines: Sequence[LineIn]
    due_on: date | None = None
    document: Document | None = None


def with_units(order: PurchaseOrder, lines: Sequence[LineIn]) -> list[LineIn]:
    """Goods without a quantity bill everything of their line that is not billed yet."""
    left = unbilled(order)
    return [
        replace(line, quantity=left.get(line.order_line) or None)
        if line.kind == Kind.GOODS and line.quantity is None and line.order_line
        else line
        for line in lines
    ]


def with_rates(lines: Sequence[LineIn]) -> list[LineIn]:
    """Freight and discounts of no rate are cut by the value of the goods of each rate, one line per rate."""
    goods: dict[int, int] = {}
    for line in lines:
        if line.kind == Kind.GOODS and line.vat_bp is not None:
            goods[line.vat_bp] = goods.get(line.vat_bp, 0) + line.net_cents
    found: list[LineIn] = []
    for line in lines:
        if line.vat_bp is not None:
            found.append(line)
        elif len(goods) < 2 or min(goods.values()) < 0:
            found.append(replace(line, vat_bp=next(iter(goods), STANDARD_BP)))
        else:
            rates = sorted(goods)
            parts = share(line.net_cents, [goods[rate] for rate in rates])
            found += [
                replace(line, net_cents=part, vat_bp=rate) for rate, part in zip(rates, parts, strict=True) if part
            ]
    return found


def vat_by_line(lines: Sequence[LineIn]) -> list[int]:
    """VAT once per rate, as on the supplier's document, then over the lines."""
    result = [0] * len(lines)
    for rate in {line.vat_bp or 0 for line in lines}:
        at_rate = [i for i, line in enumerate(lines) if line.vat_bp == rate]
        total = percent_of(sum(lines[i].net_cents for i in at_rate), rate)
        parts = spread(total, [lines[i].net_cents for i in at_rate])
        for i, cents in zip(at_rate, parts, strict=True):
            result[i] = cents
    return result
