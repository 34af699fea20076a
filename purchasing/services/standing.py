"""Where a pool stands: what would be ordered now, at which price, and about what it would cost each company."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from django.db import connection
from django.db.models import BigIntegerField, CharField, Q, Value
from django.db.models.functions import Cast, Extract, Least, LPad

from companies.models import Company
from companies.money import line_total
from purchasing.models import Commitment, CommitmentVersion, Pool, PoolLine, Quote
from purchasing.rules import shares
from purchasing.rules.landed import freight_due
from purchasing.rules.shortage import Claim, Layer
from purchasing.rules.tiers import FAIL, ROUND_DOWN, Outcome, Terms, settle
from purchasing.rules.tiers import Commitment as Word
from purchasing.services.winners import winning_terms
from purchasing.states import CommitmentState


class Said(NamedTuple):
    """A firm word of a company as the rules read it (`member` is its key). A tuple: a pool has tens of thousands."""

    member: str
    quantity: int
    tolerance: int
    tier_tolerance: bool
    price_cap_e4: int | None
    min_useful: int
    pk: int  # 0: imagined, not kept
    pool_line_id: int
    company_id: int
    site_id: int | None
    cost_centre: str
    committed_by_id: int | None
    approved_by_id: int | None
    approved_cents: int | None
    committed_at: datetime
    layers: tuple[Layer, ...] = ()  # only of what is not all as old as itself


# The same as columns, but for the time, which is read as a number: parsed much faster.
COLUMNS = (
    LPad(Cast("pk", CharField()), 12, Value("0")),  # key
    "quantity",
    "tolerance",
    "tolerance_tier",
    "price_cap_e4",
    Least("min_useful", "quantity"),
    *Said._fields[6:14],
    Cast(Extract("committed_at", "epoch") * 1_000_000, BigIntegerField()),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class LineStanding:
    """One line with its winning quote, its firm commitments and what the rules make of them."""

    line: PoolLine
    quote: Quote
    terms: Terms
    commitments: Sequence[Said]
    outcome: Outcome

    @property
    def goods_cents(self) -> int:
        price = self.outcome.tier.unit_price_e4 if self.outcome.tier else 0
        return line_total(self.outcome.ordered, price)

    def granted(self, commitment: Said) -> int:
        return self.outcome.granted[commitment.member]


@dataclass(slots=True)
class Standing:
    pool: Pool
    lines: list[LineStanding]

    def line(self, pk: int) -> LineStanding | None:
        return next((row for row in self.lines if row.line.pk == pk), None)

    def quotes(self) -> list[Quote]:
        return list({row.quote.pk: row.quote for row in self.lines}.values())

    def goods_of(self, quote: Quote) -> int:
        return sum(row.goods_cents for row in self.lines if row.quote.pk == quote.pk)


def key_of(pk: int | None) -> str:
    """How the rules call a commitment: sorts like its number, the last tie-breaker; one not saved yet comes last."""
    return f"{pk or 999_999_999_999:012d}"


def key(commitment: Commitment) -> str:
    return key_of(commitment.pk)


def layers_of(versions: Iterable[CommitmentVersion]) -> tuple[Layer, ...]:
    """The parts of the present quantity by age: what was taken back and added again is new.

    A withdrawal is a version of zero. Lowering takes the youngest part away first.
    """
    layers: list[Layer] = []
    held = 0
    for version in versions:
        if version.quantity > held:
            layers.append(Layer(version.quantity - held, version.at))
        while version.quantity < held:
            last = layers.pop()
            held -= last.quantity
            if held < version.quantity:
                layers.append(Layer(version.quantity - held, last.at))
                held = version.quantity
        held = version.quantity
    return tuple(layers)


def aged(layers: tuple[Layer, ...], quantity: int) -> tuple[Layer, ...]:
    """The layers of a quantity, none when they do not explain it."""
    return layers if sum(layer.quantity for layer in layers) == quantity else ()


def as_word(commitment: Commitment) -> Word:
    """A commitment as the rules read it. A word that was said once is as old as itself: its versions are not read."""
    at = commitment.committed_at
    assert at is not None
    return Word(
        key(commitment),
        commitment.quantity,
        at,
        commitment.tolerance,
        commitment.tolerance_tier,
        commitment.price_cap_e4,
        min(commitment.min_useful, commitment.quantity),
        aged(layers_of(commitment.versions.all()), commitment.quantity) if commitment.version > 1 else (),
    )


def as_claim(commitment: Commitment, quantity: int) -> Claim:
    """A locked commitment in a shortage: weighed by `quantity`, what it was granted (or wanted, if rounded down)."""
    word = as_word(commitment)
    layers = word.layers
    extra = quantity - sum(layer.quantity for layer in layers)
    if layers and extra > 0:  # tolerance granted on top is as old as the first word
        layers = (*layers, Layer(extra, word.committed_at))
    return Claim(word.member, quantity, word.committed_at, min(word.min_useful, quantity), layers)


def commitments_of(
    pool: Pool, *, waiting_of: Company | None = None, lines: Collection[int] | None = None
) -> list[Said]:
    """The firm words of a pool (or of some lines); with those of one company that still wait for approval.

    Two queries; versions are read only of what was said more than once.
    """
    states = Q(state__in=[CommitmentState.COMMITTED, CommitmentState.LOCKED])
    if waiting_of is not None:
        states |= Q(state=CommitmentState.TO_APPROVE, company=waiting_of)
    of = {"pool_line__pool": pool} if lines is None else {"pool_line__in": lines}
    firm = Commitment.objects.filter(states, **of).order_by("pk")
    again = CommitmentVersion.objects.filter(commitment__in=firm.filter(version__gt=1).order_by())
    versions: dict[int, list[CommitmentVersion]] = {}
    for version in again.only("commitment_id", "number", "quantity", "at").order_by("commitment", "number"):
        versions.setdefault(version.commitment_id, []).append(version)
    layers = {pk: layers_of(rows) for pk, rows in versions.items()}
    moment = cache(lambda microseconds: EPOCH + timedelta(microseconds=microseconds))
    with connection.cursor() as cursor:  # the values as the driver reads them: each is of its type already
        cursor.execute(*firm.values_list(*COLUMNS).query.sql_with_params())
        found = [Said._make((*row[:-1], moment(row[-1]), ())) for row in cursor.fetchall()]
    return [c._replace(layers=aged(layers[c.pk], c.quantity)) if c.pk in layers else c for c in found]


def read(
    pool: Pool,
    *,
    waiting_of: Company | None = None,
    without: Collection[int] = (),
    strict: bool | None = None,
    lines: Collection[int] | None = None,
    rows: Sequence[Said] | None = None,
) -> Standing:
    """What the pool would order now.

    `without` leaves commitments out, `strict` refuses to round down, `lines` reads few, `rows` were read already.
    """
    if strict is None:
        strict = pool.minimum_missed != Pool.MinimumMissed.ROUND_DOWN
    by_line: dict[int, list[Said]] = {}
    for row in rows if rows is not None else commitments_of(pool, waiting_of=waiting_of, lines=lines):
        if row.pk not in without:
            by_line.setdefault(row.pool_line_id, []).append(row)
    found = []
    for won in winning_terms(pool, lines):
        held = by_line.get(won.line.pk, [])
        outcome = _settle(pool, won.terms, held, strict=strict)
        found.append(LineStanding(won.line, won.quote, won.terms, held, outcome))
    return Standing(pool, found)


def _settle(pool: Pool, terms: Terms, held: Sequence[Said], *, strict: bool) -> Outcome:
    return settle(terms, held, minimum_missed=FAIL if strict else ROUND_DOWN, shortage=pool.shortage)


def imagine(standing: Standing, company: Company, words: Mapping[int, Said | None]) -> Standing:
    """The standing if the company said `words` (by pool line; None: nothing) instead of what it says now."""
    strict = standing.pool.minimum_missed != Pool.MinimumMissed.ROUND_DOWN
    lines = []
    for row in standing.lines:
        if row.line.pk in words:
            said = words[row.line.pk]
            held = [c for c in row.commitments if c.company_id != company.pk] + ([said] if said else [])
            outcome = _settle(standing.pool, row.terms, held, strict=strict)
            lines.append(LineStanding(row.line, row.quote, row.terms, held, outcome))
        else:
            lines.append(row)
    return Standing(standing.pool, lines)


def minimum_missing(standing: Standing, quote: Quote) -> int:
    """Cents missing to the supplier's minimum on goods at tier price."""
    return max(0, quote.minimum_cents - standing.goods_of(quote))


