"""The cheapest award and what is proven about it: local search, then the solver on the tight model, then a judge.

Safeguards: every cost comes from the exact evaluator; the best of all answers is kept; small problems are solved a
second time without presolve, and "optimal" is said only when every solve proves a gap below one cent. A solver that
contradicts an award in hand is logged and not believed.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, inf
from random import Random
from threading import Lock
from typing import Any

from purchasing.rules.award import highs, reasons
from purchasing.rules.award.bound import floor_cents
from purchasing.rules.award.evaluate import Evaluation, delivering, evaluate
from purchasing.rules.award.instance import Instance, dump
from purchasing.rules.award.local_search import Search
from purchasing.rules.award.model import build
from purchasing.rules.award.reasons import Reason
from purchasing.rules.award.sizes import BUY_COLUMNS, SECOND_SOLVE_COLUMNS

logger = logging.getLogger(__name__)

OPTIMAL, FEASIBLE, INFEASIBLE, UNKNOWN = "optimal", "feasible", "infeasible", "unknown"
FIRST_ANSWER_SECONDS = 1.5
# From here on whole packs at given tiers take seconds: one processor buys them, the other one searches over tiers.
LARGE_COLUMNS = BUY_COLUMNS
# Packs bought anew at given tiers are proven within this in seconds; less time than that is not worth a start.
REFINE_GAP, REFINE_SECONDS = 2e-4, 5.0
GRACE_SECONDS = 1.0
SEED = 7

TICK_SECONDS = 0.5
# A search over tiers gives boxes away when the other one is ahead by this part of what is left to prove.
AHEAD = 0.15

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Result:
    """`packs` maps offer index → packs. `proof` says how the claim was reached, to be kept with the award."""

    status: str
    seconds: float
    packs: Mapping[int, int] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    bound_cents: int | None = None
    reason: Reason | None = None
    proof: Mapping[str, Any] = field(default_factory=dict)

    @property
    def gap(self) -> float | None:
        """How much cheaper, as a part of the cost, another award could be at most."""
        if self.evaluation is None or self.bound_cents is None:
            return None
        cost = self.evaluation.cost_cents
        return round((cost - self.bound_cents) / cost, 6) if cost else 0.0


@dataclass(slots=True)
class Incumbent:
    """The cheapest legal award so far, whoever found it."""

    instance: Instance
    on_better: Callable[[int, Mapping[int, int]], None] | None = None
    packs: dict[int, int] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    _lock: Lock = field(default_factory=Lock)  # two solves may answer at the same time

    def cost(self) -> int | None:
        return self.evaluation.cost_cents if self.evaluation else None

    def offer(self, packs: Mapping[int, int]) -> None:
        result = evaluate(self.instance, packs)
        if not isinstance(result, Evaluation):
            logger.warning("award: an answer breaks %s and is not used", result.rule)
            return
        with self._lock:
            if self.evaluation is None or result.cost_cents < self.evaluation.cost_cents:
                self.packs, self.evaluation = {o: n for o, n in packs.items() if n}, result
                if self.on_better:
                    self.on_better(result.cost_cents, self.packs)


@dataclass(slots=True)
class Watch:
    """What a long solve is told and tells: when to stop, an award known before, how far it is. Called about twice a second.

    `on_progress` gets the cost of the best award (None before the first) and the bound, both as the instance counts money.
    """

    stop: Callable[[], bool] = lambda: False
    on_progress: Callable[[int | None, int], None] = lambda cost, bound: None
    known: Mapping[int, int] = field(default_factory=dict)


def solve(
    instance: Instance,
    *,
    seconds: float = 60.0,
    on_better: Callable[[int, Mapping[int, int]], None] | None = None,
    clock: Clock = time.monotonic,
    watch: Watch | None = None,
) -> Result:
    """Return the best award found in about `seconds`, with a lower bound; never an exception on a checked instance."""
    watch = watch or Watch()
    began = clock()
    if reason := reasons.product_reason(instance):
        return Result(INFEASIBLE, clock() - began, reason=reason, proof={"by": "arithmetic"})
    floor = floor_cents(instance)
    best = Incumbent(instance, on_better)
    if watch.known:
        best.offer(watch.known)
    search = Search(instance, clock, clock() + min(FIRST_ANSWER_SECONDS, seconds / 3), best.offer)
    search.run(Random(SEED))  # noqa: S311 — moves of a search, no secret
    if best.evaluation is not None and best.evaluation.cost_cents == floor:
        proof = {"by": "arithmetic"}
        return Result(OPTIMAL, clock() - began, best.packs, best.evaluation, floor, proof=proof)
    columns = len(build(instance).cost)
    runs = _Solving(best, search, columns, floor, began + seconds, clock, watch).run()
    return judge(instance, best, runs, floor, columns, began, seconds, clock)


def prove(instance: Instance, *, seconds: float, clock: Clock = time.monotonic) -> Result:
    """The solver's word alone on a small problem, with and without presolve: no search before it, no search over tiers."""
    began = clock()
    if reason := reasons.product_reason(instance):
        return Result(INFEASIBLE, clock() - began, reason=reason, proof={"by": "arithmetic"})
    best, columns, floor = Incumbent(instance), len(build(instance).cost), floor_cents(instance)
    if columns >= SECOND_SOLVE_COLUMNS:
        return Result(UNKNOWN, clock() - began, reason=reasons.UNDECIDED, bound_cents=floor)
    search = Search(instance, clock, began)
    runs = _Solving(best, search, columns, floor, began + seconds, clock, Watch()).run()
    return judge(instance, best, runs, floor, columns, began, seconds, clock)


