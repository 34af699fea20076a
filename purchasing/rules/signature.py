"""A signature drawn on a screen: only numbers come in, and the drawing made of them is ours."""

from collections.abc import Sequence
from itertools import pairwise

from purchasing.rules.errors import RuleError

WIDTH, HEIGHT = 600, 240
MOST_POINTS = 5_000
LEAST_INK = 40  # a dot is no signature
Strokes = Sequence[Sequence[tuple[int, int]]]


def _wrong() -> RuleError:
    return RuleError("signature_invalid", "Sign in the box.", "signature")


def read(value: object) -> list[list[tuple[int, int]]]:
    """Strokes from decoded JSON: lists of [x, y] whole numbers on the pad. Anything else is refused."""
    if not isinstance(value, list) or not 0 < len(value) <= 200:
        raise _wrong()
    strokes = []
    for stroke in value:
        if not isinstance(stroke, list) or not stroke:
            raise _wrong()
        strokes.append([_point(point) for point in stroke])
    if sum(len(stroke) for stroke in strokes) > MOST_POINTS:
        raise _wrong()
    return strokes


def _point(value: object) -> tuple[int, int]:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or any(isinstance(n, bool) or not isinstance(n, int) for n in value)
        or not (0 <= value[0] <= WIDTH and 0 <= value[1] <= HEIGHT)
    ):
        raise _wrong()
    return value[0], value[1]


def ink(strokes: Strokes) -> int:
    """The length of what was drawn, each step by its longer side."""
    return sum(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for stroke in strokes for a, b in pairwise(stroke))


def drawing(strokes: Strokes) -> str:
    """The signature as SVG, black on white.

    >>> drawing([[(0, 0), (60, 30)]])[-66:]
    'd="M0 0L60 30" fill="none" stroke="#1c2530" stroke-width="3"/></svg>'
    """
    if ink(strokes) < LEAST_INK:
        raise _wrong()
    path = "".join(("M" if n == 0 else "L") + f"{x} {y}" for stroke in strokes for n, (x, y) in enumerate(stroke))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<path d="{path}" fill="none" stroke="#1c2530" stroke-width="3"/></svg>'
    )
