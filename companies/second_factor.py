"""The association's staff sees every company, so a stolen mailbox must not be enough to become one of them."""

from collections.abc import Callable
from urllib.parse import urlencode, urlsplit, urlunsplit

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from companies.access import is_staff
from companies.problems import json_problem

VOUCHED = "demo_second_factor"
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
OPEN = ("/accounts/", "/static/", "/account/", "/i18n/", "/healthz", "/demo/")


def vouch(request: HttpRequest) -> None:
    """Accept this session without a second factor: for the demo's sign-in links, which exist on no real server."""
    request.session[VOUCHED] = True


def is_proven(request: HttpRequest) -> bool:
    """Whether this session was opened or confirmed with a passkey, an authenticator app or a recovery code."""
    return bool(request.session.get(VOUCHED)) or any(
        record.get("method") == "mfa" for record in get_authentication_records(request, request.user)
    )


def page_of(request: HttpRequest) -> str:
    """Where to go after signing in: the page itself, or for a form the page it stood on."""
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    came = urlsplit(request.headers.get("Referer", ""))
    return urlunsplit(("", "", came.path, came.query, "")) if came.netloc == request.get_host() else "/"


class SecondFactor:
    """Sends staff without a second factor to enrol one, and staff who have one to use it, before any other page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if (
            not settings.STAFF_NEEDS_SECOND_FACTOR
            or request.path.startswith(OPEN)
            or not request.user.is_authenticated
            or not is_staff(request.user)
            or is_proven(request)
        ):
            return self.get_response(request)
        if request.path.startswith("/api/"):
            return json_problem(
                request,
                status=403,
                code="second_factor_needed",
                title=_("Confirm your second factor in the browser first."),
            )
        enrolled = set(Authenticator.objects.filter(user=request.user, type__in=FACTORS).values_list("type", flat=True))
        if not enrolled:
            return HttpResponseRedirect(reverse("companies:second_factor"))
        page = "mfa_reauthenticate" if Authenticator.Type.TOTP in enrolled else "mfa_reauthenticate_webauthn"
        return HttpResponseRedirect(f"{reverse(page)}?{urlencode({'next': page_of(request)})}")
