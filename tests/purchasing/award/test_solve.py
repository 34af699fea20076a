"""The whole solver: samples to their proven optimum, tiny problems to what enumeration finds, honest statuses."""

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.rules.award import Evaluation, Watch, boxes, evaluate, highs, parse, solve, tree, worker
from purchasing.rules.award.evaluate import delivering
from purchasing.rules.award.limits import limit_rows
from purchasing.rules.award.local_search import Search
from purchasing.rules.award.model import build
from purchasing.rules.award.preference import prefer
from purchasing.rules.award.relaxation import Relaxation
from purchasing.rules.award.rounding import rounding_rows
from purchasing.rules.award.solve import Incumbent, judge
from purchasing.rules.award.tree import Tree
from tests.bench.award import centre
from tests.purchasing.award.build import DATA, SAMPLES, awards, cheapest, count, tiny

ENUMERABLE = 3_000
solving = sys.modules["purchasing.rules.award.solve"]


def tiny_problems(number, first=0, columns=False):
    """The first `number` random problems that can be enumerated quickly."""
    found, seed = [], first
    while len(found) < number:
        data = tiny(Random(seed))
        seed += 1
        if count(parse(data)) <= ENUMERABLE and (not columns or build(parse(data)).cost):
            found.append(data)
    return found


def tight(instance, presolve):
    """One solve of the tight model in this process: the last line the worker would say."""
    lines = []
    worker.run(instance, highs.options(presolve, 10.0), {}, lines.append)
    return lines[-1]


class TestSolving:
    @pytest.mark.parametrize("name", sorted(SAMPLES))
    def test_proves_the_known_optimum(self, name):
        optimum = SAMPLES[name]["optimal_cents"]
        instance = parse(SAMPLES[name])
        result = solve(instance, seconds=120)
        if optimum is None:
            assert (result.status, result.evaluation) == ("infeasible", None)
            return
        assert (result.status, result.evaluation.cost_cents, result.bound_cents) == ("optimal", optimum, optimum)
        assert evaluate(instance, result.packs) == result.evaluation

    def test_answers_at_once_and_improves(self):
        heard, began = [], time.monotonic()
        result = solve(
            parse(SAMPLES["A22"]), seconds=30, on_better=lambda cost, _: heard.append((cost, time.monotonic()))
        )
        assert heard[0][1] - began < 2
        assert [cost for cost, _ in heard] == sorted((cost for cost, _ in heard), reverse=True)
        assert heard[-1][0] == result.evaluation.cost_cents == 791725

    def test_claims_nothing_it_had_no_time_to_prove(self):
        result = solve(parse(SAMPLES["A30"]), seconds=0.2)
        assert result.status == "feasible"
        assert result.bound_cents <= 14217802 <= result.evaluation.cost_cents
        assert 0 < result.gap < 0.5

    def test_starts_the_solver_from_any_directory(self, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        assert solve(parse(SAMPLES["A03"]), seconds=30).status == "optimal"

    def test_still_answers_when_the_solver_cannot_start(self, monkeypatch):
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        result = solve(parse(SAMPLES["A22"]), seconds=5)
        assert result.status == "feasible" and result.evaluation.cost_cents < 791725 * 1.02
        assert result.bound_cents <= 791725


class TestTheLocalSearch:
    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, 10**6))
    def test_gives_legal_awards_never_below_the_optimum(self, seed):
        instance = parse(tiny(Random(seed)))
        if count(instance) > ENUMERABLE:
            return
        found = Search(instance, time.monotonic, time.monotonic() + 1).run(Random(1))
        if found is not None:
            result = evaluate(instance, found.packs)
            assert isinstance(result, Evaluation) and result.cost_cents == found.cost_cents >= cheapest(instance)

    @pytest.mark.parametrize("name", ["A16", "A19", "A22", "A27", "A30"])
    def test_alone_comes_within_one_percent(self, name):
        found = Search(parse(SAMPLES[name]), time.monotonic, time.monotonic() + 1.5).run(Random(7))
        assert found.cost_cents <= SAMPLES[name]["optimal_cents"] * 1.01


