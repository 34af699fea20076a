"""The deadline of an employee pool: one price for all by the tier of the total, cards charged, or everybody released.

Deciding is one transaction; asking Stripe comes after it, row by row, and is made up for by the sweeper.
"""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import personal
from companies.billing.models import PersonalPayment, PersonalState
from companies.billing.models.personal import HELD
from companies.billing.payments import PaymentServiceDown
from companies.errors import DomainError
from companies.models import User
from companies.states import move
from purchasing import employee_access as access
from purchasing import mails_employees as mails
from purchasing.models import EmployeePool, EmployeePoolPlace, EmployeePurchase, EmployeePurchaseLine
from purchasing.models.employee_purchase import EmployeePayBack
from purchasing.rules import subsidy
from purchasing.rules.employee_lot import OPENER, Lot, fill, freight_parts
from purchasing.rules.landed import freight_due
from purchasing.rules.tiers import Commitment
from purchasing.services import employee_standing as standing
from purchasing.services import telling
from purchasing.services.bulk import move_many, write_many
from purchasing.services.employee_pool import locked
from purchasing.services.employee_purchase import PAYMENT_KEY
from purchasing.states_employees import (
    EMPLOYEE_POOL,
    PURCHASE,
    EmployeePoolState,
    PayBackState,
    PurchaseState,
)

log = logging.getLogger(__name__)
PATIENCE = timedelta(hours=1)  # a lock waits so long for Stripe to say who has reserved


class TooEarly(DomainError):
    code = "employee_pool_still_open"
    message = _("The pool is open until %(until)s: it locks by itself then.")


def due(at: datetime) -> list[int]:
    """Open pools whose deadline has passed."""
    rows = EmployeePool.objects.filter(state=EmployeePoolState.OPEN, closes_at__lte=at)
    return list(rows.order_by("closes_at").values_list("pk", flat=True))


def lock(*, pool: EmployeePool, at: datetime) -> EmployeePool:
    """Conclude a pool whose deadline has passed: locked with its prices, or failed. A second time changes nothing.

    Only purchases reserved on a card (or paid whole by the company) count. Raises TooEarly; PaymentServiceDown while
    Stripe cannot say who has reserved, for an hour at most.
    """
    try:
        _hear(pool, at)
    except PaymentServiceDown:
        if at < pool.closes_at + PATIENCE:
            raise
    pool = decide(pool, at)
    settle(pool=pool, at=at)
    return pool


def _hear(pool: EmployeePool, at: datetime) -> None:
    """Ask Stripe about pages that were still open: the news of a reservation may be late."""
    if pool.state != EmployeePoolState.OPEN:
        return
    for payment in PersonalPayment.objects.filter(
        employee_purchase__pool=pool,
        employee_purchase__state=PurchaseState.COMMITTED,
        state__in=[PersonalState.CREATED, PersonalState.OPEN],
    ).order_by("pk"):
        personal.look(payment=payment, at=at)


@transaction.atomic(durable=True)
def decide(pool: EmployeePool, at: datetime) -> EmployeePool:
    """Fix prices and purchases of a pool whose deadline has passed, by what is known to be reserved. Raises TooEarly."""
    pool = locked(pool)
    if pool.state != EmployeePoolState.OPEN:
        return pool
    if at < pool.closes_at:
        raise TooEarly(until=f"{pool.closes_at:%d/%m/%Y %H:%M}")
    rows = list(
        pool.purchases.select_for_update(of=("self",))
        .filter(state=PurchaseState.COMMITTED)
        .select_related("payment", "company", "person__user")
        .order_by("pk")
    )
    payments = payments_of(rows)
    held = [row for row in rows if row.pk in payments and payments[row.pk].state == PersonalState.AUTHORISED]
    lines = list(
        EmployeePurchaseLine.objects.filter(purchase__in=held).select_related("article").order_by("purchase", "article")
    )
    lots = _fix_prices(pool, held, lines)
    kept = _fix_purchases(pool, held, lines, lots, at)
    unpaid = [row for row in rows if row not in held]
    drop(unpaid, "unpaid", at=at, actor=None)
    drop([row for row in held if row not in kept], "minimum", at=at, actor=None)
    to = EmployeePoolState.LOCKED if kept else EmployeePoolState.FAILED
    changes: dict[str, Any] = {"locked_at": at, **_freight_fixed(pool, lots)} if kept else {}
    move(
        pool,
        to,
        table=EMPLOYEE_POOL,
        at=at,
        actor=None,
        actor_label="clock",
        company=pool.company,
        **changes,
    )
    telling.employee_pool_event(pool, to, at=at, actor=None)
    mails.locked(pool, kept, at=at)
    return pool


