"""Pools: made from approved needs, published, cancelled, opened for commitments."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.models import User
from companies.states import move
from purchasing import access, mails
from purchasing.models import Article, AwardLine, Commitment, Pool, PooledNeed, PoolLine, RequestLine, Tender
from purchasing.services import billing_mandates, commission, counting, telling
from purchasing.states import (
    COMMITMENT,
    POOL,
    POOL_LINE,
    REQUEST_LINE,
    TENDER,
    CommitmentState,
    LineState,
    PoolLineState,
    PoolState,
    TenderState,
)


class NeedTaken(DomainError):
    code = "need_taken"
    message = _(
        "Some of these needs are already in a pool or no longer approved. The list was refreshed: choose again."
    )


class PoolEmpty(DomainError):
    code = "pool_empty"
    message = _("Choose at least one need for the pool.")


class PoolNotEditable(DomainError):
    code = "pool_not_editable"
    message = _("The suppliers were already asked: the lines of this pool can no longer change.")


class DatesWrong(DomainError):
    code = "dates_wrong"
    message = _("The dates must follow each other: commitments, completion, order.")


class DeadlinePast(DomainError):
    code = "deadline_past"
    message = _("This deadline is in the past. Choose a later one.")


class NotAwarded(DomainError):
    code = "not_awarded"
    message = _("Award the tender first: companies commit to known prices.")


class ReasonMissing(DomainError):
    code = "reason_missing"
    message = _("Say why in a few words: the companies read it.")


@dataclass(frozen=True, slots=True)
class PoolDraft:
    """What a person chooses for a pool; the rest has defaults everybody knows."""

    title: str
    description: str = ""
    category: str = ""
    legal_model: str = Pool.LegalModel.RESALE
    minimum_missed: str = Pool.MinimumMissed.ROUND_DOWN
    shortage: str = Pool.Shortage.PROPORTIONAL
    freight: str = Pool.Freight.VALUE
    fairness: str = Pool.Fairness.STAND_ALONE_CAP
    fairness_mix: int = 0
    dearer: str = Pool.Dearer.ORDER
    fee_bp: int = 0
    supplier_fee_bp: int = 0
    consent_limit_bp: int = 200
    lead: User | None = None


@dataclass(frozen=True, slots=True)
class LineDraft:
    """One pool line and the request lines it carries."""

    text: str
    needs: Sequence[int]
    article: Article | None = None
    details: str = ""
    pack: int = 1
    vat_bp: int = 2000
    unit: str = ""
    unit_weight_grams: int | None = None


@transaction.atomic(durable=True)
def open_pool(*, actor: User, draft: PoolDraft, lines: Sequence[LineDraft], at: datetime) -> Pool:
    """Make a pool from approved needs of several companies; its lines are grouped as the person decided."""
    require(access.can_open_pools(actor))
    lead = draft.lead or actor
    require(is_staff(actor) or lead.pk == actor.pk)
    if not any(line.needs for line in lines):
        raise PoolEmpty
    commission.require_fits(draft.legal_model, draft.supplier_fee_bp)
    pool = Pool.objects.create(
        title=draft.title,
        description=draft.description,
        category=draft.category,
        lead=lead,
        legal_model=draft.legal_model,
        minimum_missed=draft.minimum_missed,
        shortage=draft.shortage,
        freight=draft.freight,
        fairness=draft.fairness,
        fairness_mix=draft.fairness_mix,
        dearer=draft.dearer,
        fee_bp=draft.fee_bp,
        supplier_fee_bp=draft.supplier_fee_bp,
        consent_limit_bp=draft.consent_limit_bp,
        created_by=actor,
        created_at=at,
    )
    audit.record("pool.created", target=pool, at=at, actor=actor)
    for position, line in enumerate(lines, start=1):
        _add_line(pool, position, line, actor=actor, at=at)
    return pool


def _add_line(pool: Pool, position: int, draft: LineDraft, *, actor: User, at: datetime) -> PoolLine:
    needs = _locked_needs(draft.needs)
    line = PoolLine.objects.create(
        pool=pool,
        position=position,
        article=draft.article,
        text=draft.text,
        details=draft.details,
        unit=counting.common_unit(needs, draft.article, draft.unit),
        pack=draft.pack,
        vat_bp=draft.vat_bp,
        unit_weight_grams=draft.unit_weight_grams,
    )
    _carry(line, needs, actor=actor, at=at)
    return line


def _locked_needs(ids: Sequence[int]) -> list[RequestLine]:
    wanted = set(ids)
    needs = list(
        RequestLine.objects.filter(pk__in=wanted)
        .poolable()
        .select_related("request__company")
        .select_for_update(of=("self",))
        .order_by("pk")
    )
    if len(needs) != len(wanted):
        raise NeedTaken
    return needs


def _carry(line: PoolLine, needs: Sequence[RequestLine], *, actor: User, at: datetime) -> None:
    for need in needs:
        counting.count_in(need, line, actor=actor, at=at)
        move(need, LineState.POOLED, table=REQUEST_LINE, at=at, actor=actor, company=need.request.company)
    PooledNeed.objects.bulk_create(
        PooledNeed(
            pool_line=line,
            request_line=need,
            company=need.request.company,
            quantity=need.quantity,
            added_by=actor,
            added_at=at,
        )
        for need in needs
    )
    counting.recount(line)


@transaction.atomic(durable=True)
def add_needs(
    *, actor: User, pool: Pool, needs: Sequence[int], at: datetime, line: PoolLine | None = None, text: str = ""
) -> PoolLine:
    """Put more approved needs on a line of the pool, or on a new one named `text`."""
    require(access.can_run_pool(actor, pool))
    pool = editable(pool)
    if not needs:
        raise PoolEmpty
    if line is not None:
        line = pool.lines.select_for_update().get(pk=line.pk)
        _carry(line, _locked_needs(needs), actor=actor, at=at)
    else:
        last = pool.lines.aggregate(last=Max("position"))["last"] or 0
        line = _add_line(pool, last + 1, LineDraft(text=text, needs=needs), actor=actor, at=at)
    audit.record("pool.needs_added", target=pool, at=at, actor=actor, data={"line": line.pk, "needs": len(needs)})
    return line


@transaction.atomic(durable=True)
def join(*, actor: User, line: PoolLine, need: RequestLine, at: datetime) -> None:
    """A buyer puts an approved need of the own company into a gathering pool."""
    company = need.request.company
    require(access.can_request(actor, company))
    pool = editable(line.pool)
    if pool.state != PoolState.GATHERING:
        raise PoolNotEditable
    line = pool.lines.select_for_update().get(pk=line.pk)
    _carry(line, _locked_needs([need.pk]), actor=actor, at=at)
    audit.record("pool.joined", target=pool, at=at, actor=actor, company=company, data={"line": line.pk})


@transaction.atomic(durable=True)
def regroup(*, actor: User, need: PooledNeed, line: PoolLine, at: datetime) -> None:
    """Move one need to another line of the same pool; a line nobody needs any more is cancelled."""
    pool = need.pool_line.pool
    require(access.can_run_pool(actor, pool))
    pool = editable(pool)
    source = pool.lines.select_for_update().get(pk=need.pool_line_id)
    target = pool.lines.select_for_update().get(pk=line.pk)
    asked = RequestLine.objects.select_for_update(of=("self",)).select_related("request__company")
    row = counting.count_in(asked.get(pk=need.request_line_id), target, actor=actor, at=at)
    moved = PooledNeed.objects.filter(pk=need.pk, released_at__isnull=True)
    moved.update(pool_line=target, quantity=row.quantity)
    counting.recount(source)
    counting.recount(target)
    if source.asked_quantity == 0:
        move(source, PoolLineState.CANCELLED, table=POOL_LINE, at=at, actor=actor, reason="regrouped")
    audit.record("pool.regrouped", target=pool, at=at, actor=actor, data={"from": source.pk, "to": target.pk})


@transaction.atomic(durable=True)
def remove_need(*, actor: User, need: PooledNeed, reason: str, at: datetime) -> None:
    """Take one need out of the pool: it is approved again and free for another pool."""
    require(access.can_run_pool(actor, need.pool_line.pool))
    pool = editable(need.pool_line.pool)
    line = pool.lines.select_for_update().get(pk=need.pool_line_id)
    _release([need], reason=reason, actor=actor, at=at)
    counting.recount(line)
    audit.record("pool.need_removed", target=pool, at=at, actor=actor, reason=reason, data={"need": need.pk})


@transaction.atomic(durable=True)
def change_line(
    *, actor: User, line: PoolLine, text: str, details: str, pack: int, vat_bp: int, at: datetime
) -> PoolLine:
    """Say better what suppliers should quote, before they are asked."""
    require(access.can_run_pool(actor, line.pool))
    pool = editable(line.pool)
    line = pool.lines.select_for_update().get(pk=line.pk)
    line.text, line.details, line.pack, line.vat_bp = text, details, pack, vat_bp
    line.save(update_fields=["text", "details", "pack", "vat_bp"])
    audit.record("poolline.changed", target=line, at=at, actor=actor)
    return line


@transaction.atomic(durable=True)
def publish(*, actor: User, pool: Pool, at: datetime) -> Pool:
    """Show the pool to all companies, so that others may join before suppliers are asked."""
    require(access.can_run_pool(actor, pool))
    pool = locked(pool)
    if not PooledNeed.objects.filter(pool_line__pool=pool, released_at__isnull=True).exists():
        raise PoolEmpty
    move(pool, PoolState.GATHERING, table=POOL, at=at, actor=actor)
    return pool


@transaction.atomic(durable=True)
def change(*, actor: User, pool: Pool, draft: PoolDraft, at: datetime) -> Pool:
    """Change words and policies while nobody has committed: rules are known before a firm word is given."""
    require(access.can_run_pool(actor, pool))
    pool = locked(pool)
    if pool.state not in BEFORE_COMMITMENTS:
        raise PoolNotEditable
    billing_mandates.require_mandates(billing_mandates.awarded(pool), draft.legal_model)
    commission.require_fits(draft.legal_model, draft.supplier_fee_bp, pool)
    for name in CHANGEABLE:
        setattr(pool, name, getattr(draft, name))
    if draft.lead is not None and is_staff(actor):
        pool.lead = draft.lead
    pool.save()
    audit.record("pool.changed", target=pool, at=at, actor=actor)
    return pool


CHANGEABLE = (
    "title", "description", "category", "legal_model", "minimum_missed", "shortage", "freight", "fairness",
    "fairness_mix", "dearer", "fee_bp", "supplier_fee_bp", "consent_limit_bp",
)  # fmt: skip
BEFORE_COMMITMENTS = (PoolState.DRAFT, PoolState.GATHERING, PoolState.TENDERING, PoolState.OFFER_READY)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When companies may commit, until when packs are completed, and when the order leaves."""

    closes_at: datetime
    completes_at: datetime | None = None
    order_on: date | None = None


