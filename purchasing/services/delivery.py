"""Deliveries: counted, refused in part, shared out by rule; corrected by counter-receipts only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Sum
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.pictures import reencoded
from companies.states import move
from purchasing import access, mails_back
from purchasing.models import (
    Allocation,
    Commitment,
    HandOver,
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    ReceiptLine,
)
from purchasing.rules.shortage import Claim, allocate
from purchasing.services import billing_end, goods_release, order_end, parcels, reserves, telling
from purchasing.services import standing as standings
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.pool import locked
from purchasing.services.shipment import COMING
from purchasing.states import (
    HAND_OVER,
    ORDER,
    POOL,
    RECEIPT,
    CommitmentState,
    HandOverState,
    LineState,
    OrderState,
    PoolState,
    ReceiptState,
)

RECEIVABLE = (
    OrderState.SENT,
    OrderState.ACKNOWLEDGED,
    OrderState.ACCEPTED,
    OrderState.PART_RECEIVED,
    OrderState.RECEIVED,
)


class NotReceivable(DomainError):
    code = "order_not_receivable"
    message = _("This order cannot receive goods now: it was not sent, or it is already billed.")


class CountWrong(Invalid):
    code = "count_invalid"
    message = _("The refused quantity cannot be more than the counted one.")
    field = "lines"


class NothingCounted(Invalid):
    code = "nothing_counted"
    message = _("Enter what arrived for at least one line.")
    field = "lines"


class ReceiptTaken(DomainError):
    code = "receipt_number_taken"
    message = _("Delivery %(number)s was already entered with other figures. Look at it before you enter another.")


class TooMuchTakenBack(DomainError):
    code = "counter_receipt_too_large"
    message = _("More would be taken back than was received.")
    field = "lines"


class ReasonMissing(Invalid):
    code = "reason_missing"
    message = _("Say why in a few words.")
    field = "note"


class WhyMissing(ReasonMissing):
    field = "notes"


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted of one order line; `substitute` names what came instead and was accepted."""

    counted: int
    refused: int = 0
    reserves: str = ""
    substitute: str = ""


@transaction.atomic(durable=True)
def receive(
    *,
    actor: User,
    order: PurchaseOrder,
    counts: Mapping[int, Count],
    at: datetime,
    number: int | None = None,
    delivery_note: str = "",
    notes: str = "",
    corrects: Receipt | None = None,
    photos: Sequence[bytes] = (),
) -> Receipt:
    """Record one delivery (order line → count) and share it out by the pool's rule; `photos` are files as they came.

    `number` is the delivery the form was made for: entered twice, it counts once; one that was announced or has arrived
    is counted in its own row, without a number the one that has waited longest. With `corrects` the counts are negative
    and put a mistake right, `notes` say why (I8); what was handed over is never taken back (I16).
    """
    require(access.can_run_pool(actor, order.pool))
    if corrects is not None and not notes.strip():
        raise WhyMissing
    pictures = [reencoded(content) for content in photos]
    locked(order.pool)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).select_related("pool").get(pk=order.pk)
    lines = {line.pk: line for line in order.lines.select_related("pool_line")}
    counts = {pk: c for pk, c in counts.items() if pk in lines and (c.counted or c.refused)}
    coming = None if corrects is not None else waiting(order, number)
    if coming is None and number is not None and (earlier := order.receipts.filter(number=number).first()):
        if _same(earlier, counts):
            return earlier
        raise ReceiptTaken(number=number)
    _check(order, counts, corrects)
    words = {"notes": notes, "counted_at": at, "counted_by": actor}
    if coming is not None:
        receipt = _counted(coming, delivery_note, words, actor=actor, at=at)
    else:
        last = order.receipts.aggregate(last=Max("number"))["last"] or 0
        receipt = Receipt.objects.create(
            order=order,
            number=last + 1,
            corrects=corrects,
            state=ReceiptState.COUNTED,
            delivery_note=delivery_note,
            place=order.deliver_to,
            arrived_at=at,
            created_at=at,
            **words,
        )
    rows = [
        ReceiptLine.objects.create(
            receipt=receipt,
            order_line=lines[pk],
            counted=c.counted,
            refused=c.refused,
            reserves=c.reserves,
            substitute=c.substitute,
        )
        for pk, c in sorted(counts.items())
    ]
    reserves.keep_photos(receipt, pictures, actor=actor, at=at)
    _judge(receipt, rows, actor=actor, at=at)
    _share_out(receipt, rows, actor=actor, at=at)
    _progress(order, actor=actor, at=at, reason=_why(receipt))
    return receipt


def waiting(order: PurchaseOrder, number: int | None = None) -> Receipt | None:
    """The delivery with that number if it is not counted yet; without a number the one that has waited longest."""
    rows = order.receipts.filter(state__in=COMING)
    if number is not None:
        return rows.filter(number=number).first()
    return rows.order_by("arrived_at", "announced_for", "number").first()  # what has not arrived comes last


