"""Statements for the programs of a merchant's owner, signed in as the owner."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework.request import Request

from benefit_card.models import Statement
from benefit_card.models.statement import StatementQuerySet
from companies.billing.api_fields import Euros
from merchants.access import owns
from merchants.models import Merchant


class StatementSerializer(serializers.ModelSerializer[Statement]):
    gross = Euros(source="gross_cents")
    discount = Euros(source="discount_cents")
    paid = Euros(source="to_pay_cents")

    class Meta:
        model = Statement
        fields = [
            *("number", "month", "closed_at", "sales", "conflicts", "voids", "corrections"),
            *("gross", "discount", "paid", "sha256"),
        ]


class Statements(ListAPIView):
    """A merchant's closed months, newest first. `sha256` is that of the CSV file."""

    serializer_class = StatementSerializer
    queryset = Statement.objects.none()

    def get_queryset(self) -> StatementQuerySet:
        merchant = Merchant.objects.filter(pk=self.kwargs.get("merchant", 0)).first()
        if merchant is None or not owns(self.request.user, merchant):
            raise Http404
        return Statement.objects.of_merchant(self.request.user, merchant)

    @extend_schema(operation_id="merchant_statements")
    def get(self, request: Request, merchant: int) -> object:  # type: ignore[override]  # the address gives more than the base asks
        return self.list(request)
