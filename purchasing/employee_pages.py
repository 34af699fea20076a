"""What the pages of employee pools read. An employer's page shows totals; who chose what is the employee's own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, Q, QuerySet, Sum, When

from companies.models import Company, Person
from purchasing.models import (
    EmployeeArticle,
    EmployeePayBack,
    EmployeePool,
    EmployeePurchase,
    EmployeePurchaseLine,
)
from purchasing.models.employee_purchase import ACTIVE
from purchasing.rules import packs
from purchasing.services import employee_standing as standing
from purchasing.states_employees import EmployeePoolState, PayBackState, PurchaseState

FEW = 10  # below so many people a company's page says only that: fewer than ten


@dataclass(frozen=True)
class Offer:
    """An article as a page shows it."""

    article: EmployeeArticle
    tiers: list[dict[str, Any]]
    together: int
    price_cents: int  # of today, or the fixed one
    reached: bool
    missing: int  # units to the next tier, 0 when there is none
    next_cents: int
    to_full: int = 0  # units that the last pack lacks, those that people take for packs counted in

    @property
    def percent(self) -> int:
        top = self.tiers[-1]["from_quantity"]
        return min(100, self.together * 100 // top)


def offers(pool: EmployeePool) -> list[Offer]:
    """The articles of a pool with where their total stands. Five queries whatever the number of articles."""
    totals = standing.totals_of(pool)
    found = []
    for article in pool.articles.prefetch_related("tiers").select_related("photo"):
        steps, (units, more) = standing.prices(article), totals.get(article.pk, (0, 0))
        told = standing.outcome(pool, article, units, more)
        now, ordered = told.tier, max(units, told.ordered)
        ahead = next((tier for tier in steps if tier.from_quantity > ordered), None)
        rows = [
            {
                "from_quantity": tier.from_quantity,
                "cents": tier.unit_price_e4,
                "reached": ordered >= tier.from_quantity,
            }
            for tier in steps
        ]
        fixed = article.unit_price_cents if pool.state != EmployeePoolState.OPEN else None
        found.append(
            Offer(
                article,
                rows,
                units,
                fixed or (now or steps[0]).unit_price_e4,
                now is not None,
                ahead.from_quantity - ordered if ahead else 0,
                ahead.unit_price_e4 if ahead else 0,
                max(0, packs.round_up(units, article.pack) - units - more),
            )
        )
    return found


def mine(person: Person, pool: EmployeePool) -> EmployeePurchase | None:
    """The person's living purchase of a pool, else their last one."""
    rows = pool.purchases.filter(person=person).select_related("pool", "payment", "company", "person")
    return rows.filter(state__in=ACTIVE).first() or rows.order_by("-pk").first()


def my_list(person: Person, at: datetime) -> QuerySet[EmployeePool]:
    """Pools an employee sees, those that wait for them first: open ones by deadline, then the others, newest first."""
    living = Q(purchases__person=person, purchases__state__in=ACTIVE)
    return (
        EmployeePool.objects.filter(pk__in=EmployeePool.objects.open_to(person, at).values("pk"))
        .annotate(joined=Count("purchases", filter=living))
        .annotate(waiting=_waiting(person))
        .annotate(first=Case(When(state=EmployeePoolState.OPEN, then=0), default=1))
        .order_by("first", "-closes_at", "-pk")
    )


def _waiting(person: Person) -> Any:
    lines = Q(purchases__person=person, purchases__state=PurchaseState.LOCKED)
    units = F("purchases__lines__arrived") - F("purchases__lines__handed") - F("purchases__lines__refused")
    return Sum(units, filter=lines, default=0)


def people_in(pool: EmployeePool, company: Company) -> int | None:
    """How many of a company's people take part; None when fewer than ten, so that nobody is pointed at."""
    count = pool.purchases.filter(company=company, state__in=ACTIVE).count()
    return count if count >= FEW else None


def to_collect(pool: EmployeePool, company: Company) -> QuerySet[EmployeePurchase]:
    """Whose parcel waits at a company: names without contents. What is inside is read with the code, one at a time."""
    waits = EmployeePurchaseLine.objects.filter(arrived__gt=F("handed") + F("refused"))
    return (
        pool.purchases.filter(company=company, state=PurchaseState.LOCKED, lines__in=waits)
        .select_related("person")
        .distinct()
        .order_by("person__last_name", "person__first_name", "pk")
    )


def refunds_to_decide(pool: EmployeePool) -> QuerySet[EmployeePayBack]:
    rows = EmployeePayBack.objects.filter(line__purchase__pool=pool, state=PayBackState.PROPOSED)
    return rows.select_related("line__article", "line__purchase__company").order_by("pk")


def short_of(pool: EmployeePool) -> list[dict[str, Any]]:
    """What has not arrived, per company and article."""
    rows = (
        EmployeePurchaseLine.objects.filter(purchase__pool=pool, purchase__state=PurchaseState.LOCKED, ordered__gt=0)
        .values("article", "article__name", "purchase__company", "purchase__company__name")
        .annotate(ordered=Sum("ordered"), arrived=Sum("arrived"), missing=Sum("missing"))
        .order_by("purchase__company__name", "article")
    )
    return [{**row, "open": row["ordered"] - row["arrived"] - row["missing"]} for row in rows]
