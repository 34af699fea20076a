"""What stands between the rooms and HTTP: the reader's language, refusals as pages or problem details, error pages."""

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.templatetags.static import static
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from companies.errors import DomainError
from companies.problems import json_problem
from companies.second_factor import page_of

FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
Handler = Callable[[HttpRequest], HttpResponse]


def address(get_response: Handler) -> Handler:
    """`REMOTE_ADDR` is the caller's, as the outermost of our own proxies saw it; what callers write before it is theirs.

    Rate limits count by it: with the proxy's address one caller would use up the attempts of everybody.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        seen = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if 0 < settings.PROXY_COUNT <= len(seen):
            with suppress(ValueError):
                request.META["REMOTE_ADDR"] = str(ip_address(seen[-settings.PROXY_COUNT].strip()))
        return get_response(request)

    return middleware


def language(get_response: Handler) -> Handler:
    """French unless the reader chose English: the choice is a cookie, and beats what the browser says."""

    def middleware(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get("language") or ("en" if _prefers_english(request) else "fr")
        chosen = chosen if chosen in {"fr", "en"} else "fr"
        with translation.override(chosen):
            request.LANGUAGE_CODE = chosen
            response = get_response(request)
        response.headers.setdefault("Content-Language", chosen)
        return response

    return middleware


def _prefers_english(request: HttpRequest) -> bool:
    """Programs may ask for English; browsers get French first, as most of our readers do. The API's reference is a page."""
    return (
        request.path.startswith("/api/")
        and request.path != "/api/v1/docs/"
        and translation.get_language_from_request(request) == "en"
    )


def discreet(get_response: Handler) -> Handler:
    """What a page says stays with its reader: no cache on the way keeps it, and the browser asks again before it shows it.

    Not `no-store`: going back to a half-filled form must still find what was typed. `shell.js` reloads a page that is
    gone back to after signing out.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return middleware


def legible(get_response: Handler) -> Handler:
    """An address or a form with a NUL byte is refused here: PostgreSQL takes none, and nobody types one."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", "") or _has_nul(request):
            return bad_request(request)
        return get_response(request)

    return middleware


def _has_nul(request: HttpRequest) -> bool:
    """Whether a value of a sent form has a NUL byte. What programs send is JSON, judged by its own parser; events are signed."""
    if request.content_type not in FORMS or request.path.startswith(("/api/", "/webhooks/")):
        return False
    return any("\x00" in value for _name, values in request.POST.lists() for value in values)


class SignInFirst(LoginRequiredMiddleware):
    """A session that ended while a form was written: after signing in its page is shown again, not the form's address.

    What was typed waits in the browser (draft.js). A part of a page is refused as it is, so that the page stays.
    """

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        refused = super().process_view(request, view_func, view_args, view_kwargs)
        return HttpResponse(status=401) if refused is not None and request.headers.get("HX-Request") else refused

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        return redirect_to_login(
            page_of(request), self.get_login_url(view_func), self.get_redirect_field_name(view_func)
        )


class DomainErrors:
    """A refusal that no view showed on its form becomes a page (or a problem answer) with its sentence."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        if request.path.startswith("/api/"):
            return json_problem(request, status=error.status, code=error.code, title=error.sentence)
        return refusal(request, status=error.status, sentence=error.sentence)


def refusal(request: HttpRequest, *, status: int, sentence: str) -> HttpResponse:
    """The page of a refusal."""
    return render(request, "error.html", {"status": status, "sentence": sentence}, status=status)


def _error(request: HttpRequest, status: int, code: str, sentence: str) -> HttpResponse:
    if request.path.startswith("/api/"):
        return json_problem(request, status=status, code=code, title=sentence)
    return refusal(request, status=status, sentence=sentence)


def bad_request(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """400."""
    return _error(request, 400, "bad_request", _("This request could not be understood. Go back and try again."))


def forbidden(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """403."""
    return _error(
        request, 403, "not_allowed", _("You are not allowed to do this. Ask an administrator of your company.")
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 when the form was open too long or in another session."""
    return _error(request, 403, "csrf", _("This page was open too long. Go back, reload it and send the form again."))


def not_found(request: HttpRequest, exception: Any = None) -> HttpResponse:
    """404."""
    return _error(request, 404, "not_found", _("There is nothing at this address, or it is not yours."))


def server_error(request: HttpRequest) -> HttpResponse:
    """500."""
    return _error(
        request, 500, "server_error", _("Something went wrong on our side. Nothing was lost; try again in a moment.")
    )


@login_not_required
@require_safe
def favicon(request: HttpRequest) -> HttpResponseRedirect:
    """The sign of a tab that shows a document or an answer of the API: no page of ours names its icon there."""
    return HttpResponseRedirect(static("companies/mark.svg"), headers={"Cache-Control": "public, max-age=86400"})
