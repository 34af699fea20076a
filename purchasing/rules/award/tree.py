"""The search for a proof: boxes of tiers, the relaxation of each, and the exact model where the tiers are settled.

The relaxation with its rounding rows comes close to the cheapest award once the tiers are settled, and few suppliers have
more than one tier that could be right. So the problem is divided by tiers only: a scheme reaches at least tier r in one
box and does not in the other. Together the boxes hold every award, so the least of their bounds is a bound of the whole.
A box is closed when its relaxation, or the tight all-integer model within it, has no award cheaper than the best known.
"""

import heapq
import itertools
import time
from collections.abc import Callable
from math import inf
from typing import Any

import highspy
import numpy as np

from purchasing.rules.award.boxes import FREE, Box, pack, unpack, within
from purchasing.rules.award.dives import leanings, order
from purchasing.rules.award.evaluate import Evaluation, evaluate
from purchasing.rules.award.instance import Instance
from purchasing.rules.award.model import Model, build
from purchasing.rules.award.relaxation import BLUR, MOST_ROUNDS, Relaxation
from purchasing.rules.award.sizes import BUY_COLUMNS

Say = Callable[[dict[str, Any]], None]
Hear = Callable[[float], dict[str, Any] | None]
FRACTION = 1e-4
# Splits whose two boxes are solved before one is chosen, where no earlier split of the same kind tells their worth.
TRIED, TRIED_LARGE = 4, 2
# A settled box is given to the exact model for so long; then it is divided further.
LEAF_SECONDS = 2.0
# From so many open boxes on, half of them are given away to a process that asks.
SHARED_FROM = 6
# A relaxation is followed down to an award at the root and then at every so many boxes.
DIVE_EVERY, DIVE_EVERY_LARGE = 12, 4
SETTLED = 0.9
# Rows that lift the relaxation by less than this part of it are not worth another round.
SLOW = 1e-6


class Stopped(Exception):
    """The time is over."""