def estimates(standing: Standing) -> dict[int, int]:
    """About what each company would pay before VAT, freight included, by company id."""
    totals: dict[int, int] = {}
    for quote in standing.quotes():
        lines = [row for row in standing.lines if row.quote.pk == quote.pk]
        weights, places = _weights_and_places(lines)
        goods = [
            shares.Goods(
                str(row.line.pk),
                row.line.vat_bp,
                row.goods_cents,
                {str(c.company_id): row.granted(c) for c in row.commitments},
            )
            for row in lines
            if row.outcome.ordered
        ]
        if not goods:
            continue
        freight = freight_due(standing.goods_of(quote), quote.freight_cents, quote.franco_cents)
        statement = shares.settle(
            [shares.Party(str(pk), weights[pk], drops=len(places[pk])) for pk in sorted(places)],
            goods,
            [shares.Charge("freight", shares.FREIGHT, freight)],
            freight=standing.pool.freight,
        )
        for pk in places:
            totals[pk] = totals.get(pk, 0) + sum(statement.net[str(pk)].values())
    return totals


def _weights_and_places(lines: Sequence[LineStanding]) -> tuple[dict[int, int | None], dict[int, set[int | None]]]:
    """By company: the grams of its goods, None when an article has no weight (freight then follows the quantity); and
    where they go to."""
    weights: dict[int, int | None] = {}
    places: dict[int, set[int | None]] = {}
    for row in lines:
        each = row.line.unit_weight_grams
        for c in row.commitments:
            given, before = row.granted(c), weights.get(c.company_id, 0)
            weights[c.company_id] = None if each is None or before is None else before + given * each
            there = places.setdefault(c.company_id, set())
            if given:
                there.add(c.site_id)
    return weights, places


def worst_cents(standing: Standing, company: Company) -> int:
    """The most the company could pay before VAT: all tolerance spent, at its cap or the first tier, all freight alone."""
    total = 0
    for row in standing.lines:
        for c in row.commitments:
            if c.company_id == company.pk:
                price = row.terms.tiers[0].unit_price_e4
                if c.price_cap_e4 is not None:
                    price = min(price, c.price_cap_e4)
                total += line_total(c.quantity + c.tolerance, price)
    mine = {row.quote.pk for row in standing.lines for c in row.commitments if c.company_id == company.pk}
    return total + sum(quote.freight_cents for quote in standing.quotes() if quote.pk in mine)


def deadline_of(pool: Pool) -> datetime | None:
    """Until when a company may still say something: the closing, then the completion of packs."""
    if pool.state == "completing":
        return pool.completes_at
    return pool.closes_at
