"""Form fields for money and quantities, as people type them."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError
from companies.money import euros, parse_cents, parse_quantity, parse_unit_price, typed, unit_price

CHOOSE = _("Choose…")  # the empty line of a field where one must be chosen
EARLIEST, LATEST = 1940, 2100  # years; the same as in a staff list


def near(day: date) -> None:
    """Refuse a day no member means: beyond year 9999 there is no next day, and a slip of the finger reaches it.

    The validator of every date that is typed or sent, set in `companies.apps`.
    """
    if not EARLIEST <= day.year <= LATEST:
        raise ValidationError(
            _("Choose a day between %(first)s and %(last)s."), code="far_day",
            params={"first": EARLIEST, "last": LATEST},
        )  # fmt: skip


class _Parsed(forms.CharField):
    """A text field whose value goes through a parser of `companies.money`; nothing typed is lost on error."""

    parse: Callable[[str], int]
    show: Callable[[int], str]
    inputmode = "decimal"

    def __init__(self, *, min_value: int | None = None, **kwargs: Any) -> None:
        self.min_value = min_value
        kwargs.setdefault("max_length", 24)
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", self.inputmode)
        self.widget.attrs.setdefault("autocomplete", "off")

    def to_python(self, value: Any) -> Any:
        if isinstance(value, int):
            return value
        return super().to_python(value)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if text in self.empty_values:
            return None
        try:
            number = type(self).parse(str(text))
        except DomainError as error:
            raise ValidationError(error.sentence, code=error.code) from error
        if self.min_value is not None and number < self.min_value:
            raise ValidationError(
                _("This must be at least %(least)s.") % {"least": typed(type(self).show(self.min_value))},
                code="too_small",
            )
        return number

    def prepare_value(self, value: Any) -> Any:
        return typed(type(self).show(value)) if isinstance(value, int) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial) != data


class MoneyField(_Parsed):
    """Euros typed with a comma or a point; the clean value is integer cents."""

    parse = staticmethod(parse_cents)
    show = staticmethod(euros)


class UnitPriceField(_Parsed):
    """A unit price with up to four decimals; the clean value is in ten-thousandths of a euro."""

    parse = staticmethod(parse_unit_price)
    show = staticmethod(unit_price)


class QuantityField(_Parsed):
    """A whole number of units."""

    parse = staticmethod(parse_quantity)
    show = staticmethod(str)
    inputmode = "numeric"


def form_error(form: forms.BaseForm, error: DomainError) -> None:
    """Show a refusal on the field it is about, or on top of the form."""
    form.add_error(
        error.field if error.field in form.fields else None, ValidationError(error.sentence, code=error.code)
    )
