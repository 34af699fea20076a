"""When everything that came is billed: the order closes, and its pool with the last one."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.states import move
from purchasing.models import Pool, PurchaseOrder
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.order_end import check_counted, finish
from purchasing.services.pool import locked
from purchasing.services.three_way import all_billed
from purchasing.states import ORDER, LineState, OrderState, ReceiptState, SupplierInvoiceState


class EndNeedsReason(Invalid):
    code = "reason_missing"
    message = _("Say why nothing more is billed.")
    field = "reason"


class BillingOpen(DomainError):
    code = "billing_still_open"
    message = _("Goods are still awaited, or an invoice of this order is not with the companies yet.")


@transaction.atomic(durable=True)
def end_billing(*, actor: User, order: PurchaseOrder, reason: str, at: datetime) -> PurchaseOrder:
    """Say that the supplier bills nothing more of what came: the order closes once its invoices are with the companies."""
    require(is_staff(actor))
    if not reason.strip():
        raise EndNeedsReason
    pool = locked(order.pool)
    order = PurchaseOrder.objects.select_for_update(of=("self",)).get(pk=order.pk)
    order.pool = pool
    invoiced = order.supplier_invoices.filter(state=SupplierInvoiceState.INVOICED)
    if order.state not in (OrderState.RECEIVED, OrderState.CLOSED_SHORT) or not invoiced.exists():
        raise BillingOpen
    if order.supplier_invoices.exclude(state=SupplierInvoiceState.INVOICED).exists():
        raise BillingOpen
    check_counted(order)
    audit.record("purchaseorder.billing_ended", target=order, at=at, actor=actor, reason=reason.strip())
    close_billed(order, pool, actor=actor, at=at, nothing_more=True)
    return order


def close_billed(order: PurchaseOrder, pool: Pool, *, actor: User, at: datetime, nothing_more: bool = False) -> None:
    """Once everything received is billed: the order closes, then the pool."""
    waiting = order.supplier_invoices.exclude(state=SupplierInvoiceState.INVOICED)
    at_the_door = order.receipts.filter(state=ReceiptState.ARRIVED)
    if order.state == OrderState.PART_RECEIVED or waiting.exists() or at_the_door.exists():
        return
    if not (nothing_more or all_billed(order)):
        return
    lines = [line.pool_line_id for line in order.lines.all()]
    move_needs(needs_of(pool.pk, pool_line__in=lines), LineState.INVOICED, at=at, actor=actor)
    if order.state in (OrderState.RECEIVED, OrderState.CLOSED_SHORT):
        move(order, OrderState.BILLED, table=ORDER, at=at, actor=actor)
        move(order, OrderState.CLOSED, table=ORDER, at=at, actor=actor)
    finish(pool, actor=actor, at=at)