@dataclass(slots=True)
class _Solving:
    """Small problems are solved with and without presolve: side by side where there are processors. Others over tiers."""

    best: Incumbent
    search: Search
    columns: int
    floor: int
    until: float
    clock: Clock
    watch: Watch
    runs: list[highs.Run] = field(default_factory=list)
    _told: float = 0.0
    _refined: float = inf  # the cost of the search's award that was refined last
    _dived: int = 0  # how many dives were refined
    _known: int | None = None  # the cost the runs were told last
    _stopped: bool = False
    _asked: highs.Run | None = None  # whoever was asked to share and has not

    def run(self) -> list[highs.Run]:
        together = (os.cpu_count() or 1) > 1
        try:
            if self.columns >= SECOND_SOLVE_COLUMNS:
                self._over_tiers()
                return self.runs
            self._start("choose")
            if together:
                self._start("off")
            self._wait()
            if not together and not self._stopped:
                self._start("off")
                self._wait()
        finally:
            for run in self.runs:
                run.stop()
        return self.runs

    def _start(
        self, presolve: str, *, packs: Mapping[int, int] | None = None, gap: float = 0.0, **how: Any
    ) -> highs.Run:
        left = max(0.1, self.until - self.clock())
        data = dump(self.best.instance)
        extra = {"mip_abs_gap": 0.5 * self.best.instance.scale, "mip_rel_gap": gap}
        packs = packs or self.best.packs or None
        run = highs.start(
            data, presolve=presolve, seconds=left, packs=packs, on_packs=self.best.offer, extra=extra, **how
        )
        self.runs.append(run)
        return run

    def _over_tiers(self) -> None:
        """The search over tiers, in two processes; on large problems the second one buys whole packs instead."""
        self._known = self.best.cost()
        first = self._start("choose", tree={"boxes": None, "cost": self._known})
        if self.columns >= LARGE_COLUMNS:
            self.search.deadline = self.until
            self.search.enough = lambda: self._beside() or first.ended() or bool(first.dives)
            self.search.resume(Random(SEED))  # noqa: S311  # a search to be repeated, no secret
        elif (os.cpu_count() or 1) > 1:
            self._start("choose", tree={"boxes": [], "cost": self._known})
        while not self._beside() and self.clock() < self.until + GRACE_SECONDS:
            self._balance()
            busy = [run for run in self.runs if not run.ended()]
            if not busy:
                break
            busy[0].wait(TICK_SECONDS / 5)

    def _beside(self) -> bool:
        """What is done now and then while the search over tiers runs; whether somebody says stop."""
        packs = self.best.packs
        found = evaluate(self.best.instance, packs) if packs and self.best.cost() != self._known else None
        if isinstance(found, Evaluation):
            self._known = found.cost_cents
            line = {"cost": self._known, "tiers": delivering(self.best.instance, packs, found.orders)}
            for run in self.runs:
                if run.tree:
                    run.tell(line)
        self._refine()
        return self._tick()

    def _balance(self) -> None:
        """Let the search that is behind give boxes to the one ahead; let all end when none has any left."""
        trees = [run for run in self.runs if run.tree and not run.ended()]
        for run in trees:
            others = [other for other in trees if other is not run]
            while run.shared and others:
                others[0].give(run.shared[0])
                run.shared.pop(0)
                self._asked = None
        if all(run.idle and not run.shared for run in trees):
            for run in trees:
                run.finish()
        if self._asked is not None and (self._asked.idle or self._asked.ended()):
            self._asked = None
        if len(trees) < 2 or self._asked is not None or self._known is None:
            return
        behind, ahead = sorted(trees, key=lambda run: -inf if run.bound is None else run.bound)
        if behind.idle or behind.bound is None or not (ahead.bound is None or ahead.idle or self._far(behind, ahead)):
            return
        self._asked = behind
        behind.tell({"share": True})

    def _far(self, behind: highs.Run, ahead: highs.Run) -> bool:
        if behind.bound is None or ahead.bound is None or self._known is None:
            return False
        return ahead.bound - behind.bound > AHEAD * (self._known - behind.bound)

    def _refine(self) -> None:
        """Let the solver buy whole packs at the tiers of a dive, or of what the local search found last. One at a time."""
        first, last = self.runs[0], self.runs[-1]
        busy = last is not first and not last.ended()
        if self.columns < LARGE_COLUMNS or busy or self.clock() > self.until - REFINE_SECONDS:
            return
        if len(first.dives) > self._dived:
            self._dived = len(first.dives)
            self._start("choose", gap=REFINE_GAP, **first.dives[-1])
            return
        found = self.search.best
        waits = not first.dives and not first.ended()  # a third process would only slow the first relaxation down
        if waits or found is None or found.cost_cents >= self._refined:
            return
        self._refined = found.cost_cents
        judged = evaluate(self.best.instance, found.packs)
        if isinstance(judged, Evaluation):
            tiers = [[o.supplier, g, r] for o in judged.orders for g, r in enumerate(o.tiers)]
            self._start("choose", tiers=tiers, packs=found.packs, gap=REFINE_GAP)

    def _wait(self) -> None:
        """Until every run has ended, the time is over or somebody says stop."""
        end = self.until + GRACE_SECONDS
        for run in self.runs:
            while not self._tick() and self.clock() < end:
                if run.wait(min(TICK_SECONDS, max(0.0, end - self.clock()))):
                    break

    def _tick(self) -> bool:
        """Tell how far it is, now and then, and hear whether to stop."""
        if not self._stopped and self.clock() >= self._told + TICK_SECONDS:
            self._told = self.clock()
            cost = self.best.cost()
            bounds = [
                b for run in self.runs if not (run.only_awards or run.unused) and (b := certified(run)) is not None
            ]
            bound = max(self.floor, min(bounds, default=self.floor))
            self.watch.on_progress(cost, bound if cost is None else min(cost, bound))
            self._stopped = self.watch.stop()
        return self._stopped


