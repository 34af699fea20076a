"""A page about the API that works offline: every route, every stable error code."""

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException

from companies.errors import DomainError
from deploy.api_schema import Drawn
from merchants.till_auth import SUSPENDED

ROOMS = ["companies", "merchants", "benefit_card", "purchasing"]
# Codes that no exception class of ours stands for.
OTHERS = {
    "bad_request": (400, _("This request could not be understood. Go back and try again.")),
    "csrf": (403, _("This page was open too long. Go back, reload it and send the form again.")),
    "server_error": (500, _("Something went wrong on our side. Nothing was lost; try again in a moment.")),
    "second_factor_needed": (403, _("Confirm your second factor in the browser first.")),
    "merchant_suspended": (403, SUSPENDED),
    "till_not_paired": (401, _("This till is not linked any more. Link it again from the merchant space.")),
    "no_card": (404, _("You have no card yet.")),
}


@lru_cache
def _know_everything() -> None:
    """Import what is else imported at its first use, so that its refusals are known."""
    for room in ROOMS:
        for module in walk_packages(import_module(room).__path__, f"{room}."):
            if not {"management", "migrations"} & set(module.name.split(".")):
                import_module(module.name)


def _tree(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


def error_codes() -> list[tuple[str, int, str]]:
    """Every stable code with its status and sentence, by code."""
    _know_everything()
    found = {code: (code, status, str(sentence)) for code, (status, sentence) in OTHERS.items()}
    for kind in _tree(DomainError):
        found.setdefault(kind.code, (kind.code, kind.status, str(kind.message)))
    for kind in _tree(APIException):
        code, status = kind.default_code, kind.status_code
        found.setdefault(code, (code, status, str(kind.default_detail)))
    return sorted(found.values())


def _marked(text: str) -> SafeString:
    """The first paragraph of a description, with what stands between backticks as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", conditional_escape(text)))  # noqa: S308  # escaped in the same line


@login_not_required
def docs(request: HttpRequest) -> HttpResponse:
    """The reference: routes from the OpenAPI schema, and the codes."""
    schema = Drawn().get_schema(public=True)
    routes = [
        {
            "method": method.upper(),
            "path": address,
            "summary": _marked(about.get("description", "").split("\n\n")[0]),
            "id": about["operationId"],
        }
        for address, methods in sorted(schema["paths"].items())
        for method, about in methods.items()
    ]
    return render(request, "api_docs.html", {"routes": routes, "codes": error_codes()})
