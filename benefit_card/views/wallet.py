"""The wallet's doors: the holder's download, and the web service that Apple Wallet calls by itself."""

import json

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import http_date, parse_http_date_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from benefit_card import google_account, pkpass, selectors, wallet_authority
from benefit_card.models import Card
from benefit_card.services import google_passes, wallets
from benefit_card.signing import SignerAway
from companies.views.doors import me, refused

MOST_LOG = 10_000


def _pass(content: bytes, card: Card) -> HttpResponse:
    response = HttpResponse(content, content_type=pkpass.MEDIA_TYPE)
    response["Content-Disposition"] = 'attachment; filename="erb.pkpass"'
    response["Last-Modified"] = http_date(int(wallets.changed_at(card).timestamp()))
    return response


@require_GET
@never_cache
def my_wallet(request: HttpRequest) -> HttpResponse:
    """The holder's own card as a file for Apple Wallet."""
    row = selectors.card_of(me(request)) if hasattr(me(request), "person") else None
    if row is None or row.blocked_at or not wallet_authority.available():
        raise Http404
    try:
        return _pass(wallets.download(actor=me(request), card=row, at=timezone.now()), row)
    except SignerAway as error:
        refused(request, error)
        return redirect("benefit_card:my_card")


@require_GET
@never_cache
def my_google_wallet(request: HttpRequest) -> HttpResponse:
    """Sends the holder's phone to Google with the card, signed. Nothing of it stays in a referrer."""
    row = selectors.card_of(me(request)) if hasattr(me(request), "person") else None
    if row is None or row.blocked_at or not google_account.available():
        raise Http404
    try:
        response = redirect(google_passes.save_link(actor=me(request), card=row, at=timezone.now()))
    except SignerAway as error:
        refused(request, error)
        return redirect("benefit_card:my_card")
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _known(request: HttpRequest, serial: str) -> Card | None:
    """The card of a pass whose wallet shows the right token; None is one answer for everything else."""
    card = wallets.of_serial(serial)
    said = request.headers.get("Authorization", "")
    return card if card and said == f"ApplePass {wallets.token(card)}" else None


@login_not_required
@require_safe
def root(request: HttpRequest) -> HttpResponse:
    """Where the web service begins; there is nothing to see."""
    return HttpResponse(status=204)


@login_not_required
@csrf_exempt
@require_http_methods(["POST", "DELETE"])
def registration(request: HttpRequest, device: str, kind: str, serial: str) -> HttpResponse:
    """A wallet begins or ends to listen for changes of a pass."""
    card = _known(request, serial)
    if card is None:
        return HttpResponse(status=401)
    if request.method == "DELETE":
        wallets.unregister(card=card, device=device)
        return HttpResponse(status=200)
    try:
        push_token = str(json.loads(request.body[:MOST_LOG])["pushToken"])
    except (ValueError, KeyError, TypeError):
        return HttpResponse(status=400)
    made = wallets.register(card=card, device=device, push_token=push_token, at=timezone.now())
    return HttpResponse(status=201 if made else 200)


@login_not_required
@require_GET
def serials(request: HttpRequest, device: str, kind: str) -> HttpResponse:
    """Which of a device's passes changed since it last asked."""
    numbers, tag = wallets.changed_since(device, request.GET.get("passesUpdatedSince", ""))
    return JsonResponse({"serialNumbers": numbers, "lastUpdated": tag}) if numbers else HttpResponse(status=204)


@login_not_required
@require_GET
def latest(request: HttpRequest, kind: str, serial: str) -> HttpResponse:
    """The pass as it stands now; 304 when the wallet has it."""
    card = _known(request, serial)
    if card is None:
        return HttpResponse(status=401)
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    if since is not None and int(wallets.changed_at(card).timestamp()) <= since:
        return HttpResponse(status=304)
    try:
        return _pass(wallets.file(card), card)
    except SignerAway:
        return HttpResponse(status=503, headers={"Retry-After": "60"})


@login_not_required
@csrf_exempt
@require_POST
def log(request: HttpRequest) -> HttpResponse:
    """What a wallet could not do. Taken and dropped: it may hold a pass's number."""
    return HttpResponse(status=200)
