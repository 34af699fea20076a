"""Closing a pool by its rules, once, whoever asks and however often."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import Company, User
from companies.states import move
from purchasing import access, mails_back
from purchasing.models import Commitment, Pool, PooledNeed, PoolLine
from purchasing.rules.tiers import Outcome
from purchasing.services import alone as stand_alone
from purchasing.services import approval, dearer
from purchasing.services import standing as standings
from purchasing.services.bulk import CLOCK, move_many, needs_of, release
from purchasing.services.pool import locked
from purchasing.services.standing import LineStanding, Standing
from purchasing.states import COMMITMENT, POOL, POOL_LINE, CommitmentState, PoolLineState, PoolState

EXTENSION_DAYS = 7
OVER = (
    PoolState.LOCKED,
    PoolState.FAILED,
    PoolState.ORDERED,
    PoolState.RECEIVING,
    PoolState.SETTLING,
    PoolState.CLOSED,
)
Reason = Commitment.DropReason


class NotCommitting(DomainError):
    code = "pool_not_committing"
    message = _("This pool does not take commitments: there is nothing to lock.")


class TooEarly(DomainError):
    code = "pool_deadline_ahead"
    message = _("Companies may still commit until %(until)s. The pool locks by itself after that.")


def lock(*, pool: Pool, at: datetime, actor: User | None = None) -> Pool:
    """Apply the pool's rules after its deadline: lock, begin the completion of packs, extend once, or fail.

    `actor` is None for the clock. A second call, a second worker or a double click finds it done and changes nothing.
    What companies would pay alone is computed before the pool's row is held.
    """
    if actor is not None:
        require(access.can_run_pool(actor, pool))
    deadline = standings.deadline_of(pool)
    if pool.state in (PoolState.COMMITTING, PoolState.COMPLETING) and (deadline is None or at >= deadline):
        stand_alone.prepare(pool=pool, at=at, seconds=10 if actor else 60)  # somebody waits for the page
        if pool.dearer == Pool.Dearer.RELEASE:
            dearer.refresh(pool=pool, at=at, seconds=3 if actor else dearer.SECONDS)
    return _lock(pool=pool, at=at, actor=actor)


@transaction.atomic(durable=True)
def _lock(*, pool: Pool, at: datetime, actor: User | None) -> Pool:
    pool = locked(pool)
    if pool.state in OVER:
        return pool
    if pool.state not in (PoolState.COMMITTING, PoolState.COMPLETING):
        raise NotCommitting
    deadline = standings.deadline_of(pool)
    if deadline is not None and at < deadline:
        raise TooEarly(until=f"{timezone.localtime(deadline):%d/%m/%Y %H:%M}")
    if pool.state == PoolState.COMMITTING and pool.completes_at and at < pool.completes_at:
        move(pool, PoolState.COMPLETING, table=POOL, at=at, actor=actor, actor_label="" if actor else CLOCK)
        mails_back.pool_completing(pool, at=at)
        return pool
    standing, unapproved = _decide(pool, at=at)
    if _missed(standing) and pool.minimum_missed == Pool.MinimumMissed.EXTEND and pool.extended_at is None:
        return _extend(pool, actor=actor, at=at)
    _leave_out(pool, unapproved, actor=actor, at=at)
    return _apply(pool, standing, actor=actor, at=at)


def due_pools(at: datetime) -> list[int]:
    """Pools whose deadline has passed and that nobody has locked yet."""
    open_ = Pool.objects.filter(state=PoolState.COMMITTING, closes_at__lte=at)
    completing = Pool.objects.filter(state=PoolState.COMPLETING, completes_at__lte=at)
    return list((open_ | completing).order_by("closes_at", "pk").values_list("pk", flat=True))


def _decide(pool: Pool, *, at: datetime) -> tuple[Standing, dict[int, str]]:
    """What is ordered, looked at again until nobody left has to leave; and who leaves without a firm word."""
    firm = standings.commitments_of(pool)
    companies = Company.objects.in_bulk({c.company_id for c in firm})
    leaving: dict[int, str] = {c.pk: Reason.SUSPENDED for c in firm if not companies[c.company_id].is_member}
    released = False
    while True:
        standing = standings.read(pool, without=leaving, rows=firm)
        _apply_minimums(standing)
        over: dict[int, str] = {}
        checks = approval.recheck(pool, standing)
        for check in checks.values():
            if check.needs_approval:
                over |= dict.fromkeys(check.cents, Reason.APPROVAL)
            else:
                over |= dict.fromkeys(check.over_budget, Reason.BUDGET)
        if not over and not released:
            released = True
            over = dict.fromkeys(dearer.leaving(pool, standing, rows=firm, without=leaving), Reason.DEARER)
        if not over:
            approval.remember(checks, at=at)
            return standing, leaving
        leaving |= over


def _apply_minimums(standing: Standing) -> None:
    """Below a supplier's minimum nothing is ordered from it."""
    for quote in standing.quotes():
        if standing.goods_of(quote) and standings.minimum_missing(standing, quote):
            for row in standing.lines:
                if row.quote.pk == quote.pk:
                    row.outcome = _nothing(row.outcome)


