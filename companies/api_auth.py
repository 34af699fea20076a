"""How programs sign in: `Authorization: Bearer <token>` of a company's API token."""

import hashlib
from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from companies.models import ApiToken

USED_EVERY = timedelta(minutes=5)


def token_hash(token: str) -> str:
    """What is stored of a token: long random tokens need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


class TokenAuthentication(BaseAuthentication):
    """A token acts for the person who made it; `request.auth` is the token and limits company and scopes."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        given = parts[1].decode(errors="replace") if len(parts) == 2 else ""
        token = ApiToken.objects.select_related("user", "company").filter(token_hash=token_hash(given)).first()
        if token is None or token.revoked_at is not None or not token.user.is_active:
            raise exceptions.AuthenticationFailed(_("This token is unknown or was revoked."))
        now = timezone.now()
        if token.last_used_at is None or token.last_used_at < now - USED_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """A token must carry the view's scope (`scope = "requests"`); a signed-in person needs none."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiToken):
            return True
        scope = getattr(view, "scope", "")
        wanted = scope if request.method in {"GET", "HEAD", "OPTIONS"} else f"{scope}:write"
        return wanted in request.auth.scopes or f"{scope}:write" in request.auth.scopes


class TokenScheme(OpenApiAuthenticationExtension):
    """Names the token in the OpenAPI document."""

    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "API token of a company"}
