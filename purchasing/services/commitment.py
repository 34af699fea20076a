"""A company's firm word: given, changed, approved, taken back while that is still allowed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, Q
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import Company, Site, User
from companies.states import move
from purchasing import access, mails_needs
from purchasing.models import Commitment, CommitmentApproval, CommitmentProof, CommitmentVersion, Pool, PoolLine
from purchasing.rules.budget import clean
from purchasing.rules.tiers import Terms
from purchasing.services import approval
from purchasing.services import budget as budgets
from purchasing.services import proof_of_commitment as proofs
from purchasing.services import standing as standings
from purchasing.services.bulk import move_many, move_needs, needs_of, write_many
from purchasing.services.pool import locked
from purchasing.services.winners import winning_terms
from purchasing.states import COMMITMENT, REQUEST_LINE, CommitmentState, LineState, PoolLineState, PoolState

# What a company added less than this long ago, it may take back (before the deadline).
WITHDRAWAL = timedelta(hours=48)
HELD = (CommitmentState.COMMITTED, CommitmentState.TO_APPROVE)


class NotCommitting(DomainError):
    code = "pool_not_committing"
    message = _("This pool does not take commitments: it is not open yet, or it was closed.")


class DeadlinePassed(DomainError):
    code = "commitment_deadline_passed"
    message = _("The deadline has passed: commitments can no longer change.")


class FirmAlready(DomainError):
    code = "commitment_firm"
    message = _(
        "%(quantity)s units were promised more than 48 hours ago and stay firm. You may ask for more, not for less."
    )
    field = "quantity"


class OnlyMore(DomainError):
    code = "completing_only_adds"
    message = _("Packs are being completed now: you may add units, not take any back.")
    field = "quantity"


class CapTooLow(Invalid):
    code = "price_cap_too_low"
    message = _("No quote reaches this price: with this cap you could never take part.")
    field = "price_cap"


class UsefulTooHigh(Invalid):
    code = "min_useful_too_high"
    message = _("The useful minimum cannot be more than the quantity.")
    field = "min_useful"


class NothingHeld(DomainError):
    code = "nothing_committed"
    message = _("There is no commitment to take back.")


@dataclass(frozen=True, slots=True)
class Word:
    """What a buyer says about one line."""

    quantity: int
    tolerance: int = 0
    tolerance_tier: bool = False
    price_cap_e4: int | None = None
    min_useful: int = 0
    site: Site | None = None
    cost_centre: str = ""


class WordsRefused(DomainError):
    """Some lines were refused; nothing was kept. `refusals` says why, by pool line."""

    code = "commitments_refused"
    message = _("%(count)s lines were refused, nothing was changed. First: %(first)s")

    def __init__(self, refusals: Mapping[int, DomainError]) -> None:
        self.refusals = dict(refusals)
        super().__init__(count=len(refusals), first=next(iter(refusals.values())).sentence)

    @property
    def public(self) -> dict[str, Any]:
        """What a program reads: one row per refused line."""
        rows = [
            {"line": line, "code": e.code, "field": e.field or str(getattr(e, "field", "")), "message": e.sentence}
            for line, e in self.refusals.items()
        ]
        return {"errors": rows}


def commit(
    *, actor: User, company: Company, line: PoolLine, word: Word, at: datetime, draft: bool = False
) -> Commitment:
    """Give or change the company's word on one line: `commit_all` with one word, whose own refusal is raised."""
    try:
        return commit_all(actor=actor, company=company, pool=line.pool, words={line.pk: word}, at=at, draft=draft)[0]
    except WordsRefused as error:
        raise error.refusals[line.pk] from None


@transaction.atomic(durable=True)
def commit_all(
    *, actor: User, company: Company, pool: Pool, words: Mapping[int, Word], at: datetime, draft: bool = False
) -> list[Commitment]:
    """Give or change the company's word on several lines of a pool, all or none. The same word twice is said once.

    Above the company's limit they wait for an approver, unless an approved request covers it. A draft counts for nothing.
    The number of queries does not depend on the number of lines. Raises NotCommitting, DeadlinePassed, WordsRefused.
    """
    require(access.can_request(actor, company))
    pool = open_pool(pool, at=at)
    terms = {won.line.pk: won.terms for won in winning_terms(pool, words)}
    lines = pool.lines.filter(state=PoolLineState.OPEN).in_bulk(words)
    rows = _rows(company, words)
    refusals: dict[int, DomainError] = {}
    for pk, word in words.items():
        try:
            if pk not in lines or pk not in terms:
                raise NotCommitting
            _check(pool, rows.get(pk), company, word, terms[pk], at=at)
        except DomainError as error:
            refusals[pk] = error
    if refusals:
        raise WordsRefused(refusals)
    said, spoken = [], []
    for pk, word in words.items():
        row = rows.get(pk)
        held = row is not None and row.state in HELD
        if row is not None and held and (draft or _same(row, word)):
            said.append(row)  # said already; and a firm word is not turned back into a draft
            continue
        row = row or Commitment(company=company)
        row.pool_line = lines[pk]
        _put(row, word, actor=actor, at=at, draft=draft)
        said.append(row)
        spoken.append(row)
    _save(pool, spoken)
    if spoken and not draft:
        proof = proofs.begin(pool, company, spoken, terms, actor=actor, at=at)
        _keep_versions(pool, spoken, terms, proof, actor=actor, at=at)
        own = CommitmentApproval.objects.filter(pool=pool, company=company, void_at__isnull=True)
        own.filter(Q(approver=actor) | Q(on_behalf_of=actor)).update(void_at=at)
        _firm(spoken, pool, company, actor=actor, at=at)
    fresh = Commitment.objects.select_related("company", "request_line").in_bulk([row.pk for row in said])
    return [fresh[row.pk] for row in said]


