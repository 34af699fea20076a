"""From the order to the hand-over at work: ordered once, counted per company, collected exactly once, rest given up."""

import base64
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Max, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.states import move
from purchasing import employee_access as access
from purchasing import employee_order, mails_employees
from purchasing.models import (
    EmployeeArrival,
    EmployeeArticle,
    EmployeePayBack,
    EmployeePickUp,
    EmployeePool,
    EmployeePurchase,
    EmployeePurchaseLine,
)
from purchasing.rules import packs
from purchasing.rules.shortage import highest_average
from purchasing.services import employee_supplier, telling
from purchasing.services.bulk import write_many
from purchasing.services.employee_lock import charged_and_lost, drop, totals
from purchasing.services.employee_pool import locked
from purchasing.states_employees import (
    EMPLOYEE_POOL,
    EmployeePoolState,
    PayBackState,
    PurchaseState,
)

SALT = "purchasing.employee_pick_up"
ARRIVING = (EmployeePoolState.ORDERED, EmployeePoolState.RECEIVING)


class NothingToOrder(DomainError):
    code = "employee_order_empty"
    message = _("Nobody's card could be charged: there is nothing to order. Cancel the pool.")


class NotOrdered(DomainError):
    code = "employee_pool_not_ordered"
    message = _("This pool is not waiting for a delivery.")


class CountWrong(Invalid):
    code = "employee_count_invalid"
    message = _("At most %(most)s of “%(article)s” are still to come here.")


class RefusedTooMany(Invalid):
    code = "employee_refused_too_many"
    message = _("No more can be refused than there is to collect.")
    field = "refused"


class ReasonWanted(Invalid):
    code = "employee_refusal_reason"
    message = _("Write what is wrong with what is refused.")
    field = "reason"


# The order ------------------------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def order(*, actor: User, pool: EmployeePool, at: datetime) -> EmployeePool:
    """Send the order to the supplier, once. Purchases whose card could not be charged are left out; the price stands.

    Raises StillCharging while cards are being charged, NothingToOrder.
    """
    require(access.can_run(actor, pool))
    pool = locked(pool)
    if pool.state != EmployeePoolState.LOCKED:
        if pool.ordered_at is not None:
            return pool
        raise NotOrdered
    charged, unpaid = charged_and_lost(pool)
    if not charged:
        raise NothingToOrder
    drop(unpaid, "unpaid", at=at, actor=actor)
    _fill_again(pool)
    number = f"CS-{timezone.localdate(at).year}-{pool.pk:05d}"
    made = employee_supplier.send(pool, employee_order.rows(pool), number=number, actor=actor, at=at)
    move(
        pool,
        EmployeePoolState.ORDERED,
        table=EMPLOYEE_POOL,
        at=at,
        actor=actor,
        company=pool.company,
        data={"left_out": len(unpaid)},
        ordered_at=at,
        order_number=number,
        order_file=made.document,
    )
    telling.employee_pool_event(pool, "ordered", at=at, actor=actor)
    return pool


def _fill_again(pool: EmployeePool) -> None:
    """Whoever could not pay left a hole in a pack: who opened the pool fills it, for the others have paid."""
    units = totals(pool)
    for article in pool.articles.filter(pack__gt=1):
        ordered = units.get(article.pk, 0)
        article.rest = packs.round_up(ordered, article.pack) - ordered
        article.save(update_fields=["rest"])


# Counting at work -----------------------------------------------------------------------------------------------------
def to_come(pool: EmployeePool, company: Company) -> dict[int, int]:
    """Units of each article still expected at a company."""
    rows = (
        EmployeePurchaseLine.objects.filter(
            purchase__pool=pool, purchase__company=company, purchase__state=PurchaseState.LOCKED, ordered__gt=0
        )
        .values_list("article")
        .annotate(o=Sum("ordered"), a=Sum("arrived"), m=Sum("missing"))
        .order_by("article")
    )
    return {article: o - a - m for article, o, a, m in rows}


def next_number(pool: EmployeePool, company: Company) -> int:
    """The number of a company's next count: the same number twice counts once."""
    rows = EmployeeArrival.objects.filter(article__pool=pool, company=company)
    return int(rows.aggregate(last=Max("number"))["last"] or 0) + 1


def _lines(pool: EmployeePool, company: Company, article: int) -> list[EmployeePurchaseLine]:
    """Lines of an article at a company, the earliest word first: the order that ties go by."""
    return list(
        EmployeePurchaseLine.objects.filter(
            purchase__pool=pool,
            purchase__company=company,
            purchase__state=PurchaseState.LOCKED,
            article=article,
            ordered__gt=0,
        )
        .select_related("purchase__person__user", "purchase__pool", "article")
        .order_by("purchase__committed_at", "purchase__pk")
    )


@transaction.atomic(durable=True)
def arrive(
    *, actor: User, pool: EmployeePool, company: Company, counts: Mapping[int, int], number: int, at: datetime
) -> bool:
    """Count what arrived at a company and share it out among its people; False when this count was entered before.

    A shortage is shared by highest average on what each one ordered, so that one more unit never lowers anybody; ties go
    to the earliest word. Whoever has something waiting is told.
    """
    require(access.can_count(actor, company))
    pool = locked(pool)
    if pool.state not in ARRIVING:
        raise NotOrdered
    if EmployeeArrival.objects.filter(article__pool=pool, company=company, number=number).exists():
        return False
    names = dict(pool.articles.values_list("pk", "name"))
    expected = to_come(pool, company)
    taken = {article: units for article, units in counts.items() if units}
    if not taken:
        raise Invalid(_("Count at least one article."))
    waiting: dict[int, EmployeePurchase] = {}
    for article, units in sorted(taken.items()):
        if not 0 < units <= expected.get(article, 0):
            raise CountWrong(most=expected.get(article, 0), article=names.get(article, "?"), field=f"count{article}")
        EmployeeArrival.objects.create(
            article_id=article, company=company, number=number, quantity=units, counted_by=actor, at=at
        )
        _share(_lines(pool, company, article), units, waiting)
    audit.record("employeepool.arrived", target=pool, at=at, actor=actor, company=company, data={"number": number})
    if pool.state == EmployeePoolState.ORDERED:
        move(pool, EmployeePoolState.RECEIVING, table=EMPLOYEE_POOL, at=at, actor=actor, company=pool.company)
    place = pool.places.filter(company=company).first()
    for purchase in waiting.values():
        mails_employees.ready(purchase, place.where if place else "", at=at, number=number)
    return True


