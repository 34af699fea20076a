"""An employee's word in a pool: what it costs now and at most, given, changed, taken back, paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import personal
from companies.billing.models import PersonalPayment
from companies.errors import DomainError, Invalid
from companies.models import Company, Person, User
from companies.states import move
from purchasing import employee_access as access
from purchasing.models import (
    EmployeePool,
    EmployeePoolPlace,
    EmployeePurchase,
    EmployeePurchaseLine,
)
from purchasing.models.employee_purchase import ACTIVE
from purchasing.rules import subsidy
from purchasing.services import employee_standing as standing
from purchasing.services.employee_pool import locked
from purchasing.states_employees import PURCHASE, EmployeePoolState, PurchaseState

PAYMENT_KEY = "employee-purchase-"


class PoolShut(DomainError):
    code = "employee_pool_shut"
    message = _("This pool is not open any more. What you had committed to stands.")


class NotInvited(DomainError):
    code = "employee_pool_not_invited"
    message = _("This pool is for employees of other companies.")
    status = 403


class NothingWanted(Invalid):
    code = "nothing_wanted"
    message = _("Say how many you take of at least one article.")


class TooMany(Invalid):
    code = "too_many_for_one"
    message = _("At most %(most)s of “%(article)s” for one person.")


class NotYetPayable(DomainError):
    code = "employee_payment_not_yet"
    message = _("Your card is asked from %(when)s on: a reservation does not hold longer than six days.")


class NothingToPay(DomainError):
    code = "nothing_to_pay"
    message = _("There is nothing to pay for this purchase.")


@dataclass(frozen=True)
class Quote:
    """What a purchase costs: at most, and if the pool closed as it stands; each with its freight and the company's part."""

    dearest_cents: int
    reserved_cents: int
    now_cents: int
    now_subsidy_cents: int
    freight_most_cents: int = 0
    freight_now_cents: int = 0

    @property
    def most(self) -> int:
        return self.dearest_cents - self.reserved_cents

    @property
    def now(self) -> int:
        return self.now_cents - self.now_subsidy_cents


def employer_in(person: Person, pool: EmployeePool, at: datetime) -> Company:
    """The member company through which somebody may join; the one that adds something comes first. Raises NotInvited."""
    today = person.employments.filter(company__in=Company.objects.members()).current(on=timezone.localdate(at))
    employers = [row.company for row in today.select_related("company").order_by("pk")]
    places = {row.company_id: row for row in pool.places.filter(company__in=employers)}
    if pool.audience == EmployeePool.Audience.CHOSEN:
        employers = [company for company in employers if company.pk in places]
    if not employers:
        raise NotInvited
    return next((c for c in employers if c.pk in places and places[c.pk].kind != "none"), employers[0])


def quote(
    *,
    person: Person,
    pool: EmployeePool,
    wanted: Mapping[int, int],
    more: Mapping[int, int] | None = None,
    at: datetime,
) -> Quote:
    """What these quantities would cost this person, their earlier word left aside; `more` only if a pack needs it."""
    company = employer_in(person, pool, at)
    earlier = pool.purchases.filter(person=person, state__in=ACTIVE).first()
    return _quote(pool, company, wanted, more or {}, earlier)


def _quote(
    pool: EmployeePool,
    company: Company,
    wanted: Mapping[int, int],
    more: Mapping[int, int],
    earlier: EmployeePurchase | None,
) -> Quote:
    found = standing.of(pool, wanted, more, leaving=earlier)
    place = pool.places.filter(company=company).first()
    dearest, now = found.most_cents + found.freight_most_cents, found.now_cents + found.freight_now_cents
    reserved = subsidy.reserved(dearest, place.promise if place else None, _left(place, earlier))
    part = subsidy.settled(now, place.promise if place else None, dearest, reserved)
    return Quote(dearest, reserved, now, part, found.freight_most_cents, found.freight_now_cents)


def _left(place: EmployeePoolPlace | None, earlier: EmployeePurchase | None) -> int | None:
    """What is left of a company's budget, as if `earlier` did not exist; None when there is no bound."""
    if place is None or place.total_cap_cents is None:
        return None
    rows = EmployeePurchase.objects.filter(pool=place.pool_id, company=place.company_id, state__in=ACTIVE)
    if earlier is not None:
        rows = rows.exclude(pk=earlier.pk)
    return max(0, place.total_cap_cents - int(rows.aggregate(total=Sum("reserved_cents"))["total"] or 0))


def _checked(
    pool: EmployeePool, wanted: Mapping[int, int], more: Mapping[int, int]
) -> tuple[dict[int, int], dict[int, int]]:
    """Units wanted, and units more for packs: never more than a pack lacks at worst, nor than one person may take."""
    articles = {a.pk: a for a in pool.articles.all()}
    taken = {pk: quantity for pk, quantity in wanted.items() if quantity and pk in articles}
    if not taken or min(taken.values()) < 0:
        raise NothingWanted
    extra = {pk: min(more.get(pk, 0), articles[pk].pack - 1) for pk in taken}
    for pk, quantity in taken.items():
        most = min(articles[pk].most_per_person or 10_000, 10_000)
        if quantity + extra[pk] > most or extra[pk] < 0:
            raise TooMany(most=most, article=articles[pk].name, field=f"quantity{pk}")
    return taken, extra


