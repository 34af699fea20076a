"""REST door of the room: pairing a till."""

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from companies import limits
from merchants import services

PAIRINGS_PER_ADDRESS = ("pair", 10, timedelta(minutes=10))  # 40 bits that live ten minutes need no more


class PairingInput(serializers.Serializer):
    code = serializers.CharField(max_length=40)


class PairingOutput(serializers.Serializer):
    token = serializers.CharField()
    till = serializers.CharField()
    till_id = serializers.IntegerField()
    shop = serializers.CharField()
    merchant = serializers.CharField()
    server_time = serializers.DateTimeField()


class Pair(APIView):
    """Turn a one-time pairing code into a till token. The token is shown this once and stored hashed."""

    authentication_classes = []
    permission_classes = [AllowAny]  # the code is the permission

    @extend_schema(request=PairingInput, responses={201: PairingOutput}, auth=[])
    def post(self, request: Request) -> Response:
        data = PairingInput(data=request.data)
        data.is_valid(raise_exception=True)
        limits.spend(PAIRINGS_PER_ADDRESS, request.META.get("REMOTE_ADDR", ""))
        now = timezone.now()
        till, token = services.pair(code=data.validated_data["code"], at=now)
        answer = {
            "token": token,
            "till": till.name,
            "till_id": till.pk,
            "shop": till.shop.name,
            "merchant": till.merchant.name,
            "server_time": timezone.localtime(now),
        }
        return Response(PairingOutput(answer).data, status=201)