@transaction.atomic(durable=True)
def open_commitments(*, actor: User, pool: Pool, calendar: Calendar, at: datetime) -> Pool:
    """Open the awarded pool for firm commitments; packs and minimums are now those of the winning quotes."""
    require(access.can_run_pool(actor, pool))
    pool = locked(pool)
    winners = {line.pool_line_id: line for line in winning_lines(pool)}
    if pool.state == PoolState.OFFER_READY and not winners:
        raise NotAwarded
    billing_mandates.require_mandates(billing_mandates.awarded(pool), pool.legal_model)
    if calendar.closes_at <= at:
        raise DeadlinePast(field="closes_at")
    last = calendar.completes_at or calendar.closes_at
    if last < calendar.closes_at or (calendar.order_on is not None and calendar.order_on < timezone.localdate(last)):
        raise DatesWrong(field="closes_at")
    move(
        pool,
        PoolState.COMMITTING,
        table=POOL,
        at=at,
        actor=actor,
        opens_at=at,
        closes_at=calendar.closes_at,
        completes_at=calendar.completes_at,
        order_on=calendar.order_on,
    )
    for line in pool.lines.filter(state=PoolLineState.OPEN).order_by("pk"):
        winner = winners.get(line.pk)
        if winner is None:
            move(line, PoolLineState.CANCELLED, table=POOL_LINE, at=at, actor=actor, reason="no award")
            _release(line.needs.filter(released_at__isnull=True), reason="no award", actor=actor, at=at)
        else:
            PoolLine.objects.filter(pk=line.pk).update(pack=winner.quote_line.pack, moq=winner.quote_line.moq)
    mails.commitments_open(pool, at=at)
    return pool


