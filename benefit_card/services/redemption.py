"""Exactly once: a redemption under any concurrency, retry or crash.

What holds the promise are constraints of PostgreSQL, not locks of ours (design, "Exactly once in PostgreSQL"): the
primary key of the request makes a retry a retry, the conditional upsert of the quota rows, in sorted order, makes a
limit a limit, and all of it is one statement in one transaction.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from benefit_card import limits, refusals
from benefit_card.case import Case, Deal
from benefit_card.credential import PARIS
from benefit_card.models import Redemption, RedemptionRequest, Standing
from benefit_card.quota import PERSON, STOCK, period_of, person_key
from benefit_card.services.scan import Presented, present, usable_case
from companies.errors import DomainError
from companies.money import euros
from companies.problems import problem
from merchants.models import Till
from merchants.pricing import discount, is_open_at

VERSION_GRACE = timedelta(minutes=15)  # an offer edited between scan and confirmation: the version scanned counts
MOST_CENTS = 1_000_000


@dataclass(frozen=True)
class Answer:
    """What the till is told: a status and a body. `replayed` when it was said before."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


def body_hash(*, code: str, offer_id: int, amount_cents: int, version: int | None) -> str:
    """Tells a retry from another sale under the same id; the code itself is not kept."""
    text = json.dumps([code.strip(), offer_id, amount_cents, version])
    return hashlib.sha256(text.encode()).hexdigest()


def redeem(
    *, till: Till, client_id: uuid.UUID, code: str, offer_id: int, amount_cents: int, version: int | None, at: datetime,
    cashier_id: int | None = None, training: bool = False,
) -> Answer:  # fmt: skip
    """Accept one sale, or say why not. The same `client_id` gets the first answer, whatever happened since.

    In training, and for a specimen, everything is judged and nothing is written.

    Never raises a refusal of the card or the offer: those are answers, stored so that a retry repeats them.
    """
    digest = body_hash(code=code, offer_id=offer_id, amount_cents=amount_cents, version=version)
    if ":" not in code:
        limits.check(limits.WRONG_CODES_PER_TILL, till.pk)
    try:
        presented = present(code, till=till, at=at, again=True)
        found = usable_case(till=till, presented=presented, at=at, offer_id=offer_id, version=version)
        deal = _deal(found, at=at)
        off = price(deal, amount_cents=amount_cents, at=at)
        sale = Sale(till, client_id, digest, presented, found, deal, amount_cents, off, at, cashier_id=cashier_id)
        return _exercise(sale) if training or found.demo else _accept(sale)
    except _Known:
        return _repeat(till=till, client_id=client_id, digest=digest)
    except refusals.TillRefusal as refusal:
        if training:
            return Answer(refusal.status, _refusal_body(refusal))
        return _refuse(refusal, till=till, client_id=client_id, digest=digest, at=at)


def _deal(found: Case, *, at: datetime) -> Deal:
    if not found.deals:
        raise refusals.OfferUnknown
    deal = found.deals[0]
    if deal.number != deal.latest_number and at - deal.latest_since > VERSION_GRACE:
        raise refusals.OfferChanged
    return deal


def price(deal: Deal, *, amount_cents: int, at: datetime) -> int:
    """The discount in cents, after the rules that do not depend on what others do at the same moment."""
    if not is_open_at(deal, at.astimezone(PARIS)):
        raise refusals.OfferClosed
    if amount_cents > MOST_CENTS or amount_cents < 0 or (amount_cents == 0 and deal.kind != "gift"):
        raise refusals.AmountRequired
    if amount_cents < deal.min_spend_cents:
        raise refusals.BelowMinimum(minimum=euros(deal.min_spend_cents))
    return discount(
        kind=deal.kind,
        percent=deal.percent,
        amount_cents=deal.amount_cents,
        cap_cents=deal.cap_cents,
        min_spend_cents=deal.min_spend_cents,
        gross_cents=amount_cents,
    )


