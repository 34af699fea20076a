"""Three-way match: what a supplier bills against what was ordered and what was received, invoice after invoice."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, QuerySet, Sum

from companies.billing.received.services import tolerated
from companies.money import line_total
from purchasing.models import PurchaseOrder, ReceiptLine, SupplierInvoice, SupplierInvoiceLine
from purchasing.rules.landed import freight_due
from purchasing.services import billed_units

Kind = SupplierInvoiceLine.Kind


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as ordered and received: what, expected, billed (quantity, ten-thousandths or cents)."""

    kind: str  # quantity | price | amount | freight
    text: str
    expected: int
    billed: int

    def as_data(self) -> dict[str, object]:
        return {"kind": self.kind, "text": self.text, "expected": self.expected, "billed": self.billed}


def within_tolerance(found: Sequence[Difference]) -> bool:
    """Whether every difference in money is small enough for nobody to look at it (settings INVOICE_TOLERANCE_…).

    Another quantity or price counts by the amount it makes: without one it is no more than other words for the same bill.
    """
    money = [row for row in found if row.kind in ("amount", "freight")]
    if found and not money:
        return False
    return all(tolerated(row.expected, row.billed) for row in money)


def expected_net(order: PurchaseOrder, *, before: SupplierInvoice | None = None) -> int:
    """What order and receipts make us expect, less what was billed already: units at the ordered price, freight by its terms."""
    left = unbilled(order, before)
    goods = sum(line_total(left.get(line.pk, 0), line.unit_price_e4) for line in order.lines.all())
    return goods + freight_left(order, before) if goods else 0  # nothing kept, nothing carried


def expected_of(invoice: SupplierInvoice) -> int:
    """What an invoice should come to, for the lines and deliveries it bills."""
    goods = sum(line_total(due, line.order_line.unit_price_e4) for line, due in _billed(invoice) if line.order_line)
    return goods + _planned(invoice, goods)


def expected_freight(order: PurchaseOrder, goods_cents: int) -> int:
    """The freight of the whole order by its terms. Franco was reached by what was ordered; what came decides nothing."""
    if order.quote is None:
        return order.freight_cents
    return freight_due(max(goods_cents, order.goods_cents), order.quote.freight_cents, order.quote.franco_cents)


def _earlier(order: PurchaseOrder, before: SupplierInvoice | None) -> QuerySet[SupplierInvoiceLine]:
    rows = SupplierInvoiceLine.objects.filter(invoice__order=order)
    return rows if before is None else rows.filter(invoice__pk__lt=before.pk)


def received(order: PurchaseOrder) -> dict[int, int]:
    """Units accepted over all deliveries and corrections, by order line."""
    rows = ReceiptLine.objects.filter(order_line__order=order).order_by().values_list("order_line")
    return dict(rows.annotate(total=Sum(F("counted") - F("refused"))))


def unbilled(order: PurchaseOrder, before: SupplierInvoice | None = None) -> dict[int, int]:
    """Units received that no earlier invoice billed, by order line. The same goods under two numbers are seen here."""
    rows = _earlier(order, before).filter(kind=Kind.GOODS).order_by().values_list("order_line")
    billed = dict(rows.annotate(total=Sum("quantity")))
    return {pk: max(0, units - (billed.get(pk) or 0)) for pk, units in received(order).items()}


def all_billed(order: PurchaseOrder) -> bool:
    """Whether everything that came is on some invoice. Two queries."""
    return not any(unbilled(order).values())


def freight_left(order: PurchaseOrder, before: SupplierInvoice | None = None) -> int:
    """The freight of the order that no earlier invoice billed."""
    came = received(order)
    goods = sum(line_total(came.get(line.pk, 0), line.unit_price_e4) for line in order.lines.all())
    rows = _earlier(order, before).filter(kind=Kind.FREIGHT)
    billed = rows.aggregate(total=Sum("net_cents"))["total"] or 0
    return max(0, expected_freight(order, goods) - billed) if goods else 0


def _billed(invoice: SupplierInvoice) -> list[tuple[SupplierInvoiceLine, int]]:
    """Each billed line with the units it should bill: all that is open, or just some of the deliveries that came."""
    order, found = invoice.order, []
    come, came, left = billed_units.arrivals(order), received(order), unbilled(order, invoice)
    for line in invoice.lines.select_related("order_line").order_by("position"):
        if line.kind == Kind.GOODS and line.order_line_id is not None:
            due, units = left.get(line.order_line_id, 0), line.quantity or 0
            billed = came.get(line.order_line_id, 0) - due
            if units > 0 and billed + units in billed_units.ends(come.get(line.order_line_id, [])):
                due = units
            found.append((line, due))
    return found


def _planned(invoice: SupplierInvoice, goods_cents: int) -> int:
    """The freight an invoice should have: the rest of it, or as much as it says while goods stay to be billed."""
    planned = freight_left(invoice.order, invoice) if goods_cents else 0
    if all_billed(invoice.order):
        return planned
    said = sum(line.net_cents for line in invoice.lines.all() if line.kind == Kind.FREIGHT)
    return max(0, min(planned, said))


def differences(invoice: SupplierInvoice) -> list[Difference]:
    """Each billed line against the order's price and the deliveries it bills; the freight in all."""
    found: list[Difference] = []
    goods = 0
    for line, due in _billed(invoice):
        price = line.order_line.unit_price_e4 if line.order_line else 0
        if line.quantity is not None and line.quantity != due:
            found.append(Difference("quantity", line.text, due, line.quantity))
        if line.unit_price_e4 is not None and line.unit_price_e4 != price:
            found.append(Difference("price", line.text, price, line.unit_price_e4))
        expected = line_total(due, price)
        goods += expected
        if line.net_cents != expected:
            found.append(Difference("amount", line.text, expected, line.net_cents))
    freight = sum(line.net_cents for line in invoice.lines.all() if line.kind == Kind.FREIGHT)
    planned = _planned(invoice, goods)
    if freight != planned:
        found.append(Difference("freight", str(Kind.FREIGHT.label), planned, freight))
    return found
