"""The base of REST views: idempotent writes, scopes, visible rows only."""

import hashlib
import json
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from companies.api_auth import HasScope
from companies.errors import DomainError
from companies.models import ApiToken, IdempotentReply
from companies.problems import MEDIA_TYPE

KEEP_REPLIES = timedelta(hours=24)


class KeyReused(DomainError):
    """The same Idempotency-Key came with another body."""

    code = "idempotency_key_reused"
    message = _("This Idempotency-Key was already used with another request. Draw a new key.")


class KeyBusy(DomainError):
    """The first request under this key has not answered yet."""

    code = "idempotency_key_busy"
    message = _("The first request with this Idempotency-Key is still being worked on. Try again in a moment.")


class ApiView(GenericAPIView):
    """Base of our REST views. A write with an `Idempotency-Key` is answered once and then repeated for 24 hours."""

    permission_classes = [IsAuthenticated, HasScope]
    scope = ""
    _reply: IdempotentReply | None = None

    def own(self, rows: "QuerySet[Any]", path: str = "company") -> "QuerySet[Any]":
        """Limit rows further to the token's company, when a token asks."""
        if isinstance(self.request.auth, ApiToken):
            return rows.filter(**{path: self.request.auth.company_id})
        return rows

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key", "")
        if not key or request.method in {"GET", "HEAD", "OPTIONS"}:
            return
        who = request.auth if isinstance(request.auth, ApiToken) else request.user
        caller = f"{type(who).__name__}:{who.pk}".lower()  # a till and a person may have the same number
        text = json.dumps([request.method, request.path, request.data], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        IdempotentReply.objects.filter(
            caller=caller, key=key[:100], created_at__lt=timezone.now() - KEEP_REPLIES
        ).delete()
        try:
            with transaction.atomic():
                self._reply = IdempotentReply.objects.create(
                    caller=caller, key=key[:100], body_hash=digest, created_at=timezone.now()
                )
        except IntegrityError:
            earlier = IdempotentReply.objects.get(caller=caller, key=key[:100])
            if earlier.body_hash != digest:
                raise KeyReused from None
            if earlier.status is None:
                if earlier.created_at > timezone.now() - timedelta(minutes=1):
                    raise KeyBusy from None
                self._reply = earlier  # its process died before answering; services are safe to run again
                return
            raise _Replay(earlier) from None

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _Replay):
            code = exc.reply.status or status.HTTP_200_OK
            return Response(
                exc.reply.body,
                status=code,
                headers={"Idempotency-Replayed": "true"},
                content_type=MEDIA_TYPE if code >= status.HTTP_400_BAD_REQUEST else None,
            )
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        done = super().finalize_response(request, response, *args, **kwargs)
        if self._reply is not None:
            if response.status_code >= 500:
                self._reply.delete()
            else:
                # As the renderer writes it: a repeated answer is the same to the letter.
                body = json.loads(json.dumps(response.data, cls=JSONEncoder)) if response.data is not None else None
                IdempotentReply.objects.filter(pk=self._reply.pk).update(status=response.status_code, body=body)
            self._reply = None
        return done


class _Replay(Exception):
    def __init__(self, reply: IdempotentReply) -> None:
        self.reply = reply