@transaction.atomic(durable=True)
def commit(
    *,
    actor: User,
    person: Person,
    pool: EmployeePool,
    wanted: Mapping[int, int],
    more: Mapping[int, int] | None = None,
    at: datetime,
) -> EmployeePurchase:
    """Give one's word for some articles, or change it until the deadline. The same word twice is one.

    `more` are units taken only if a pack needs them. The company's part is reserved from its budget, first come first
    served. The card is asked by `pay`.
    """
    require(access.is_self(actor, person))
    pool = locked(pool)
    _require_open(pool, at)
    company = employer_in(person, pool, at)
    taken, extra = _checked(pool, wanted, more or {})
    earlier = pool.purchases.select_for_update().filter(person=person, state__in=ACTIVE).first()
    if earlier is not None:
        said = {pk: (units, tolerance) for pk, units, tolerance in _said(earlier)}
        if said == {pk: (units, extra[pk]) for pk, units in taken.items()}:
            return earlier
        _end(earlier, "changed", at=at, actor=actor)
    asked = _quote(pool, company, taken, extra, None)
    made = EmployeePurchase.objects.create(
        pool=pool,
        person=person,
        company=company,
        committed_at=at,
        dearest_cents=asked.dearest_cents,
        reserved_cents=asked.reserved_cents,
        freight_most_cents=asked.freight_most_cents,
    )
    EmployeePurchaseLine.objects.bulk_create(
        EmployeePurchaseLine(purchase=made, article_id=pk, quantity=quantity, tolerance=extra[pk])
        for pk, quantity in sorted(taken.items())
    )
    audit.record("employeepurchase.committed", target=made, at=at, actor=actor, company=company)
    if earlier is not None:
        _settle_soon(pool)
    return made


def _said(row: EmployeePurchase) -> list[tuple[int, int, int]]:
    return list(row.lines.values_list("article", "quantity", "tolerance"))


def _require_open(pool: EmployeePool, at: datetime) -> None:
    if pool.state != EmployeePoolState.OPEN or at >= pool.closes_at:
        raise PoolShut


def _end(row: EmployeePurchase, why: str, *, at: datetime, actor: User) -> None:
    personal.let_go([f"{PAYMENT_KEY}{row.pk}"])
    move(
        row, PurchaseState.WITHDRAWN, table=PURCHASE, at=at, actor=actor, company=row.company, ended_for=why
    )  # fmt: skip


def _settle_soon(pool: EmployeePool) -> None:
    from purchasing.tasks_employees import settle_employee_money

    settle_employee_money.delay_on_commit(pool_id=pool.pk)


@transaction.atomic(durable=True)
def withdraw(*, actor: User, person: Person, pool: EmployeePool, at: datetime) -> EmployeePurchase | None:
    """Take one's word back until the deadline; what was reserved on the card is released. Twice is once."""
    require(access.is_self(actor, person))
    pool = locked(pool)
    row = pool.purchases.select_for_update().filter(person=person, state__in=ACTIVE).first()
    if row is None:
        return None
    _require_open(pool, at)
    _end(row, "", at=at, actor=actor)
    _settle_soon(pool)
    return row


def payable(row: EmployeePurchase, at: datetime) -> bool:
    """Whether the card may be asked now: in the last days before the deadline, or after a lock that could not charge it."""
    if row.state == PurchaseState.LOCKED:
        return row.pool.state == EmployeePoolState.LOCKED
    open_now = row.pool.state == EmployeePoolState.OPEN and at < row.pool.closes_at
    return row.state == PurchaseState.COMMITTED and open_now and (at >= row.pool.payable_from or not row.own_most_cents)


def pay(*, actor: User, row: EmployeePurchase, at: datetime) -> PersonalPayment:
    """Reserve the person's part on a card; returns the payment with the `url` of Stripe's page. May be repeated.

    Raises NotYetPayable, NothingToPay, PaymentServiceDown.
    """
    require(access.is_self(actor, row.person))
    if not payable(row, at):
        if row.state == PurchaseState.COMMITTED and at < row.pool.payable_from:
            raise NotYetPayable(when=f"{timezone.localtime(row.pool.payable_from):%d/%m/%Y %H:%M}")
        raise NothingToPay
    payment = personal.authorise(
        person=row.person,
        company=row.company,
        key=f"{PAYMENT_KEY}{row.pk}",
        subject=row.pool.title,
        price_cents=row.dearest_cents,
        subsidy_cents=row.reserved_cents,
        return_path=reverse("purchasing:my_pool_paid", args=[row.pool_id]),
        actor=actor,
        at=at,
    )
    EmployeePurchase.objects.filter(pk=row.pk, payment=None).update(payment=payment)
    row.refresh_from_db()
    if row.state not in ACTIVE:  # it ended while the card's page was being made
        personal.release(payment=payment, at=at)
        raise NothingToPay
    return payment
