"""What the commitment page shows: each line as this company may see it, and about what it would pay (I13).

Many lines come in pages: the company's own lines first, so that the last evening begins with what concerns it.
"""

from dataclasses import dataclass, field
from typing import Any

from django.core.paginator import Page
from django.db.models import Sum, prefetch_related_objects
from django.http import HttpRequest
from django.utils import timezone

from companies.models import Company
from purchasing.forms_back import CommitForm
from purchasing.models import Commitment, Pool, PooledNeed
from purchasing.rules import hints
from purchasing.services import budget as budgets
from purchasing.services import commitment as service
from purchasing.services import progress
from purchasing.services import standing as standings
from purchasing.services.standing import LineStanding, Said, Standing
from purchasing.services.winners import winning_ids
from purchasing.states import CommitmentState, PoolState
from purchasing.views.doors import reader
from purchasing.views.pages_of_lines import PER_PAGE, numbers_of

SPEAKING = (PoolState.COMMITTING, PoolState.COMPLETING)
WHOLE = 50  # a pool of so many lines is one page, with the bill of all of it; larger ones are read in smaller pages


@dataclass(slots=True)
class LinePage:
    """One line: its terms, how far it is, what the company said and what it would pay for it."""

    row: LineStanding
    view: progress.View
    form: CommitForm
    commitment: Commitment | None
    needed: int
    firm: int
    bill: progress.LineBill | None = None

    @property
    def own(self) -> bool:
        """Whether the company has a need or a word here."""
        return bool(self.needed) or self.commitment is not None or bool(self.form.is_bound and self.form.has_changed())

    @property
    def opened(self) -> bool:
        """Whether the rarer choices are shown at once: something was chosen or refused there."""
        names = ("price_cap", "min_useful", "tolerance_tier", "site", "cost_centre")
        return any(name in self.form.errors or self.form.initial.get(name) for name in names)

    @property
    def percent(self) -> int:
        """How full the bar is towards the threshold named beside it; the low end of a band."""
        return next((step.progress.from_percent for step in self.view.steps if not step.progress.complete), 100)

    @property
    def tiers(self) -> list[dict[str, Any]]:
        now = self.view.price_e4
        return [
            {"from_qty": t.from_quantity, "unit_price_e4": t.unit_price_e4, "now": t.unit_price_e4 == now}
            for t in self.row.terms.tiers
        ]

    @property
    def buy_up(self) -> hints.BuyUp | None:
        return self.view.buy_ups[0] if self.view.buy_ups else None

    @property
    def saves(self) -> int:
        """Cents a larger order would save, for the hint."""
        return self.buy_up.saves_e4 // 100 if self.buy_up else 0

    @property
    def can_withdraw(self) -> bool:
        row = self.commitment
        return row is not None and row.state in (*service.HELD, CommitmentState.DRAFT) and not self.firm


@dataclass(slots=True)
class CommitPage:
    company: Company
    pool: Pool
    lines: list[LinePage]
    mine: dict[int, Commitment]
    numbers: Page[int]
    whole: bool
    standing: Standing
    bill: progress.Bill | None = None
    said: progress.Bill | None = None  # of what was said, without what is typed or proposed
    freights: list[progress.Freight] = field(default_factory=list)

    @property
    def forms(self) -> list[CommitForm]:
        return [line.form for line in self.lines]

    @property
    def own(self) -> list[LinePage]:
        """What concerns the company; all lines when none does."""
        return [line for line in self.lines if line.own] or self.lines

    @property
    def others(self) -> list[LinePage]:
        own = self.own
        return [line for line in self.lines if line not in own] if len(own) < len(self.lines) else []

    def is_valid(self) -> bool:
        return all(form.is_valid() for form in self.forms)  # all of them, so that every mistake is shown at once

    def imagine(self) -> None:
        """The bill and the thresholds with what is typed or proposed; a field that cannot be read keeps what was said."""
        words: dict[int, Said | None] = {}
        for line in self.lines:
            if line.form.is_bound and not line.form.is_valid():
                continue
            word, held = line.form.word(), line.commitment
            firm = held is not None and held.state in service.HELD
            if word is None:
                if not firm:
                    words[line.row.line.pk] = None
                continue
            words[line.row.line.pk] = _imagined(self.company, line, word)
        standing = self.standing if self.whole else standings.read(self.pool, waiting_of=self.company)
        changed = frozenset(pk for pk, word in words.items() if word is not None and _differs(word, self.mine.get(pk)))
        standing = standings.imagine(standing, self.company, words)
        self.bill = progress.bill(standing, self.company, changed=changed)
        self.freights = progress.freights(standing, self.company)
        for line in self.lines:
            row = standing.line(line.row.line.pk)
            line.bill = self.bill.lines.get(line.row.line.pk)
            if row is not None and progress.is_exact(row, self.company):
                line.view = progress.view_for(standing, row, self.company)


