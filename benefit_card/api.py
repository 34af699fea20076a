"""The till's doors: look, redeem, undo, today; and the signed documents for offline checks."""

from typing import Any, cast

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from benefit_card import selectors
from benefit_card.case import Deal
from benefit_card.refusals import AmountRequired
from benefit_card.services import cashiers, lists, redemption, scan, voids
from companies.errors import DomainError
from companies.money import euros, parse_cents
from companies.problems import MEDIA_TYPE
from merchants.models import Till
from merchants.till_auth import IsTill, TillAuthentication

CODE_LENGTH = 300


class TillView(APIView):
    """Base of what a paired till may call."""

    authentication_classes = [TillAuthentication]
    permission_classes = [IsTill]

    @property
    def till(self) -> Till:
        return cast(Till, self.request.user)


class HolderHint(serializers.Serializer):
    first_name = serializers.CharField()
    initial = serializers.CharField()


class DealOutput(serializers.Serializer):
    """`remaining_uses` is null when nothing limits them; `reason` says why `usable` is false.

    `used_at`, `shop` and `again_on` come with an offer that the holder has used up, here and nowhere else.
    """

    id = serializers.IntegerField()
    offer_version = serializers.IntegerField()
    title = serializers.CharField()
    kind = serializers.ChoiceField(["percent", "fixed", "gift"])
    percent = serializers.IntegerField(allow_null=True)
    amount_cents = serializers.IntegerField(allow_null=True)
    cap_cents = serializers.IntegerField(allow_null=True)
    gift = serializers.CharField(allow_blank=True)
    min_spend_cents = serializers.IntegerField()
    remaining_uses = serializers.IntegerField(allow_null=True)
    usable = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
    code = serializers.CharField(allow_blank=True)
    used_at = serializers.DateTimeField(required=False)
    shop = serializers.CharField(required=False)
    again_on = serializers.DateField(required=False)


class ScanInput(serializers.Serializer):
    code = serializers.CharField(max_length=CODE_LENGTH, trim_whitespace=False)
    cashier = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class ScanOutput(serializers.Serializer):
    verdict = serializers.CharField()
    kind = serializers.ChoiceField(["print", "phone", "typed"])
    demo = serializers.BooleanField(help_text="A specimen card: nothing it does is counted.")
    holder = HolderHint()
    offers = DealOutput(many=True)
    server_time = serializers.DateTimeField()


class Scans(TillView):
    """Look at a card without effect."""

    @extend_schema(request=ScanInput, responses={200: ScanOutput})
    def post(self, request: Request) -> Response:
        said = SCAN.run_validation(request.data)
        now = timezone.now()
        cashiers.working(said["cashier"], till=self.till)
        found, presented = scan.look(till=self.till, code=said["code"].strip("\r\n"), at=now)
        deals = [deal for deal in found.deals if deal.eligible]
        done = [deal for deal in deals if scan.used_up(deal)]
        uses = scan.last_uses(found.person_id, done, day=timezone.localdate(now))
        return Response(
            {
                "verdict": "valid",
                "kind": presented.shown.value,
                "demo": found.demo,
                "holder": {"first_name": found.first_name, "initial": found.last_name[:1].upper()},
                "offers": [_deal(deal, at=now) | uses.get(deal.offer_id, {}) for deal in deals],
                "server_time": timezone.localtime(now).isoformat(),
            }
        )


def _deal(deal: Deal, *, at: Any) -> dict[str, Any]:
    refusal = scan.why_not(deal, at=at)
    return {
        "id": deal.offer_id,
        "offer_version": deal.number,
        "title": deal.title,
        "kind": deal.kind,
        "percent": deal.percent,
        "amount_cents": deal.amount_cents,
        "cap_cents": deal.cap_cents,
        "gift": deal.gift,
        "min_spend_cents": deal.min_spend_cents,
        "remaining_uses": deal.remaining,
        "usable": refusal is None,
        "reason": scan.reason(refusal, deal, at=at) if refusal else "",
        "code": refusal.code if refusal else "",
    }


class RedemptionInput(serializers.Serializer):
    """`amount` is the price before discount in euros; `offer_version` the one the scan showed."""

    client_id = serializers.UUIDField()
    code = serializers.CharField(max_length=CODE_LENGTH, trim_whitespace=False)
    offer = serializers.IntegerField(min_value=1, max_value=2**53)
    amount = serializers.CharField(max_length=20)
    offer_version = serializers.IntegerField(min_value=1, max_value=32_767, required=False, allow_null=True)
    cashier = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    training = serializers.BooleanField(required=False, default=False, help_text="Judge, and write nothing down.")


class RedemptionOutput(serializers.Serializer):
    """`changed` tells that the offer was edited since the scan: the version scanned was applied."""

    client_id = serializers.UUIDField()
    offer = serializers.IntegerField()
    offer_title = serializers.CharField()
    offer_version = serializers.IntegerField()
    amount = serializers.CharField()
    discount = serializers.CharField()
    to_pay = serializers.CharField()
    remaining_uses = serializers.IntegerField(allow_null=True)
    time = serializers.DateTimeField()
    changed = serializers.BooleanField()
    demo = serializers.BooleanField(required=False, help_text="An exercise: nothing was counted.")