def _nothing(outcome: Outcome) -> Outcome:
    return replace(
        outcome, outcome="minimum_missed", ordered=0, tier=None, granted=dict.fromkeys(outcome.granted, 0), members=()
    )


def _missed(standing: Standing) -> bool:
    return any(row.outcome.outcome == "minimum_missed" for row in standing.lines)


def _extend(pool: Pool, *, actor: User | None, at: datetime) -> Pool:
    """Move the dates once, by days on the wall clock, so that midnight stays midnight when clocks change."""
    label = "" if actor else CLOCK
    move(pool, PoolState.EXTENDED, table=POOL, at=at, actor=actor, actor_label=label, reason="minimum_missed")
    changes: dict[str, Any] = {
        "extended_at": at,
        "closes_at": later(pool.closes_at),
        "completes_at": later(pool.completes_at),
    }
    if pool.order_on is not None:
        changes["order_on"] = pool.order_on + timedelta(days=EXTENSION_DAYS)
    move(pool, PoolState.COMMITTING, table=POOL, at=at, actor=actor, actor_label=label, **changes)
    mails_back.pool_extended(pool, at=at)
    return pool


def later(moment: datetime | None) -> datetime | None:
    """The same time of day on the wall, some days later.

    A midnight stays a midnight over the night clocks change.
    """
    if moment is None:
        return None
    local = timezone.localtime(moment).replace(tzinfo=None) + timedelta(days=EXTENSION_DAYS)
    return timezone.make_aware(local)


def _leave_out(pool: Pool, leaving: dict[int, str], *, actor: User | None, at: datetime) -> None:
    """Drop what is no firm word at the deadline: drafts, unanswered approvals, suspended companies."""
    rows = list(
        Commitment.objects.select_for_update(of=("self",))
        .select_related("company", "committed_by", "pool_line")
        .filter(
            Q(state__in=[CommitmentState.TO_APPROVE, CommitmentState.DRAFT])
            | Q(state=CommitmentState.COMMITTED, pk__in=list(leaving)),
            pool_line__pool=pool,
        )
        .order_by("pk")
    )
    dropped = []
    for row in rows:
        if row.state == CommitmentState.DRAFT:
            row.drop_reason = Reason.DRAFT
        elif row.state == CommitmentState.TO_APPROVE:
            row.drop_reason = Reason.APPROVAL
        else:
            row.drop_reason = leaving[row.pk]
        dropped.append(row)
    _drop(pool, dropped, actor=actor, at=at)


def _drop(pool: Pool, rows: list[Commitment], *, actor: User | None, at: datetime) -> None:
    """Drop commitments (their reason is set on them), free their needs, and tell the companies at once."""
    by_reason: dict[str, list[Commitment]] = {}
    for row in rows:
        by_reason.setdefault(row.drop_reason, []).append(row)
    for reason, group in sorted(by_reason.items()):
        move_many(
            group,
            CommitmentState.DROPPED,
            table=COMMITMENT,
            at=at,
            actor=actor,
            fields=["drop_reason"],
            reason=str(reason),
        )
    mails_back.commitments_dropped(pool, rows, at=at)