class _Known(Exception):
    """The client_id was answered before."""


_ACCEPT = """
WITH request AS (
  INSERT INTO benefit_card_redemptionrequest (client_id, till_id, body_hash, status, response, created_at)
  VALUES (%(client_id)s, %(till)s, %(digest)s, 201, %(response)s::jsonb, %(at)s)
  ON CONFLICT (client_id) DO NOTHING RETURNING client_id
), quota AS (
  INSERT INTO benefit_card_quota AS q (scope, key, period, used)
  SELECT w.scope, w.key, w.period, 1
  FROM request, unnest(%(scopes)s::text[], %(keys)s::text[], %(periods)s::text[], %(caps)s::int[])
       AS w (scope, key, period, cap)
  WHERE w.cap > 0 ORDER BY w.scope, w.key, w.period
  ON CONFLICT (scope, key, period) DO UPDATE SET used = q.used + 1
  WHERE q.used < CASE q.scope WHEN 'person' THEN %(person_cap)s::int ELSE %(stock_cap)s::int END
  RETURNING scope, used
), redemption AS (
  INSERT INTO benefit_card_redemption (client_id, card_id, person_id, merchant_id, till_id, offer_id, offer_version_id,
    shown, slot, gross_cents, discount_cents, period, seq, stock_seq, at, arrived_at, standing, cashier_id)
  SELECT client_id, %(card)s, %(person)s, %(merchant)s, %(till)s, %(offer)s, %(version)s, %(shown)s, %(slot)s,
    %(gross)s, %(off)s, %(period)s, (SELECT used FROM quota WHERE scope = 'person'),
    (SELECT used FROM quota WHERE scope = 'stock'), %(sold)s, %(arrived)s, %(standing)s, %(cashier)s
  FROM request WHERE (SELECT count(*) FROM quota) = cardinality(%(scopes)s::text[])
  RETURNING id
), log AS (
  INSERT INTO companies_auditentry (at, action, actor_label, target_type, target_id, data)
  SELECT %(at)s, 'redemption.accepted', %(label)s, 'benefit_card.redemption', id::text, %(data)s::jsonb FROM redemption
)
SELECT (SELECT count(*) FROM request), (SELECT id FROM redemption),
       (SELECT used FROM quota WHERE scope = 'person'), (SELECT used FROM quota WHERE scope = 'stock')
"""


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
    def period(self) -> str:
        return period_of(self.deal.period, self.at.astimezone(PARIS).date())

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
    """What the statement did: `new` is false for a client_id that was known, `redemption_id` None when a limit stood."""

    new: bool
    redemption_id: int | None
    used: int | None
    stock_used: int | None


def write(sale: Sale, *, standing: Standing = Standing.OK) -> Written:
    """Write request, quotas, redemption and audit row in one statement, inside the caller's transaction.

    When a limit stands in the way the caller rolls back, which undoes the quota row that did have room. A conflict moves
    no quota.
    """
    deal, till, now = sale.deal, sale.till, sale.arrived_at or sale.at
    counted = quotas(deal, holder=sale.found.holder_key, period=sale.period) if standing == Standing.OK else ()
    wanted = sorted(counted)
    data: dict[str, Any] = {
        "offer": deal.offer_id,
        "version": deal.number,
        "gross": sale.amount_cents,
        "discount": sale.off,
    }
    if sale.arrived_at:
        data |= {"sold": sale.at.isoformat(), "standing": standing.value}
    parameters: dict[str, Any] = {
        "client_id": sale.client_id, "till": till.pk, "digest": sale.digest, "response": json.dumps(sale.body),
        "scopes": [scope for scope, _key, _period, _cap in wanted],
        "keys": [key for _scope, key, _period, _cap in wanted],
        "periods": [name for _scope, _key, name, _cap in wanted],
        "caps": [cap for _scope, _key, _period, cap in wanted],
        "person_cap": deal.per_person_limit or 0, "stock_cap": deal.stock or 0,
        "card": sale.found.card_id, "person": sale.found.person_id, "merchant": till.shop.merchant_id,
        "offer": deal.offer_id, "version": deal.version_id, "shown": sale.presented.shown.value,
        "slot": sale.presented.slot, "gross": sale.amount_cents, "off": sale.off, "period": sale.period,
        "label": f"till {till.pk}", "data": json.dumps(data), "at": now, "sold": sale.at, "arrived": sale.arrived_at,
        "standing": standing.value, "cashier": sale.cashier_id,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_ACCEPT, parameters)
        new, redemption_id, used, stock_used = cursor.fetchone()
    return Written(bool(new), redemption_id, used, stock_used)