def winning_lines(pool: Pool, lines: Collection[int] | None = None) -> Sequence[AwardLine]:
    """The quote line that won each pool line (or each of `lines`), with its quote; empty before a confirmed award."""
    rows = AwardLine.objects.filter(award__tender__pool=pool, award__state="confirmed")
    return list(
        (rows if lines is None else rows.filter(pool_line__in=lines))
        .select_related("quote_line__quote__invitation__supplier", "pool_line")
        .prefetch_related("quote_line__tiers")
        .order_by("pool_line__position")
    )


@transaction.atomic(durable=True)
def cancel(*, actor: User, pool: Pool, reason: str, at: datetime) -> Pool:
    """Give the pool up before anything is ordered: needs become free again, companies and suppliers are told."""
    require(access.can_run_pool(actor, pool))
    if not reason.strip():
        raise ReasonMissing(field="reason")
    pool = locked(pool)
    companies = mails.pool_members(pool)
    move(pool, PoolState.CANCELLED, table=POOL, at=at, actor=actor, reason=reason)
    for tender in Tender.objects.filter(pool=pool).exclude(state__in=[TenderState.CANCELLED, TenderState.AWARDED]):
        move(tender, TenderState.CANCELLED, table=TENDER, at=at, actor=actor, reason=reason)
        telling.tender_event(tender, "cancelled", at=at, actor=actor, reason=reason)
        mails.tender_cancelled(tender, reason=reason, at=at)
    for line in pool.lines.exclude(state__in=[PoolLineState.CANCELLED, PoolLineState.FAILED]).order_by("pk"):
        move(line, PoolLineState.CANCELLED, table=POOL_LINE, at=at, actor=actor, reason=reason)
    release_needs(pool=pool, reason=reason, actor=actor, at=at)
    drop_commitments(pool=pool, reason=reason, actor=actor, at=at)
    mails.pool_cancelled(pool, companies, reason=reason, at=at)
    return pool


