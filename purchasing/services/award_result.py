"""What a study found, as figures to keep: who wins what, what it saves, why each other quote lost. No words in here."""

import time
from collections.abc import Collection, Mapping
from datetime import date
from random import Random
from typing import Any

from django.utils import timezone

from purchasing import award_case
from purchasing.award_case import Case, Options
from purchasing.models import AwardStudy, PooledNeed, Quote, Tender
from purchasing.rules.award import Evaluation, Instance, evaluate
from purchasing.rules.award.choices import cheapest_unit_prices
from purchasing.rules.award.explain import one_supplier
from purchasing.rules.award.local_search import Search
from purchasing.rules.award.losing import lost, unused
from purchasing.rules.award.solve import SEED
from purchasing.rules.landed import half_up
from purchasing.selectors import current_quotes, pool_lines

# All companies together may take this long, each at most that.
ALONE_SECONDS, MOST_SECONDS_ALONE = 15.0, 0.5


def cents(amount: int, scale: int) -> int:
    """Money of an instance in whole cents, rounded once, half up."""
    return half_up(amount, scale)


def floor_cents(amount: int, scale: int) -> int:
    """A bound in whole cents; it stays a bound."""
    return amount // scale


def describe(study: AwardStudy, instance: Instance, packs: Mapping[int, int]) -> dict[str, Any]:
    """Everything the page says about a legal award, as JSON; offers and suppliers by their index in the instance."""
    found = evaluate(instance, packs)
    if not isinstance(found, Evaluation):
        raise ValueError(f"this award breaks {found.rule}")
    scale = instance.scale
    suppliers, lines = [], []
    for order in found.orders:
        goods = 0
        for offer in instance.suppliers[order.supplier].offers:
            if count := packs.get(offer.index):
                paid = count * offer.prices[order.tiers[offer.scheme]]
                goods += cents(paid, scale)
                units = count * offer.pack
                lines.append(
                    {
                        "offer": offer.index,
                        "units": units,
                        "surplus": units - instance.products[offer.product].demand,
                        "goods_cents": cents(paid, scale),
                    }
                )
        freight = cents(order.freight_cents, scale)
        suppliers.append({"supplier": order.supplier, "goods_cents": goods, "freight_cents": freight})
    lines.sort(key=lambda row: instance.offers[row["offer"]].product)
    return {
        "cost_cents": sum(row["goods_cents"] + row["freight_cents"] for row in suppliers),
        "lines": lines,
        "suppliers": suppliers,
        "lost": _lost(instance, packs),
        "unused": _unused(instance, packs),
        "one_supplier": _one_supplier(instance),
        "line_by_line": _line_by_line(instance),
        "alone": alone(study.tender, {int(p.id) for p in instance.products}, on=timezone.localdate(study.created_at)),
    }


def _lost(instance: Instance, packs: Mapping[int, int]) -> list[dict[str, Any]]:
    scale = instance.scale
    return [
        {
            "offer": row.offer,
            "why": row.why,
            "extra_cents": cents(row.extra, scale),
            "goods_cents": cents(row.extra, scale) - cents(row.freight, scale),
            "freight_cents": cents(row.freight, scale),
            "missing_cents": cents(row.missing, scale),
            "other": row.other,
        }
        for row in lost(instance, packs)
    ]


def _unused(instance: Instance, packs: Mapping[int, int]) -> list[dict[str, Any]]:
    scale = instance.scale
    return [
        {
            "supplier": row.supplier,
            "why": row.why,
            "lines": row.lines,
            "cheaper": row.cheaper,
            "saves_cents": cents(row.saves, scale),
            "taken": row.taken,
            "extra_cents": cents(row.extra, scale),
            "freight_cents": cents(row.freight, scale),
            "missing_cents": cents(row.missing, scale),
        }
        for row in unused(instance, packs)
    ]


def _one_supplier(instance: Instance) -> dict[str, Any] | None:
    cost, supplier = one_supplier(instance)
    return None if cost is None else {"cents": cents(cost, instance.scale), "supplier": supplier}


def _line_by_line(instance: Instance) -> dict[str, Any] | None:
    found = cheapest_unit_prices(instance)
    if found is None:
        return None
    return {
        "cents": None if found.cost is None else cents(found.cost, instance.scale),
        "broken": found.broken,
        "supplier": found.supplier,
        "missing_cents": cents(found.missing, instance.scale),
    }


def alone(tender: Tender, lines: Collection[int], *, on: date) -> dict[str, Any]:
    """What each company would pay alone at the same quotes: company id → cents, null where nobody sells so little.

    Found by the local search, without a proof: the cheapest way alone may cost a little less.
    """
    wanted: dict[int, dict[int, int]] = {}
    needs = PooledNeed.objects.filter(pool_line__in=lines, released_at__isnull=True)
    for company, line, quantity in needs.values_list("company", "pool_line", "quantity"):
        row = wanted.setdefault(company, {})
        row[line] = row.get(line, 0) + quantity
    quotes: list[Quote] = current_quotes(tender)
    rows = list(pool_lines(tender.pool))
    found: dict[str, int | None] = {}
    for company in sorted(wanted):
        case = award_case.assemble(rows, quotes, wanted[company], {}, Options(), on=on)
        found[str(company)] = None if case.open_lines else _cheapest(case, ALONE_SECONDS / len(wanted))
    return {"companies": found, "total_cents": sum(value for value in found.values() if value is not None)}


def _cheapest(case: Case, seconds: float) -> int | None:
    search = Search(case.instance, time.monotonic, time.monotonic() + min(seconds, MOST_SECONDS_ALONE))
    best = search.run(Random(SEED))  # noqa: S311 — moves of a search, no secret
    return None if best is None else case.cents(best.cost_cents)
