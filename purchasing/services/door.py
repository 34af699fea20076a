"""A delivery turned away whole at the door: nothing is counted, nothing shared, and the supplier is told why."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.pictures import reencoded
from companies.states import move
from purchasing import access, mails_back
from purchasing.models import PurchaseOrder, Receipt
from purchasing.services import billing_end, reserves, telling
from purchasing.services.delivery import RECEIVABLE, NotReceivable, waiting
from purchasing.services.pool import locked
from purchasing.services.shipment import check_parcels, new_delivery
from purchasing.states import RECEIPT, OrderState, ReceiptState


class WhyRefused(Invalid):
    code = "reason_missing"
    message = _("Say why in a few words.")
    field = "notes"


class DeliveryDecided(DomainError):
    code = "delivery_decided"
    message = _("Delivery %(number)s was counted already. What is wrong with it is refused by a correction or a claim.")


@transaction.atomic(durable=True)
def refuse(
    *,
    actor: User,
    order: PurchaseOrder,
    reason: str,
    at: datetime,
    number: int | None = None,
    delivery_note: str = "",
    parcels: int | None = None,
    photos: Sequence[bytes] = (),
) -> Receipt:
    """Turn one delivery away as it stands, announced, arrived or unheard of; `number` as when one is counted: twice is once.

    The order goes on waiting for its goods. The time to tell the carrier runs from the arrival, as with any refusal.
    """
    require(access.can_run_pool(actor, order.pool))
    reason = reason.strip()
    if not reason:
        raise WhyRefused
    check_parcels(parcels)
    pictures = [reencoded(content) for content in photos]
    pool = locked(order.pool)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).select_related("supplier").get(pk=order.pk)
    order.pool = pool
    receipt = waiting(order, number)
    if receipt is None and number is not None and (earlier := order.receipts.filter(number=number).first()):
        if earlier.state == ReceiptState.REFUSED and earlier.counted_at is None:
            return earlier
        raise DeliveryDecided(number=number)
    if order.state not in RECEIVABLE:
        raise NotReceivable
    receipt = receipt or new_delivery(order, delivery_note.strip()[:60], at=at)
    if receipt.state == ReceiptState.ANNOUNCED:
        move(receipt, ReceiptState.ARRIVED, table=RECEIPT, at=at, actor=actor, arrived_at=at)
    move(
        receipt,
        ReceiptState.REFUSED,
        table=RECEIPT,
        at=at,
        actor=actor,
        reason=reason[:200],
        notes=reason[:1000],
        delivery_note=delivery_note.strip()[:60] or receipt.delivery_note,
        parcels=parcels or receipt.parcels,
        reserves_until=reserves.deadline(receipt.arrived_at or at),
    )
    reserves.keep_photos(receipt, pictures, actor=actor, at=at)
    telling.order_event(order, "delivery_refused", at=at, actor=actor, reason=reason[:200])
    mails_back.delivery_refused(receipt, at=at)
    if order.state == OrderState.RECEIVED:
        billing_end.close_billed(order, pool, actor=actor, at=at)
    return receipt
