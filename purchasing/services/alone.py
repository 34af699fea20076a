"""What each company of a pool would pay alone: prepared beside the lock, checked at it, proven by a worker.

The promise is about what a company is granted, and after a shortage about what came: the same units alone and in the pool.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic
from typing import Any

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from purchasing.models import (
    Allocation,
    Commitment,
    CostShare,
    Pool,
    PriceTier,
    PurchaseOrder,
    Quote,
    QuoteLine,
    StandAlone,
)
from purchasing.rules.alone import Market, Offered, Start, Supply, parts_of
from purchasing.rules.award.instance import Instance
from purchasing.rules.award.model import build
from purchasing.rules.award.sizes import SECOND_SOLVE_COLUMNS
from purchasing.rules.award.solve import INFEASIBLE, OPTIMAL, Result, prove
from purchasing.rules.landed import half_up
from purchasing.rules.tiers import Terms, Tier
from purchasing.selectors import quotes_that_count, tender_of
from purchasing.services import standing as standings
from purchasing.services.pool import locked
from purchasing.services.standing import Said, Standing
from purchasing.states import CommitmentState, OrderState, PoolState

RULE = "1"  # part of the fingerprint: another way to compute asks for other rows
SECONDS_EACH = 10.0
AT_LOCK = 0.5  # what the sums may take while the pool's row is held, before they become rougher
BEFORE = timedelta(hours=2)  # a pool closing sooner than this is prepared and proven
Wanted = dict[int, dict[int, int]]  # company → pool line → units


def market_of(quotes: Sequence[Quote]) -> Market:
    """All offers of the quotes. Two queries, read as plain values: there may be tens of thousands."""
    at = {quote.pk: i for i, quote in enumerate(quotes)}
    tiers: dict[int, list[Tier]] = {}
    prices = PriceTier.objects.filter(quote_line__quote__in=at).order_by("quote_line_id", "from_qty")
    for line, start, price in prices.values_list("quote_line", "from_qty", "unit_price_e4"):
        tiers.setdefault(line, []).append(Tier(start, price))
    rows = QuoteLine.objects.filter(quote__in=at).order_by("pk")
    offers = [
        Offered(pool_line, at[quote], Terms(tuple(tiers[pk]), pack=pack, moq=moq), available)
        for pk, quote, pool_line, pack, moq, available in rows.values_list(
            "pk", "quote", "pool_line", "pack", "moq", "available"
        )
        if pk in tiers
    ]
    return Market(offers, [Supply(q.freight_cents, q.franco_cents, q.minimum_cents) for q in quotes])


def quotes_of(pool: Pool) -> list[Quote]:
    """The quotes the promise is measured at: those of the pool's tender, as they stood when it was awarded."""
    tender = tender_of(pool)
    return list(quotes_that_count(tender).order_by("pk")) if tender else []


def fingerprint(quotes: Sequence[Quote], wanted: Mapping[int, int]) -> str:
    """Of a company's units and the quotes; submitted quotes never change."""
    words = [RULE, *(f"q{quote.pk}" for quote in sorted(quotes, key=lambda q: q.pk))]
    words += [f"{line}:{wanted[line]}" for line in sorted(wanted)]
    return sha256(" ".join(words).encode()).hexdigest()


def granted_in(standing: Standing) -> tuple[Wanted, dict[tuple[int, int], Said]]:
    """What every company is granted, and the word behind each line of it."""
    wanted: Wanted = {}
    words: dict[tuple[int, int], Said] = {}
    for row in standing.lines:
        for c in row.commitments:
            if units := row.granted(c):
                wanted.setdefault(c.company_id, {})[row.line.pk] = units
                words[c.company_id, row.line.pk] = c
    return wanted, words


def prepare(*, pool: Pool, at: datetime, seconds: float = 60.0) -> int:
    """Compute what the lock will ask for, before it asks; how many companies were new or had changed.

    After about `seconds` the bounds are rougher, and still bounds: the worker makes them finer.
    """
    if pool.fairness != Pool.Fairness.STAND_ALONE_CAP or pool.state not in ("committing", "completing"):
        return 0
    wanted, _words = granted_in(standings.read(pool))
    quotes = quotes_of(pool)
    rows = _changed(pool, quotes, wanted, _known(pool), at=at, seconds=seconds)
    with transaction.atomic():
        alive = Pool.objects.select_for_update(of=("self",)).filter(
            pk=pool.pk, state__in=[PoolState.COMMITTING, PoolState.COMPLETING]
        )
        if alive.exists():  # once locked, the rows are what the lock wrote
            _save(rows)
    return len(rows)


