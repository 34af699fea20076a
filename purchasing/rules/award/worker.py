"""One HiGHS run in a process of its own: `python -m purchasing.rules.award.worker`.

Reads one JSON task from standard input; prints JSON lines: `{"bound"}` and `{"packs"}` while it improves, then
`{"end": "optimal|infeasible|stopped", "bound", "packs"}`. A process apart gives the solver time and memory limits that
hold, and keeps a crash of it away from the web server and the workers.
"""

import json
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from typing import Any

import highspy
import numpy as np

from purchasing.rules.award.instance import Instance, parse
from purchasing.rules.award.model import Model, build

Say = Callable[[dict[str, Any]], None]
NO_BOUND = 1e15
ENDS = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnboundedOrInfeasible: "infeasible",  # every column is bounded
}


def main() -> None:
    task = json.loads(sys.stdin.readline())
    with suppress(ValueError, OSError):  # not every system lets a process limit itself
        resource.setrlimit(resource.RLIMIT_DATA, (task["memory_bytes"], task["memory_bytes"]))
    start = {int(offer): count for offer, count in task["start"].items()}
    instance = parse(task["instance"])
    if task.get("tree"):
        _tree(instance, task)
    elif "members" in task:
        _members(instance, task)
    else:
        run(instance, task["options"], start, _say, tiers=task.get("tiers"), offers=task.get("offers"))


def _members(instance: Instance, task: dict[str, Any]) -> None:
    """Who takes part: one answer, with the members of it."""
    from purchasing.rules.award.participation import Member, with_members

    members = [Member({int(k): n for k, n in row["needs"].items()}, row["alone"]) for row in task["members"]]
    model, columns = with_members(instance, members)
    solver = highspy.Highs()
    for name, value in task["options"].items():
        solver.setOptionValue(name, value)
    solver.passModel(linear(model))
    solver.run()
    info = solver.getInfo()
    last: dict[str, Any] = {"end": ENDS.get(solver.getModelStatus(), "stopped"), "version": solver.version()}
    if info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible):
        values = list(solver.getSolution().col_value)
        last |= {"packs": model.packs(values), "members": [j for j, c in enumerate(columns) if values[c] > 0.5]}
        last["bound"] = info.mip_dual_bound if abs(info.mip_dual_bound) < NO_BOUND else None
    _say(last)


def _tree(instance: Instance, task: dict[str, Any]) -> None:
    """The search over tiers; what it hears comes in on standard input, a line each, until that is closed."""
    from purchasing.rules.award.boxes import unpack
    from purchasing.rules.award.tree import Tree

    heard: Queue[dict[str, Any] | None] = Queue()

    def listen() -> None:
        for line in sys.stdin:
            heard.put(json.loads(line))
        heard.put(None)

    def hear(seconds: float) -> dict[str, Any] | None:
        try:
            return heard.get(timeout=seconds) if seconds else heard.get_nowait()
        except Empty:
            return None

    Thread(target=listen, daemon=True).start()
    boxes = None if task["boxes"] is None else [(value, unpack(rows)) for value, rows in task["boxes"]]
    Tree(instance, task["options"], _say, hear, cost=task["cost"]).run(boxes)


def run(
    instance: Instance,
    options: dict[str, Any],
    start: dict[int, int],
    say: Say,
    tiers: list[list[int]] | None = None,
    offers: list[int] | None = None,
) -> None:
    """Solve once from the award `start` (may be empty), telling `say` every line described above.

    `tiers`, (supplier, scheme, tier) each, leaves the others out, `offers` too: a search for awards, whose bound says
    nothing.
    """
    model = build(instance)
    if tiers is not None:
        keep(model, instance, {(i, g, r) for i, g, r in tiers}, None if offers is None else set(offers) | set(start))
    if not model.cost:  # HiGHS has no verdict on a model without columns
        possible = not any(product.demand for product in instance.products)
        say(
            {
                "end": "optimal" if possible else "infeasible",
                "version": "",
                "bound": 0 if possible else None,
                "packs": {},
            }
        )
        return
    solver = highspy.Highs()
    for name, value in options.items():
        solver.setOptionValue(name, value)
    solver.passModel(linear(model))
    values = model.start(instance, start) if start else None
    if values is not None:
        solution = highspy.HighsSolution()
        solution.col_value = [float(v) for v in values]
        solver.setSolution(solution)
    _report(solver, model, say)
    solver.run()
    info = solver.getInfo()
    last: dict[str, Any] = {"end": ENDS.get(solver.getModelStatus(), "stopped"), "version": solver.version()}
    if info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible):
        last["packs"] = model.packs(list(solver.getSolution().col_value))
    last["bound"] = info.mip_dual_bound if abs(info.mip_dual_bound) < NO_BOUND else None
    say(last)


def keep(model: Model, instance: Instance, tiers: set[tuple[int, int, int]], offers: set[int] | None = None) -> None:
    """Close every tier but these, and every offer but these when they are named."""
    for key, column in model.y.items():
        if key not in tiers:
            model.upper[column] = 0
    for (index, tier), column in model.x.items():
        offer = instance.offers[index]
        if (offer.supplier, offer.scheme, tier) not in tiers or (offers is not None and index not in offers):
            model.upper[column] = 0


def linear(model: Model) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    columns, rows = len(model.cost), len(model.row_lower)
    lp.num_col_, lp.num_row_ = columns, rows
    lp.col_cost_ = np.array(model.cost, dtype=np.double)
    lp.col_lower_ = np.zeros(columns)
    lp.col_upper_ = np.array(model.upper, dtype=np.double)
    lp.row_lower_ = np.array(model.row_lower, dtype=np.double)
    lp.row_upper_ = np.array(model.row_upper, dtype=np.double)
    lp.integrality_ = [highspy.HighsVarType.kInteger] * columns
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = columns, rows
    lp.a_matrix_.start_ = np.array(model.starts, dtype=np.int32)
    lp.a_matrix_.index_ = np.array(model.index, dtype=np.int32)
    lp.a_matrix_.value_ = np.array(model.value, dtype=np.double)
    return lp


def _report(solver: highspy.Highs, model: Model, say: Say) -> None:
    """Say every better award and bound at once, so that a run that must be killed leaves what it found."""
    said = [0.0]

    def improved(event: Any) -> None:
        say({"packs": model.packs(list(event.data_out.mip_solution))})

    def progress(event: Any) -> None:
        bound = event.data_out.mip_dual_bound
        if said[0] < bound < NO_BOUND:
            said[0] = bound
            say({"bound": bound})

    solver.cbMipImprovingSolution += improved
    solver.cbMipLogging += progress


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
