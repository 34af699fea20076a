"""Units a price list may use, and exact conversion between those that measure the same. Integers only."""

from dataclasses import dataclass

# unit → (what it measures, how many of the smallest)
MEASURES: dict[str, tuple[str, int]] = {
    "gram": ("mass", 1), "kilo": ("mass", 1_000), "millilitre": ("volume", 1), "litre": ("volume", 1_000),
    "piece": ("piece", 1), "box": ("box", 1), "pair": ("pair", 1), "metre": ("length", 1), "hour": ("time", 1),
}  # fmt: skip
WORDS: dict[str, str] = {
    **dict.fromkeys(["piece", "pieces", "pce", "pces", "pc", "pcs", "u", "un", "unite", "unites", "p"], "piece"),
    **dict.fromkeys(["g", "gr", "gramme", "grammes", "gram", "grams"], "gram"),
    **dict.fromkeys(["kg", "kgs", "kilo", "kilos", "kilogramme"], "kilo"),
    **dict.fromkeys(["ml", "millilitre", "millilitres"], "millilitre"),
    **dict.fromkeys(["l", "lt", "litre", "litres", "liter"], "litre"),
    **dict.fromkeys(["m", "metre", "metres", "mtr"], "metre"),
    **dict.fromkeys(["boite", "boites", "bte", "bt", "box", "boxes"], "box"),
    **dict.fromkeys(["paire", "paires", "pr", "pair", "pairs"], "pair"),
    **dict.fromkeys(["h", "heure", "heures", "hour", "hours"], "hour"),
}
PACK = "pack"
PACK_WORDS = frozenset({"colis", "carton", "cartons", "pack", "lot", "conditionnement", "pcb", "uv", "crt"})
HUNDRED_WORDS = {"cent": 100, "100": 100, "c": 100, "mille": 1_000, "1000": 1_000, "mil": 1_000}


@dataclass(frozen=True, slots=True)
class Base:
    """What a price is for: so many of a unit, or of a pack."""

    count: int = 1
    unit: str = ""  # blank = the article's own; PACK = one pack


def convert(quantity: int, source: str, target: str, *, pack: int = 1) -> int | None:
    """A quantity in another unit, None when it does not come out whole or measures something else.

    >>> convert(2, "kilo", "gram"), convert(1_500, "gram", "kilo"), convert(3, "pack", "piece", pack=12)
    (2000, None, 36)
    """
    if source == PACK:
        return quantity * pack
    (kind, many), (other, fewer) = MEASURES[source], MEASURES[target]
    if kind != other or (quantity * many) % fewer:
        return None
    return quantity * many // fewer


def alike(unit: str) -> list[str]:
    """The units that measure the same.

    >>> alike("kilo")
    ['gram', 'kilo']
    """
    return [other for other, (kind, _many) in MEASURES.items() if kind == MEASURES[unit][0]]


def kind_of(unit: str) -> str:
    """What a unit measures: needs of one kind turn into each other.

    >>> kind_of("gram") == kind_of("kilo"), kind_of("piece")
    (True, 'piece')
    """
    return MEASURES[unit][0] if unit in MEASURES else unit


COUNTED = frozenset({"piece", "pair", "box"})  # what an article of known weight may be counted in


def factor(source: str, target: str, *, pack: int = 1, grams: int | None = None) -> tuple[int, int] | None:
    """How many `target` one `source` is, as a fraction; None when they measure different things.

    `pack` is what one pack of the article holds, `grams` what one piece of it weighs.

    >>> factor("kilo", "gram"), factor("pack", "piece", pack=12), factor("kilo", "piece", grams=250), factor("kilo", "litre")
    ((1000, 1), (12, 1), (1000, 250), None)
    """
    if source == target:
        return 1, 1
    if source == PACK:
        return pack, 1
    (kind, many), (other, fewer) = MEASURES[source], MEASURES[target]
    if kind == other:
        return many, fewer
    if grams and kind == "mass" and target in COUNTED:
        return many, grams
    if grams and source in COUNTED and other == "mass":
        return grams, fewer
    return None


def recount(
    quantity: int, price_e4: int | None, source: str, target: str, *, pack: int = 1, grams: int | None = None
) -> tuple[int, int | None] | None:
    """A quantity with the price of one unit, counted in another unit; None when the quantity does not come out whole.

    The amount stays what it was but for the rounding of the price to a ten-thousandth of a euro.

    >>> recount(3, 450_000, "pack", "piece", pack=12), recount(2, 125_000, "kilo", "gram"), recount(1, None, "gram", "kilo")
    ((36, 37500), (2000, 125), None)
    """
    found = factor(source, target, pack=pack, grams=grams)
    if found is None or (quantity * found[0]) % found[1]:
        return None
    top, bottom = found
    price = None if price_e4 is None else (2 * price_e4 * bottom + top) // (2 * top)
    return quantity * top // bottom, price


def unit_price(price_e4: int, base: Base, unit: str, *, pack: int = 1) -> int | None:
    """The price of one `unit`, in ten-thousandths, from a price for a base; half up. None when they do not convert.

    >>> unit_price(120_000, Base(100), "piece"), unit_price(36_000, Base(1, "kilo"), "gram")
    (1200, 36)
    """
    if base.unit == PACK:
        top, bottom = 1, base.count * pack
    elif not base.unit:
        top, bottom = 1, base.count
    else:
        (kind, many), (other, fewer) = MEASURES[base.unit], MEASURES[unit]
        if kind != other:
            return None
        top, bottom = fewer, base.count * many
    return (2 * price_e4 * top + bottom) // (2 * bottom)


def change_bp(was_e4: int, now_e4: int) -> int:
    """How much a price changed, in basis points, rounded half up.

    >>> change_bp(10_000, 10_300), change_bp(10_000, 9_700)
    (300, -300)
    """
    difference = now_e4 - was_e4
    return (2 * abs(difference) * 10_000 + was_e4) // (2 * was_e4) * (1 if difference >= 0 else -1)
