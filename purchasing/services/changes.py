"""What a supplier changes in an order: the companies agree again or leave, and the lines are computed anew.

The choices are written down in deploy/decisions/0031-suppliers-changes.md.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import gcd

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import has_role, require
from companies.errors import DomainError
from companies.models import Company, Role, User
from companies.money import line_total
from companies.states import move
from purchasing import access, mails_back
from purchasing.models import (
    Acknowledgement,
    AcknowledgementLine,
    Commitment,
    Consent,
    PoolLine,
    PurchaseOrder,
    PurchaseOrderLine,
)
from purchasing.models.order import goods_by_rate
from purchasing.rules import hints, packs
from purchasing.rules.landed import freight_due
from purchasing.rules.shares import vat_of
from purchasing.rules.shortage import allocate
from purchasing.services import standing as standings
from purchasing.services import telling
from purchasing.services.answers import Word
from purchasing.services.bulk import CLOCK, move_many, needs_of, release
from purchasing.states import COMMITMENT, ORDER, POOL_LINE, CommitmentState, OrderState, PoolLineState

Reason = Commitment.DropReason


class ConsentsOpen(DomainError):
    code = "consents_open"
    message = _("%(count)s companies have not answered yet. They have until %(until)s.")


class ConsentOver(DomainError):
    code = "consent_over"
    message = _("This question is closed.")


def needs_consent(line: PurchaseOrderLine, word: Word, limit_bp: int) -> bool:
    """Above the pool's limit, in price or in quantity, everybody is asked; for another article always."""
    return (
        bool(word.substitute)
        or hints.needs_consent(line.unit_price_e4, word.unit_price_e4, limit_bp)
        or hints.quantity_needs_consent(line.quantity, word.quantity, limit_bp)
    )


def locked_order(order: PurchaseOrder) -> PurchaseOrder:
    """The order's row, locked until the end of the transaction."""
    return (
        PurchaseOrder.objects.select_for_update(of=("self",))
        .select_related("pool__lead", "supplier", "quote")
        .get(pk=order.pk)
    )


def ask(order: PurchaseOrder, row: Acknowledgement, *, at: datetime) -> None:
    """Open a question to each company on a changed line (or only tell them); then conclude when nobody is asked."""
    touched = list(row.lines.values_list("order_line__pool_line", flat=True))
    held = held_on(touched)
    if row.consent_needed:
        Consent.objects.bulk_create(Consent(acknowledgement=row, commitment=c) for c in held)
    companies = {c.company_id: c.company for c in held}
    mails_back.order_changed(order, row, [companies[pk] for pk in sorted(companies)], at=at)
    if not row.consent_needed:
        _conclude(order, row, refused=set(), actor=None, at=at)


def held_on(pool_lines: Sequence[int]) -> list[Commitment]:
    """The locked commitments of some lines, under their locks."""
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
    order = locked_order(answer.order)
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
    order = locked_order(order)
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
    label = "" if actor else CLOCK
    told = telling.companies_on(order)  # before some of them leave
    staying: list[Commitment] = []
    for change in answer.lines.select_related("order_line__pool_line__pool").order_by("pk"):
        staying += _recompute(change, refused, actor=actor, at=at)
    lines = list(order.lines.all())
    goes_on = any(line.quantity for line in lines)
    event, reason = ("accepted", "") if goes_on else ("refused", "consent")
    telling.tell(telling.ORDER, event, order.pk, told, at=at, actor=actor, label=label, reason=reason)
    if not goes_on:
        move(order, OrderState.REFUSED, table=ORDER, at=at, actor=actor, actor_label=label, reason="consent")
        return
    goods = sum(line.net_cents for line in lines)
    quote = order.quote
    freight = freight_due(goods, quote.freight_cents, quote.franco_cents) if quote else order.freight_cents
    vat = sum(vat_of(goods_by_rate(lines), freight).values())
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
    if answer.consent_needed:
        mails_back.change_concluded(order, answer, staying, at=at)


