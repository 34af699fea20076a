"""Needs counted in different units on one line of a pool: turned into one unit when that comes out whole."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.errors import DomainError
from companies.models import User
from purchasing.models import Article, PoolLine, RequestLine
from purchasing.rules import units


class UnitsDiffer(DomainError):
    code = "units_differ"
    message = _("These needs are counted in units that cannot be turned into each other. Put them on separate lines.")


def common_unit(needs: Sequence[RequestLine], article: Article | None, fallback: str) -> str:
    """The unit of a new pool line: the article's, else the largest one of its needs in which all come out whole."""
    if article is not None:
        return article.unit
    known = sorted({need.unit for need in needs}, key=lambda unit: -units.MEASURES[unit][1])
    for unit in known:
        if all(_counted(need, unit, None) for need in needs):
            return unit
    if known:
        raise UnitsDiffer
    return fallback or "piece"


def count_in(need: RequestLine, line: PoolLine, *, actor: User | None, at: datetime) -> RequestLine:
    """Write a need in the unit of its pool line: quantity, tolerance and the price paid today. The log keeps both.

    Inside the caller's transaction, with the need locked. Raises UnitsDiffer.
    """
    if need.unit == line.unit:
        return need
    found = _counted(need, line.unit, line)
    if found is None:
        raise UnitsDiffer
    was = {"quantity": need.quantity, "unit": need.unit}
    need.quantity, need.tolerance, need.ref_price_e4 = found
    need.unit = line.unit
    need.save(update_fields=["quantity", "tolerance", "ref_price_e4", "unit"])
    audit.record(
        "requestline.recounted",
        target=need,
        at=at,
        actor=actor,
        company=need.request.company,
        data={"was": was, "quantity": need.quantity, "unit": need.unit},
    )
    return need


def _counted(need: RequestLine, unit: str, line: PoolLine | None) -> tuple[int, int, int | None] | None:
    grams = None
    if line is not None:
        grams = line.unit_weight_grams or (line.article.unit_weight_grams if line.article else None)
    found = units.recount(need.quantity, need.ref_price_e4, need.unit, unit, grams=grams)
    more = units.recount(need.tolerance, None, need.unit, unit, grams=grams)
    return None if found is None or more is None else (found[0], more[0], found[1])


def recount(line: PoolLine) -> None:
    """Write what the living needs of a line ask for together. Under the lock of its pool."""
    total = line.needs.filter(released_at__isnull=True).aggregate(total=Sum("quantity"))["total"]
    line.asked_quantity = total or 0
    line.save(update_fields=["asked_quantity"])