def at_lock(pool: Pool, standing: Standing, *, at: datetime) -> dict[int, int]:
    """Commitment → its part of what its company would pay alone. Only what changed since the preparation is computed."""
    if pool.fairness != Pool.Fairness.STAND_ALONE_CAP:
        return {}
    wanted, words = granted_in(standing)
    quotes, known = quotes_of(pool), _known(pool)
    rows = _changed(pool, quotes, wanted, known, at=at, seconds=AT_LOCK)
    _save(rows)
    known |= {row.company_id: row for row in rows}
    return {
        words[company, int(line)].pk: cents
        for company in wanted
        if known[company].cents is not None
        for line, cents in known[company].parts.items()
    }


def _known(pool: Pool) -> dict[int, StandAlone]:
    return {row.company_id: row for row in StandAlone.objects.filter(pool=pool)}


def _changed(
    pool: Pool,
    quotes: Sequence[Quote],
    wanted: Wanted,
    known: Mapping[int, StandAlone],
    *,
    at: datetime,
    seconds: float,
) -> list[StandAlone]:
    """New rows, not saved, for the companies whose units or quotes are not those of their row."""
    prints = {company: fingerprint(quotes, units) for company, units in wanted.items()}
    new = [pk for pk in sorted(prints) if pk not in known or known[pk].fingerprint != prints[pk]]
    market = market_of(quotes) if new else None
    rows, until = [], monotonic() + seconds
    for company in new:
        start = _start_of(known.get(company), len(quotes))
        found = market.price(wanted[company], quick=monotonic() > until, start=start) if market else None
        row = StandAlone(pool=pool, company_id=company, fingerprint=prints[company], at=at)
        row.wanted = {str(line): units for line, units in wanted[company].items()}
        if found is not None:
            row.cents, row.found_cents, row.proven = found.cents, found.found_cents, found.proven
            row.parts = {str(line): cents for line, cents in found.parts.items()}
            row.start = _told(found.start, len(quotes))
        rows.append(row)
    return rows


def _told(start: Start | None, quotes: int) -> dict[str, Any]:
    """A start as it is stored; `quotes` because its indices are those of so many."""
    if start is None:
        return {}
    return {"quotes": quotes, "used": start.used, "rates": {str(line): rate for line, rate in start.rates.items()}}


def _start_of(row: StandAlone | None, quotes: int) -> Start | None:
    """Where the company's last answer at as many quotes ended."""
    if row is None or row.start.get("quotes") != quotes:
        return None
    return Start(tuple(row.start["used"]), {int(line): rate for line, rate in row.start["rates"].items()})


def _save(rows: Sequence[StandAlone]) -> None:
    fields = ["fingerprint", "wanted", "cents", "found_cents", "proven", "tried", "parts", "start", "at"]
    StandAlone.objects.bulk_create(
        rows, batch_size=500, update_conflicts=True, unique_fields=["pool", "company"], update_fields=fields
    )


def due(at: datetime) -> list[int]:
    """Pools that close soon, and locked ones whose solver has not had its turn."""
    soon = Q(state=PoolState.COMMITTING, closes_at__lte=at + BEFORE) | Q(state=PoolState.COMPLETING)
    waiting = StandAlone.objects.filter(proven=False, tried=False).values("pool")
    done = Q(state__in=[PoolState.LOCKED, PoolState.ORDERED, PoolState.RECEIVING], pk__in=waiting)
    capped = Pool.objects.filter(soon | done, fairness=Pool.Fairness.STAND_ALONE_CAP)
    return list(capped.order_by("closes_at", "pk").values_list("pk", flat=True))


def prove_all(*, pool: Pool, at: datetime, seconds: float = 120.0) -> int:
    """Let the solver decide what arithmetic left open, company after company, for about `seconds`; how many it proved.

    Safe to run twice. Problems of more columns than are solved twice over keep their bound, which is proven too.
    """
    until, proved = timezone.now() + timedelta(seconds=seconds), 0
    rows = list(StandAlone.objects.filter(pool=pool, proven=False, tried=False).order_by("company"))
    quotes = quotes_of(pool) if rows else []
    market = market_of(quotes) if quotes else None
    for row in rows:
        if timezone.now() > until or market is None:
            break
        wanted = {int(line): units for line, units in row.wanted.items()}
        if row.fingerprint == fingerprint(quotes, wanted) and set(wanted) <= set(market.lines):
            instance = market.problem(wanted)
            if len(build(instance).cost) < SECOND_SOLVE_COLUMNS:
                _learn(row, instance, prove(instance, seconds=SECONDS_EACH), sorted(wanted))
            elif (finer := market.price(wanted)) and finer.cents > (row.cents or 0):
                row.cents, row.found_cents, row.proven = finer.cents, finer.found_cents, finer.proven
                row.parts = {str(line): cents for line, cents in finer.parts.items()}
        proved += row.proven
        _keep(row)
    return proved