def _counted(coming: Receipt, note: str, words: dict[str, Any], *, actor: User, at: datetime) -> Receipt:
    """A delivery that was announced is counted: it has arrived by now at the latest."""
    if coming.state == ReceiptState.ANNOUNCED:
        move(coming, ReceiptState.ARRIVED, table=RECEIPT, at=at, actor=actor, arrived_at=at)
    move(
        coming,
        ReceiptState.COUNTED,
        table=RECEIPT,
        at=at,
        actor=actor,
        delivery_note=note or coming.delivery_note,
        **words,
    )
    return coming


def _same(receipt: Receipt, counts: Mapping[int, Count]) -> bool:
    have = {line.order_line_id: (line.counted, line.refused) for line in receipt.lines.all()}
    return have == {pk: (c.counted, c.refused) for pk, c in counts.items()}


def _check(order: PurchaseOrder, counts: Mapping[int, Count], corrects: Receipt | None) -> None:
    if order.state not in RECEIVABLE or (corrects is not None and corrects.state in COMING):
        raise NotReceivable
    if not counts:
        raise NothingCounted
    for pk, c in counts.items():
        if corrects is None and not 0 <= c.refused <= c.counted:
            raise CountWrong
        if corrects is not None:
            if not c.counted <= c.refused <= 0:
                raise CountWrong
            if corrects.order_id != order.pk or accepted_of(pk) + c.counted - c.refused < 0:
                raise TooMuchTakenBack


def accepted_of(order_line_id: int) -> int:
    """Units of an order line accepted over all deliveries and corrections."""
    sums = ReceiptLine.objects.filter(order_line_id=order_line_id).aggregate(c=Sum("counted"), r=Sum("refused"))
    return (sums["c"] or 0) - (sums["r"] or 0)


def _judge(receipt: Receipt, rows: list[ReceiptLine], *, actor: User, at: datetime) -> None:
    """Accepted, accepted with reserves, or refused as a whole."""
    state = ReceiptState.ACCEPTED
    if all(row.counted == row.refused for row in rows):
        state = ReceiptState.REFUSED
    elif receipt.notes or any(row.refused or row.reserves or row.substitute for row in rows):
        state = ReceiptState.ACCEPTED_WITH_RESERVES
    until = (
        reserves.deadline(receipt.arrived_at or at)
        if state != ReceiptState.ACCEPTED and receipt.corrects_id is None
        else None
    )
    move(receipt, state, table=RECEIPT, at=at, actor=actor, reason=receipt.notes[:200], reserves_until=until)


def _share_out(receipt: Receipt, rows: list[ReceiptLine], *, actor: User, at: datetime) -> None:
    """Allocate the cumulated units of each line; the difference to before belongs to this delivery."""
    touched: set[int] = set()
    for row in rows:
        touched |= _allocate(row, at=at)
    moved = Allocation.objects.filter(receipt_line__receipt=receipt).values_list("commitment__company", flat=True)
    telling.tell(telling.ORDER, "received", receipt.order_id, moved, at=at, actor=actor)
    if receipt.state == ReceiptState.REFUSED:
        return
    move(receipt, ReceiptState.ALLOCATED, table=RECEIPT, at=at, actor=actor)
    if receipt.corrects_id is not None:
        _withdraw_empty(receipt.order, actor=actor, at=at, reason=_why(receipt))
    else:
        hand_overs = HandOver.objects.bulk_create(
            HandOver(receipt=receipt, company_id=company) for company in sorted(touched)
        )
        audit.record_many("handover.ready", hand_overs, at=at, actor=actor)
        held = goods_release.holds(hand_overs, parcels.contents(receipt.order_id))
        mails_back.goods_ready(hand_overs, held=held, at=at)


def _why(receipt: Receipt) -> str:
    """The reason of everything a correction moves (I8); a delivery is its own."""
    return receipt.notes[:200] if receipt.corrects_id is not None else ""


def _withdraw_empty(order: PurchaseOrder, *, actor: User, at: datetime, reason: str) -> None:
    """Parts of which a correction left nothing are no longer waiting to be collected."""
    items = parcels.contents(order.pk)
    ready = HandOver.objects.filter(receipt__order=order, state=HandOverState.READY).select_related(
        "company", "receipt"
    )
    for part in ready.order_by("pk"):
        if not items.get(part.pk):
            move(
                part, HandOverState.TAKEN_BACK, table=HAND_OVER, at=at, actor=actor, company=part.company, reason=reason
            )


