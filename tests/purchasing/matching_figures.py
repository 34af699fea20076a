"""Precision and recall of the matching of needs on the labelled set beside this file."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from purchasing.rules.matching import cluster
from purchasing.rules.units import kind_of

SET = Path(__file__).with_name("matching_needs.csv")


@dataclass(frozen=True)
class Labelled:
    """One need as somebody would type it, with the group a buyer put it in."""

    group: str
    unit: str
    part: str
    text: str


@dataclass(frozen=True)
class Figures:
    """Pairwise: of the pairs put together, how many belong together, and of those that belong, how many were found.

    Per group: how many groups came out exactly as a buyer made them, nothing more and nothing less.
    """

    needs: int
    groups: int
    precision: float
    recall: float
    exact: float
    wrong: list[tuple[str, str]]
    missed: list[tuple[str, str]]


def labelled(part: str = "") -> list[Labelled]:
    """The set, or the part of it the rules were (`tune`) or were not (`check`) adjusted on."""
    with SET.open(encoding="utf-8", newline="") as file:
        rows = [Labelled(**row) for row in csv.DictReader(file)]
    return [row for row in rows if part in ("", row.part)]


def pairs(groups: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def figures(rows: Sequence[Labelled]) -> Figures:
    """Cluster the texts without their labels and compare."""
    truth: dict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        truth[row.group].append(position)
    found = cluster([row.text for row in rows], [kind_of(row.unit) for row in rows])
    wanted, got = pairs(list(truth.values())), pairs(found)
    exact = {frozenset(group) for group in truth.values()} & {frozenset(group) for group in found}
    name = lambda pair: (rows[pair[0]].text, rows[pair[1]].text)  # noqa: E731  # shorter than a function
    return Figures(
        len(rows),
        len(truth),
        len(wanted & got) / max(1, len(got)),
        len(wanted & got) / max(1, len(wanted)),
        len(exact) / len(truth),
        sorted(map(name, got - wanted)),
        sorted(map(name, wanted - got)),
    )
