"""Who an offer is for: holders employed by certain companies or sites, by companies of a size, under a kind of contract.

One employment has to meet everything at once. The rule is a piece of SQL because a till asks it in the statement that
reads the card, and the list of offers in the one that finds them; there is no second spelling of it.
"""

# Whether a version asks anything of the holder at all.
RESTRICTED = "(v.contract <> 'any' OR cardinality(v.companies) + cardinality(v.sites) + cardinality(v.sizes) > 0)"

# `v` is the offer's version; `{person}` the column with the person; %(today)s and %(at)s the moment.
SQL = """(
  (v.contract = 'any' AND cardinality(v.companies) + cardinality(v.sites) + cardinality(v.sizes) = 0)
  OR EXISTS (
    SELECT 1 FROM companies_employment e JOIN companies_company k ON k.id = e.company_id
    WHERE e.person_id = {person} AND e.starts_on <= %(today)s AND (e.ends_on IS NULL OR e.ends_on >= %(today)s)
      AND ((k.status = 'admitted' AND k.suspended_at IS NULL) OR k.suspended_at > %(at)s)
      AND (cardinality(v.companies) + cardinality(v.sites) = 0 OR e.company_id = ANY(v.companies) OR e.site_id = ANY(v.sites))
      AND (cardinality(v.sizes) = 0 OR CASE WHEN k.headcount < 10 THEN '1-9' WHEN k.headcount < 50 THEN '10-49'
           WHEN k.headcount < 250 THEN '50-249' ELSE '250+' END = ANY(v.sizes))
      AND (v.contract = 'any' OR (v.contract = 'open') = (e.ends_on IS NULL)))
)"""
