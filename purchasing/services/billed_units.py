"""Which of the received units each line of a supplier's invoice bills, and whose they are.

Invoices bill deliveries in the order in which they came: the units of the first that no earlier invoice billed. A
counter-receipt belongs to the delivery it corrects. What was shared out before is read from its shares and never moves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import F, Min, Sum
from django.db.models.functions import Coalesce

from purchasing.models import Allocation, CostShare, PurchaseOrder, ReceiptLine, SupplierInvoice, SupplierInvoiceLine
from purchasing.rules.shortage import highest_average

Units = dict[int, int]  # commitment → units


@dataclass(slots=True)
class Arrived:
    """One delivery of an order line with its corrections: the units accepted, and whose they are."""

    accepted: int = 0
    units: Units = field(default_factory=dict)


def arrivals(order: PurchaseOrder) -> dict[int, list[Arrived]]:
    """By order line, what arrived, the oldest delivery first. Two queries."""
    number = Coalesce("receipt__corrects__number", "receipt__number")
    found: dict[int, dict[int, Arrived]] = {}
    accepted = (
        ReceiptLine.objects.filter(order_line__order=order)
        .annotate(delivery=number)
        .values_list("order_line", "delivery")
        .annotate(n=Sum(F("counted") - F("refused")))
        .order_by("order_line_id", "delivery")
    )
    for line, delivery, n in accepted:
        found.setdefault(line, {})[delivery] = Arrived(n)
    number = Coalesce("receipt_line__receipt__corrects__number", "receipt_line__receipt__number")
    shared = (
        Allocation.objects.filter(receipt_line__order_line__order=order)
        .annotate(delivery=number)
        .values_list("receipt_line__order_line", "delivery", "commitment")
        .annotate(n=Sum("quantity"), place=Min("rank"))
        .order_by("receipt_line__order_line_id", "delivery", "place", "commitment_id")
    )
    for line, delivery, commitment, n, _place in shared:
        found[line][delivery].units[commitment] = n
    return {line: list(rows.values()) for line, rows in found.items()}


def through(deliveries: Sequence[Arrived], units: int) -> Units:
    """Whose the first `units` received are. More units never lower anybody; of a part of a delivery each has its part.

    >>> come = [Arrived(3, {1: 2, 2: 1}), Arrived(4, {1: 1, 2: 3})]
    >>> [through(come, n) for n in (0, 2, 3, 5, 9)]
    [{1: 0, 2: 0}, {1: 1, 2: 1}, {1: 2, 2: 1}, {1: 3, 2: 2}, {1: 3, 2: 4}]
    """
    whose: Units = {}
    for delivery in deliveries:
        members = list(delivery.units)
        mine = [delivery.units[pk] for pk in members]
        if units < delivery.accepted:
            mine = highest_average(max(0, units), [max(0, n) for n in mine])
        units = max(0, units - delivery.accepted)
        for pk, n in zip(members, mine, strict=True):
            whose[pk] = whose.get(pk, 0) + n
    return whose


def ends(deliveries: Sequence[Arrived]) -> list[int]:
    """How many units had come after each delivery."""
    total, found = 0, []
    for delivery in deliveries:
        total += delivery.accepted
        found.append(total)
    return found


def billed_by(invoice: SupplierInvoice) -> dict[int, Units]:
    """By goods line of an invoice, the units it bills and whose they are.

    A line that bills more than is left, such as a later rise of the price, weighs on all units received of its article.
    """
    come = arrivals(invoice.order)
    rows = list(
        SupplierInvoiceLine.objects.filter(
            invoice__order=invoice.order, invoice__pk__lte=invoice.pk, kind=SupplierInvoiceLine.Kind.GOODS
        ).order_by("invoice_id", "position")
    )
    stored = _stored([row.pk for row in rows if row.invoice_id != invoice.pk])
    taken: dict[int, Units] = {}
    position: dict[int, int] = {}
    found: dict[int, Units] = {}
    for row in rows:
        line = row.order_line_id or 0
        deliveries, before = come.get(line, []), taken.setdefault(line, {})
        position[line] = position.get(line, 0) + max(0, row.quantity or 0)
        part = stored.get(row.pk) or _left(through(deliveries, position[line]), before)
        if row.invoice_id == invoice.pk:
            found[row.pk] = part if any(part.values()) else through(deliveries, max(ends(deliveries), default=0))
        for pk, n in part.items():
            before[pk] = before.get(pk, 0) + n
    return found


def _left(target: Mapping[int, int], before: Mapping[int, int]) -> Units:
    return {pk: max(0, n - before.get(pk, 0)) for pk, n in target.items()}


def _stored(lines: Sequence[int]) -> dict[int, Units]:
    """The units behind shares that exist, by line."""
    rows = CostShare.objects.filter(line__in=lines, commitment__isnull=False, quantity__isnull=False)
    found: dict[int, Units] = {}
    for line, commitment, n in rows.values_list("line", "commitment", "quantity"):
        if line is not None and commitment is not None:
            found.setdefault(line, {})[commitment] = n or 0
    return found
