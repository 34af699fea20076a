"""Deliveries: counted, refused in part, shared out by rule, handed over; corrected by counter-receipts only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max, Sum
from django.utils.translation import gettext_lazy as _

from companies.access import has_role, require
from companies.errors import DomainError, Invalid
from companies.models import Role, User
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
from purchasing.rules.shortage import allocate
from purchasing.services import standing as standings
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.pool import locked
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
GIVEN = (HandOverState.HANDED_OVER, HandOverState.CONFIRMED, HandOverState.CONTESTED, HandOverState.RESOLVED)


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


@dataclass(frozen=True, slots=True)
class Count:
    counted: int
    refused: int = 0
    reserves: str = ""


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
) -> Receipt:
    """Record one delivery (order line → count) and share it out by the pool's rule.

    `number` is the delivery the form was made for: entered twice, it counts once. With `corrects` the counts are negative
    and put a mistake right; what was handed over is never taken back (I16).
    """
    require(access.can_run_pool(actor, order.pool))
    locked(order.pool)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).select_related("pool").get(pk=order.pk)
    lines = {line.pk: line for line in order.lines.select_related("pool_line")}
    counts = {pk: c for pk, c in counts.items() if pk in lines and (c.counted or c.refused)}
    if number is not None and (earlier := order.receipts.filter(number=number).first()):
        if _same(earlier, counts):
            return earlier
        raise ReceiptTaken(number=number)
    _check(order, counts, corrects)
    last = order.receipts.aggregate(last=Max("number"))["last"] or 0
    receipt = Receipt.objects.create(
        order=order,
        number=last + 1,
        corrects=corrects,
        state=ReceiptState.COUNTED,
        delivery_note=delivery_note,
        place=order.deliver_to,
        notes=notes,
        arrived_at=at,
        counted_at=at,
        counted_by=actor,
        created_at=at,
    )
    rows = [
        ReceiptLine.objects.create(
            receipt=receipt, order_line=lines[pk], counted=c.counted, refused=c.refused, reserves=c.reserves
        )
        for pk, c in sorted(counts.items())
    ]
    _judge(receipt, rows, actor=actor, at=at)
    _share_out(receipt, rows, actor=actor, at=at)
    _progress(order, actor=actor, at=at)
    return receipt


def _same(receipt: Receipt, counts: Mapping[int, Count]) -> bool:
    have = {line.order_line_id: (line.counted, line.refused) for line in receipt.lines.all()}
    return have == {pk: (c.counted, c.refused) for pk, c in counts.items()}


def _check(order: PurchaseOrder, counts: Mapping[int, Count], corrects: Receipt | None) -> None:
    if order.state not in RECEIVABLE:
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
    elif receipt.notes or any(row.refused or row.reserves for row in rows):
        state = ReceiptState.ACCEPTED_WITH_RESERVES
    move(receipt, state, table=RECEIPT, at=at, actor=actor, reason=receipt.notes[:200])


def _share_out(receipt: Receipt, rows: list[ReceiptLine], *, actor: User, at: datetime) -> None:
    """Allocate the cumulated units of each line; the difference to before belongs to this delivery."""
    touched: set[int] = set()
    for row in rows:
        touched |= _allocate(row, at=at)
    if receipt.state == ReceiptState.REFUSED:
        return
    move(receipt, ReceiptState.ALLOCATED, table=RECEIPT, at=at, actor=actor)
    if receipt.corrects_id is None:
        hand_overs = HandOver.objects.bulk_create(
            HandOver(receipt=receipt, company_id=company) for company in sorted(touched)
        )
        mails_back.goods_ready(hand_overs, at=at)


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
    floors = before if row.counted >= 0 and row.counted - row.refused >= 0 else _handed(held)
    granted = sum(c.granted or 0 for c in held)
    rounded_down = granted < sum(c.quantity for c in held)
    claims = [standings.as_claim(c, c.quantity if rounded_down else c.granted or 0) for c in held]
    rule = pool_line.pool.shortage
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


def claimants(pool_line_id: int) -> list[Commitment]:
    return list(
        Commitment.objects.filter(pool_line_id=pool_line_id, state=CommitmentState.LOCKED)
        .select_related("company")
        .prefetch_related("versions")
        .order_by("pk")
    )


def _handed(held: list[Commitment]) -> dict[int, int]:
    """Units of each commitment already in its company's hands: a correction cannot touch them."""
    rows = Allocation.objects.filter(
        commitment__in=held,
        receipt_line__receipt__hand_overs__state__in=GIVEN,
        receipt_line__receipt__hand_overs__company=F("commitment__company"),
    )
    return dict(rows.values_list("commitment").annotate(total=Sum("quantity")).order_by())