def _accept(sale: Sale) -> Answer:
    """All of a sale, or nothing."""
    with transaction.atomic(durable=True):
        written = write(sale)
        if not written.new:
            raise _Known
        if written.redemption_id is None:  # leaving the block undoes the quota row that did have room
            raise limit_of(sale.deal, sale.found, used=written.used)
    return Answer(201, complete(sale.body, written.used, written.stock_used))


def quotas(deal: Any, *, holder: str, period: str) -> Iterator[tuple[str, str, str, int]]:
    """The counters a use of an offer moves: (scope, key, period, limit)."""
    if deal.per_person_limit is not None:
        yield PERSON, person_key(holder, deal.offer_id), period, deal.per_person_limit
    if deal.stock is not None:
        yield STOCK, str(deal.offer_id), "ever", deal.stock


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


def limit_of(deal: Deal, found: Case, *, used: int | None) -> refusals.TillRefusal:
    """Which limit stood in the way. For a person's limit: when and where it was used, which is at this merchant."""
    if deal.per_person_limit is None or (used is not None and deal.stock is not None):
        return refusals.StockUsedUp()
    last = (
        Redemption.objects.counted()
        .filter(offer_id=deal.offer_id, person_id=found.person_id)
        .order_by("-at")
        .values("at", "till__shop__name")
        .first()
    )
    if last is None:
        return refusals.LimitReached()
    return refusals.LimitReached(used_at=timezone.localtime(last["at"]).isoformat(), shop=last["till__shop__name"])


def _exercise(sale: Sale) -> Answer:
    """What would have been answered. 200, because nothing was made."""
    left = sale.deal.remaining
    return Answer(200, {**complete(sale.body, None, None), "remaining_uses": left and left - 1, "demo": True})


def _refusal_body(refusal: DomainError) -> dict[str, Any]:
    return problem(
        status=refusal.status, code=refusal.code, title=refusal.sentence, **dict(getattr(refusal, "public", {}))
    )


def _refuse(refusal: DomainError, *, till: Till, client_id: uuid.UUID, digest: str, at: datetime) -> Answer:
    """Keep a refusal in a transaction of its own, unless the id was answered before: then that answer stands."""
    body = _refusal_body(refusal)
    with transaction.atomic(durable=True):
        RedemptionRequest.objects.bulk_create(
            [
                RedemptionRequest(
                    client_id=client_id,
                    till=till,
                    body_hash=digest,
                    status=refusal.status,
                    response=body,
                    created_at=at,
                )
            ],
            ignore_conflicts=True,
        )
    return _repeat(till=till, client_id=client_id, digest=digest, own=body)


def _repeat(*, till: Till, client_id: uuid.UUID, digest: str, own: dict[str, Any] | None = None) -> Answer:
    """The stored answer to a client_id; 409 when it belongs to another sale."""
    stored = RedemptionRequest.objects.get(pk=client_id)
    if stored.till_id != till.pk or stored.body_hash != digest:
        raise refusals.ClientIdReused
    if stored.status != 201:
        return Answer(stored.status, stored.response, replayed=stored.response != own)
    used, stock_used = Redemption.objects.values_list("seq", "stock_seq").get(client_id=client_id)
    return Answer(201, complete(stored.response, used, stock_used), replayed=True)
