"""Savings against the reference prices of the requests: of a company, and of all for the staff."""

import csv
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from companies import charts
from companies.access import is_staff, require
from companies.employees.sheets import harmless
from companies.models import Company
from companies.money import euros
from purchasing import savings
from purchasing.models import Category
from purchasing.views.doors import company_of, reader

MOST = 12  # bars in one picture; the table has them all


def _year(request: HttpRequest) -> int | None:
    text = request.GET.get("year", "")
    return int(text) if text.isdecimal() and len(text) == 4 else None


@require_GET
def company_savings(request: HttpRequest, company: int) -> HttpResponse:
    """What pooling saved this company."""
    row = company_of(request, company)
    return _page(request, savings.lines(row), company=row)


@require_GET
def staff_savings(request: HttpRequest) -> HttpResponse:
    """What pooling saved all companies."""
    require(is_staff(reader(request)))
    return _page(request, savings.lines())


def _page(request: HttpRequest, rows: Sequence[savings.Line], company: Company | None = None) -> HttpResponse:
    year = _year(request)
    years = sorted({row.year for row in rows}, reverse=True)
    shown = [row for row in rows if year is None or row.year == year]
    tables = [
        _table("category", _("By category"), savings.by_category(shown)),
        _table("pool", _("By pool"), savings.by_pool(shown)),
    ]
    if company is None:
        tables.append(_table("company", _("By company"), savings.by_company(shown)))
    if len(years) > 1:
        tables.insert(0, _table("year", _("By year"), savings.by_year(rows)))
    context = {
        "company": company,
        "total": savings.total(shown),
        "tables": tables if shown else [],
        "year": year,
        "years": years,
    }
    return render(request, "purchasing/savings.html", context)


def _table(name: str, title: str, figures: list[savings.Figure]) -> dict[str, Any]:
    known = [figure for figure in figures if figure.reference_cents]
    return {
        "name": name,
        "title": title,
        "figures": figures,
        "chart": charts.bars([(figure.label, round(figure.saved_cents / 100)) for figure in known[:MOST]]),
    }


@require_GET
def company_savings_csv(request: HttpRequest, company: int) -> HttpResponse:
    row = company_of(request, company)
    return _csv(savings.lines(row, _year(request)))


@require_GET
def staff_savings_csv(request: HttpRequest) -> HttpResponse:
    require(is_staff(reader(request)))
    return _csv(savings.lines(None, _year(request)))


def _csv(rows: Sequence[savings.Line]) -> HttpResponse:
    """Every line, with an empty reference where there was none."""
    words: dict[str, Any] = dict(Category.choices)
    heading = [_("Year"), _("Pool"), _("Company"), _("Category"), _("Article"), _("Quantity"), _("Paid before VAT"),
               _("At the reference price"), _("Saved")]  # fmt: skip
    body = [
        [
            row.year,
            harmless(row.pool),
            harmless(row.company),
            str(words.get(row.category, "")),
            harmless(row.text),
            row.quantity,
            _amount(row.paid_cents),
            "" if row.reference_cents is None else _amount(row.reference_cents),
            "" if row.reference_cents is None else _amount(row.reference_cents - row.paid_cents),
        ]
        for row in rows
    ]
    response = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")
    writer = csv.writer(response, delimiter=";")  # a loss is a negative number, which `sheet` would make a text
    writer.writerow(heading)
    writer.writerows(body)
    response["Content-Disposition"] = f'attachment; filename="gains-{timezone.localdate():%Y-%m-%d}.csv"'
    return response


def _amount(cents: int) -> str:
    return euros(cents).replace(".", ",")