class TestTheTightModel:
    """Cleverer formulations made solvers certify wrong optima: this one must agree with enumeration, always."""

    @pytest.mark.parametrize("presolve", ["choose", "off"])
    def test_agrees_with_complete_enumeration(self, presolve):
        for data in tiny_problems(120):
            instance = parse(data)
            optimum, last = cheapest(instance), tight(instance, presolve)
            if optimum is None:
                assert last["end"] == "infeasible", data
            else:
                assert last["end"] == "optimal", data
                assert evaluate(instance, last["packs"]).cost_cents == optimum == round(last["bound"]), data

    def test_agrees_with_cp_sat(self):
        names = ["A01", "A03", "A05", "A06", "A09", "A12", "A13", "A16", "A19"]
        instances = [SAMPLES[n] for n in names] + tiny_problems(40, first=5_000)
        oracle = Path(__file__).with_name("oracle.py")
        done = subprocess.run(
            [sys.executable, str(oracle)],
            input=json.dumps({"instances": instances, "seconds": 20}),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        for data, optimum in zip(instances, json.loads(done.stdout), strict=True):
            last = tight(parse(data), "choose")
            ours = round(last["bound"]) if last["end"] == "optimal" else None
            assert (last["end"], ours) == ("infeasible" if optimum is None else "optimal", optimum), data


class TestTheJudge:
    def test_knows_a_model_whose_wrong_optimum_only_a_second_solve_shows(self):
        """HiGHS 1.15.1 answers 49860 "optimal" with presolve; another award costs 48094. Hence the second solve."""
        highspy = worker.highspy
        ends = {}
        for presolve in ("choose", "off"):
            solver = highspy.Highs()
            solver.setOptionValue("output_flag", False)
            solver.setOptionValue("presolve", presolve)
            solver.setOptionValue("mip_rel_gap", 0.0)
            solver.readModel(str(DATA / "highs_1.15.1_wrong_optimum.mps"))
            solver.run()
            assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
            ends[presolve] = round(solver.getObjectiveValue())
        assert ends["off"] == 48094
        assert ends["choose"] in (49860, 48094)  # the day it is 48094, the solver was repaired

    @pytest.mark.parametrize(
        ("one", "other", "status"),
        [
            (("optimal", 21030.0), ("optimal", 21029.5), "optimal"),
            (("optimal", 21030.0), ("stopped", 21000.0), "feasible"),
            (("optimal", 21030.0), ("stopped", None), "feasible"),
            (("optimal", 21030.0), ("optimal", 21800.0), "feasible"),
            (("optimal", 21030.0), ("infeasible", None), "feasible"),
            (("optimal", 20000.0), ("optimal", 20000.0), "feasible"),
        ],
    )
    def test_says_optimal_only_when_every_solve_proves_it(self, one, other, status, caplog):
        instance = parse(SAMPLES["A12"])
        best = Incumbent(instance)
        best.offer({0: 16, 1: 4, 3: 1})
        runs = [highs.Run(p, end, bound) for p, (end, bound) in zip(("choose", "off"), (one, other), strict=True)]
        result = judge(instance, best, runs, 10000, 12, 0.0, 60.0, time.monotonic)
        assert (result.status, result.evaluation.cost_cents) == (status, 21030)
        wrong = other in (("optimal", 21800.0), ("infeasible", None))
        assert result.proof["disagreement"] is wrong
        assert ("the solver is wrong" in caplog.text) is wrong

    def test_does_not_use_an_answer_that_breaks_a_rule(self, caplog):
        best = Incumbent(parse(SAMPLES["A12"]))
        best.offer({0: 1})
        assert best.evaluation is None and "breaks demand" in caplog.text


def searched(instance, known=None, hears=(), part=None):
    """Everything the search over tiers says, in this process; `known` is the cost of an award found elsewhere."""
    lines, heard = [], list(hears)
    search = Tree(
        instance,
        highs.options("choose", 30.0),
        lines.append,
        lambda seconds: heard.pop(0) if heard else None,
        cost=known,
    )
    search.run(part)
    return lines, search.best


class TestTheSearchOverTiers:
    """From 3,000 columns on: boxes of tiers, a relaxation with rounding rows, the exact model in settled boxes."""

    def test_agrees_with_complete_enumeration(self):
        for data in tiny_problems(120, first=20_000, columns=True):
            instance = parse(data)
            optimum = cheapest(instance)
            lines, best = searched(instance)
            assert (lines[-1]["end"], best) == ("infeasible" if optimum is None else "optimal", optimum), data
            assert all(optimum is None or line["bound"] <= optimum for line in lines if line.get("bound")), data

    def test_closes_everything_when_an_award_known_elsewhere_is_the_cheapest(self):
        for data in tiny_problems(40, first=30_000, columns=True):
            optimum = cheapest(parse(data))
            if optimum:
                lines, best = searched(parse(data), known=optimum)
                assert (lines[-1]["end"], lines[-1]["bound"], best) == ("optimal", optimum - 0.5, optimum), data

    def test_loses_no_award_when_it_divides_and_gives_away(self, monkeypatch):
        """Every settled box divided to the end, and a part given away: together they still find the optimum."""
        monkeypatch.setattr(tree, "LEAF_SECONDS", 1e-9)
        monkeypatch.setattr(tree, "SHARED_FROM", 2)
        lots = 0
        for data in tiny_problems(60, first=40_000, columns=True):
            instance = parse(data)
            lines, best = searched(instance, hears=[{"share": True}])
            for line in lines:
                if "shared" in line:
                    lots += 1
                    best = searched(instance, known=best, hears=[{"boxes": line["shared"]}], part=[])[1]
            assert best == cheapest(instance), data
        assert lots >= 8

    def test_gives_away_exactly_what_it_no_longer_keeps(self):
        lines = []
        search = Tree(parse(SAMPLES["A12"]), highs.options("choose", 30.0), lines.append)
        nodes = [(float(n), {(0, 0): (-1, n)}) for n in range(9)]
        search.heap = [(value, n, box) for n, (value, box) in enumerate(nodes)]
        search._share()
        given = [(value, boxes.unpack(rows)) for value, rows in lines[-1]["shared"]]
        kept = [(value, box) for value, _, box in search.heap]
        assert len(given) == 4 and sorted(given + kept, key=lambda node: node[0]) == nodes

    def test_denies_no_award_of_another_box(self):
        """Ruled out where supplier 0 delivers nothing: an award that buys from it, at its first tier, is elsewhere."""
        lines = []
        search = Tree(parse(SAMPLES["A12"]), highs.options("choose", 30.0), lines.append, cost=30_000)
        search._closed.append((30_000.0, {(0, 0): (-1, -1)}))
        search._take({"cost": 21_030, "tiers": [[0, 0, 0], [1, 0, 0]]})
        assert not lines
        search._take({"cost": 21_030, "tiers": [[1, 0, 0]]})
        assert lines[-1]["denied"] == 21_030

    def test_says_when_an_award_exists_that_it_had_ruled_out(self):
        instance, lines = parse(SAMPLES["A12"]), []
        search = Tree(instance, highs.options("choose", 30.0), lines.append, cost=21_030)
        search.run()
        packs = {0: 16, 1: 4, 3: 1}
        tiers = delivering(instance, packs, evaluate(instance, packs).orders)
        search._take({"cost": 21_030, "tiers": tiers})
        assert not any("denied" in line for line in lines)
        search._take({"cost": 21_000, "tiers": tiers})
        assert lines[-1]["denied"] == 21_000

    def test_proves_the_known_optimum_in_two_processes(self, monkeypatch):
        monkeypatch.setattr(solving, "SECOND_SOLVE_COLUMNS", 1)
        optimum = SAMPLES["A19"]["optimal_cents"]
        result = solve(parse(SAMPLES["A19"]), seconds=120)
        assert (result.status, result.evaluation.cost_cents, result.bound_cents) == ("optimal", optimum, optimum)


class TestRoundingRows:
    @settings(deadline=None, max_examples=150)
    @given(st.integers(0, 10**6))
    def test_no_award_breaks_one(self, seed):
        instance = parse(tiny(Random(seed)))
        if count(instance) > ENUMERABLE:
            return
        model = build(instance)
        rows = [*rounding_rows(instance, model), *limit_rows(instance, model)]
        legal = (packs for packs in awards(instance) if isinstance(evaluate(instance, packs), Evaluation))
        for packs in itertools.islice(legal, 200):
            values = model.start(instance, packs)
            for terms, low in rows if values else ():
                assert sum(n * values[column] for column, n in terms.items()) >= low, (packs, terms, low)

    def test_lift_the_relaxation_towards_the_optimum(self):
        instance = parse(centre(20, 5, 1))
        relaxation = Relaxation(instance, build(instance), highs.options("choose", 30.0))
        value, values = relaxation.begin()
        lifted = value
        while relaxation.tighten(values):
            lifted, values = relaxation.run()
        assert value < lifted <= 296_751


class TestSharing:
    """Two processes search a part each: nothing is proven before both have ended, nothing is lost between them."""

    def run(self, *lines, **how):
        run = highs.Run("choose", tree=True, **how)
        for line in lines:
            run.hear(line)
        return run

    def judged(self, *runs):
        best = Incumbent(parse(SAMPLES["A12"]))
        best.offer({0: 16, 1: 4, 3: 1})
        return judge(best.instance, best, list(runs), 10000, 12, 0.0, 60.0, time.monotonic)

    END = {"end": "optimal", "bound": 21029.5, "version": "1"}

    def test_is_proven_by_both_parts_or_by_one_whose_helper_was_never_needed(self):
        one, other = self.run(self.END), self.run(helper=True)
        assert self.judged(one, other).status == "optimal"
        other.give([[20500.0, []]])
        result = self.judged(one, other)
        assert (result.status, result.bound_cents) == ("feasible", 20500)
        other.hear(self.END | {"got": 1})
        assert (self.judged(one, other).status, self.judged(one, other).bound_cents) == ("optimal", 21030)

    def test_believes_no_bound_of_a_run_that_buys_at_some_tiers_only(self):
        buyer = highs.Run("choose", highs.OPTIMAL, 21029.5, only_awards=True)
        result = self.judged(self.run({"bound": 20500.0, "got": 0}), buyer)
        assert (result.status, result.bound_cents) == ("feasible", 20500)
        assert [run["bound"] for run in result.proof["runs"]] == [20500.0, None]

    def test_claims_nothing_of_boxes_on_their_way(self):
        run = self.run({"shared": [[20500.0, []], [20600.0, []]], "got": 0}, self.END | {"got": 0})
        result = self.judged(run)
        assert (result.status, result.bound_cents) == ("feasible", 20500)

    def test_does_not_hear_a_bound_said_before_the_boxes_came(self):
        other = self.run({"bound": 21029.5, "idle": True, "got": 0}, helper=True)
        other.give([[20500.0, []]])
        other.hear({"bound": 21029.5, "idle": True, "got": 0})
        assert (other.bound, other.idle) == (20500.0, False)
        other.hear({"bound": 20900.0, "got": 1})
        assert other.bound == 20900.0

    def test_does_not_believe_a_part_that_denies_an_award_of_its_own(self, caplog):
        assert not self.judged(self.run(self.END | {"bound": 21800.0})).proof["disagreement"]
        result = self.judged(self.run({"denied": 21030}, self.END))
        assert result.status == "feasible" and result.proof["disagreement"] and "the solver is wrong" in caplog.text


class TestWatching:
    def test_stops_when_told_and_keeps_the_best_found(self):
        told = []

        def stop():
            return len(told) >= 2

        watch = Watch(stop=stop, on_progress=lambda cost, bound: told.append((cost, bound)))
        result = solve(parse(SAMPLES["A30"]), seconds=120, watch=watch)
        assert result.seconds < 60 and result.evaluation.cost_cents >= 14217802 >= result.bound_cents
        assert all(bound <= cost for cost, bound in told)

    def test_begins_from_an_award_known_before(self):
        known = solve(parse(SAMPLES["A12"]), seconds=20).packs
        heard = []
        solve(parse(SAMPLES["A12"]), seconds=5, on_better=lambda c, _: heard.append(c), watch=Watch(known=known))
        assert heard == [SAMPLES["A12"]["optimal_cents"]]


class TestPreferring:
    @given(st.integers(0, 10**6), st.integers(1, 50))
    @settings(deadline=None, max_examples=40)
    def test_judges_goods_lower_and_binds_every_rule_as_before(self, seed, percent):
        data = tiny(Random(seed))
        for supplier in data["suppliers"]:
            supplier["schemes"] = [{**scheme, "metric": "units"} for scheme in supplier["schemes"]]
        instance = parse(data)
        judged = prefer(instance, {0}, percent)
        random = Random(seed)
        for _ in range(20):
            packs = {o.index: random.randint(0, 4) for o in instance.offers}
            real, seen = evaluate(instance, packs), evaluate(judged, packs)
            assert isinstance(real, Evaluation) == isinstance(seen, Evaluation)
            if isinstance(real, Evaluation):
                less = sum(o.goods_cents for o in real.orders if o.supplier == 0) * percent
                assert seen.cost_cents * 100 == (real.cost_cents * 100 - less) * judged.scale
