"""What budgets have left, and charging them. Budget rows are locked last, in the order of their keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Exists, F, IntegerField, OuterRef, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, ExtractYear
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import Company, User
from companies.money import line_total
from purchasing import access
from purchasing.models import Budget, BudgetCharge, Commitment, CostShare, PurchaseRequest, RequestLine
from purchasing.rules import budget as rules
from purchasing.states import CommitmentState, LineState, RequestState

COUNTING = (CommitmentState.TO_APPROVE, CommitmentState.COMMITTED, CommitmentState.LOCKED)


class BudgetExceeded(DomainError):
    code = "budget_exceeded"
    message = _(
        "The budget %(centre)s of %(year)s is %(budget)s €: %(taken)s € are taken and %(asked)s € are asked, "
        "%(over)s € too much. Ask for less, or have the budget raised first."
    )


class CostCentreMissing(DomainError):
    code = "cost_centre_missing"
    message = _("Your company keeps budgets for %(year)s: say which cost centre pays.")
    field = "cost_centre"


class CostCentreUnknown(DomainError):
    code = "cost_centre_without_budget"
    message = _("The cost centre %(centre)s has no budget for %(year)s. Choose another, or have a budget set first.")
    field = "cost_centre"


Key = tuple[int, int, str]  # company, year, cost centre


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """One budget and what counts against it: approved needs that wait, and commitments up to the order."""

    budget: Budget
    reserved_cents: int
    committed_cents: int
    spent_cents: int = 0  # of what is committed: what suppliers' invoices were shared out for

    @property
    def taken_cents(self) -> int:
        return self.reserved_cents + self.committed_cents

    @property
    def free_cents(self) -> int:
        return self.budget.amount_cents - self.taken_cents

    @property
    def over_cents(self) -> int:
        return max(0, -self.free_cents)


def year_of(request: PurchaseRequest, *, at: datetime) -> int:
    """The year a request is charged to: when it is needed, else when it was submitted."""
    return request.needed_by.year if request.needed_by else timezone.localdate(request.submitted_at or at).year


def reserved(companies: Iterable[int], *, without_request: int | None = None) -> dict[Key, int]:
    """Approved needs without a firm word yet, at their reference prices."""
    lines = RequestLine.objects.filter(
        request__company__in=list(companies),
        request__state=RequestState.APPROVED,
        state__in=[LineState.APPROVED, LineState.POOLED],
    ).exclude(commitments__state__in=COUNTING)
    if without_request is not None:
        lines = lines.exclude(request=without_request)
    year = Coalesce(ExtractYear("request__needed_by"), ExtractYear("request__submitted_at"))
    return _summed(
        lines.annotate(
            charged_year=year,
            centre=F("request__cost_centre"),
            who=F("request__company_id"),
            cents=(F("quantity") * Coalesce(F("ref_price_e4"), Value(0), output_field=BigIntegerField()) + 50) / 100,
        )
    )


def committed(
    companies: Iterable[int], *, without_pool: int | None = None, only: Exists | None = None
) -> dict[Key, int]:
    """Firm words: what they were last found to cost, else their quantity at the order's or the reference price."""
    rows = Commitment.objects.filter(company__in=list(companies), state__in=COUNTING)
    if without_pool is not None:
        rows = rows.exclude(pool_line__pool=without_pool)
    if only is not None:
        rows = rows.filter(only)
    price = Coalesce(F("pool_line__unit_price_e4"), F("request_line__ref_price_e4"), Value(0))
    year = Coalesce(
        ExtractYear("request_line__request__needed_by"),
        ExtractYear("pool_line__pool__closes_at"),
        ExtractYear("committed_at"),
        output_field=IntegerField(),
    )
    plain = (Coalesce(F("granted"), F("quantity")) * price + 50) / 100
    return _summed(
        rows.annotate(
            charged_year=year,
            centre=F("cost_centre"),
            who=F("company_id"),
            cents=Coalesce(F("charge__cents"), plain, output_field=BigIntegerField()),
        )
    )


def spent(companies: Iterable[int]) -> dict[Key, int]:
    """The part of `committed` that is no estimate any more: commitments with shares of a supplier's invoice."""
    billed = CostShare.objects.filter(commitment=OuterRef("pk"))
    return committed(companies, only=Exists(billed))


def _summed(rows: "QuerySet[Any]") -> dict[Key, int]:
    found: dict[Key, int] = {}
    totals = rows.order_by().values_list("who", "charged_year", "centre").annotate(total=Sum("cents"))
    for who, year, centre, total in totals:
        key = (who, year, rules.clean(centre))
        found[key] = found.get(key, 0) + int(total or 0)
    return found


