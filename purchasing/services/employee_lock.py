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
from purchasing.rules.tiers import tier_at
from purchasing.services.bulk import move_many, write_many
from purchasing.services.employee_pool import locked
from purchasing.services.employee_purchase import PAYMENT_KEY, prices
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
    held = [row for row in rows if row.payment is not None and row.payment.state == PersonalState.AUTHORISED]
    lines = list(
        EmployeePurchaseLine.objects.filter(purchase__in=held).select_related("article").order_by("purchase", "article")
    )
    price_of = _fix_prices(pool, lines)
    kept = _fix_purchases(pool, held, lines, price_of, at)
    unpaid = [row for row in rows if row not in held]
    drop(unpaid, "unpaid", at=at, actor=None)
    drop([row for row in held if row not in kept], "minimum", at=at, actor=None)
    to = EmployeePoolState.LOCKED if kept else EmployeePoolState.FAILED
    changes: dict[str, Any] = {"locked_at": at} if kept else {}
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
    mails.locked(pool, kept, at=at)
    return pool


def _fix_prices(pool: EmployeePool, lines: Iterable[EmployeePurchaseLine]) -> dict[int, int]:
    """The price of each article by the tier its total reaches; articles below their minimum have none."""
    totals: dict[int, int] = {}
    for line in lines:
        totals[line.article_id] = totals.get(line.article_id, 0) + line.quantity
    found = {}
    for article in pool.articles.prefetch_related("tiers"):
        tier = tier_at(prices(article), totals.get(article.pk, 0))
        if tier is not None:
            found[article.pk] = article.unit_price_cents = tier.unit_price_e4
            article.save(update_fields=["unit_price_cents"])
    return found


def _fix_purchases(
    pool: EmployeePool,
    held: list[EmployeePurchase],
    lines: list[EmployeePurchaseLine],
    price_of: dict[int, int],
    at: datetime,
) -> list[EmployeePurchase]:
    """Fix what each one buys and pays; returns those who buy something."""
    promises = {row.company_id: row.promise for row in EmployeePoolPlace.objects.filter(pool=pool)}
    due_of: dict[int, int] = {}
    bought = [line for line in lines if line.article_id in price_of]
    for line in bought:
        line.ordered = line.quantity
        due_of[line.purchase_id] = due_of.get(line.purchase_id, 0) + line.quantity * price_of[line.article_id]
    kept = [row for row in held if row.pk in due_of]
    for row in kept:
        row.price_cents = due_of[row.pk]
        row.subsidy_cents = subsidy.settled(
            row.price_cents, promises.get(row.company_id), row.dearest_cents, row.reserved_cents
        )
    move_many(
        kept, PurchaseState.LOCKED, table=PURCHASE, at=at, actor=None, fields=["price_cents", "subsidy_cents"]
    )  # fmt: skip
    write_many(bought, ["ordered"])
    return kept


def drop(rows: list[EmployeePurchase], why: str, *, at: datetime, actor: User | None) -> None:
    """Purchases that come to nothing, with the reason; what is reserved for them is released by `settle`."""
    for row in rows:
        row.ended_for = why
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
    charged = pool.purchases.filter(state=PurchaseState.LOCKED, payment__state=PersonalState.CAPTURED)
    lost = pool.purchases.filter(state=PurchaseState.LOCKED).exclude(payment__state=PersonalState.CAPTURED)
    if any(row.payment is not None and row.payment.state == PersonalState.AUTHORISED for row in lost):
        raise StillCharging
    drop(list(lost), "unpaid", at=at, actor=actor)
    give_back_all(list(charged), actor=actor, reason=reason, at=at)
    move(
        pool,
        EmployeePoolState.CANCELLED,
        table=EMPLOYEE_POOL,
        at=at,
        actor=actor,
        reason=reason,
        company=pool.company,
    )
    mails.cancelled(pool, at=at)
    carry_out_pay_backs.delay_on_commit(pool_id=pool.pk)
    return pool


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
            cents=line.ordered * (line.article.unit_price_cents or 0),
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
