"""What a till needs to work without network, and the door where its sales arrive afterwards."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from benefit_card import limits, refusals
from benefit_card.api import RedemptionOutput, TillView
from benefit_card.entry_form import MOST, EntryInput, read_entry
from benefit_card.models import EntryVerdict
from benefit_card.offline_entry import public_point
from benefit_card.revocation import DocumentRefused, unb64
from benefit_card.services import cashiers, offline, pack


class SyncInput(serializers.Serializer):
    """At most 50 entries."""

    entries = EntryInput(many=True)


class _AnyEntries(serializers.Serializer):
    """Entries one by one: an unreadable one must not keep the others waiting."""

    entries = serializers.ListField(child=serializers.JSONField(), min_length=1, max_length=offline.MOST_ENTRIES)


class EntryOutput(serializers.Serializer):
    """`verdict` of this sending, `first` of the first one; they differ when the entry was known (`replayed`)."""

    client_id = serializers.UUIDField()
    verdict = serializers.ChoiceField(EntryVerdict.values)
    first = serializers.CharField(help_text="One of the verdicts.")
    code = serializers.CharField(allow_blank=True)
    title = serializers.CharField(allow_blank=True)
    redemption = RedemptionOutput(allow_null=True)


class SyncOutput(serializers.Serializer):
    results = EntryOutput(many=True)
    server_time = serializers.DateTimeField()


class Sync(TillView):
    """Send what was sold without network, oldest first, up to 50 at a time; sending again is safe."""

    @extend_schema(request=SyncInput, responses={200: SyncOutput})
    def post(self, request: Request) -> Response:
        limits.spend(limits.SYNCS_PER_TILL, self.till.pk)
        data = _AnyEntries(data=request.data)
        data.is_valid(raise_exception=True)
        rows = [read_entry(raw) for raw in data.validated_data["entries"]]
        now = timezone.now()
        results = offline.sync(till=self.till, rows=rows, at=now)
        return Response({"results": results, "server_time": timezone.localtime(now).isoformat()})


class KeyInput(serializers.Serializer):
    public_key = serializers.CharField(max_length=100)


class KeyOutput(serializers.Serializer):
    registered = serializers.BooleanField()


class DeviceKey(TillView):
    """Register the public key with which this device signs what it sells without network; once."""

    @extend_schema(request=KeyInput, responses={200: KeyOutput})
    def post(self, request: Request) -> Response:
        data = KeyInput(data=request.data)
        data.is_valid(raise_exception=True)
        try:
            point = unb64(data.validated_data["public_key"])
            public_point(point)
        except DocumentRefused:
            raise refusals.DeviceKeyInvalid from None
        offline.register_key(till=self.till, point=point, at=timezone.now())
        return Response({"registered": True})


class PinInput(serializers.Serializer):
    cashier = serializers.IntegerField(min_value=0, max_value=MOST)
    pin = serializers.CharField(max_length=6)


class CashierPass(serializers.Serializer):
    cashier = serializers.IntegerField()
    name = serializers.CharField()
    cashier_pass = serializers.CharField(help_text="Send it as `cashier` with looks and sales, for 16 hours.")


class CashierSignIn(TillView):
    """Say who works at this till, with a PIN."""

    @extend_schema(request=PinInput, responses={200: CashierPass})
    def post(self, request: Request) -> Response:
        data = PinInput(data=request.data)
        data.is_valid(raise_exception=True)
        row, text = cashiers.sign_in(till=self.till, at=timezone.now(), **data.validated_data)
        return Response({"cashier": row.pk, "name": row.name, "cashier_pass": text})


class PackOffer(serializers.Serializer):
    """An offer with everything a till needs to apply it alone."""

    id = serializers.IntegerField()
    offer_version = serializers.IntegerField()
    title = serializers.CharField()
    kind = serializers.CharField(help_text="percent, fixed or gift")
    percent = serializers.IntegerField(allow_null=True)
    amount_cents = serializers.IntegerField(allow_null=True)
    cap_cents = serializers.IntegerField(allow_null=True)
    gift = serializers.CharField(allow_blank=True)
    min_spend_cents = serializers.IntegerField()
    weekdays = serializers.IntegerField()
    hours = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="Spans of a day, Europe/Paris; past midnight when the end is the smaller. None: all day.",
    )
    when = serializers.CharField(allow_blank=True, help_text="Weekdays and hours in words.")
    starts_on = serializers.CharField()
    ends_on = serializers.CharField(allow_null=True)
    excluded = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    limited = serializers.BooleanField(help_text="Needs a list of cards of today.")
    unchecked = serializers.ListField(
        child=serializers.ChoiceField(["uses", "holder", "first_visit", "combine"]),
        help_text="What cannot be known without network: the server judges it later, and an excess is a conflict.",
    )
    offline = serializers.CharField(help_text="allow, dynamic or online")


class PackCashier(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()


class PackOutput(serializers.Serializer):
    server_time = serializers.DateTimeField()
    shop = serializers.CharField()
    merchant = serializers.CharField()
    till = serializers.CharField()
    device_key = serializers.BooleanField()
    root_key = serializers.CharField(help_text="Public half of the key that signs the key set, base64url.")
    specimen = serializers.CharField()
    cashiers = PackCashier(many=True)
    offers = PackOffer(many=True)


class Pack(TillView):
    """Everything but keys and blocked cards: offers with their rules, cashiers, a specimen card for training."""

    @extend_schema(responses={200: PackOutput})
    def get(self, request: Request) -> Response:
        return Response(pack.of(self.till, at=timezone.now()))
