"""What else a supplier's program says by its link: no, not any more, and its word on a review."""

from typing import Any

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from purchasing.api.tenders import QuoteByLink
from purchasing.models import SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.services import quote as quotes
from purchasing.services import review as reviews


class QuoteReasonIn(serializers.Serializer[Any]):
    """The reason is kept beside the refusal; it may be blank."""

    reason = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class QuoteActByLink(QuoteByLink):
    """`decline` to quote, or `withdraw` a quote before the award. The link is the login."""

    serializer_class: Any = QuoteReasonIn
    http_method_names = ["post", "head", "options"]

    @extend_schema(request=QuoteReasonIn)
    def post(self, request: Request, token: str, action: str) -> Response:  # type: ignore[override]  # one more part of the address
        invitation = self.invitation(token)
        form = QuoteReasonIn(data=request.data)
        form.is_valid(raise_exception=True)
        done = {"decline": quotes.decline, "withdraw": quotes.withdraw}[action]
        row = done(invitation=invitation, reason=form.validated_data["reason"], at=timezone.now())
        return Response(self.body(row))


class ReviewByLinkOut(serializers.ModelSerializer[SupplierReview]):
    company = serializers.CharField(source="company.name", read_only=True)

    class Meta:
        model = SupplierReview
        fields = ["company", *CRITERIA, "text", "published_at", "reply", "replied_at", "complaint", "complained_at"]


class ReviewByLinkIn(serializers.Serializer[Any]):
    """`reply`, once and published; or `complaint`, which the association reads."""

    reply = serializers.CharField(max_length=4_000, required=False, allow_blank=True, default="")
    complaint = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class ReviewByLink(APIView):
    """A supplier reads what a buyer wrote of it, replies or complains. The link is the login."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    serializer_class = ReviewByLinkIn

    def review(self, token: str) -> SupplierReview:
        row = reviews.by_token(token, at=timezone.now())
        if row is None:
            raise Http404
        return row

    @extend_schema(responses=ReviewByLinkOut)
    def get(self, request: Request, token: str) -> Response:
        return Response(ReviewByLinkOut(self.review(token)).data)

    @extend_schema(request=ReviewByLinkIn, responses=ReviewByLinkOut)
    def post(self, request: Request, token: str) -> Response:
        row, form = self.review(token), ReviewByLinkIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        if data["complaint"] and not data["reply"]:
            row = reviews.complain(review=row, text=data["complaint"], at=timezone.now())
        else:
            row = reviews.reply(review=row, text=data["reply"], at=timezone.now())
        return Response(ReviewByLinkOut(row).data)
