"""While a need is typed: who asks for it already."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from companies.access import require
from purchasing import access, likeness
from purchasing.models import Article, Unit
from purchasing.rules.units import PACK
from purchasing.views.doors import company_of, reader


@require_GET
def asked(request: HttpRequest, company: int) -> HttpResponse:
    """A line for the form: “already asked for by 3 companies”. Never who, never how much (I13)."""
    row, user = company_of(request, company), reader(request)
    require(access.can_request(user, row))
    text = next((str(value) for name, value in request.GET.items() if name.endswith("text")), "")[:200]
    unit = next((str(value) for name, value in request.GET.items() if name.endswith("unit")), "")
    if unit in ("", PACK):  # the article's own; pieces for free words
        unit = Article.objects.filter(name__iexact=text.strip()).values_list("unit", flat=True).first() or Unit.PIECE
    found = likeness.asked_by_count(text, unit=unit, company=row) if unit in Unit.values else likeness.NOBODY
    return render(request, "purchasing/parts/asked.html", {"found": found, "company": row})
