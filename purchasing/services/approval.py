"""Whether a company agreed to what it is about to owe: approvals by level, and budgets.

Asked when a request is submitted, when a company commits, when tier or freight move, and once more at the lock.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, OuterRef
from django.utils import timezone

from companies.models import Company
from companies.money import share
from purchasing.authority import levels_of, need_of, roles_by_person
from purchasing.models import Commitment, CommitmentApproval, Pool, PurchaseRequest, RequestDecision
from purchasing.rules import approval as rules
from purchasing.rules import budget as budget_rules
from purchasing.services import budget as budgets
from purchasing.services import standing as standings
from purchasing.services.bulk import needs_of
from purchasing.services.standing import Said, Standing


@dataclass(slots=True)
class Check:
    """What stands against one company's part of a pool, if anything."""

    company: Company
    amount_cents: int
    need: rules.Need
    approved: bool
    cents: dict[int, int] = field(default_factory=dict)  # by commitment
    stops: list[tuple[int, budget_rules.Stop]] = field(default_factory=list)  # year, why
    over_budget: set[int] = field(default_factory=set)  # commitments whose budget does not cover them

    @property
    def needs_approval(self) -> bool:
        return not self.approved


def request_approvals(request: PurchaseRequest) -> list[rules.Approval]:
    """The yeses of the present submission."""
    rows = list(request.decisions.filter(verdict=RequestDecision.Verdict.APPROVED, at__gte=request.submitted_at))
    people = {row.on_behalf_of_id or row.approver_id for row in rows}
    roles = roles_by_person([request.company_id], [pk for pk in people if pk])
    return [
        rules.Approval(
            row.approver_id,
            holder,
            roles.get((request.company_id, holder), frozenset()),
            row.amount_cents,
        )
        for row in rows
        if row.approver_id and (holder := row.on_behalf_of_id or row.approver_id)
    ]


def request_satisfied(request: PurchaseRequest) -> bool:
    """Whether everybody the amount asks for agreed to the submitted request."""
    certain = not request.lines.filter(ref_price_e4__isnull=True).exists()
    need = need_of(request.company, request.amount_cents, certain=certain)
    return rules.satisfied(need, request_approvals(request), request.amount_cents, buyers={request.requester_id})


def recheck(pool: Pool, standing: Standing, *, only: Company | None = None) -> dict[int, Check]:
    """Look at every company of the pool at today's tier and freight: is its part approved, does its budget cover it?

    Inside the caller's transaction, under the pool's lock. A handful of queries whatever the number of companies; the
    budgets looked at stay locked, so that two pools cannot both spend the same euro.
    """
    totals = standings.estimates(standing)
    if only is not None:
        totals = {only.pk: totals.get(only.pk, 0)}
    rows: dict[int, list[tuple[Said, int]]] = {}
    for line in standing.lines:
        price = line.outcome.tier.unit_price_e4 if line.outcome.tier else 0
        for c in line.commitments:
            if c.company_id in totals:
                rows.setdefault(c.company_id, []).append((c, line.granted(c) * price))
    levels = levels_of(rows)
    companies = {only.pk: only} if only is not None else Company.objects.in_bulk(rows)
    checks = {}
    for company_id, held in rows.items():
        company, amount = companies[company_id], totals[company_id]
        need = rules.need_of(company.approval_limit_cents, levels.get(company_id, []), amount)
        check = Check(company, amount, need, approved=not need.approvers)
        parts = share(amount, [weight for _c, weight in held])
        check.cents = {c.pk: cents for (c, _w), cents in zip(held, parts, strict=True)}
        checks[company_id] = check
    _ask_approvals(pool, rows, checks)
    _ask_budgets(pool, rows, checks)
    return checks


