"""Framework agreements, call-offs and year-end rebates over REST."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.models import Company, Site
from purchasing import access
from purchasing.api.commitments import OfCompany
from purchasing.api.fields import Cents, UnitPrice
from purchasing.models import (
    CallOff,
    CallOffLine,
    FrameworkAgreement,
    FrameworkRebateTier,
    RebateShare,
)
from purchasing.rules import hints
from purchasing.services import call_off as drawing
from purchasing.services import framework_use as use
from purchasing.states import FrameworkState

SIGNED = [FrameworkState.ACTIVE, FrameworkState.SUSPENDED, FrameworkState.ENDED]


class RebateTierOut(serializers.ModelSerializer[FrameworkRebateTier]):
    """`from` in cents where the rebate is on value, else in units."""

    per_unit = UnitPrice(source="per_unit_e4", allow_null=True, read_only=True)

    class Meta:
        model = FrameworkRebateTier
        fields = ["start", "rate_bp", "per_unit"]


class FrameworkOut(serializers.ModelSerializer[FrameworkAgreement]):
    number = serializers.CharField(read_only=True)
    supplier = serializers.CharField(source="supplier.name", read_only=True)
    minimum = Cents(source="minimum_cents", read_only=True)
    freight = Cents(source="freight_cents", read_only=True)
    franco = Cents(source="franco_cents", allow_null=True, read_only=True)
    rebate_tiers = RebateTierOut(many=True, read_only=True)

    class Meta:
        model = FrameworkAgreement
        fields = ["id", "number", "title", "supplier", "state", "starts_on", "ends_on", "lead_days", "minimum", "freight",
                  "franco", "rebate_basis", "rebate_mode", "rebate_tiers"]  # fmt: skip


class TierOut(serializers.Serializer[Any]):
    from_qty = serializers.IntegerField(source="from_quantity")
    unit_price = UnitPrice(source="unit_price_e4")


class ArticleUseOut(serializers.Serializer[Any]):
    """One article as the company may use it; `left` is null without a limit, or where it would give a member away."""

    id = serializers.IntegerField(source="article.pk")
    text = serializers.CharField(source="article.text")
    reference = serializers.CharField(source="article.reference")
    unit = serializers.CharField(source="article.unit")
    pack = serializers.IntegerField(source="article.pack")
    moq = serializers.IntegerField(source="article.moq")
    tiers = TierOut(source="terms.tiers", many=True)
    quota = serializers.IntegerField(allow_null=True)
    drawn = serializers.IntegerField(source="own.drawn")
    received = serializers.IntegerField(source="own.received")
    left = serializers.IntegerField(allow_null=True)


class CallOffLineOut(serializers.ModelSerializer[CallOffLine]):
    text = serializers.CharField(source="article.text", read_only=True)
    unit_price = UnitPrice(source="unit_price_e4", read_only=True)

    class Meta:
        model = CallOffLine
        fields = ["article", "text", "quantity", "unit_price"]


class CallOffOut(serializers.ModelSerializer[CallOff]):
    """`state` is the request's until there is an order, then the order's."""

    number = serializers.CharField(read_only=True)
    goods = Cents(source="goods_cents", read_only=True)
    freight = Cents(source="freight_cents", read_only=True)
    state = serializers.SerializerMethodField()
    order = serializers.SerializerMethodField()
    lines = CallOffLineOut(many=True, read_only=True)

    class Meta:
        model = CallOff
        fields = ["id", "number", "agreement", "company", "request", "state", "order", "goods", "freight", "created_at",
                  "lines"]  # fmt: skip

    def get_state(self, row: CallOff) -> str:
        order = row.order
        return str(order.state if order else row.request.state)

    def get_order(self, row: CallOff) -> str | None:
        order = row.order
        return order.number if order else None


class CallOffLineIn(serializers.Serializer[Any]):
    article = serializers.IntegerField()
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000_000)


class CallOffIn(serializers.Serializer[Any]):
    """Draw on `agreement`; handed in at once, approved by the company's own rules."""

    agreement = serializers.IntegerField()
    site = serializers.IntegerField(required=False, allow_null=True, default=None)
    cost_centre = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    needed_by = serializers.DateField(required=False, allow_null=True, default=None)
    notes = serializers.CharField(required=False, allow_blank=True, default="")
    lines = CallOffLineIn(many=True)


