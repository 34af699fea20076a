"""Requests and the catalogue over REST."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import Company, Site
from companies.pagination import Pages
from purchasing import access
from purchasing.api.fields import Cents, UnitPrice
from purchasing.models import Article, PooledNeed, PurchaseRequest, RequestDecision, RequestLine, Unit
from purchasing.rules.units import PACK
from purchasing.services import catalogue
from purchasing.services import request as service


def reason_of(request: Request) -> str:
    """The `reason` of a body that may hold nothing else."""
    return str(request.data.get("reason", "")) if isinstance(request.data, dict) else ""


UNITS_TYPED = [*Unit.choices, (PACK, "pack")]


class LineIn(serializers.Serializer[Any]):
    """One need: `article` (id) or `text`. `unit` may be "pack" or another measure of the article: it is stored in its own."""

    article = serializers.IntegerField(required=False, allow_null=True)
    text = serializers.CharField(required=False, max_length=200, allow_blank=True)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000_000)
    tolerance = serializers.IntegerField(min_value=0, max_value=1_000_000_000, default=0)
    unit = serializers.ChoiceField(choices=UNITS_TYPED, default="", allow_blank=True)
    ref_price = UnitPrice(required=False, allow_null=True)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not data.get("article") and not data.get("text"):
            raise serializers.ValidationError({"text": "text or article is needed"})
        if data["tolerance"] > data["quantity"] * 100:
            raise serializers.ValidationError({"tolerance": "far more than the quantity"})
        return data


class RequestIn(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=120)
    site = serializers.IntegerField(required=False, allow_null=True)
    cost_centre = serializers.CharField(max_length=40, required=False, allow_blank=True, default="")
    needed_by = serializers.DateField(required=False, allow_null=True, default=None)
    notes = serializers.CharField(required=False, allow_blank=True, default="")
    lines = LineIn(many=True)


class LineOut(serializers.ModelSerializer[RequestLine]):
    """`pool` and `pool_line` carry the line while it is pooled: commitments are given and orders read by them."""

    ref_price = UnitPrice(source="ref_price_e4", allow_null=True, read_only=True)
    pool = serializers.SerializerMethodField()
    pool_line = serializers.SerializerMethodField()

    class Meta:
        model = RequestLine
        fields = ["id", "article", "text", "quantity", "tolerance", "unit", "ref_price", "needed_by", "state", "pool",
                  "pool_line"]  # fmt: skip

    def _need(self, row: RequestLine) -> PooledNeed | None:
        return next((need for need in row.pooled.all() if need.released_at is None), None)

    def get_pool(self, row: RequestLine) -> int | None:
        need = self._need(row)
        return need.pool_line.pool_id if need else None

    def get_pool_line(self, row: RequestLine) -> int | None:
        need = self._need(row)
        return need.pool_line_id if need else None


class RequestOut(serializers.ModelSerializer[PurchaseRequest]):
    amount = Cents(source="amount_cents", read_only=True)
    lines = LineOut(many=True, read_only=True)

    class Meta:
        model = PurchaseRequest
        fields = ["id", "company", "title", "site", "cost_centre", "needed_by", "notes", "state", "amount", "created_at",
                  "submitted_at", "decided_at", "lines"]  # fmt: skip


class _Requests(ApiView):
    scope = "requests"
    serializer_class = RequestOut
    pagination_class = Pages

    def company(self) -> Company:
        rows = self.own(Company.objects.visible_to(self.request.user), "pk")
        row: Company = get_object_or_404(rows, pk=self.kwargs["company"])
        require(access.can_see_requests(self.request.user, row))  # type: ignore[arg-type]  # nobody comes here without signing in
        return row

    def get_queryset(self) -> QuerySet[PurchaseRequest]:
        rows = PurchaseRequest.objects.visible_to(self.request.user).select_related("company", "requester")  # type: ignore[arg-type]  # nobody comes here without signing in
        return rows.prefetch_related("lines__pooled__pool_line")

    def one(self) -> PurchaseRequest:
        return get_object_or_404(self.get_queryset(), pk=self.kwargs["pk"], company=self.company())

    def draft(self, company: Company) -> service.RequestDraft:
        form = RequestIn(data=self.request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        ids = [line["article"] for line in data["lines"] if line.get("article")]
        articles = Article.objects.in_bulk(ids)
        if missing := set(ids) - set(articles):
            raise serializers.ValidationError({"lines": f"unknown article {min(missing)}"})
        site = get_object_or_404(Site, pk=data["site"], company=company) if data.get("site") else None
        lines = [
            service.LineDraft(
                text=line.get("text") or articles[line["article"]].name,
                quantity=line["quantity"],
                article=articles.get(line.get("article")),
                unit=line["unit"],
                tolerance=line["tolerance"],
                ref_price_e4=line.get("ref_price"),
            )
            for line in data["lines"]
        ]
        return service.RequestDraft(
            title=data["title"],
            lines=lines,
            site=site,
            cost_centre=data["cost_centre"],
            needed_by=data["needed_by"],
            notes=data["notes"],
        )

    def shown(self, request: PurchaseRequest, status: int = 200) -> Response:
        row = self.get_queryset().get(pk=request.pk)
        return Response(RequestOut(row).data, status=status)


class RequestList(_Requests):
    """The company's requests, newest first; `?state=` filters."""

    def get(self, request: Request, company: int) -> Response:
        rows = self.get_queryset().filter(company=self.company())
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(RequestOut(page, many=True).data)

    def post(self, request: Request, company: int) -> Response:
        row = self.company()
        require(access.can_request(request.user, row))  # type: ignore[arg-type]  # nobody comes here without signing in
        made = service.save(actor=request.user, company=row, draft=self.draft(row), at=timezone.now())  # type: ignore[arg-type]  # nobody comes here without signing in
        return self.shown(made, 201)


