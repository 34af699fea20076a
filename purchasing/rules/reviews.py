"""Averages of reviews: every company counts once, and nothing is shown of too few."""

from collections.abc import Iterable, Mapping

LEAST = 3  # companies behind an average


def mean_tenths(scores: Mapping[int, Iterable[int]]) -> int | None:
    """The mean in tenths of the companies' own means, rounded half up; None with fewer than three companies.

    >>> mean_tenths({1: [5, 5, 5, 5], 2: [2], 3: [2]}), mean_tenths({1: [5], 2: [4]})
    (30, None)
    """
    means = [(sum(marks), len(marks)) for given in scores.values() if (marks := list(given))]
    if len(means) < LEAST:
        return None
    # Σ(sum/count)/n over a common denominator: integers only.
    common = 1
    for _total, count in means:
        common *= count
    tenths = sum(10 * total * (common // count) for total, count in means)
    whole = common * len(means)
    return (2 * tenths + whole) // (2 * whole)
