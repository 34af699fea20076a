"""The word for a unit in the right number."""

from django.utils.translation import ngettext

from purchasing.models import Unit


def units(number: int, unit: str) -> str:
    """The word for so many of a unit. Lists ask for thousands: only the one word is looked up."""
    match unit:
        case Unit.PIECE:
            return ngettext("piece", "pieces", number)
        case Unit.GRAM:
            return ngettext("gram", "grams", number)
        case Unit.MILLILITRE:
            return ngettext("millilitre", "millilitres", number)
        case Unit.KILO:
            return ngettext("kilo", "kilos", number)
        case Unit.LITRE:
            return ngettext("litre", "litres", number)
        case Unit.METRE:
            return ngettext("metre", "metres", number)
        case Unit.BOX:
            return ngettext("box", "boxes", number)
        case Unit.PAIR:
            return ngettext("pair", "pairs", number)
        case Unit.HOUR:
            return ngettext("hour", "hours", number)
    return unit
