"""The last steps of a pool over REST: the supplier's answer, and what becomes of its invoice."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from purchasing import access
from purchasing.api.fields import UnitPrice
from purchasing.api.orders import InvoiceOut, OrderOut, Orders
from purchasing.models import SupplierInvoice
from purchasing.services import order as ordering
from purchasing.services import settlement


class ChangeIn(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    quantity = serializers.IntegerField(min_value=0)
    unit_price = UnitPrice()
    substitute = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class OrderAnswerIn(serializers.Serializer[Any]):
    delivery_on = serializers.DateField(required=False, allow_null=True, default=None)
    reference = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    changes = ChangeIn(many=True, required=False, default=list)

    def answer(self) -> ordering.Answer:
        data = self.validated_data
        changes = {row["line"]: (row["quantity"], row["unit_price"]) for row in data["changes"]}
        substitutes = {row["line"]: row["substitute"] for row in data["changes"]}
        return ordering.Answer(data["delivery_on"], data["reference"], data["note"], changes, substitutes)


class OrderAcknowledge(Orders):
    """Record the supplier's answer: as ordered, or with changed quantities, prices or articles. The same answer twice is one."""

    serializer_class = OrderAnswerIn

    def post(self, request: Request, pk: int) -> Response:
        form = OrderAnswerIn(data=request.data)
        form.is_valid(raise_exception=True)
        ordering.acknowledge(order=self.order(), answer=form.answer(), actor=self.actor, at=timezone.now())
        return Response(OrderOut(self.order()).data)


class ReasonIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class SupplierInvoiceAct(Orders):
    """Accept a supplier's invoice, refuse its difference, share it to the cent, or issue the members' invoices, once."""

    serializer_class = ReasonIn

    def post(self, request: Request, pk: int, action: str) -> Response:
        rows = SupplierInvoice.objects.filter(order__in=self.get_queryset())
        invoice: SupplierInvoice = get_object_or_404(rows.select_related("order__pool"), pk=pk)
        require(access.can_run_pool(self.actor, invoice.order.pool))
        form = ReasonIn(data=request.data)
        form.is_valid(raise_exception=True)
        reason, at = form.validated_data["reason"], timezone.now()
        if action == "accept":
            settlement.accept(actor=self.actor, invoice=invoice, at=at, reason=reason)
        elif action == "refuse":
            settlement.refuse_difference(actor=self.actor, invoice=invoice, at=at, reason=reason)
        elif action == "share":
            settlement.share_out(actor=self.actor, invoice=invoice, at=at)
        else:
            settlement.issue_invoices(actor=self.actor, invoice=invoice, at=at)
        invoice.refresh_from_db()
        numbers = [row.number for row in settlement.member_invoices(invoice)]
        return Response({**InvoiceOut(invoice).data, "member_invoices": numbers})
