"""What dashboards read: closed months of everybody through the rules of anonymity, and a merchant's own sales."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import Count, Q
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from benefit_card import months
from benefit_card.anonymity import BIG_COMPANY, Raw, Shown, cell, row
from benefit_card.models import MerchantUse, MonthlyUse, UseScope
from companies import charts
from companies.models import Company, Employment
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


def enrolment(company: Company, *, at: datetime) -> dict[str, int]:
    """Who could have a card, has one, has opened it: state, never use. One look, from its people, not through all cards."""
    card = "person__cards"
    held = Q(**{f"{card}__replaced_at__isnull": True, f"{card}__blocked_at__isnull": True})
    opened = held & Q(**{f"{card}__activated_at__isnull": False})
    found: dict[str, int] = (
        Employment.objects.filter(company=company)
        .current(on=at.date())
        .aggregate(
            people=Count("person", distinct=True),
            cards=Count(card, filter=held, distinct=True),
            opened=Count(card, filter=opened, distinct=True),
        )
    )
    return found


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


_VISITS = """
SELECT date_trunc('month', at AT TIME ZONE 'Europe/Paris')::date AS month, count(*), sum(discount_cents), sum(gross_cents)
FROM benefit_card_redemption r WHERE merchant_id = %(merchant)s AND at >= %(since)s AND voids_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM benefit_card_undone u WHERE u.redemption_id = r.id) GROUP BY 1
"""
_HOURS = """
SELECT EXTRACT(ISODOW FROM at AT TIME ZONE 'Europe/Paris')::int, EXTRACT(HOUR FROM at AT TIME ZONE 'Europe/Paris')::int,
       count(*) FROM benefit_card_redemption r WHERE merchant_id = %(merchant)s AND at >= %(since)s AND voids_id IS NULL
  AND NOT EXISTS (SELECT 1 FROM benefit_card_undone u WHERE u.redemption_id = r.id) GROUP BY 1, 2
"""


def for_merchant(merchant: Merchant, *, at: datetime) -> dict[str, object]:
    """A merchant's own visits: by month, and the hours that bring most. Past months were counted; the rest is read."""
    since = months.last_closed(at)
    for _step in range(SHOWN - 2):
        since = months.before(since)
    past = list(MerchantUse.objects.filter(merchant=merchant, month__gte=since))
    last = MerchantUse.objects.order_by("-month").values_list("month", flat=True).first()
    live = since if last is None else max(since, months.after(last))
    scope: dict[str, int | datetime] = {"merchant": merchant.pk, "since": months.bounds(live)[0]}
    with connection.cursor() as cursor:
        cursor.execute(_VISITS, scope)
        visits = [(use.month, use.visits, use.discount_cents, use.gross_cents) for use in past] + cursor.fetchall()
        cursor.execute(_HOURS, scope)
        by_hour = Counter({(day, hour): count for day, hour, count in cursor.fetchall()})
    for use in past:
        by_hour.update({divmod(int(slot), 100): count for slot, count in use.hours.items()})
    best = sorted(by_hour.items(), key=lambda item: (-item[1], item[0]))[:8]
    hours = [(f"{WEEKDAYS_ABBR[day - 1]} {hour} h", count) for (day, hour), count in best]
    visits.sort(reverse=True)
    return {
        "visits": [(_month(month), count, off, gross) for month, count, off, gross in visits],
        "visits_chart": charts.bars([(_month(month), float(count)) for month, count, _off, _gross in visits]),
        "hours": hours,
        "hours_chart": charts.bars([(name, float(count)) for name, count in hours]),
    }
