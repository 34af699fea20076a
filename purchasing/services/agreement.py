"""An approver's yes or no to what a buyer wants to commit; asked again when tier or freight move."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import Company, User
from purchasing import mails_back, mails_needs
from purchasing.authority import Authority, fitting, may_approve_in, need_of
from purchasing.models import Commitment, CommitmentApproval, Pool
from purchasing.services import approval
from purchasing.services import budget as budgets
from purchasing.services import standing as standings
from purchasing.services.bulk import move_many, move_needs, needs_of
from purchasing.services.commitment import open_pool, tell_approvers
from purchasing.services.pool import locked
from purchasing.states import COMMITMENT, CommitmentState, LineState, PoolState


class OwnCommitment(DomainError):
    code = "own_commitment"
    message = _("You made this commitment yourself: another approver must decide.")
    status = 403


class AmountGrew(DomainError):
    code = "amount_grew"
    message = _("The amount is higher than when you were asked. Sign in, look at it again and decide there.")


class NothingWaits(DomainError):
    code = "nothing_to_approve"
    message = _("Nothing waits for an approval any more: it was decided, changed or taken back.")


class ReasonMissing(DomainError):
    code = "reason_missing"
    message = _("Say why in a few words.")
    field = "reason"


@transaction.atomic(durable=True)
def approve(
    *, actor: User, company: Company, pool: Pool, at: datetime, up_to_cents: int | None = None
) -> list[Commitment]:
    """One person agrees to all the company's waiting commitments of a pool, up to the worst case shown.

    They are firm once as many people agreed as the amount asks for. `up_to_cents` is what the person was shown, when
    that was earlier: more than that needs a new look.
    """
    rows, pool, authority = _waiting(actor, company, pool, at=at)
    if not rows:
        raise NothingWaits
    standing = standings.read(pool, waiting_of=company)
    most = standings.worst_cents(standing, company)
    if up_to_cents is not None and most > up_to_cents:
        raise AmountGrew
    for year, stop in approval.recheck(pool, standing, only=company)[company.pk].stops:
        raise budgets.refusal(stop, year)
    given, new = CommitmentApproval.objects.update_or_create(
        pool=pool,
        company=company,
        approver=actor,
        void_at=None,
        defaults={"on_behalf_of": authority.absent, "amount_cents": most, "at": at},
    )
    audit.record(
        "commitmentapproval.given",
        target=given,
        at=at,
        actor=actor,
        company=company,
        data={"cents": most, "on_behalf_of": authority.absent.pk if authority.absent else None, "first": new},
    )
    check = approval.recheck(pool, standing, only=company)[company.pk]
    if check.needs_approval:
        return rows
    for row in rows:
        row.approved_by, row.approved_at, row.approved_cents = actor, at, given.amount_cents
    move_many(
        rows,
        CommitmentState.COMMITTED,
        table=COMMITMENT,
        at=at,
        actor=actor,
        fields=["approved_by", "approved_at", "approved_cents"],
    )
    lines = [row.pool_line_id for row in rows]
    move_needs(needs_of(pool.pk, pool_line__in=lines, company=company), LineState.COMMITTED, at=at, actor=actor)
    return rows


@transaction.atomic(durable=True)
def refuse(*, actor: User, company: Company, pool: Pool, reason: str, at: datetime) -> list[Commitment]:
    """An approver says no: the commitments are drafts again and the buyer reads why."""
    rows, pool, _authority = _waiting(actor, company, pool, at=at)
    if not reason.strip():
        raise ReasonMissing
    CommitmentApproval.objects.filter(pool=pool, company=company, void_at__isnull=True).update(void_at=at)
    move_many(rows, CommitmentState.DRAFT, table=COMMITMENT, at=at, actor=actor, reason=reason.strip())
    mails_back.commitment_refused(pool, company, rows, reason=reason.strip(), at=at)
    return rows


def _waiting(actor: User, company: Company, pool: Pool, *, at: datetime) -> tuple[list[Commitment], Pool, Authority]:
    pool = open_pool(pool, at=at)
    rows = list(
        Commitment.objects.select_for_update(of=("self",))
        .select_related("company", "committed_by", "pool_line")
        .filter(pool_line__pool=pool, company=company, state=CommitmentState.TO_APPROVE)
        .order_by("pk")
    )
    buyers = {row.committed_by_id for row in rows if row.committed_by_id}
    if actor.pk in buyers and may_approve_in(actor, company, at=at):
        raise OwnCommitment
    most = standings.worst_cents(standings.read(pool, waiting_of=company), company)
    authority = fitting(actor, company, need=need_of(company, most), buyers=buyers, at=at)
    require(authority is not None)
    assert authority is not None
    return rows, pool, authority


@transaction.atomic(durable=True)
def ask_approvals(*, pool: Pool, at: datetime) -> int:
    """Before the deadline: freight or tiers may have lifted a company above its limit or its budget since it committed.

    Whoever must agree is asked; a buyer whose budget no longer covers the order is told. Safe to repeat.
    """
    pool = locked(pool)
    if pool.state not in (PoolState.COMMITTING, PoolState.COMPLETING):
        return 0
    standing = standings.read(pool)
    checks = approval.recheck(pool, standing)
    approval.remember(checks, at=at)
    asked = 0
    for _company_id, check in sorted(checks.items()):
        if check.needs_approval:
            firm = Commitment.objects.filter(pk__in=list(check.cents)).select_related("company", "committed_by")
            rows = list(firm.order_by("pool_line__position", "pk"))
            move_many(rows, CommitmentState.TO_APPROVE, table=COMMITMENT, at=at, actor=None)
            tell_approvers(pool, check, standing, rows, by=rows[0].committed_by, at=at)
            asked += 1
        if check.stops:
            mails_needs.budget_short(pool, check, at=at)
    return asked
