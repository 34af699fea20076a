"""Errors of the API as problem details (RFC 9457) with a stable `code`."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from companies.errors import DomainError

MEDIA_TYPE = "application/problem+json"


def problem(*, status: int, code: str, title: str, **more: Any) -> dict[str, Any]:
    """The body of a problem answer. `more` adds members such as `errors` or `field`."""
    return {"type": f"/api/v1/docs/#{code}", "title": title, "status": status, "code": code, **more}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into a problem answer; unknown errors stay errors of the server."""
    body: dict[str, Any]
    headers: dict[str, str] = {}
    if isinstance(error, DomainError):
        extra = {"field": error.field} if error.field else {}
        details = dict(getattr(error, "public", {}))  # members a subclass shows to programs
        body = problem(status=error.status, code=error.code, title=error.sentence, **extra, **details)
    elif isinstance(error, Http404 | exceptions.NotFound):
        body = problem(status=404, code="not_found", title=_("There is nothing here, or it is not yours."))
    elif isinstance(error, exceptions.ValidationError):
        body = problem(status=400, code="invalid", title=_("Some values are not valid."), errors=_flat(error.detail))
    elif isinstance(error, PermissionDenied):
        body = problem(status=403, code="not_allowed", title=_("You are not allowed to do this."))
    elif isinstance(error, exceptions.APIException):
        code = error.get_codes()
        body = problem(
            status=error.status_code, code=str(code) if isinstance(code, str) else "refused", title=str(error.detail)
        )
        if header := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait))
    else:
        return None
    set_rollback()
    return Response(body, status=body["status"], headers=headers, content_type=MEDIA_TYPE)


def _flat(detail: Any, path: str = "") -> list[dict[str, str]]:
    if isinstance(detail, dict):
        return [row for key, value in detail.items() for row in _flat(value, f"{path}.{key}" if path else str(key))]
    if isinstance(detail, list):
        rows: list[dict[str, str]] = []
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            rows += _flat(value, f"{path}.{index}" if nested else path)
        return rows
    return [{"field": path, "code": getattr(detail, "code", "invalid"), "message": str(detail)}]


def json_problem(request: HttpRequest, *, status: int, code: str, title: str) -> JsonResponse:
    """A problem answer outside REST views (404 and 405 of API paths, errors of the server)."""
    return JsonResponse(problem(status=status, code=code, title=title), status=status, content_type=MEDIA_TYPE)
