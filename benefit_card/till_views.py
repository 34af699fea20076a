"""The till's page, and the files that make the till and the card installable."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from benefit_card import keyring
from benefit_card.revocation import b64
from benefit_card.till_texts import till_texts

API = "/api/v1"
NO_ID = "00000000-0000-0000-0000-000000000000"


@login_not_required  # the device is paired; no person signs in at a till
@require_safe
def till(request: HttpRequest) -> HttpResponse:
    """The full-screen till. The page is the same for everybody; what it may do hangs on the device's token."""
    urls = {
        "pair": f"{API}/tills/pair/",
        "scans": f"{API}/scans/",
        "redemptions": f"{API}/redemptions/",
        "today": f"{API}/redemptions/?today=1",
        "void": f"{API}/redemptions/{NO_ID}/void/",
        "detector": static("npm/barcode-detector/dist/es/ponyfill.js"),
        "wasm": static("npm/zxing-wasm/dist/reader/zxing_reader.wasm"),
        "noble": static("npm/@noble/ed25519/index.js"),
        "sync": f"{API}/redemptions/sync/",
        "pack": f"{API}/tills/pack/",
        "cashier": f"{API}/tills/cashier/",
        "device": f"{API}/tills/device-key/",
        "keys": f"{API}/card-keys/",
        "list": f"{API}/revocations/",
        "worker": reverse("benefit_card:till_worker"),
        "root": b64(keyring.root_public()),  # the page brings the root key; what it vouches for may come from anywhere
        "host": settings.CARD_HOST,
    }
    response = render(
        request,
        "benefit_card/till.html",
        {"texts": till_texts(), "urls": urls, "decimal": get_format("DECIMAL_SEPARATOR")},
    )
    response["Permissions-Policy"] = "camera=(self)"
    return response


@login_not_required
@require_safe
@cache_control(max_age=0, no_cache=True)
def service_worker(request: HttpRequest) -> HttpResponse:
    """The card's service worker; it must be served from the root to cover /card/."""
    return _script("benefit_card/sw.js")


@login_not_required
@require_safe
@cache_control(max_age=0, no_cache=True)
def till_worker(request: HttpRequest) -> HttpResponse:
    """The till's service worker; served beside the till to cover it and nothing else."""
    return _script("benefit_card/till-sw.js")


def _script(name: str) -> HttpResponse:
    with open(finders.find(name) or "", encoding="utf-8") as file:  # noqa: PTH123 - the finder gives a plain path
        return HttpResponse(file.read(), content_type="text/javascript")


def _manifest(*, name: str, short: str, start: str, colour: str) -> JsonResponse:
    drawn = {"src": static("benefit_card/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any maskable"}
    icons = [
        {"src": static(f"benefit_card/icon-{side}.png"), "sizes": f"{side}x{side}", "type": "image/png"}
        for side in (192, 512)  # what iOS and older Androids understand
    ]
    body = {
        "name": name,
        "short_name": short,
        "id": start,
        "start_url": start,
        "scope": start,
        "display": "standalone",
        "background_color": "#faf7f2",
        "theme_color": colour,
        "icons": [drawn, *icons],
    }
    return JsonResponse(body, content_type="application/manifest+json")


@login_not_required
@require_safe
def till_manifest(request: HttpRequest) -> HttpResponse:
    return _manifest(name=_("ERB card till"), short=_("ERB till"), start=reverse("benefit_card:till"), colour="#1c2530")


@login_not_required
@require_safe
def card_manifest(request: HttpRequest) -> HttpResponse:
    return _manifest(name=_("ERB card"), short=_("ERB card"), start="/card/", colour="#8a4420")
