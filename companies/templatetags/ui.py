"""Filters and tags of the page shell: money, dates and icons in the reader's way."""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import uuid4

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from django import template
from django.utils import timezone, translation
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

from companies import icons
from companies.typography import NO_BREAK

register = template.Library()
_DAY = f"EEE{NO_BREAK}d{NO_BREAK}MMMM y"  # in a narrow column only the year may stand on a line of its own


def _locale() -> str:
    return "fr_FR" if (translation.get_language() or "fr").startswith("fr") else "en_GB"


@register.simple_tag
def once_field() -> SafeString:
    """The key by which a form sent twice is known (`companies.once`)."""
    return mark_safe(f'<input type="hidden" name="once" value="{uuid4().hex}">')  # noqa: S308  # a number of ours


@register.filter
def euros(cents: int | None) -> str:
    """Cents as `1 234,56 €`; a dash when there is no amount."""
    if cents is None or cents == "":
        return "–"
    return _euros(cents, _locale())


# Long tables ask for the same few figures again and again; making one takes as long as a row of the database.
@lru_cache(maxsize=8_192)
def _euros(cents: int, locale: str) -> str:
    return str(format_currency(cents / 100, "EUR", locale=locale))


@register.filter
def unit_price(e4: int | None) -> str:
    """Ten-thousandths as `3,4917 €`, at least two decimals."""
    if e4 is None:
        return "–"
    return _unit_price(e4, _locale())


@lru_cache(maxsize=8_192)
def _unit_price(e4: int, locale: str) -> str:
    pattern = "#,##0.00##\u00a0¤" if locale == "fr_FR" else "¤#,##0.00##"
    return str(format_currency(e4 / 10_000, "EUR", format=pattern, currency_digits=False, locale=locale))


@register.filter
def quantity(number: int | None) -> str:
    """A whole number with the reader's thousands separator."""
    return "–" if number is None else _quantity(number, _locale())


@lru_cache(maxsize=8_192)
def _quantity(number: int, locale: str) -> str:
    return str(format_decimal(number, locale=locale))


@register.filter
def percent(bp: int | None) -> str:
    """Basis points as `5,5 %`."""
    if bp is None:
        return "–"
    return str(format_decimal(bp / 100, locale=_locale(), format="#,##0.##")) + "\u00a0%"


@register.filter
def day(value: date | datetime | None) -> str:
    """A date as `mar. 3 mars 2026`."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        value = timezone.localtime(value).date()
    return str(format_date(value, _DAY, locale=_locale()))


@register.filter
def moment(value: datetime | None) -> str:
    """A time as `mar. 3 mars 2026 à 14:05`."""
    if value is None:
        return "–"
    local = timezone.localtime(value)
    at = "'à'" if _locale() == "fr_FR" else "'at'"
    return str(format_datetime(local, f"{_DAY} {at}{NO_BREAK}HH:mm", locale=_locale()))


@register.filter
def clock(value: datetime | None) -> str:
    """The time of day as `14:05`."""
    return "–" if value is None else f"{timezone.localtime(value):%H:%M}"


@register.filter
def days_left(value: date | datetime | None) -> int | None:
    """Whole days from today to a date; negative when it has passed."""
    if value is None:
        return None
    end = timezone.localtime(value).date() if isinstance(value, datetime) else value
    return (end - timezone.localdate()).days


@register.simple_tag
def icon(name: str, size: int = 20, **attributes: Any) -> SafeString:
    """A lucide icon, hidden from screen readers: the word stands beside it."""
    attributes.setdefault("aria_hidden", "true")
    attributes.setdefault("class", "icon")
    return icons.drawn(str(name), int(size), tuple((key, str(text)) for key, text in attributes.items()))


@register.simple_tag
def colon() -> str:
    """The colon between a label and what follows: French print has a no-break space before it."""
    return "\u00a0: " if _locale() == "fr_FR" else ": "


_MEASURE = re.compile(r"(?<=\d) (?=(?:mm|cm|m|ml|cl|l|L|kg|g|W|V)\b)")
_NUMBER = re.compile(r"(?<![\w-])(?=[\w./:-]*\d)[\w./:]{1,12}(?:-[\w./:]{1,12}){1,3}(?![\w-])")


@register.filter
def unbroken(text: str) -> SafeString:
    """A title whose numbers (`F-2026-00012`, `4 mm`) stay on one line: browsers break after a hyphen."""
    whole = _MEASURE.sub(NO_BREAK, conditional_escape(text))
    return mark_safe(_NUMBER.sub(r'<span class="unbroken">\g<0></span>', whole))  # noqa: S308  # escaped in the same line


@register.filter(is_safe=True)
def loose(text: object) -> str:
    """What stands in a small box: a date may break before its month as well. Amounts and their units stay together."""
    return re.sub(rf"(?<=\d){NO_BREAK}(?=[^\W\d]{{3,}})", " ", str(text))


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The current query string with some parameters changed (None removes one)."""
    parameters = context["request"].GET.copy()
    for key, value in changes.items():
        if value is None:
            parameters.pop(key, None)
        else:
            parameters[key] = value
    return f"?{parameters.urlencode()}" if parameters else "?"


@register.filter
def starts(text: str, beginning: str) -> bool:
    """Whether a text starts with another."""
    return str(text).startswith(beginning)
