"""How far a pool is, as one company may know it: thresholds, hints, and about what it would pay (I13)."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from companies.models import Company
from companies.money import line_total
from purchasing.models import Quote
from purchasing.rules import hints
from purchasing.rules.landed import freight_due
from purchasing.rules.tiers import tier_at
from purchasing.services import standing as standings
from purchasing.services.standing import LineStanding, Said, Standing


@dataclass(frozen=True, slots=True)
class Step:
    """A threshold a buyer may look at: reached or not, and how far."""

    kind: str  # pack | minimum | tier
    progress: hints.Progress
    unit_price_e4: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What one company may know of a line: thresholds in bands when few take part (I13)."""

    standing: LineStanding
    companies: int
    price_e4: int | None
    steps: tuple[Step, ...]
    buy_ups: tuple[hints.BuyUp, ...]
    exact: bool

    @property
    def missing(self) -> str:
        """The next threshold in words: exact with many companies, a band with few."""
        return next((words_of(step) for step in self.steps if not step.progress.complete), "")

    @property
    def needs_filling(self) -> bool:
        """Whether a pack or a minimum is still open: what the last evening is about."""
        return any(step.kind in ("pack", "minimum") and not step.progress.complete for step in self.steps)


def words_of(step: Step) -> str:
    if step.progress.missing is None:
        band = {"low": step.progress.from_percent, "high": step.progress.to_percent}
        texts = {
            "pack": _("The next pack is %(low)s–%(high)s %% full."),
            "minimum": _("%(low)s–%(high)s %% of the minimum quantity is reached."),
            "tier": _("%(low)s–%(high)s %% of the next price is reached."),
        }
    else:
        band = {"n": step.progress.missing, "threshold": step.progress.threshold}
        texts = {
            "pack": _("%(n)s more units complete the next pack."),
            "minimum": _("%(n)s more units are needed to reach the minimum of %(threshold)s."),
            "tier": _("%(n)s more units bring the next price."),
        }
    return texts[step.kind] % band


def is_exact(row: LineStanding, company: Company | None) -> bool:
    """Whether exact figures give nobody away: with fewer than three others the reader could subtract."""
    return company is None or len({c.company_id for c in row.commitments} - {company.pk}) >= hints.FEW


def view_for(standing: Standing, row: LineStanding, company: Company | None) -> View:
    """The line as `company` may see it; staff (None) see exact figures."""
    exact = is_exact(row, company)
    members = hints.FEW + 1 if exact else hints.FEW
    wanted = sum(c.quantity for c in row.commitments)
    steps = [Step("pack", hints.progress(wanted, _next_pack(row), members=members))] if row.terms.pack > 1 else []
    if row.terms.least > 1:
        steps.append(Step("minimum", hints.progress(wanted, row.terms.least, members=members)))
    for tier in row.terms.tiers[1:]:
        done = hints.progress(wanted, tier.from_quantity, members=members)
        steps.append(Step("tier", done, tier.unit_price_e4))
    price = row.outcome.tier.unit_price_e4 if row.outcome.tier else None
    ups = tuple(hints.buy_up(row.terms, row.outcome.ordered)) if exact else ()
    return View(row, len({c.company_id for c in row.commitments}), price, tuple(steps), ups, exact)


def _next_pack(row: LineStanding) -> int:
    wanted = max(1, sum(c.quantity for c in row.commitments))
    return -(-wanted // row.terms.pack) * row.terms.pack


@dataclass(frozen=True, slots=True)
class Freight:
    """Freight of one supplier as a company may see it: free, how near to free, or only the threshold."""

    quote: Quote
    free: bool
    near: hints.FrancoHint | None
    progress: hints.Progress

    @property
    def cents(self) -> int:
        return 0 if self.free else self.quote.freight_cents


def freights(standing: Standing, company: Company | None) -> list[Freight]:
    """What freight each supplier asks now; how much is missing to free freight is said only when it gives nobody away."""
    found = []
    for quote in standing.quotes():
        rows = [row for row in standing.lines if row.quote.pk == quote.pk]
        others = {c.company_id for row in rows for c in row.commitments} - ({company.pk} if company else set())
        exact = company is None or len(others) >= hints.FEW
        goods = standing.goods_of(quote)
        due = freight_due(goods, quote.freight_cents, quote.franco_cents)
        near = hints.franco(goods, quote.freight_cents, quote.franco_cents) if exact else None
        done = hints.progress(goods, quote.franco_cents or 0, members=hints.FEW + 1 if exact else hints.FEW)
        free = goods > 0 and not due
        if not exact and company is not None:
            # Whether others bring the pool over the threshold would be found out by trying quantities.
            free = not freight_due(_alone(rows, company), quote.freight_cents, quote.franco_cents)
        found.append(Freight(quote, free, near, done))
    return found


def _alone(rows: list[LineStanding], company: Company) -> int:
    """The value of a company's own goods at the prices of its own quantities."""
    mine = [(row, c) for row in rows for c in row.commitments if c.company_id == company.pk]
    return sum(_line_bill(row, c, hide=True).cents for row, c in mine) or 1


@dataclass(frozen=True, slots=True)
class LineBill:
    """About what one line costs a company now: units for it, unit price, cents; `at_most` when a figure would tell."""

    units: int
    price_e4: int | None
    cents: int
    at_most: bool


@dataclass(frozen=True, slots=True)
class Bill:
    """About what a company would pay before VAT if the pool closed now."""

    lines: dict[int, LineBill]
    goods_cents: int
    total_cents: int
    at_most: bool

    @property
    def count(self) -> int:
        return sum(1 for line in self.lines.values() if line.units)


def bill(standing: Standing, company: Company, *, changed: frozenset[int] = frozenset()) -> Bill:
    """Goods line by line and in all with freight.

    Where fewer than three others take part, trying quantities (`changed` lines) or reading one's exact share of the
    freight would give another's quantity away: the price of the own quantity alone and the whole freight are said
    instead, as the most it can be.
    """
    lines: dict[int, LineBill] = {}
    for row in standing.lines:
        for c in row.commitments:
            if c.company_id == company.pk:
                lines[row.line.pk] = _line_bill(row, c, hide=row.line.pk in changed and not is_exact(row, company))
    goods = sum(line.cents for line in lines.values())
    mine = {row.quote.pk for row in standing.lines if lines.get(row.line.pk)}
    others = {c.company_id for row in standing.lines if row.quote.pk in mine for c in row.commitments} - {company.pk}
    at_most = any(line.at_most for line in lines.values()) or (0 < len(others) < hints.FEW)
    if at_most:
        total = goods + sum(f.cents for f in freights(standing, company) if f.quote.pk in mine)
    else:
        total = standings.estimates(standing).get(company.pk, 0)
    return Bill(lines, goods, total, at_most)


def _line_bill(row: LineStanding, c: Said, *, hide: bool) -> LineBill:
    if hide:
        alone = tier_at(row.terms.tiers, max(c.quantity, row.terms.tiers[0].from_quantity))
        price = alone.unit_price_e4 if alone else row.terms.tiers[0].unit_price_e4
        return LineBill(c.quantity, price, line_total(c.quantity, price), True)
    units = row.granted(c)
    price_now = row.outcome.tier.unit_price_e4 if row.outcome.tier else None
    return LineBill(units, price_now, line_total(units, price_now) if price_now else 0, False)