class RequestDetail(_Requests):
    """One request; PUT replaces a draft as a whole."""

    def get(self, request: Request, company: int, pk: int) -> Response:
        return Response(RequestOut(self.one()).data)

    def put(self, request: Request, company: int, pk: int) -> Response:
        row = self.one()
        require(access.can_request(request.user, row.company))  # type: ignore[arg-type]  # nobody comes here without signing in
        draft = self.draft(row.company)
        service.save(actor=request.user, company=row.company, request=row, draft=draft, at=timezone.now())  # type: ignore[arg-type]  # nobody comes here without signing in
        return self.shown(row)


class RequestSubmit(_Requests):
    """Hand a draft in; within the company's limit it comes back approved."""

    def post(self, request: Request, company: int, pk: int) -> Response:
        service.submit(actor=request.user, request=self.one(), at=timezone.now())  # type: ignore[arg-type]  # nobody comes here without signing in
        return self.shown(self.one())


class RequestDecide(_Requests):
    """`{"verdict": "approved|rejected|returned", "reason"}` by an approver who is not the requester."""

    class Input(serializers.Serializer[Any]):
        verdict = serializers.ChoiceField(choices=[v for v in RequestDecision.Verdict.values if v != "within_limit"])
        reason = serializers.CharField(required=False, allow_blank=True, default="")

    def post(self, request: Request, company: int, pk: int) -> Response:
        row = self.one()
        require(access.can_approve(request.user, row))  # type: ignore[arg-type]  # nobody comes here without signing in
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        service.decide(actor=request.user, request=row, at=timezone.now(), **form.validated_data)  # type: ignore[arg-type]  # nobody comes here without signing in
        return self.shown(row)


class RequestCancel(_Requests):
    """Give a request up; `{"reason"}` is kept."""

    def post(self, request: Request, company: int, pk: int) -> Response:
        reason = reason_of(request)
        service.cancel(actor=request.user, request=self.one(), reason=reason, at=timezone.now())  # type: ignore[arg-type]  # nobody comes here without signing in
        return self.shown(self.one())


class ArticleOut(serializers.ModelSerializer[Article]):
    ref_price = UnitPrice(source="ref_price_e4", allow_null=True, read_only=True)

    class Meta:
        model = Article
        fields = [
            "id",
            "reference",
            "name",
            "category",
            "unit",
            "pack",
            "unit_weight_grams",
            "vat_bp",
            "ref_price",
            "active",
        ]


class ArticleIn(serializers.ModelSerializer[Article]):
    """`unit` is what one counts; `unit_weight_grams` lets needs in kilos be counted in it."""

    reference = serializers.CharField(max_length=40)
    ref_price = UnitPrice(source="ref_price_e4", allow_null=True, required=False)
    pack = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)

    class Meta:
        model = Article
        fields = ["reference", "name", "category", "unit", "pack", "unit_weight_grams", "vat_bp", "ref_price", "active"]


class ArticleDetail(ApiView):
    """One article; the association's staff change it with PUT."""

    scope = "requests"
    serializer_class = ArticleOut

    def get(self, request: Request, pk: int) -> Response:
        require(access.can_read_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        return Response(ArticleOut(get_object_or_404(Article, pk=pk)).data)

    def put(self, request: Request, pk: int) -> Response:
        require(access.can_keep_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        row = get_object_or_404(Article, pk=pk)
        form = ArticleIn(data=request.data)
        form.is_valid(raise_exception=True)
        actor: Any = request.user
        row = catalogue.save_article(actor=actor, values=form.validated_data, article=row, at=timezone.now())
        return Response(ArticleOut(row).data)


class ArticleList(ApiView):
    """The common catalogue; `?q=` and `?category=` filter. The association's staff add an article with POST."""

    scope = "requests"
    serializer_class = ArticleOut
    pagination_class = Pages
    queryset = Article.objects.filter(active=True)

    def get(self, request: Request) -> Response:
        user = request.user
        require(access.can_read_catalogue(user))  # type: ignore[arg-type]  # nobody comes here without signing in
        rows = self.get_queryset()
        if words := request.query_params.get("q"):
            rows = rows.filter(name__icontains=words)
        if category := request.query_params.get("category"):
            rows = rows.filter(category=category)
        return self.get_paginated_response(ArticleOut(self.paginate_queryset(rows), many=True).data)

    def post(self, request: Request) -> Response:
        require(access.can_keep_catalogue(request.user))  # type: ignore[arg-type]  # nobody comes here without signing in
        form = ArticleIn(data=request.data)
        form.is_valid(raise_exception=True)
        actor: Any = request.user
        row = catalogue.save_article(actor=actor, values=form.validated_data, at=timezone.now())
        return Response(ArticleOut(row).data, status=201)
