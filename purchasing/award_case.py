"""An opened tender as an award problem: its living lines, its current quotes, what a what-if changes.

Each line goes to one supplier (one price per article for all companies), so a quote competes for a line with the packs
that cover it: the pooled quantity rounded up to its packs and minimum, up to the companies' tolerance beyond, never more
than is available. Unit prices are finer than a cent, so the problem counts in hundredths of one where it must.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any

from purchasing.comparison import terms_of
from purchasing.models import PooledNeed, PoolLine, Quote, QuoteLine, Tender
from purchasing.rules import packs as packing
from purchasing.rules.award import Instance, Offer, Product, Scheme, Supplier
from purchasing.rules.award.preference import prefer, reduced
from purchasing.rules.landed import half_up
from purchasing.rules.tiers import Terms, tier_at
from purchasing.selectors import current_quotes, pool_lines

# A unit price is whole ten-thousandths of a euro, that is hundredths of a cent.
SCALE = 100
MOST_PERCENT = 50

EXPIRED, EXCLUDED, NOT_ENOUGH = "expired", "excluded", "not_enough"


@dataclass(frozen=True, slots=True)
class Options:
    """What one study assumes. Suppliers by id; `local_percent` judges local suppliers' goods that much cheaper."""

    exclude: tuple[int, ...] = ()
    max_suppliers: int | None = None
    local_percent: int = 0
    local_postcode: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether nothing is assumed: the cheapest of all quotes."""
        return not (self.exclude or self.max_suppliers or self.local_percent)

    def as_json(self) -> dict[str, Any]:
        return {
            "exclude": list(self.exclude),
            "max_suppliers": self.max_suppliers,
            "local_percent": self.local_percent,
            "local_postcode": self.local_postcode,
        }

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Options":
        return cls(
            tuple(data.get("exclude", ())),
            data.get("max_suppliers"),
            data.get("local_percent", 0),
            data.get("local_postcode", ""),
        )


@dataclass(slots=True)
class Case:
    """One tender under some options. Index → row: `lines` for products, `quotes` for suppliers, `offers` for offers.

    `instance` is priced as quoted, `judged` as preferred. `out` says which offers do not compete, and why.
    """

    instance: Instance
    judged: Instance
    lines: list[PoolLine]
    quotes: list[Quote]
    offers: list[QuoteLine]
    out: dict[int, str] = field(default_factory=dict)  # quote line id → reason
    open_lines: list[PoolLine] = field(default_factory=list)  # nobody can deliver them whole
    all_quotes: list[Quote] = field(default_factory=list)
    fingerprint: str = ""

    def cents(self, amount: int) -> int:
        """An amount of the instance in whole cents, rounded once."""
        return half_up(amount, self.instance.scale)


def is_local(quote: Quote, options: Options) -> bool:
    supplier = quote.invitation.supplier
    near = bool(options.local_postcode) and supplier.postcode.startswith(options.local_postcode)
    return supplier.local or near


def build(tender: Tender, options: Options, *, on: date) -> Case:
    """Read the tender as it is on a day. Raises RuleError when its amounts are beyond what the solver takes."""
    lines = [line for line in pool_lines(tender.pool) if line.asked_quantity]
    quotes = current_quotes(tender)
    spare = tolerances(tender)
    need = {line.pk: line.asked_quantity for line in lines}
    case = assemble(lines, quotes, need, spare, options, on=on)
    case.fingerprint = fingerprint(lines, quotes, spare, on)
    return case


def assemble(
    lines: Sequence[PoolLine],
    quotes: Sequence[Quote],
    need: Mapping[int, int],
    spare: Mapping[int, int],
    options: Options,
    *,
    on: date,
) -> Case:
    """The problem of buying `need` (pool line → quantity) at these quotes, for a pool or for one company alone."""
    case = Case(Instance((), ()), Instance((), ()), [], [], [], all_quotes=list(quotes))
    chosen: dict[int, list[tuple[QuoteLine, Choice]]] = {}
    most: dict[int, int] = {}
    for quote in quotes:
        for offer in quote.lines.all():
            wanted = need.get(offer.pool_line_id, 0)
            if not wanted or not offer.tiers.all():
                continue
            reason = _why_out(quote, options, on)
            competes = choice(offer, wanted, spare.get(offer.pool_line_id, 0))
            if reason or competes is None:
                case.out[offer.pk] = reason or NOT_ENOUGH
                continue
            chosen.setdefault(quote.pk, []).append((offer, competes))
            most[offer.pool_line_id] = max(most.get(offer.pool_line_id, 0), competes.units)
    case.lines = [line for line in lines if line.pk in most]
    case.open_lines = [line for line in lines if line.pk not in most and need.get(line.pk)]
    case.quotes = [quote for quote in quotes if quote.pk in chosen]
    _fill(case, chosen, most, need, options)
    return case


@dataclass(frozen=True, slots=True)
class Choice:
    """How an offer can cover its line: packs of so many units, up to so many, priced by tier from so many units on."""

    pack: int
    packs: int
    starts: tuple[int, ...]
    unit_prices: tuple[int, ...]

    @property
    def units(self) -> int:
        return self.pack * self.packs


def choice(offer: QuoteLine, wanted: int, tolerance: int) -> Choice | None:
    """The packs with which an offer covers `wanted`; None when it has too few."""
    terms = terms_of(offer)
    least = packing.round_up(max(wanted, terms.least), terms.pack)
    most = max(least, (wanted + tolerance) // terms.pack * terms.pack)
    if offer.available is not None:
        most = min(most, offer.available // terms.pack * terms.pack)
    if most < least:
        return None
    if least >= wanted + terms.pack:  # the minimum is above the need: it comes as one parcel
        return Choice(least, 1, (0,), (_price(terms, least),))
    tiers = [t for t in terms.tiers if t.from_quantity <= most]
    return Choice(
        terms.pack,
        most // terms.pack,
        (0, *(t.from_quantity for t in tiers[1:])),
        tuple(t.unit_price_e4 for t in tiers),
    )


def _price(terms: Terms, units: int) -> int:
    tier = tier_at(terms.tiers, units)
    return tier.unit_price_e4 if tier else 0


def _why_out(quote: Quote, options: Options, on: date) -> str:
    if quote.has_expired(on):
        return EXPIRED
    return EXCLUDED if quote.invitation.supplier_id in options.exclude else ""


def _fill(
    case: Case,
    chosen: Mapping[int, list[tuple[QuoteLine, Choice]]],
    most: Mapping[int, int],
    need: Mapping[int, int],
    options: Options,
) -> None:
    index = {line.pk: k for k, line in enumerate(case.lines)}
    products = tuple(
        Product(str(line.pk), need[line.pk], max(0, most[line.pk] - need[line.pk]), 1) for line in case.lines
    )
    suppliers = []
    for i, quote in enumerate(case.quotes):
        rows = chosen[quote.pk]
        first = len(case.offers)
        case.offers += [offer for offer, _choice in rows]
        suppliers.append(
            Supplier(
                str(quote.pk),
                tuple(Scheme("units", c.starts) for _, c in rows),
                tuple(
                    Offer(first + n, i, index[o.pool_line_id], c.pack, c.packs, n, _pack_prices(c))
                    for n, (o, c) in enumerate(rows)
                ),
                min_order_value=quote.minimum_cents * SCALE,
                freight=quote.freight_cents * SCALE,
                franco=None if quote.franco_cents is None else quote.franco_cents * SCALE,
            )
        )
    case.instance = reduced(Instance(products, tuple(suppliers), options.max_suppliers, scale=SCALE))
    near = [i for i, quote in enumerate(case.quotes) if is_local(quote, options)]
    case.judged = prefer(case.instance, near, options.local_percent)


def _pack_prices(choice: Choice) -> tuple[int, ...]:
    return tuple(choice.pack * price for price in choice.unit_prices)


def tolerances(tender: Tender) -> dict[int, int]:
    """Pool line → what its companies would take beyond their need."""
    needs = PooledNeed.objects.filter(pool_line__pool=tender.pool_id, released_at__isnull=True)
    spare: dict[int, int] = {}
    for line, tolerance in needs.values_list("pool_line", "request_line__tolerance"):
        spare[line] = spare.get(line, 0) + tolerance
    return spare


def fingerprint(lines: Sequence[PoolLine], quotes: Sequence[Quote], spare: Mapping[int, int], on: date) -> str:
    """Tells whether a study still speaks of today's lines and quotes. Submitted quotes never change."""
    words = [f"l{line.pk}:{line.asked_quantity}:{spare.get(line.pk, 0)}" for line in lines]
    words += [f"q{quote.pk}:{quote.has_expired(on)}" for quote in sorted(quotes, key=lambda q: q.pk)]
    return sha256(" ".join(words).encode()).hexdigest()
