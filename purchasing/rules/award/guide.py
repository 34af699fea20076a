"""For problems too large to solve: the relaxation by rows, its bound as it grows, and the tiers it would use.

The tight rows (constraint 2) are most of a large model and most of them never bind. The relaxation begins without them
and adds only those that the last solution breaks; every round is a relaxation of the whole, so its value is a bound.
"""

from collections.abc import Callable
from typing import Any

import highspy
import numpy as np

from purchasing.rules.award.instance import Instance
from purchasing.rules.award.model import Model, build

Say = Callable[[dict[str, Any]], None]
MOST_ROUNDS = 100
BROKEN = 1e-5
# What a solution in floating point may promise too much, as a part of the bound.
BLUR = 1e-7
# A supplier that the relaxation uses less than this keeps its first tier; each figure gives one guess.
USED = (0.3, 0.05, 0.5)


def guide(instance: Instance, options: dict[str, Any], say: Say) -> None:
    """Tell `{"bound"}` and `{"tiers", "support"}` round by round, then `{"end": "stopped"}`: it proves no award."""
    model = build(instance)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    for name in ("threads", "random_seed", "time_limit"):
        solver.setOptionValue(name, options[name])
    tight = set(model.tight)
    solver.passModel(_rows(model, [row for row in range(len(model.row_lower)) if row not in tight]))
    packs, active, limits = _tight(model)
    waiting = np.ones(len(packs), dtype=bool)
    end = "stopped"
    for _round in range(MOST_ROUNDS):
        solver.run()
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            end = "infeasible"
        if status != highspy.HighsModelStatus.kOptimal:
            break
        values = np.array(solver.getSolution().col_value)
        value = solver.getInfo().objective_function_value
        say({"bound": value - BLUR * abs(value), **_tiers(instance, model, values)})
        broken = np.nonzero(waiting & (values[packs] - limits * values[active] > BROKEN * np.maximum(1, limits)))[0]
        if not len(broken):
            break
        waiting[broken] = False
        _add(solver, packs[broken], active[broken], limits[broken])
    say({"end": end, "version": solver.version()})


def _tight(model: Model) -> tuple[Any, Any, Any]:
    """Packs column, tier column and limit of every tight row."""
    first = [model.starts[row] for row in model.tight]
    packs = np.array([model.index[at] for at in first], dtype=np.int64)
    active = np.array([model.index[at + 1] for at in first], dtype=np.int64)
    return packs, active, np.array([-model.value[at + 1] for at in first], dtype=np.double)


def _add(solver: highspy.Highs, packs: Any, active: Any, limits: Any) -> None:
    count = len(packs)
    index = np.empty(2 * count, dtype=np.int32)
    index[0::2], index[1::2] = packs, active
    value = np.ones(2 * count)
    value[1::2] = -limits
    starts = np.arange(0, 2 * count, 2, dtype=np.int32)
    solver.addRows(count, np.full(count, -highspy.kHighsInf), np.zeros(count), 2 * count, starts, index, value)


def _tiers(instance: Instance, model: Model, values: Any) -> dict[str, Any]:
    """Guesses at the tier of each scheme, scheme after scheme, and every tier the relaxation uses at all."""
    guesses: list[list[int]] = [[] for _ in USED]
    support = []
    for i, supplier in enumerate(instance.suppliers):
        used = values[model.w[i]] if i in model.w else 0.0
        for g, scheme in enumerate(supplier.schemes):
            weights = [values[model.y[i, g, r]] if (i, g, r) in model.y else -1.0 for r in range(len(scheme.starts))]
            for guess, least in zip(guesses, USED, strict=True):
                guess.append(int(np.argmax(weights)) if used > least else 0)
            support += [[i, g, r] for r, weight in enumerate(weights) if weight > BROKEN]
    return {"tiers": guesses, "support": support}


def _rows(model: Model, rows: list[int]) -> highspy.HighsLp:
    """The relaxation with some of the rows."""
    lp = highspy.HighsLp()
    columns = len(model.cost)
    starts, index, value = [0], [], []
    for row in rows:
        index += model.index[model.starts[row] : model.starts[row + 1]]
        value += model.value[model.starts[row] : model.starts[row + 1]]
        starts.append(len(index))
    lp.num_col_, lp.num_row_ = columns, len(rows)
    lp.col_cost_ = np.array(model.cost, dtype=np.double)
    lp.col_lower_ = np.zeros(columns)
    lp.col_upper_ = np.array(model.upper, dtype=np.double)
    lp.row_lower_ = np.array([model.row_lower[r] for r in rows], dtype=np.double)
    lp.row_upper_ = np.array([model.row_upper[r] for r in rows], dtype=np.double)
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = columns, len(rows)
    lp.a_matrix_.start_ = np.array(starts, dtype=np.int32)
    lp.a_matrix_.index_ = np.array(index, dtype=np.int32)
    lp.a_matrix_.value_ = np.array(value, dtype=np.double)
    return lp
