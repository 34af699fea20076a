"""The lines of a pool before suppliers are asked, over REST: described, filled with needs, regrouped."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from purchasing import access, selectors
from purchasing.api.pools import PoolOut, _Pools
from purchasing.api.requests import reason_of
from purchasing.models import Pool, PooledNeed, PoolLine, VatRate
from purchasing.services import pool as service


class _Lines(_Pools):
    def line(self, pool: Pool, pk: int) -> PoolLine:
        """A living line of a pool the caller runs."""
        return get_object_or_404(pool.lines.exclude(state="cancelled"), pk=pk)

    def need(self, pool: Pool) -> PooledNeed:
        rows = PooledNeed.objects.filter(released_at__isnull=True, pool_line__pool=pool)
        return get_object_or_404(rows.select_related("pool_line__pool"), pk=self.kwargs["need"])


class PoolLineDetail(_Lines):
    """Say better what suppliers shall quote, before they are asked."""

    class LineWords(serializers.Serializer[Any]):
        text = serializers.CharField(max_length=200)
        details = serializers.CharField(required=False, allow_blank=True, default="")
        pack = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)
        vat_bp = serializers.ChoiceField(choices=VatRate.choices, default=2000)

    @extend_schema(request=LineWords, responses=PoolOut)
    def put(self, request: Request, pk: int, line: int) -> Response:
        pool = self.led()
        target = self.line(pool, line)
        form = self.LineWords(data=request.data)
        form.is_valid(raise_exception=True)
        service.change_line(actor=self.actor, line=target, at=timezone.now(), **form.validated_data)
        return self.shown(pool)


class PoolNeeds(_Lines):
    """The needs a pool carries; POST puts more approved ones on a line, or on a new one named by `text`.

    Whose need it is and how much, only the association's staff read (I13).
    """

    class MoreNeeds(serializers.Serializer[Any]):
        needs = serializers.ListField(child=serializers.IntegerField(), min_length=1)
        line = serializers.IntegerField(required=False, allow_null=True, default=None)
        text = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

        def validate(self, data: dict[str, Any]) -> dict[str, Any]:
            if data["line"] is None and not data["text"]:
                raise serializers.ValidationError({"text": "text or line is needed"})
            return data

    class CarriedNeed(serializers.Serializer[Any]):
        id = serializers.IntegerField()
        line = serializers.IntegerField()
        text = serializers.CharField()
        company = serializers.IntegerField(allow_null=True)
        quantity = serializers.IntegerField(allow_null=True)

    @extend_schema(responses=CarriedNeed(many=True))
    def get(self, request: Request, pk: int) -> Response:
        staff = access.sees_members(self.actor)
        rows = [
            {
                "id": need.pk,
                "line": need.pool_line_id,
                "text": need.request_line.text,
                "company": need.company_id if staff else None,
                "quantity": need.quantity if staff else None,
            }
            for need in selectors.live_needs(self.led())
        ]
        return Response(self.CarriedNeed(rows, many=True).data)

    @extend_schema(request=MoreNeeds, responses={201: PoolOut})
    def post(self, request: Request, pk: int) -> Response:
        pool = self.led()
        form = self.MoreNeeds(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        line = self.line(pool, data["line"]) if data["line"] is not None else None
        service.add_needs(
            actor=self.actor, pool=pool, needs=data["needs"], line=line, text=data["text"], at=timezone.now()
        )
        return self.shown(pool, 201)


class PoolNeedMove(_Lines):
    """Regroup: `{"line"}` is another line of the same pool; a line nobody needs any more is cancelled."""

    class ToLine(serializers.Serializer[Any]):
        line = serializers.IntegerField()

    @extend_schema(request=ToLine, responses=PoolOut)
    def post(self, request: Request, pk: int, need: int) -> Response:
        pool = self.led()
        row = self.need(pool)
        form = self.ToLine(data=request.data)
        form.is_valid(raise_exception=True)
        line = self.line(pool, form.validated_data["line"])
        service.regroup(actor=self.actor, need=row, line=line, at=timezone.now())
        return self.shown(pool)


class PoolNeedRemove(_Lines):
    """Take a need out of the pool: it is approved again and free for another one. `{"reason"}` is kept."""

    def post(self, request: Request, pk: int, need: int) -> Response:
        pool = self.led()
        reason = reason_of(request) or "regrouped"
        service.remove_need(actor=self.actor, need=self.need(pool), reason=reason, at=timezone.now())
        return self.shown(pool)