def _ask_approvals(pool: Pool, rows: dict[int, list[tuple[Said, int]]], checks: dict[int, Check]) -> None:
    asking = [pk for pk, check in checks.items() if not check.approved]
    if not asking:
        return
    covered = _covered(pool, asking)
    given = pool_approvals(pool, asking)
    for pk in asking:
        check = checks[pk]
        held = [c for c, _weight in rows[pk]]
        buyers = {c.committed_by_id for c in held if c.committed_by_id}
        yes = given.get(pk, [])
        check.approved = (
            check.amount_cents <= covered.get(pk, 0)
            or (check.need.approvers == 1 and not check.need.kinds and _signed(held, check.amount_cents))
            or rules.satisfied(check.need, yes, check.amount_cents, buyers=buyers)
        )


def _signed(held: Iterable[Said], amount_cents: int) -> bool:
    """One approver's name on every commitment, up to the amount."""
    return all(c.approved_by_id and (c.approved_cents or 0) >= amount_cents for c in held)


def _covered(pool: Pool, companies: Collection[int]) -> dict[int, int]:
    """What approvers agreed to with the requests behind the pool, by company."""
    decided = RequestDecision.objects.filter(
        request=OuterRef("request_line__request"), verdict=RequestDecision.Verdict.APPROVED
    )
    found: dict[int, int] = {}
    for need in needs_of(pool.pk, company__in=companies).filter(Exists(decided)):
        line = need.request_line
        cents = (line.quantity + line.tolerance) * (line.ref_price_e4 or 0) // 100
        found[need.company_id] = found.get(need.company_id, 0) + cents
    return found


def pool_approvals(pool: Pool, companies: Collection[int]) -> dict[int, list[rules.Approval]]:
    """The yeses of a pool that still hold, by company."""
    given = list(CommitmentApproval.objects.filter(pool=pool, company__in=companies, void_at__isnull=True))
    roles = roles_by_person(companies, [row.on_behalf_of_id or row.approver_id for row in given])
    found: dict[int, list[rules.Approval]] = {}
    for row in given:
        holder = row.on_behalf_of_id or row.approver_id
        held = roles.get((row.company_id, holder), frozenset())
        found.setdefault(row.company_id, []).append(rules.Approval(row.approver_id, holder, held, row.amount_cents))
    return found


def _ask_budgets(pool: Pool, rows: dict[int, list[tuple[Said, int]]], checks: dict[int, Check]) -> None:
    known = budgets.amounts(checks, lock=True)
    keeping = {company for company, _year in known}
    if not keeping:
        return
    others = [budgets.reserved(keeping), budgets.committed(keeping, without_pool=pool.pk)]
    years = _years(pool, [c for pk in keeping for c, _w in rows[pk]])
    for pk in sorted(keeping):
        check = checks[pk]
        for year in sorted({years[c.pk] for c, _w in rows[pk]}):
            asked: dict[str, int] = {}
            mine = [c for c, _w in rows[pk] if years[c.pk] == year]
            for c in mine:
                centre = budget_rules.clean(c.cost_centre)
                asked[centre] = asked.get(centre, 0) + check.cents[c.pk]
            taken = budgets.taken_by(others, pk, year)
            for stop in budget_rules.check(known.get((pk, year), {}), taken, asked):
                check.stops.append((year, stop))
                check.over_budget |= {c.pk for c in mine if budget_rules.clean(c.cost_centre) == stop.cost_centre}


def _years(pool: Pool, held: list[Said]) -> dict[int, int]:
    """The year each commitment is charged to; the same rule as `budget.committed`."""
    needed = dict(
        Commitment.objects.filter(pk__in=[c.pk for c in held]).values_list("pk", "request_line__request__needed_by")
    )
    closes = timezone.localdate(pool.closes_at).year if pool.closes_at else None

    def year(c: Said) -> int:
        day = needed.get(c.pk)
        if day is not None:
            return int(day.year)
        return closes or timezone.localdate(c.committed_at).year

    return {c.pk: year(c) for c in held}


def remember(checks: dict[int, Check], *, at: datetime) -> None:
    """Store what each commitment costs now, for companies that keep budgets."""
    keeping = {company for company, _year in budgets.amounts(checks)}
    cents = {pk: part for company, check in checks.items() if company in keeping for pk, part in check.cents.items()}
    if cents:
        budgets.store_charges(cents, at=at)
