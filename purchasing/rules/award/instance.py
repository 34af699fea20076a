"""One award problem, checked. Money in cents, quantities in smallest units, products and suppliers by index."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from purchasing.rules.errors import RuleError

UNITS, LIST_VALUE = "units", "list_value"

# Far above any real tender, and low enough for 64-bit integers and a solver that computes in floating point.
MOST_UNITS = 1_000_000_000
MOST_CENTS = 10_000_000_000
MOST_SCALE = 10_000
MOST_PRODUCTS, MOST_SUPPLIERS, MOST_OFFERS, MOST_TIERS = 5_000, 1_000, 100_000, 50


@dataclass(frozen=True, slots=True)
class Product:
    """`demand` units are needed, up to `max_surplus` more are allowed, from at most `max_suppliers`."""

    id: str
    demand: int
    max_surplus: int = 0
    max_suppliers: int | None = None


@dataclass(frozen=True, slots=True)
class Scheme:
    """Tiers that several offers of a supplier reach together. `starts` begins with 0.

    `metric` is `units`, or `list_value`: the value at the prices of the first tier, before any discount.
    """

    metric: str
    starts: tuple[int, ...]
    least: int = 0  # nothing, or at least so much: a minimum quantity


@dataclass(frozen=True, slots=True)
class Offer:
    """One product of one supplier; `prices` are cents per pack, one for each tier of the scheme."""

    index: int
    supplier: int
    product: int
    pack: int
    max_packs: int
    scheme: int
    prices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Supplier:
    """Minimum and franco look at the goods at tier prices, before freight and VAT; franco None = never free."""

    id: str
    schemes: tuple[Scheme, ...]
    offers: tuple[Offer, ...]
    min_order_value: int = 0
    min_order_units: int = 0
    freight: int = 0
    franco: int | None = None

    def metric(self, offer: Offer) -> int:
        """How far one pack of `offer` carries towards the next tier."""
        return offer.pack if self.schemes[offer.scheme].metric == UNITS else offer.prices[0]


@dataclass(frozen=True, slots=True)
class Instance:
    products: tuple[Product, ...]
    suppliers: tuple[Supplier, ...]
    max_suppliers: int | None = None
    conflicts: tuple[tuple[int, int], ...] = ()
    single_source_groups: tuple[tuple[int, ...], ...] = ()
    # Money in parts of a cent, where unit prices are finer than that: 100 means hundredths of a cent.
    scale: int = 1
    offers: tuple[Offer, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "offers", tuple(o for s in self.suppliers for o in s.offers))

    def limit(self, offer: Offer) -> int:
        """The packs of `offer` that could ever be bought: what is available and what the demand allows."""
        product = self.products[offer.product]
        return min(offer.max_packs, (product.demand + product.max_surplus) // offer.pack)

    def by_product(self) -> list[list[Offer]]:
        rows: list[list[Offer]] = [[] for _ in self.products]
        for offer in self.offers:
            rows[offer.product].append(offer)
        return rows


def parse(data: Any) -> Instance:
    """Check the whole JSON of an instance. Raises RuleError with the field of the first mistake."""
    top = _object(data, "")
    products = tuple(
        _product(row, f"products[{i}]") for i, row in enumerate(_list(top, "products", "", MOST_PRODUCTS, needed=True))
    )
    _unique([p.id for p in products], "products")
    suppliers: list[Supplier] = []
    offers = 0
    for i, row in enumerate(_list(top, "suppliers", "", MOST_SUPPLIERS, needed=True)):
        suppliers.append(_supplier(row, f"suppliers[{i}]", i, offers, len(products)))
        offers += len(suppliers[-1].offers)
        if offers > MOST_OFFERS:
            raise RuleError("too_many", f"At most {MOST_OFFERS} offers.", f"suppliers[{i}].offers")
    _unique([s.id for s in suppliers], "suppliers")
    return Instance(
        products,
        tuple(suppliers),
        _optional(top, "max_suppliers", "", MOST_UNITS),
        _conflicts(top, len(suppliers)),
        _groups(top, len(products)),
        _whole(top, "scale", "", MOST_SCALE, least=1, default=1),
    )


def dump(instance: Instance) -> dict[str, Any]:
    """The JSON that `parse` reads back to the same instance."""
    return {
        "products": [
            {"id": p.id, "demand": p.demand, "max_surplus": p.max_surplus, "max_suppliers": p.max_suppliers}
            for p in instance.products
        ],
        "suppliers": [
            {
                "id": s.id,
                "min_order_value": s.min_order_value,
                "min_order_units": s.min_order_units,
                "freight": s.freight,
                "franco": s.franco,
                "schemes": [
                    {"metric": g.metric, "from": list(g.starts), **({"least": g.least} if g.least else {})}
                    for g in s.schemes
                ],
                "offers": [
                    {
                        "product": o.product,
                        "pack": o.pack,
                        "max_packs": o.max_packs,
                        "scheme": o.scheme,
                        "prices": list(o.prices),
                    }
                    for o in s.offers
                ],
            }
            for s in instance.suppliers
        ],
        "max_suppliers": instance.max_suppliers,
        "conflicts": [list(pair) for pair in instance.conflicts],
        "single_source_groups": [list(group) for group in instance.single_source_groups],
        "scale": instance.scale,
    }


def _product(value: Any, at: str) -> Product:
    row = _object(value, at)
    return Product(
        _id(row, at),
        _whole(row, "demand", at, MOST_UNITS),
        _whole(row, "max_surplus", at, MOST_UNITS, default=0),
        _optional(row, "max_suppliers", at, MOST_UNITS),
    )


def _supplier(value: Any, at: str, index: int, first: int, products: int) -> Supplier:
    row = _object(value, at)
    name = _id(row, at)
    schemes = tuple(
        _scheme(s, f"{at}.schemes[{j}]")
        for j, s in enumerate(_list(row, "schemes", at, MOST_OFFERS, needed=bool(row.get("offers"))))
    )
    offers: list[Offer] = []
    seen: set[int] = set()
    for j, o in enumerate(_list(row, "offers", at, MOST_OFFERS)):
        offer = _offer(o, f"{at}.offers[{j}]", first + j, index, products, schemes)
        if offer.product in seen:
            raise RuleError("duplicate_offer", "A supplier offers a product once.", f"{at}.offers[{j}].product")
        seen.add(offer.product)
        offers.append(offer)
    return Supplier(
        name,
        schemes,
        tuple(offers),
        _whole(row, "min_order_value", at, MOST_CENTS, default=0),
        _whole(row, "min_order_units", at, MOST_UNITS, default=0),
        _whole(row, "freight", at, MOST_CENTS, default=0),
        _optional(row, "franco", at, MOST_CENTS),
    )


def _scheme(value: Any, at: str) -> Scheme:
    row = _object(value, at)
    metric = row.get("metric")
    if not isinstance(metric, str) or metric not in (UNITS, LIST_VALUE):
        raise RuleError("unknown_choice", f"Choose one of {UNITS}, {LIST_VALUE}.", f"{at}.metric")
    starts = [_number(s, f"{at}.from[{j}]", MOST_CENTS) for j, s in enumerate(_list(row, "from", at, MOST_TIERS))]
    if not starts or starts[0] != 0:
        raise RuleError("first_tier_not_zero", "The first tier starts at 0.", f"{at}.from")
    for j in range(1, len(starts)):
        if starts[j] <= starts[j - 1]:
            raise RuleError("tiers_not_rising", "Each tier starts above the one before.", f"{at}.from[{j}]")
    return Scheme(metric, tuple(starts), _whole(row, "least", at, MOST_CENTS, default=0))


def _offer(value: Any, at: str, index: int, supplier: int, products: int, schemes: tuple[Scheme, ...]) -> Offer:
    row = _object(value, at)
    product = _index(row, "product", at, products)
    scheme = _index(row, "scheme", at, len(schemes))
    prices = tuple(_number(p, f"{at}.prices[{j}]", MOST_CENTS) for j, p in enumerate(_list(row, "prices", at)))
    if len(prices) != len(schemes[scheme].starts):
        raise RuleError("price_per_tier", "One price for each tier of the scheme is needed.", f"{at}.prices")
    pack = _whole(row, "pack", at, MOST_UNITS, least=1)
    return Offer(index, supplier, product, pack, _whole(row, "max_packs", at, MOST_UNITS), scheme, prices)


def _conflicts(top: Mapping[str, Any], suppliers: int) -> tuple[tuple[int, int], ...]:
    pairs = []
    for i, value in enumerate(_list(top, "conflicts", "")):
        at = f"conflicts[{i}]"
        if not isinstance(value, list) or len(value) != 2:
            raise RuleError("not_a_pair", "Two supplier indices are expected here.", at)
        one, other = (_known(v, f"{at}[{j}]", suppliers) for j, v in enumerate(value))
        if one == other:
            raise RuleError("conflict_with_itself", "A supplier cannot exclude itself.", at)
        pairs.append((one, other))
    return tuple(pairs)


def _groups(top: Mapping[str, Any], products: int) -> tuple[tuple[int, ...], ...]:
    groups = []
    for i, value in enumerate(_list(top, "single_source_groups", "")):
        at = f"single_source_groups[{i}]"
        if not isinstance(value, list):
            raise RuleError("not_a_list", "A list of product indices is expected here.", at)
        group = [_known(v, f"{at}[{j}]", products) for j, v in enumerate(value)]
        groups.append(tuple(dict.fromkeys(group)))
    return tuple(groups)


def _object(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RuleError("not_an_object", "An object is expected here.", at)
    return value


def _path(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key


def _list(row: Mapping[str, Any], key: str, at: str, most: int = MOST_OFFERS, *, needed: bool = False) -> list[Any]:
    value = row.get(key)
    if value is None and not needed:
        return []
    if value is None:
        raise RuleError("required", "This is missing.", _path(at, key))
    if not isinstance(value, list):
        raise RuleError("not_a_list", "A list is expected here.", _path(at, key))
    if len(value) > most:
        raise RuleError("too_many", f"At most {most} entries.", _path(at, key))
    return value


def _id(row: Mapping[str, Any], at: str) -> str:
    value = row.get("id")
    if value is None:
        raise RuleError("required", "This is missing.", f"{at}.id")
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not _encodable(value):
        raise RuleError("invalid_id", "An id is a text of 1 to 200 characters.", f"{at}.id")
    return value


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unique(ids: list[str], at: str) -> None:
    seen: set[str] = set()
    for i, name in enumerate(ids):
        if name in seen:
            raise RuleError("duplicate_id", "Each id is used once.", f"{at}[{i}].id")
        seen.add(name)


def _whole(row: Mapping[str, Any], key: str, at: str, most: int, *, least: int = 0, default: int | None = None) -> int:
    value = row.get(key, default)
    if value is None:
        raise RuleError("required", "This is missing.", _path(at, key))
    return _number(value, _path(at, key), most, least)


def _optional(row: Mapping[str, Any], key: str, at: str, most: int) -> int | None:
    value = row.get(key)
    return None if value is None else _number(value, _path(at, key), most)


def _number(value: Any, at: str, most: int, least: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuleError("not_a_whole_number", "Write a whole number.", at)
    if not least <= value <= most:
        raise RuleError("out_of_range", f"The number must be between {least} and {most}.", at)
    return value


def _index(row: Mapping[str, Any], key: str, at: str, count: int) -> int:
    if row.get(key) is None:
        raise RuleError("required", "This is missing.", _path(at, key))
    return _known(row[key], _path(at, key), count)


def _known(value: Any, at: str, count: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuleError("not_a_whole_number", "Write an index, counted from 0.", at)
    if not 0 <= value < count:
        raise RuleError("unknown_index", f"There is no such entry: there are {count}.", at)
    return value
