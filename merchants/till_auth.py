"""How a till signs in: `Authorization: Till <token>`."""

from datetime import timedelta
from functools import cache

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from companies.prepared import Found
from merchants.models import Till
from merchants.services.tills import digest

SEEN_EVERY = timedelta(minutes=5)
SUSPENDED = _("ERB has stopped the card in this shop for the time being. The till stays linked; the owner knows why.")


@cache
def by_token() -> Found[Till]:
    """The till that may scan under a token's hash, with `has_cashiers`."""
    return Found(Till.objects.paired().filter(token_hash=Found.OPEN))


class TillAuthentication(BaseAuthentication):
    """`request.user` is the till, with its shop and merchant, in one query.

    A revoked till gets 401 from then on and forgets what it knows. A till of a suspended merchant gets 403 until the
    suspension is lifted: it keeps its token and the sales that wait on it.
    """

    def authenticate(self, request: Request) -> tuple[Till, None] | None:
        scheme, _space, token = get_authorization_header(request).decode(errors="replace").partition(" ")
        if scheme.lower() != "till":
            return None
        till = by_token().of(digest(token.strip()))
        if till is None:
            if Till.objects.stopped().filter(token_hash=digest(token.strip())).exists():
                raise exceptions.PermissionDenied(SUSPENDED, code="merchant_suspended")
            raise exceptions.AuthenticationFailed(
                _("This till is not linked any more. Link it again from the merchant space."), code="till_not_paired"
            )
        now = timezone.now()
        if till.last_seen_at is None or till.last_seen_at < now - SEEN_EVERY:
            Till.objects.filter(pk=till.pk).update(last_seen_at=now)
        return till, None

    def authenticate_header(self, request: Request) -> str:
        return "Till"


class IsTill(BasePermission):
    """Only a paired till; a person who is signed in is not one."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.user, Till)
