"""Labels beside the ends of lines in a chart."""

from itertools import pairwise


def apart(heights: list[int], *, most: int, gap: int = 15) -> list[int]:
    """The heights of labels, moved as little as it takes for none to touch another; none below `most`.

    >>> apart([40, 42, 100, 41], most=200)
    [40, 70, 100, 55]
    >>> apart([195, 190], most=200)
    [200, 185]
    """
    order = sorted(range(len(heights)), key=lambda n: (heights[n], n))
    moved = list(heights)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    limit = most
    for n in reversed(order):
        moved[n] = min(moved[n], limit)
        limit = moved[n] - gap
    return moved
