"""Money and prices as JSON writes them: decimal strings in euros."""

from typing import Any

from rest_framework import serializers

from companies.errors import DomainError
from companies.money import euros, parse_cents, parse_unit_price, unit_price


class Cents(serializers.Field):
    """An amount: `"12.50"` outside, 1250 inside."""

    def to_representation(self, value: int) -> str:
        return euros(value)

    def to_internal_value(self, data: Any) -> int:
        try:
            return parse_cents(str(data))
        except DomainError as error:
            raise serializers.ValidationError(error.sentence, code=error.code) from error


class UnitPrice(serializers.Field):
    """A unit price with four decimals: `"3.4917"` outside, 34917 inside."""

    def to_representation(self, value: int) -> str:
        return unit_price(value)

    def to_internal_value(self, data: Any) -> int:
        try:
            return parse_unit_price(str(data))
        except DomainError as error:
            raise serializers.ValidationError(error.sentence, code=error.code) from error
