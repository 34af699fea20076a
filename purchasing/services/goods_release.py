"""The risk rule: goods do not leave while a debit of their company bounced, or too much of its money is only on its way.

Source: money.md ("goods release by risk rule"), decision 0064. Which rule holds is the setting GOODS_RELEASE.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.billing.risk import Standing, standings
from companies.errors import DomainError, Invalid
from companies.models import Company, User
from companies.money import line_total
from purchasing import mails_back
from purchasing.models import HandOver, Receipt
from purchasing.services import parcels
from purchasing.services.parcels import Item
from purchasing.states import HandOverState


class Rule(TextChoices):
    """What the installation asks of a company's payments before its goods leave."""

    ALWAYS = "always", _("Goods always leave")
    RISK = "risk", _("Goods wait while a debit is returned unpaid, or while too much is on its way")
    PAID = "paid", _("Goods wait until each debit has arrived")


class Hold(TextChoices):
    """Why a part waits, as its company reads it: no amounts, for buyers do not see their company's bank data."""

    BOUNCED = "debit_returned", _("A debit of your company came back unpaid. Your part waits here until that is paid.")
    AWAITED = (
        "debit_awaited",
        _("The bank has not confirmed your company's debits yet. Your part waits here until it does."),
    )


@dataclass(frozen=True, slots=True)
class Held:
    """A part that waits: why, and the sums that only staff are shown."""

    why: Hold
    standing: Standing


class ReleaseReasonMissing(Invalid):
    code = "release_reason_missing"
    message = _("Say why the goods may leave although the money is not certain.")
    field = "reason"


class GoodsHeld(DomainError):
    """The refusal whoever hands out reads; a lead buyer learns nothing of another company's payments (I13)."""

    code = "goods_held"
    message = _("The association keeps this part back for now. Only its staff can release it: call them.")


def value_of(items: Iterable[Item]) -> int:
    """What a parcel is worth at the pool's prices, before VAT, in cents."""
    return sum(line_total(item.quantity, item.commitment.pool_line.unit_price_e4 or 0) for item in items)


def hold_by(standing: Standing, goods_cents: int) -> Hold | None:
    """What the rule says of goods worth so much for a company that stands so.

    By `risk` one bounced debit holds everything, and debits on their way together with the goods may reach the limit but
    not exceed it; where nothing is on its way, goods of any value leave.
    """
    rule = Rule(settings.GOODS_RELEASE)
    if rule == Rule.ALWAYS:
        return None
    if standing.bounced_cents:
        return Hold.BOUNCED
    most = 0 if rule == Rule.PAID else int(settings.GOODS_RELEASE_LIMIT_CENTS)
    over = standing.awaited_cents and standing.awaited_cents + goods_cents > most
    return Hold.AWAITED if over else None


def holds(rows: Iterable[HandOver], items: dict[int, list[Item]]) -> dict[int, Held]:
    """The parts that may not leave now, by id, with why; at most three queries for all of them.

    A call-off that the supplier brings to the company itself is already there: the rule has no hold on it.
    """
    waiting = [row for row in rows if row.state == HandOverState.READY and row.released_at is None]
    known = standings({row.company_id for row in waiting}) if waiting else {}
    if not known:
        return {}
    receipts = Receipt.objects.filter(order__pool__call_off__agreement__deliver_to="")
    at_home = set(receipts.filter(pk__in={row.receipt_id for row in waiting}).values_list("pk", flat=True))
    found = {}
    for row in waiting:
        standing = known.get(row.company_id)
        why = standing and hold_by(standing, value_of(items.get(row.pk, [])))
        if standing and why and row.receipt_id not in at_home:
            found[row.pk] = Held(why, standing)
    return found


def hold_of(row: HandOver, items: list[Item] | None = None) -> Held | None:
    """Why one part may not leave now; None when it may."""
    return holds([row], {row.pk: parcels.items_of(row) if items is None else items}).get(row.pk)


def held_of(company: Company, parts: Sequence[HandOver]) -> list[Hold]:
    """Why parts of one company wait, one reason for each that does; what is in them is read only when its money is uncertain."""
    if not parts or not standings([company]):
        return []
    items = parcels.contents(*{part.receipt.order_id for part in parts}, companies=[company.pk])
    return [held.why for held in holds(parts, items).values()]


def require_free(row: HandOver, items: list[Item]) -> None:
    """Raises GoodsHeld when the rule keeps a part back and no staff member released it."""
    if hold_of(row, items):
        raise GoodsHeld


@transaction.atomic(durable=True)
def release(*, actor: User, row: HandOver, reason: str, at: datetime) -> HandOver:
    """Staff let a held part leave all the same and say why; the company is told. A part that is not held is left as it is."""
    require(is_staff(actor))
    if not reason.strip():
        raise ReleaseReasonMissing
    row = (
        HandOver.objects.select_for_update(of=("self",))
        .select_related("company", "receipt__order__pool")
        .get(pk=row.pk)
    )
    held = hold_of(row)
    if held is None:
        return row
    row.released_at, row.released_by, row.release_reason = at, actor, reason.strip()[:300]
    row.save(update_fields=["released_at", "released_by", "release_reason"])
    sums = {"bounced_cents": held.standing.bounced_cents, "awaited_cents": held.standing.awaited_cents}
    audit.record(
        "handover.released", target=row, at=at, actor=actor, company=row.company, reason=row.release_reason,
        data={"hold": str(held.why.value), **sums},
    )  # fmt: skip
    mails_back.goods_ready([row], at=at)
    return row
