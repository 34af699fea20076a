"""Orders, receipts and supplier invoices over REST, for whoever runs the pool."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import User
from companies.pagination import Pages
from purchasing import access
from purchasing.api.fields import Cents, UnitPrice
from purchasing.models import (
    Pool,
    PurchaseOrder,
    PurchaseOrderLine,
    Receipt,
    ReceiptLine,
    SupplierInvoice,
    SupplierInvoiceLine,
    VatRate,
)
from purchasing.services import delivery, settlement
from purchasing.services import order as service


class OrderLineOut(serializers.ModelSerializer[PurchaseOrderLine]):
    unit_price = UnitPrice(source="unit_price_e4", read_only=True)
    net = Cents(source="net_cents", read_only=True)

    class Meta:
        model = PurchaseOrderLine
        fields = ["id", "position", "text", "reference", "unit", "pack", "quantity", "unit_price", "vat_bp", "net"]


class OrderOut(serializers.ModelSerializer[PurchaseOrder]):
    goods = Cents(source="goods_cents", read_only=True)
    freight = Cents(source="freight_cents", read_only=True)
    vat = Cents(source="vat_cents", read_only=True)
    supplier = serializers.CharField(source="supplier.name", read_only=True)
    lines = OrderLineOut(many=True, read_only=True)

    class Meta:
        model = PurchaseOrder
        fields = ["id", "number", "pool", "supplier", "state", "goods", "freight", "vat", "deliver_to", "expected_on",
                  "sent_at", "lines"]  # fmt: skip


class Orders(ApiView):
    scope = "orders"
    serializer_class: Any = OrderOut
    pagination_class = Pages

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody comes here without signing in

    def get_queryset(self) -> Any:
        rows = PurchaseOrder.objects.visible_to(self.actor).select_related("supplier", "pool")
        return rows.prefetch_related("lines")

    def order(self) -> PurchaseOrder:
        row: PurchaseOrder = get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])
        require(access.can_run_pool(self.actor, row.pool))
        return row


class OrderList(Orders):
    """Orders of the pools the caller runs."""

    def get(self, request: Request) -> Response:
        require(access.can_open_pools(self.actor))
        return self.get_paginated_response(OrderOut(self.paginate_queryset(self.get_queryset()), many=True).data)


class PoolOrders(Orders):
    """POST prepares one order per supplier of a locked pool, once."""

    def post(self, request: Request, pk: int) -> Response:
        pool = get_object_or_404(Pool.objects.led_by(self.actor), pk=pk)
        rows = service.prepare(actor=self.actor, pool=pool, at=timezone.now())
        return Response(OrderOut(rows, many=True).data, status=201)


class OrderDetail(Orders):
    def get(self, request: Request, pk: int) -> Response:
        return Response(OrderOut(self.order()).data)


class OrderSend(Orders):
    """Sign and send, once."""

    def post(self, request: Request, pk: int) -> Response:
        service.sign_and_send(actor=self.actor, order=self.order(), at=timezone.now())
        return Response(OrderOut(self.order()).data)


class ReceiptLineOut(serializers.ModelSerializer[ReceiptLine]):
    line = serializers.IntegerField(source="order_line_id", read_only=True)

    class Meta:
        model = ReceiptLine
        fields = ["line", "counted", "refused", "reserves", "substitute", "left_over"]


class ReceiptOut(serializers.ModelSerializer[Receipt]):
    lines = ReceiptLineOut(many=True, read_only=True)

    class Meta:
        model = Receipt
        fields = ["id", "order", "number", "corrects", "state", "delivery_note", "notes", "announced_for", "parcels",
                  "arrived_at", "counted_at", "reserves_until", "carrier_told_at", "lines"]  # fmt: skip


class CountIn(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    counted = serializers.IntegerField(min_value=-1_000_000_000, max_value=1_000_000_000)
    refused = serializers.IntegerField(min_value=-1_000_000_000, max_value=1_000_000_000, default=0)
    reserves = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    substitute = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class ReceiptIn(serializers.Serializer[Any]):
    """`number` is the delivery's number in the order: sent twice, it counts once.

    `corrects` makes a counter-receipt, whose `notes` say why.
    """

    number = serializers.IntegerField(min_value=1, max_value=30_000, required=False, allow_null=True, default=None)
    delivery_note = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    notes = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    corrects = serializers.IntegerField(required=False, allow_null=True, default=None)
    lines = CountIn(many=True)


class Receipts(Orders):
    """Deliveries of an order; POST enters one and shares it out by the pool's rule."""

    serializer_class = ReceiptOut

    def get(self, request: Request, pk: int) -> Response:
        rows = self.order().receipts.prefetch_related("lines")
        return self.get_paginated_response(ReceiptOut(self.paginate_queryset(rows), many=True).data)

    def post(self, request: Request, pk: int) -> Response:
        order = self.order()
        form = ReceiptIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        corrects = get_object_or_404(order.receipts, pk=data["corrects"]) if data["corrects"] else None
        receipt = delivery.receive(
            actor=self.actor,
            order=order,
            counts={
                c["line"]: delivery.Count(c["counted"], c["refused"], c["reserves"], c["substitute"])
                for c in data["lines"]
            },
            at=timezone.now(),
            number=data["number"],
            delivery_note=data["delivery_note"],
            notes=data["notes"],
            corrects=corrects,
        )
        return Response(ReceiptOut(receipt).data, status=201)


