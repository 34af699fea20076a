"""The order of an employee pool over REST: read, the supplier's answer recorded, its change decided, refunds decided."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.models import Company
from purchasing import employee_access as access
from purchasing import employee_pages as pages
from purchasing.api.employee_running import Run, RunOut
from purchasing.api.fields import Cents, UnitPrice
from purchasing.api.settlement import OrderAnswerIn
from purchasing.models import (
    EmployeeArticle,
    EmployeeOrder,
    EmployeeOrderAnswer,
    EmployeeOrderAnswerLine,
    EmployeeOrderLine,
    EmployeePayBack,
)
from purchasing.services import employee_goods as goods
from purchasing.services import employee_money
from purchasing.services import employee_supplier as service


class EmployeeOrderLineOut(serializers.ModelSerializer[EmployeeOrderLine]):
    unit_price = UnitPrice(source="unit_price_e4", read_only=True)
    net = Cents(source="net_cents", read_only=True)

    class Meta:
        model = EmployeeOrderLine
        fields = ["id", "article", "text", "pack", "quantity", "unit_price", "vat_bp", "net"]


class EmployeeChangeOut(serializers.ModelSerializer[EmployeeOrderAnswerLine]):
    line = serializers.IntegerField(source="order_line_id", read_only=True)
    unit_price = UnitPrice(source="unit_price_e4", read_only=True)

    class Meta:
        model = EmployeeOrderAnswerLine
        fields = ["line", "quantity", "unit_price", "substitute"]


class EmployeeAnswerOut(serializers.ModelSerializer[EmployeeOrderAnswer]):
    changes = EmployeeChangeOut(source="lines", many=True, read_only=True)

    class Meta:
        model = EmployeeOrderAnswer
        fields = ["id", "kind", "reference", "delivery_on", "note", "at", "changes"]


class EmployeeOrderOut(serializers.ModelSerializer[EmployeeOrder]):
    """Amounts before VAT, as the supplier reads them; `answers` in the order they came."""

    goods = Cents(source="goods_cents", read_only=True)
    freight = Cents(source="freight_cents", read_only=True)
    vat = Cents(source="vat_cents", read_only=True)
    lines = EmployeeOrderLineOut(many=True, read_only=True)
    answers = EmployeeAnswerOut(source="acknowledgements", many=True, read_only=True)

    class Meta:
        model = EmployeeOrder
        fields = ["id", "number", "pool", "supplier", "state", "goods", "freight", "vat", "expected_on", "sent_at",
                  "lines", "answers"]  # fmt: skip


class ChangeVerdictIn(serializers.Serializer[Any]):
    """`accepted`, or a `reason` why the supplier is asked again."""

    accepted = serializers.BooleanField()
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class EmployeeRefundOut(serializers.ModelSerializer[EmployeePayBack]):
    """What was refused at a pick-up and waits for a decision; whose it is stays with the people at work."""

    article = serializers.CharField(source="line.article.name", read_only=True)
    amount = Cents(source="cents", read_only=True)

    class Meta:
        model = EmployeePayBack
        fields = ["id", "article", "units", "amount", "cause", "reason", "state", "asked_at"]


class RefundVerdictIn(serializers.Serializer[Any]):
    granted = serializers.BooleanField()
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class _Ordered(Run):
    serializer_class: Any = EmployeeOrderOut

    def order(self) -> EmployeeOrder:
        rows = EmployeeOrder.objects.select_related("pool__company", "supplier")
        return get_object_or_404(rows, pool=self.pool())

    def shown_order(self) -> Response:
        rows = EmployeeOrder.objects.prefetch_related("lines", "acknowledgements__lines")
        return Response(EmployeeOrderOut(rows.get(pool=self.kwargs["pk"])).data)


class EmployeePoolOrder(_Ordered):
    """The order with what the supplier said to it."""

    @extend_schema(responses=EmployeeOrderOut)
    def get(self, request: Request, pk: int) -> Response:
        self.order()
        return self.shown_order()


class EmployeeOrderAcknowledge(_Ordered):
    """Record the supplier's answer: as ordered, or with changes. The same answer twice is one."""

    serializer_class: Any = OrderAnswerIn

    @extend_schema(request=OrderAnswerIn, responses=EmployeeOrderOut)
    def post(self, request: Request, pk: int) -> Response:
        order = self.order()
        answer = self.checked(OrderAnswerIn).answer()
        service.acknowledge(order=order, answer=answer, actor=self.actor, at=timezone.now())
        return self.shown_order()


class EmployeeOrderDecide(_Ordered):
    """Accept what the supplier changed (the association's staff: money goes back), or ask it to answer again."""

    serializer_class: Any = ChangeVerdictIn

    @extend_schema(request=ChangeVerdictIn, responses=EmployeeOrderOut)
    def post(self, request: Request, pk: int) -> Response:
        order = self.order()
        given = self.checked(ChangeVerdictIn).validated_data
        service.decide_change(actor=self.actor, order=order, at=timezone.now(), **given)
        return self.shown_order()


class EmployeeRefunds(Run):
    """Refunds proposed at a pick-up that wait for the association."""

    serializer_class: Any = EmployeeRefundOut

    @extend_schema(operation_id="employee_pool_refunds_list", responses=EmployeeRefundOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        rows = list(pages.refunds_to_decide(self.pool()))
        return Response(EmployeeRefundOut(rows, many=True).data)


class EmployeeRefund(Run):
    """Grant a refund, or decline it with a reason."""

    serializer_class: Any = RefundVerdictIn

    @extend_schema(request=RefundVerdictIn, responses=EmployeeRefundOut)
    def post(self, request: Request, pk: int, refund: int) -> Response:
        pool = self.pool()
        require(access.can_decide_refunds(self.actor))
        row = get_object_or_404(
            EmployeePayBack.objects.select_related("line__article"), pk=refund, line__purchase__pool=pool
        )
        given = self.checked(RefundVerdictIn).validated_data
        employee_money.decide(actor=self.actor, row=row, at=timezone.now(), **given)
        row.refresh_from_db()
        return Response(EmployeeRefundOut(row).data)


class RestIn(serializers.Serializer[Any]):
    """`company` waits for the article; without one it is the rest of the last pack, which the association carries."""

    article = serializers.IntegerField()
    company = serializers.IntegerField(required=False, allow_null=True, default=None)


class EmployeeRest(Run):
    """What of an article does not come any more: who waits for it is paid back (the association's staff)."""

    serializer_class: Any = RestIn

    @extend_schema(request=RestIn, responses=RunOut)
    def post(self, request: Request, pk: int) -> Response:
        pool = self.pool()
        require(access.can_decide_refunds(self.actor))
        given = self.checked(RestIn).validated_data
        article = get_object_or_404(EmployeeArticle, pk=given["article"], pool=pool)
        at = timezone.now()
        if given["company"] is None:
            service.rest_short(actor=self.actor, pool=pool, article=article, at=at)
        else:
            company = get_object_or_404(Company, pk=given["company"])
            goods.close_short(actor=self.actor, pool=pool, company=company, article=article, at=at)
        return self.shown(pool)
