"""A supplier's program: what its links of an order and of a claim show and take. The signed link is the login."""

from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from purchasing.api.claims import ClaimAnswerOut, ClaimLineOut
from purchasing.api.fields import Cents
from purchasing.api.order_steps import PDF, ClaimWordIn, label_sheet, paper
from purchasing.api.orders import OrderLineOut, OrderOut
from purchasing.api.settlement import OrderAnswerIn
from purchasing.models import Claim, EmployeeOrder, PurchaseOrder
from purchasing.services import claims, employee_supplier, shipment
from purchasing.services import order as ordering
from purchasing.services.answers import answerable


class SupplierOrderOut(serializers.Serializer[Any]):
    """The order as its supplier sees it; `answerable`: it waits for an answer, or may still be answered otherwise."""

    number = serializers.CharField()
    state = serializers.CharField()
    goods = Cents(source="goods_cents")
    freight = Cents(source="freight_cents")
    vat = Cents(source="vat_cents")
    deliver_to = serializers.CharField()
    expected_on = serializers.DateField(allow_null=True)
    answerable = serializers.SerializerMethodField()
    lines = OrderLineOut(many=True)

    def get_answerable(self, order: PurchaseOrder | EmployeeOrder) -> bool:
        return bool(answerable(order))


class ByLink(APIView):
    """Base: no other login than the link; an unknown, expired or withdrawn one is not found."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def order(self, token: str) -> PurchaseOrder | EmployeeOrder:
        at = timezone.now()
        found = ordering.by_token(token, at=at) or employee_supplier.by_token(token, at=at)
        if found is None:
            raise Http404
        return found


class OrderByLink(ByLink):
    """GET the order; POST acknowledges it as ordered, or with what changes. The same answer twice is one."""

    serializer_class: Any = OrderAnswerIn

    @extend_schema(responses=SupplierOrderOut)
    def get(self, request: Request, token: str) -> Response:
        return Response(SupplierOrderOut(self.order(token)).data)

    @extend_schema(request=OrderAnswerIn, responses=SupplierOrderOut)
    def post(self, request: Request, token: str) -> Response:
        order = self.order(token)
        form = OrderAnswerIn(data=request.data)
        form.is_valid(raise_exception=True)
        if isinstance(order, EmployeeOrder):
            employee_supplier.acknowledge(order=order, answer=form.answer(), at=timezone.now())
        else:
            ordering.acknowledge(order=order, answer=form.answer(), at=timezone.now())
        return Response(SupplierOrderOut(self.order(token)).data)


class ShipmentIn(serializers.Serializer[Any]):
    """The same delivery note number (or none) corrects what was announced; another number is another delivery."""

    expected_on = serializers.DateField()
    parcels = serializers.IntegerField(min_value=1, max_value=9_999, required=False, allow_null=True, default=None)
    delivery_note = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")


class ShipByLink(ByLink):
    """The dispatch advice: the goods, or the rest of them, arrive on that day. The companies see the day."""

    serializer_class: Any = ShipmentIn

    @extend_schema(request=ShipmentIn, responses=SupplierOrderOut)
    def post(self, request: Request, token: str) -> Response:
        order = self.order(token)
        if isinstance(order, EmployeeOrder):
            raise Http404
        form = ShipmentIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        said = {"delivery_note": data["delivery_note"], "parcels": data["parcels"]}
        shipment.announce(order=order, day=data["expected_on"], at=timezone.now(), **said)
        return Response(SupplierOrderOut(self.order(token)).data)


class PaperByLink(ByLink):
    """The order as it was sent: PDF/A-3 with Order-X inside."""

    serializer_class: Any = OrderOut

    @extend_schema(operation_id="supplier_order_paper", responses=PDF)
    def get(self, request: Request, token: str) -> HttpResponse:
        return paper(self.order(token).document)


class LabelsByLink(ByLink):
    """The labels for the supplier who packs by company."""

    serializer_class: Any = OrderOut

    @extend_schema(operation_id="supplier_order_labels", responses=PDF)
    def get(self, request: Request, token: str) -> HttpResponse:
        order = self.order(token)
        if isinstance(order, EmployeeOrder):
            raise Http404
        return label_sheet(order)


class SupplierClaimOut(serializers.ModelSerializer[Claim]):
    order = serializers.CharField(source="order.number", read_only=True)
    asked = Cents(source="asked_cents", read_only=True)
    lines = ClaimLineOut(many=True, read_only=True)
    answers = ClaimAnswerOut(many=True, read_only=True)

    class Meta:
        model = Claim
        fields = ["number", "order", "kind", "state", "text", "asked", "due_at", "opened_at", "lines", "answers"]


class ClaimByLink(ByLink):
    """GET the claim; POST answers it. The same answer twice is one."""

    serializer_class: Any = ClaimWordIn

    def claim(self, token: str) -> Claim:
        found = claims.by_token(token, at=timezone.now())
        if found is None:
            raise Http404
        return found

    @extend_schema(responses=SupplierClaimOut)
    def get(self, request: Request, token: str) -> Response:
        return Response(SupplierClaimOut(self.claim(token)).data)

    @extend_schema(request=ClaimWordIn, responses=SupplierClaimOut)
    def post(self, request: Request, token: str) -> Response:
        claim = self.claim(token)
        form = ClaimWordIn(data=request.data)
        form.is_valid(raise_exception=True)
        claims.answer(claim=claim, at=timezone.now(), **form.word())
        return Response(SupplierClaimOut(self.claim(token)).data)
