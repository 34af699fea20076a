"""A pool in preparation as one company's program sees it: which of its needs fit, joining, how far the tender is."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.models import Company
from purchasing import access, selectors
from purchasing.api.commitments import OfCompany
from purchasing.api.fields import UnitPrice
from purchasing.models import Pool, PooledNeed, RequestLine, Tender
from purchasing.services import pool as service
from purchasing.states import PoolState, TenderState


class _OfPool(OfCompany):
    scope = "pools"

    def pool(self, pk: int) -> Pool:
        return get_object_or_404(Pool.objects.visible_to(self.actor), pk=pk)


class JoinIn(serializers.Serializer[Any]):
    """`line` of the pool, `need`: the number of an approved line of an own request."""

    line = serializers.IntegerField()
    need = serializers.IntegerField()


class JoinOut(serializers.Serializer[Any]):
    """A line of the pool, what of the company's is on it, and which approved needs of the company look like it."""

    line = serializers.IntegerField()
    text = serializers.CharField()
    unit = serializers.CharField()
    joined = serializers.ListField(child=serializers.IntegerField())
    joinable = serializers.ListField(child=serializers.IntegerField())


class PoolJoin(_OfPool):
    """Put an approved need of the company on a line of a gathering pool. Nothing is firm by it."""

    def body(self, company: Company, pool: Pool) -> list[dict[str, Any]]:
        lines = list(selectors.pool_lines(pool))
        open_ = pool.state == PoolState.GATHERING and access.can_request(self.actor, company)
        fitting = selectors.joinable_needs(self.actor, company, lines) if open_ else {}
        mine: dict[int, list[int]] = {}
        for line, need in selectors.live_needs(pool).filter(company=company).values_list("pool_line", "request_line"):
            mine.setdefault(line, []).append(need)
        rows = [
            {
                "line": line.pk,
                "text": line.text,
                "unit": line.unit,
                "joined": mine.get(line.pk, []),
                "joinable": [need.pk for need in fitting.get(line.pk, [])],
            }
            for line in lines
        ]
        return list(JoinOut(rows, many=True).data)

    @extend_schema(responses=JoinOut(many=True))
    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        return Response(self.body(row, self.pool(pk)))

    @extend_schema(request=JoinIn, responses={201: JoinOut(many=True)})
    def post(self, request: Request, company: int, pk: int) -> Response:
        row, pool = self.company(), self.pool(pk)
        require(access.can_request(self.actor, row))
        form = JoinIn(data=request.data)
        form.is_valid(raise_exception=True)
        line = get_object_or_404(pool.lines.exclude(state="cancelled"), pk=form.validated_data["line"])
        needs = RequestLine.objects.visible_to(self.actor).filter(request__company=row)
        need = get_object_or_404(needs.select_related("request__company"), pk=form.validated_data["need"])
        service.join(actor=self.actor, line=line, need=need, at=timezone.now())
        return Response(self.body(row, pool), status=201)


class WonTierOut(serializers.Serializer[Any]):
    from_quantity = serializers.IntegerField(source="from_qty")
    unit_price = UnitPrice(source="unit_price_e4")


class CompanyTenderLineOut(serializers.Serializer[Any]):
    """`quantity` is what the company asked for. Supplier, pack and prices are there once the tender is awarded."""

    line = serializers.IntegerField()
    text = serializers.CharField()
    unit = serializers.CharField()
    quantity = serializers.IntegerField()
    supplier = serializers.CharField(allow_null=True)
    pack = serializers.IntegerField(allow_null=True)
    valid_until = serializers.DateField(allow_null=True)
    tiers = WonTierOut(many=True)


class CompanyTenderOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    pool = serializers.IntegerField()
    state = serializers.ChoiceField(choices=TenderState.choices)
    sealed = serializers.BooleanField()
    sent_at = serializers.DateTimeField()
    deadline = serializers.DateTimeField()
    opened_at = serializers.DateTimeField(allow_null=True)
    lines = CompanyTenderLineOut(many=True)


class CompanyTender(_OfPool):
    """How far the tender of a pool is, and who won what the company asked for. No other quote is ever here."""

    serializer_class = CompanyTenderOut

    @extend_schema(responses=CompanyTenderOut)
    def get(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        sent = Tender.objects.filter(sent_at__isnull=False, pool__in=Pool.objects.visible_to(self.actor))
        tender = get_object_or_404(sent.select_related("pool"), pk=pk)
        body = {name: getattr(tender, name) for name in ("id", "state", "sealed", "sent_at", "deadline", "opened_at")}
        return Response(CompanyTenderOut({**body, "pool": tender.pool_id, "lines": self.lines(row, tender)}).data)

    def lines(self, company: Company, tender: Tender) -> list[dict[str, Any]]:
        winners = {}
        if tender.state == TenderState.AWARDED:
            winners = {line.pool_line_id: line.quote_line for line in service.winning_lines(tender.pool)}
        mine: dict[int, int] = {}
        needs = PooledNeed.objects.filter(pool_line__pool=tender.pool, company=company, released_at__isnull=True)
        for number, quantity in needs.values_list("pool_line", "quantity"):
            mine[number] = mine.get(number, 0) + quantity
        found = []
        for line in selectors.pool_lines(tender.pool):
            won = winners.get(line.pk)
            found.append(
                {
                    "line": line.pk,
                    "text": line.text,
                    "unit": line.unit,
                    "quantity": mine.get(line.pk, 0),
                    "supplier": won.quote.invitation.supplier.name if won else None,
                    "pack": won.pack if won else None,
                    "valid_until": won.quote.valid_until if won else None,
                    "tiers": list(won.tiers.all()) if won else [],
                }
            )
        return found