@transaction.atomic(durable=True)
def withdraw(*, actor: User, company: Company, line: PoolLine, at: datetime) -> Commitment:
    """Take the whole word back, within 48 hours of the promise and before the deadline. A draft goes at any time."""
    require(access.can_request(actor, company))
    pool = open_pool(line.pool, at=at)
    row = _rows(company, [line.pk]).get(line.pk)
    if row is None or row.state not in (*HELD, CommitmentState.DRAFT):
        raise NothingHeld
    firm = firm_quantity(row, at=at)
    if firm:
        raise FirmAlready(quantity=firm)
    if row.state in HELD and pool.state == PoolState.COMPLETING:
        raise OnlyMore
    if row.version:
        row.version += 1
        CommitmentVersion.objects.create(commitment=row, number=row.version, quantity=0, actor=actor, at=at)
    move(row, CommitmentState.WITHDRAWN, table=COMMITMENT, at=at, actor=actor, company=company, version=row.version)
    move_needs(needs_of(pool.pk, pool_line=line, company=company), LineState.POOLED, at=at, actor=actor)
    row.refresh_from_db()
    return row


def open_pool(pool: Pool, *, at: datetime) -> Pool:
    """The locked pool while companies may still speak. 23:59:59 is accepted, 00:00:00 is refused."""
    pool = locked(pool)
    if pool.state not in (PoolState.COMMITTING, PoolState.COMPLETING):
        raise NotCommitting
    deadline = standings.deadline_of(pool)
    if deadline is not None and at >= deadline:
        raise DeadlinePassed
    return pool


def _rows(company: Company, lines: Iterable[int]) -> dict[int, Commitment]:
    """The company's words on some lines, locked, with what it said before."""
    rows = list(
        Commitment.objects.select_for_update(of=("self",))
        .filter(pool_line__in=list(lines), company=company)
        .prefetch_related(Prefetch("versions", queryset=CommitmentVersion.objects.order_by("number")))
        .order_by("pk")
    )
    for row in rows:
        row.company = company
    return {row.pool_line_id: row for row in rows}


def firm_quantity(row: Commitment | None, *, at: datetime) -> int:
    """The part of a commitment that can no longer be taken back."""
    if row is None or row.state not in HELD:
        return 0
    return sum(layer.quantity for layer in standings.layers_of(row.versions.all()) if at >= layer.at + WITHDRAWAL)


def _check(pool: Pool, row: Commitment | None, company: Company, word: Word, terms: Terms, *, at: datetime) -> None:
    if word.quantity < 1 or word.tolerance < 0 or word.tolerance > word.quantity * 100:
        raise Invalid(field="quantity")
    if word.min_useful > word.quantity:
        raise UsefulTooHigh
    if word.site is not None and word.site.company_id != company.pk:
        raise Invalid(field="site")
    firm = firm_quantity(row, at=at)
    if word.quantity < firm:
        raise FirmAlready(quantity=firm)
    if pool.state == PoolState.COMPLETING and row and row.state in HELD and word.quantity < row.quantity:
        raise OnlyMore
    if word.price_cap_e4 is not None and word.price_cap_e4 < terms.tiers[-1].unit_price_e4:
        raise CapTooLow


def _same(row: Commitment, word: Word) -> bool:
    names = ("quantity", "tolerance", "tolerance_tier", "price_cap_e4", "min_useful")
    return (
        row.site_id == (word.site.pk if word.site else None)
        and all(getattr(row, name) == getattr(word, name) for name in names)
        and (not word.cost_centre or word.cost_centre == row.cost_centre)
    )


def _put(row: Commitment, word: Word, *, actor: User, at: datetime, draft: bool) -> None:
    """Set the word; its state comes after. What was approved holds only for what was approved."""
    for name in SAID:
        setattr(row, name, getattr(word, name))
    row.cost_centre = clean(word.cost_centre) or row.cost_centre
    if not draft:
        if row.state not in HELD or row.committed_at is None:
            row.committed_at = at
        if row.approved_by_id in (None, actor.pk):
            row.approved_by = row.approved_at = row.approved_cents = None
        row.committed_by = actor
        row.version += 1
    row.drop_reason = "" if row.state != CommitmentState.DROPPED else row.drop_reason


