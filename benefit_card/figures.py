"""What dashboards read: closed months of everybody through the rules of anonymity, and a merchant's own sales."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefit_card import months
from benefit_card.anonymity import BIG_COMPANY, Raw, Shown, cell, row
from benefit_card.models import MerchantDay, MerchantUse, MonthlyUse, UseScope
from benefit_card.services import monthly_use
from companies import charts
from companies.models import Company
from merchants.models import Category, Merchant

SHOWN = 12  # months


@dataclass(frozen=True)
class Table:
    """Rows of figures with a picture of the same."""

    title: str
    head: str
    rows: list[tuple[str, Shown]]
    total: Shown | None
    chart: SafeString


def _month(day: date) -> str:
    return f"{day:%m/%Y}"


def _table(title: str, head: str, rows: list[tuple[str, Shown]], total: Shown | None = None) -> Table:
    return Table(title, head, rows, total, charts.bars([(name, float(shown.uses)) for name, shown in rows]))


def _raws(scope: UseScope, *, month: date | None = None, keys: list[str] | None = None) -> list[tuple[str, date, Raw]]:
    found = MonthlyUse.objects.filter(scope=scope)
    found = found.filter(month=month) if month else found
    found = found.filter(key__in=keys) if keys is not None else found
    return [
        (item.key, item.month, Raw(item.people, item.uses, item.discount_cents))
        for item in found.order_by("-month", "key")[: SHOWN * 60]
    ]


def _months(scope: UseScope, key: str) -> Table:
    rows = [(_month(month), cell(raw)) for _key, month, raw in _raws(scope, keys=[key])[:SHOWN]]
    return _table(_("By month"), _("Month"), rows)


_HEADS = {UseScope.SIZE: gettext_lazy("Company size"), UseScope.CATEGORY: gettext_lazy("Category")}


def _split(title: str, scope: UseScope, names: dict[str, str], *, month: date, total: Raw | None) -> Table:
    raws = {key: raw for key, _month_, raw in _raws(scope, month=month, keys=list(names))}
    shown, whole = row(raws, total=total)
    head = str(_HEADS.get(scope, _HEADS[UseScope.CATEGORY]))
    return _table(title, head, [(names[key], shown[key]) for key in names if key in shown], whole)


def _categories() -> dict[str, str]:
    return {category.slug: str(category) for category in Category.objects.all()}


def for_company(company: Company, *, at: datetime, cards: int) -> list[Table]:
    """Use by month, and by category in the last month for companies of 50 cards and more. Never by merchant."""
    tables = [_months(UseScope.COMPANY, str(company.pk))]
    month = months.last_closed(at)
    total = next((raw for _key, _day, raw in _raws(UseScope.COMPANY, month=month, keys=[str(company.pk)])), None)
    if cards >= BIG_COMPANY and total is not None:
        names = {f"{company.pk}:{slug}": name for slug, name in _categories().items()}
        title = _("By category, %(month)s") % {"month": _month(month)}
        tables.append(_split(title, UseScope.COMPANY_CATEGORY, names, month=month, total=total))
    return tables


def for_staff(*, at: datetime) -> list[Table]:
    """Use by month, by company size and by category."""
    month = months.last_closed(at)
    total = next((raw for _key, _day, raw in _raws(UseScope.ALL, month=month)), None)
    sizes = {size: _("%(size)s employees") % {"size": size} for size in ("1-9", "10-49", "50-249", "250+")}
    label = {"month": _month(month)}
    return [
        _months(UseScope.ALL, ""),
        _split(_("By company size, %(month)s") % label, UseScope.SIZE, sizes, month=month, total=total),
        _split(_("By category, %(month)s") % label, UseScope.CATEGORY, _categories(), month=month, total=total),
    ]


_LIVE = """
SELECT date_trunc('month', local)::date, (100 * EXTRACT(ISODOW FROM local) + EXTRACT(HOUR FROM local))::int, count(*),
       sum(discount_cents), sum(gross_cents)
FROM (SELECT r.*, at AT TIME ZONE 'Europe/Paris' AS local FROM benefit_card_redemption r
      WHERE merchant_id = %s AND at >= %s AND voids_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM benefit_card_undone u WHERE u.redemption_id = r.id)) AS sold GROUP BY 1, 2
"""


@dataclass
class Visits:
    """Cards accepted in a month."""

    count: int = 0
    discount_cents: int = 0
    gross_cents: int = 0

    def add(self, count: int, off: int, gross: int) -> None:
        self.count, self.discount_cents = self.count + count, self.discount_cents + off
        self.gross_cents += gross


def for_merchant(merchant: Merchant, *, at: datetime) -> dict[str, object]:
    """A merchant's own visits: by month, and the hours that bring most.

    Past months and past days were counted by night; only what was sold since then is read.
    """
    since = months.last_closed(at)
    for _step in range(SHOWN - 2):
        since = months.before(since)
    by_month: defaultdict[date, Visits] = defaultdict(Visits)
    by_hour: Counter[int] = Counter()
    last = MerchantUse.objects.order_by("-month").values_list("month", flat=True).first()
    live = since if last is None else max(since, months.after(last))
    past = MerchantUse.objects.filter(merchant=merchant, month__gte=since)
    days = MerchantDay.objects.filter(merchant=merchant, day__gte=live)
    counted: list[tuple[MerchantUse | MerchantDay, date]] = [
        *((use, use.month) for use in past),
        *((use, months.first_of(use.day)) for use in days),
    ]
    for use, month in counted:
        by_month[month].add(use.visits, use.discount_cents, use.gross_cents)
        by_hour.update({int(slot): count for slot, count in use.hours.items()})
    with connection.cursor() as cursor:
        cursor.execute(_LIVE, [merchant.pk, months.midnight_of(monthly_use.counted_until(since=live))])
        for month, slot, *sums in cursor.fetchall():
            by_month[month].add(*sums)
            by_hour[slot] += sums[0]
    best = sorted(by_hour.items(), key=lambda item: (-item[1], item[0]))[:8]
    hours = [(f"{WEEKDAYS_ABBR[slot // 100 - 1]} {slot % 100} h", count) for slot, count in best]
    visits = sorted(by_month.items(), reverse=True)
    return {
        "visits": [(_month(month), sold.count, sold.discount_cents, sold.gross_cents) for month, sold in visits],
        "visits_chart": charts.bars([(_month(month), float(sold.count)) for month, sold in visits]),
        "hours": hours,
        "hours_chart": charts.bars([(name, float(count)) for name, count in hours]),
    }
