"""The employee: the card, its passes, a lost card in a minute, and one's own history."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.core.validators import validate_email
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from benefit_card import google_account, limits, qr, selectors, short_code, signing, sms
from benefit_card.models import Card, Signal, SignalKind
from benefit_card.services import activation, cards, passes, renewals
from benefit_card.services.fraud import CONTEST_WITHIN
from benefit_card.till_texts import card_texts
from benefit_card.wallet_authority import available
from companies.errors import DomainError
from companies.problems import json_problem
from companies.views.doors import me, page_number, refused

PAGE = 30


def _mine(request: HttpRequest) -> Card | None:
    """The reader's own card; 404 for accounts that are no employee's."""
    if not hasattr(me(request), "person"):
        raise Http404
    return selectors.card_of(me(request))


@require_GET
@never_cache
def card(request: HttpRequest) -> HttpResponse:
    """The card, full screen. Without JavaScript it shows the code of this half minute and reloads itself."""
    row = _mine(request)
    if row is None or row.activated_at is None or row.blocked_at:
        return redirect("benefit_card:my_card")
    now = timezone.now()
    try:
        passes.check_usable(row, at=now)
    except DomainError:
        return redirect("benefit_card:my_card")
    context = {
        "owner": f"{row.pk}-{row.generation}",
        "passes_url": request.build_absolute_uri("/card/passes/"),
        "texts": card_texts(),
        "fallback": _drawn(row, at=now),
        "short_code": short_code.grouped(cards.typed_code(row.status_index)),
        "card": row,
    }
    return render(request, "benefit_card/card.html", context)


def _drawn(row: Card, *, at: datetime) -> str:
    """The code of now as a picture for a page without JavaScript; nothing while nobody signs."""
    try:
        return qr.symbol(passes.code_now(row, at=at), version=qr.PHONE_VERSION).svg
    except signing.SignerAway:
        return ""


@require_GET
@never_cache
def card_passes(request: HttpRequest) -> HttpResponse:
    """The day passes of the next seven UTC days for the signed-in holder, as JSON.

    `{"server_time", "short_code": "XXX XXX XXX X", "holder": {"first_name", "initial"}, "companies": [names],
    "valid_until", "renew_after", "passes": [{"day": UTC days since 1970, "kid", "token_prefix_hex", "seed_hex"}]}`.
    `token_prefix_hex` is 88 bytes: 24 of header and 64 of signature. Slot s (half minutes of the UTC day, 0 to 2879)
    shows "ERB1:" + base45(prefix ‖ s as big-endian u16 ‖ H^(2880 - s)(seed)), H(x) = SHA-256("ERBc" ‖ x)[:16].
    Refusals are problem details: 404 without a card, 409 `card_not_activated` or `card_not_usable`.
    """
    row = _mine(request)
    if row is None:
        return json_problem(request, status=404, code="no_card", title=_("You have no card yet."))
    try:
        return JsonResponse(passes.week(row, at=timezone.now()))
    except DomainError as error:
        return json_problem(request, status=error.status, code=error.code, title=error.sentence)


@require_GET
def my_card(request: HttpRequest) -> HttpResponse:
    """About the card: open it on this phone, report it lost, get a new one."""
    row, now = _mine(request), timezone.now()
    employers = selectors.employers_of(me(request).person, now)
    code = short_code.grouped(cards.typed_code(row.status_index)) if row and not row.blocked_at else ""
    context = {
        "card": row,
        "employers": employers,
        "code": code,
        "ended": row is not None and row.valid_until < timezone.localdate(now),
        "ending": row is not None and renewals.ending(at=now).filter(pk=row.pk).exists(),
        "apple": available(),
        "google": google_account.available(),
    }
    return render(request, "benefit_card/my_card.html", context)


@require_POST
def my_card_open(request: HttpRequest) -> HttpResponse:
    row = _mine(request)
    if row is None:
        raise Http404
    activation.open_own(actor=me(request), card=row, at=timezone.now())
    return redirect("benefit_card:card")


@require_POST
def my_card_renew(request: HttpRequest) -> HttpResponse:
    """The card ends, the contract does not: the phone's card goes on."""
    row = _mine(request)
    if row is None:
        raise Http404
    try:
        renewals.renew_own(actor=me(request), card=row, at=timezone.now())
        messages.success(request, _("Your card goes on. Ask human resources for the new print."))
    except DomainError as error:
        refused(request, error)
    return redirect("benefit_card:my_card")


