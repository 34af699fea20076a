"""A delivery before it is counted: announced by the supplier (day, parcels, delivery note), then noted as arrived at the drop point."""

from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.states import move
from purchasing import access
from purchasing.models import PurchaseOrder, Receipt
from purchasing.services import telling
from purchasing.services.pool import locked
from purchasing.states import RECEIPT, OrderState, ReceiptState

AWAITED = (OrderState.SENT, OrderState.ACKNOWLEDGED, OrderState.ACCEPTED, OrderState.PART_RECEIVED)
COMING = (ReceiptState.ANNOUNCED, ReceiptState.ARRIVED)
UNCOUNTED = (*COMING, ReceiptState.REFUSED)
MOST_ANNOUNCED = 20
MOST_PARCELS = 9_999


class DayWrong(Invalid):
    code = "expected_day_invalid"
    message = _("Enter the day on which the rest is expected, today or later.")
    field = "expected_on"


class ParcelsWrong(Invalid):
    code = "parcels_invalid"
    message = _("Enter the number of parcels or pallets, from 1 to 9,999, or leave it empty.")
    field = "parcels"


class NothingAwaited(DomainError):
    code = "nothing_awaited"
    message = _("Nothing more is expected of this order.")


class TooManyAnnounced(DomainError):
    code = "too_many_announced"
    message = _("Many deliveries of this order are announced already. Correct one of them by its delivery note number.")


def check_parcels(parcels: int | None) -> None:
    if parcels is not None and not 1 <= parcels <= MOST_PARCELS:
        raise ParcelsWrong


@transaction.atomic(durable=True)
def announce(
    *, order: PurchaseOrder, day: date | None, delivery_note: str = "", parcels: int | None = None, at: datetime
) -> Receipt:
    """The supplier's dispatch advice, by its link: a delivery that is on its way. The same advice twice is one.

    Another day or number of parcels under the same note (or where none was given) corrects it; another note is another
    delivery. What is announced decides nothing about shares: somebody counts first.
    """
    if day is None or day < timezone.localdate(at):
        raise DayWrong
    check_parcels(parcels)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).select_related("pool", "supplier").get(pk=order.pk)
    if order.state not in AWAITED:
        raise NothingAwaited
    note = delivery_note.strip()[:60]
    label = order.supplier.name
    row = _same(order, note)
    if row is None:
        if order.receipts.filter(state=ReceiptState.ANNOUNCED).count() >= MOST_ANNOUNCED:
            raise TooManyAnnounced
        row = new_delivery(order, note, at=at)
    elif (row.announced_for, row.parcels, row.delivery_note) == (day, parcels, note or row.delivery_note):
        return row
    row.announced_for, row.parcels, row.delivery_note = day, parcels, note or row.delivery_note
    row.save(update_fields=["announced_for", "parcels", "delivery_note"])
    PurchaseOrder.objects.filter(pk=order.pk).update(expected_on=day)
    said = {"day": str(day), "delivery_note": row.delivery_note, "parcels": parcels, "receipt": row.pk}
    audit.record("purchaseorder.shipped", target=order, at=at, actor=None, actor_label=label, data=said)
    telling.order_event(order, "shipped", at=at, actor=None, label=label)
    return row


def _same(order: PurchaseOrder, note: str) -> Receipt | None:
    """The announced delivery that this advice is about."""
    waiting = list(order.receipts.filter(state=ReceiptState.ANNOUNCED).order_by("number"))
    if not note:
        return waiting[-1] if waiting else None
    return next((row for row in waiting if row.delivery_note in (note, "")), None)


def new_delivery(order: PurchaseOrder, note: str, *, at: datetime) -> Receipt:
    """The row of a delivery of which nothing is known yet but its note."""
    last = order.receipts.aggregate(last=Max("number"))["last"] or 0
    return Receipt.objects.create(
        order=order, number=last + 1, delivery_note=note, place=order.deliver_to, created_at=at
    )


@transaction.atomic(durable=True)
def arrive(
    *, actor: User, order: PurchaseOrder, receipt: Receipt | None = None, parcels: int | None = None, at: datetime
) -> Receipt:
    """Note at the drop point that a delivery is there, announced (`receipt`) or not; it is counted later. Twice is once.

    From now on runs the time in which the carrier must be told of damage.
    """
    require(access.can_run_pool(actor, order.pool))
    check_parcels(parcels)
    locked(order.pool)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).select_related("pool", "supplier").get(pk=order.pk)
    if receipt is not None:
        receipt = Receipt.objects.select_for_update(of=("self",)).get(pk=receipt.pk, order=order)
        if receipt.state != ReceiptState.ANNOUNCED:
            return receipt
    if order.state not in AWAITED:
        raise NothingAwaited
    row = receipt or new_delivery(order, "", at=at)
    short = parcels is not None and row.parcels not in (None, parcels)
    data = {"parcels": parcels, "announced": row.parcels} if short else {"parcels": parcels or row.parcels}
    move(
        row,
        ReceiptState.ARRIVED,
        table=RECEIPT,
        at=at,
        actor=actor,
        arrived_at=at,
        parcels=parcels or row.parcels,
        data=data,
    )
    telling.order_event(order, "arrived", at=at, actor=actor)
    return row


@transaction.atomic(durable=True)
def expect_rest(*, actor: User, order: PurchaseOrder, day: date | None, at: datetime) -> PurchaseOrder:
    """Note the day on which the back-order is expected now."""
    require(access.can_run_pool(actor, order.pool))
    if day is None or day < timezone.localdate(at):
        raise DayWrong
    order = PurchaseOrder.objects.select_for_update(of=("self",)).get(pk=order.pk)
    if order.state not in AWAITED:
        raise NothingAwaited
    if order.expected_on != day:
        before, order.expected_on = order.expected_on, day
        order.save(update_fields=["expected_on"])
        audit.record(
            "purchaseorder.rest_expected",
            target=order,
            at=at,
            actor=actor,
            data={"day": str(day), "before": str(before or "")},
        )
    return order
