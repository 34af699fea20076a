"""Framework agreements and year-end rebates over REST, for the staff who keep them."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import Company, User
from companies.pagination import Pages
from purchasing import access
from purchasing.api.fields import Cents, UnitPrice
from purchasing.api.frameworks import FrameworkOut, RebateShareOut
from purchasing.models import (
    Article,
    FrameworkAgreement,
    FrameworkArticle,
    FrameworkRebate,
    Pool,
    RebateNote,
    Supplier,
    Unit,
    VatRate,
)
from purchasing.rules.framework import RebateTier
from purchasing.services import framework as service
from purchasing.services import framework_rebate as rebates
from purchasing.services import framework_use as use
from purchasing.services import rebate_note


class PriceIn(serializers.Serializer[Any]):
    from_qty = serializers.IntegerField(min_value=1, default=1)
    unit_price = UnitPrice()


class QuotaIn(serializers.Serializer[Any]):
    company = serializers.IntegerField()
    quantity = serializers.IntegerField(min_value=0, max_value=1_000_000_000)


class FrameworkArticleIn(serializers.Serializer[Any]):
    """`article` (id of the catalogue) or `text`, with its tiers by quantity of one call-off."""

    article = serializers.IntegerField(required=False, allow_null=True, default=None)
    text = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    reference = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    unit = serializers.ChoiceField(choices=Unit.choices, default=Unit.PIECE)
    pack = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)
    moq = serializers.IntegerField(min_value=0, max_value=1_000_000_000, default=0)
    vat_bp = serializers.ChoiceField(choices=VatRate.choices, default=VatRate.STANDARD)
    least = serializers.IntegerField(
        min_value=0, max_value=1_000_000_000, required=False, allow_null=True, default=None
    )
    most = serializers.IntegerField(min_value=0, max_value=1_000_000_000, required=False, allow_null=True, default=None)
    tiers = PriceIn(many=True)
    quotas = QuotaIn(many=True, required=False, default=list)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data["article"] and not data["text"]:
            raise serializers.ValidationError({"text": "text or article is needed"})
        return data


class FrameworkTierIn(serializers.Serializer[Any]):
    """`start` in cents where the rebate is on value, else in units; `rate_bp` or `per_unit`."""

    start = serializers.IntegerField(min_value=0)
    rate_bp = serializers.IntegerField(min_value=0, max_value=5_000, required=False, allow_null=True, default=None)
    per_unit = UnitPrice(required=False, allow_null=True, default=None)


class FrameworkIn(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=120)
    supplier = serializers.IntegerField()
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    legal_model = serializers.ChoiceField(choices=Pool.LegalModel.choices, default=Pool.LegalModel.RESALE)
    email = serializers.EmailField(required=False, allow_blank=True, default="")
    deliver_to = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    lead_days = serializers.IntegerField(min_value=0, max_value=365, default=7)
    direct = serializers.BooleanField(default=False)
    minimum = Cents(required=False, default=0)
    freight = Cents(required=False, default=0)
    franco = Cents(required=False, allow_null=True, default=None)
    least = Cents(required=False, allow_null=True, default=None)
    most = Cents(required=False, allow_null=True, default=None)
    rebate_basis = serializers.ChoiceField(
        choices=FrameworkAgreement.Basis.choices, default=FrameworkAgreement.Basis.NONE
    )
    rebate_mode = serializers.ChoiceField(
        choices=FrameworkAgreement.Mode.choices, default=FrameworkAgreement.Mode.WHOLE
    )
    articles = FrameworkArticleIn(many=True)
    rebate_tiers = FrameworkTierIn(many=True, required=False, default=list)

    def draft(self) -> service.FrameworkIn:
        data = dict(self.validated_data)
        articles = [self._article(row) for row in data.pop("articles")]
        tiers = [RebateTier(row["start"], row["rate_bp"], row["per_unit"]) for row in data.pop("rebate_tiers")]
        money = {f"{name}_cents": data.pop(name) for name in ("minimum", "freight", "franco", "least", "most")}
        supplier = get_object_or_404(Supplier, pk=data.pop("supplier"))
        return service.FrameworkIn(**data, **money, supplier=supplier, articles=articles, rebate_tiers=tiers)

    @staticmethod
    def _article(row: dict[str, Any]) -> service.ArticleIn:
        article = get_object_or_404(Article, pk=row["article"]) if row["article"] else None
        companies = Company.objects.in_bulk([quota["company"] for quota in row["quotas"]])
        if len(companies) != len(row["quotas"]):
            raise serializers.ValidationError({"quotas": "unknown company, or one twice"})
        tiers = [(tier["from_qty"], tier["unit_price"]) for tier in row["tiers"]]
        quotas = {quota["company"]: quota["quantity"] for quota in row["quotas"]}
        plain = {name: row[name] for name in ("text", "reference", "unit", "pack", "moq", "vat_bp", "least", "most")}
        return service.ArticleIn(tiers=tiers, article=article, quotas=quotas, **plain)


class Frameworks(ApiView):
    scope = "orders"
    serializer_class: Any = FrameworkOut
    pagination_class = Pages

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody comes here without signing in

    def get_queryset(self) -> Any:
        return FrameworkAgreement.objects.select_related("supplier").prefetch_related("rebate_tiers")

    def agreement(self) -> FrameworkAgreement:
        require(access.can_keep_frameworks(self.actor))
        row: FrameworkAgreement = get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"])
        return row


class FrameworkList(Frameworks):
    """All agreements, for staff; POST writes one down as a draft, whole or not at all."""

    serializer_class = FrameworkIn

    @extend_schema(responses=FrameworkOut(many=True))
    def get(self, request: Request) -> Response:
        require(access.can_keep_frameworks(self.actor))
        return self.get_paginated_response(FrameworkOut(self.paginate_queryset(self.get_queryset()), many=True).data)

    @extend_schema(request=FrameworkIn, responses={201: FrameworkOut})
    def post(self, request: Request) -> Response:
        require(access.can_keep_frameworks(self.actor))
        form = FrameworkIn(data=request.data)
        form.is_valid(raise_exception=True)
        row = service.save(actor=self.actor, draft=form.draft(), at=timezone.now())
        return Response(FrameworkOut(row).data, status=201)


class FrameworkArticleOut(serializers.ModelSerializer[FrameworkArticle]):
    class Meta:
        model = FrameworkArticle
        fields = ["id", "text", "reference", "unit", "pack", "moq", "least", "most"]


class FrameworkDetail(Frameworks):
    """One agreement for staff, with who drew how much of each article."""

    def get(self, request: Request, pk: int) -> Response:
        row = self.agreement()
        found = use.uses([row.pk])
        articles = [
            FrameworkArticleOut(article).data
            | {
                "use": [
                    {"company": who, "drawn": u.drawn, "waiting": u.waiting, "received": u.received}
                    for (pk_, who), u in sorted(found.items())
                    if pk_ == article.pk
                ]
            }
            for article in use.articles_of(row)
        ]
        return Response(FrameworkOut(row).data | {"articles": articles})


class FrameworkSign(Frameworks):
    """Put a draft in force."""

    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        row = service.sign(actor=self.actor, agreement=self.agreement(), at=timezone.now())
        return Response(FrameworkOut(row).data)


class RebateOut(serializers.ModelSerializer[FrameworkRebate]):
    value = Cents(source="value_cents", read_only=True)
    computed = Cents(source="computed_cents", read_only=True)
    whole = Cents(source="whole_cents", read_only=True)
    before = Cents(source="before_cents", read_only=True)
    amount = Cents(source="amount_cents", read_only=True)
    shares = RebateShareOut(many=True, read_only=True)

    class Meta:
        model = FrameworkRebate
        fields = ["id", "agreement", "year", "sequence", "state", "volume", "value", "computed", "whole", "before", "amount",
                  "reason", "supplier_reference", "shares"]  # fmt: skip


class RebateIn(serializers.Serializer[Any]):
    """`agreed` where the supplier gives another amount than the tiers, with the reason."""

    year = serializers.IntegerField(min_value=2000, max_value=2999)
    agreed = Cents(required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    supplier_reference = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")


class FrameworkRebates(Frameworks):
    """The rebates of an agreement; POST computes one. Nothing is credited before it is issued."""

    serializer_class = RebateIn

    @extend_schema(responses=RebateOut(many=True))
    def get(self, request: Request, pk: int) -> Response:
        rows = self.agreement().rebates.prefetch_related("shares__notes", "shares__rebate", "shares__invoice")
        return self.get_paginated_response(RebateOut(self.paginate_queryset(rows.order_by("-pk")), many=True).data)

    @extend_schema(request=RebateIn, responses={201: RebateOut})
    def post(self, request: Request, pk: int) -> Response:
        agreement = self.agreement()
        form = RebateIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        made = rebates.compute(
            actor=self.actor,
            agreement=agreement,
            year=data["year"],
            agreed_cents=data["agreed"],
            reason=data["reason"],
            supplier_reference=data["supplier_reference"],
            at=timezone.now(),
        )
        return Response(RebateOut(made).data, status=201)


class RebateNoteIn(serializers.Serializer[Any]):
    """The supplier's credit note; its net is what the companies were credited."""

    number = serializers.CharField(max_length=60)
    issued_on = serializers.DateField()
    net = Cents()
    vat = Cents(required=False, allow_null=True, default=None)