def _progress(order: PurchaseOrder, *, actor: User, at: datetime) -> None:
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
        move(order, to, table=ORDER, at=at, actor=actor)
    if pool.state == PoolState.ORDERED:
        move(pool, PoolState.RECEIVING, table=POOL, at=at, actor=actor)
    unfinished = pool.orders.exclude(
        state__in=[
            OrderState.RECEIVED,
            OrderState.BILLED,
            OrderState.CLOSED,
            OrderState.CLOSED_SHORT,
            OrderState.CANCELLED,
        ]
    )
    if pool.state == PoolState.RECEIVING and not unfinished.exists():
        move(pool, PoolState.SETTLING, table=POOL, at=at, actor=actor)


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


@transaction.atomic(durable=True)
def close_short(*, actor: User, order: PurchaseOrder, reason: str, at: datetime) -> PurchaseOrder:
    """Give up waiting for what is missing: the order is settled on what arrived."""
    require(access.can_run_pool(actor, order.pool))
    if not reason.strip():
        raise ReasonMissing
    pool = locked(order.pool)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).select_related("pool").get(pk=order.pk)
    order.pool = pool
    move(order, OrderState.CLOSED_SHORT, table=ORDER, at=at, actor=actor, reason=reason.strip())
    open_ = pool.orders.exclude(
        state__in=[
            OrderState.RECEIVED,
            OrderState.BILLED,
            OrderState.CLOSED,
            OrderState.CLOSED_SHORT,
            OrderState.CANCELLED,
        ]
    )
    if pool.state == PoolState.RECEIVING and not open_.exists():
        move(pool, PoolState.SETTLING, table=POOL, at=at, actor=actor)
    return order


@transaction.atomic(durable=True)
def hand_over(*, actor: User, row: HandOver, at: datetime) -> HandOver:
    """The company's part leaves with its people. A second scan changes nothing."""
    require(access.can_run_pool(actor, row.receipt.order.pool))
    row = _hand_over(row)
    if row.state != HandOverState.READY:
        return row
    move(
        row,
        HandOverState.HANDED_OVER,
        table=HAND_OVER,
        at=at,
        actor=actor,
        company=row.company,
        handed_at=at,
        handed_by=actor,
    )
    receipt = row.receipt
    if receipt.state == ReceiptState.ALLOCATED and not receipt.hand_overs.filter(state=HandOverState.READY).exists():
        move(receipt, ReceiptState.HANDED_OVER, table=RECEIPT, at=at, actor=actor)
    return row


@transaction.atomic(durable=True)
def answer(*, actor: User, row: HandOver, confirmed: bool, note: str = "", at: datetime) -> HandOver:
    """The company confirms what it collected, or says what is wrong."""
    require(has_role(actor, row.company, Role.BUYER))
    row = _hand_over(row)
    if confirmed and row.state == HandOverState.CONFIRMED:
        return row
    if not confirmed and not note.strip():
        raise ReasonMissing
    move(
        row,
        HandOverState.CONFIRMED if confirmed else HandOverState.CONTESTED,
        table=HAND_OVER,
        at=at,
        actor=actor,
        company=row.company,
        reason=note.strip(),
        note=note.strip(),
        answered_at=at,
        answered_by=actor,
    )
    return row


@transaction.atomic(durable=True)
def resolve(*, actor: User, row: HandOver, note: str, at: datetime) -> HandOver:
    """Whoever runs the pool says how a contested hand-over ended."""
    require(access.can_run_pool(actor, row.receipt.order.pool))
    if not note.strip():
        raise ReasonMissing
    row = _hand_over(row)
    move(row, HandOverState.RESOLVED, table=HAND_OVER, at=at, actor=actor, company=row.company, reason=note.strip())
    return row


def _hand_over(row: HandOver) -> HandOver:
    return (
        HandOver.objects.select_for_update(of=("self",))
        .select_related("company", "receipt__order__pool")
        .get(pk=row.pk)
    )
