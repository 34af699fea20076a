"""Boxes of tiers: a part of the problem in which some schemes may only reach some tiers."""

from collections.abc import Mapping

# Scheme → lowest and highest tier; lowest −1: it may stay unused. Schemes left out are free.
Box = dict[tuple[int, int], tuple[int, int]]
TOP = 99
FREE = (-1, TOP)


def within(box: Box, tiers: Mapping[tuple[int, int], int]) -> bool:
    """Whether an award is in the box; `tiers` names the schemes that deliver something, all others are unused."""
    return all(low <= tiers.get(scheme, -1) <= high for scheme, (low, high) in box.items())


def pack(box: Box) -> list[list[int]]:
    return [[i, g, low, high] for (i, g), (low, high) in box.items()]


def unpack(rows: list[list[int]]) -> Box:
    return {(i, g): (low, high) for i, g, low, high in rows}