def amounts(companies: Iterable[int], *, lock: bool = False) -> dict[tuple[int, int], dict[str, int]]:
    """Budgets by (company, year) and cost centre; locked until the end of the transaction when asked."""
    rows = Budget.objects.filter(company__in=list(companies)).order_by("pk")
    found: dict[tuple[int, int], dict[str, int]] = {}
    for row in rows.select_for_update() if lock else rows:
        found.setdefault((row.company_id, row.year), {})[row.cost_centre] = row.amount_cents
    return found


def taken_by(parts: Iterable[Mapping[Key, int]], company: int, year: int) -> dict[str, int]:
    """The cents taken of one company's year, by cost centre."""
    found: dict[str, int] = {}
    for part in parts:
        for (who, when, centre), cents in part.items():
            if (who, when) == (company, year):
                found[centre] = found.get(centre, 0) + cents
    return found


def check_request(request: PurchaseRequest, *, at: datetime) -> None:
    """Refuse a request its budget does not cover. Inside the caller's transaction; the budgets stay locked till its end."""
    company, year = request.company_id, year_of(request, at=at)
    budgets = amounts([company], lock=True).get((company, year), {})
    if not budgets:
        return
    others = [reserved([company], without_request=request.pk), committed([company])]
    goods = sum(line_total(line.quantity, line.ref_price_e4 or 0) for line in request.lines.all())
    asked = max(goods, request.amount_cents)  # the amount of a call-off holds its freight
    stops = rules.check(budgets, taken_by(others, company, year), {rules.clean(request.cost_centre): asked})
    for stop in stops:
        raise refusal(stop, year)


def refusal(stop: rules.Stop, year: int) -> DomainError:
    """The sentence for a stop."""
    if stop.code == rules.NO_CENTRE:
        return CostCentreMissing(year=year)
    if stop.code == rules.NO_BUDGET:
        return CostCentreUnknown(centre=stop.cost_centre, year=year)
    figures = {
        name: f"{cents // 100},{cents % 100:02d}"
        for name, cents in (
            ("budget", stop.budget_cents),
            ("taken", stop.taken_cents),
            ("asked", stop.asked_cents),
            ("over", stop.over_cents),
        )
    }
    return BudgetExceeded(centre=stop.cost_centre, year=year, **figures)


def store_charges(cents_by_commitment: Mapping[int, int], *, at: datetime) -> None:
    """Remember what commitments cost by the last look at tier and freight. Inside the caller's transaction."""
    BudgetCharge.objects.bulk_create(
        [BudgetCharge(commitment_id=pk, cents=cents, at=at) for pk, cents in sorted(cents_by_commitment.items())],
        update_conflicts=True,
        unique_fields=["commitment"],
        update_fields=["cents", "at"],
        batch_size=1_000,
    )


def uses(company: Company, year: int) -> list[BudgetUse]:
    """The budgets of a year with what is taken of each. Four queries."""
    waiting, firm, billed = reserved([company.pk]), committed([company.pk]), spent([company.pk])
    rows = Budget.objects.filter(company=company, year=year).order_by("cost_centre")
    keys = [(company.pk, year, row.cost_centre) for row in rows]
    return [
        BudgetUse(row, waiting.get(k, 0), firm.get(k, 0), billed.get(k, 0)) for row, k in zip(rows, keys, strict=True)
    ]


@transaction.atomic(durable=True)
def save(
    *, actor: User, company: Company, year: int, cost_centre: str, amount_cents: int, name: str = "", at: datetime
) -> Budget:
    """Set or change what a cost centre may commit in a year."""
    require(access.can_keep_budgets(actor, company))
    centre = rules.clean(cost_centre)
    if not centre:
        raise CostCentreMissing(year=year)
    was = Budget.objects.select_for_update().filter(company=company, year=year, cost_centre=centre).first()
    row = was or Budget(company=company, year=year, cost_centre=centre)
    before = row.amount_cents if was else None
    row.amount_cents, row.name = amount_cents, name
    row.save()
    audit.record(
        "budget.changed" if was else "budget.created",
        target=row,
        at=at,
        actor=actor,
        company=company,
        data={"cents": amount_cents, "was": before},
    )
    return row


@transaction.atomic(durable=True)
def remove(*, actor: User, budget: Budget, at: datetime) -> None:
    """Take a budget away. Requests of its cost centre are then stopped while others of the year remain."""
    require(access.can_keep_budgets(actor, budget.company))
    audit.record("budget.removed", target=budget, at=at, actor=actor, company=budget.company)
    budget.delete()


def centres(company: Company, on: date) -> list[str]:
    """The cost centres with a budget that year, for forms."""
    rows = Budget.objects.filter(company=company, year=on.year).order_by("cost_centre")
    return list(rows.values_list("cost_centre", flat=True))
