"""What a till has to know about a card, in one statement: holder, right to use it, offers of the merchant, uses left.

SQL by hand on purpose: a scan may cost two statements, signing in included, and this joins four rooms' tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from django.db import connection

from benefit_card.credential import PARIS
from benefit_card.quota import period_of
from merchants.models import Offer, OfferVersion, Period

_PERIODS = [choice.value for choice in Period]
_SQL = """
SELECT c.id, c.person_id, c.holder_key, c.generation, c.valid_until, c.blocked_at IS NOT NULL, c.replaced_at IS NOT NULL,
       p.first_name, p.last_name,
       EXISTS (SELECT 1 FROM companies_employment e JOIN companies_company k ON k.id = e.company_id
               WHERE e.person_id = c.person_id AND e.starts_on <= %(today)s AND (e.ends_on IS NULL OR e.ends_on >= %(today)s)
                 AND k.status = 'admitted' AND k.suspended_at IS NULL),
       o.id, v.id, v.number, latest.number, latest.created_at, v.title, v.kind, v.percent, v.amount_cents, v.cap_cents,
       v.gift, v.min_spend_cents, v.weekdays, v.from_time, v.until_time, v.starts_on, v.ends_on, v.per_person_limit,
       v.period, v.stock, mine.used, everybody.used, v.offline
FROM benefit_card_card c
JOIN companies_person p ON p.id = c.person_id
LEFT JOIN merchants_offer o ON o.merchant_id = %(merchant)s
     AND (o.state = 'published' OR (%(past)s AND o.state <> 'draft'))
     AND (%(offer)s::bigint IS NULL OR o.id = %(offer)s)
LEFT JOIN merchants_offerversion latest ON latest.id = o.current_id
LEFT JOIN merchants_offerversion v ON v.offer_id = o.id AND v.number = COALESCE(%(version)s::int, latest.number)
LEFT JOIN benefit_card_quota mine ON mine.scope = 'person' AND mine.key = c.holder_key || ':' || o.id
     AND mine.period = (%(labels)s::text[])[array_position(%(periods)s::text[], v.period::text)]
LEFT JOIN benefit_card_quota everybody ON everybody.scope = 'stock' AND everybody.key = o.id::text
     AND everybody.period = 'ever'
WHERE {where}
ORDER BY o.id
"""


@dataclass(frozen=True)
class Deal:
    """An offer in the version that counts, with the uses that are left to this holder."""

    offer_id: int
    version_id: int
    number: int
    latest_number: int
    latest_since: datetime
    title: str
    kind: str
    percent: int | None
    amount_cents: int | None
    cap_cents: int | None
    gift: str
    min_spend_cents: int
    weekdays: int
    from_time: time | None
    until_time: time | None
    starts_on: date
    ends_on: date | None
    per_person_limit: int | None
    period: str
    stock: int | None
    used: int | None
    stock_used: int | None
    offline: str

    @property
    def remaining(self) -> int | None:
        """Uses left to this holder in this period; None when nothing limits them."""
        lefts = []
        if self.per_person_limit is not None:
            lefts.append(self.per_person_limit - (self.used or 0))
        if self.stock is not None:
            lefts.append(self.stock - (self.stock_used or 0))
        return max(0, min(lefts)) if lefts else None


@dataclass(frozen=True)
class Case:
    """A card and what it may do at one merchant."""

    card_id: int
    person_id: int
    holder_key: str
    generation: int
    valid_until: date
    blocked: bool
    replaced: bool
    first_name: str
    last_name: str
    employed: bool
    demo: bool = False  # a specimen: nothing it does is counted
    deals: list[Deal] = field(default_factory=list)

    def usable(self, *, today: date) -> bool:
        """Whether a till may accept the card. A suspended company's cards stop at once, unless another employs too."""
        return not self.blocked and not self.replaced and self.employed and today <= self.valid_until


def specimen(*, merchant_id: int, offer_id: int | None = None) -> Case:
    """What a specimen card may show at a merchant: its running offers, nobody's uses."""
    rows = Offer.objects.published().filter(merchant_id=merchant_id).select_related("current").order_by("pk")
    if offer_id is not None:
        rows = rows.filter(pk=offer_id)
    deals = [_shown(row, row.current) for row in rows if row.current]
    return Case(0, 0, "", 0, date.max, False, False, "Démo", "", True, demo=True, deals=deals)


def _shown(row: Offer, v: OfferVersion) -> Deal:
    return Deal(
        row.pk, v.pk, v.number, v.number, v.created_at, v.title, v.kind, v.percent, v.amount_cents, v.cap_cents, v.gift,
        v.min_spend_cents, v.weekdays, v.from_time, v.until_time, v.starts_on, v.ends_on, v.per_person_limit, v.period,
        v.stock, 0, 0, v.offline,
    )  # fmt: skip


def read(
    *,
    merchant_id: int,
    at: datetime,
    status_index: int | None = None,
    short_hash: str | None = None,
    offer_id: int | None = None,
    version: int | None = None,
    past: bool = False,
) -> Case | None:
    """Find a card by its status index or the hash of its typed code; None when there is none.

    `past` also finds offers that were paused or ended since: a sale made without network counts as it was scanned.
    """
    today = at.astimezone(PARIS).date()
    where = "c.status_index = %(card)s" if short_hash is None else "c.short_hash = %(card)s"
    parameters = {
        "card": status_index if short_hash is None else short_hash,
        "today": today,
        "merchant": merchant_id,
        "offer": offer_id,
        "version": version,
        "past": past,
        "periods": _PERIODS,
        "labels": [period_of(name, today) for name in _PERIODS],
    }
    with connection.cursor() as cursor:
        cursor.execute(_SQL.format(where=where), parameters)
        rows: Iterable[tuple[Any, ...]] = cursor.fetchall()
    case = None
    for row in rows:
        case = case or Case(*row[:10])
        if row[10] is not None and row[11] is not None:
            case.deals.append(Deal(*row[10:]))
    return case


_STOOD = """
SELECT (c.blocked_at IS NULL OR c.blocked_at > %(at)s) AND (c.replaced_at IS NULL OR c.replaced_at > %(at)s)
       AND c.valid_until >= %(today)s
       AND EXISTS (SELECT 1 FROM companies_employment e JOIN companies_company k ON k.id = e.company_id
                   WHERE e.person_id = c.person_id AND e.starts_on <= %(today)s
                     AND (e.ends_on IS NULL OR e.ends_on >= %(today)s)
                     AND ((k.status = 'admitted' AND k.suspended_at IS NULL) OR k.suspended_at > %(at)s))
FROM benefit_card_card c WHERE c.id = %(card)s
"""


def stood_at(card_id: int, at: datetime) -> bool:
    """Whether a card could be used at a moment of the past, as far as is known today."""
    with connection.cursor() as cursor:
        cursor.execute(_STOOD, {"card": card_id, "at": at, "today": at.astimezone(PARIS).date()})
        row = cursor.fetchone()
    return bool(row and row[0])
