"""Money as JSON writes it: decimal strings in euros outside, cents inside."""

from typing import Any

from rest_framework import serializers

from companies import money
from companies.errors import DomainError


class Euros(serializers.IntegerField):
    """Cents as a decimal string of euros, to be read."""

    def to_representation(self, value: Any) -> Any:
        return money.euros(value)


class Amount(serializers.CharField):
    """An amount that is sent to us: `"12.50"`."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return money.parse_cents(str(data))
        except DomainError as error:
            raise serializers.ValidationError(error.sentence, code=error.code) from error
