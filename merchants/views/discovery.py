"""Where employees look for offers. No location is needed, nothing about the search is kept."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from merchants import selectors
from merchants.forms import SearchForm


@require_safe
def offers(request: HttpRequest) -> HttpResponse:
    """Offers by search, category and "open now"."""
    form = SearchForm(request.GET)
    filters: dict[str, Any] = form.cleaned_data if form.is_valid() else {"q": "", "category": None, "open_now": False}
    now = timezone.localtime()
    found = selectors.find_offers(text=filters["q"], category=filters["category"], today=now.date())
    if filters["open_now"]:
        found = selectors.open_at(found, now)
    page = Paginator(found, 24).get_page(request.GET.get("page"))
    return render(
        request, "merchants/discovery.html", {"form": form, "page": page, "now": now, "filtered": any(filters.values())}
    )
