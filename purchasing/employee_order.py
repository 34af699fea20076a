"""What an employee pool orders: each article with its total, the units per company and the rest of packs. No name of a person."""

from dataclasses import dataclass

from django.db.models import Sum

from purchasing.models import EmployeeArticle, EmployeePool, EmployeePurchaseLine
from purchasing.states_employees import PurchaseState

OURS = "ERB"


@dataclass(frozen=True)
class OrderRow:
    """One article of the order; `places` are the companies' names with their units, who opened the pool last."""

    article: EmployeeArticle
    units: int
    places: list[tuple[str, int]]

    @property
    def gross_cents(self) -> int:
        return self.units * (self.article.unit_price_cents or 0)


def rows(pool: EmployeePool) -> list[OrderRow]:
    """The articles that are ordered, in their order, with the companies by name."""
    bought = (
        EmployeePurchaseLine.objects.filter(purchase__pool=pool, purchase__state=PurchaseState.LOCKED, ordered__gt=0)
        .values_list("article", "purchase__company__name")
        .annotate(units=Sum("ordered"))
        .order_by("purchase__company__name", "purchase__company")
    )
    per: dict[int, list[tuple[str, int]]] = {}
    for article, company, units in bought:
        per.setdefault(article, []).append((company, units))
    found = []
    for article in pool.articles.order_by("position"):
        places = per.get(article.pk, [])
        if places and article.rest:
            places = [*places, (pool.company.name if pool.company else OURS, article.rest)]
        if places:
            found.append(OrderRow(article, sum(units for _name, units in places), places))
    return found