def drop_commitments(*, pool: Pool, reason: str, actor: User | None, at: datetime) -> None:
    """Free every company of its word in a pool that is given up. Inside the caller's transaction."""
    rows = Commitment.objects.select_related("company").filter(pool_line__pool=pool)
    for row in rows.exclude(state__in=[CommitmentState.DROPPED, CommitmentState.WITHDRAWN]).order_by("pk"):
        move(
            row,
            CommitmentState.DROPPED,
            table=COMMITMENT,
            at=at,
            actor=actor,
            actor_label="" if actor else "clock",
            reason=reason,
            company=row.company,
            drop_reason=Commitment.DropReason.CANCELLED,
        )


def release_needs(*, pool: Pool, reason: str, actor: User | None, at: datetime) -> None:
    """Give all needs of a pool back as approved; inside the caller's transaction."""
    _release(
        PooledNeed.objects.filter(pool_line__pool=pool, released_at__isnull=True), reason=reason, actor=actor, at=at
    )


def _release(needs: Iterable[PooledNeed], *, reason: str, actor: User | None, at: datetime) -> None:
    ids = [need.pk for need in needs]
    rows = PooledNeed.objects.filter(pk__in=ids, released_at__isnull=True).select_related(
        "request_line__request__company"
    )
    for need in rows.order_by("request_line_id"):
        line = need.request_line
        if line.state in (LineState.POOLED, LineState.COMMITTED, LineState.ORDERED):
            move(
                line,
                LineState.APPROVED,
                table=REQUEST_LINE,
                at=at,
                actor=actor,
                actor_label="" if actor else "clock",
                reason=reason,
                company=line.request.company,
            )
    PooledNeed.objects.filter(pk__in=ids).update(released_at=at, release_reason=reason[:200])


def locked(pool: Pool) -> Pool:
    """The pool's row, locked until the end of the transaction."""
    return Pool.objects.select_for_update(of=("self",)).get(pk=pool.pk)


def editable(pool: Pool) -> Pool:
    """The locked pool, while its lines may still change."""
    pool = locked(pool)
    if pool.state not in (PoolState.DRAFT, PoolState.GATHERING):
        raise PoolNotEditable
    return pool
