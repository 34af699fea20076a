"""The association's care of the exchange over REST: complaints that wait, and hiding or showing for a reason."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import is_staff, require
from companies.api import ApiView
from companies.models import User
from companies.pagination import Pages
from purchasing.models import BuyerAnswer, BuyerQuestion, ExchangeOffer, SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.services import buyer_question, review, surplus


class ComplaintOut(serializers.ModelSerializer[SupplierReview]):
    """A review that its supplier complains of, oldest complaint first."""

    supplier_name = serializers.CharField(source="supplier.name", read_only=True)
    company_name = serializers.CharField(source="company.name", read_only=True)

    class Meta:
        model = SupplierReview
        fields = ["id", "supplier", "supplier_name", "company", "company_name", *CRITERIA, "text", "reply",
                  "complaint", "complained_at"]  # fmt: skip


class ModerateIn(serializers.Serializer[Any]):
    """The person concerned reads the reason."""

    reason = serializers.CharField(max_length=200)


class AnswerIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=4_000)


class _Care(ApiView):
    scope = "exchange"
    pagination_class = Pages
    serializer_class: Any = ComplaintOut
    queryset: QuerySet[SupplierReview] = SupplierReview.objects.none()  # for the schema

    @property
    def actor(self) -> User:
        user: Any = self.request.user
        require(is_staff(user))
        return user


class ComplaintList(_Care):
    """What suppliers complain of and nobody settled yet; hiding or showing the review settles it."""

    @extend_schema(operation_id="exchange_complaints_list", responses=ComplaintOut(many=True))
    def get(self, request: Request) -> Response:
        self.actor  # noqa: B018  # refuses everybody but staff
        rows = SupplierReview.objects.filter(complained_at__isnull=False, settled_at__isnull=True)
        page = self.paginate_queryset(rows.select_related("supplier", "company").order_by("complained_at", "pk"))
        return self.get_paginated_response(ComplaintOut(page, many=True).data)


class Moderate(_Care):
    """`hide` or `show` an offer, a question, an answer, a review or a supplier's reply, with a `reason`."""

    serializer_class: Any = ModerateIn

    @extend_schema(request=ModerateIn, responses={204: None})
    def post(self, request: Request, kind: str, pk: int, action: str) -> Response:
        actor = self.actor
        form = ModerateIn(data=request.data)
        form.is_valid(raise_exception=True)
        more: dict[str, Any] = {
            "actor": actor,
            "hide": action == "hide",
            "reason": form.validated_data["reason"],
            "at": timezone.now(),
        }
        if kind == "offer":
            surplus.moderate(offer=get_object_or_404(ExchangeOffer, pk=pk), **more)
        elif kind == "question":
            buyer_question.moderate(question=get_object_or_404(BuyerQuestion, pk=pk), **more)
        elif kind == "answer":
            answers = BuyerAnswer.objects.select_related("question")
            buyer_question.moderate_answer(answer=get_object_or_404(answers, pk=pk), **more)
        elif kind == "review":
            review.moderate(review=get_object_or_404(SupplierReview, pk=pk), **more)
        elif kind == "reply":
            review.moderate_reply(review=get_object_or_404(SupplierReview, pk=pk), **more)
        else:
            raise Http404
        return Response(status=204)


class AnswerForAll(_Care):
    """The association's own answer to a buyer's question."""

    serializer_class: Any = AnswerIn

    @extend_schema(request=AnswerIn, responses={204: None})
    def post(self, request: Request, pk: int) -> Response:
        actor = self.actor
        question, form = get_object_or_404(BuyerQuestion, pk=pk), AnswerIn(data=request.data)
        form.is_valid(raise_exception=True)
        text = form.validated_data["text"]
        buyer_question.answer(actor=actor, company=None, question=question, text=text, at=timezone.now())
        return Response(status=204)
