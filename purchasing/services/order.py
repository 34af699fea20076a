"""The order to the supplier: prepared, signed, sent, acknowledged. What it changes is in `changes`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import documents
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.money import line_total
from companies.states import move
from purchasing import access, links, mails_back, order_document
from purchasing.models import (
    Acknowledgement,
    AcknowledgementLine,
    Pool,
    PoolLine,
    PurchaseOrder,
    PurchaseOrderLine,
    Quote,
)
from purchasing.rules.landed import freight_due
from purchasing.rules.shares import vat_of
from purchasing.services import answers, changes, order_end, telling
from purchasing.services.answers import OPEN, ORDER_SALT, AlreadyAnswered, Answer, ChangeWrong
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.changes import locked_order
from purchasing.services.pool import locked, winning_lines
from purchasing.states import (
    ORDER,
    POOL,
    LineState,
    OrderState,
    PoolLineState,
    PoolState,
)

__all__ = ["OPEN", "ORDER_SALT", "AlreadyAnswered", "Answer", "ChangeWrong"]  # what callers of this service say and ask

CONSENT_DAYS = 3


class NotLocked(DomainError):
    code = "pool_not_locked"
    message = _("The pool is not locked yet: there is nothing to order.")


class AddressMissing(Invalid):
    code = "supplier_email_missing"
    message = _("This supplier has no e-mail address for orders. Add a contact first.")
    field = "email"


class ReasonMissing(Invalid):
    code = "reason_missing"
    message = _("Say why in a few words: it stays with the order.")
    field = "reason"


@transaction.atomic(durable=True)
def prepare(*, actor: User, pool: Pool, at: datetime) -> list[PurchaseOrder]:
    """One order per supplier of a locked pool, ready to be signed. Called again, it returns what there is."""
    require(access.can_run_pool(actor, pool))
    pool = locked(pool)
    if pool.state not in (PoolState.LOCKED, PoolState.ORDERED, PoolState.RECEIVING):
        raise NotLocked
    existing = list(pool.orders.exclude(state=OrderState.CANCELLED).order_by("pk"))
    if existing:
        return existing
    by_quote: dict[int, list[PoolLine]] = {}
    quotes: dict[int, Quote] = {}
    references: dict[int, str] = {}
    for won in winning_lines(pool):
        if won.pool_line.state == PoolLineState.LOCKED and won.pool_line.order_quantity:
            quotes[won.quote_line.quote_id] = won.quote_line.quote
            by_quote.setdefault(won.quote_line.quote_id, []).append(won.pool_line)
            references[won.pool_line_id] = won.quote_line.reference
    return [
        _order(pool, quotes[pk], lines, references, number, actor=actor, at=at)
        for number, (pk, lines) in enumerate(sorted(by_quote.items()), start=1)
    ]


def _order(
    pool: Pool,
    quote: Quote,
    lines: Sequence[PoolLine],
    references: Mapping[int, str],
    number: int,
    *,
    actor: User,
    at: datetime,
) -> PurchaseOrder:
    totals = [line_total(line.order_quantity or 0, line.unit_price_e4 or 0) for line in lines]
    goods = sum(totals)
    freight = freight_due(goods, quote.freight_cents, quote.franco_cents)
    by_rate: dict[int, int] = {}
    for net, line in zip(totals, lines, strict=True):
        by_rate[line.vat_bp] = by_rate.get(line.vat_bp, 0) + net
    day = timezone.localdate(at)
    order = PurchaseOrder.objects.create(
        pool=pool,
        supplier=quote.invitation.supplier,
        quote=quote,
        number=f"BC-{day.year}-{pool.pk:05d}-{number}",
        email=quote.invitation.email,
        goods_cents=goods,
        freight_cents=freight,
        freight_vat_bp=max(by_rate, key=by_rate.__getitem__),
        vat_cents=sum(vat_of(by_rate, freight).values()),  # freight follows the goods it carries
        deliver_to=quote.invitation.tender.deliver_to,
        expected_on=day + timedelta(days=quote.lead_days or quote.invitation.supplier.lead_days),
        created_by=actor,
        created_at=at,
    )
    PurchaseOrderLine.objects.bulk_create(
        PurchaseOrderLine(
            order=order,
            pool_line=line,
            position=position,
            text=line.text,
            reference=references.get(line.pk, ""),
            unit=line.unit,
            pack=line.pack,
            quantity=line.order_quantity or 0,
            unit_price_e4=line.unit_price_e4 or 0,
            vat_bp=line.vat_bp,
            net_cents=net,
        )
        for position, (line, net) in enumerate(zip(lines, totals, strict=True), start=1)
    )
    move(order, OrderState.TO_SIGN, table=ORDER, at=at, actor=actor)
    return order


@transaction.atomic(durable=True)
def sign_and_send(*, actor: User, order: PurchaseOrder, at: datetime) -> PurchaseOrder:
    """Sign the order, store its PDF and mail it with the supplier's link. A second click changes nothing."""
    require(access.can_run_pool(actor, order.pool))
    pool = locked(order.pool)
    order = locked_order(order)
    if order.state not in (OrderState.DRAFT, OrderState.TO_SIGN):
        return order
    return send_out(order, pool, actor=actor, at=at)


