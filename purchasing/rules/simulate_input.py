"""Reads the JSON of `simulate_pool` and refuses, by field, what cannot be computed."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from purchasing.rules import shares, tiers
from purchasing.rules.errors import RuleError
from purchasing.rules.shortage import FIRST_COME, PROPORTIONAL, Layer

MOST_UNITS = 1_000_000_000
MOST_CENTS = 1_000_000_000_000
DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")

POLICIES = {
    "minimum_missed": (tiers.ROUND_DOWN, (tiers.ROUND_DOWN, tiers.FAIL)),
    "shortage": (PROPORTIONAL, (PROPORTIONAL, FIRST_COME)),
    "tolerance": (PROPORTIONAL, (PROPORTIONAL, FIRST_COME)),
    "freight": (shares.VALUE, (shares.VALUE, shares.QUANTITY, shares.WEIGHT, shares.EQUAL)),
    "fairness": ("none", ("none", "stand_alone_cap")),
}
MODELS = (shares.RESALE, shares.AGENT, shares.LISTING)


@dataclass(frozen=True, slots=True)
class Bill:
    goods_cents: int
    freight_cents: int
    discount_cents: int


@dataclass(frozen=True, slots=True)
class Case:
    """A checked input. `commitments` are in the order that ties follow: earliest first, then by member."""

    terms: tiers.Terms
    policies: Mapping[str, str]
    commitments: tuple[tiers.Commitment, ...]
    parties: Mapping[str, shares.Party]
    receipts: tuple[int, ...]
    bill: Bill | None
    model: str
    vat_bp: int
    freight_cents: int | None
    franco_cents: int | None


def loads(text: str) -> Any:
    """Parse strict JSON. Raises RuleError for anything else, `NaN` and unmeasurable numbers included."""

    def refuse(name: str) -> None:
        raise RuleError("invalid_json", f"{name} is not a number in JSON.")

    try:
        return json.loads(text, parse_constant=refuse)
    except RuleError:
        raise
    except (ValueError, RecursionError) as error:
        raise RuleError("invalid_json", f"This is not valid JSON: {str(error)[:200]}") from None


def parse(data: Any) -> Case:
    """Check the whole input. Raises RuleError with the field of the first mistake."""
    top = _object(data, "")
    policies = _policies(top.get("policies"))
    rows = [
        _commitment(row, f"commitments[{i}]")
        for i, row in enumerate(_list(_required(top, "commitments"), "commitments"))
    ]
    names = [c.member for c, _ in rows]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise RuleError("duplicate_member", "Each member commits once.", f"commitments[{i}].member")
    if policies["freight"] == shares.WEIGHT and len({p.weight is None for _, p in rows}) == 2:
        missing = next(i for i, (_, p) in enumerate(rows) if p.weight is None)
        raise RuleError("required", "Freight by weight needs a weight for everybody.", f"commitments[{missing}].weight")
    bill = _bill(top.get("supplier_invoice"))
    if bill and not rows and any((bill.goods_cents, bill.freight_cents, bill.discount_cents)):
        raise RuleError("nobody_to_pay", "There is a bill but nobody committed.", "supplier_invoice")
    rows.sort(key=lambda row: (row[0].committed_at, row[0].member))
    freight = _object(top["freight_terms"], "freight_terms") if top.get("freight_terms") is not None else {}
    return Case(
        terms=tiers.make_terms(
            [_tier(t, f"tiers[{i}]") for i, t in enumerate(_list(_required(top, "tiers"), "tiers"))],
            _whole(top.get("pack", 1), "pack", least=1),
            _whole(top.get("moq", 0), "moq"),
        ),
        policies=policies,
        commitments=tuple(c for c, _ in rows),
        parties={p.member: p for _, p in rows},
        receipts=tuple(
            _whole(r, f"receipts[{i}]") for i, r in enumerate(_list(_or(top.get("receipts"), []), "receipts"))
        ),
        bill=bill,
        model=_choice(top.get("model", shares.AGENT), MODELS, "model"),
        vat_bp=_whole(top.get("vat_bp", 0), "vat_bp", most=10_000),
        freight_cents=_cents(freight["freight"], "freight_terms.freight")
        if freight.get("freight") is not None
        else None,
        franco_cents=_cents(freight["franco"], "freight_terms.franco") if freight.get("franco") is not None else None,
    )


def _policies(value: Any) -> dict[str, str]:
    given = _object(_or(value, {}), "policies")
    return {
        name: _choice(given.get(name, default), allowed, f"policies.{name}")
        for name, (default, allowed) in POLICIES.items()
    }


def _tier(value: Any, field: str) -> tiers.Tier:
    row = _object(value, field)
    return tiers.Tier(
        _whole(_required(row, "from", field), f"{field}.from"),
        _decimal(_required(row, "unit_price", field), 4, f"{field}.unit_price"),
    )


def _commitment(value: Any, field: str) -> tuple[tiers.Commitment, shares.Party]:
    row = _object(value, field)
    member = _required(row, "member", field)
    if not isinstance(member, str) or not member.strip() or not _encodable(member):
        raise RuleError("invalid_member", "A member is a text that is not empty.", f"{field}.member")
    quantity = _whole(_required(row, "quantity", field), f"{field}.quantity")
    useful = _whole(_or(row.get("min_useful"), 0), f"{field}.min_useful")
    if useful > quantity:
        raise RuleError("min_useful_too_large", "No more can be useful than is wanted.", f"{field}.min_useful")
    consent = _or(row.get("tier_tolerance"), False)
    if not isinstance(consent, bool):
        raise RuleError("not_a_boolean", "Write true or false.", f"{field}.tier_tolerance")
    cap, alone, weight = row.get("price_cap"), row.get("stand_alone"), row.get("weight")
    commitment = tiers.Commitment(
        member,
        quantity,
        _moment(_required(row, "committed_at", field), f"{field}.committed_at"),
        _whole(_or(row.get("tolerance"), 0), f"{field}.tolerance"),
        consent,
        None if cap is None else _decimal(cap, 4, f"{field}.price_cap"),
        useful,
        _layers(row.get("layers"), quantity, f"{field}.layers"),
    )
    return commitment, shares.Party(
        member,
        None if weight is None else _whole(weight, f"{field}.weight"),
        None if alone is None else _cents(alone, f"{field}.stand_alone"),
    )


def _layers(value: Any, quantity: int, field: str) -> tuple[Layer, ...]:
    """Optional: parts of the quantity with their own age, for first come, first served."""
    if value is None:
        return ()
    layers = tuple(
        Layer(
            _whole(_required(_object(row, f"{field}[{i}]"), "quantity", f"{field}[{i}]"), f"{field}[{i}].quantity"),
            _moment(_required(row, "committed_at", f"{field}[{i}]"), f"{field}[{i}].committed_at"),
        )
        for i, row in enumerate(_list(value, field))
    )
    if sum(layer.quantity for layer in layers) != quantity:
        raise RuleError("layers_differ", "The layers do not add up to the quantity.", field)
    return layers


def _bill(value: Any) -> Bill | None:
    if value is None:
        return None
    row = _object(value, "supplier_invoice")
    return Bill(
        _cents(_required(row, "goods", "supplier_invoice"), "supplier_invoice.goods"),
        _cents(_or(row.get("freight"), "0.00"), "supplier_invoice.freight"),
        _cents(_or(row.get("discount"), "0.00"), "supplier_invoice.discount"),
    )


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _required(row: Mapping[str, Any], key: str, inside: str = "") -> Any:
    if row.get(key) is None:
        raise RuleError("required", "This is missing.", f"{inside}.{key}" if inside else key)
    return row[key]


def _object(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise RuleError("not_an_object", "An object is expected here.", field)
    return value


def _list(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise RuleError("not_a_list", "A list is expected here.", field)
    return value


def _whole(value: Any, field: str, *, least: int = 0, most: int = MOST_UNITS) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuleError("not_a_whole_number", "Write a whole number of smallest units.", field)
    if not least <= value <= most:
        raise RuleError("out_of_range", f"The number must be between {least} and {most}.", field)
    return value


def _decimal(value: Any, places: int, field: str) -> int:
    """A decimal string in euros as an integer of its last place."""
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise RuleError("not_an_amount", 'Write an amount in euros as text, for example "12.50".', field)
    scaled = Decimal(value).scaleb(places)
    if scaled != scaled.to_integral_value():
        raise RuleError("too_many_decimals", f"At most {places} decimals.", field)
    if not 0 <= scaled <= MOST_CENTS:
        raise RuleError("out_of_range", "The amount is negative or too large.", field)
    return int(scaled)


def _cents(value: Any, field: str) -> int:
    return _decimal(value, 2, field)


def _choice(value: Any, allowed: tuple[str, ...], field: str) -> str:
    if value not in allowed or not isinstance(value, str):
        raise RuleError("unknown_choice", f"Choose one of {', '.join(allowed)}.", field)
    return value


def _moment(value: Any, field: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        naive = at.utcoffset() is None
        at = at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise RuleError("not_a_time", "Write a time as ISO 8601 with offset.", field) from None
    if naive:
        raise RuleError("no_offset", "Write the time with its offset, for example +01:00.", field)
    return at


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
