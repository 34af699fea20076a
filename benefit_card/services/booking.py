"""A sale becomes rows: request, counters, redemption and audit entry in one statement, or nothing.

The statement needs no transaction around it: where a limit stands in the way it fails as a whole, by
`benefit_card_full`. It is prepared once for each connection; planning it takes longer than running it.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from django.db import DatabaseError
from django.utils import timezone
from psycopg.types.numeric import Int8

from benefit_card import months, quota
from benefit_card.case import Case, Deal
from benefit_card.credential import PARIS
from benefit_card.models import Standing
from benefit_card.quota import PERSON, STOCK, VISIT, period_of
from benefit_card.services.parts import Unbalanced
from benefit_card.services.scan import Presented
from companies import prepared
from companies.money import euros
from merchants.models import Till

_ACCEPT = """
WITH request AS (
  INSERT INTO benefit_card_redemptionrequest (client_id, till_id, body_hash, status, response, created_at)
  VALUES (%(client_id)s, %(till)s, %(digest)s, 201, %(response)s::jsonb, %(at)s)
  ON CONFLICT (client_id) DO NOTHING RETURNING client_id
), quota AS (
  INSERT INTO benefit_card_quota AS q (scope, key, period, used, days, offers)
  SELECT w.scope, w.key, w.period, 1, CASE w.scope WHEN 'person' THEN %(days)s::date[] END,
         CASE w.scope WHEN 'visit' THEN %(tokens)s::bigint[] END
  FROM request, unnest(%(scopes)s::text[], %(keys)s::text[], %(periods)s::text[], %(caps)s::int[])
       AS w (scope, key, period, cap)
  WHERE w.cap > 0 ORDER BY w.scope, w.key, w.period
  ON CONFLICT (scope, key, period) DO UPDATE
  SET used = q.used + 1, days = q.days || excluded.days, offers = q.offers || excluded.offers
  WHERE CASE q.scope
    WHEN 'stock' THEN q.used < CASE WHEN NOT %(split)s THEN %(stock_cap)s::int WHEN q.total = %(stock_cap)s THEN q.cap END
    WHEN 'visit' THEN NOT EXISTS (
      SELECT 1 FROM unnest(q.offers) t (token) WHERE t.token / 8 <> %(offer)s AND (
        (t.token >> 1) & 3 = 2 OR %(mode)s = 2 OR (%(mode)s = 1 AND t.token & 1 = 0)
        OR ((t.token >> 1) & 3 = 1 AND NOT %(gift)s)))
    ELSE CASE WHEN excluded.days IS NULL THEN q.used < %(person_cap)s::int ELSE NOT EXISTS (
      SELECT 1 FROM unnest(q.days || excluded.days) u (day)
      WHERE u.day >= %(day)s AND u.day < %(day)s::date + %(window)s::int
        AND (SELECT count(*) FROM unnest(q.days || excluded.days) x (day)
             WHERE x.day > u.day - %(window)s::int AND x.day <= u.day) > %(person_cap)s::int) END
  END
  RETURNING scope, CASE WHEN q.days IS NULL THEN q.used ELSE (
    SELECT count(*) FROM unnest(q.days) x (day)
    WHERE x.day > %(day)s::date - %(window)s::int AND x.day <= %(day)s) END AS used
), redemption AS (
  INSERT INTO benefit_card_redemption (id, client_id, card_id, person_id, merchant_id, till_id, offer_id, offer_version_id,
    shown, slot, gross_cents, discount_cents, period, seq, stock_seq, stock_part, at, arrived_at, standing, cashier_id)
  SELECT %(month)s + nextval('benefit_card_redemption_id_seq'), client_id,
    %(card)s, %(person)s, %(merchant)s, %(till)s, %(offer)s, %(version)s, %(shown)s, %(slot)s::bigint,
    %(gross)s, %(off)s, %(period)s, (SELECT used FROM quota WHERE scope = 'person'),
    (SELECT COALESCE(%(stock_seq)s::int, used) FROM quota WHERE scope = 'stock'), %(part)s::smallint, %(sold)s,
    %(arrived)s::timestamptz, %(standing)s, %(cashier)s::bigint
  FROM request WHERE (SELECT count(*) FROM quota) = cardinality(%(scopes)s::text[])
  RETURNING id, seq, stock_seq
), log AS (
  INSERT INTO companies_auditentry (at, action, actor_label, target_type, target_id, data)
  SELECT %(at)s, 'redemption.accepted', %(label)s, 'benefit_card.redemption', id::text, %(data)s::jsonb FROM redemption
)
SELECT r.id, r.seq, r.stock_seq, CASE WHEN r.id IS NULL AND EXISTS (SELECT FROM request)
  THEN benefit_card_full(ARRAY(SELECT scope FROM quota)) END
