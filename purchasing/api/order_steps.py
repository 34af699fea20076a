"""What else whoever runs a pool does with an order, a delivery or a claim, over REST: as on the pages, by the same services."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from companies.access import require
from companies.documents import download
from companies.models import Document
from companies.pictures import MOST_BYTES, PictureRefused
from purchasing import access, labels
from purchasing.api.claims import ClaimOut
from purchasing.api.fields import Cents
from purchasing.api.hand_overs import HandOverOut, OfPart, told
from purchasing.api.orders import OrderOut, Orders, ReceiptOut
from purchasing.models import Claim, ClaimAnswer, Pool, PurchaseOrder, Receipt
from purchasing.services import (
    billing_end,
    changes,
    claims,
    delivery,
    door,
    goods_release,
    hand_over,
    reserves,
    shipment,
)
from purchasing.services import order as ordering

PDF = {(200, "application/pdf"): OpenApiTypes.BINARY}


def paper(document: Document | None) -> HttpResponse:
    if document is None:
        raise Http404
    return download(document)


def label_sheet(order: PurchaseOrder) -> HttpResponse:
    """The labels of an order that was sent, one per company and place."""
    if order.sent_at is None:
        raise Http404
    response = HttpResponse(labels.pdf(order), content_type="application/pdf")
    response["Content-Disposition"] = f'inline; filename="etiquettes-{order.number}.pdf"'
    return response


class OrderStepIn(serializers.Serializer[Any]):
    """`reason` for cancel, close-short and billing-over; `expected_on` for expect-rest."""

    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    expected_on = serializers.DateField(required=False, allow_null=True, default=None)


class OrderStep(Orders):
    """`cancel` before anything came, `conclude` the companies' answers to a change, `expect-rest` on another day,
    `close-short` what will not come, `billing-over` when nothing more will be billed."""

    serializer_class: Any = OrderStepIn

    @extend_schema(request=OrderStepIn, responses=OrderOut)
    def post(self, request: Request, pk: int, action: str) -> Response:
        order = self.order()
        form = OrderStepIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        who: dict[str, Any] = {"actor": self.actor, "order": order, "at": timezone.now()}
        if action == "cancel":
            ordering.cancel(reason=data["reason"], **who)
        elif action == "conclude":
            changes.conclude_change(**who)
        elif action == "expect-rest":
            shipment.expect_rest(day=data["expected_on"], **who)
        elif action == "close-short":
            delivery.close_short(reason=data["reason"], **who)
        else:
            billing_end.end_billing(reason=data["reason"], **who)
        return Response(OrderOut(self.order()).data)


class OrderArrivalIn(serializers.Serializer[Any]):
    """`receipt`: the announced delivery that is here; none for one that nobody announced."""

    receipt = serializers.IntegerField(required=False, allow_null=True, default=None)
    parcels = serializers.IntegerField(min_value=1, max_value=9_999, required=False, allow_null=True, default=None)


class OrderArrived(Orders):
    """A delivery is at the drop point; it is counted later, with its `number`, by POST to the receipts."""

    serializer_class: Any = OrderArrivalIn

    @extend_schema(request=OrderArrivalIn, responses={201: ReceiptOut})
    def post(self, request: Request, pk: int) -> Response:
        order = self.order()
        form = OrderArrivalIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        announced = get_object_or_404(order.receipts, pk=data["receipt"]) if data["receipt"] else None
        row = shipment.arrive(
            actor=self.actor, order=order, receipt=announced, parcels=data["parcels"], at=timezone.now()
        )
        return Response(ReceiptOut(row).data, status=201)


class RefusalIn(serializers.Serializer[Any]):
    """`number`: the delivery's number in the order, sent twice it is refused once; without it the one that waits longest."""

    number = serializers.IntegerField(min_value=1, max_value=30_000, required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=1000)
    delivery_note = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")
    parcels = serializers.IntegerField(min_value=1, max_value=9_999, required=False, allow_null=True, default=None)
    photo = serializers.FileField(max_length=200, required=False, allow_null=True, default=None)


class OrderRefused(Orders):
    """A delivery was turned away whole at the door: the supplier is told why; a `photo` may come along (multipart)."""

    serializer_class: Any = RefusalIn
    parser_classes = [JSONParser, MultiPartParser, FormParser]

    @extend_schema(request=RefusalIn, responses={201: ReceiptOut})
    def post(self, request: Request, pk: int) -> Response:
        order = self.order()
        form = RefusalIn(data=request.data)
        form.is_valid(raise_exception=True)
        data = dict(form.validated_data)
        upload = data.pop("photo")
        if upload is not None and upload.size > MOST_BYTES:
            raise PictureRefused
        photos = [upload.read()] if upload is not None else []
        row = door.refuse(actor=self.actor, order=order, photos=photos, at=timezone.now(), **data)
        return Response(ReceiptOut(row).data, status=201)


