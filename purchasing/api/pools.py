"""Pools over REST, for staff and lead buyers to run and for members to read."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.api import ApiView
from companies.models import User
from companies.money import euros
from companies.pagination import Pages
from purchasing import access, likeness, selectors
from purchasing.api.requests import reason_of
from purchasing.models import Article, Category, Pool, PoolLine, PoolTogether, VatRate
from purchasing.services import pool as service


class PoolLineOut(serializers.ModelSerializer[PoolLine]):
    companies = serializers.IntegerField(source="company_count", read_only=True)

    class Meta:
        model = PoolLine
        fields = ["id", "position", "article", "text", "details", "unit", "pack", "moq", "vat_bp", "state", "companies"]


class PoolOut(serializers.ModelSerializer[Pool]):
    companies = serializers.IntegerField(source="company_count", read_only=True)

    class Meta:
        model = Pool
        fields = ["id", "title", "description", "category", "state", "legal_model", "minimum_missed", "shortage",
                  "freight", "fairness", "fairness_mix", "dearer", "fee_bp", "supplier_fee_bp", "consent_limit_bp",
                  "opens_at", "closes_at", "completes_at", "order_on", "companies"]  # fmt: skip


class _Pools(ApiView):
    scope = "pools"
    serializer_class = PoolOut
    pagination_class = Pages

    @property
    def actor(self) -> User:
        return self.request.user  # type: ignore[return-value]  # nobody comes here without signing in

    def get_queryset(self) -> QuerySet[Pool]:
        return selectors.pool_list(self.actor)

    def led(self) -> Pool:
        """A pool the caller runs, else 404."""
        pool: Pool = get_object_or_404(Pool.objects.led_by(self.actor), pk=self.kwargs["pk"])
        require(access.can_run_pool(self.actor, pool))
        return pool

    def shown(self, pool: Pool, status: int = 200) -> Response:
        row = get_object_or_404(self.get_queryset(), pk=pool.pk)
        lines = list(selectors.pool_lines(row))
        body = {**PoolOut(row).data, "lines": PoolLineOut(lines, many=True).data}
        if Pool.objects.led_by(self.actor).filter(pk=row.pk).exists():
            staff = access.sees_members(self.actor)
            for line, out in zip(lines, body["lines"], strict=True):
                out["asked"] = selectors.total_words(line.asked_quantity, out["companies"], staff=staff)
            body["together"] = _together(row, members=staff)
        return Response(body, status=status)


def _together(pool: Pool, *, members: bool) -> dict[str, Any] | None:
    """Where commitments cost more together than alone: companies by id to staff only, nothing of few (I13)."""
    row = PoolTogether.objects.filter(pool=pool).first()
    if row is None or not row.found or not selectors.may_see_total(len(row.found["prices"]), staff=members):
        return None
    found = row.found
    body: dict[str, Any] = {name: euros(found[f"{name}_cents"]) for name in ("excess", "total")}
    body |= {"proven": found["proven"], "companies_over": len(found["over"]), "at": row.at}
    if members:
        body |= {"order_together": found["together"], "order_alone": found["alone"]}
        body["over"] = {pk: euros(more) for pk, more in found["over"].items()}
    return body


class NeedList(_Pools):
    """Approved needs in no pool, grouped by what they are. Totals of fewer than three companies are a band."""

    def get(self, request: Request) -> Response:
        require(access.can_open_pools(self.actor))
        staff = access.sees_members(self.actor)
        rows = selectors.open_needs(
            category=request.query_params.get("category", ""), words=request.query_params.get("q", "")
        )
        return Response(
            [
                {
                    "text": group.text,
                    "unit": group.unit,
                    "article": group.article.pk if group.article else None,
                    "companies": group.companies,
                    "quantity": selectors.total_words(group.quantity, group.companies, staff=staff),
                    "needed_by": group.needed_by,
                    "needs": group.ids,
                }
                for group in likeness.grouped(rows[:2000])
            ]
        )


class LineIn(serializers.Serializer[Any]):
    text = serializers.CharField(max_length=200)
    needs = serializers.ListField(child=serializers.IntegerField(), min_length=1)
    article = serializers.IntegerField(required=False, allow_null=True)
    details = serializers.CharField(required=False, allow_blank=True, default="")
    pack = serializers.IntegerField(min_value=1, default=1)
    vat_bp = serializers.ChoiceField(choices=VatRate.choices, default=2000)


class PolicyIn(serializers.Serializer[Any]):
    """Words and policies of a pool; what is left out takes its default."""

    title = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, allow_blank=True, default="")
    category = serializers.ChoiceField(choices=Category.choices, required=False, allow_blank=True, default="")
    legal_model = serializers.ChoiceField(choices=Pool.LegalModel.choices, default="resale")
    minimum_missed = serializers.ChoiceField(choices=Pool.MinimumMissed.choices, default="round_down")
    shortage = serializers.ChoiceField(choices=Pool.Shortage.choices, default="proportional")
    freight = serializers.ChoiceField(choices=Pool.Freight.choices, default="value")
    fairness = serializers.ChoiceField(choices=Pool.Fairness.choices, default="stand_alone_cap")
    fairness_mix = serializers.IntegerField(min_value=0, max_value=100, default=0)
    dearer = serializers.ChoiceField(choices=Pool.Dearer.choices, default="order")
    fee_bp = serializers.IntegerField(min_value=0, max_value=3000, default=0)
    supplier_fee_bp = serializers.IntegerField(
        min_value=0, max_value=3000, default=0, help_text="On the supplier's net, invoiced to it; listing model only."
    )
    consent_limit_bp = serializers.IntegerField(min_value=0, max_value=3000, default=200)


class PoolIn(PolicyIn):
    lines = LineIn(many=True)


class PoolList(_Pools):
    """Pools the caller may see; POST opens one from approved needs."""

    def get(self, request: Request) -> Response:
        require(access.can_read_catalogue(self.actor))
        rows = self.get_queryset()
        if state := request.query_params.get("state"):
            rows = rows.filter(state=state)
        return self.get_paginated_response(PoolOut(self.paginate_queryset(rows), many=True).data)

    def post(self, request: Request) -> Response:
        require(access.can_open_pools(self.actor))
        form = PoolIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        rows = data.pop("lines")
        articles = Article.objects.in_bulk([row["article"] for row in rows if row.get("article")])
        lines = [service.LineDraft(**{**row, "article": articles.get(row.get("article"))}) for row in rows]
        pool = service.open_pool(actor=self.actor, draft=service.PoolDraft(**data), lines=lines, at=timezone.now())
        return self.shown(pool, 201)


class PoolDetail(_Pools):
    """One pool with its lines; who runs it also sees what was asked for. PUT changes words and policies before commitments."""

    def get(self, request: Request, pk: int) -> Response:
        return self.shown(get_object_or_404(Pool.objects.visible_to(self.actor), pk=pk))

    @extend_schema(request=PolicyIn, responses=PoolOut)
    def put(self, request: Request, pk: int) -> Response:
        pool = self.led()
        form = PolicyIn(data=request.data)
        form.is_valid(raise_exception=True)
        draft = service.PoolDraft(**form.validated_data)
        return self.shown(service.change(actor=self.actor, pool=pool, draft=draft, at=timezone.now()))


class PoolPublish(_Pools):
    """Show a prepared pool to all companies."""

    def post(self, request: Request, pk: int) -> Response:
        return self.shown(service.publish(actor=self.actor, pool=self.led(), at=timezone.now()))


class PoolCancel(_Pools):
    """Give a pool up; `{"reason"}` is read by the companies."""

    def post(self, request: Request, pk: int) -> Response:
        reason = reason_of(request)
        return self.shown(service.cancel(actor=self.actor, pool=self.led(), reason=reason, at=timezone.now()))


class PoolOpen(_Pools):
    """Open an awarded pool for commitments."""

    class Input(serializers.Serializer[Any]):
        closes_at = serializers.DateTimeField()
        completes_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
        order_on = serializers.DateField(required=False, allow_null=True, default=None)

    def post(self, request: Request, pk: int) -> Response:
        pool = self.led()
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        calendar = service.Calendar(**form.validated_data)
        return self.shown(service.open_commitments(actor=self.actor, pool=pool, calendar=calendar, at=timezone.now()))
