"""The order of an employee pool and its supplier: sent with a signed link, acknowledged or changed, the change decided.

Documents, links, forms and the shape of an answer are those of the companies' orders. What differs is what a change does
to people who have paid: their price stands, fewer units are paid back, and the association decides (decision 0038).
"""

from collections.abc import Sequence
from datetime import datetime
from math import gcd
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import require
from companies.errors import DomainError
from companies.models import User
from companies.money import divide, line_total, percent_of
from companies.states import move
from purchasing import employee_access as access
from purchasing import links, mails_back, mails_employees, order_document
from purchasing.employee_order import OrderRow
from purchasing.models import (
    EmployeeArticle,
    EmployeeOrder,
    EmployeeOrderAnswer,
    EmployeeOrderAnswerLine,
    EmployeeOrderLine,
    EmployeePayBack,
    EmployeePool,
    EmployeePurchaseLine,
    Unit,
)
from purchasing.rules.shortage import highest_average
from purchasing.services import answers
from purchasing.services.answers import ORDER_SALT, Answer
from purchasing.services.bulk import write_many
from purchasing.services.employee_pool import locked
from purchasing.services.order import ReasonMissing
from purchasing.states import ORDER, OrderState
from purchasing.states_employees import EmployeePoolState, PurchaseState


class GoodsCounted(DomainError):
    code = "employee_goods_counted"
    message = _("Goods have been counted already. What does not come is given up company by company.")


class NothingChanged(DomainError):
    code = "employee_order_not_changed"
    message = _("The supplier has changed nothing that waits for a decision.")


def net_of(gross_cents: int, vat_bp: int) -> int:
    """The amount before VAT of one that contains it."""
    return divide(gross_cents * 10_000, 10_000 + vat_bp)


# Sent -----------------------------------------------------------------------------------------------------------------
def send(pool: EmployeePool, rows: Sequence[OrderRow], *, number: str, actor: User, at: datetime) -> EmployeeOrder:
    """Write the order of a pool, print and mail it with the supplier's link, inside the caller's transaction."""
    rates = {row.article.vat_bp for row in rows}
    freight_rate = rates.pop() if len(rates) == 1 else 2000  # freight follows the goods it carries
    freight = pool.freight_due_cents or 0
    freight_net = net_of(freight, freight_rate)
    nets = [net_of(row.gross_cents, row.article.vat_bp) for row in rows]
    contact = pool.supplier.contacts.filter(receives_tenders=True).order_by("pk").first() if pool.supplier else None
    with translation.override("fr"):
        deliver_to = translation.gettext("each company, see the list below")
    order = EmployeeOrder.objects.create(
        pool=pool,
        supplier=pool.supplier,
        number=number,
        state=OrderState.TO_SIGN,
        email=contact.email if contact else "",
        goods_cents=sum(nets),
        freight_cents=freight_net,
        freight_vat_bp=freight_rate,
        vat_cents=sum(row.gross_cents for row in rows) - sum(nets) + freight - freight_net,
        deliver_to=deliver_to,
        expected_on=pool.expected_on,
        created_by=actor,
        created_at=at,
    )
    EmployeeOrderLine.objects.bulk_create(
        EmployeeOrderLine(
            order=order,
            article=row.article,
            position=position,
            text=row.article.name,
            unit=Unit.PIECE,
            pack=row.article.pack,
            quantity=row.units,
            unit_price_e4=divide((row.article.unit_price_cents or 0) * 1_000_000, 10_000 + row.article.vat_bp),
            vat_bp=row.article.vat_bp,
            net_cents=net,
        )
        for position, (row, net) in enumerate(zip(rows, nets, strict=True), start=1)
    )
    drops = [(row.article.name, row.places) for row in rows]
    document = documents.store(
        kind="employee_order",
        name=f"{number}.pdf",
        content=order_document.pdf(order, actor, at, drops=drops),
        company=pool.company,
        at=at,
    )
    token = links.new_token(ORDER_SALT)
    move(
        order,
        OrderState.SENT,
        table=ORDER,
        at=at,
        actor=actor,
        company=pool.company,
        sent_at=at,
        signed_by=actor,
        document=document,
        **answers.link_fields(token, at),
    )
    if order.email:
        mails_back.order_sent(order, token, document, at=at)
    return order


def by_token(token: str, *, at: datetime) -> EmployeeOrder | None:
    """The order behind a supplier's link; None when the link is unknown, expired or withdrawn."""
    return answers.behind(token, EmployeeOrder.objects.select_related("pool"), at=at)


def _locked_order(order: EmployeeOrder) -> EmployeeOrder:
    rows = EmployeeOrder.objects.select_for_update(of=("self",)).select_related("pool__company", "supplier")
    return rows.get(pk=order.pk)


