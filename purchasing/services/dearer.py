"""When commitments cost more together than alone (C > Σ s): looked at again by a worker as they change, and what the lock does.

The participation problem of the design, at the quotes the pool was awarded; the prices alone are those of real purchases.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from purchasing.models import CommitmentVersion, Pool, PoolTogether, StandAlone
from purchasing.rules.alone import Market
from purchasing.rules.award.participation import Member, participate
from purchasing.rules.landed import half_up
from purchasing.services import alone
from purchasing.services import standing as standings
from purchasing.services.standing import Said, Standing
from purchasing.states import PoolState

SECONDS = 20.0
OPEN = (PoolState.COMMITTING, PoolState.COMPLETING)


def due(at: datetime) -> list[int]:
    """Pools taking commitments in which somebody said something after the last comparison."""
    said = CommitmentVersion.objects.filter(commitment__pool_line__pool=OuterRef("pk"), at__lte=at)
    newer = Exists(said.filter(at__gte=OuterRef("together__at")))
    pools = Pool.objects.filter(state__in=OPEN, fairness=Pool.Fairness.STAND_ALONE_CAP, only_company__isnull=True)
    pools = pools.filter(Q(together__isnull=False) & newer | Q(together__isnull=True) & Exists(said))
    return list(pools.order_by("closes_at", "pk").values_list("pk", flat=True))


def refresh(*, pool: Pool, at: datetime, seconds: float = SECONDS) -> PoolTogether | None:
    """Compare again what is committed now; None where the pool promises nothing or a price alone is not computed yet.

    Outside any transaction: where together is dearer a solver runs, at most twice `seconds`. Same words, same answer.
    """
    if pool.fairness != Pool.Fairness.STAND_ALONE_CAP or pool.state not in OPEN:
        return None
    standing = standings.read(pool)
    prices, stamp = prices_of(pool, standing)
    if stamp is None:
        return None
    earlier = PoolTogether.objects.filter(pool=pool).first()
    if earlier is not None and earlier.fingerprint == stamp:
        PoolTogether.objects.filter(pk=earlier.pk).update(at=at)
        return earlier
    pays = {pk: cents for pk, cents in standings.estimates(standing).items() if pk in prices}
    known = [cents for cents in prices.values() if cents is not None]
    whole = sum(known) if len(known) == len(prices) else None
    cost = sum(pays.values())
    found = {} if whole is None or len(prices) < 2 or cost <= whole else _split(standing, pays, prices, seconds)
    with transaction.atomic():
        alive = Pool.objects.select_for_update(of=("self",)).filter(pk=pool.pk, state__in=OPEN)
        if not alive.exists():
            return earlier  # once locked, the row is what the lock read
        values = {"fingerprint": stamp, "cost_cents": cost, "alone_cents": whole, "found": found, "at": at}
        return PoolTogether.objects.update_or_create(pool=pool, defaults=values)[0]


def prices_of(pool: Pool, standing: Standing) -> tuple[dict[int, int | None], str | None]:
    """Company → what a purchase of its units alone costs, and a stamp of units and prices; no stamp while one is missing."""
    wanted, _words = alone.granted_in(standing)
    quotes = alone.quotes_of(pool)
    rows = {row.company_id: row for row in StandAlone.objects.filter(pool=pool, company__in=list(wanted))}
    for company, units in wanted.items():
        if company not in rows or rows[company].fingerprint != alone.fingerprint(quotes, units):
            return {}, None
    prices = {pk: rows[pk].found_cents for pk in sorted(wanted)}
    words = [f"{pk}:{rows[pk].fingerprint}:{cents}" for pk, cents in prices.items()]
    return prices, sha256(" ".join(words).encode()).hexdigest()


def _split(
    standing: Standing, pays: Mapping[int, int], prices: Mapping[int, int | None], seconds: float
) -> dict[str, Any]:
    """Who better orders together and who alone, at the quotes that were awarded; nothing when no answer came."""
    wanted, _words = alone.granted_in(standing)
    total: dict[int, int] = {}
    for units in wanted.values():
        for line, n in units.items():
            total[line] = total.get(line, 0) + n
    quotes = standing.quotes()
    whole = alone.market_of(quotes)
    at = {quote.pk: i for i, quote in enumerate(quotes)}
    won = {(row.line.pk, at[row.quote.pk]) for row in standing.lines}
    market = Market([o for o in whole.offers if (o.line, o.supply) in won], whole.supplies)
    instance = market.problem(total)
    index = {int(product.id): k for k, product in enumerate(instance.products)}
    ids = sorted(prices)
    members = [
        Member({index[line]: n for line, n in wanted[pk].items()}, (prices[pk] or 0) * instance.scale) for pk in ids
    ]
    found = participate(instance, members, seconds=seconds)
    if found is None:
        return {}
    return {
        "together": [ids[j] for j in found.together],
        "alone": [pk for j, pk in enumerate(ids) if j not in found.together],
        "prices": {str(pk): prices[pk] for pk in ids},
        "over": {str(pk): pays[pk] - (prices[pk] or 0) for pk in ids if pays[pk] > (prices[pk] or 0)},
        "total_cents": half_up(found.total, instance.scale),
        "excess_cents": sum(pays.values()) - sum(prices[pk] or 0 for pk in ids),
        "proven": found.proven,
    }


def leaving(pool: Pool, standing: Standing, *, rows: Sequence[Said], without: Mapping[int, str]) -> set[int]:
    """The commitments the lock releases by the pool's policy: those of companies that better order alone.

    Only while the comparison speaks of exactly these words, and only where all together then pay less than now.
    """
    if pool.dearer != Pool.Dearer.RELEASE:
        return set()
    row = PoolTogether.objects.filter(pool=pool).first()
    if row is None or not row.found or prices_of(pool, standing)[1] != row.fingerprint:
        return set()
    out = set(row.found["alone"])
    held = {c.pk for line in standing.lines for c in line.commitments if c.company_id in out}
    after = standings.read(pool, without={*without, *held}, rows=rows)
    then = sum(standings.estimates(after).values()) + sum(row.found["prices"][str(pk)] for pk in out)
    return held if then < row.cost_cents else set()
