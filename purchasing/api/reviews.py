"""Reviews of suppliers over REST: what members say, and the company's own word on an order that it received."""

from typing import Any

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.models import Company
from purchasing import access
from purchasing.api.commitments import OfCompany
from purchasing.models import PurchaseOrder, SupplierReview
from purchasing.models.review import CRITERIA
from purchasing.services import review as service
from purchasing.states_exchange import ReviewState


class ReviewOut(serializers.ModelSerializer[SupplierReview]):
    """`order` is told to the company that wrote the review only; `reply` is empty while the supplier's is hidden."""

    company = serializers.CharField(source="company.name", read_only=True)
    order = serializers.SerializerMethodField()
    reply = serializers.SerializerMethodField()
    mine = serializers.SerializerMethodField()

    class Meta:
        model = SupplierReview
        fields = ["id", "supplier", "company", "mine", "order", *CRITERIA, "text", "state", "published_at", "edited_at",
                  "reply", "replied_at"]  # fmt: skip

    def get_mine(self, row: SupplierReview) -> bool:
        return bool(row.company_id == self.context["company"].pk)

    def get_order(self, row: SupplierReview) -> int | None:
        return row.order_id if self.get_mine(row) else None

    def get_reply(self, row: SupplierReview) -> str:
        return "" if row.reply_hidden_at else row.reply


class ReviewIn(serializers.Serializer[Any]):
    """One to five points for each question, for an order of which the company has goods in its hands."""

    order = serializers.IntegerField(min_value=1)
    quality = serializers.IntegerField(min_value=1, max_value=5)
    delivery = serializers.IntegerField(min_value=1, max_value=5)
    service = serializers.IntegerField(min_value=1, max_value=5)
    value = serializers.IntegerField(min_value=1, max_value=5)
    text = serializers.CharField(max_length=4_000, required=False, allow_blank=True, default="")


class ReviewableOut(serializers.ModelSerializer[PurchaseOrder]):
    """An order that the company may review and has not reviewed."""

    name = serializers.CharField(source="supplier.name", read_only=True)
    title = serializers.CharField(source="pool.title", read_only=True)

    class Meta:
        model = PurchaseOrder
        fields = ["id", "number", "supplier", "name", "title", "sent_at"]


class ReviewList(OfCompany):
    """What members say of suppliers, newest first (`?supplier=`, `?mine=1`); POST publishes or changes the company's word."""

    scope = "exchange"
    serializer_class: Any = ReviewIn

    def rows(self, company: Company) -> QuerySet[SupplierReview]:
        rows = SupplierReview.objects.filter(Q(state=ReviewState.PUBLISHED) | Q(company=company))
        return rows.select_related("company").order_by("-published_at", "-pk")

    @extend_schema(
        parameters=[OpenApiParameter("supplier", int), OpenApiParameter("mine", bool)], responses=ReviewOut(many=True)
    )
    def get(self, request: Request, company: int) -> Response:
        row = self.company()
        rows = self.rows(row)
        if supplier := request.query_params.get("supplier", ""):
            rows = rows.filter(supplier=int(supplier) if supplier.isdecimal() and len(supplier) < 19 else 0)
        if request.query_params.get("mine"):
            rows = rows.filter(company=row)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(ReviewOut(page, many=True, context={"company": row}).data)

    @extend_schema(request=ReviewIn, responses={201: ReviewOut})
    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        form = ReviewIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        made = service.write(
            actor=self.actor,
            company=row,
            order=get_object_or_404(service.received_orders(row), pk=data["order"]),
            scores={name: data[name] for name in CRITERIA},
            text=data["text"],
            at=timezone.now(),
        )
        return Response(ReviewOut(made, context={"company": row}).data, status=201)


class ReviewableOrders(OfCompany):
    """Orders that the company received and has not reviewed yet, latest first."""

    scope = "exchange"
    serializer_class: Any = ReviewableOut

    @extend_schema(operation_id="exchange_reviewable_orders_list", responses=ReviewableOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        row = self.company()
        rows = service.received_orders(row).exclude(reviews__company=row).order_by("-pk")
        return self.get_paginated_response(ReviewableOut(self.paginate_queryset(rows), many=True).data)
