"""Words of the buying centre in templates."""

import re

from django import template

from companies.templatetags.ui import quantity as figure
from purchasing.unit_words import units

register = template.Library()
register.filter(units)


@register.filter
def grouped(text: str) -> str:
    """A total or a band of totals (`1000–1500`) with the reader's thousands separator."""
    return re.sub(r"\d{4,}", lambda found: figure(int(found[0])), str(text))


@register.filter
def of_unit(number: int | None, unit: str) -> str:
    """A quantity with its unit in the right number: `1 boîte`, `12 boîtes`."""
    return "–" if number is None else f"{figure(number)} {units(number, unit)}"