def _fix_prices(
    pool: EmployeePool, held: Iterable[EmployeePurchase], lines: Iterable[EmployeePurchaseLine]
) -> list[Lot]:
    """What is ordered of each article, at the price its total reaches; articles below their minimum are left out."""
    said = {row.pk: row.committed_at for row in held}
    words: dict[int, list[Commitment]] = {}
    for line in lines:
        word = Commitment(str(line.purchase_id), line.quantity, said[line.purchase_id], line.tolerance)
        words.setdefault(line.article_id, []).append(word)
    found = []
    for article in pool.articles.prefetch_related("tiers"):
        told = fill(standing.terms(article), words.get(article.pk, []), opener=standing.carries_rest(pool))
        if told.tier is not None and told.ordered:
            article.unit_price_cents, article.rest = told.tier.unit_price_e4, told.granted.get(OPENER, 0)
            article.save(update_fields=["unit_price_cents", "rest"])
            found.append(Lot(article.pk, article.vat_bp, article.unit_price_cents, told.granted))
    return found


def _freight(pool: EmployeePool, lots: list[Lot]) -> int:
    return freight_due(sum(lot.goods_cents for lot in lots), pool.freight_cents, pool.franco_cents)


def _freight_fixed(pool: EmployeePool, lots: list[Lot]) -> dict[str, int]:
    """What the supplier asks for freight, and the part of who takes the rest of packs."""
    due = _freight(pool, lots)
    parts = freight_parts(due, pool.freight_split, lots)
    rest = sum(cents for (member, _article), cents in parts.items() if member == OPENER)
    return {"freight_due_cents": due, "rest_freight_cents": rest}


def _fix_purchases(
    pool: EmployeePool,
    held: list[EmployeePurchase],
    lines: list[EmployeePurchaseLine],
    lots: list[Lot],
    at: datetime,
) -> list[EmployeePurchase]:
    """Fix what each one buys and pays; returns those who buy something."""
    promises = {row.company_id: row.promise for row in EmployeePoolPlace.objects.filter(pool=pool)}
    lot_of = {lot.article: lot for lot in lots}
    freight = freight_parts(_freight(pool, lots), pool.freight_split, lots)
    goods_of, freight_of, bought = dict[int, int](), dict[int, int](), []
    for line in lines:
        lot, member = lot_of.get(line.article_id), str(line.purchase_id)
        line.ordered = lot.units.get(member, 0) if lot else 0
        if lot is not None and line.ordered:
            line.freight_cents = freight.get((member, line.article_id), 0)
            goods_of[line.purchase_id] = goods_of.get(line.purchase_id, 0) + line.ordered * lot.unit_cents
            freight_of[line.purchase_id] = freight_of.get(line.purchase_id, 0) + line.freight_cents
            bought.append(line)
    kept = [row for row in held if row.pk in goods_of]
    for row in kept:
        row.freight_cents = freight_of[row.pk]
        row.price_cents = goods_of[row.pk] + row.freight_cents
        row.subsidy_cents = subsidy.settled(
            row.price_cents, promises.get(row.company_id), row.dearest_cents, row.reserved_cents
        )
    fixed = ["price_cents", "freight_cents", "subsidy_cents"]
    move_many(kept, PurchaseState.LOCKED, table=PURCHASE, at=at, actor=None, fields=fixed)
    write_many(bought, ["ordered", "freight_cents"])
    return kept


def payments_of(rows: Iterable[EmployeePurchase]) -> dict[int, PersonalPayment]:
    """The payments of purchases, under their locks: a reservation that arrives meanwhile waits for what is decided here."""
    keys = {f"{PAYMENT_KEY}{row.pk}": row.pk for row in rows}
    found = PersonalPayment.objects.select_for_update(of=("self",)).filter(key__in=keys).order_by("pk")
    return {keys[payment.key]: payment for payment in found}


def drop(rows: list[EmployeePurchase], why: str, *, at: datetime, actor: User | None) -> None:
    """Purchases that come to nothing, with the reason; what is reserved for them, now or later, is released."""
    for row in rows:
        row.ended_for = why
    personal.let_go(f"{PAYMENT_KEY}{row.pk}" for row in rows)
    move_many(rows, PurchaseState.DROPPED, table=PURCHASE, at=at, actor=actor, fields=["ended_for"], reason=why)
    mails.dropped(rows, why, at=at)


# Stripe ---------------------------------------------------------------------------------------------------------------
LIVING = Q(state=PurchaseState.LOCKED, payment__state=PersonalState.AUTHORISED)
ENDED = Q(state__in=[PurchaseState.WITHDRAWN, PurchaseState.DROPPED], payment__state__in=HELD)


def unsettled() -> list[int]:
    """Pools with a card still to be charged or released."""
    _link_lost()
    rows = EmployeePurchase.objects.filter(LIVING | ENDED)
    return sorted(set(rows.values_list("pool", flat=True)))


def _link_lost() -> None:
    """Bring payments to their purchase whose maker died between making and noting them."""
    lost = PersonalPayment.objects.filter(key__startswith=PAYMENT_KEY, employee_purchase=None, state__in=HELD)
    for payment in lost[:100]:
        pk = int(payment.key.removeprefix(PAYMENT_KEY))
        EmployeePurchase.objects.filter(pk=pk, payment=None).update(payment=payment)


