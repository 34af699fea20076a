"""Opening a card, or coming back to it, by text message: for whoever has no e-mail address."""

import uuid

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from benefit_card import limits, sms
from benefit_card.services import texts
from companies.errors import DomainError

KEPT = "text_code"


def _only_with_gateway() -> None:
    if not sms.available():
        raise Http404


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def activate(request: HttpRequest) -> HttpResponse:
    """The letter's code and a mobile number of one's own."""
    _only_with_gateway()
    values = {"code": request.POST.get("code", "")[:40], "number": request.POST.get("number", "").strip()[:30]}
    return _ask(request, values, "benefit_card/activate_text.html")


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Come back with the phone that opened the card."""
    _only_with_gateway()
    return _ask(request, {"number": request.POST.get("number", "").strip()[:30]}, "benefit_card/text_sign_in.html")


def _ask(request: HttpRequest, values: dict[str, str], template: str) -> HttpResponse:
    problem = ""
    if request.method == "POST":
        try:
            address = request.META.get("REMOTE_ADDR", "")
            limits.spend(limits.TEXTS_PER_ADDRESS, address)
            send = texts.request_activation if "code" in values else texts.request_sign_in
            with limits.failures(limits.WRONG_TEXTS_PER_ADDRESS, address):
                request.session[KEPT] = str(send(**values, at=timezone.now()))
            return redirect("benefit_card:text_code")
        except DomainError as error:
            problem = error.sentence
    return render(request, template, {**values, "problem": problem}, status=400 if problem else 200)


@login_not_required
@never_cache
@require_http_methods(["GET", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The six digits of the text."""
    _only_with_gateway()
    challenge = request.session.get(KEPT)
    if challenge is None:
        return redirect("benefit_card:activate")
    problem = ""
    if request.method == "POST":
        try:
            digits = request.POST.get("digits", "")[:20]
            user, may = texts.enter(challenge=uuid.UUID(challenge), digits=digits, at=timezone.now())
        except DomainError as error:
            problem = error.sentence
        else:
            del request.session[KEPT]
            if may:
                login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
                return redirect("benefit_card:card")
            if request.user.is_authenticated and request.user.pk == user.pk:
                return redirect("benefit_card:card")
            messages.success(request, _("Your card is open. Sign in to see it."))
            return redirect("account_login")
    return render(request, "benefit_card/text_code.html", {"problem": problem}, status=400 if problem else 200)