def _share(lines: list[EmployeePurchaseLine], units: int, waiting: dict[int, EmployeePurchase]) -> None:
    claims = [line.ordered - line.missing for line in lines]
    total = sum(line.arrived for line in lines) + units
    for line, arrived in zip(lines, highest_average(total, claims), strict=True):
        if arrived > line.arrived:
            waiting.setdefault(line.purchase_id, line.purchase)
        line.arrived = arrived
    write_many(lines, ["arrived"])


@transaction.atomic(durable=True)
def close_short(*, actor: User, pool: EmployeePool, company: Company, article: EmployeeArticle, at: datetime) -> int:
    """The rest of an article does not come to a company any more: its people are paid back. Returns the units.

    Decided by the association's staff, for money goes back; the refunds leave by a task.
    """
    from purchasing.tasks_employees import carry_out_pay_backs

    require(access.can_decide_refunds(actor))
    pool = locked(pool)
    if pool.state not in ARRIVING:
        raise NotOrdered
    short = [line for line in _lines(pool, company, article.pk) if line.to_come]
    back = []
    for line in short:
        units = line.to_come
        back.append(pay_back(line, units, EmployeePayBack.Cause.MISSING, "", actor, at, decided=True))
        line.missing += units
    write_many(short, ["missing"])
    EmployeePayBack.objects.bulk_create(back)
    audit.record_many("employeepayback.decided", back, at=at, actor=actor)
    carry_out_pay_backs.delay_on_commit(pool_id=pool.pk)
    return sum(row.units for row in back)


def pay_back(
    line: EmployeePurchaseLine,
    units: int,
    cause: str,
    reason: str,
    actor: User,
    at: datetime,
    *,
    decided: bool = False,
) -> EmployeePayBack:
    return EmployeePayBack(
        line=line,
        units=units,
        cents=line.worth(units, line.missing + line.refused),
        cause=cause,
        reason=reason[:200],
        state=PayBackState.DECIDED if decided else PayBackState.PROPOSED,
        asked_by=actor,
        asked_at=at,
        decided_by=actor if decided else None,
        decided_at=at if decided else None,
    )


# The pick-up ----------------------------------------------------------------------------------------------------------
def code_for(purchase: EmployeePurchase) -> str:
    """The code an employee shows at the pick-up: the purchase and 60 bits that nobody can guess."""
    digest = salted_hmac(SALT, str(purchase.pk), algorithm="sha256").digest()
    return f"{purchase.pk}-{base64.b32encode(digest)[:12].decode().lower()}"


def path_of(code: str) -> str:
    return reverse("purchasing:employee_pick_up", args=[code])


def read_code(code: str) -> EmployeePurchase | None:
    """The purchase of a code; None when it is not ours."""
    given = code.strip().lower().replace(" ", "")
    pk, _dash, _rest = given.partition("-")
    if not pk.isdecimal() or not pk.isascii() or len(pk) > 18:
        return None
    row = EmployeePurchase.objects.select_related("pool", "person", "company").filter(pk=int(pk)).first()
    return row if row is not None and constant_time_compare(code_for(row), given) else None


@transaction.atomic(durable=True)
def hand_over(
    *,
    actor: User,
    purchase: EmployeePurchase,
    refused: Mapping[int, int],
    reason: str = "",
    method: str = EmployeePickUp.Method.BUTTON,
    at: datetime,
) -> int:
    """Everything that waits for one employee leaves, except what they refuse; returns the units that left.

    A second scan finds nothing waiting and changes nothing. A refusal is proposed to the association's staff as a refund.
    """
    require(access.can_count(actor, purchase.company))
    locked(purchase.pool)  # a count changes what waits
    lines = list(
        EmployeePurchaseLine.objects.select_for_update(of=("self",))
        .filter(purchase=purchase, purchase__state=PurchaseState.LOCKED)
        .select_related("article")
        .order_by("pk")
    )
    waiting = {line.pk: line.ready for line in lines if line.ready}
    if not waiting:
        return 0
    if any(units < 0 or units > waiting.get(pk, 0) for pk, units in refused.items()):
        raise RefusedTooMany
    if any(refused.values()) and not reason.strip():
        raise ReasonWanted
    left = 0
    for line in [line for line in lines if line.pk in waiting]:
        back = refused.get(line.pk, 0)
        gone = waiting[line.pk] - back
        EmployeePickUp.objects.create(line=line, handed=gone, refused=back, method=method, by=actor, at=at)
        left += gone
        if back:
            row = pay_back(line, back, EmployeePayBack.Cause.REFUSED, reason.strip(), actor, at)
            row.save()
            audit.record(
                "employeepayback.proposed", target=row, at=at, actor=actor, company=purchase.company, reason=row.reason
            )
        line.handed, line.refused = line.handed + gone, line.refused + back
    write_many(lines, ["handed", "refused"])
    audit.record(
        "employeepurchase.handed_over", target=purchase, at=at, actor=actor, company=purchase.company,
        data={"method": str(method)},
    )  # fmt: skip
    return left
