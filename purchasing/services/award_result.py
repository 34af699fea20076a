"""What a study found, as figures to keep: who wins what, what it saves, why each other quote lost. No words in here."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone

from purchasing.models import AwardStudy, PooledNeed, Tender
from purchasing.rules.award import Evaluation, Instance, evaluate
from purchasing.rules.award.choices import cheapest_unit_prices
from purchasing.rules.award.explain import one_supplier
from purchasing.rules.award.losing import COUNTED, Lost, Unused, lost, unused
from purchasing.rules.award.participation import Member, participate
from purchasing.rules.landed import half_up
from purchasing.rules.shares import share
from purchasing.selectors import current_quotes
from purchasing.services.alone import market_of

ALONE_SECONDS = 15.0  # what the prices alone may take before they become rougher
TOGETHER_SECONDS = 20.0


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
    total = sum(row["goods_cents"] + row["freight_cents"] for row in suppliers)
    beside = _Beside(instance, found.cost_cents, total)
    return {
        "cost_cents": total,
        "lines": lines,
        "suppliers": suppliers,
        "lost": _lost(instance, packs),
        "unused": _unused(instance, packs),
        "one_supplier": _one_supplier(beside),
        "line_by_line": _line_by_line(beside),
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
            **_in_the_way(row, scale),
        }
        for row in lost(instance, packs)
    ]


def _in_the_way(row: Lost | Unused, scale: int) -> dict[str, Any]:
    """What a broken rule is about; a missing number of units is no money."""
    counted = row.why in COUNTED
    return {
        "missing_cents": 0 if counted else cents(row.missing, scale),
        "missing_units": row.missing if counted else 0,
        "other": row.other,
        "limit": row.limit,
    }


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
            **_in_the_way(row, scale),
        }
        for row in unused(instance, packs)
    ]


@dataclass(frozen=True, slots=True)
class _Beside:
    """Prices another way to choose beside the award. Its cents are the award's and the difference of the exact sums.

    Each rounded by itself, the cheapest way could look a cent dearer than another one.
    """

    instance: Instance
    exact: int
    shown_cents: int

    def cents(self, cost: int) -> int:
        return self.shown_cents + cents(cost - self.exact, self.instance.scale)


def _one_supplier(beside: _Beside) -> dict[str, Any] | None:
    cost, supplier = one_supplier(beside.instance)
    return None if cost is None else {"cents": beside.cents(cost), "supplier": supplier}


def _line_by_line(beside: _Beside) -> dict[str, Any] | None:
    found = cheapest_unit_prices(beside.instance)
    if found is None:
        return None
    return {
        "cents": None if found.cost is None else beside.cents(found.cost),
        "broken": found.broken,
        "supplier": found.supplier,
        "missing_cents": cents(found.missing, beside.instance.scale),
    }


def alone(tender: Tender, lines: Collection[int], *, on: date) -> dict[str, Any]:
    """What each company would pay alone at the same quotes: company id → cents, null where nobody sells so little.

    Proven: the optimum, or where `at_least` a bound it cannot fall below.
    """
    quotes = [quote for quote in current_quotes(tender) if not quote.has_expired(on)]
    market, until = market_of(quotes), time.monotonic() + ALONE_SECONDS
    found: dict[str, int | None] = {}
    at_least = False
    for company, wanted in sorted(needs_of(lines).items()):
        priced = market.price(wanted, quick=time.monotonic() > until)
        found[str(company)] = None if priced is None else priced.cents
        at_least |= priced is not None and not priced.proven
    total = sum(value for value in found.values() if value is not None)
    return {"companies": found, "total_cents": total, "at_least": at_least}


def needs_of(lines: Collection[int]) -> dict[int, dict[int, int]]:
    """Company → pool line → the units it needs."""
    wanted: dict[int, dict[int, int]] = {}
    needs = PooledNeed.objects.filter(pool_line__in=lines, released_at__isnull=True)
    for company, line, quantity in needs.values_list("company", "pool_line", "quantity"):
        row = wanted.setdefault(company, {})
        row[line] = row.get(line, 0) + quantity
    return wanted


def together(
    instance: Instance, packs: Mapping[int, int], result: Mapping[str, Any], seconds: float
) -> dict[str, Any] | None:
    """Where all together would pay more than everybody alone: who would pay more alone, and who better orders together.

    None where the shares can keep the promise: together costs no more, or somebody without an alternative carries the rest.
    """
    prices = result["alone"]["companies"]
    if not prices or None in prices.values() or result["cost_cents"] <= result["alone"]["total_cents"]:
        return None
    index = {int(product.id): k for k, product in enumerate(instance.products)}
    needs = {pk: rows for pk, rows in needs_of(index).items() if str(pk) in prices}
    ids = sorted(needs)
    members = [
        Member({index[line]: n for line, n in needs[pk].items()}, prices[str(pk)] * instance.scale) for pk in ids
    ]
    found = participate(instance, members, known=packs, seconds=seconds)
    if found is None:
        return None
    pays = _uniform(instance, result, needs)
    return {
        "together": [ids[j] for j in found.together],
        "alone": [pk for j, pk in enumerate(ids) if j not in found.together],
        "total_cents": cents(found.total, instance.scale),
        "excess_cents": result["cost_cents"] - result["alone"]["total_cents"],
        "proven": found.proven,
        "over": {str(pk): pays[pk] - prices[str(pk)] for pk in ids if pays[pk] > prices[str(pk)]},
    }


def _uniform(instance: Instance, result: Mapping[str, Any], needs: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    """What each company would pay at one price for all: goods by units, each supplier's freight by its goods."""
    ids = sorted(needs)
    paid = dict.fromkeys(ids, 0)
    goods: dict[int, dict[int, int]] = {}
    for row in result["lines"]:
        offer = instance.offers[row["offer"]]
        line = int(instance.products[offer.product].id)
        parts = share(row["goods_cents"], [needs[pk].get(line, 0) for pk in ids])
        for pk, part in zip(ids, parts, strict=True):
            paid[pk] += part
            held = goods.setdefault(offer.supplier, dict.fromkeys(ids, 0))
            held[pk] += part
    for row in result["suppliers"]:
        held = goods.get(row["supplier"], {})
        if row["freight_cents"] and any(held.values()):
            for pk, part in zip(ids, share(row["freight_cents"], [held[pk] for pk in ids]), strict=True):
                paid[pk] += part
    return paid
