"""Quotes side by side: what each would cost, landed, at the pooled volume and at two others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from purchasing.models import PoolLine, Quote, QuoteLine, Tender
from purchasing.rules import landed as rule
from purchasing.rules.tiers import Terms, Tier
from purchasing.selectors import current_quotes, pool_lines

# Percent of the pooled volume: some companies leave, all stay, more join.
VOLUMES = (70, 100, 150)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one quote costs at one volume, before VAT."""

    percent: int
    goods_cents: int
    freight_cents: int
    missing_cents: int

    @property
    def total_cents(self) -> int:
        return self.goods_cents + self.freight_cents

    @property
    def reaches_minimum(self) -> bool:
        return self.missing_cents == 0


@dataclass(slots=True)
class Column:
    """One supplier's quote."""

    quote: Quote
    expired: bool
    offered: int
    costs: list[Cost]
    complete: bool
    best: bool = False

    @property
    def supplier(self) -> str:
        return self.quote.invitation.supplier.name

    @property
    def pooled(self) -> Cost:
        return self.costs[VOLUMES.index(100)]


@dataclass(slots=True)
class Cell:
    """One supplier's offer for one line, at the three volumes."""

    quote_line: QuoteLine
    column: Column
    at_volumes: list[rule.Landed]
    best: bool = False

    @property
    def pooled(self) -> rule.Landed:
        return self.at_volumes[VOLUMES.index(100)]

    @property
    def surplus(self) -> int:
        """Units bought only to fill packs or reach the minimum quantity."""
        return self.pooled.ordered - self.pooled.wanted

    @property
    def short(self) -> int:
        available = self.quote_line.available
        return max(0, self.pooled.ordered - available) if available is not None else 0


@dataclass(slots=True)
class Row:
    line: PoolLine
    quantity: int
    cells: list[Cell | None]
    chosen: int | None = None

    @property
    def offered(self) -> int:
        return sum(cell is not None for cell in self.cells)


@dataclass(slots=True)
class Comparison:
    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    volumes: tuple[int, ...] = VOLUMES


def terms_of(line: QuoteLine) -> Terms:
    """A quote line as the rules read it."""
    known: Terms | None = line.__dict__.get("_terms")
    if known is not None:
        return known
    tiers = sorted(line.tiers.all(), key=lambda tier: tier.from_qty)
    terms = Terms(tuple(Tier(t.from_qty, t.unit_price_e4) for t in tiers), pack=line.pack, moq=line.moq)
    if "tiers" in getattr(line, "_prefetched_objects_cache", {}):
        line.__dict__["_terms"] = terms  # asked for thousands of times when each company's cost alone is computed
    return terms


def landed_line(line: QuoteLine, quantity: int) -> rule.Landed:
    """Goods of one line at a volume; freight belongs to the whole quote."""
    return rule.landed(rule.Quote(terms_of(line)), quantity)


def cost_of(quote: Quote, landed: Sequence[rule.Landed], percent: int = 100) -> Cost:
    """Goods, freight and what is missing to the supplier's minimum, for the lines bought from one quote."""
    goods = sum(row.goods_cents for row in landed)
    freight = rule.freight_due(goods, quote.freight_cents, quote.franco_cents)
    return Cost(percent, goods, freight, max(0, quote.minimum_cents - goods))


def scaled(quantity: int, percent: int) -> int:
    """A volume in percent of the pooled one, rounded up so that nobody is left out."""
    return -(-quantity * percent // 100)


def compare(tender: Tender, *, on: date) -> Comparison:
    """Every current quote of an opened tender against every line, at three volumes. Seven queries whatever the size."""
    lines = list(pool_lines(tender.pool))
    quotes = current_quotes(tender)
    result = Comparison(rows=[Row(line, line.asked_quantity, []) for line in lines])
    for quote in quotes:
        offers = {offer.pool_line_id: offer for offer in quote.lines.all() if offer.tiers.all()}
        column = Column(quote, quote.has_expired(on), 0, [], complete=False)
        cells: list[Cell] = []
        for row in result.rows:
            offer = offers.get(row.line.pk)
            if offer is None:
                row.cells.append(None)
                continue
            cell = Cell(offer, column, [landed_line(offer, scaled(row.quantity, p)) for p in VOLUMES])
            row.cells.append(cell)
            cells.append(cell)
        column.offered, column.complete = len(cells), bool(lines) and len(cells) == len(lines)
        column.costs = [cost_of(quote, [c.at_volumes[i] for c in cells], p) for i, p in enumerate(VOLUMES)]
        result.columns.append(column)
    _mark_best(result)
    return result


def _mark_best(comparison: Comparison) -> None:
    whole = [c for c in comparison.columns if c.complete and not c.expired and c.pooled.reaches_minimum]
    if whole:
        min(whole, key=lambda c: c.pooled.total_cents).best = True
    for row in comparison.rows:
        usable = [cell for cell in row.cells if cell is not None and not cell.column.expired and not cell.short]
        if usable:
            min(usable, key=lambda cell: cell.pooled.goods_cents).best = True


def suggestion(comparison: Comparison) -> dict[int, int]:
    """What the page ticks beforehand: the cheapest complete quote, else the cheapest offer of each line."""
    best = next((column for column in comparison.columns if column.best), None)
    chosen: dict[int, int] = {}
    for row in comparison.rows:
        for cell in row.cells:
            if cell is not None and (cell.column is best if best else cell.best):
                chosen[row.line.pk] = cell.quote_line.pk
    return chosen
