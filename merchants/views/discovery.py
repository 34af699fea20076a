"""Offers for employees: search, open now, favourites, the list and the same as a map. Where one is stays on the device."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from companies.models import User
from companies.views.doors import me
from merchants import selectors, town_map
from merchants.forms import SearchForm
from merchants.models import DigestChoice, Favourite, Merchant, Offer
from merchants.services import discovery

PAGE = 400  # one page for a town, so that "near me" and the map see everything
Uses = Callable[[User, list[Offer]], dict[int, int | None]]


@require_safe
def offers(request: HttpRequest, uses: Uses | None = None) -> HttpResponse:
    """Offers by search, category and "open now"; `uses` tells the uses left to the reader."""
    form = SearchForm(request.GET)
    filters: dict[str, Any] = form.cleaned_data if form.is_valid() else {"q": "", "category": None}
    now, user = timezone.localtime(), me(request)
    found = selectors.find_offers(
        text=filters["q"],
        category=filters["category"],
        today=timezone.localdate(now),
        person=getattr(user, "person", None),
    )
    if filters.get("open_now"):
        found = selectors.open_at(found, now)
    favourites = set(Favourite.objects.filter(user=user).values_list("merchant_id", flat=True))
    if filters.get("mine"):
        found = found.filter(merchant__in=favourites)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    rows = sorted(page.object_list, key=lambda offer: offer.merchant_id not in favourites)
    shops = {shop.pk: shop for offer in rows for shop in offer.merchant.shops.all()}
    placed = [shop for shop in shops.values() if shop.lat is not None]
    context = {
        "form": form,
        "page": page,
        "rows": rows,
        "now": now,
        "filtered": any(filters.values()),
        "favourites": favourites,
        "left": uses(user, rows) if uses else {},
        "map": town_map.draw(
            (float(shop.lat or 0), float(shop.lon or 0), shop.merchant_id, shop.name) for shop in placed
        ),
        "unplaced": [shop.name for shop in shops.values() if shop.lat is None],
        "holder": hasattr(user, "person"),
        "digest": DigestChoice.objects.filter(user=user, stopped_at=None).exists(),
    }
    return render(request, "merchants/discovery.html", context)


@require_POST
def favourite(request: HttpRequest, merchant: int) -> HttpResponse:
    """Keep a merchant on top, or no longer."""
    row = get_object_or_404(Merchant.objects.active(), pk=merchant)
    discovery.toggle_favourite(actor=me(request), merchant=row)
    return redirect(f"{request.POST.get('next') or ''}#m{row.pk}" if _own(request) else "merchants:offers")


def _own(request: HttpRequest) -> bool:
    return request.POST.get("next", "").startswith("/me/offers/") and "\\" not in request.POST["next"]


@require_POST
def digest(request: HttpRequest) -> HttpResponse:
    """Begin or end the monthly mail."""
    wanted = request.POST.get("wanted") == "1"
    discovery.choose_digest(user=me(request), wanted=wanted, at=timezone.now())
    messages.success(
        request, _("You will get new offers once a month.") if wanted else _("You get no more mails about offers.")
    )
    return redirect("merchants:offers")


@csrf_exempt  # RFC 8058: a mail program stops the digest with one POST; the signed link is the permission
@login_not_required
@require_http_methods(["GET", "POST"])
def digest_stop(request: HttpRequest, token: str) -> HttpResponse:
    """The link of the mail. Opening it changes nothing, so that a scanner that follows links stops nothing."""
    user = discovery.user_of(token)
    if request.method == "POST" and user is not None:
        discovery.choose_digest(user=user, wanted=False, at=timezone.now())
    context = {"known": user is not None, "done": request.method == "POST"}
    return render(request, "merchants/digest_stop.html", context, status=200 if user else 404)


@login_not_required
@require_safe
@cache_control(max_age=0, no_cache=True)
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker that keeps the list for when there is no network; it covers /me/offers/ and nothing else."""
    return HttpResponse(render_to_string("merchants/offers-sw.js"), content_type="text/javascript")
