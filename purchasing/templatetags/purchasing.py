"""Words of the buying centre in templates."""

from django import template
from django.utils.translation import ngettext

from companies.templatetags.ui import quantity as figure
from purchasing.models import Unit

register = template.Library()


@register.filter
def of_unit(number: int | None, unit: str) -> str:
    """A quantity with its unit in the right number: `1 boîte`, `12 boîtes`."""
    return "–" if number is None else f"{figure(number)} {units(number, unit)}"


@register.filter
def units(number: int, unit: str) -> str:
    """The word for so many of a unit."""
    words = {
        Unit.PIECE: ngettext("piece", "pieces", number),
        Unit.GRAM: ngettext("gram", "grams", number),
        Unit.MILLILITRE: ngettext("millilitre", "millilitres", number),
        Unit.KILO: ngettext("kilo", "kilos", number),
        Unit.LITRE: ngettext("litre", "litres", number),
        Unit.METRE: ngettext("metre", "metres", number),
        Unit.BOX: ngettext("box", "boxes", number),
        Unit.PAIR: ngettext("pair", "pairs", number),
        Unit.HOUR: ngettext("hour", "hours", number),
    }
    return words.get(Unit(unit), unit) if unit in Unit.values else unit
