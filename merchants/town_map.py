"""A light map of the shops as SVG numbers: what the list says, seen from above. Pure, no tiles, no third party."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH, MARGIN, LEAST_SPAN = 640, 28, 0.012
RIVER = [(45.0395, 5.0270), (45.0415, 5.0390), (45.0428, 5.0500), (45.0440, 5.0610), (45.0480, 5.0740)]  # the Isère


@dataclass(frozen=True)
class Dot:
    """One shop: where it stands in the picture, its merchant, its words."""

    x: float
    y: float
    merchant: int
    label: str


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

    dots = [Dot(*place(lat, lon), merchant, label) for lat, lon, merchant, label in rows]
    return TownMap(WIDTH, height, dots, " ".join("{},{}".format(*place(*point)) for point in RIVER))