SCAN, SALE = ScanInput(), RedemptionInput()  # made once: a serializer copies all its fields each time it is made


class TodayLine(serializers.Serializer):
    client_id = serializers.UUIDField()
    time = serializers.DateTimeField()
    offer_title = serializers.CharField()
    amount = serializers.CharField()
    discount = serializers.CharField()
    to_pay = serializers.CharField()
    gift = serializers.CharField(allow_blank=True, help_text="What was given instead of a discount.")
    voided = serializers.BooleanField()
    can_void = serializers.BooleanField()


class TodayOutput(serializers.Serializer):
    results = TodayLine(many=True)


class Redemptions(TillView):
    """Redeem once; list the day of this till's shop."""

    @extend_schema(
        request=RedemptionInput,
        responses={201: RedemptionOutput, 409: OpenApiResponse(description="limit_reached, client_id_reused, …")},
    )
    def post(self, request: Request) -> Response:
        sale = SALE.run_validation(request.data)
        answer = redemption.redeem(
            till=self.till,
            client_id=sale["client_id"],
            code=sale["code"].strip("\r\n"),
            offer_id=sale["offer"],
            amount_cents=_cents(sale["amount"]),
            version=sale.get("offer_version"),
            at=timezone.now(),
            cashier_id=cashiers.working(sale["cashier"], till=self.till),
            training=sale["training"],
        )
        headers = {"Idempotency-Replayed": "true"} if answer.replayed else {}
        content_type = MEDIA_TYPE if answer.status >= 400 else None
        return Response(answer.body, status=answer.status, headers=headers, content_type=content_type)

    @extend_schema(responses={200: TodayOutput})
    def get(self, request: Request) -> Response:
        now = timezone.now()
        rows = selectors.redemptions_of_merchant_today(self.till.shop.merchant, now, till=self.till)
        return Response(
            {
                "results": [
                    {
                        "client_id": row.client_id,
                        "time": row.time.isoformat(),
                        "offer_title": row.offer_title,
                        "amount": euros(row.gross_cents),
                        "discount": euros(row.discount_cents),
                        "to_pay": euros(row.to_pay_cents),
                        "gift": row.gift,
                        "voided": row.voided_at is not None,
                        "can_void": row.can_void,
                    }
                    for row in rows
                ]
            }
        )


def _cents(text: str) -> int:
    try:
        return parse_cents(text)
    except DomainError:
        raise AmountRequired from None


class VoidOutput(serializers.Serializer):
    client_id = serializers.UUIDField()
    voided_at = serializers.DateTimeField()


class Void(TillView):
    """Undo a sale of this merchant within 15 minutes."""

    @extend_schema(request=None, responses={200: VoidOutput})
    def post(self, request: Request, client_id: Any) -> Response:
        undone = voids.void(till=self.till, client_id=client_id, at=timezone.now())
        return Response({"client_id": str(client_id), "voided_at": timezone.localtime(undone.at).isoformat()})


class SignedDocument(APIView):
    """A signed JSON document with an ETag. Public: it names nobody, and any scanner may need it."""

    authentication_classes: list[type] = []
    permission_classes = [AllowAny]

    def told(self, request: Request, document: dict[str, Any]) -> Response:
        tag = lists.etag(document)
        headers = {"ETag": tag, "Cache-Control": "public, max-age=60"}
        if tag in request.headers.get("If-None-Match", ""):
            return Response(status=304, headers=headers)
        return Response(document, headers=headers)


@extend_schema(responses={200: OpenApiResponse(description="The signed set of public keys")}, auth=[])
class CardKeys(SignedDocument):
    """The public keys that count, signed by the root key."""

    def get(self, request: Request) -> Response:
        return self.told(request, lists.key_set(at=timezone.now()).document)


@extend_schema(responses={200: OpenApiResponse(description="The signed bitmap of revoked cards")}, auth=[])
class Revocations(SignedDocument):
    """The bitmap of revoked cards with its number and time, signed by a list key of the key set."""

    def get(self, request: Request) -> Response:
        return self.told(request, lists.revocations(at=timezone.now()).document)


@extend_schema(
    responses={
        200: OpenApiResponse(description="The places that changed, and the signed head of the list they lead to"),
        404: OpenApiResponse(description="That list is not kept any more, or the whole is shorter: fetch the whole"),
    },
    auth=[],
)
class RevocationChanges(SignedDocument):
    """What changed in the bitmap of revoked cards since the list with this number: some hundred bytes a day."""

    def get(self, request: Request, number: int) -> Response:
        found = lists.changes(since=number, at=timezone.now())
        if found is None:
            raise NotFound
        return self.told(request, found)