def settle(*, pool: EmployeePool, at: datetime) -> int:
    """Charge the cards of locked purchases, release the others; returns how many still wait. May run twice at once."""
    left = 0
    rows = pool.purchases.filter(LIVING | ENDED).select_related("payment").order_by("pk")
    for row in rows:
        assert row.payment is not None
        try:
            if row.state == PurchaseState.LOCKED:
                personal.capture(
                    payment=row.payment, cents=row.price_cents, subsidy_cents=row.subsidy_cents, at=at
                )  # fmt: skip
            else:
                personal.release(payment=row.payment, at=at)
        except (personal.NotHeld, PaymentServiceDown) as refusal:
            log.warning("employee purchase %s: %s", row.pk, refusal)
            left += 1
    return left


# Given up -------------------------------------------------------------------------------------------------------------
class CancelRefused(DomainError):
    code = "employee_pool_ordered"
    message = _("The order has left: what does not arrive is paid back, but the pool cannot be cancelled.")


def cancel(*, actor: User, pool: EmployeePool, reason: str, at: datetime) -> EmployeePool:
    """Give a pool up before it is ordered: reservations are released, what was charged is paid back whole.

    After the lock only the association's staff can, for money goes back.
    """
    require(access.can_run(actor, pool))
    pool = _cancel(actor, pool, reason, at)
    settle(pool=pool, at=at)
    return pool


@transaction.atomic(durable=True)
def _cancel(actor: User, pool: EmployeePool, reason: str, at: datetime) -> EmployeePool:
    from purchasing.tasks_employees import carry_out_pay_backs

    pool = locked(pool)
    if pool.state == EmployeePoolState.CANCELLED:
        return pool
    if pool.state == EmployeePoolState.LOCKED:
        require(access.can_decide_refunds(actor))
    elif pool.state not in (EmployeePoolState.DRAFT, EmployeePoolState.OPEN):
        raise CancelRefused
    drop(list(pool.purchases.filter(state=PurchaseState.COMMITTED)), "cancelled", at=at, actor=actor)
    charged, lost = charged_and_lost(pool)
    drop(lost, "unpaid", at=at, actor=actor)
    give_back_all(charged, actor=actor, reason=reason, at=at)
    move(
        pool,
        EmployeePoolState.CANCELLED,
        table=EMPLOYEE_POOL,
        at=at,
        actor=actor,
        reason=reason,
        company=pool.company,
    )
    telling.employee_pool_event(pool, "cancelled", at=at, actor=actor, reason=reason)
    mails.cancelled(pool, at=at)
    carry_out_pay_backs.delay_on_commit(pool_id=pool.pk)
    return pool


def charged_and_lost(pool: EmployeePool) -> tuple[list[EmployeePurchase], list[EmployeePurchase]]:
    """Locked purchases whose card was charged, and those whose card was not. Raises StillCharging while one is being."""
    rows = list(
        pool.purchases.select_for_update(of=("self",))
        .filter(state=PurchaseState.LOCKED)
        .select_related("payment", "person__user", "pool", "company")
        .order_by("pk")
    )
    payments = payments_of(rows)
    if any(payment.state == PersonalState.AUTHORISED for payment in payments.values()):
        raise StillCharging
    taken = {pk for pk, payment in payments.items() if payment.state == PersonalState.CAPTURED}
    return [row for row in rows if row.pk in taken], [row for row in rows if row.pk not in taken]


class StillCharging(DomainError):
    code = "employee_cards_being_charged"
    message = _("Cards are still being charged. Try again in a minute.")


def give_back_all(rows: list[EmployeePurchase], *, actor: User, reason: str, at: datetime) -> None:
    """Everything that was charged for these purchases goes back, decided."""
    lines = EmployeePurchaseLine.objects.filter(purchase__in=rows, ordered__gt=0).select_related("article")
    back = EmployeePayBack.objects.bulk_create(
        EmployeePayBack(
            line=line,
            units=line.ordered,
            cents=line.worth(line.ordered),
            cause=EmployeePayBack.Cause.CANCELLED,
            reason=reason[:200],
            state=PayBackState.DECIDED,
            asked_by=actor,
            asked_at=at,
            decided_by=actor,
            decided_at=at,
        )
        for line in lines
    )
    for line in lines:
        line.missing = line.ordered
    write_many(list(lines), ["missing"])
    audit.record_many("employeepayback.decided", back, at=at, actor=actor, reason=reason[:200])


def totals(pool: EmployeePool) -> dict[int, int]:
    """Units of each article that the order is for."""
    rows = EmployeePurchaseLine.objects.filter(purchase__pool=pool, purchase__state=PurchaseState.LOCKED)
    return dict(rows.values_list("article").annotate(total=Sum("ordered")).order_by())
