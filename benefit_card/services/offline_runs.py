"""Entries of a queue that go together: one transaction for up to fifty plain sales, instead of one for each.

Plain is a sale that nothing stands against, by an offer whose uses only its holder counts, from a card that comes once in the
run. Nobody else waits for such a counter, and cards are written in the order of their holders: two tills with the same cards
cannot wait for each other. A stock is everybody's, so its sales stay alone, as do doubts, first visits and what was known.
All of a run is kept or nothing: when the server dies, or a limit turns out to be reached, nothing of it has happened, and it
is taken in again, then one at a time.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

from benefit_card.case import Deal
from benefit_card.models import OfflineEntry, RedemptionRequest
from benefit_card.offline_entry import Entry
from benefit_card.services import offline_rules
from benefit_card.services.arrivals import Arrived, Outcome, checked, claim, counted, keep, too_late
from benefit_card.services.booking import Full, Sale, write
from benefit_card.services.scan import used_up
from companies.errors import DomainError
from merchants.models import Till

MOST = 50


@dataclass(frozen=True)
class Judged:
    """An entry with what is to be done: a sale to book, or an outcome without one."""

    arrived: Arrived
    sale: Sale | None = None
    outcome: Outcome | None = None


class _NotTogether(Exception):
    """What was plain a moment ago is not any more."""


def begin(
    *, till: Till, rows: Sequence[tuple[dict[str, Any], Entry | None]], at: datetime, keys: offline_rules.Keys
) -> list[Judged]:
    """The entries at the head of a queue that can go together; none when the first has to go alone."""
    arrived = [Arrived.of(raw, entry) for raw, entry in rows[:MOST]]
    known = _known([one.client_id for one in arrived])
    run: list[Judged] = []
    holders: set[str] = set()
    for one in arrived:
        if one.client_id in known or (one.entry and one.entry.undone):
            break
        judged = _judge(till, one, at=at, keys=keys)
        if judged is None:
            break
        if judged.sale and judged.sale.counters:
            if judged.sale.found.holder_key in holders:
                break
            holders.add(judged.sale.found.holder_key)
        known.add(one.client_id)
        run.append(judged)
    return run


def _known(ids: list[uuid.UUID]) -> set[uuid.UUID]:
    kept = OfflineEntry.objects.filter(pk__in=ids).values_list("pk", flat=True)
    sold = RedemptionRequest.objects.filter(pk__in=ids).values_list("pk", flat=True)
    return set(kept.union(sold))


def _judge(till: Till, one: Arrived, *, at: datetime, keys: offline_rules.Keys) -> Judged | None:
    try:
        entry = checked(till, one)
        if late := too_late(entry, at=at):
            return Judged(one, outcome=late)
        sale, doubt = offline_rules.judge(till=till, entry=entry, digest=one.digest, at=at, keys=keys)
    except DomainError as refusal:
        return Judged(one, outcome=Outcome.of(refusal))
    return Judged(one, sale=sale) if doubt is None and _plain(sale.deal) else None


def _plain(deal: Deal) -> bool:
    return deal.stock is None and not deal.first_visit and not used_up(deal)


def take(run: Sequence[Judged], *, till: Till, at: datetime) -> list[dict[str, Any]] | None:
    """Keep and book a whole run in one transaction; the answers, or None and nothing was written."""
    try:
        with transaction.atomic(durable=True):
            if claim(till, [one.arrived for one in run], at=at) < len(run):
                raise _NotTogether
            if RedemptionRequest.objects.filter(pk__in=[one.arrived.client_id for one in run]).exists():
                raise _NotTogether
            booked = _book([one.sale for one in run if one.sale])
            return keep({one.arrived.client_id: one.outcome or booked[one.arrived.client_id] for one in run})
    except (_NotTogether, Full, DatabaseError):  # whatever it was, it happens again to the one it belongs to
        return None


def _book(sales: list[Sale]) -> dict[uuid.UUID, Outcome]:
    outcomes = {}
    for sale in sorted(sales, key=lambda sale: sale.found.holder_key):
        written = write(sale)
        if written.redemption_id is None:
            raise _NotTogether
        outcomes[sale.client_id] = counted(sale, written)
    return outcomes
