"""What becomes of a pool when one of its orders ends: cancelled, received or billed. Inside the caller's transaction."""

from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError
from companies.models import User
from companies.states import move
from purchasing import mails_back
from purchasing.models import Commitment, Pool, PooledNeed, PurchaseOrder, PurchaseRequest, RequestLine
from purchasing.services.bulk import move_many, move_needs, needs_of, release
from purchasing.states import (
    COMMITMENT,
    POOL,
    POOL_LINE,
    RECEIPT,
    REQUEST,
    CommitmentState,
    LineState,
    OrderState,
    PoolLineState,
    PoolState,
    ReceiptState,
    RequestState,
)

DELIVERED = (
    OrderState.RECEIVED,
    OrderState.BILLED,
    OrderState.CLOSED,
    OrderState.CLOSED_SHORT,
    OrderState.CANCELLED,
)


class Uncounted(DomainError):
    code = "delivery_uncounted"
    message = _("A delivery of this order stands at the drop point. Count it, or refuse it, first.")


def check_counted(order: PurchaseOrder) -> None:
    """Refuse to end an order of which goods stand at the door."""
    if order.receipts.filter(state=ReceiptState.ARRIVED).exists():
        raise Uncounted


def nothing_more_comes(order: PurchaseOrder, *, reason: str, actor: User, at: datetime) -> None:
    """What is still announced of an order that ended never came."""
    rows = list(order.receipts.select_for_update(of=("self",)).filter(state=ReceiptState.ANNOUNCED).order_by("pk"))
    move_many(rows, ReceiptState.NEVER_CAME, table=RECEIPT, at=at, actor=actor, reason=reason)


def give_back(order: PurchaseOrder, pool: Pool, *, reason: str, actor: User, at: datetime) -> None:
    """Free the companies of a cancelled order and bring its pool to where its other orders are. Inside the transaction."""
    ours = [line.pool_line_id for line in order.lines.all()]
    held = list(
        Commitment.objects.select_for_update(of=("self",))
        .select_related("company", "pool_line")
        .filter(pool_line__in=ours, state=CommitmentState.LOCKED)
        .order_by("pk")
    )
    for row in held:
        row.granted, row.drop_reason = None, Commitment.DropReason.ORDER
    fields = ["granted", "drop_reason"]
    move_many(held, CommitmentState.DROPPED, table=COMMITMENT, at=at, actor=actor, fields=fields, reason=reason)
    lines = list(pool.lines.filter(pk__in=ours, state=PoolLineState.LOCKED).order_by("pk"))
    move_many(lines, PoolLineState.CANCELLED, table=POOL_LINE, at=at, actor=actor, reason=reason)
    release(needs_of(pool.pk, pool_line__in=ours), reason=reason, at=at, actor=actor)
    _go_on(pool, reason=reason, actor=actor, at=at)
    mails_back.order_cancelled(order, pool, held, reason=reason, at=at)


def _go_on(pool: Pool, *, reason: str, actor: User, at: datetime) -> None:
    """The pool after one of its orders is gone: over when it was the last, else as far as the others are."""
    others = pool.orders.exclude(state=OrderState.CANCELLED)
    if not others.exists():
        move(pool, PoolState.CANCELLED, table=POOL, at=at, actor=actor, reason=reason)
    elif (
        pool.state == PoolState.LOCKED and not others.filter(state__in=[OrderState.DRAFT, OrderState.TO_SIGN]).exists()
    ):
        move(pool, PoolState.ORDERED, table=POOL, at=at, actor=actor)
    settle_if_complete(pool, actor=actor, at=at)
    finish(pool, actor=actor, at=at)


def settle_if_complete(pool: Pool, *, actor: User, at: datetime) -> None:
    """Once nothing more is expected of any order, the pool is being settled."""
    if pool.state == PoolState.RECEIVING and not pool.orders.exclude(state__in=DELIVERED).exists():
        move(pool, PoolState.SETTLING, table=POOL, at=at, actor=actor)


def finish(pool: Pool, *, actor: User, at: datetime) -> None:
    """Close a pool being settled when none of its orders is open any more."""
    open_ = pool.orders.exclude(state__in=[OrderState.CLOSED, OrderState.CANCELLED])
    if pool.state == PoolState.SETTLING and not open_.exists():
        move_needs(needs_of(pool.pk), LineState.CLOSED, at=at, actor=actor)
        move(pool, PoolState.CLOSED, table=POOL, at=at, actor=actor)
        close_requests(pool, actor=actor, at=at)
        mails_back.pool_closed(pool, at=at)


def close_requests(pool: Pool, *, actor: User, at: datetime) -> None:
    """Close the requests behind a closed pool of which no line is under way elsewhere."""
    over = [LineState.CLOSED, LineState.CANCELLED, LineState.EXPIRED]
    going_on = RequestLine.objects.filter(request=OuterRef("pk")).exclude(state__in=over)
    ours = PooledNeed.objects.filter(pool_line__pool=pool, released_at__isnull=True)
    rows = PurchaseRequest.objects.filter(
        ~Exists(going_on), pk__in=ours.values("request_line__request"), state=RequestState.APPROVED
    )
    found = list(rows.select_for_update(of=("self",)).select_related("company").order_by("pk"))
    move_many(found, RequestState.CLOSED, table=REQUEST, at=at, actor=actor)