class InvoiceLineIn(serializers.Serializer[Any]):
    """Freight and discounts may leave the rate out (null): they then follow the goods, cut by the value of each rate."""

    kind = serializers.ChoiceField(choices=SupplierInvoiceLine.Kind.choices)
    line = serializers.IntegerField(required=False, allow_null=True, default=None)
    quantity = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)
    unit_price = UnitPrice(required=False, allow_null=True, default=None)
    net = Cents()
    vat_bp = serializers.ChoiceField(choices=VatRate.choices, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == settlement.Kind.GOODS and attrs["vat_bp"] is None:
            raise serializers.ValidationError({"vat_bp": "goods need a rate"})
        return attrs


class InvoiceIn(serializers.Serializer[Any]):
    number = serializers.CharField(max_length=60)
    issued_on = serializers.DateField()
    due_on = serializers.DateField(required=False, allow_null=True, default=None)
    lines = InvoiceLineIn(many=True)


class InvoiceOut(serializers.ModelSerializer[SupplierInvoice]):
    net = Cents(source="net_cents", read_only=True)
    vat = Cents(source="vat_cents", read_only=True)
    gross = Cents(source="gross_cents", read_only=True)
    expected_net = Cents(source="expected_net_cents", read_only=True)

    class Meta:
        model = SupplierInvoice
        fields = ["id", "order", "number", "state", "issued_on", "due_on", "net", "vat", "gross", "expected_net"]


class SupplierInvoices(Orders):
    """Invoices of an order; POST enters one and matches it with order and receipts."""

    serializer_class = InvoiceOut

    def get(self, request: Request, pk: int) -> Response:
        rows = self.order().supplier_invoices.all()
        return self.get_paginated_response(InvoiceOut(self.paginate_queryset(rows), many=True).data)

    def post(self, request: Request, pk: int) -> Response:
        order = self.order()
        form = InvoiceIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        ours = {line.pk for line in order.lines.all()}
        lines = [
            settlement.LineIn(
                row["kind"],
                -row["net"] if row["kind"] == settlement.Kind.DISCOUNT else row["net"],
                row["vat_bp"],
                row["line"] if row["line"] in ours else None,
                row["quantity"],
                row["unit_price"],
            )
            for row in data["lines"]
        ]
        if any(line.kind == settlement.Kind.GOODS and line.order_line is None for line in lines):
            raise serializers.ValidationError({"lines": "goods need a line of this order"})
        draft = settlement.InvoiceIn(data["number"], data["issued_on"], lines, data["due_on"])
        invoice = settlement.record(actor=self.actor, order=order, draft=draft, at=timezone.now())
        return Response(InvoiceOut(invoice).data, status=201)
