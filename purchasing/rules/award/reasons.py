"""Why no award exists, said so that somebody can change it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from purchasing.rules.award.fill import reachable
from purchasing.rules.award.instance import Instance

AVAILABILITY, PACKS, PRODUCT_LIMIT = "availability", "packs", "product_max_suppliers"

# One family of rules left out at a time: code, the sentence, the problem without it.
FAMILIES: tuple[tuple[str, str, Callable[[Instance], Instance]], ...] = (
    (
        "max_suppliers",
        "The demand cannot be met by so few suppliers. Allow more suppliers.",
        lambda i: replace(i, max_suppliers=None),
    ),
    (
        "minimum_order",
        "Some supplier would be needed whose minimum order the demand does not reach.",
        lambda i: replace(i, suppliers=tuple(replace(s, min_order_value=0, min_order_units=0) for s in i.suppliers)),
    ),
    (
        "product_max_suppliers",
        "Some product would have to be split over more suppliers than its limit allows.",
        lambda i: replace(i, products=tuple(replace(p, max_suppliers=None) for p in i.products)),
    ),
    (
        "single_source_group",
        "No single supplier can deliver every product of a group that must stay together.",
        lambda i: replace(i, single_source_groups=()),
    ),
    (
        "conflict",
        "Suppliers that exclude each other would be needed together.",
        lambda i: replace(i, conflicts=()),
    ),
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable code, a sentence, and the id of the product it is about, if it is about one."""

    code: str
    message: str
    product: str | None = None


COMBINED = Reason("combined_rules", "Only several rules together make it impossible: limits, minimums and packs.")
UNDECIDED = Reason("time", "No award was found in the time given, and none was proven impossible. Allow more time.")


def product_reason(instance: Instance) -> Reason | None:
    """The first product that cannot be bought at all, whatever the other rules say."""
    for row, product in zip(instance.by_product(), instance.products, strict=True):
        if product.demand == 0:
            continue
        most = sum(instance.limit(o) * o.pack for o in row)
        offered = sum(o.max_packs * o.pack for o in row)
        if offered < product.demand:
            return Reason(
                AVAILABILITY,
                f"{product.id}: {product.demand} units are needed, the offers together reach {offered}.",
                product.id,
            )
        packs = [(o.pack, instance.limit(o)) for o in row]
        if most < product.demand or reachable(packs, product.demand, product.max_surplus) is False:
            return Reason(
                PACKS,
                f"{product.id}: no number of packs gives {product.demand} to "
                f"{product.demand + product.max_surplus} units. Allow more surplus.",
                product.id,
            )
        if product.max_suppliers == 0:
            return Reason(PRODUCT_LIMIT, f"{product.id}: needed, but no supplier is allowed.", product.id)
    return None


def family_reason(instance: Instance, possible: Callable[[Instance], bool]) -> Reason:
    """The first family of rules without which an award exists. `possible` decides one problem."""
    for code, message, without in FAMILIES:
        relaxed = without(instance)
        if relaxed != instance and possible(relaxed):
            return Reason(code, message)
    return COMBINED
