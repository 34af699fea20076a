"""Tenders, comparison and award over REST; and the supplier's quote by its link."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from purchasing import comparison
from purchasing.api.fields import Cents, UnitPrice
from purchasing.api.pools import _Pools
from purchasing.api.requests import reason_of
from purchasing.models import Award, Supplier, Tender, TenderInvitation
from purchasing.services import award as awards
from purchasing.services import quote as quotes
from purchasing.services import tender as service
from purchasing.states import TenderState


class TenderIn(serializers.Serializer[Any]):
    deadline = serializers.DateTimeField()
    sealed = serializers.BooleanField(default=True)
    message = serializers.CharField(required=False, allow_blank=True, default="")
    deliver_to = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)


class _Tenders(_Pools):
    serializer_class = TenderIn  # type: ignore[assignment]  # narrower than the generic view's

    def tender(self) -> Tender:
        rows = Tender.objects.select_related("pool").exclude(state=TenderState.CANCELLED)
        return get_object_or_404(rows, pool=self.led())

    def body(self, tender: Tender) -> dict[str, Any]:
        rows = tender.invitations.select_related("supplier").order_by("pk")
        return {
            "id": tender.pk,
            "pool": tender.pool_id,
            "state": tender.state,
            "deadline": tender.deadline,
            "sealed": tender.sealed,
            "opened_at": tender.opened_at,
            "invitations": [
                {"id": row.pk, "supplier": row.supplier.name, "state": row.state, "answered_at": row.answered_at}
                for row in rows
            ],
        }


class TenderDetail(_Tenders):
    """The running tender; PUT prepares it. Prices are never here."""

    def get(self, request: Request, pk: int) -> Response:
        return Response(self.body(self.tender()))

    def put(self, request: Request, pk: int) -> Response:
        pool = self.led()
        form = TenderIn(data=request.data)
        form.is_valid(raise_exception=True)
        tender = service.prepare(actor=self.actor, pool=pool, at=timezone.now(), **form.validated_data)
        return Response(self.body(tender))


class TenderInvite(_Tenders):
    """`{"suppliers": [ids]}`: put suppliers on the list; in a running tender they get their link at once."""

    class Input(serializers.Serializer[Any]):
        suppliers = serializers.ListField(child=serializers.IntegerField(), min_length=1)

    def post(self, request: Request, pk: int) -> Response:
        tender = self.tender()
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        for supplier in Supplier.objects.filter(pk__in=form.validated_data["suppliers"], active=True).order_by("pk"):
            service.invite(actor=self.actor, tender=tender, supplier=supplier, at=timezone.now())
        return Response(self.body(tender), status=201)


class TenderSend(_Tenders):
    """Mail every supplier its link."""

    def post(self, request: Request, pk: int) -> Response:
        return Response(self.body(service.send(actor=self.actor, tender=self.tender(), at=timezone.now())))


class TenderPostpone(_Tenders):
    """Give all suppliers more time, never less: `{"deadline"}`."""

    class Input(serializers.Serializer[Any]):
        deadline = serializers.DateTimeField()

    def post(self, request: Request, pk: int) -> Response:
        tender = self.tender()
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        tender = service.postpone(actor=self.actor, tender=tender, at=timezone.now(), **form.validated_data)
        return Response(self.body(tender))


class TenderOpen(_Tenders):
    """Unseal the quotes; it is recorded who did."""

    def post(self, request: Request, pk: int) -> Response:
        return Response(self.body(service.open_quotes(actor=self.actor, tender=self.tender(), at=timezone.now())))


class ComparisonDetail(_Tenders):
    """Every quote against every line, landed, at three volumes (percent of the pooled one)."""

    def get(self, request: Request, pk: int) -> Response:
        tender = self.tender()
        if tender.state not in (TenderState.OPENED, TenderState.AWARDED):
            raise awards.NotOpened
        found = comparison.compare(tender, on=timezone.localdate())
        money, price = Cents(), UnitPrice()
        return Response(
            {
                "volumes": found.volumes,
                "quotes": [
                    {
                        "quote": column.quote.pk,
                        "supplier": column.supplier,
                        "version": column.quote.version,
                        "valid_until": column.quote.valid_until,
                        "expired": column.expired,
                        "lead_days": column.quote.lead_days,
                        "lines": column.offered,
                        "costs": [
                            {
                                "percent": cost.percent,
                                "goods": money.to_representation(cost.goods_cents),
                                "freight": money.to_representation(cost.freight_cents),
                                "total": money.to_representation(cost.total_cents),
                                "minimum_missing": money.to_representation(cost.missing_cents),
                            }
                            for cost in column.costs
                        ],
                    }
                    for column in found.columns
                ],
                "lines": [
                    {
                        "line": row.line.pk,
                        "text": row.line.text,
                        "offers": [
                            {
                                "quote": cell.column.quote.pk,
                                "quote_line": cell.quote_line.pk,
                                "ordered": cell.pooled.ordered,
                                "unit_price": price.to_representation(cell.pooled.unit_price_e4),
                                "goods": money.to_representation(cell.pooled.goods_cents),
                                "lowest": cell.best,
                            }
                            for cell in row.cells
                            if cell is not None
                        ],
                    }
                    for row in found.rows
                ],
            }
        )


class AwardList(_Tenders):
    """`{"choices": [{"line", "quote_line"}], "reason"}` → the award; 202 when a second person must confirm."""

    class Input(serializers.Serializer[Any]):
        class Choice(serializers.Serializer[Any]):
            line = serializers.IntegerField()
            quote_line = serializers.IntegerField()

        choices = Choice(many=True)
        reason = serializers.CharField()

    def post(self, request: Request, pk: int) -> Response:
        tender = self.tender()
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        choices = {row["line"]: row["quote_line"] for row in form.validated_data["choices"]}
        reason = form.validated_data["reason"]
        award = awards.decide(actor=self.actor, tender=tender, choices=choices, reason=reason, at=timezone.now())
        return Response(award_body(award), status=201 if award.state == "confirmed" else 202)


class AwardAnswer(_Tenders):
    """The second person confirms, or refuses with a `reason`."""

    def post(self, request: Request, pk: int, award: int, answer: str) -> Response:
        row = get_object_or_404(Award.objects.select_related("tender__pool"), pk=award, tender__pool=self.led())
        at, reason = timezone.now(), reason_of(request)
        if answer == "confirm":
            row = awards.confirm(actor=self.actor, award=row, at=at)
        else:
            row = awards.refuse(actor=self.actor, award=row, reason=reason, at=at)
        return Response(award_body(row))


def award_body(award: Award) -> dict[str, Any]:
    return {
        "id": award.pk,
        "state": award.state,
        "value": Cents().to_representation(award.value_cents),
        "reason": award.reason,
        "needs_second_person": award.needs_second_person,
    }


class TierIn(serializers.Serializer[Any]):
    from_quantity = serializers.IntegerField(min_value=1, max_value=1_000_000_000)
    unit_price = UnitPrice()


class OfferIn(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    tiers = TierIn(many=True)
    pack = serializers.IntegerField(min_value=1, default=1)
    moq = serializers.IntegerField(min_value=0, default=0)
    available = serializers.IntegerField(min_value=0, required=False, allow_null=True, default=None)
    reference = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class QuoteIn(serializers.Serializer[Any]):
    offers = OfferIn(many=True)
    valid_until = serializers.DateField(required=False, allow_null=True, default=None)
    minimum = Cents(default=0)
    freight = Cents(default=0)
    free_freight_from = Cents(required=False, allow_null=True, default=None)
    lead_days = serializers.IntegerField(min_value=0, max_value=365, required=False, allow_null=True, default=None)
    payment_days = serializers.IntegerField(min_value=0, max_value=120, default=30)
    terms = serializers.CharField(required=False, allow_blank=True, default="")
    signatory = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class QuoteByLink(APIView):
    """A supplier's program: GET what is asked, PUT a draft, POST a version. The link is the login."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    serializer_class = QuoteIn

    def invitation(self, token: str) -> TenderInvitation:
        return quotes.find(token, at=timezone.now())

    def get(self, request: Request, token: str) -> Response:
        return Response(self.body(self.invitation(token)))

    def put(self, request: Request, token: str) -> Response:
        invitation = self.invitation(token)
        quotes.save_draft(invitation=invitation, draft=self.draft(request, invitation), at=timezone.now())
        return Response(self.body(invitation))

    def post(self, request: Request, token: str) -> Response:
        invitation = self.invitation(token)
        quotes.submit(invitation=invitation, draft=self.draft(request, invitation), at=timezone.now())
        invitation.refresh_from_db()
        return Response(self.body(invitation), status=201)

    def draft(self, request: Request, invitation: TenderInvitation) -> quotes.QuoteDraft:
        form = QuoteIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        lines = {line.pk: line for line in quotes.open_lines(invitation)}
        if unknown := [offer["line"] for offer in data["offers"] if offer["line"] not in lines]:
            raise serializers.ValidationError({"offers": f"unknown line {unknown[0]}"})
        offers = [
            quotes.OfferDraft(
                pool_line=lines[offer["line"]],
                tiers=[(tier["from_quantity"], tier["unit_price"]) for tier in offer["tiers"]],
                pack=offer["pack"],
                moq=offer["moq"],
                available=offer["available"],
                reference=offer["reference"],
                note=offer["note"],
            )
            for offer in data["offers"]
        ]
        return quotes.QuoteDraft(
            offers=offers,
            valid_until=data["valid_until"],
            minimum_cents=data["minimum"],
            freight_cents=data["freight"],
            franco_cents=data["free_freight_from"],
            lead_days=data["lead_days"],
            payment_days=data["payment_days"],
            terms=data["terms"],
            signatory=data["signatory"],
        )

    def body(self, invitation: TenderInvitation) -> dict[str, Any]:
        last = invitation.quotes.order_by("-version").first()
        return {
            "title": invitation.tender.pool.title,
            "deadline": invitation.tender.deadline,
            "state": invitation.state,
            "version": last.version if last else 0,
            "sent": bool(last and last.submitted_at),
            "late": bool(last and last.late),
            "lines": [
                {"line": line.pk, "text": line.text, "details": line.details, "unit": line.unit,
                 "about": line.asked_quantity}
                for line in quotes.open_lines(invitation)
            ],
        }  # fmt: skip
