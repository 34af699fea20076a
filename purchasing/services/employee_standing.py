"""Where an employee pool stands: what would be ordered if it closed now, at which price, with which freight."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Sum

from purchasing.models import EmployeeArticle, EmployeePool, EmployeePurchase, EmployeePurchaseLine
from purchasing.models.employee_purchase import ACTIVE
from purchasing.rules import shares
from purchasing.rules.employee_lot import LAST, Reach, fill, freight_most
from purchasing.rules.landed import freight_due
from purchasing.rules.tiers import Commitment, Outcome, Terms, Tier

ALL = "all"


def prices(article: EmployeeArticle) -> tuple[Tier, ...]:
    """The tiers for the rules; the figure is cents here."""
    return tuple(Tier(row.from_quantity, row.unit_price_cents) for row in article.tiers.all())


def terms(article: EmployeeArticle) -> Terms:
    return Terms(prices(article), article.pack)


def carries_rest(pool: EmployeePool) -> bool:
    return pool.pack_rest == EmployeePool.Rest.OPENER


def totals_of(pool: EmployeePool, leaving: EmployeePurchase | None = None) -> dict[int, tuple[int, int]]:
    """Units of each article in living purchases, and units more for packs."""
    rows = EmployeePurchaseLine.objects.filter(purchase__pool=pool, purchase__state__in=ACTIVE)
    if leaving is not None:
        rows = rows.exclude(purchase=leaving)
    found = rows.values_list("article").annotate(units=Sum("quantity"), more=Sum("tolerance")).order_by()
    return {article: (units, more) for article, units, more in found}


def outcome(pool: EmployeePool, article: EmployeeArticle, units: int, more: int) -> Outcome:
    """What would be ordered of an article for so many units in all: the rules look at sums alone."""
    return fill(terms(article), [Commitment(ALL, units, LAST, more)], opener=carries_rest(pool))


@dataclass(frozen=True, slots=True)
class Mine:
    """One person's part: goods and freight at most, and if the pool closed as it stands."""

    most_cents: int
    freight_most_cents: int
    now_cents: int
    freight_now_cents: int


def of(
    pool: EmployeePool,
    wanted: Mapping[int, int],
    more: Mapping[int, int],
    *,
    leaving: EmployeePurchase | None = None,
) -> Mine:
    """What these units cost one person, an earlier word left aside."""
    articles = {a.pk: a for a in pool.articles.prefetch_related("tiers")}
    totals = totals_of(pool, leaving)
    most = now = goods = units_in_all = 0
    reach = []
    for pk, article in articles.items():
        units, extra = wanted.get(pk, 0), more.get(pk, 0)
        before = totals.get(pk, (0, 0))
        told = outcome(pool, article, before[0] + units, before[1] + extra)
        price = (told.tier or terms(article).tiers[0]).unit_price_e4
        goods, units_in_all = goods + told.ordered * price, units_in_all + told.ordered
        if units:
            most += (units + extra) * terms(article).tiers[0].unit_price_e4
            now += units * price
            reach.append(Reach(units + extra, terms(article).least, article.most_per_person))
    worst = freight_most(pool.freight_cents, pool.freight_split, reach, len({a.vat_bp for a in articles.values()}))
    due = freight_due(goods, pool.freight_cents, pool.franco_cents)
    if not goods:
        return Mine(most, worst, now, worst)
    if pool.freight_split == shares.EQUAL:
        others = pool.purchases.filter(state__in=ACTIVE)
        people = (others.exclude(pk=leaving.pk) if leaving else others).count()
        part = -(-due // (people + 1))
    elif pool.freight_split == shares.QUANTITY:
        part = -(-due * sum(wanted.values()) // units_in_all)
    else:
        part = -(-due * now // goods)
    return Mine(most, worst, now, min(worst, part))
