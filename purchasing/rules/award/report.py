"""A result as the JSON that other programs rely on."""

from typing import Any

from purchasing.rules.award.instance import Instance
from purchasing.rules.award.solve import Result


def report(instance: Instance, result: Result) -> dict[str, Any]:
    """`status`, `cost_cents`, `bound_cents`, `gap`, `award`, `suppliers`, `seconds`; `reason` when there is no award."""
    evaluation = result.evaluation
    data: dict[str, Any] = {
        "status": result.status,
        "cost_cents": evaluation.cost_cents if evaluation else None,
        "bound_cents": result.bound_cents,
        "gap": result.gap,
        "award": [
            {
                "supplier": instance.suppliers[instance.offers[index].supplier].id,
                "product": instance.products[instance.offers[index].product].id,
                "packs": result.packs[index],
            }
            for index in sorted(result.packs)
        ],
        "suppliers": [
            {
                "supplier": instance.suppliers[order.supplier].id,
                "tiers": list(order.tiers),
                "net_cents": order.goods_cents,
                "freight_cents": order.freight_cents,
            }
            for order in (evaluation.orders if evaluation else ())
        ],
        "seconds": round(result.seconds, 3),
        "proof": dict(result.proof),
    }
    if result.reason:
        reason = result.reason
        data["reason"] = {"code": reason.code, "message": reason.message, "product": reason.product}
    return data
