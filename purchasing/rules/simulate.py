"""What-if of one pool line: from commitments, tiers and deliveries to each member's euros."""

from typing import Any

from purchasing.rules import hints, shares, simulate_input, tiers
from purchasing.rules.landed import half_up
from purchasing.rules.shortage import allocate
from purchasing.rules.simulate_input import Case


def run(data: Any) -> dict[str, Any]:
    """Compute the output described in the interface document. Raises RuleError on bad input.

    The order of rows in the input changes nothing: ties follow the time of the commitment, then the member's name.
    """
    case = simulate_input.parse(data)
    outcome = tiers.settle(
        case.terms,
        case.commitments,
        minimum_missed=case.policies["minimum_missed"],
        shortage=case.policies["shortage"],
        tolerance=case.policies["tolerance"],
    )
    members = [c.member for c in case.commitments]
    deliveries, left_over = _deliveries(case, outcome, members)
    received = deliveries[-1] if deliveries else outcome.granted
    statement = _statement(case, outcome, members, received)
    price = outcome.tier.unit_price_e4 if outcome.tier else None
    return {
        "ordered": outcome.ordered,
        "unit_price": None if price is None else _price(price),
        "tier_from": outcome.tier.from_quantity if outcome.tier else None,
        "outcome": outcome.outcome,
        "dropped": [{"member": d.member, "reason": d.reason} for d in outcome.dropped],
        "granted": {m: outcome.granted[m] for m in members},
        "receipts": deliveries,
        "left_over": left_over,
        **_money(statement, members, received),
        "hints": _hints(case, outcome),
    }


def _deliveries(case: Case, outcome: tiers.Outcome, members: list[str]) -> tuple[list[dict[str, int]], int]:
    """Cumulated allocations after each delivery; what exceeds the order, or is useful to nobody, is left over."""
    result: list[dict[str, int]] = []
    before = dict.fromkeys(members, 0)
    counted = 0
    for delivery in case.receipts:
        counted += delivery
        given = allocate(min(counted, outcome.ordered), outcome.claims, case.policies["shortage"], before)
        before = before | given
        result.append(dict(before))
    return result, counted - sum(before.values()) if result else 0


def _statement(case: Case, outcome: tiers.Outcome, members: list[str], received: dict[str, int]) -> shares.Statement:
    price = outcome.tier.unit_price_e4 if outcome.tier else 0
    goods = case.bill.goods_cents if case.bill else half_up(sum(received.values()) * price, 100)
    units = next((row for row in (received, outcome.granted) if any(row.values())), None)
    units = units or {c.member: c.quantity for c in case.commitments}
    charges = []
    if case.bill:
        charges = [
            shares.Charge("freight", shares.FREIGHT, case.bill.freight_cents, case.vat_bp),
            shares.Charge("discount", shares.DISCOUNT, case.bill.discount_cents, case.vat_bp),
        ]
    return shares.settle(
        [case.parties[m] for m in members],
        [shares.Goods("goods", case.vat_bp, goods, units)],
        charges,
        freight=case.policies["freight"],
        model=case.model,
        stand_alone_cap=case.policies["fairness"] == "stand_alone_cap",
    )


def _money(statement: shares.Statement, members: list[str], received: dict[str, int]) -> dict[str, Any]:
    rows = {}
    totals = {"net": 0, "vat": 0, "gross": 0}
    for member in members:
        net, vat = sum(statement.net[member].values()), sum(statement.vat[member].values())
        rows[member] = {
            "quantity": received[member],
            "goods": _euros(statement.total(member, shares.GOODS)),
            "freight": _euros(statement.total(member, shares.FREIGHT)),
            "discount": _euros(-statement.total(member, shares.DISCOUNT)),
            "fairness": _euros(statement.total(member, shares.FAIRNESS)),
            "net": _euros(net),
            "vat": _euros(vat),
            "gross": _euros(net + vat),
        }
        totals = {"net": totals["net"] + net, "vat": totals["vat"] + vat, "gross": totals["gross"] + net + vat}
    return {
        "shares": rows,
        "totals": {k: _euros(v) for k, v in totals.items()} | {"vat_rounding": _euros(statement.vat_rounding_cents)},
    }


def _hints(case: Case, outcome: tiers.Outcome) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {"kind": "buy_up", "quantity": h.quantity, "saves": _euros(half_up(h.saves_e4, 100))}
        for h in hints.buy_up(case.terms, outcome.ordered)
    ]
    if outcome.tier and case.freight_cents is not None:
        goods = half_up(outcome.ordered * outcome.tier.unit_price_e4, 100)
        if near := hints.franco(goods, case.freight_cents, case.franco_cents):
            rows.append({"kind": "franco", "amount": _euros(near.missing_cents), "saves": _euros(near.saves_cents)})
    return rows


def _euros(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _price(price_e4: int) -> str:
    return f"{price_e4 // 10_000}.{price_e4 % 10_000:04d}"