@require_POST
def my_card_lost(request: HttpRequest) -> HttpResponse:
    """Block one's own card and, if asked, get the new one on the phone at once."""
    row = _mine(request)
    if row is None:
        raise Http404
    now = timezone.now()
    try:
        cards.block(actor=me(request), card=row, reason="lost", at=now)
        if request.POST.get("then") == "replace":
            new = cards.replace(actor=me(request), card=row, at=now)
            activation.open_own(actor=me(request), card=new, at=now)
            messages.success(request, _("Your new card is on this phone. Your uses and your history stay."))
            return redirect("benefit_card:card")
        messages.success(request, _("Your card is blocked. No till accepts it any more."))
    except DomainError as error:
        refused(request, error)
    return redirect("benefit_card:my_card")


@require_POST
def my_card_found(request: HttpRequest) -> HttpResponse:
    """The lost card is here again."""
    row = _mine(request)
    if row is None:
        raise Http404
    try:
        cards.found(actor=me(request), card=row, at=timezone.now())
        messages.success(request, _("Your card works again, on paper and on the phone."))
    except DomainError as error:
        refused(request, error)
    return redirect("benefit_card:my_card")


@require_GET
def my_redemptions(request: HttpRequest) -> HttpResponse:
    """Where one's own card was used. Nobody else sees this page."""
    if not hasattr(me(request), "person"):
        raise Http404
    page = Paginator(selectors.history_of(me(request)), PAGE).get_page(page_number(request))
    contested = set(
        Signal.objects.filter(kind=SignalKind.CONTESTED, redemption__in=list(page)).values_list("redemption", flat=True)
    )
    since = timezone.now() - CONTEST_WITHIN
    rows = [(row, getattr(row, "undone", None), row.pk in contested, row.at >= since) for row in page]
    return render(request, "benefit_card/my_redemptions.html", {"page": page, "rows": rows})


@login_not_required
@require_http_methods(["GET", "POST"])
def activate(request: HttpRequest) -> HttpResponse:
    """Ask for the link that opens a card: the code of the letter and an address of one's own."""
    values = {"code": request.POST.get("code", "")[:40], "email": request.POST.get("email", "").strip()[:254]}
    problem = ""
    if request.method == "POST":
        try:
            validate_email(values["email"])
            address = request.META.get("REMOTE_ADDR", "")
            limits.spend(limits.ACTIVATIONS_PER_ADDRESS, address)
            with limits.failures(limits.WRONG_ACTIVATIONS_PER_ADDRESS, address):
                activation.request_link(code=values["code"], email=values["email"], at=timezone.now())
            return render(request, "benefit_card/activate_sent.html", values)
        except ValidationError:
            problem = _("Type an e-mail address such as name@example.fr.")
        except DomainError as error:
            problem = error.sentence
    status = 400 if problem else 200
    context = {**values, "problem": problem, "texts": sms.available()}
    return render(request, "benefit_card/activate.html", context, status=status)


@login_not_required
@require_http_methods(["GET", "POST"])
def activate_confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The link from the mail. A button opens the card, so that a mail scanner that follows links opens nothing."""
    if request.method == "GET":
        return render(request, "benefit_card/activate_confirm.html")
    user, new = activation.activate(token=token, at=timezone.now())
    if request.user.is_authenticated and request.user.pk == user.pk:
        return redirect("benefit_card:card")
    if new:  # the mailbox was just proven, and the account can do nothing but show this card
        login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
        return redirect("benefit_card:card")
    messages.success(request, _("Your card is open. Sign in to see it."))
    return redirect("account_login")


@login_not_required
@require_GET
def landing(request: HttpRequest) -> HttpResponse:
    """What a plain phone camera opens: it says what the card is, and knows nothing of the code in the fragment."""
    response = render(request, "benefit_card/landing.html")
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
