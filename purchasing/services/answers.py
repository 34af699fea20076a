"""What a supplier says to an order, whoever buys: its link, the check of its words, and the rows that keep them.

Orders of companies (`order`, `changes`) and of employees' pools (`employee_supplier`) share all of it; what a change then
does differs, and is written there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.states import move
from purchasing import links
from purchasing.models import Acknowledgement, EmployeeOrder, EmployeeOrderAnswer, PurchaseOrder
from purchasing.models.order import AnswerLinePaper, AnswerPaper, OrderLinePaper, OrderPaper
from purchasing.states import ORDER, OrderState

Said = TypeVar("Said", bound=AnswerPaper)
Paper = TypeVar("Paper", bound=OrderPaper)

ORDER_SALT = "purchasing.order"
LINK_DAYS = 90
OPEN = (OrderState.SENT, OrderState.REFUSED)


class AlreadyAnswered(DomainError):
    code = "order_already_answered"
    message = _("This order was already answered. Call your contact if something changes again.")


class ChangeWrong(Invalid):
    code = "order_change_invalid"
    message = _("Confirm at most the ordered quantity, in whole numbers.")
    field = "lines"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the supplier says: a date, and per order line what changes: (quantity, unit price), or another article."""

    delivery_on: date | None = None
    reference: str = ""
    note: str = ""
    changes: Mapping[int, tuple[int, int]] | None = None
    substitutes: Mapping[int, str] | None = None  # order line → what would come instead


@dataclass(frozen=True, slots=True)
class Word:
    """What the supplier says of one order line."""

    line: int
    quantity: int
    unit_price_e4: int
    substitute: str = ""


@dataclass(frozen=True, slots=True)
class Heard(Generic[Said]):
    """An answer as kept. `words` are what changes; `new` is false when the same answer was kept before."""

    row: Said
    words: list[Word]
    new: bool = True


def words_of(lines: Mapping[int, OrderLinePaper], answer: Answer) -> list[Word]:
    """What is not as ordered, in the order of the lines; a substitute without figures keeps the ordered ones."""
    figures, others = answer.changes or {}, answer.substitutes or {}
    found = []
    for pk, line in lines.items():
        quantity, price = figures.get(pk, (line.quantity, line.unit_price_e4))
        word = Word(pk, quantity, price, others.get(pk, "").strip())
        if word != Word(pk, line.quantity, line.unit_price_e4):
            found.append(word)
    return found


def link_fields(token: str, at: datetime) -> dict[str, Any]:
    """What an order keeps of its supplier's link."""
    return {"token_hash": links.digest(token), "token_expires_at": at + timedelta(days=LINK_DAYS)}


def behind(token: str, rows: QuerySet[Paper], *, at: datetime) -> Paper | None:
    """The order behind a supplier's link; None when the link is unknown, expired or withdrawn."""
    if not links.is_ours(token, ORDER_SALT):
        return None
    found = rows.filter(token_hash=links.digest(token), token_expires_at__gt=at, revoked_at__isnull=True)
    return found.select_related("supplier", "document").first()


def answerable(order: PurchaseOrder | EmployeeOrder) -> bool:
    """Whether the supplier may answer now: sent, or refused with something still ordered."""
    return order.state in OPEN and order.lines.filter(quantity__gt=0).exists()


def keep(
    order: PurchaseOrder | EmployeeOrder,
    answer: Answer,
    rows: type[Said],
    lines: type[AnswerLinePaper],
    *,
    actor: User | None,
    at: datetime,
    **more: Any,
) -> Heard[Said]:
    """Check an answer and keep it with its lines. Under the order's lock; raises ChangeWrong, AlreadyAnswered."""
    ordered: dict[int, OrderLinePaper] = {line.pk: line for line in order.lines.all()}
    words = words_of(ordered, answer)
    if any(w.quantity < 0 or w.quantity > ordered[w.line].quantity or w.unit_price_e4 < 0 for w in words):
        raise ChangeWrong
    if not answerable(order):
        last = order.acknowledgements.last()
        if isinstance(last, rows) and not words and last.kind == AnswerPaper.Kind.ACCEPTED:
            return Heard(last, words, new=False)
        raise AlreadyAnswered
    row = rows._default_manager.create(
        order=order,
        kind=AnswerPaper.Kind.CHANGED if words else AnswerPaper.Kind.ACCEPTED,
        reference=answer.reference,
        delivery_on=answer.delivery_on,
        note=answer.note,
        recorded_by=actor,
        at=at,
        **more,
    )
    lines._default_manager.bulk_create(
        lines(  # type: ignore[misc]  # both models have these two foreign keys
            acknowledgement=row,
            order_line_id=word.line,
            quantity=word.quantity,
            unit_price_e4=word.unit_price_e4,
            substitute=word.substitute,
        )
        for word in words
    )
    return Heard(row, words)


def follow(
    order: PurchaseOrder | EmployeeOrder,
    heard: Heard[Acknowledgement] | Heard[EmployeeOrderAnswer],
    *,
    company: Company | None = None,
    actor: User | None,
    at: datetime,
) -> OrderState:
    """Move the order to what its supplier said, and its day with it.

    A second answer that is as ordered goes through `sent` again: the table knows no other way from a refusal.
    """
    row, label = heard.row, "" if actor else str(order.supplier or "")
    if order.state == OrderState.REFUSED and not heard.words:
        move(order, OrderState.SENT, table=ORDER, at=at, actor=actor, actor_label=label, company=company)
    to = OrderState.CHANGED if heard.words else OrderState.ACKNOWLEDGED
    day: dict[str, Any] = {"expected_on": row.delivery_on} if row.delivery_on else {}
    reason = row.note[:200]
    move(order, to, table=ORDER, at=at, actor=actor, actor_label=label, company=company, reason=reason, **day)
    return to