def certified(run: highs.Run) -> int | None:
    """The bound of a run in whole cents, rounded up as costs are whole, less what floating point may blur."""
    bound = run.least()
    if bound is None:
        return None
    return ceil(bound - 0.01 - 1e-12 * abs(bound))


def _contradicts(run: highs.Run, cost: int) -> bool:
    """Whether a run denies an award that exists, by more than floating point can blur."""
    if run.tree:  # its bound is one of its part: it looks itself whether an award found elsewhere is in what it closed
        return run.denied is not None
    return run.end == highs.INFEASIBLE or (run.bound is not None and run.bound > cost + 0.5 + 1e-9 * cost)


def judge(
    instance: Instance,
    best: Incumbent,
    runs: list[highs.Run],
    floor: int,
    columns: int,
    began: float,
    seconds: float,
    clock: Clock,
) -> Result:
    proof: dict[str, Any] = {
        "by": "solver",
        "columns": columns,
        "runs": [
            {**r.options, "version": r.version, "end": r.end, "bound": None if r.only_awards else r.bound} for r in runs
        ],
    }
    runs = [run for run in runs if not (run.only_awards or run.unused)]
    if best.evaluation is None:
        if runs and all(r.end == highs.INFEASIBLE for r in runs):
            reason = reasons.family_reason(instance, _possible)
            return Result(INFEASIBLE, clock() - began, reason=reason, proof=proof)
        return Result(UNKNOWN, clock() - began, reason=reasons.UNDECIDED, bound_cents=floor, proof=proof)
    cost = best.evaluation.cost_cents
    wrong = [r for r in runs if _contradicts(r, cost)]
    for run in wrong:
        claim = f"presolve={run.presolve}: {run.end}, bound {run.bound}, against an award of {cost}"
        logger.error("award: the solver is wrong. %s. The problem: %s", claim, json.dumps(dump(instance)))
    proof["disagreement"] = bool(wrong)
    bounds = [b for r in runs if r not in wrong and (b := certified(r)) is not None]
    bound = min(cost, max(floor, min(bounds, default=floor)))
    ended = all(r.end == highs.OPTIMAL and not r.shared for r in runs)
    proven = not wrong and ended and cost - bound < instance.scale
    status = OPTIMAL if proven else FEASIBLE
    return Result(status, clock() - began, best.packs, best.evaluation, bound, proof=proof)


def _possible(instance: Instance) -> bool:
    """Whether any award exists; says no when that stays open, so that only certain reasons are given."""
    search = Search(instance, time.monotonic, time.monotonic() + 0.5)
    if search.run(Random(SEED)):  # noqa: S311  # a search to be repeated, no secret
        return True
    best = Incumbent(instance)
    first = {"mip_max_improving_sols": 1}
    run = highs.start(dump(instance), presolve="choose", seconds=5, packs=None, on_packs=best.offer, extra=first)
    run.wait(5 + GRACE_SECONDS)
    run.stop()
    return best.evaluation is not None
