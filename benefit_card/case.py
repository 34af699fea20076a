"""What a till has to know about a card, in one statement: holder, right to use it, offers of the merchant, uses left.

An offer's rules about the holder (employer, first visit) are part of it; the till is told a yes or a no and nothing else.

SQL by hand on purpose: a scan may cost two statements, signing in included, and this joins four rooms' tables.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from django.db import connection
from psycopg.types.numeric import Int8

from benefit_card import quota
from benefit_card.credential import PARIS
from benefit_card.quota import PARTS, SPLIT_FROM, period_of
from companies import prepared
from merchants import eligibility
from merchants.models import Offer, OfferVersion, Period

_PERIODS = [choice.value for choice in Period]
_SQL = """
SELECT c.id, c.person_id, c.holder_key, c.generation, c.valid_until, c.blocked_at IS NOT NULL, c.replaced_at IS NOT NULL,
       p.first_name, p.last_name,
       EXISTS (SELECT 1 FROM companies_employment e JOIN companies_company k ON k.id = e.company_id
               WHERE e.person_id = c.person_id AND e.starts_on <= %(today)s AND (e.ends_on IS NULL OR e.ends_on >= %(today)s)
                 AND k.status = 'admitted' AND k.suspended_at IS NULL),
       %(kid)s::int IS NULL OR EXISTS (SELECT 1 FROM benefit_card_signingkey s
                                       WHERE s.kid = %(kid)s::int AND s.withdrawn_at IS NULL),
       o.id, v.id, v.number, latest.number, latest.created_at, v.title, v.kind, v.percent, v.amount_cents, v.cap_cents,
       v.gift, v.min_spend_cents, v.weekdays, v.starts_on, v.ends_on, v.per_person_limit,
       v.period, v.stock, mine.used, v.offline, v.window_days, v.combine, NULLIF(v.excluded, '[]'::jsonb),
       NULLIF(v.hours, '[]'::jsonb), v.first_visit,
       mine.days, parts.found, visit.offers,
       EXISTS (SELECT 1 FROM merchants_offer x JOIN merchants_offerversion y ON y.id = x.current_id
               WHERE x.merchant_id = %(merchant)s AND x.state <> 'draft' AND y.combine <> 'any'),
       {eligible}, {restricted},
       v.first_visit AND benefit_card_been_here(c.person_id, %(merchant)s, %(midnight)s)
FROM benefit_card_card c
JOIN companies_person p ON p.id = c.person_id
LEFT JOIN merchants_offer o ON o.merchant_id = %(merchant)s
     AND (o.state = 'published' OR (%(past)s AND o.state <> 'draft'))
     AND (%(offer)s::bigint IS NULL OR o.id = %(offer)s)
LEFT JOIN merchants_offerversion latest ON latest.id = o.current_id
LEFT JOIN merchants_offerversion v ON v.offer_id = o.id AND v.number = COALESCE(%(version)s::int, latest.number)
LEFT JOIN benefit_card_quota mine ON mine.scope = 'person' AND mine.key = c.holder_key || ':' || o.id
     AND mine.period = (%(labels)s::text[])[array_position(%(periods)s::text[], v.period::text)]
LEFT JOIN LATERAL (
  SELECT array_agg(ARRAY[CASE q.period WHEN 'ever' THEN 0 ELSE split_part(q.period, ':', 2)::int END, q.used, q.cap, q.total])
         AS found
  FROM benefit_card_quota q WHERE v.stock IS NOT NULL AND q.scope = 'stock' AND q.key = o.id::text
) parts ON true
LEFT JOIN benefit_card_quota visit ON visit.scope = 'visit' AND visit.key = c.holder_key || ':m' || %(merchant)s
     AND visit.period = %(today)s::date::text
WHERE {where}
ORDER BY o.id
"""
_ELIGIBLE = eligibility.SQL.format(person="c.person_id")


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
    starts_on: date
    ends_on: date | None
    per_person_limit: int | None
    period: str
    stock: int | None
    used: int | None
    offline: str
    window_days: int | None = None
    combine: str = "any"
    excluded: Sequence[Sequence[str]] = ()
    hours: Sequence[Sequence[str]] = ()
    first_visit: bool = False
    days: Sequence[date] = ()  # of a rolling window
    parts: Sequence[Sequence[int | None]] = ()  # of the stock: number, used, cap, total
    used_today: Sequence[int] = ()  # tokens of what the holder used at this merchant today
    choosy: bool = False  # whether the merchant has offers that may not be combined
    eligible: bool = True
    restricted: bool = False
    been_here: bool = False

    @property
    def stock_used(self) -> int:
        return sum(part[1] or 0 for part in self.parts)

    @property
    def split(self) -> bool:
        """Whether the stock is counted in parts; once it was, it stays so."""
        return self.stock is not None and (self.stock >= SPLIT_FROM or len(self.parts) > 1)

    @property
    def balanced(self) -> bool:
        """Whether the parts are all there and add up to the stock of this version."""
        return len(self.parts) == PARTS and all(total == self.stock for _part, _used, _cap, total in self.parts)

    @property
    def roomy(self) -> list[int]:
        """Parts of the stock that are not used up."""
        return [number or 0 for number, used, cap, _total in self.parts if (used or 0) < (cap or 0)]

    @property
    def token(self) -> int:
        return quota.token(self.offer_id, kind=self.kind, combine=self.combine)

    @property
    def remaining(self) -> int | None:
        """Uses left to this holder in this period; None when nothing limits them."""
        lefts = []
        if self.per_person_limit is not None:
            lefts.append(self.per_person_limit - (self.used or 0))
        if self.stock is not None:
            lefts.append(self.stock - self.stock_used)
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
    key_stands: bool = True  # whether the key that signed the code was not withdrawn
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
        v.min_spend_cents, v.weekdays, v.starts_on, v.ends_on, v.per_person_limit, v.period, v.stock, 0, v.offline, v.window_days,
        v.combine, v.excluded, v.hours, v.first_visit,
    )  # fmt: skip


def read(
    *,
    merchant_id: int,
    at: datetime,
    status_index: int | None = None,
    short_hash: str | None = None,
    kid: int | None = None,
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
        "card": Int8(status_index or 0) if short_hash is None else short_hash,
        "today": today,
        "at": at,
        "midnight": datetime.combine(today, time.min, PARIS),
        "merchant": Int8(merchant_id),  # one type, one prepared statement, however large the number
        "kid": kid,
        "offer": offer_id and Int8(offer_id),
        "version": version,
        "past": past,
        "periods": _PERIODS,
        "labels": [period_of(name, today) for name in _PERIODS],
    }
    with prepared.cursor() as cursor:
        cursor.execute(_SQL.format(where=where, eligible=_ELIGIBLE, restricted=eligibility.RESTRICTED), parameters)
        rows: Iterable[tuple[Any, ...]] = cursor.fetchall()
    case = None
    for row in rows:
        case = case or Case(*row[:11])
        if row[11] is not None and row[12] is not None:
            case.deals.append(_deal(row[11:], today=today))
    return case


def _deal(row: tuple[Any, ...], *, today: date) -> Deal:
    (*terms, used, offline, window, combine, excluded, hours, first) = row[:-7]
    (days, parts, used_today, choosy, eligible, restricted, been_here) = row[-7:]
    if window is not None and days is not None:
        used = quota.in_window(days, today, window)
    values: list[Any] = [
        *terms, used, offline, window, combine, json.loads(excluded) if excluded else (), json.loads(hours) if hours else (),
        first, days or (), parts or (), used_today or (), choosy, eligible, restricted, been_here,
    ]  # fmt: skip
    return Deal(*values)


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