# Answered -------------------------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def acknowledge(
    *, order: EmployeeOrder, answer: Answer, at: datetime, actor: User | None = None
) -> EmployeeOrderAnswer:
    """Record the supplier's answer; `actor` is None when it came by the link. The same answer twice is one answer."""
    if actor is not None:
        require(access.can_run(actor, order.pool))
    order = _locked_order(order)
    heard = answers.keep(order, answer, EmployeeOrderAnswer, EmployeeOrderAnswerLine, actor=actor, at=at)
    if not heard.new:
        return heard.row
    answers.follow(order, heard, company=order.pool.company, actor=actor, at=at)
    if answer.delivery_on:
        EmployeePool.objects.filter(pk=order.pool_id).update(expected_on=answer.delivery_on)
    mails_employees.order_answered(order, heard.row, at=at)
    return heard.row


@transaction.atomic(durable=True)
def decide_change(
    *, actor: User, order: EmployeeOrder, accepted: bool, reason: str = "", at: datetime
) -> EmployeeOrder:
    """Accept what the supplier changed, or ask it to answer again, with a reason. A second click changes nothing.

    Accepted, units that will not come are paid back, shared like a shortage; the price people paid stands. Only the
    association's staff accepts, for money goes back.
    """
    require(access.can_decide_refunds(actor) if accepted else access.can_run(actor, order.pool))
    pool = locked(order.pool)
    order = _locked_order(order)
    to = OrderState.ACCEPTED if accepted else OrderState.REFUSED
    if order.state == to:
        return order
    answer = order.acknowledgements.last()
    if order.state != OrderState.CHANGED or answer is None:
        raise NothingChanged
    if not accepted and not reason.strip():
        raise ReasonMissing
    totals: dict[str, Any] = {}
    if accepted:
        if pool.state != EmployeePoolState.ORDERED:
            raise GoodsCounted
        for change in answer.lines.select_related("order_line__article").order_by("pk"):
            _apply(pool, change, actor=actor, at=at)
        lines = list(order.lines.all())
        vat = sum(percent_of(line.net_cents, line.vat_bp) for line in lines)
        totals = {
            "goods_cents": sum(line.net_cents for line in lines),
            "vat_cents": vat + percent_of(order.freight_cents, order.freight_vat_bp),
        }
    move(order, to, table=ORDER, at=at, actor=actor, company=pool.company, reason=reason.strip()[:200], **totals)
    return order


def _apply(pool: EmployeePool, change: EmployeeOrderAnswerLine, *, actor: User, at: datetime) -> None:
    """Write what is ordered now; who gets fewer units is paid back, who gets another article is told."""
    line = change.order_line
    short = line.quantity - change.quantity
    EmployeeOrderLine.objects.filter(pk=line.pk).update(
        quantity=change.quantity,
        pack=gcd(line.pack, change.quantity) or line.pack,
        unit_price_e4=change.unit_price_e4,
        net_cents=line_total(change.quantity, change.unit_price_e4),
        text=change.substitute or line.text,
    )
    if short:
        _give_up(pool, line.article, short, actor=actor, at=at)
    if change.substitute:
        mails_employees.substituted(pool, line.article, change.substitute, at=at)


def _give_up(pool: EmployeePool, article: EmployeeArticle, short: int, *, actor: User, at: datetime) -> None:
    """Units that will not come: the rest of packs gives way first, then everybody in proportion, paid back."""
    from purchasing.services.employee_goods import pay_back
    from purchasing.tasks_employees import carry_out_pay_backs

    ours = min(short, article.rest - article.rest_missing)
    if ours:
        EmployeeArticle.objects.filter(pk=article.pk).update(rest_missing=F("rest_missing") + ours)
    lines = list(
        EmployeePurchaseLine.objects.filter(
            purchase__pool=pool, purchase__state=PurchaseState.LOCKED, article=article, ordered__gt=0
        )
        .select_related("article", "purchase")
        .order_by("purchase__committed_at", "purchase__pk")
    )
    claims = [line.ordered - line.missing for line in lines]
    kept = highest_average(sum(claims) - (short - ours), claims)
    back = []
    for line, claim, units in zip(lines, claims, kept, strict=True):
        if units < claim:
            back.append(pay_back(line, claim - units, EmployeePayBack.Cause.MISSING, "", actor, at, decided=True))
            line.missing += claim - units
    write_many(lines, ["missing"])
    EmployeePayBack.objects.bulk_create(back)
    audit.record_many("employeepayback.decided", back, at=at, actor=actor)
    carry_out_pay_backs.delay_on_commit(pool_id=pool.pk)


@transaction.atomic(durable=True)
def rest_short(*, actor: User, pool: EmployeePool, article: EmployeeArticle, at: datetime) -> int:
    """The rest of the last pack of an article does not come: who opened the pool is not invoiced for it."""
    require(access.can_decide_refunds(actor))
    pool = locked(pool)
    if pool.state not in (EmployeePoolState.ORDERED, EmployeePoolState.RECEIVING):
        raise GoodsCounted
    article.refresh_from_db()
    units = article.rest - article.rest_missing
    EmployeeArticle.objects.filter(pk=article.pk, pool=pool).update(rest_missing=F("rest"))
    audit.record(
        "employeepool.rest_short", target=pool, at=at, actor=actor, company=pool.company,
        data={"article": article.pk, "units": units},
    )  # fmt: skip
    return units