FROM (VALUES (1)) one LEFT JOIN redemption r ON true
"""
FULL = "ERB01"  # what PostgreSQL says when `benefit_card_full` was called


@dataclass(frozen=True)
class Sale:
    """A sale that passed every rule but the limits. `arrived_at` is set when it was made without network."""

    till: Till
    client_id: uuid.UUID
    digest: str
    presented: Presented
    found: Case
    deal: Deal
    amount_cents: int
    off: int
    at: datetime
    arrived_at: datetime | None = None
    cashier_id: int | None = None

    @property
    def day(self) -> date:
        """The day in Paris on which it counts."""
        return self.at.astimezone(PARIS).date()

    @property
    def part(self) -> int | None:
        """The part of a split stock this sale is taken from: the same for a repetition, another for another sale."""
        if not self.deal.split:
            return None
        rooms = self.deal.roomy or [0]
        return rooms[self.client_id.int % len(rooms)]

    @property
    def counters(self) -> list[quota.Counter]:
        """The counters it moves, in the order in which they are locked."""
        deal = self.deal
        return quota.counters(
            deal, offer_id=deal.offer_id, merchant_id=self.till.shop.merchant_id, holder=self.found.holder_key,
            day=self.day, part=self.part, visits=deal.choosy or deal.combine != "any",
        )  # fmt: skip

    @property
    def body(self) -> dict[str, Any]:
        """The answer as it is stored, before the uses left are known."""
        deal = self.deal
        return {
            "client_id": str(self.client_id),
            "offer": deal.offer_id,
            "offer_title": deal.title,
            "offer_version": deal.number,
            "amount": euros(self.amount_cents),
            "discount": euros(self.off),
            "to_pay": euros(self.amount_cents - self.off),
            "time": timezone.localtime(self.at).isoformat(),
            "changed": deal.number != deal.latest_number,
            "limit": deal.per_person_limit,
            "stock": deal.stock,
        }


@dataclass(frozen=True)
class Written:
    """What the statement did. `redemption_id` is None, and nothing was written, when the client_id was known."""

    redemption_id: int | None
    used: int | None
    stock_used: int | None


class Full(Exception):
    """A limit stood in the way, and nothing was written. `passed` are the counters that had room."""

    def __init__(self, passed: frozenset[str]) -> None:
        super().__init__(passed)
        self.passed = passed


def write(sale: Sale, *, standing: Standing = Standing.OK) -> Written:
    """Write request, counters, redemption and audit row in one statement, or nothing of them.

    A conflict moves no counter. Inside a transaction the caller needs a savepoint: raises `Full` when a limit stands in the way,
    and `Unbalanced` when the part of a stock has no room but others may.
    """
    deal, counts = sale.deal, standing == Standing.OK
    if counts and deal.split and not deal.balanced:
        raise Unbalanced(deal.offer_id, deal.stock or 0)
    try:
        with prepared.cursor() as cursor:
            cursor.execute(_ACCEPT, _parameters(sale, standing=standing))
            redemption_id, used, stock_used, _full = cursor.fetchone()
    except DatabaseError as error:
        cause = error.__cause__
        if not isinstance(cause, psycopg.Error) or cause.sqlstate != FULL:
            raise
        passed = frozenset((cause.diag.message_detail or "").split())
    else:
        return Written(redemption_id, used, stock_used)
    if deal.split and deal.roomy and STOCK not in passed and PERSON in {*passed, *_unlimited(deal)}:
        raise Unbalanced(deal.offer_id, deal.stock or 0)
    raise Full(passed)


def _unlimited(deal: Deal) -> set[str]:
    return {PERSON} if deal.per_person_limit is None else set()


def _parameters(sale: Sale, *, standing: Standing) -> dict[str, Any]:
    deal, till, now = sale.deal, sale.till, sale.arrived_at or sale.at
    merchant, rolling = till.shop.merchant_id, deal.window_days is not None
    moved = sale.counters if standing == Standing.OK else []
    data: dict[str, Any] = {
        "offer": deal.offer_id,
        "version": deal.number,
        "gross": sale.amount_cents,
        "discount": sale.off,
    }
    if sale.arrived_at:
        data |= {"sold": sale.at.isoformat(), "standing": standing.value}
    values = {
        "client_id": sale.client_id, "till": till.pk, "digest": sale.digest, "response": json.dumps(sale.body),
        "scopes": [row.scope for row in moved], "keys": [row.key for row in moved],
        "periods": [row.period for row in moved], "caps": [row.cap for row in moved],
        "person_cap": deal.per_person_limit or 0, "stock_cap": deal.stock or 0, "split": deal.split,
        "stock_seq": deal.stock_used + 1 if deal.split else None, "part": sale.part if moved else None,
        "days": [sale.day] if rolling else None, "day": sale.day, "window": deal.window_days,
        "tokens": [deal.token] if any(row.scope == VISIT for row in moved) else None,
        "mode": deal.token >> 1 & 3, "gift": deal.kind == "gift",
        "card": sale.found.card_id, "person": sale.found.person_id, "merchant": merchant,
        "offer": deal.offer_id, "version": deal.version_id, "shown": sale.presented.shown.value,
        "slot": sale.presented.slot, "gross": sale.amount_cents, "off": sale.off,
        "period": period_of(deal.period, sale.day), "label": f"till {till.pk}", "data": json.dumps(data), "at": now,
        "month": months.first_number(sale.at),
        "sold": sale.at, "arrived": sale.arrived_at, "standing": standing.value, "cashier": sale.cashier_id,
    }  # fmt: skip
    return {name: Int8(value) if type(value) is int else value for name, value in values.items()}  # one type, one plan


def complete(body: dict[str, Any], used: int | None, stock_used: int | None) -> dict[str, Any]:
    """The stored answer with what is left, counted from the use that this was."""
    body = dict(body)
    lefts = []
    limit, stock = body.pop("limit"), body.pop("stock")
    if limit is not None and used is not None:
        lefts.append(limit - used)
    if stock is not None and stock_used is not None:
        lefts.append(stock - stock_used)
    return {**body, "remaining_uses": max(0, min(lefts)) if lefts else None}