class Tree:
    """One search. `hear` gives what came in meanwhile, waiting for at most so many seconds; None when no more will come.

    It hears `{"cost", "tiers"}` of an award found elsewhere, `{"share"}`: give boxes away, `{"boxes"}`: search these too.
    """

    def __init__(
        self,
        instance: Instance,
        options: dict[str, Any],
        say: Say,
        hear: Hear = lambda seconds: None,
        *,
        cost: int | None = None,
    ) -> None:
        self.instance, self.options, self._say, self._hear = instance, options, say, hear
        self.best = cost  # of the best award known anywhere; None before the first
        self.began = time.monotonic()
        self.model: Model = build(instance)
        self.relaxation = Relaxation(instance, self.model, options)
        self.schemes: dict[tuple[int, int], list[int]] = {}
        for i, g, r in self.model.y:
            self.schemes.setdefault((i, g), []).append(r)
        self.large = len(self.model.cost) >= BUY_COLUMNS
        self.heap: list[tuple[float, int, Box]] = []
        self.order = itertools.count()
        self.gains: dict[tuple[int, int, int], list[tuple[float, float]]] = {}
        self.said = 0.0
        self.boxes = 0
        self.got = 0
        self._asked = False
        self._closed: list[tuple[float, Box]] = []  # with what was claimed: no award in it costs less
        self._every = np.arange(len(self.model.cost), dtype=np.int32)
        self._upper = np.array(self.model.upper, dtype=np.double)
        self._packs: dict[int, list[int]] = {}  # tier → its columns of packs
        for (index, tier), column in self.model.x.items():
            offer = instance.offers[index]
            self._packs.setdefault(self.model.y[offer.supplier, offer.scheme, tier], []).append(column)
        self._whole: highspy.HighsLp | None = None
        self._forced: set[tuple[int, int]] = set()
        self.version = self.relaxation.solver.version()

    # What is known

    def cutoff(self) -> float:
        """Only an award below this is worth finding: costs are whole cents."""
        return inf if self.best is None else self.best - 0.5 * self.instance.scale

    def closed(self, value: float) -> bool:
        return value - BLUR * abs(value) >= self.cutoff()

    def left(self) -> float:
        return float(self.options["time_limit"]) - (time.monotonic() - self.began)

    def tell(self, value: float) -> None:
        """The least bound of the open boxes, when it has grown."""
        open_ = min([value, *(node[0] for node in self.heap[:1])])
        bound = min(open_ - BLUR * abs(open_), self.cutoff())
        if bound > self.said:
            self.said = bound
            self.say({"bound": bound})

    def say(self, line: dict[str, Any]) -> None:
        """Say it, with how many lots of boxes have come in: a bound said before the last came is not one of them."""
        self._say({**line, "got": self.got})

    # The search

    def run(self, boxes: list[tuple[float, Box]] | None = None) -> None:
        """Search `boxes`, or everything, and what comes in; say bounds, awards, dives, what is shared and the end."""
        try:
            self._root(boxes)
            while self._listen():
                value, _, box = heapq.heappop(self.heap)
                self._step(value, box)
            end = {"end": "infeasible"} if self.best is None else {"end": "optimal", "bound": self.cutoff()}
        except Stopped:
            end = {"end": "stopped"}
        self.say({**end, "version": self.version})

    def _root(self, boxes: list[tuple[float, Box]] | None) -> None:
        if found := self.relaxation.run():
            if boxes is None:
                self.tell(found[0])
            found = self.relaxation.begin()
        if found and self.large:
            self.tell(found[0])
            self._dive({}, found[1])
        value, values = self._relax({}, aloud=boxes is None)
        if boxes is None and values is not None:
            if not self.large:
                self._dive({}, values)
            self._divide(value, {}, values)
        for known, box in boxes or ():
            heapq.heappush(self.heap, (known, next(self.order), box))

    def _listen(self) -> bool:
        """Take in what was said; with nothing to do, wait for more. Whether there is a box to search."""
        while (line := self._hear(0.0)) is not None:
            self._take(line)
        if self._asked and len(self.heap) >= SHARED_FROM:
            self._share()
        while not self.heap:
            self.say({"idle": True, "bound": None if self.best is None else self.cutoff()})
            line = self._hear(max(0.0, self.left()))
            if line is None:
                return False
            self._take(line)
        return True

    def _take(self, line: dict[str, Any]) -> None:
        if "cost" in line:
            self.best = line["cost"] if self.best is None else min(self.best, line["cost"])
            tiers = {(i, g): r for i, g, r in line["tiers"]}
            if any(
                claim > line["cost"] + 0.5 * self.instance.scale and within(box, tiers) for claim, box in self._closed
            ):
                self.say({"denied": line["cost"]})
        if "share" in line:
            self._asked = True
        if "boxes" in line:
            self.got += 1
            self.said = 0.0
            for known, rows in line["boxes"]:
                heapq.heappush(self.heap, (known, next(self.order), unpack(rows)))

    def _step(self, value: float, box: Box) -> None:
        """Close one box or divide it in two."""
        if self.left() <= 0:
            raise Stopped
        if not self.closed(value):
            self.tell(value)
            found, values = self._relax(box)
            value = max(value, found)
            if values is not None and not self.closed(value):
                self.boxes += 1
                if self.boxes % (DIVE_EVERY_LARGE if self.large else DIVE_EVERY) == 0:
                    self._dive(box, values)
                self._divide(value, box, values)
                return
        self._closed.append((self.cutoff(), box))

    def _divide(self, value: float, box: Box, values: Any) -> None:
        split = self._choose(value, box, values)
        if split is None:
            done, bound = self._buy(box, min(LEAF_SECONDS, self.left()))
            value = max(value, bound)
            if done or self.closed(value):
                self._closed.append((self.cutoff(), box))
                return
            split = self._widest(box, values)
        if split is None:
            done, bound = self._buy(box, self.left())
            if not done:
                heapq.heappush(self.heap, (max(value, bound), next(self.order), box))
                raise Stopped
            self._closed.append((self.cutoff(), box))
            return
        for known, part in split:
            known = max(value, known)
            if self.closed(known):
                self._closed.append((self.cutoff(), part))
            else:
                heapq.heappush(self.heap, (known, next(self.order), part))

    def _share(self) -> None:
        """Give half of the open boxes away, hard ones and easy ones alike."""
        self._asked = False
        nodes = sorted(self.heap)
        self.heap = [node for at, node in enumerate(nodes) if at % 4 in (0, 3)]
        self.say({"shared": [[value, pack(box)] for at, (value, _, box) in enumerate(nodes) if at % 4 in (1, 2)]})

    # Dividing

    def _splits(self, box: Box, values: Any) -> list[tuple[float, int, int, int, float]]:
        """One way to divide each scheme that the relaxation uses in part: nearest to half first."""
        found = []
        for (i, g), tiers in self.schemes.items():
            low, high = box.get((i, g), FREE)
            ways = []
            for r in tiers:
                if low < r <= high:
                    part = sum(values[self.model.y[i, g, q]] for q in tiers if q >= r)
                    if FRACTION < part < 1 - FRACTION:
                        ways.append((abs(part - 0.5), i, g, r, part))
            if ways:
                found.append(min(ways))
        return sorted(found)

    def _choose(self, value: float, box: Box, values: Any) -> list[tuple[float, Box]] | None:
        """The split that lifts both boxes most: known from earlier splits, or tried."""
        best: tuple[float, list[tuple[float, Box]]] | None = None
        tries = TRIED_LARGE if self.large else TRIED
        for _, i, g, r, part in self._splits(box, values):
            low, high = box.get((i, g), FREE)
            below, above = {**box, (i, g): (low, r - 1)}, {**box, (i, g): (r, high)}
            known = self.gains.get((i, g, r))
            if known:
                down = part * sum(d for d, _ in known) / len(known)
                up = (1 - part) * sum(u for _, u in known) / len(known)
                parts = [(value, below), (value, above)]
            elif tries:
                tries -= 1
                parts = [(self._relax(b, once=True)[0], b) for b in (below, above)]
                down, up = (min(v, self._ceiling(value)) - value for v, _ in parts)
                self.gains.setdefault((i, g, r), []).append((max(0.0, down) / part, max(0.0, up) / (1 - part)))
            else:
                continue
            score = max(down, 1.0) * max(up, 1.0)
            if best is None or score > best[0]:
                best = score, parts
        return best and best[1]

    def _ceiling(self, value: float) -> float:
        """What a box that is closed counts for, when splits are compared."""
        return min(self.cutoff(), value * 1.02 + 1)

    def _widest(self, box: Box, values: Any) -> list[tuple[float, Box]] | None:
        """A split of a scheme that the relaxation has settled although the box leaves it open."""
        for (i, g), tiers in self.schemes.items():
            low, high = box.get((i, g), FREE)
            weights = {r: values[self.model.y[i, g, r]] for r in tiers}
            now = max((r for r in tiers if weights[r] > 0.5), default=-1)
            ways = [r for r in tiers if low < r <= high]
            if ways:
                r = min(ways, key=lambda r: (abs(r - now - 0.4), r))
                return [(-inf, {**box, (i, g): (low, r - 1)}), (-inf, {**box, (i, g): (r, high)})]
        return None

    # The relaxation of a box

    def _relax(self, box: Box, *, once: bool = False, aloud: bool = False) -> tuple[float, Any]:
        """Value and columns of the relaxation in a box; infinite without columns when it has no award."""
        self._apply(box)
        value, values = -inf, None
        for _ in range(1 if once else MOST_ROUNDS):
            if self.left() <= 0:
                raise Stopped
            found = self.relaxation.run()
            if found is None:
                if self.relaxation.status == highspy.HighsModelStatus.kInfeasible:
                    return inf, None
                raise Stopped
            before, (value, values) = value, found
            if aloud:
                self.tell(value)
            slow = value - before < SLOW * abs(value)
            if once or slow or self.closed(value) or not self.relaxation.tighten(values):
                break
        return value, values

    def _apply(self, box: Box) -> None:
        solver, model = self.relaxation.solver, self.model
        lower, upper = self._bounds(box)
        solver.changeColsBounds(len(lower), self._every, lower, upper)
        forced = {scheme for scheme, (low, _) in box.items() if low >= 0}
        for scheme in forced ^ self._forced:
            at = self.relaxation.position[model.one_tier[scheme]]
            solver.changeRowBounds(at, 0.0 if scheme in forced else -highspy.kHighsInf, 0.0)
        self._forced = forced

    def _bounds(self, box: Box) -> tuple[Any, Any]:
        model = self.model
        lower, upper = np.zeros(len(model.cost)), self._upper.copy()
        for (i, g), (low, high) in box.items():
            for r in self.schemes[i, g]:
                if not low <= r <= high:
                    active = model.y[i, g, r]
                    upper[active] = 0
                    upper[self._packs.get(active, [])] = 0
            if low >= 0:
                lower[model.w[i]] = 1
        return lower, upper

    # Awards

    def _dive(self, box: Box, values: Any) -> None:
        """Settle every scheme as the relaxation leans, the surest first, and buy whole packs at these tiers."""
        box = dict(box)
        while True:
            open_ = [s for s in self.schemes if box.get(s, FREE)[0] != box.get(s, FREE)[1]]
            if not open_:
                break
            leans = {s: leanings(self.model, s, self.schemes[s], box, values) for s in open_}
            open_.sort(key=lambda s: -leans[s][0][0])
            sure = [s for s in open_ if leans[s][0][0] >= SETTLED] or open_[: 1 + len(open_) // 4]
            tries = [{s: leans[s][0][1] for s in sure}, *({open_[0]: tier} for _, tier in leans[open_[0]][:2])]
            for tiers in tries:
                part = box | {s: (tier, tier) for s, tier in tiers.items()}
                value, found = self._relax(part, once=self.large or len(tiers) < len(open_))
                if found is not None:
                    break
            if found is None or self.closed(value):
                return
            box, values = part, found
        if self.large:
            extra = np.array(self.relaxation.solver.getSolution().col_dual)
            self.say(order(self.instance, self.model, box, values, extra, self._bounds(box)[1]))
        else:
            self._buy(box, min(LEAF_SECONDS, self.left()))

    def _buy(self, box: Box, seconds: float) -> tuple[bool, float]:
        """The tight all-integer model within a box: whether it is settled, and a bound of the box."""
        if seconds <= 0:
            raise Stopped
        solver, cutoff = self._exact(box, seconds)
        solver.run()
        status, info = solver.getModelStatus(), solver.getInfo()
        if info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible):
            self._found(self.model.packs(list(solver.getSolution().col_value)))
        ends = highspy.HighsModelStatus
        if status in (ends.kInfeasible, ends.kObjectiveBound, ends.kOptimal):
            return True, cutoff
        return False, min(info.mip_dual_bound, cutoff)

    def _found(self, packs: dict[int, int]) -> None:
        judged = evaluate(self.instance, packs)
        if isinstance(judged, Evaluation) and (self.best is None or judged.cost_cents < self.best):
            self.best = judged.cost_cents
            self.say({"packs": packs})

    def _exact(self, box: Box, seconds: float) -> tuple[highspy.Highs, float]:
        from purchasing.rules.award.worker import linear

        model = self.model
        lp = self._whole = self._whole or linear(model)
        lp.col_lower_, lp.col_upper_ = self._bounds(box)
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        cutoff = self.cutoff()
        for name, option in {**self.options, "output_flag": False, "time_limit": seconds}.items():
            solver.setOptionValue(name, option)
        if cutoff < inf:
            solver.setOptionValue("objective_bound", cutoff)
        solver.passModel(lp)
        for (i, g), (low, _) in box.items():
            if low >= 0:
                solver.changeRowBounds(model.one_tier[i, g], 0.0, 0.0)
        lows, starts, columns, values = self.relaxation.added_rounding()
        if len(lows):
            never = np.full(len(lows), highspy.kHighsInf)
            solver.addRows(len(lows), lows, never, len(columns), starts, columns, values)
        return solver, cutoff