def _apply(pool: Pool, standing: Standing, *, actor: User | None, at: datetime) -> Pool:
    label = "" if actor else CLOCK
    ordered = [row for row in standing.lines if row.outcome.ordered]
    failed = [row for row in standing.lines if not row.outcome.ordered]
    for row in ordered:
        assert row.outcome.tier is not None
        row.line.order_quantity = row.outcome.ordered
        row.line.tier_from = row.outcome.tier.from_quantity
        row.line.unit_price_e4 = row.outcome.tier.unit_price_e4
        row.line.pack, row.line.moq = row.terms.pack, row.terms.moq
    fields = ["order_quantity", "tier_from", "unit_price_e4", "pack", "moq"]
    _move_lines([r.line for r in ordered], PoolLineState.LOCKED, fields=fields, at=at, actor=actor)
    _move_lines([r.line for r in failed], PoolLineState.FAILED, fields=[], at=at, actor=actor)
    staying = _split(pool, standing, actor=actor, at=at)
    audit.record("pool.decided", target=pool, at=at, actor=actor, actor_label=label, data=_proof(standing))
    move(pool, PoolState.LOCKED, table=POOL, at=at, actor=actor, actor_label=label, locked_at=at)
    # Compared here: inside the transaction PostgreSQL still believes that nothing is locked, and plans for hours.
    joined = {(c.pool_line.pk, c.company_id) for c in staying}
    needs = PooledNeed.objects.filter(pool_line__pool=pool, released_at__isnull=True)
    rows = needs.values_list("pk", "pool_line_id", "company_id")
    spare = [pk for pk, line, company in rows if (line, company) not in joined]
    release(needs_of(pool.pk, pk__in=spare), reason="not_ordered", at=at, actor=actor)
    if not ordered:
        gone = Commitment.objects.filter(pool_line__pool=pool, state=CommitmentState.DROPPED, drop_reason=Reason.DEARER)
        why = "dearer" if gone.exists() else "minimum_missed"
        move(pool, PoolState.FAILED, table=POOL, at=at, actor=actor, actor_label=label, reason=why)
        mails_back.pool_failed(pool, dearer=why == "dearer", at=at)
    else:
        mails_back.pool_locked(pool, staying, at=at)
    return pool


def _move_lines(lines: list[PoolLine], to: str, *, fields: list[str], at: datetime, actor: User | None) -> None:
    move_many(lines, to, table=POOL_LINE, at=at, actor=actor, fields=fields)


@dataclass(slots=True)
class Kept:
    """A commitment that gets something, as much of it as the lock writes and the letter says."""

    pk: int
    pool_line: PoolLine
    company_id: int
    granted: int
    stand_alone_cents: int | None
    state: str = CommitmentState.COMMITTED


def _split(pool: Pool, standing: Standing, *, actor: User | None, at: datetime) -> list[Kept]:
    """Lock the commitments that get something; drop the others with the reason."""
    alone = stand_alone.at_lock(pool, standing, at=at)
    staying: list[Kept] = []
    leaving: dict[int, str] = {}
    for row in standing.lines:
        reasons = {drop.member: drop.reason for drop in row.outcome.dropped}
        for c in row.commitments:
            granted = row.granted(c)
            if granted:
                staying.append(Kept(c.pk, row.line, c.company_id, granted, alone.get(c.pk)))
            else:
                leaving[c.pk] = reasons.get(c.member, Reason.MINIMUM)
    # Under the pool's lock these are still what was read: committed; the states of the table are held by a trigger too.
    fields = ["granted", "stand_alone_cents"]
    move_many(staying, CommitmentState.LOCKED, table=COMMITMENT, at=at, actor=actor, fields=fields, model=Commitment)
    dropped = list(
        Commitment.objects.filter(pk__in=list(leaving)).select_related("company", "pool_line").order_by("pk")
    )
    for gone in dropped:
        gone.granted, gone.drop_reason = None, leaving[gone.pk]
    _drop(pool, dropped, actor=actor, at=at)
    return staying


def _proof(standing: Standing) -> dict[str, object]:
    """What decided, kept in the log: enough to run the rules again."""
    return {"lines": [_line_proof(row) for row in standing.lines]}


def _line_proof(row: LineStanding) -> dict[str, object]:
    return {
        "line": row.line.pk,
        "outcome": row.outcome.outcome,
        "ordered": row.outcome.ordered,
        "unit_price_e4": row.outcome.tier.unit_price_e4 if row.outcome.tier else None,
        "granted": {str(int(member)): n for member, n in row.outcome.granted.items()},
        "dropped": {str(int(drop.member)): drop.reason for drop in row.outcome.dropped},
    }