SAID = ("quantity", "tolerance", "tolerance_tier", "price_cap_e4", "min_useful", "site")
STAMPED = ("committed_at", "committed_by", "approved_by", "approved_at", "approved_cents", "version", "drop_reason")


def _save(pool: Pool, rows: list[Commitment]) -> None:
    """Write the words, new and changed, each tied to the need it answers."""
    orphans = {row.pool_line_id: row for row in rows if row.request_line_id is None}
    if orphans:
        company = next(iter(orphans.values())).company
        for need in needs_of(pool.pk, pool_line__in=list(orphans), company=company):
            row = orphans[need.pool_line_id]
            if row.request_line_id is None:
                row.request_line = need.request_line
                row.cost_centre = row.cost_centre or need.request_line.request.cost_centre
    Commitment.objects.bulk_create([row for row in rows if row.pk is None])
    known = [row for row in rows if row.pk is not None]
    write_many(known, [*SAID, *STAMPED, "request_line", "cost_centre"])


def _keep_versions(
    pool: Pool, rows: list[Commitment], terms: Mapping[int, Terms], proof: CommitmentProof, *, actor: User, at: datetime
) -> None:
    """Keep what was promised together with the terms that were shown."""
    common = {
        "closes_at": pool.closes_at.isoformat() if pool.closes_at else None,
        **{name: getattr(pool, name) for name in proofs.POLICIES},
        "fee_bp": pool.fee_bp,
    }
    versions = []
    for row in rows:
        shown = terms[row.pool_line_id]
        tiers = [[t.from_quantity, t.unit_price_e4] for t in shown.tiers]
        versions.append(
            CommitmentVersion(
                commitment=row,
                number=row.version,
                quantity=row.quantity,
                tolerance=row.tolerance,
                tolerance_tier=row.tolerance_tier,
                price_cap_e4=row.price_cap_e4,
                min_useful=row.min_useful,
                terms={"tiers": tiers, "pack": shown.pack, "moq": shown.moq, **common},
                proof=proof,
                actor=actor,
                at=at,
            )
        )
    CommitmentVersion.objects.bulk_create(versions)


def _firm(rows: list[Commitment], pool: Pool, company: Company, *, actor: User, at: datetime) -> None:
    """Committed, or waiting for an approver when the company's whole part of the pool is above its limit."""
    new = [row for row in rows if row.state not in HELD]
    changed = [row for row in rows if row.state in HELD]
    for row in new:
        row.drop_reason = ""
    move_many(new, CommitmentState.COMMITTED, table=COMMITMENT, at=at, actor=actor, fields=["drop_reason"])
    audit.record_many("commitment.changed", changed, at=at, actor=actor, data=lambda row: {"version": row.version})
    held = list(
        Commitment.objects.select_for_update(of=("self",))
        .filter(pool_line__pool=pool, company=company, state__in=HELD)
        .order_by("pk")
    )
    standing = standings.read(pool, waiting_of=company)
    checks = approval.recheck(pool, standing, only=company)
    check = checks[company.pk]
    for year, stop in check.stops:
        raise budgets.refusal(stop, year)
    approval.remember(checks, at=at)
    if check.needs_approval:
        waiting = [c for c in held if c.state == CommitmentState.COMMITTED]
        move_many(waiting, CommitmentState.TO_APPROVE, table=COMMITMENT, at=at, actor=actor)
        tell_approvers(pool, check, standing, held, by=actor, at=at)
    else:
        _free(held, pool, company, actor=actor, at=at)


def _free(held: list[Commitment], pool: Pool, company: Company, *, actor: User, at: datetime) -> None:
    """Nobody has to agree: the words that waited are firm, and so are their needs."""
    free = [c for c in held if c.state == CommitmentState.TO_APPROVE]
    move_many(free, CommitmentState.COMMITTED, table=COMMITMENT, at=at, actor=actor)
    waiting = [state for state, after in REQUEST_LINE.items() if LineState.COMMITTED in after]
    needs = needs_of(pool.pk, pool_line__in=[c.pool_line_id for c in held], company=company)
    move_needs(needs.filter(request_line__state__in=waiting), LineState.COMMITTED, at=at, actor=actor)


def tell_approvers(
    pool: Pool,
    check: approval.Check,
    standing: standings.Standing,
    held: list[Commitment],
    *,
    by: User | None,
    at: datetime,
) -> None:
    """Ask by mail whoever must agree to the company's part, up to the most it could cost."""
    mails_needs.commitment_to_approve(
        pool,
        check,
        most_cents=standings.worst_cents(standing, check.company),
        buyers={c.committed_by_id for c in held if c.committed_by_id},
        committed_by=by,
        at=at,
    )
