"""The last evening: who is told that a pool closes, and what still needs filling."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from companies.models import Company
from purchasing import mails_back
from purchasing.models import Pool, PooledNeed
from purchasing.services import progress
from purchasing.services import standing as standings
from purchasing.services.commitment import HELD
from purchasing.services.pool import locked
from purchasing.states import PoolState

WARN_BEFORE = timedelta(hours=24)


def due(at: datetime) -> list[int]:
    """Pools that close within a day and whose companies were not told of this deadline."""
    soon = Q(closes_at__gt=at, closes_at__lte=at + WARN_BEFORE)
    fresh = Q(warned_for__isnull=True) | ~Q(warned_for=F("closes_at"))
    rows = Pool.objects.filter(soon, fresh, state=PoolState.COMMITTING)
    return list(rows.order_by("closes_at", "pk").values_list("pk", flat=True))


@transaction.atomic(durable=True)
def warn(*, pool: Pool, at: datetime) -> bool:
    """Tell every company of the pool once: what it has not committed to, which packs and minimums are open."""
    pool = locked(pool)
    if pool.state != PoolState.COMMITTING or pool.closes_at is None or not at < pool.closes_at:
        return False
    if pool.warned_for == pool.closes_at:
        return False
    standing = standings.read(pool)
    silent = _silent(pool)
    for company in mails_back.companies_in(pool):
        views = [(row, progress.view_for(standing, row, company)) for row in standing.lines]
        open_ = [(row.line, view) for row, view in views if row.commitments and view.needs_filling]
        lines = silent.get(company.pk, [])
        mails_back.pool_closing(pool, company, silent=lines, filling=open_, at=at)
    Pool.objects.filter(pk=pool.pk).update(warned_for=pool.closes_at)
    return True


def _silent(pool: Pool) -> dict[int, list[PooledNeed]]:
    """Needs, by company, on which the company has said no firm word."""
    found: dict[int, list[PooledNeed]] = {}
    said = {
        (line, company)
        for line, company in Company.objects.filter(
            commitments__pool_line__pool=pool, commitments__state__in=HELD
        ).values_list("commitments__pool_line", "pk")
    }
    needs = PooledNeed.objects.filter(pool_line__pool=pool, pool_line__state="open", released_at__isnull=True)
    for need in needs.select_related("pool_line").order_by("pool_line__position"):
        if (need.pool_line_id, need.company_id) not in said:
            found.setdefault(need.company_id, []).append(need)
    return found
