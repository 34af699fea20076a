"""The order to the supplier: prepared, signed, sent, acknowledged, changed with the companies' consent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import has_role, require
from companies.errors import DomainError, Invalid
from companies.models import Company, Role, User
from companies.money import line_total, percent_of
from companies.states import move
from purchasing import access, links, mails_back, order_document
from purchasing.models import (
    Acknowledgement,
    AcknowledgementLine,
    Commitment,
    Consent,
    Pool,
    PoolLine,
    PurchaseOrder,
    PurchaseOrderLine,
    Quote,
)
from purchasing.rules import hints, packs
from purchasing.rules.landed import freight_due
from purchasing.rules.shortage import allocate
from purchasing.services import standing as standings
from purchasing.services.bulk import move_many, move_needs, needs_of, release
from purchasing.services.pool import drop_commitments, locked, winning_lines
from purchasing.states import (
    COMMITMENT,
    ORDER,
    POOL,
    CommitmentState,
    LineState,
    OrderState,
    PoolLineState,
    PoolState,
)

ORDER_SALT = "purchasing.order"
LINK_DAYS = 90
CONSENT_DAYS = 3
OPEN = (OrderState.SENT, OrderState.REFUSED)


class NotLocked(DomainError):
    code = "pool_not_locked"
    message = _("The pool is not locked yet: there is nothing to order.")


class AddressMissing(Invalid):
    code = "supplier_email_missing"
    message = _("This supplier has no e-mail address for orders. Add a contact first.")
    field = "email"


class AlreadyAnswered(DomainError):
    code = "order_already_answered"
    message = _("This order was already answered. Call your contact if something changes again.")


class ChangeWrong(Invalid):
    code = "order_change_invalid"
    message = _("Confirm at most the ordered quantity, in whole numbers.")
    field = "lines"


class ReasonMissing(Invalid):
    code = "reason_missing"
    message = _("Say why in a few words: it stays with the order.")
    field = "reason"


class ConsentsOpen(DomainError):
    code = "consents_open"
    message = _("%(count)s companies have not answered yet. They have until %(until)s.")


class ConsentOver(DomainError):
    code = "consent_over"
    message = _("This question is closed.")


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
    vat = sum(percent_of(net, line.vat_bp) for net, line in zip(totals, lines, strict=True))
    rates = {line.vat_bp for line in lines}
    freight_rate = rates.pop() if len(rates) == 1 else 2000  # freight follows the goods it carries
    day = timezone.localdate(at)
    order = PurchaseOrder.objects.create(
        pool=pool,
        supplier=quote.invitation.supplier,
        quote=quote,
        number=f"BC-{day.year}-{pool.pk:05d}-{number}",
        email=quote.invitation.email,
        goods_cents=goods,
        freight_cents=freight,
        freight_vat_bp=freight_rate,
        vat_cents=vat + percent_of(freight, freight_rate),
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
    order = _locked(order)
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
        token_hash=links.digest(token),
        token_expires_at=at + timedelta(days=LINK_DAYS),
    )
    mails_back.order_sent(order, token, document, at=at)
    ours = [line.pool_line_id for line in order.lines.all()]
    move_needs(needs_of(pool.pk, pool_line__in=ours), LineState.ORDERED, at=at, actor=actor)
    waiting = pool.orders.filter(state__in=[OrderState.DRAFT, OrderState.TO_SIGN])
    if pool.state == PoolState.LOCKED and not waiting.exists():
        move(pool, PoolState.ORDERED, table=POOL, at=at, actor=actor)
    return order


def _locked(order: PurchaseOrder) -> PurchaseOrder:
    return (
        PurchaseOrder.objects.select_for_update(of=("self",))
        .select_related("pool__lead", "supplier", "quote")
        .get(pk=order.pk)
    )


def by_token(token: str, *, at: datetime) -> PurchaseOrder | None:
    """The order behind a supplier's link; None when the link is unknown, expired or withdrawn."""
    if not links.is_ours(token, ORDER_SALT):
        return None
    return (
        PurchaseOrder.objects.filter(token_hash=links.digest(token), token_expires_at__gt=at, revoked_at__isnull=True)
        .exclude(state=OrderState.CANCELLED)
        .select_related("pool__lead", "supplier", "document")
        .first()
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the supplier says: a date, and per order line (quantity, unit price) when something changes."""

    delivery_on: date | None = None
    reference: str = ""
    note: str = ""
    changes: Mapping[int, tuple[int, int]] | None = None


@transaction.atomic(durable=True)
def acknowledge(*, order: PurchaseOrder, answer: Answer, at: datetime, actor: User | None = None) -> Acknowledgement:
    """Record the supplier's answer; `actor` is None when it came by the link. The same answer twice is one answer."""
    order = _locked(order)
    if actor is not None:
        require(access.can_run_pool(actor, order.pool))
    lines = {line.pk: line for line in order.lines.all()}
    changes = {
        pk: word
        for pk, word in (answer.changes or {}).items()
        if pk in lines and word != (lines[pk].quantity, lines[pk].unit_price_e4)
    }
    if any(q < 0 or q > lines[pk].quantity or price < 0 for pk, (q, price) in changes.items()):
        raise ChangeWrong
    if order.state not in OPEN:
        last = order.acknowledgements.last()
        if last is not None and not changes and last.kind == Acknowledgement.Kind.ACCEPTED:
            return last
        raise AlreadyAnswered
    consent = any(
        hints.needs_consent(lines[pk].unit_price_e4, price, order.pool.consent_limit_bp)
        for pk, (_q, price) in changes.items()
    )
    row = Acknowledgement.objects.create(
        order=order,
        kind=Acknowledgement.Kind.CHANGED if changes else Acknowledgement.Kind.ACCEPTED,
        reference=answer.reference,
        delivery_on=answer.delivery_on,
        note=answer.note,
        consent_needed=consent,
        consent_until=at + timedelta(days=CONSENT_DAYS) if consent else None,
        recorded_by=actor,
        at=at,
    )
    AcknowledgementLine.objects.bulk_create(
        AcknowledgementLine(acknowledgement=row, order_line_id=pk, quantity=q, unit_price_e4=price)
        for pk, (q, price) in changes.items()
    )
    label = "" if actor else order.supplier.name
    extra: dict[str, Any] = {"expected_on": answer.delivery_on} if answer.delivery_on else {}
    to = OrderState.CHANGED if changes else OrderState.ACKNOWLEDGED
    if changes and order.state == OrderState.REFUSED:
        to = OrderState.CHANGED
    move(order, to, table=ORDER, at=at, actor=actor, actor_label=label, reason=answer.note[:200], **extra)
    mails_back.order_answered(order, row, at=at)
    if changes:
        _ask(order, row, changes, at=at)
    return row


def _ask(order: PurchaseOrder, row: Acknowledgement, changes: Mapping[int, tuple[int, int]], *, at: datetime) -> None:
    """Open a question to each company on a changed line (or only tell them); then conclude when nobody is asked."""
    touched = [line.pool_line_id for line in order.lines.all() if line.pk in changes]
    held = _held(touched)
    if row.consent_needed:
        Consent.objects.bulk_create(Consent(acknowledgement=row, commitment=c) for c in held)
    companies = {c.company_id: c.company for c in held}
    mails_back.order_changed(order, row, [companies[pk] for pk in sorted(companies)], at=at)
    if not row.consent_needed:
        _conclude(order, row, refused=set(), actor=None, at=at)


def _held(pool_lines: Sequence[int]) -> list[Commitment]:
    return list(
        Commitment.objects.select_for_update(of=("self",))
        .select_related("company", "committed_by", "pool_line")
        .filter(pool_line__in=pool_lines, state=CommitmentState.LOCKED)
        .order_by("pk")
    )


@transaction.atomic(durable=True)
def answer_change(*, actor: User, company: Company, answer: Acknowledgement, accepted: bool, at: datetime) -> None:
    """A company agrees to the supplier's change, or leaves. Once everybody answered, the change is concluded."""
    require(company.is_member and has_role(actor, company, Role.BUYER))
    order = _locked(answer.order)
    if order.state != OrderState.CHANGED or (answer.consent_until and at >= answer.consent_until):
        raise ConsentOver
    mine = Consent.objects.filter(acknowledgement=answer, commitment__company=company)
    mine.update(accepted=accepted, answered_by=actor, answered_at=at)
    audit.record(
        "order.change_answered", target=order, at=at, actor=actor, company=company, data={"accepted": accepted}
    )
    if not answer.consents.filter(accepted__isnull=True).exists():
        _settle_consents(order, answer, actor=actor, at=at)


@transaction.atomic(durable=True)
def conclude_change(*, actor: User | None, order: PurchaseOrder, at: datetime) -> PurchaseOrder:
    """Apply the supplier's change: whoever refused, or did not answer in time, leaves; the line is computed again."""
    if actor is not None:
        require(access.can_run_pool(actor, order.pool))
    order = _locked(order)
    if order.state != OrderState.CHANGED:
        return order
    answer = order.acknowledgements.last()
    assert answer is not None
    open_ = answer.consents.filter(accepted__isnull=True).count()
    if open_ and answer.consent_until and at < answer.consent_until:
        raise ConsentsOpen(count=open_, until=f"{timezone.localtime(answer.consent_until):%d/%m/%Y %H:%M}")
    _settle_consents(order, answer, actor=actor, at=at)
    return order


def _settle_consents(order: PurchaseOrder, answer: Acknowledgement, *, actor: User | None, at: datetime) -> None:
    refused = set(answer.consents.exclude(accepted=True).values_list("commitment_id", flat=True))
    _conclude(order, answer, refused=refused, actor=actor, at=at)


def _conclude(
    order: PurchaseOrder, answer: Acknowledgement, *, refused: set[int], actor: User | None, at: datetime
) -> None:
    """Recompute each changed line with who stays, at the confirmed price, within the confirmed quantity."""
    label = "" if actor else "clock"
    ordered = 0
    for change in answer.lines.select_related("order_line__pool_line").order_by("pk"):
        ordered += _recompute(change, refused, actor=actor, at=at)
    others = order.lines.exclude(pk__in=answer.lines.values("order_line"))
    ordered += sum(line.quantity for line in others)
    if not ordered:
        move(order, OrderState.REFUSED, table=ORDER, at=at, actor=actor, actor_label=label, reason="consent")
        return
    lines = list(order.lines.all())
    goods = sum(line.net_cents for line in lines)
    quote = order.quote
    freight = freight_due(goods, quote.freight_cents, quote.franco_cents) if quote else order.freight_cents
    vat = sum(percent_of(line.net_cents, line.vat_bp) for line in lines) + percent_of(freight, order.freight_vat_bp)
    move(
        order,
        OrderState.ACCEPTED,
        table=ORDER,
        at=at,
        actor=actor,
        actor_label=label,
        goods_cents=goods,
        freight_cents=freight,
        vat_cents=vat,
    )


def _recompute(change: AcknowledgementLine, refused: set[int], *, actor: User | None, at: datetime) -> int:
    """Who stays shares what the supplier confirms; whoever leaves has the need back. Returns what is still ordered."""
    line, pool_line = change.order_line, change.order_line.pool_line
    held = _held([pool_line.pk])
    leaving = [c for c in held if c.pk in refused or not standings.as_word(c).accepts(change.unit_price_e4)]
    staying = [c for c in held if c not in leaving]
    price = change.unit_price_e4
    wanted = sum(c.granted or 0 for c in staying)
    quantity = min(change.quantity, packs.round_down(wanted, line.pack) or wanted)
    given = allocate(quantity, [standings.as_claim(c, c.granted or 0) for c in staying], pool_line.pool.shortage)
    for c in leaving:
        c.drop_reason = Commitment.DropReason.CONSENT if c.pk in refused else Commitment.DropReason.PRICE_CAP
        c.granted = None
    move_many(leaving, CommitmentState.DROPPED, table=COMMITMENT, at=at, actor=actor, fields=["drop_reason", "granted"])
    mails_back.commitments_dropped(pool_line.pool, leaving, at=at)
    gone = [c.company_id for c in leaving]
    release(needs_of(pool_line.pool_id, pool_line=pool_line, company__in=gone), reason="consent", at=at, actor=actor)
    for c in staying:
        c.granted = given[standings.key(c)]
    Commitment.objects.bulk_update(staying, ["granted"])
    whole = max(line.pack, packs.round_up(quantity, line.pack))
    PurchaseOrderLine.objects.filter(pk=line.pk).update(
        unit_price_e4=price, quantity=whole, net_cents=line_total(quantity, price)
    )
    changes = {"unit_price_e4": price} | ({"order_quantity": whole} if whole >= pool_line.moq else {})
    PoolLine.objects.filter(pk=pool_line.pk).update(**changes)
    audit.record(
        "orderline.changed",
        target=line,
        at=at,
        actor=actor,
        actor_label="" if actor else "clock",
        data={"quantity": quantity, "unit_price_e4": price, "left": sorted(c.company_id for c in leaving)},
    )
    return quantity


@transaction.atomic(durable=True)
def cancel(*, actor: User, order: PurchaseOrder, reason: str, at: datetime) -> PurchaseOrder:
    """Cancel an order of which nothing was received; the state table refuses anything later."""
    require(access.can_run_pool(actor, order.pool))
    if not reason.strip():
        raise ReasonMissing
    pool = locked(order.pool)
    order = _locked(order)
    move(order, OrderState.CANCELLED, table=ORDER, at=at, actor=actor, reason=reason.strip(), revoked_at=at)
    lines = [line.pool_line_id for line in order.lines.all()]
    release(needs_of(pool.pk, pool_line__in=lines), reason=reason.strip(), at=at, actor=actor)
    if pool.only_company_id is not None:  # a call-off ends with its order: nothing else will be ordered for it
        drop_commitments(pool=pool, reason=reason.strip(), actor=actor, at=at)
        if pool.state == PoolState.LOCKED:
            move(pool, PoolState.CANCELLED, table=POOL, at=at, actor=actor, reason=reason.strip())
    return order
