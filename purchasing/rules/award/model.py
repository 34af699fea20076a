"""The award as a tight all-integer linear model (rows, columns, integers). Knows no solver.

Columns: x packs of an offer at a tier; y tier active; w supplier used; f freight paid; u product bought at a supplier
(only where a product or group limits its suppliers); t owner of a single-source group. The numbers in the comments are
the constraints. Constraint 2 is one row per x column: this row, not the tier bounds, makes the relaxation tight. One
integer per offer with continuous tier parts would be smaller, and made solvers certify wrong optima.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from purchasing.rules.award.evaluate import Evaluation, evaluate
from purchasing.rules.award.instance import Instance, Offer, Supplier


@dataclass(slots=True)
class Model:
    """Minimise cost · columns; columns are integers from 0 to `upper`; rows are kept compressed."""

    cost: list[int] = field(default_factory=list)
    upper: list[int] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    index: list[int] = field(default_factory=list)
    value: list[int] = field(default_factory=list)
    x: dict[tuple[int, int], int] = field(default_factory=dict)  # (offer, tier) → column
    y: dict[tuple[int, int, int], int] = field(default_factory=dict)  # (supplier, scheme, tier)
    w: dict[int, int] = field(default_factory=dict)
    f: dict[int, int] = field(default_factory=dict)
    u: dict[int, int] = field(default_factory=dict)  # offer → column
    t: dict[tuple[int, int], int] = field(default_factory=dict)  # (group, supplier)
    tight: list[int] = field(default_factory=list)  # the rows of constraint 2
    demand: list[int] = field(default_factory=list)  # product → its row of constraint 1
    one_tier: dict[tuple[int, int], int] = field(default_factory=dict)  # scheme → its row of constraint 4

    def column(self, upper: int, cost: int = 0) -> int:
        self.cost.append(cost)
        self.upper.append(upper)
        return len(self.cost) - 1

    def row(self, terms: Mapping[int, int], lower: float = -inf, upper: float = inf) -> None:
        self.index += [c for c, v in terms.items() if v]
        self.value += [v for v in terms.values() if v]
        self.starts.append(len(self.index))
        self.row_lower.append(lower)
        self.row_upper.append(upper)

    def packs(self, values: list[float]) -> dict[int, int]:
        """Read packs from column values, rounded to whole packs. The evaluator judges them afterwards."""
        packs: dict[int, int] = {}
        for (offer, _), column in self.x.items():
            count = round(values[column])
            if count > 0:
                packs[offer] = packs.get(offer, 0) + count
        return packs

    def start(self, instance: Instance, packs: Mapping[int, int]) -> list[int] | None:
        """Column values of a legal award, or None when the model cannot express it."""
        result = evaluate(instance, packs)
        if not isinstance(result, Evaluation):
            return None
        values = [0] * len(self.cost)
        bought = {o: n for o, n in packs.items() if n}
        for order in result.orders:
            values[self.w[order.supplier]] = 1
            if order.freight_cents:
                values[self.f[order.supplier]] = 1
            for offer in instance.suppliers[order.supplier].offers:
                if offer.index not in bought:
                    continue
                tier = order.tiers[offer.scheme]
                column = self.x.get((offer.index, tier))
                if column is None or bought[offer.index] > self.upper[column]:
                    return None
                values[column] = bought[offer.index]
                values[self.y[offer.supplier, offer.scheme, tier]] = 1
                if offer.index in self.u:
                    values[self.u[offer.index]] = 1
                for b, group in enumerate(instance.single_source_groups):
                    if offer.product in group:
                        values[self.t[b, offer.supplier]] = 1
        return values


def build(instance: Instance) -> Model:
    model = Model()
    for index, supplier in enumerate(instance.suppliers):
        _supplier(model, instance, index, supplier)
    _demand(model, instance)
    if instance.max_suppliers is not None:  # 7
        model.row(dict.fromkeys(model.w.values(), 1), upper=instance.max_suppliers)
    for one, other in instance.conflicts:  # 7
        if one in model.w and other in model.w:
            model.row({model.w[one]: 1, model.w[other]: 1}, upper=1)
    _sources(model, instance)
    return model


def _supplier(model: Model, instance: Instance, index: int, supplier: Supplier) -> None:
    goods: dict[int, int] = {}
    units: dict[int, int] = {}
    members: list[list[tuple[Offer, int]]] = [[] for _ in supplier.schemes]
    for offer in supplier.offers:
        if limit := instance.limit(offer):
            members[offer.scheme].append((offer, limit))
    if not any(members):
        return
    used = model.w[index] = model.column(1)
    for scheme, rows in enumerate(members):
        if rows:
            _scheme(model, supplier, index, scheme, rows, goods, units)
    if supplier.min_order_value:  # 5
        model.row({**goods, used: -supplier.min_order_value}, lower=0)
    if supplier.min_order_units:  # 5
        model.row({**units, used: -supplier.min_order_units}, lower=0)
    if not supplier.freight:
        return
    paid = model.f[index] = model.column(1, supplier.freight)  # 6
    if supplier.franco is None:
        model.row({paid: 1, used: -1}, lower=0, upper=0)
        model.row({**dict.fromkeys(goods, 1), used: -1}, lower=0)
    else:
        model.row({paid: 1, used: -1}, upper=0)
        model.row({**goods, used: -supplier.franco, paid: supplier.franco}, lower=0)


def _scheme(
    model: Model,
    supplier: Supplier,
    index: int,
    scheme: int,
    rows: list[tuple[Offer, int]],
    goods: dict[int, int],
    units: dict[int, int],
) -> None:
    starts = supplier.schemes[scheme].starts
    most = sum(supplier.metric(offer) * limit for offer, limit in rows)
    one_tier: dict[int, int] = {model.w[index]: -1}
    for tier, start in enumerate(starts):
        if start > most:
            break
        end = min(starts[tier + 1] - 1, most) if tier + 1 < len(starts) else most
        start = max(start, supplier.schemes[scheme].least)
        if start > end:
            continue  # the minimum quantity is in a later tier
        active = model.y[index, scheme, tier] = model.column(1)
        one_tier[active] = 1
        reached: dict[int, int] = {}
        for offer, limit in rows:
            step = supplier.metric(offer)
            packs = min(limit, end // step) if step else limit
            if not packs:
                continue
            column = model.x[offer.index, tier] = model.column(packs, offer.prices[tier])
            reached[column] = step
            goods[column] = offer.prices[tier]
            units[column] = offer.pack
            model.tight.append(len(model.row_lower))
            model.row({column: 1, active: -packs}, upper=0)  # 2
        if start:
            model.row({**reached, active: -start}, lower=0)  # 3
        model.row({**reached, active: -end}, upper=0)  # 3
    model.one_tier[index, scheme] = len(model.row_lower)
    model.row(one_tier, upper=0)  # 4


def _demand(model: Model, instance: Instance) -> None:
    columns: list[dict[int, int]] = [{} for _ in instance.products]
    for (bought, _), column in model.x.items():
        columns[instance.offers[bought].product][column] = instance.offers[bought].pack
    for terms, product in zip(columns, instance.products, strict=True):  # 1
        model.demand.append(len(model.row_lower))
        model.row(terms, lower=product.demand, upper=product.demand + product.max_surplus)


def _sources(model: Model, instance: Instance) -> None:
    by_offer: dict[int, list[int]] = {}
    for (bought, _), column in model.x.items():
        by_offer.setdefault(bought, []).append(column)
    grouped = {k for group in instance.single_source_groups for k in group}
    for k, row in enumerate(instance.by_product()):
        most = instance.products[k].max_suppliers
        offers = [o for o in row if o.index in by_offer]
        limited = most is not None and most < len(offers)
        if not (limited or k in grouped):
            continue
        for offer in offers:
            u = model.u[offer.index] = model.column(1)
            model.row({**dict.fromkeys(by_offer[offer.index], 1), u: -instance.limit(offer)}, upper=0)  # 7
            model.row({u: 1, model.w[offer.supplier]: -1}, upper=0)  # 7
        if most is not None and limited:
            model.row({model.u[o.index]: 1 for o in offers}, upper=most)  # 7
    for b, group in enumerate(instance.single_source_groups):  # 8
        offers = [o for o in instance.offers if o.product in group and o.index in model.u]
        for i in sorted({o.supplier for o in offers}):
            model.t[b, i] = model.column(1)
        for offer in offers:
            model.row({model.u[offer.index]: 1, model.t[b, offer.supplier]: -1}, upper=0)
        if offers:
            model.row({c: 1 for (g, _), c in model.t.items() if g == b}, upper=1)
