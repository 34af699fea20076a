"""The word for a unit in the right number."""

from django.utils.translation import ngettext

from purchasing.models import Unit


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