class OrderPaper(Orders):
    """The order as it was sent: PDF/A-3 with Order-X inside."""

    @extend_schema(operation_id="order_paper", responses=PDF)
    def get(self, request: Request, pk: int) -> HttpResponse:
        return paper(self.order().document)


class OrderLabels(Orders):
    """The labels of an order, one per company and place, with the code of the hand-over."""

    @extend_schema(operation_id="order_labels", responses=PDF)
    def get(self, request: Request, pk: int) -> HttpResponse:
        return label_sheet(self.order())


class CarrierIn(serializers.Serializer[Any]):
    reference = serializers.CharField(max_length=60, required=False, allow_blank=True, default="")


class ReceiptCarrier(Orders):
    """Note that the carrier was told of the reserves, by registered letter of that `reference`; the first time counts."""

    serializer_class: Any = CarrierIn

    @extend_schema(request=CarrierIn, responses=ReceiptOut)
    def post(self, request: Request, pk: int) -> Response:
        row = get_object_or_404(Receipt.objects.visible_to(self.actor).select_related("order__pool"), pk=pk)
        form = CarrierIn(data=request.data)
        form.is_valid(raise_exception=True)
        reserves.tell_carrier(actor=self.actor, receipt=row, at=timezone.now(), **form.validated_data)
        row.refresh_from_db()
        return Response(ReceiptOut(row).data)


class NoteIn(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class HandOverResolve(OfPart):
    """Say how a contested hand-over ended."""

    serializer_class: Any = NoteIn

    @extend_schema(request=NoteIn, responses=HandOverOut)
    def post(self, request: Request, pk: int) -> Response:
        part = self.part(pk)
        form = NoteIn(data=request.data)
        form.is_valid(raise_exception=True)
        part = hand_over.resolve(actor=self.actor, row=part, at=timezone.now(), **form.validated_data)
        return Response(told([part])[0])


class ReleaseIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class HandOverRelease(OfPart):
    """Let a part leave that the risk rule keeps back, with the reason (the association's staff)."""

    serializer_class: Any = ReleaseIn

    @extend_schema(request=ReleaseIn, responses=HandOverOut)
    def post(self, request: Request, pk: int) -> Response:
        part = self.part(pk)
        form = ReleaseIn(data=request.data)
        form.is_valid(raise_exception=True)
        part = goods_release.release(actor=self.actor, row=part, at=timezone.now(), **form.validated_data)
        return Response(told([part])[0])


class ClaimWordIn(serializers.Serializer[Any]):
    """The supplier's answer: a credit of `offered` before VAT, a new delivery, or a refusal with its `text`."""

    verdict = serializers.ChoiceField(choices=ClaimAnswer.Verdict.choices)
    offered = Cents(required=False, allow_null=True, default=None)
    text = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")

    def word(self) -> dict[str, Any]:
        data = self.validated_data
        return {"verdict": data["verdict"], "offered_cents": data["offered"], "text": data["text"]}


class EvidenceIn(serializers.Serializer[Any]):
    photo = serializers.FileField(max_length=200)


class ClaimStep(Orders):
    """`answer`: write down what the supplier said; `remind`: ask it again; `photos`: add one (multipart `photo`)."""

    serializer_class: Any = ClaimWordIn
    parser_classes = [JSONParser, MultiPartParser, FormParser]

    @extend_schema(request=ClaimWordIn, responses=ClaimOut)
    def post(self, request: Request, pk: int, action: str) -> Response:
        rows = Claim.objects.filter(order__pool__in=Pool.objects.led_by(self.actor)).select_related("order__pool")
        claim, at = get_object_or_404(rows, pk=pk), timezone.now()
        require(access.can_run_pool(self.actor, claim.order.pool))
        if action == "answer":
            form = ClaimWordIn(data=request.data)
            form.is_valid(raise_exception=True)
            claims.answer(claim=claim, actor=self.actor, at=at, **form.word())
        elif action == "remind":
            claims.remind(actor=self.actor, claim=claim, at=at)
        else:
            sent = EvidenceIn(data=request.data)
            sent.is_valid(raise_exception=True)
            upload = sent.validated_data["photo"]
            if upload.size > MOST_BYTES:
                raise PictureRefused
            claims.add_evidence(actor=self.actor, claim=claim, photos=[upload.read()], at=at)
        claim.refresh_from_db()
        return Response(ClaimOut(claim, context={"staff": access.sees_members(self.actor)}).data)