def send_out(order: PurchaseOrder, pool: Pool, *, actor: User, at: datetime) -> PurchaseOrder:
    """Sign, print and mail an order that waits for it, inside the caller's transaction and under the lock of its pool."""
    if not order.email:
        raise AddressMissing
    token = links.new_token(ORDER_SALT)
    document = documents.store(
        kind="purchase_order",
        name=f"{order.number}.pdf",
        content=order_document.pdf(order, actor, at),
        company=None,
        at=at,
    )
    move(
        order,
        OrderState.SENT,
        table=ORDER,
        at=at,
        actor=actor,
        sent_at=at,
        signed_by=actor,
        document=document,
        **answers.link_fields(token, at),
    )
    mails_back.order_sent(order, token, document, at=at)
    telling.order_event(order, "sent", at=at, actor=actor)
    ours = [line.pool_line_id for line in order.lines.all()]
    move_needs(needs_of(pool.pk, pool_line__in=ours), LineState.ORDERED, at=at, actor=actor)
    waiting = pool.orders.filter(state__in=[OrderState.DRAFT, OrderState.TO_SIGN])
    if pool.state == PoolState.LOCKED and not waiting.exists():
        move(pool, PoolState.ORDERED, table=POOL, at=at, actor=actor)
    return order


def by_token(token: str, *, at: datetime) -> PurchaseOrder | None:
    """The order behind a supplier's link; None when the link is unknown, expired or withdrawn."""
    rows = PurchaseOrder.objects.exclude(state=OrderState.CANCELLED).select_related("pool__lead")
    return answers.behind(token, rows, at=at)


@transaction.atomic(durable=True)
def acknowledge(*, order: PurchaseOrder, answer: Answer, at: datetime, actor: User | None = None) -> Acknowledgement:
    """Record the supplier's answer; `actor` is None when it came by the link. The same answer twice is one answer."""
    order = locked_order(order)
    if actor is not None:
        require(access.can_run_pool(actor, order.pool))
    lines = {line.pk: line for line in order.lines.all()}
    limit = order.pool.consent_limit_bp
    consent = any(changes.needs_consent(lines[w.line], w, limit) for w in answers.words_of(lines, answer))
    heard = answers.keep(
        order,
        answer,
        Acknowledgement,
        AcknowledgementLine,
        actor=actor,
        at=at,
        consent_needed=consent,
        consent_until=at + timedelta(days=CONSENT_DAYS) if consent else None,
    )
    if not heard.new:
        return heard.row
    to = answers.follow(order, heard, actor=actor, at=at)
    mails_back.order_answered(order, heard.row, at=at)
    label, why = "" if actor else order.supplier.name, heard.row.note[:200]
    telling.order_event(order, to, at=at, actor=actor, label=label, reason=why)
    if heard.words:
        changes.ask(order, heard.row, at=at)
    return heard.row


@transaction.atomic(durable=True)
def cancel(*, actor: User, order: PurchaseOrder, reason: str, at: datetime) -> PurchaseOrder:
    """Cancel an order of which nothing was received; the state table refuses anything later.

    Its companies are told and free again. A pool of which no order is left is cancelled with it; else it goes on with the others.
    """
    require(access.can_run_pool(actor, order.pool))
    if not reason.strip():
        raise ReasonMissing
    pool = locked(order.pool)
    order = locked_order(order)
    order_end.check_counted(order)
    move(order, OrderState.CANCELLED, table=ORDER, at=at, actor=actor, reason=reason.strip(), revoked_at=at)
    order_end.nothing_more_comes(order, reason=reason.strip(), actor=actor, at=at)
    telling.order_event(order, "cancelled", at=at, actor=actor, reason=reason.strip())
    order_end.give_back(order, pool, reason=reason.strip(), actor=actor, at=at)
    return order
