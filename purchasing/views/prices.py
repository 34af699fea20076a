"""The common catalogue, an article's prices over time, and recent rises."""

from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from companies.access import require
from purchasing import access, prices
from purchasing.models import Article, Category, Price
from purchasing.rules.spacing import apart
from purchasing.services.price_list import RISE_BP
from purchasing.views.doors import reader

WIDTH, HEIGHT = 640, 180


@require_GET
def catalogue(request: HttpRequest) -> HttpResponse:
    """Articles with the lowest price of the day."""
    user = reader(request)
    require(access.can_read_catalogue(user))
    category, words = request.GET.get("category", ""), request.GET.get("q", "").strip()
    current = Q(prices__ended_on__isnull=True)
    rows = Article.objects.filter(active=True).annotate(
        lowest=Min("prices__price_e4", filter=current), sellers=Count("prices", filter=current)
    )
    if category:
        rows = rows.filter(category=category)
    if words:
        rows = rows.filter(Q(name__icontains=words) | Q(reference__icontains=words))
    page = Paginator(rows.order_by("name", "pk"), 50).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "category": category,
        "words": words,
        "categories": Category.choices,
        "rises": list(prices.rises(timezone.now())[:8]),
        "keeps": access.can_keep_catalogue(user),
    }
    return render(request, "purchasing/catalogue.html", context)


@require_GET
def article(request: HttpRequest, pk: int) -> HttpResponse:
    """One article: what each supplier asked for it, and when that changed."""
    require(access.can_read_catalogue(reader(request)))
    row = get_object_or_404(Article, pk=pk)
    found = list(Price.objects.filter(article=row).select_related("supplier").order_by("valid_from", "pk"))
    context = {
        "article": row,
        "history": list(reversed(found)),
        "current": sorted((p for p in found if p.ended_on is None), key=lambda p: p.price_e4),
        "chart": _chart(found),
        "threshold": RISE_BP,
    }
    return render(request, "purchasing/article.html", context)


def _chart(found: list[Price]) -> dict[str, Any] | None:
    """Steps over time, one line per supplier, as coordinates of an SVG."""
    if len(found) < 2:
        return None
    today = timezone.localdate()
    first = min(price.valid_from for price in found) - timedelta(days=5)
    days = max(1, (today - first).days)
    top = max(price.price_e4 for price in found)
    low = min(price.price_e4 for price in found)
    span = max(1, top - low)

    def x(day: Any) -> int:
        return 8 + (min(day, today) - first).days * (WIDTH - 150) // days

    def y(price_e4: int) -> int:
        return 16 + (top - price_e4) * (HEIGHT - 48) // span

    lines: dict[str, list[Price]] = {}
    for price in found:
        lines.setdefault(price.supplier.name, []).append(price)
    drawn: list[dict[str, Any]] = []
    for number, (name, prices_) in enumerate(sorted(lines.items())[:5]):
        steps = []
        for price in prices_:
            steps += [(x(price.valid_from), y(price.price_e4)), (x(price.ended_on or today), y(price.price_e4))]
        points = " ".join(f"{a},{b}" for a, b in steps)
        end_x, end_y = steps[-1]
        drawn.append({"name": name, "points": points, "number": number, "x": end_x + 6, "y": end_y + 4})
    for line, label_y in zip(drawn, apart([int(line["y"]) for line in drawn], most=HEIGHT - 20), strict=True):
        line["y"] = label_y
    return {
        "lines": drawn,
        "width": WIDTH,
        "height": HEIGHT,
        "top": top,
        "low": low,
        "base": HEIGHT - 14,
        "first": first,
    }
