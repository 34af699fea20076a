"""CP-SAT as an independent judge, run as a program: ortools and highspy cannot be loaded by one process.

Reads a list of instances as JSON from standard input, prints the list of optimal costs (null: impossible, "open": not
proven in time). Written from the statement of the problem, not from the product's model: tiers are implications here.
"""

import json
import sys

from ortools.sat.python import cp_model


def optimum(data, seconds):
    model = cp_model.CpModel()
    most = [p["demand"] + p.get("max_surplus", 0) for p in data["products"]]
    bought = [[] for _ in most]  # (supplier, packs variable, pack)
    used, costs = [], []
    for i, supplier in enumerate(data["suppliers"]):
        w = model.new_bool_var("")
        used.append(w)
        tiers, goods, units = [], [], []
        packs = [
            model.new_int_var(0, min(o["max_packs"], most[o["product"]] // o["pack"]), "") for o in supplier["offers"]
        ]
        for g, scheme in enumerate(supplier["schemes"]):
            own = [(x, o) for x, o in zip(packs, supplier["offers"], strict=True) if o["scheme"] == g]
            reached = sum(x * (o["pack"] if scheme["metric"] == "units" else o["prices"][0]) for x, o in own)
            active = [model.new_bool_var("") for _ in scheme["from"]]
            model.add_exactly_one(active)
            for r, start in enumerate(scheme["from"]):
                model.add(reached >= start).only_enforce_if(active[r])
                if r + 1 < len(active):
                    model.add(reached <= scheme["from"][r + 1] - 1).only_enforce_if(active[r])
            tiers.append(active)
        for x, o in zip(packs, supplier["offers"], strict=True):
            limit = min(o["max_packs"], most[o["product"]] // o["pack"])
            model.add(x == 0).only_enforce_if(w.negated())
            cost = model.new_int_var(0, limit * max(o["prices"]), "")
            for r, price in enumerate(o["prices"]):
                model.add(cost == price * x).only_enforce_if(tiers[o["scheme"]][r])
            goods.append(cost)
            units.append(o["pack"] * x)
            bought[o["product"]].append((i, x, o["pack"]))
        model.add(sum(goods) >= supplier["min_order_value"]).only_enforce_if(w)
        model.add(sum(units) >= supplier["min_order_units"]).only_enforce_if(w)
        model.add(sum(units) >= 1).only_enforce_if(w)
        freight = model.new_bool_var("")
        if supplier["franco"] is None:
            model.add_implication(w, freight)
        else:
            model.add(sum(goods) >= supplier["franco"]).only_enforce_if(w, freight.negated())
        costs += [*goods, supplier["freight"] * freight]
    _limits(model, data, bought, used)
    model.minimize(sum(costs))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = seconds
    solver.parameters.presolve_inclusion_work_limit = 0  # OR-Tools #5293: a wrong optimum may be certified with it
    status = solver.solve(model)
    if status == cp_model.OPTIMAL:
        return round(solver.objective_value)
    return None if status == cp_model.INFEASIBLE else "open"


def _limits(model, data, bought, used):
    sources = []
    for product, rows in zip(data["products"], bought, strict=True):
        units = sum(pack * x for _, x, pack in rows)
        model.add(units >= product["demand"])
        model.add(units <= product["demand"] + product.get("max_surplus", 0))
        here = {}
        for i, x, _ in rows:
            here[i] = model.new_bool_var("")
            model.add(x == 0).only_enforce_if(here[i].negated())
        if product.get("max_suppliers") is not None:
            model.add(sum(here.values()) <= product["max_suppliers"])
        sources.append(here)
    if data.get("max_suppliers") is not None:
        model.add(sum(used) <= data["max_suppliers"])
    for one, other in data.get("conflicts", []):
        model.add(used[one] + used[other] <= 1)
    for group in data.get("single_source_groups", []):
        owner = [model.new_bool_var("") for _ in used]
        model.add(sum(owner) <= 1)
        for k in group:
            for i, here in sources[k].items():
                model.add_implication(here, owner[i])


if __name__ == "__main__":
    task = json.load(sys.stdin)
    print(json.dumps([optimum(data, task["seconds"]) for data in task["instances"]]))
