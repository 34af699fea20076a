"""One line of a draft request over REST, so that a program need not send the others again."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from purchasing import access
from purchasing.api.requests import LineIn, RequestOut, _Requests
from purchasing.models import Article, RequestLine
from purchasing.services import request_line as service
from purchasing.services.request import LineDraft


class _Lines(_Requests):
    def write(self, line: int | None, draft: LineDraft | None, status: int = 200) -> Response:
        row, actor = self.one(), self.request.user
        require(access.can_request(actor, row.company))  # type: ignore[arg-type]  # nobody comes here without signing in
        try:
            row = service.put(actor=actor, request=row, line=line, draft=draft, at=timezone.now())  # type: ignore[arg-type]  # nobody comes here without signing in
        except RequestLine.DoesNotExist:
            raise Http404 from None
        return self.shown(row, status)

    def line(self) -> LineDraft:
        require(access.can_request(self.request.user, self.one().company))  # type: ignore[arg-type]  # nobody comes here without signing in
        form = LineIn(data=self.request.data)
        form.is_valid(raise_exception=True)
        data: dict[str, Any] = form.validated_data
        article = Article.objects.filter(pk=data["article"]).first() if data.get("article") else None
        if data.get("article") and article is None:
            raise serializers.ValidationError({"article": f"unknown article {data['article']}"})
        return LineDraft(
            text=data.get("text") or (article.name if article else ""),
            quantity=data["quantity"],
            article=article,
            unit=data["unit"],
            tolerance=data["tolerance"],
            ref_price_e4=data.get("ref_price"),
        )


class RequestLines(_Lines):
    """Add one line to a draft; the answer is the whole request."""

    @extend_schema(request=LineIn, responses={201: RequestOut})
    def post(self, request: Request, company: int, pk: int) -> Response:
        return self.write(None, self.line(), 201)


class RequestLineDetail(_Lines):
    """Replace one line of a draft, or take it out; the answer is the whole request. Lines are numbered anew by it."""

    @extend_schema(request=LineIn, responses=RequestOut)
    def put(self, request: Request, company: int, pk: int, line: int) -> Response:
        return self.write(line, self.line())

    @extend_schema(responses=RequestOut)
    def delete(self, request: Request, company: int, pk: int, line: int) -> Response:
        return self.write(line, None)
