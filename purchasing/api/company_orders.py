"""What was ordered for a company, over REST: its part of each order and what of it has arrived. Never another's (I13)."""

from typing import Any

from django.db.models import Prefetch, QuerySet, Sum
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.models import Company
from companies.money import line_total
from purchasing.api.commitments import OfCompany
from purchasing.api.fields import Cents, UnitPrice
from purchasing.models import Allocation, Commitment, PurchaseOrder, PurchaseOrderLine, Receipt
from purchasing.services.changes import part_of
from purchasing.services.shipment import COMING
from purchasing.states import CommitmentState, OrderState


class CompanyOrderLineOut(serializers.Serializer[Any]):
    """`quantity`, `net` and `received` are the company's own; `commitment` is the word that it follows from."""

    line = serializers.IntegerField()
    commitment = serializers.IntegerField()
    pool_line = serializers.IntegerField()
    text = serializers.CharField()
    reference = serializers.CharField(allow_blank=True)
    unit = serializers.CharField()
    quantity = serializers.IntegerField()
    received = serializers.IntegerField()
    unit_price = UnitPrice()
    vat_bp = serializers.IntegerField()
    net = Cents()
    site = serializers.IntegerField(allow_null=True)


class CompanyChangeLineOut(serializers.Serializer[Any]):
    """The company's quantity before, and after if everybody agrees; `instead` names another article."""

    line = serializers.IntegerField()
    before = serializers.IntegerField()
    after = serializers.IntegerField()
    unit_price = UnitPrice()
    instead = serializers.CharField(allow_blank=True)


class CompanyChangeOut(serializers.Serializer[Any]):
    """What the supplier changed and the company is asked about: answered at `changes/{id}/` before `until`."""

    id = serializers.IntegerField()
    until = serializers.DateTimeField(allow_null=True)
    accepted = serializers.BooleanField(allow_null=True)
    lines = CompanyChangeLineOut(many=True)


class ComingOut(serializers.ModelSerializer[Receipt]):
    """A delivery that is announced or has arrived, and is not counted yet; how large it is would tell of others (I13)."""

    class Meta:
        model = Receipt
        fields = ["state", "announced_for", "arrived_at"]


class CompanyOrderOut(serializers.ModelSerializer[PurchaseOrder]):
    """One order as far as it is the company's. `change` is null but while companies are asked about one."""

    supplier = serializers.CharField(source="supplier.name", read_only=True)
    coming = ComingOut(many=True, read_only=True)
    lines = serializers.SerializerMethodField()
    change = serializers.SerializerMethodField()

    class Meta:
        model = PurchaseOrder
        fields = ["id", "number", "pool", "supplier", "state", "sent_at", "expected_on", "coming", "lines", "change"]

    @extend_schema_field(CompanyChangeOut(allow_null=True))
    def get_change(self, row: PurchaseOrder) -> dict[str, Any] | None:
        found = _change(self.context["company"], row) if row.state == OrderState.CHANGED else None
        return dict(CompanyChangeOut(found).data) if found else None

    @extend_schema(responses=CompanyOrderLineOut(many=True))
    def get_lines(self, row: PurchaseOrder) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.context["lines"].get(row.pk, [])
        return list(CompanyOrderLineOut(rows, many=True).data)


def _lines(company: Company, orders: list[PurchaseOrder]) -> dict[int, list[dict[str, Any]]]:
    """The company's part of each order's lines, in three queries."""
    lines = list(PurchaseOrderLine.objects.filter(order__in=orders).order_by("order", "position"))
    held = Commitment.objects.filter(
        company=company, state=CommitmentState.LOCKED, pool_line__in=[line.pool_line_id for line in lines]
    )
    mine = {row.pool_line_id: row for row in held}
    rows = Allocation.objects.filter(commitment__in=mine.values()).values_list("commitment")
    arrived = dict(rows.annotate(units=Sum("quantity")).order_by())
    found: dict[int, list[dict[str, Any]]] = {}
    for line in lines:
        word = mine.get(line.pool_line_id)
        if word is None:
            continue
        units = word.granted or 0
        found.setdefault(line.order_id, []).append(
            {
                "line": line.pk,
                "commitment": word.pk,
                "pool_line": line.pool_line_id,
                "text": line.text,
                "reference": line.reference,
                "unit": line.unit,
                "quantity": units,
                "received": arrived.get(word.pk, 0),
                "unit_price": line.unit_price_e4,
                "vat_bp": line.vat_bp,
                "net": line_total(units, line.unit_price_e4),
                "site": word.site_id,
            }
        )
    return found


def _change(company: Company, order: PurchaseOrder) -> dict[str, Any] | None:
    """The open question of an order to a company, its own part of it only."""
    answer = order.acknowledgements.last()
    mine = answer.consents.filter(commitment__company=company).first() if answer else None
    if answer is None or mine is None:
        return None
    lines = []
    for changed in answer.lines.select_related("order_line__pool_line__pool"):
        part = part_of(changed, company)
        if part is not None:
            lines.append(
                {
                    "line": changed.order_line_id,
                    "before": part[0],
                    "after": part[1],
                    "unit_price": changed.unit_price_e4,
                    "instead": changed.substitute,
                }
            )
    return {"id": answer.pk, "until": answer.consent_until, "accepted": mine.accepted, "lines": lines}


class CompanyOrders(OfCompany):
    """Orders that hold something for the company, newest first; `?state=` and `?pool=` narrow them."""

    scope = "orders"
    serializer_class: Any = CompanyOrderOut

    def rows(self, company: Company) -> QuerySet[PurchaseOrder]:
        mine = Commitment.objects.filter(company=company, state=CommitmentState.LOCKED).values("pool_line")
        held = PurchaseOrderLine.objects.filter(pool_line__in=mine).values("order")
        rows = PurchaseOrder.objects.filter(pk__in=held, sent_at__isnull=False).select_related("supplier")
        coming = Receipt.objects.filter(state__in=COMING).order_by("number")
        rows = rows.prefetch_related(Prefetch("receipts", coming, to_attr="coming"))
        return rows.order_by("-created_at", "-pk")

    @extend_schema(
        parameters=[OpenApiParameter("state", str), OpenApiParameter("pool", int)],
        responses=CompanyOrderOut(many=True),
    )
    def get(self, request: Request, company: int) -> Response:
        row = self.company()
        rows = self.rows(row)
        if state := request.query_params.get("state", ""):
            rows = rows.filter(state=state)
        if pool := request.query_params.get("pool", ""):
            rows = rows.filter(pool=int(pool) if pool.isdecimal() and len(pool) < 19 else 0)
        page = self.paginate_queryset(rows) or []
        told = CompanyOrderOut(page, many=True, context={"lines": _lines(row, list(page)), "company": row})
        return self.get_paginated_response(told.data)


class CompanyOrder(CompanyOrders):
    """One order as far as it is the company's."""

    @extend_schema(parameters=[], responses=CompanyOrderOut)
    def get(self, request: Request, company: int, pk: int) -> Response:  # type: ignore[override]  # the address gives more than the base asks
        row = self.company()
        found = get_object_or_404(self.rows(row), pk=pk)
        return Response(CompanyOrderOut(found, context={"lines": _lines(row, [found]), "company": row}).data)