def _allocate(row: ReceiptLine, *, at: datetime) -> set[int]:
    """Allocations of one receipt line; returns the companies that get something."""
    pool_line = row.order_line.pool_line
    held = claimants(pool_line.pk)
    before = dict(
        Allocation.objects.filter(commitment__in=held)
        .values_list("commitment")
        .annotate(total=Sum("quantity"))
        .order_by()
    )
    floors = before if row.counted >= 0 and row.counted - row.refused >= 0 else parcels.handed(held)
    granted = sum(c.granted or 0 for c in held)
    rule = pool_line.pool.shortage
    claims = _claims(held, rule)
    units = min(accepted_of(row.order_line_id), granted)
    given = allocate(units, claims, rule, {standings.key(c): floors.get(c.pk, 0) for c in held})
    new = [
        Allocation(
            receipt_line=row, commitment=c, quantity=given[standings.key(c)] - before.get(c.pk, 0), rule=rule, rank=rank
        )
        for rank, c in enumerate(sorted(held, key=lambda c: (c.committed_at, c.pk)), start=1)
        if given[standings.key(c)] != before.get(c.pk, 0)
    ]
    Allocation.objects.bulk_create(new)
    row.left_over = row.counted - row.refused - sum(a.quantity for a in new)
    row.allocated_at = at
    row.save(update_fields=["left_over", "allocated_at"])
    return {a.commitment.company_id for a in new if a.quantity > 0}


def _claims(held: Sequence[Commitment], rule: str) -> list[Claim]:
    """By what a delivery is shared: what was granted, or the wanted quantities when the order was rounded down from them.

    What a supplier confirmed less of was granted anew and agreed to: the wanted quantities would give somebody more than
    that (I2), so they count only when they lead to what was granted.
    """
    granted = {standings.key(c): c.granted or 0 for c in held}
    wanted = [standings.as_claim(c, c.quantity) for c in held]
    if (
        sum(granted.values()) < sum(c.quantity for c in held)
        and allocate(sum(granted.values()), wanted, rule) == granted
    ):
        return wanted
    return [standings.as_claim(c, c.granted or 0) for c in held]


def claimants(pool_line_id: int) -> list[Commitment]:
    return list(
        Commitment.objects.filter(pool_line_id=pool_line_id, state=CommitmentState.LOCKED)
        .select_related("company")
        .prefetch_related("versions")
        .order_by("pk")
    )


def _progress(order: PurchaseOrder, *, actor: User, at: datetime, reason: str) -> None:
    """Bring order, needs and pool to what has arrived."""
    pool = order.pool
    complete = True
    for line in order.lines.select_related("pool_line"):
        got, due = accepted_of(line.pk), due_quantity(line)
        complete = complete and got >= due
        needs = needs_of(pool.pk, pool_line=line.pool_line)
        if got >= due:
            move_needs(needs, LineState.RECEIVED, at=at, actor=actor)
        elif got:
            move_needs(needs, LineState.PART_RECEIVED, at=at, actor=actor)
    to = OrderState.RECEIVED if complete else OrderState.PART_RECEIVED
    if order.state != to:
        move(order, to, table=ORDER, at=at, actor=actor, reason=reason)
    if complete:
        order_end.nothing_more_comes(order, reason=reason, actor=actor, at=at)
    if pool.state == PoolState.ORDERED:
        move(pool, PoolState.RECEIVING, table=POOL, at=at, actor=actor)
    order_end.settle_if_complete(pool, actor=actor, at=at)
    if complete:
        billing_end.close_billed(order, pool, actor=actor, at=at)  # what was billed ahead of its arrival


def due_quantity(line: PurchaseOrderLine) -> int:
    """What is still expected in all: the order, or what the supplier confirmed of it."""
    change = line.acknowledged.filter(
        acknowledgement__order__state__in=["accepted", "part_received", "received"]
    ).last()
    if change is None:
        return line.quantity
    # After a change some companies may have left: nobody waits for what nobody takes any more.
    taken = sum(c.granted or 0 for c in claimants(line.pool_line_id))
    return min(line.quantity, change.quantity, taken)


def open_quantity(line: PurchaseOrderLine) -> int:
    """The back-order of a line: what was confirmed and has not come."""
    return max(0, due_quantity(line) - accepted_of(line.pk))


@transaction.atomic(durable=True)
def close_short(*, actor: User, order: PurchaseOrder, reason: str, at: datetime) -> PurchaseOrder:
    """Give up waiting for what is missing: the order is settled on what arrived."""
    require(access.can_run_pool(actor, order.pool))
    if not reason.strip():
        raise ReasonMissing
    pool = locked(order.pool)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).select_related("pool").get(pk=order.pk)
    order.pool = pool
    order_end.check_counted(order)
    move(order, OrderState.CLOSED_SHORT, table=ORDER, at=at, actor=actor, reason=reason.strip())
    order_end.nothing_more_comes(order, reason=reason.strip(), actor=actor, at=at)
    telling.order_event(order, "closed_short", at=at, actor=actor, reason=reason.strip())
    order_end.settle_if_complete(pool, actor=actor, at=at)
    return order