def _recompute(change: AcknowledgementLine, refused: set[int], *, actor: User | None, at: datetime) -> list[Commitment]:
    """Who stays shares what the supplier confirms; whoever leaves has the need back. Returns who stays."""
    line, pool_line = change.order_line, change.order_line.pool_line
    price = change.unit_price_e4
    leaving, held = [], []
    for c in held_on([pool_line.pk]):
        if c.pk in refused:
            c.drop_reason = Reason.CONSENT
            leaving.append(c)
        elif not standings.as_word(c).accepts(price):
            c.drop_reason = Reason.PRICE_CAP
            leaving.append(c)
        else:
            held.append(c)
    quantity, given = _shared(change, held)
    staying = [c for c in held if given.get(standings.key(c))]
    for c in held:
        if c not in staying:
            c.drop_reason = Reason.MIN_USEFUL if quantity else Reason.MINIMUM
            leaving.append(c)
    _let_go(pool_line, leaving, actor=actor, at=at)
    for c in staying:
        c.granted = given[standings.key(c)]
    Commitment.objects.bulk_update(staying, ["granted"])
    _rewrite(change, quantity, actor=actor, at=at)
    audit.record(
        "orderline.changed",
        target=line,
        at=at,
        actor=actor,
        actor_label="" if actor else CLOCK,
        data={
            "quantity": quantity,
            "unit_price_e4": price,
            "substitute": change.substitute,
            "left": sorted(c.company_id for c in leaving),
        },
    )
    return staying


def part_of(change: AcknowledgementLine, company: Company) -> tuple[int, int] | None:
    """What was granted to a company on a changed line, and what it would get if everybody agreed."""
    rows = Commitment.objects.filter(pool_line=change.order_line.pool_line_id, state=CommitmentState.LOCKED)
    held = [c for c in rows.order_by("pk") if standings.as_word(c).accepts(change.unit_price_e4)]
    mine = next((c for c in held if c.company_id == company.pk), None)
    if mine is None:
        return None
    _quantity, given = _shared(change, held)
    return mine.granted or 0, given.get(standings.key(mine), 0)


def _shared(change: AcknowledgementLine, held: Sequence[Commitment]) -> tuple[int, Mapping[str, int]]:
    """What is ordered and who gets how much of it: all that is confirmed, or as many whole packs as are still wanted.

    A useful minimum that is missed leaves units over: then fewer are ordered, so that the parts make the order (I5).
    """
    line, rule = change.order_line, change.order_line.pool_line.pool.shortage
    claims = [standings.as_claim(c, c.granted or 0) for c in held]
    wanted = sum(c.granted or 0 for c in held)
    quantity = change.quantity if change.quantity <= wanted else _whole(wanted, line)
    while quantity:
        given = allocate(quantity, claims, rule)
        taken = sum(given.values())
        if taken == quantity:
            return quantity, given
        quantity = _whole(taken, line)
    return 0, {}


def _whole(quantity: int, line: PurchaseOrderLine) -> int:
    whole = packs.round_down(quantity, line.pack)
    return whole if whole >= line.pool_line.moq else 0


def _let_go(pool_line: PoolLine, leaving: Sequence[Commitment], *, actor: User | None, at: datetime) -> None:
    for c in leaving:
        c.granted = None
    for why in sorted({c.drop_reason for c in leaving}):
        rows = [c for c in leaving if c.drop_reason == why]
        fields = ["drop_reason", "granted"]
        move_many(rows, CommitmentState.DROPPED, table=COMMITMENT, at=at, actor=actor, fields=fields, reason=str(why))
    mails_back.commitments_dropped(pool_line.pool, leaving, at=at)
    gone = [c.company_id for c in leaving]
    release(needs_of(pool_line.pool_id, pool_line=pool_line, company__in=gone), reason="consent", at=at, actor=actor)


def _rewrite(change: AcknowledgementLine, quantity: int, *, actor: User | None, at: datetime) -> None:
    """Write what is ordered now on the order and on the pool's line; a line of which nothing is left has failed.

    A supplier that confirms part of a pack sells the line in smaller ones: both rows keep whole packs (I6).
    """
    line, pool_line, price = change.order_line, change.order_line.pool_line, change.unit_price_e4
    pack = gcd(line.pack, quantity) or line.pack
    PurchaseOrderLine.objects.filter(pk=line.pk).update(
        unit_price_e4=price,
        quantity=quantity,
        pack=pack,
        net_cents=line_total(quantity, price),
        text=change.substitute or line.text,
        reference="" if change.substitute else line.reference,
    )
    if not quantity:
        if pool_line.state == PoolLineState.LOCKED:
            move_many([pool_line], PoolLineState.FAILED, table=POOL_LINE, at=at, actor=actor, reason="consent")
        return
    PoolLine.objects.filter(pk=pool_line.pk).update(
        unit_price_e4=price, order_quantity=quantity, pack=pack, moq=min(pool_line.moq, quantity)
    )
