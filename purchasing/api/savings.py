"""Savings over REST: each settled line of a company with its reference, empty where there was none."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from purchasing import savings
from purchasing.api.commitments import OfCompany
from purchasing.api.fields import Cents


class SavingOut(serializers.Serializer[Any]):
    pool = serializers.IntegerField(source="pool_id")
    year = serializers.IntegerField()
    category = serializers.CharField()
    text = serializers.CharField()
    quantity = serializers.IntegerField()
    paid = Cents(source="paid_cents")
    reference = Cents(source="reference_cents", allow_null=True)


class CompanySavings(OfCompany):
    """What the company paid for each line, freight and fee included, and what it would have been; `?year=` narrows it."""

    scope = "orders"
    serializer_class: Any = SavingOut

    def get(self, request: Request, company: int) -> Response:
        year = request.query_params.get("year", "")
        rows = savings.lines(self.company(), int(year) if year.isdecimal() and len(year) == 4 else None)
        return Response({"results": SavingOut(rows, many=True).data})
