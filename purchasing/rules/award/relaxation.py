"""The linear relaxation of the award with most of its rows waiting: only those a solution breaks are added.

The tight rows (constraint 2) are most of a large model and most of them never bind; the rounding rows are many and few
of them ever bind. Whatever rows are in, the problem solved has fewer rows than the award, so its value is a bound.
"""

from itertools import chain
from typing import Any

import highspy
import numpy as np

from purchasing.rules.award.instance import Instance
from purchasing.rules.award.limits import limit_rows
from purchasing.rules.award.model import Model
from purchasing.rules.award.rounding import rounding_rows

BROKEN = 1e-5
# What a solution in floating point may promise too much, as a part of the bound.
BLUR = 1e-7
MOST_ROUNDS = 100


class Relaxation:
    """`solve` gives value and columns under bounds that may be moved; rows once added stay."""

    def __init__(self, instance: Instance, model: Model, options: dict[str, Any]) -> None:
        self.model, self.options = model, options
        tight = set(model.tight)
        self._base = [row for row in range(len(model.row_lower)) if row not in tight]
        self.position = {row: at for at, row in enumerate(self._base)}
        self.solver = self._solver()
        self.solver.passModel(relaxed(model, self._base))
        self._waiting(instance, model)

    def _solver(self) -> highspy.Highs:
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        for name in ("threads", "random_seed", "time_limit"):
            solver.setOptionValue(name, self.options[name])
        return solver

    def begin(self) -> tuple[float, Any] | None:
        """Solve once with every tight row, then go on with those that bind: the same solution, a smaller problem."""
        whole = self._solver()
        whole.setOptionValue("presolve", "off")  # without a presolve the solution comes with a basis to go on from
        whole.passModel(relaxed(self.model, [*self._base, *self.model.tight]))
        whole.run()
        self.status = whole.getModelStatus()
        if self.status != highspy.HighsModelStatus.kOptimal:
            return None
        basis = whole.getBasis()
        statuses = list(basis.row_status)
        basic, first = highspy.HighsBasisStatus.kBasic, len(self._base)
        binding = [at for at, status in enumerate(statuses[first:]) if status != basic]
        if binding:
            self._add(np.array(binding))
        hot = highspy.HighsBasis()
        hot.col_status = list(basis.col_status)
        # x − a y ≤ 0 at its upper side is a y − x ≥ 0 at its lower one
        hot.row_status = [*statuses[:first], *[highspy.HighsBasisStatus.kLower] * len(binding)]
        hot.valid = True
        self.solver.setBasis(hot)
        return self.run()

    def _waiting(self, instance: Instance, model: Model) -> None:
        """Every waiting row as `terms ≥ low`, flat: columns and values of row i from start i to start i + 1."""
        starts, columns, values, lows = [0], [], [], []
        for row in model.tight:
            at = model.starts[row]
            columns += [model.index[at], model.index[at + 1]]
            values += [-1, -model.value[at + 1]]
            starts.append(len(columns))
            lows.append(0)
        self.tight = len(lows)
        for terms, low in chain(rounding_rows(instance, model), limit_rows(instance, model)):
            columns += terms
            values += terms.values()
            starts.append(len(columns))
            lows.append(low)
        self._starts = np.array(starts)
        self._columns, self._values = np.array(columns, dtype=np.int32), np.array(values, dtype=np.double)
        self._lows = np.array(lows, dtype=np.double)
        self._rows = np.repeat(np.arange(len(lows)), np.diff(self._starts))
        squares = np.bincount(self._rows, self._values**2, len(lows)) if lows else np.zeros(0)
        self._length = np.sqrt(np.maximum(squares, 1.0))
        self._out = np.ones(len(lows), dtype=bool)

    def run(self) -> tuple[float, Any] | None:
        """Solve once with the rows there are: value and columns; None when that is impossible or was not finished."""
        self.solver.run()
        self.status = self.solver.getModelStatus()
        if self.status != highspy.HighsModelStatus.kOptimal:
            return None
        return self.solver.getInfo().objective_function_value, np.array(self.solver.getSolution().col_value)

    def tighten(self, values: Any) -> int:
        """Add the waiting rows that `values` breaks; how many."""
        if not len(self._lows):
            return 0
        reached = np.bincount(self._rows, self._values * values[self._columns], len(self._lows))
        broken = np.nonzero(self._out & (self._lows - reached > BROKEN * self._length))[0]
        if len(broken):
            self._add(broken)
        return len(broken)

    def _add(self, rows: Any) -> None:
        self._out[rows] = False
        lengths = self._starts[rows + 1] - self._starts[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        at = np.repeat(self._starts[rows] - starts[:-1], lengths) + np.arange(starts[-1])
        never = np.full(len(rows), highspy.kHighsInf)
        self.solver.addRows(
            len(rows),
            self._lows[rows],
            never,
            len(at),
            starts[:-1].astype(np.int32),
            self._columns[at],
            self._values[at],
        )

    def added_rounding(self) -> tuple[Any, Any, Any, Any]:
        """The rounding rows that were ever needed: lows, starts, columns, values."""
        rows = self.tight + np.nonzero(~self._out[self.tight :])[0]
        lengths = self._starts[rows + 1] - self._starts[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        at = np.repeat(self._starts[rows] - starts[:-1], lengths) + np.arange(starts[-1])
        return self._lows[rows], starts[:-1].astype(np.int32), self._columns[at], self._values[at]


def relaxed(model: Model, rows: list[int]) -> highspy.HighsLp:
    """The linear problem with some of the rows, columns not whole."""
    lp = highspy.HighsLp()
    columns = len(model.cost)
    starts = np.array(model.starts)
    chosen = np.array(rows, dtype=np.int64)
    lengths = starts[chosen + 1] - starts[chosen]
    first = np.concatenate([[0], np.cumsum(lengths)])
    at = np.repeat(starts[chosen] - first[:-1], lengths) + np.arange(first[-1])
    lp.num_col_, lp.num_row_ = columns, len(rows)
    lp.col_cost_ = np.array(model.cost, dtype=np.double)
    lp.col_lower_ = np.zeros(columns)
    lp.col_upper_ = np.array(model.upper, dtype=np.double)
    lp.row_lower_ = np.array(model.row_lower, dtype=np.double)[chosen]
    lp.row_upper_ = np.array(model.row_upper, dtype=np.double)[chosen]
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = columns, len(rows)
    lp.a_matrix_.start_ = first.astype(np.int32)
    lp.a_matrix_.index_ = np.array(model.index, dtype=np.int32)[at]
    lp.a_matrix_.value_ = np.array(model.value, dtype=np.double)[at]
    return lp
