"""Where a pool stands: what would be ordered now, at which price, and about what it would cost each company."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Prefetch, Q, prefetch_related_objects

from companies.models import Company
from companies.money import line_total
from purchasing.comparison import terms_of
from purchasing.models import Commitment, CommitmentVersion, Pool, PoolLine, Quote
from purchasing.rules import shares
from purchasing.rules.landed import freight_due
from purchasing.rules.shortage import Claim, Layer
from purchasing.rules.tiers import FAIL, ROUND_DOWN, Outcome, Terms, settle
from purchasing.rules.tiers import Commitment as Word
from purchasing.services.pool import winning_lines
from purchasing.states import CommitmentState


@dataclass(slots=True)
class LineStanding:
    """One line with its winning quote, its firm commitments and what the rules make of them."""

    line: PoolLine
    quote: Quote
    terms: Terms
    commitments: list[Commitment]
    outcome: Outcome

    @property
    def goods_cents(self) -> int:
        price = self.outcome.tier.unit_price_e4 if self.outcome.tier else 0
        return line_total(self.outcome.ordered, price)

    def granted(self, commitment: Commitment) -> int:
        return self.outcome.granted[key(commitment)]


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


def key(commitment: Commitment) -> str:
    """How the rules call a commitment: sorts like its number, the last tie-breaker; one not saved yet comes last."""
    return f"{commitment.pk or 999_999_999_999:012d}"


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


def as_word(commitment: Commitment) -> Word:
    """A commitment as the rules read it. A word that was said once is as old as itself: its versions are not read."""
    at = commitment.committed_at
    assert at is not None
    layers = layers_of(commitment.versions.all()) if commitment.version > 1 and commitment.pk else ()
    return Word(
        key(commitment),
        commitment.quantity,
        at,
        commitment.tolerance,
        commitment.tolerance_tier,
        commitment.price_cap_e4,
        min(commitment.min_useful, commitment.quantity),
        layers if sum(layer.quantity for layer in layers) == commitment.quantity else (),
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
) -> list[Commitment]:
    """The firm commitments of a pool (or of some lines); with those of one company that still wait for approval.

    A constant number of queries; each company is one object, and versions are read only of what was said more than once.
    """
    states = Q(state__in=[CommitmentState.COMMITTED, CommitmentState.LOCKED])
    if waiting_of is not None:
        states |= Q(state=CommitmentState.TO_APPROVE, company=waiting_of)
    of = {"pool_line__pool": pool} if lines is None else {"pool_line__in": lines}
    rows = list(Commitment.objects.filter(states, **of).order_by("pk"))
    companies = Company.objects.in_bulk({row.company_id for row in rows})
    for row in rows:
        row._state.fields_cache["company"] = companies[row.company_id]  # what `row.company =` does, for thousands
    versions = Prefetch("versions", queryset=CommitmentVersion.objects.order_by("number"))
    prefetch_related_objects([row for row in rows if row.version > 1], versions)
    return rows


def read(
    pool: Pool,
    *,
    waiting_of: Company | None = None,
    without: Collection[int] = (),
    strict: bool | None = None,
    lines: Collection[int] | None = None,
    rows: Sequence[Commitment] | None = None,
) -> Standing:
    """What the pool would order now.

    `without` leaves commitments out, `strict` refuses to round down, `lines` reads few, `rows` were read already.
    """
    if strict is None:
        strict = pool.minimum_missed != Pool.MinimumMissed.ROUND_DOWN
    by_line: dict[int, list[Commitment]] = {}
    for row in rows if rows is not None else commitments_of(pool, waiting_of=waiting_of, lines=lines):
        if row.pk not in without:
            by_line.setdefault(row.pool_line_id, []).append(row)
    found = []
    for won in winning_lines(pool, lines):
        held, terms = by_line.get(won.pool_line_id, []), terms_of(won.quote_line)
        outcome = _settle(pool, terms, held, strict=strict)
        found.append(LineStanding(won.pool_line, won.quote_line.quote, terms, held, outcome))
    return Standing(pool, found)


def _settle(pool: Pool, terms: Terms, held: Sequence[Commitment], *, strict: bool) -> Outcome:
    words = [as_word(c) for c in held]
    return settle(terms, words, minimum_missed=FAIL if strict else ROUND_DOWN, shortage=pool.shortage)


def imagine(standing: Standing, company: Company, words: Mapping[int, Commitment | None]) -> Standing:
    """The standing if the company said `words` (unsaved rows by pool line; None: nothing) instead of what it says now."""
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
        companies = sorted({c.company_id for row in lines for c in row.commitments})
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
            [shares.Party(str(pk), weight_of(lines, pk), drops=places_of(lines, pk)) for pk in companies],
            goods,
            [shares.Charge("freight", shares.FREIGHT, freight)],
            freight=standing.pool.freight,
        )
        for pk in companies:
            totals[pk] = totals.get(pk, 0) + sum(statement.net[str(pk)].values())
    return totals


def places_of(lines: Sequence[LineStanding], company_id: int) -> int:
    """How many places of a company its goods go to."""
    return len({c.site_id for row in lines for c in row.commitments if c.company_id == company_id and row.granted(c)})


def weight_of(lines: Sequence[LineStanding], company_id: int) -> int | None:
    """Grams of a company's goods, None when an article has no weight: freight then follows the quantity."""
    total = 0
    for row in lines:
        for c in row.commitments:
            if c.company_id == company_id:
                if row.line.unit_weight_grams is None:
                    return None
                total += row.granted(c) * row.line.unit_weight_grams
    return total


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
