"""Whole packs: how many, and what is missing to the next one."""

from collections.abc import Iterable
from dataclasses import dataclass


def round_up(quantity: int, pack: int) -> int:
    """The smallest multiple of `pack` that holds `quantity`.

    >>> round_up(33, 12)
    36
    """
    return -(-quantity // pack) * pack


def round_down(quantity: int, pack: int) -> int:
    """The largest multiple of `pack` within `quantity`.

    >>> round_down(33, 12)
    24
    """
    return quantity // pack * pack


@dataclass(frozen=True, slots=True)
class PackFill:
    quantity: int
    packs: int
    waiting: int
    missing: int


def pack_fill(sizes: Iterable[tuple[int, int]], pack: int) -> PackFill:
    """Fill crates from several retail sizes, `(pieces, units in one piece)`: full packs, what waits, what is missing.

    >>> pack_fill([(2, 1), (1, 5)], 10)
    PackFill(quantity=7, packs=0, waiting=7, missing=3)
    """
    quantity = sum(pieces * size for pieces, size in sizes)
    packs, waiting = divmod(quantity, pack)
    return PackFill(quantity, packs, waiting, pack - waiting if waiting else 0)
