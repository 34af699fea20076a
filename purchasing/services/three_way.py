"""Three-way match: what a supplier bills against what was ordered and what was received, invoice after invoice."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet, Sum

from companies.billing.received.services import tolerated
from companies.money import line_total
from purchasing.models import PurchaseOrder, SupplierInvoice, SupplierInvoiceLine
from purchasing.rules.landed import freight_due
from purchasing.services.delivery import accepted_of

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
    goods = sum(line_total(_open(order, line.pk, before), line.unit_price_e4) for line in order.lines.all())
    return goods + _freight(order, before) if goods else 0  # nothing kept, nothing carried


def expected_freight(order: PurchaseOrder, goods_cents: int) -> int:
    """The freight of the whole order by its terms. Franco was reached by what was ordered; what came decides nothing."""
    if order.quote is None:
        return order.freight_cents
    return freight_due(max(goods_cents, order.goods_cents), order.quote.freight_cents, order.quote.franco_cents)


def _earlier(order: PurchaseOrder, before: SupplierInvoice | None) -> QuerySet[SupplierInvoiceLine]:
    rows = SupplierInvoiceLine.objects.filter(invoice__order=order)
    return rows if before is None else rows.filter(invoice__pk__lt=before.pk)


def _open(order: PurchaseOrder, order_line: int, before: SupplierInvoice | None) -> int:
    """Units received of a line that no earlier invoice billed. The same goods under two numbers are seen here."""
    rows = _earlier(order, before).filter(kind=Kind.GOODS, order_line=order_line)
    billed = rows.aggregate(total=Sum("quantity"))["total"] or 0
    return max(0, accepted_of(order_line) - billed)


def _freight(order: PurchaseOrder, before: SupplierInvoice | None) -> int:
    received = sum(line_total(accepted_of(line.pk), line.unit_price_e4) for line in order.lines.all())
    rows = _earlier(order, before).filter(kind=Kind.FREIGHT)
    billed = rows.aggregate(total=Sum("net_cents"))["total"] or 0
    return max(0, expected_freight(order, received) - billed) if received else 0


def differences(invoice: SupplierInvoice) -> list[Difference]:
    """Each billed line against the order's price and what is left of the received quantity; the freight in all."""
    found: list[Difference] = []
    order = invoice.order
    goods = freight = 0
    for line in invoice.lines.select_related("order_line").order_by("position"):
        if line.kind == Kind.FREIGHT:
            freight += line.net_cents
        if line.kind != Kind.GOODS or line.order_line is None or line.order_line_id is None:
            continue
        received, price = _open(order, line.order_line_id, invoice), line.order_line.unit_price_e4
        if line.quantity is not None and line.quantity != received:
            found.append(Difference("quantity", line.text, received, line.quantity))
        if line.unit_price_e4 is not None and line.unit_price_e4 != price:
            found.append(Difference("price", line.text, price, line.unit_price_e4))
        expected = line_total(received, price)
        goods += expected
        if line.net_cents != expected:
            found.append(Difference("amount", line.text, expected, line.net_cents))
    planned = _freight(order, invoice) if goods else 0
    if freight != planned:
        found.append(Difference("freight", str(Kind.FREIGHT.label), planned, freight))
    return found
