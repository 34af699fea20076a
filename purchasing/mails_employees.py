"""The letters of employee pools, to the employees alone: the employer reads none of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.urls import reverse

from companies import mail
from purchasing.mails_back import is_silent
from purchasing.models import EmployeeArticle, EmployeeOrder, EmployeeOrderAnswer, EmployeePool, EmployeePurchase


def _tell(row: EmployeePurchase, template: str, *, at: datetime, key: str = "", **context: Any) -> None:
    user = row.person.user
    if user is None or is_silent():
        return
    link = mail.absolute(reverse("purchasing:my_pool", args=[row.pool_id]))
    mail.queue(
        to=user.email,
        template=f"purchasing/mail/employee_{template}",
        context={"user": user, "pool": row.pool, "purchase": row, "link": link, **context},
        key=f"employee-{template}:{row.pk}{key}",
        language=user.language,
        at=at,
    )


def pay_now(row: EmployeePurchase, *, at: datetime, attempt: str = "") -> None:
    """The card can be asked now; without it the purchase does not count."""
    _tell(row, "pay_now", at=at, key=attempt)


def locked(pool: EmployeePool, rows: Iterable[EmployeePurchase], *, at: datetime) -> None:
    """The price is fixed and what it comes to is charged."""
    for row in rows:
        row.pool = pool
        _tell(row, "locked", at=at)


def dropped(rows: Iterable[EmployeePurchase], why: str, *, at: datetime) -> None:
    """Nothing is bought and nothing is charged, and why."""
    for row in rows:
        _tell(row, "dropped", at=at, why=why)


def cancelled(pool: EmployeePool, *, at: datetime) -> None:
    """The pool was given up after the cards were charged: everything goes back."""
    for row in pool.purchases.filter(state="locked").select_related("person__user", "pool"):
        _tell(row, "cancelled", at=at)


def ready(row: EmployeePurchase, where: str, *, at: datetime, number: int) -> None:
    """Something waits at work."""
    _tell(row, "ready", at=at, key=f":{number}", where=where)


def paid_back(row: EmployeePurchase, cents: int, *, at: datetime, number: int) -> None:
    """Money went back to the card."""
    _tell(row, "paid_back", at=at, key=f":{number}", cents=cents)


def order_answered(order: EmployeeOrder, answer: EmployeeOrderAnswer, *, at: datetime) -> None:
    """Tell who opened the pool what the supplier said; it is the letter of the companies' orders."""
    if is_silent():
        return
    who = order.pool.created_by
    mail.queue(
        to=who.email,
        template="purchasing/mail/order_answered",
        context={
            "user": who,
            "order": order,
            "answer": answer,
            "link": mail.absolute(reverse("purchasing:employee_pool", args=[order.pool_id])),
        },
        key=f"employee-order-answered:{answer.pk}",
        language=who.language,
        at=at,
    )


def substituted(pool: EmployeePool, article: EmployeeArticle, instead: str, *, at: datetime) -> None:
    """Another article comes: everybody who bought the first one may refuse it at the pick-up."""
    rows = pool.purchases.filter(state="locked", lines__article=article, lines__ordered__gt=0)
    for row in rows.select_related("person__user", "pool"):
        _tell(row, "substituted", at=at, key=f":{article.pk}", article=article, instead=instead)
