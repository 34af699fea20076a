"""Where a pool stands: what would be ordered now, at which price, and about what it would cost each company."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Prefetch, Q, Sum

from companies.models import Company
from companies.money import line_total
from purchasing.comparison import terms_of
from purchasing.models import Commitment, CommitmentVersion, Pool, PoolLine, Quote
from purchasing.rules import hints, shares
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
    """How the rules call a commitment: sorts like its number, the last tie-breaker."""
    return f"{commitment.pk:012d}"


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
    """A commitment as the rules read it."""
    layers = layers_of(commitment.versions.all())
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


def commitments_of(pool: Pool, *, waiting_of: Company | None = None) -> list[Commitment]:
    """The firm commitments of a pool; with those of one company that still wait for approval."""
    states = Q(state__in=[CommitmentState.COMMITTED, CommitmentState.LOCKED])
    if waiting_of is not None:
        states |= Q(state=CommitmentState.TO_APPROVE, company=waiting_of)
    versions = Prefetch("versions", queryset=CommitmentVersion.objects.order_by("number"))
    return list(
        Commitment.objects.filter(states, pool_line__pool=pool)
        .select_related("company", "committed_by")
        .prefetch_related(versions)
        .order_by("pk")
    )


def read(
    pool: Pool,
    *,
    waiting_of: Company | None = None,
    without: Collection[int] = (),
    strict: bool | None = None,
) -> Standing:
    """What the pool would order now. `without` leaves commitments out; `strict` refuses to round down."""
    if strict is None:
        strict = pool.minimum_missed != Pool.MinimumMissed.ROUND_DOWN
    rows = [c for c in commitments_of(pool, waiting_of=waiting_of) if c.pk not in without]
    by_line: dict[int, list[Commitment]] = {}
    for row in rows:
        by_line.setdefault(row.pool_line_id, []).append(row)
    lines = []
    for won in winning_lines(pool):
        held = by_line.get(won.pool_line_id, [])
        terms = terms_of(won.quote_line)
        outcome = settle(
            terms,
            [as_word(c) for c in held],
            minimum_missed=FAIL if strict else ROUND_DOWN,
            shortage=pool.shortage,
        )
        lines.append(LineStanding(won.pool_line, won.quote_line.quote, terms, held, outcome))
    return Standing(pool, lines)


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
            [shares.Party(str(pk), weight_of(lines, pk)) for pk in companies],
            goods,
            [shares.Charge("freight", shares.FREIGHT, freight)],
            freight=standing.pool.freight,
        )
        for pk in companies:
            totals[pk] = totals.get(pk, 0) + sum(statement.net[str(pk)].values())
    return totals


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


@dataclass(frozen=True, slots=True)
class Step:
    """A threshold a buyer may look at: reached or not, and how far."""

    kind: str  # pack | minimum | tier | supplier_minimum | franco
    progress: hints.Progress
    unit_price_e4: int | None = None
    cents: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """What one company may know of a line: thresholds in bands when few take part (I13)."""

    standing: LineStanding
    companies: int
    price_e4: int | None
    steps: tuple[Step, ...]
    buy_ups: tuple[hints.BuyUp, ...]
    exact: bool


def view_for(standing: Standing, row: LineStanding, company: Company | None) -> View:
    """The line as `company` may see it; staff (None) see exact figures."""
    others = {c.company_id for c in row.commitments} - ({company.pk} if company else set())
    members = hints.FEW + 1 if company is None else len(others) + 1
    wanted = sum(c.quantity for c in row.commitments)
    steps = [Step("pack", hints.progress(wanted, _next_pack(row), members=members))] if row.terms.pack > 1 else []
    if row.terms.least > 1:
        steps.append(Step("minimum", hints.progress(wanted, row.terms.least, members=members)))
    for tier in row.terms.tiers[1:]:
        done = hints.progress(wanted, tier.from_quantity, members=members)
        steps.append(Step("tier", done, tier.unit_price_e4))
    exact = members > hints.FEW
    price = row.outcome.tier.unit_price_e4 if row.outcome.tier else None
    ups = tuple(hints.buy_up(row.terms, row.outcome.ordered))
    return View(row, len({c.company_id for c in row.commitments}), price, tuple(steps), ups, exact)


def _next_pack(row: LineStanding) -> int:
    wanted = max(1, sum(c.quantity for c in row.commitments))
    return -(-wanted // row.terms.pack) * row.terms.pack


def what_if(row: LineStanding, commitment: Commitment | None, word: Word, pool: Pool) -> Outcome:
    """What the line would order if this company said `word` instead of what it says now."""
    rest = [as_word(c) for c in row.commitments if commitment is None or c.pk != commitment.pk]
    member = key(commitment) if commitment else "999999999999"
    return settle(
        row.terms,
        [*rest, replace(word, member=member)],
        minimum_missed=ROUND_DOWN if pool.minimum_missed == Pool.MinimumMissed.ROUND_DOWN else FAIL,
        shortage=pool.shortage,
    )


def needs_quantity(line: PoolLine, company: Company) -> int:
    """What the company said it needs of a line."""
    rows = line.needs.filter(company=company, released_at__isnull=True)
    return rows.aggregate(total=Sum("quantity"))["total"] or 0


def deadline_of(pool: Pool) -> datetime | None:
    """Until when a company may still say something: the closing, then the completion of packs."""
    if pool.state == "completing":
        return pool.completes_at
    return pool.closes_at