def _learn(row: StandAlone, instance: Instance, found: Result, lines: Sequence[int]) -> None:
    """Take over what the solver proved: the optimum, a better bound, or that nobody sells so little."""
    if found.status == INFEASIBLE:
        row.cents, row.found_cents, row.proven, row.parts = None, None, True, {}
    if found.evaluation is None or found.bound_cents is None:
        return
    cost, bound = half_up(found.evaluation.cost_cents, instance.scale), half_up(found.bound_cents, instance.scale)
    row.proven = found.status == OPTIMAL
    row.found_cents = cost if row.found_cents is None else min(cost, row.found_cents)
    row.cents = row.found_cents if row.proven else min(row.found_cents, max(bound, row.cents or 0))
    goods = dict.fromkeys(lines, 0)
    tiers = {order.supplier: order.tiers for order in found.evaluation.orders}
    for index, packs in found.packs.items():
        offer = instance.offers[index]
        goods[lines[offer.product]] += packs * offer.prices[tiers[offer.supplier][offer.scheme]]
    row.parts = {str(k): n for k, n in parts_of(row.cents, lines, [goods[line] for line in lines]).items()}


def _keep(row: StandAlone) -> None:
    """Store what the solver found, with the commitments of a pool that has locked meanwhile.

    What companies were told on an invoice stays: once costs are shared the bound they were promised does not move.
    """
    with transaction.atomic():
        pool = locked(row.pool)
        fields = {"cents": row.cents, "found_cents": row.found_cents, "proven": row.proven, "parts": row.parts}
        mine = StandAlone.objects.filter(pk=row.pk, fingerprint=row.fingerprint)
        if CostShare.objects.filter(invoice__order__pool=pool).exists():
            mine.update(tried=True)
            return
        if not mine.update(**fields, tried=True):
            return  # the company asks for other units now: its new row has its own turn
        if pool.state in (PoolState.COMMITTING, PoolState.COMPLETING):
            return
        held = Commitment.objects.filter(pool_line__pool=pool, company=row.company_id, state=CommitmentState.LOCKED)
        for commitment, line in held.values_list("pk", "pool_line"):
            Commitment.objects.filter(pk=commitment, state=CommitmentState.LOCKED).update(
                stand_alone_cents=row.parts.get(str(line))
            )


def caps(order: PurchaseOrder, commitments: Mapping[tuple[int, int], Commitment]) -> dict[int, int | None]:
    """Company → the most it may pay for this order: alone, the same units would cost that. None: no alternative.

    When all that will come has come, it is about what came: the price alone is computed again for the fewer units.
    """
    whose = {c.pk: c for c in commitments.values()}
    parts: dict[int, int | None] = {pk: c.stand_alone_cents for pk, c in whose.items()}
    if order.state in (OrderState.RECEIVED, OrderState.CLOSED_SHORT, OrderState.BILLED, OrderState.CLOSED):
        parts |= _of_received(order, whose)
    found: dict[int, int | None] = {}
    for pk, c in whose.items():
        so_far, part = found.get(c.company_id, 0), parts[pk]
        found[c.company_id] = None if so_far is None or part is None else so_far + part
    return found


def _of_received(order: PurchaseOrder, whose: Mapping[int, Commitment]) -> dict[int, int | None]:
    """The parts of the commitments of companies that got less than they were granted, priced and kept for what came."""
    came: dict[int, int] = dict.fromkeys(whose, 0)
    rows = Allocation.objects.filter(commitment__in=list(whose)).order_by().values_list("commitment")
    came |= dict(rows.annotate(n=Sum("quantity")))
    short = {c.company_id for pk, c in whose.items() if c.stand_alone_cents is not None and came[pk] < (c.granted or 0)}
    if not short:
        return {}
    quotes = quotes_of(order.pool)
    market = market_of(quotes) if quotes else None
    held = Commitment.objects.filter(pool_line__pool=order.pool, company__in=short, state=CommitmentState.LOCKED)
    wanted: Wanted = {}
    for c in held.order_by("pk"):
        units = came[c.pk] if c.pk in whose else (c.granted or 0)
        wanted.setdefault(c.company_id, {})[c.pool_line_id] = units
    found: dict[int, int | None] = {}
    for company, units_of in sorted(wanted.items()):
        priced = market.price(units_of) if market else None
        if priced is None:
            continue  # nobody sells so little: the promise for what was granted stays
        for pk, c in whose.items():
            if c.company_id == company:
                found[pk] = min(priced.parts.get(c.pool_line_id, 0), c.stand_alone_cents or 0)
    changed = [c for pk, c in whose.items() if pk in found]
    for c in changed:
        c.alone_received_cents = found[c.pk]
    Commitment.objects.bulk_update(changed, ["alone_received_cents"], batch_size=1_000)
    return found
