"""Exactly once: a redemption under any concurrency, retry or crash.

What holds the promise are constraints of PostgreSQL, not locks of ours (design, "Exactly once in PostgreSQL"): the
primary key of the request makes a retry a retry, the conditional upsert of the quota rows, in sorted order, makes a
limit a limit, and all of it is one statement in one transaction.
"""

import hashlib
import json
import uuid
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from benefit_card import limits, refusals
from benefit_card.case import Case, Deal
from benefit_card.credential import PARIS
from benefit_card.models import Redemption, RedemptionRequest
from benefit_card.quota import PERSON, STOCK
from benefit_card.services.booking import Full, Sale, complete, write
from benefit_card.services.parts import Unbalanced, balance
from benefit_card.services.scan import last_uses, present, usable_case, why_not_holder
from companies.errors import DomainError
from companies.money import euros
from companies.problems import problem
from merchants.models import Till
from merchants.pricing import discount, is_open_at

VERSION_GRACE = timedelta(minutes=15)  # an offer edited between scan and confirmation: the version scanned counts
MOST_CENTS = 1_000_000
ATTEMPTS = 40  # a part of a stock is missed only when others took its last uses meanwhile


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
    for _attempt in range(ATTEMPTS):
        try:
            return _try(
                till=till, client_id=client_id, digest=digest, code=code, offer_id=offer_id, amount_cents=amount_cents,
                version=version, at=at, cashier_id=cashier_id, training=training,
            )  # fmt: skip
        except Unbalanced as parts:
            balance(offer_id=parts.offer_id, stock=parts.stock)
    raise refusals.TillBusy


def _try(
    *, till: Till, client_id: uuid.UUID, digest: str, code: str, offer_id: int, amount_cents: int, version: int | None,
    at: datetime, cashier_id: int | None, training: bool,
) -> Answer:  # fmt: skip
    try:
        presented = present(code, till=till, at=at, again=True)
        found = usable_case(till=till, presented=presented, at=at, offer_id=offer_id, version=version)
        deal = _deal(found, at=at)
        if refused := why_not_holder(deal):
            raise refused
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


def _accept(sale: Sale) -> Answer:
    """All of a sale, or nothing: one statement is a transaction by itself."""
    inside = connection.in_atomic_block  # of a test: nobody else's, an answer has to last
    try:
        with transaction.atomic(durable=True) if inside else nullcontext():
            written = write(sale)
    except Full as full:
        raise limit_of(sale, full) from None
    if written.redemption_id is None:
        raise _Known
    return Answer(201, complete(sale.body, written.used, written.stock_used))


def limit_of(sale: Sale, full: Full) -> refusals.TillRefusal:
    """Which limit stood in the way. For a person's limit: when and where it was used, which is at this merchant."""
    deal = sale.deal
    if deal.per_person_limit is None or PERSON in full.passed:
        if deal.stock is not None and STOCK not in full.passed:
            return refusals.StockUsedUp()
        return refusals.NotCombinable()
    return refusals.LimitReached(**last_uses(sale.found.person_id, [deal], day=sale.day).get(deal.offer_id, {}))


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