class RebateNoteOut(serializers.ModelSerializer[RebateNote]):
    net = Cents(source="net_cents", read_only=True)
    vat = Cents(source="vat_cents", read_only=True)

    class Meta:
        model = RebateNote
        fields = ["id", "agreement", "year", "number", "issued_on", "net", "vat"]


class RebateBook(Frameworks):
    """Book the supplier's credit note, once per number."""

    serializer_class = RebateNoteIn

    @extend_schema(request=RebateNoteIn, responses={201: RebateNoteOut})
    def post(self, request: Request, pk: int) -> Response:
        require(access.can_keep_frameworks(self.actor))
        row = get_object_or_404(FrameworkRebate.objects.select_related("agreement__supplier"), pk=pk)
        form = RebateNoteIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        note = rebate_note.record(
            actor=self.actor,
            rebate=row,
            number=data["number"],
            issued_on=data["issued_on"],
            net_cents=data["net"],
            vat_cents=data["vat"],
            at=timezone.now(),
        )
        return Response(RebateNoteOut(note).data, status=201)


class RebateIssue(Frameworks):
    """Credit everybody's part, once."""

    serializer_class = RebateOut

    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        require(access.can_keep_frameworks(self.actor))
        row = get_object_or_404(FrameworkRebate.objects.select_related("agreement"), pk=pk)
        row = rebates.issue(actor=self.actor, rebate=row, at=timezone.now())
        return Response(RebateOut(row).data)
