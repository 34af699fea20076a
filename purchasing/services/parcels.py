"""What of a delivery is still there for each company: allocations, less what left, less what a correction took back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from purchasing.models import Allocation, Commitment, HandOver, HandOverLine
from purchasing.states import HandOverState


@dataclass(frozen=True, slots=True)
class Item:
    """So many units of one commitment in one parcel."""

    commitment: Commitment
    quantity: int
    substitute: str


def handed(held: Iterable[Commitment]) -> dict[int, int]:
    """Units of each commitment already in its company's hands."""
    rows = HandOverLine.objects.filter(commitment__in=list(held)).values_list("commitment")
    return dict(rows.annotate(total=Sum("quantity")).order_by())


def contents(*orders: int, companies: Sequence[int] | None = None) -> dict[int, list[Item]]:
    """The items of each hand-over of these orders, by its id, in three queries.

    One that happened holds what was written then. One that is ready holds its delivery's allocation, at most what the
    company is still to get in all: earlier deliveries first.
    """
    parts = HandOver.objects.filter(receipt__order__in=orders).order_by("receipt__order", "receipt__number", "pk")
    rows = Allocation.objects.filter(receipt_line__receipt__order__in=orders).select_related(
        "commitment__pool_line", "commitment__site", "receipt_line"
    )
    gone = HandOverLine.objects.filter(hand_over__receipt__order__in=orders).select_related(
        "commitment__pool_line", "commitment__site"
    )
    if companies is not None:
        parts, rows = parts.filter(company__in=companies), rows.filter(commitment__company__in=companies)
        gone = gone.filter(commitment__company__in=companies)
    left: dict[int, int] = {}
    brought: dict[tuple[int, int], list[Allocation]] = {}
    for row in rows.order_by("commitment__pool_line__position", "pk"):
        left[row.commitment_id] = left.get(row.commitment_id, 0) + row.quantity
        if row.quantity > 0:
            brought.setdefault((row.receipt_line.receipt_id, row.commitment.company_id), []).append(row)
    found: dict[int, list[Item]] = {}
    for line in gone.order_by("commitment__pool_line__position"):
        left[line.commitment_id] -= line.quantity
        found.setdefault(line.hand_over_id, []).append(Item(line.commitment, line.quantity, ""))
    for part in parts:
        items = found.setdefault(part.pk, [])
        if part.state != HandOverState.READY:
            continue
        for row in brought.get((part.receipt_id, part.company_id), []):
            units = min(row.quantity, left[row.commitment_id])
            if units > 0:
                left[row.commitment_id] -= units
                items.append(Item(row.commitment, units, row.receipt_line.substitute))
    return found


def items_of(part: HandOver) -> list[Item]:
    """The items of one hand-over."""
    return contents(part.receipt.order_id, companies=[part.company_id]).get(part.pk, [])