class CompanyFrameworks(OfCompany):
    """Agreements the company can draw on today."""

    scope = "requests"
    serializer_class: Any = FrameworkOut

    @extend_schema(responses=FrameworkOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        self.company()
        rows = FrameworkAgreement.objects.visible_to(self.actor).running_on(timezone.localdate())
        rows = rows.select_related("supplier").prefetch_related("rebate_tiers")
        return self.get_paginated_response(FrameworkOut(self.paginate_queryset(rows), many=True).data)


class CompanyFramework(OfCompany):
    """One agreement with its articles, prices of today, and what the company drew and may still draw."""

    scope = "requests"
    serializer_class: Any = FrameworkOut

    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        rows = FrameworkAgreement.objects.visible_to(self.actor).filter(state__in=SIGNED).select_related("supplier")
        agreement = get_object_or_404(rows, pk=pk)
        return Response(FrameworkOut(agreement).data | {"articles": _articles(agreement, row)})


def _articles(agreement: FrameworkAgreement, company: Company) -> list[dict[str, Any]]:
    found = use.uses([agreement.pk])
    rows = use.of_articles(use.articles_of(agreement), found, timezone.localdate(), company.pk)
    exact = len({who for (_article, who) in found if who != company.pk}) >= hints.FEW
    shown = []
    for row in rows:
        if row.terms is not None:
            data = dict(ArticleUseOut(row).data)
            if row.quota is None and not exact:
                data["left"] = None
            shown.append(data)
    return shown


class CompanyCallOffs(OfCompany):
    """The company's call-offs, newest first; POST draws on an agreement."""

    scope = "requests"
    serializer_class: Any = CallOffIn

    @extend_schema(responses=CallOffOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        rows = _call_offs().filter(company=self.company())
        return self.get_paginated_response(CallOffOut(self.paginate_queryset(rows), many=True).data)

    @extend_schema(request=CallOffIn, responses={201: CallOffOut})
    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_request(self.actor, row))
        form = CallOffIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        agreements = FrameworkAgreement.objects.visible_to(self.actor).filter(state__in=SIGNED)
        agreement = get_object_or_404(agreements, pk=data["agreement"])
        articles = set(agreement.articles.values_list("pk", flat=True))
        quantities: dict[int, int] = {}
        for line in data["lines"]:
            if line["article"] not in articles:
                raise serializers.ValidationError({"lines": f"article {line['article']} is not part of the agreement"})
            quantities[line["article"]] = quantities.get(line["article"], 0) + line["quantity"]
        site = get_object_or_404(Site, pk=data["site"], company=row) if data["site"] else None
        draft = drawing.CallOffIn(quantities, site, data["cost_centre"], data["needed_by"], data["notes"])
        made = drawing.place(actor=self.actor, company=row, agreement=agreement, draft=draft, at=timezone.now())
        return Response(CallOffOut(_call_offs().get(pk=made.pk)).data, status=201)


def _call_offs() -> Any:
    return CallOff.objects.select_related("request", "pool").prefetch_related("lines__article", "pool__orders")


class CompanyCallOff(OfCompany):
    """One call-off of the company."""

    scope = "requests"
    serializer_class: Any = CallOffOut

    def get(self, request: Request, company: int, pk: int) -> Response:
        return Response(CallOffOut(get_object_or_404(_call_offs().filter(company=self.company()), pk=pk)).data)


class RebateShareOut(serializers.ModelSerializer[RebateShare]):
    agreement = serializers.IntegerField(source="rebate.agreement_id", read_only=True)
    year = serializers.IntegerField(source="rebate.year", read_only=True)
    value = Cents(source="value_cents", read_only=True)
    share = Cents(source="whole_cents", read_only=True)
    before = Cents(source="before_cents", read_only=True)
    net = Cents(source="net_cents", read_only=True)
    credit_notes: Any = serializers.SlugRelatedField(source="notes", slug_field="number", many=True, read_only=True)
    invoice: Any = serializers.SlugRelatedField(slug_field="number", read_only=True)

    class Meta:
        model = RebateShare
        fields = ["id", "rebate", "agreement", "year", "company", "units", "value", "weight", "rank", "share", "before", "net",
                  "credit_notes", "invoice"]  # fmt: skip


class CompanyRebates(OfCompany):
    """The company's parts of year-end rebates, each with what replays it."""

    scope = "orders"
    serializer_class: Any = RebateShareOut

    @extend_schema(responses=RebateShareOut(many=True))
    def get(self, request: Request, company: int) -> Response:
        rows = RebateShare.objects.filter(company=self.company(), rebate__state="issued").order_by("-pk")
        rows = rows.select_related("rebate", "invoice").prefetch_related("notes")
        return self.get_paginated_response(RebateShareOut(self.paginate_queryset(rows), many=True).data)
