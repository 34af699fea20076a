"""Counts a closed month once: how many people used the card, how often, by company, size and category."""

from datetime import date, datetime, timedelta

from django.db import connection, transaction

from benefit_card import months
from benefit_card.models import MerchantDay, MerchantUse, MonthlyUse, UseScope

DAYS_LOCK = 0x45524304
_COUNT = """
WITH used AS MATERIALIZED (
  SELECT r.person_id, r.discount_cents, k.slug AS category
  FROM benefit_card_redemption r
  JOIN merchants_merchant m ON m.id = r.merchant_id JOIN merchants_category k ON k.id = m.category_id
  WHERE r.at >= %(start)s AND r.at < %(end)s AND r.voids_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM benefit_card_undone u WHERE u.redemption_id = r.id)
), held AS MATERIALIZED (
  SELECT DISTINCT e.person_id, e.company_id, CASE WHEN c.headcount < 10 THEN '1-9' WHEN c.headcount < 50 THEN '10-49'
         WHEN c.headcount < 250 THEN '50-249' ELSE '250+' END AS size
  FROM companies_employment e JOIN companies_company c ON c.id = e.company_id
  WHERE e.starts_on < %(after)s AND (e.ends_on IS NULL OR e.ends_on >= %(month)s)
), sized AS (SELECT DISTINCT person_id, min(size) AS size FROM held GROUP BY person_id)
INSERT INTO benefit_card_monthlyuse (month, scope, key, people, uses, discount_cents)
SELECT %(month)s, scope, key, people, uses, off FROM (
  SELECT 'all' AS scope, '' AS key, count(DISTINCT person_id) AS people, count(*) AS uses,
         COALESCE(sum(discount_cents), 0) AS off FROM used
  UNION ALL
  SELECT 'category', category, count(DISTINCT person_id), count(*), sum(discount_cents) FROM used GROUP BY category
  UNION ALL
  SELECT 'size', s.size, count(DISTINCT u.person_id), count(*), sum(u.discount_cents)
  FROM used u JOIN sized s USING (person_id) GROUP BY s.size
  UNION ALL
  SELECT 'company', h.company_id::text, count(DISTINCT u.person_id), count(*), sum(u.discount_cents)
  FROM used u JOIN held h USING (person_id) GROUP BY h.company_id
  UNION ALL
  SELECT 'comp_cat', h.company_id || ':' || u.category, count(DISTINCT u.person_id), count(*), sum(u.discount_cents)
  FROM used u JOIN held h USING (person_id) GROUP BY h.company_id, u.category
) AS counted ON CONFLICT (scope, key, month) DO NOTHING
"""


_MERCHANTS = """
INSERT INTO benefit_card_merchantuse (merchant_id, month, visits, discount_cents, gross_cents, hours)
SELECT merchant_id, %(month)s, sum(visits), sum(off), sum(gross), jsonb_object_agg(hour, visits) FROM (
  SELECT merchant_id, (100 * EXTRACT(ISODOW FROM local) + EXTRACT(HOUR FROM local))::int AS hour, count(*) AS visits,
         sum(discount_cents) AS off, sum(gross_cents) AS gross
  FROM (SELECT r.*, at AT TIME ZONE 'Europe/Paris' AS local FROM benefit_card_redemption r
        WHERE at >= %(start)s AND at < %(end)s AND voids_id IS NULL AND NOT EXISTS (
          SELECT 1 FROM benefit_card_undone u WHERE u.redemption_id = r.id)) AS sold
  GROUP BY 1, 2) AS counted
GROUP BY merchant_id ON CONFLICT (merchant_id, month) DO NOTHING
"""


_DAYS = """
INSERT INTO benefit_card_merchantday (merchant_id, day, visits, discount_cents, gross_cents, hours)
SELECT merchant_id, day, sum(visits), sum(off), sum(gross), jsonb_object_agg(hour, visits) FROM (
  SELECT merchant_id, local::date AS day, (100 * EXTRACT(ISODOW FROM local) + EXTRACT(HOUR FROM local))::int AS hour,
         count(*) AS visits, sum(discount_cents) AS off, sum(gross_cents) AS gross
  FROM (SELECT r.*, at AT TIME ZONE 'Europe/Paris' AS local FROM benefit_card_redemption r
        WHERE at >= %(start)s AND at < %(end)s AND voids_id IS NULL AND NOT EXISTS (
          SELECT 1 FROM benefit_card_undone u WHERE u.redemption_id = r.id)) AS sold
  GROUP BY 1, 2, 3) AS counted
GROUP BY merchant_id, day
"""


@transaction.atomic(durable=True)
def count_days(*, at: datetime) -> int:
    """Count the days up to yesterday of the months not counted yet, all anew: late sales and undone ones stand right by
    the next morning. Return how many rows there are.
    """
    last = MerchantUse.objects.order_by("-month").values_list("month", flat=True).first()
    start = months.bounds(months.after(last) if last else months.before(months.last_closed(at)))[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [DAYS_LOCK])
        cursor.execute("DELETE FROM benefit_card_merchantday")
        cursor.execute(_DAYS, {"start": start, "end": months.midnight(at)})
        return cursor.rowcount


def counted_until(*, since: date) -> date:
    """The first day that has to be read from redemptions: the day after the last that was counted."""
    last = MerchantDay.objects.order_by("-day").values_list("day", flat=True).first()
    return since if last is None else max(since, last + timedelta(days=1))


@transaction.atomic(durable=True)
def count_merchants(month: date) -> bool:
    """Count the visits of every merchant in one month unless it was counted before; return whether it was."""
    if MerchantUse.objects.filter(month=month).exists():
        return False
    start, end = months.bounds(month)
    with connection.cursor() as cursor:
        cursor.execute(_MERCHANTS, {"month": month, "start": start, "end": end})
        return cursor.rowcount > 0


@transaction.atomic(durable=True)
def count_month(month: date) -> bool:
    """Count one month unless it was counted before; return whether it was. Nothing is ever counted again."""
    if MonthlyUse.objects.filter(month=month, scope=UseScope.ALL).exists():
        return False
    start, end = months.bounds(month)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"month": month, "after": months.after(month), "start": start, "end": end})
    return True


def count_missing(*, at: datetime, back: int = 13) -> list[date]:
    """Count every closed month of the last `back` that is missing; return those that were."""
    month, counted = months.last_closed(at), []
    for _step in range(back):
        if count_month(month):
            counted.append(month)
        month = months.before(month)
    # From the oldest on, so that every month before the last counted one is counted; the last closed one still moves.
    past = month
    while past < months.before(months.last_closed(at)):
        past = months.after(past)
        count_merchants(past)
    return counted
