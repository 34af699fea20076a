"""A light map of the shops as SVG numbers: what the list says, seen from above. Pure, no tiles, no third party."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

WIDTH, MARGIN, LEAST_SPAN = 640, 28, 0.012
LETTER, LINE, RADIUS, NAMED = 6.4, 14, 11, 60  # of a name in the picture; with more shops only the numbers stand there
RIVER = [(45.0395, 5.0270), (45.0415, 5.0390), (45.0428, 5.0500), (45.0440, 5.0610), (45.0480, 5.0740)]  # the Isère


@dataclass(frozen=True)
class Dot:
    """One shop: its number, where it stands in the picture, its merchant, its name, and where that is written if it fits."""

    number: int
    x: float
    y: float
    merchant: int
    label: str
    name_x: float | None = None
    name_y: float | None = None


@dataclass(frozen=True)
class TownMap:
    """The picture: its size, its dots, the river as points of a polyline."""

    width: int
    height: int
    dots: list[Dot]
    river: str


def draw(shops: Iterable[tuple[float, float, int, str]]) -> TownMap | None:
    """Place shops (latitude, longitude, merchant, label) in a picture that holds them all; None without any.

    >>> draw([])
    >>> town = draw([(45.05, 5.04, 1, "A"), (45.04, 5.06, 2, "B")])
    >>> town.dots[0].x < town.dots[1].x and town.dots[0].y < town.dots[1].y
    True
    """
    rows = list(shops)
    if not rows:
        return None
    lats, lons = [row[0] for row in rows], [row[1] for row in rows]
    squeeze = math.cos(math.radians(sum(lats) / len(lats)))
    span_x = max((max(lons) - min(lons)) * squeeze, LEAST_SPAN)
    span_y = max(max(lats) - min(lats), LEAST_SPAN / 2)
    scale = (WIDTH - 2 * MARGIN) / span_x
    height = round(min(span_y * scale, WIDTH) + 2 * MARGIN)
    fit = min(scale, (height - 2 * MARGIN) / span_y)

    def place(lat: float, lon: float) -> tuple[float, float]:
        x = MARGIN + (lon - min(lons)) * squeeze * fit
        return round(x, 1), round(MARGIN + (max(lats) - lat) * fit, 1)

    dots = [
        Dot(number, *place(lat, lon), merchant, label)
        for number, (lat, lon, merchant, label) in enumerate(rows, start=1)
    ]
    river = " ".join("{},{}".format(*place(*point)) for point in RIVER)
    return TownMap(WIDTH, height, _named(dots, height) if len(dots) <= NAMED else dots, river)


Box = tuple[float, float, float, float]  # left, top, right, bottom


def _named(dots: list[Dot], height: int) -> list[Dot]:
    """The dots with their names written beside, above or below them, where no dot and no other name is in the way."""
    taken: list[Box] = [(dot.x - RADIUS, dot.y - RADIUS, dot.x + RADIUS, dot.y + RADIUS) for dot in dots]
    named = []
    for dot in dots:
        width = len(dot.label) * LETTER
        beside, middle = RADIUS + 3, dot.x - width / 2
        for left, base in (
            (dot.x + beside, dot.y + 4), (dot.x - beside - width, dot.y + 4), (middle, dot.y - beside),
            (middle, dot.y + beside + 10),
        ):  # fmt: skip
            box = (left, base - LINE + 3, left + width, base + 3)
            if box[0] > 2 and box[1] > 2 and box[2] < WIDTH - 2 and box[3] < height - 2 and _free(box, taken):
                taken.append(box)
                dot = replace(dot, name_x=round(left, 1), name_y=round(base, 1))
                break
        named.append(dot)
    return named


def _free(box: Box, taken: Iterable[Box]) -> bool:
    return not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
    )