def _imagined(company: Company, line: LinePage, word: service.Word) -> Said:
    """A word that is not kept; what is new comes after everything that was said."""
    held = line.commitment
    age = held.committed_at if held is not None and held.committed_at else timezone.now()
    layers = standings.layers_of(held.versions.all()) if held and held.version > 1 else ()
    return Said(
        standings.key_of(held.pk if held else None), word.quantity, word.tolerance, word.tolerance_tier,
        word.price_cap_e4, min(word.min_useful, word.quantity), held.pk if held else 0, line.row.line.pk, company.pk,
        None, "", None, None, None, age, standings.aged(layers, word.quantity),
    )  # fmt: skip


def _differs(word: Said, held: Commitment | None) -> bool:
    if held is None or held.state not in service.HELD:
        return True
    before = (held.quantity, held.tolerance, held.tolerance_tier, held.price_cap_e4, held.min_useful)
    return before != (word.quantity, word.tolerance, word.tier_tolerance, word.price_cap_e4, word.min_useful)


def build(request: HttpRequest, company: Company, pool: Pool) -> CommitPage:
    """Read one page of lines with a constant number of queries."""
    user = reader(request)
    said = Commitment.objects.visible_to(user).filter(pool_line__pool=pool, company=company)
    mine = {c.pool_line_id: c for c in said}
    needs = _needs(pool, company)
    ids = winning_ids(pool)
    ordered = sorted(ids, key=lambda pk: not (pk in needs or pk in mine))
    whole = len(ids) <= WHOLE
    numbers = numbers_of(request, ordered, WHOLE if whole else PER_PAGE)
    shown = list(numbers.object_list)
    prefetch_related_objects([mine[pk] for pk in shown if pk in mine], "versions")
    standing = standings.read(pool, waiting_of=company, lines=None if whole else shown)
    sites = {site.pk: site for site in company.sites.order_by("name")}
    centres = budgets.centres(company, timezone.localdate(standings.deadline_of(pool) or timezone.now()))
    data = request.POST if request.method == "POST" else None
    now = timezone.now()
    lines = []
    for row in sorted(standing.lines, key=lambda row: shown.index(row.line.pk)):
        held, need = mine.get(row.line.pk), needs.get(row.line.pk, 0)
        form = CommitForm(data, line=row.line, sites=sites, row=held, centres=centres, need=need)
        view = progress.view_for(standing, row, company)
        lines.append(LinePage(row, view, form, held, need, service.firm_quantity(held, at=now)))
    page = CommitPage(company, pool, lines, mine, numbers, whole, standing)
    if whole:
        page.bill = page.said = progress.bill(standing, company)
        page.freights = progress.freights(standing, company)
        for line in lines:
            line.bill = page.bill.lines.get(line.row.line.pk)
    return page


def _needs(pool: Pool, company: Company) -> dict[int, int]:
    """What the company said it needs, by pool line."""
    rows = PooledNeed.objects.filter(pool_line__pool=pool, company=company, released_at__isnull=True)
    return dict(rows.order_by().values_list("pool_line").annotate(total=Sum("quantity")))
