"""Hand-overs over REST: what is ready for a company, handed over with its proof, confirmed or contested."""

import json
from collections.abc import Sequence
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import has_role, require
from companies.models import Role, User
from companies.pictures import MOST_BYTES, PictureRefused
from purchasing import access
from purchasing.api.commitments import OfCompany
from purchasing.api.orders import Orders
from purchasing.models import HandOver, Receipt
from purchasing.services import goods_release, parcels, reserves
from purchasing.services import hand_over as service


class HandOverOut(serializers.ModelSerializer[HandOver]):
    order = serializers.IntegerField(source="receipt.order_id", read_only=True)
    held = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()

    class Meta:
        model = HandOver
        fields = ["id", "order", "receipt", "company", "state", "method", "handed_at", "signed_by", "answered_at",
                  "note", "held", "released_at", "lines"]  # fmt: skip

    def get_held(self, row: HandOver) -> bool:
        """Whether the association keeps back what is ready; the cause is on the company's page, not for a lead buyer."""
        return row.pk in self.context["held"]

    def get_lines(self, row: HandOver) -> list[dict[str, Any]]:
        return [
            {
                "pool_line": item.commitment.pool_line_id,
                "text": item.commitment.pool_line.text,
                "quantity": item.quantity,
                "substitute": item.substitute,
            }
            for item in self.context["items"].get(row.pk, [])
        ]


def told(rows: Sequence[HandOver]) -> list[dict[str, Any]]:
    """Parts of deliveries as programs read them, in six queries for all of them."""
    orders = {row.receipt.order_id for row in rows}
    items = parcels.contents(*orders, companies=sorted({row.company_id for row in rows}))
    known = {"items": items, "held": goods_release.holds(rows, items)}
    return list(HandOverOut(rows, many=True, context=known).data)


class CompanyHandOverList(OfCompany):
    """The company's parts of deliveries, newest first; `?state=` narrows them."""

    scope = "orders"
    serializer_class: Any = HandOverOut

    def get(self, request: Request, company: int) -> Response:
        rows = HandOver.objects.filter(company=self.company()).select_related("receipt__order")
        if state := request.query_params.get("state", ""):
            rows = rows.filter(state=state)
        return self.get_paginated_response(told(self.paginate_queryset(rows) or []))


class VerdictIn(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(choices=["confirm", "contest"])
    note = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class HandOverAnswer(CompanyHandOverList):
    """The company confirms what it collected, or says what is wrong."""

    serializer_class = VerdictIn

    def get(self, request: Request, company: int, pk: int) -> Response:  # type: ignore[override]  # the address gives more than the base asks
        return Response(told([get_object_or_404(HandOver, pk=pk, company=self.company())])[0])

    def post(self, request: Request, company: int, pk: int) -> Response:
        row = self.company()
        user: User = request.user  # type: ignore[assignment]  # nobody comes here without signing in
        require(has_role(user, row, Role.BUYER))
        part = get_object_or_404(HandOver.objects.select_related("company"), pk=pk, company=row)
        form = VerdictIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        part = service.answer(
            actor=user, row=part, confirmed=data["verdict"] == "confirm", note=data["note"], at=timezone.now()
        )
        return Response(told([part])[0])


class GiveIn(serializers.Serializer[Any]):
    """`signature`: strokes of [x, y] on a pad of 600 × 240, with the name in `signed_by`; the drawing is made here."""

    method = serializers.ChoiceField(choices=["button", "scan"], default="button")
    signed_by = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    signature = serializers.JSONField(required=False, allow_null=True, default=None)


class OfPart(Orders):
    """What is done with one company's part of a delivery."""

    def part(self, pk: int) -> HandOver:
        rows = HandOver.objects.select_related("receipt__order__pool", "company")
        return get_object_or_404(rows, pk=pk, receipt__in=Receipt.objects.visible_to(self.actor))


class Give(OfPart):
    """Hand a company's part over, once; a second call returns the first proof."""

    serializer_class = GiveIn

    def post(self, request: Request, pk: int) -> Response:
        part = self.part(pk)
        require(access.can_run_pool(self.actor, part.receipt.order.pool))
        form = GiveIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        drawn = data.pop("signature")
        strokes = None if drawn is None else service.strokes_of(json.dumps(drawn))
        part = service.hand_over(actor=self.actor, row=part, at=timezone.now(), strokes=strokes, **data)
        return Response(told([part])[0])


class ReceiptHandOverList(Orders):
    """The hand-overs of one delivery, for whoever runs the pool."""

    serializer_class = HandOverOut

    def get(self, request: Request, pk: int) -> Response:
        receipt = _receipt(self.actor, pk)
        rows = receipt.hand_overs.select_related("receipt__order")
        return self.get_paginated_response(told(self.paginate_queryset(rows) or []))


class PhotoIn(serializers.Serializer[Any]):
    photo = serializers.FileField(max_length=200)
    caption = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")


class ReceiptPhotos(Orders):
    """Add a photo to a delivery (multipart: `photo`, `caption`). It is written anew, without place and camera."""

    serializer_class = PhotoIn
    parser_classes = [MultiPartParser]

    def post(self, request: Request, pk: int) -> Response:
        receipt = _receipt(self.actor, pk)
        form = PhotoIn(data=request.data)
        form.is_valid(raise_exception=True)
        upload = form.validated_data["photo"]
        if upload.size > MOST_BYTES:
            raise PictureRefused
        row = reserves.add_photo(
            actor=self.actor,
            receipt=receipt,
            content=upload.read(),
            caption=form.validated_data["caption"],
            at=timezone.now(),
        )
        return Response({"id": row.pk, "caption": row.caption, "sha256": row.document.sha256}, status=201)


def _receipt(user: User, pk: int) -> Receipt:
    receipt = get_object_or_404(Receipt.objects.visible_to(user).select_related("order__pool"), pk=pk)
    require(access.can_run_pool(user, receipt.order.pool))
    return receipt
