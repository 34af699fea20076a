"""What pooling saved: what the goods cost in all, against the price each company had written into its request."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, ExtractYear, NullIf

from companies.models import Company
from companies.money import share
from purchasing.models import Category, ClaimCredit, Commitment, CostShare, Pool, PooledNeed, PurchaseOrder, StandAlone
from purchasing.services.three_way import all_billed
from purchasing.states import CommitmentState, OrderState, SupplierInvoiceState

SHARED = (SupplierInvoiceState.SHARED, SupplierInvoiceState.INVOICED)


@dataclass(frozen=True, slots=True)
class Figure:
    """Net cents over some pools: paid where there is a reference, that reference, and paid where there is none."""

    label: str
    paid_cents: int = 0
    reference_cents: int = 0
    unknown_cents: int = 0
    lines: int = 0
    unknown_lines: int = 0

    @property
    def saved_cents(self) -> int:
        return self.reference_cents - self.paid_cents

    @property
    def saved_bp(self) -> int | None:
        """The saving in hundredths of a percent of the reference; None without reference."""
        return round(self.saved_cents * 10_000 / self.reference_cents) if self.reference_cents else None


@dataclass(frozen=True, slots=True)
class Line:
    """One company's goods of one pool line on one supplier invoice, landed: its part of freight, discount, fee included."""

    pool_id: int
    pool: str
    company_id: int
    company: str
    category: str
    year: int
    text: str
    quantity: int
    paid_cents: int
    reference_cents: int | None


def lines(company: Company | None = None, year: int | None = None) -> list[Line]:
    """Every settled line of a company, or of all, in four queries. Credits of claims are taken off what was paid."""
    shares = CostShare.objects.filter(invoice__state__in=SHARED)
    if company is not None:
        shares = shares.filter(company=company)
    if year is not None:
        shares = shares.filter(invoice__issued_on__year=year)
    goods = _goods(shares)
    extras = _extras(shares, company)
    references = _references(company)
    together: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in goods:
        together.setdefault((row["invoice"], row["company"]), []).append(row)
    credited = _credits(company)
    found = []
    for (invoice, buyer), rows in sorted(together.items()):
        order = rows[0]["invoice__order"]
        extra = extras.get((invoice, buyer), 0) - credited.pop((order, buyer), 0)
        weights = [max(0, row["net"]) for row in rows]
        parts = share(extra, weights) if any(weights) else [0] * len(rows)
        found += [_line(row, part, references) for row, part in zip(rows, parts, strict=True)]
    return found


def _goods(shares: QuerySet[CostShare]) -> list[dict[str, Any]]:
    rows = shares.filter(kind=CostShare.Kind.GOODS, net_cents__gt=0).annotate(
        pool_line=F("line__order_line__pool_line"),
        text=F("line__order_line__pool_line__text"),
        category=Coalesce(
            NullIf(F("line__order_line__pool_line__article__category"), Value("")), F("invoice__order__pool__category")
        ),
        year=ExtractYear("invoice__issued_on"),
        pool=F("invoice__order__pool"),
        title=F("invoice__order__pool__title"),
        name=F("company__name"),
    )
    names = ("invoice", "invoice__order", "company", "name", "pool", "title", "pool_line", "text", "category", "year")
    grouped = rows.values(*names).annotate(net=Sum("net_cents"), units=Sum("quantity"))
    return list(grouped.order_by("invoice", "company", "pool_line"))


def _extras(shares: QuerySet[CostShare], company: Company | None) -> dict[tuple[int, int], int]:
    """Freight, discount, equalisation and fee by invoice and company."""
    rows = shares.exclude(kind=CostShare.Kind.GOODS).values_list("invoice", "company")
    return {(i, c): cents for i, c, cents in rows.annotate(net=Sum("net_cents")).order_by()}


def _credits(company: Company | None) -> dict[tuple[int, int], int]:
    rows = ClaimCredit.objects.all() if company is None else ClaimCredit.objects.filter(company=company)
    grouped = rows.values_list("claim__order", "company").annotate(net=Sum("net_cents")).order_by()
    return {(order, buyer): cents for order, buyer, cents in grouped}


def _references(company: Company | None) -> dict[tuple[int, int], tuple[int, int]]:
    """By pool line and company: the sum of quantity × reference price in ten-thousandths, and the quantity."""
    # The price on a call-off is the agreement's own: against itself nothing is saved, and freight would count as a loss.
    needs = PooledNeed.objects.filter(
        released_at__isnull=True, request_line__ref_price_e4__isnull=False, pool_line__pool__only_company__isnull=True
    )
    if company is not None:
        needs = needs.filter(company=company)
    rows = needs.values_list("pool_line", "company").annotate(
        worth=Sum(F("quantity") * F("request_line__ref_price_e4")), units=Sum("quantity")
    )
    return {(line, buyer): (worth, units) for line, buyer, worth, units in rows.order_by()}


def _line(row: dict[str, Any], extra: int, references: dict[tuple[int, int], tuple[int, int]]) -> Line:
    known = references.get((row["pool_line"], row["company"]))
    units = row["units"] or 0
    reference = None
    if known and known[1]:
        # units × average price in ten-thousandths, to cents, half up
        reference = (2 * units * known[0] + known[1] * 100) // (2 * known[1] * 100)
    return Line(
        row["pool"],
        row["title"],
        row["company"],
        row["name"],
        row["category"] or "",
        row["year"],
        row["text"],
        units,
        row["net"] + extra,
        reference,
    )


def total(rows: Iterable[Line], label: str = "") -> Figure:
    """All lines as one figure."""
    figure = Figure(label)
    for row in rows:
        if row.reference_cents is None:
            figure = replace(
                figure,
                unknown_cents=figure.unknown_cents + row.paid_cents,
                unknown_lines=figure.unknown_lines + 1,
                lines=figure.lines + 1,
            )
        else:
            figure = replace(
                figure,
                paid_cents=figure.paid_cents + row.paid_cents,
                reference_cents=figure.reference_cents + row.reference_cents,
                lines=figure.lines + 1,
            )
    return figure


def grouped(rows: Iterable[Line], key: Callable[[Line], Any], label: Callable[[Line], str]) -> list[Figure]:
    """Figures by group, the largest saving first."""
    groups: dict[Any, list[Line]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    figures = [total(held, label(held[0])) for held in groups.values()]
    return sorted(figures, key=lambda figure: (-figure.saved_cents, figure.label))


def by_category(rows: Iterable[Line]) -> list[Figure]:
    words: dict[str, Any] = dict(Category.choices)
    return grouped(rows, lambda row: row.category, lambda row: str(words.get(row.category, "–")))


def by_year(rows: Iterable[Line]) -> list[Figure]:
    return sorted(grouped(rows, lambda row: row.year, lambda row: str(row.year)), key=lambda figure: figure.label)


def by_pool(rows: Iterable[Line]) -> list[Figure]:
    return grouped(rows, lambda row: row.pool_id, lambda row: row.pool)


def by_company(rows: Iterable[Line]) -> list[Figure]:
    return grouped(rows, lambda row: row.company_id, lambda row: row.company)


class Alone(NamedTuple):
    """What a company would have paid alone at the same quotes for the units it got, and what it paid in the pool, net.

    `proven`: the first is the optimum; False: alone at least so much; None: nobody knows how sure it is.
    """

    alone: int
    pooled: int
    proven: bool | None = None
    short: bool = False  # about what came, for less came than was granted

    @property
    def kept(self) -> bool:
        """Whether the promise holds. It can fail where all together paid more than everybody alone would have."""
        return self.pooled <= self.alone


def of_pool(company: Company, pool: Pool) -> Alone | None:
    """`alone`, where the pool promises that nobody pays more than that."""
    return alone(company, pool.pk) if pool.fairness == Pool.Fairness.STAND_ALONE_CAP else None


def alone(company: Company, pool_id: int) -> Alone | None:
    """The promise in figures; None when nobody knows them.

    It is about the units that came, and said once every order of the pool is shared.
    """
    held = Commitment.objects.filter(company=company, pool_line__pool=pool_id, state=CommitmentState.LOCKED)
    rows = list(
        held.annotate(got=Sum("allocations__quantity")).values_list(
            "stand_alone_cents", "alone_received_cents", "granted", "got"
        )
    )
    short = any((got or 0) < (granted or 0) for _one, _two, granted, got in rows)
    prices = [received if received is not None else whole for whole, received, _granted, _got in rows]
    unknown = any(
        (got or 0) < (granted or 0) and received is None for _whole, received, granted, got in rows
    )  # less came, and alone nobody sells so little
    if not rows or unknown or any(cents is None for cents in prices):
        return None
    orders = PurchaseOrder.objects.filter(pool=pool_id).exclude(state=OrderState.CANCELLED)
    shared = orders.filter(supplier_invoices__state__in=SHARED).distinct()
    if shared.count() != orders.count() or any(_billed_in_part(order) for order in shared):
        return None
    paid = CostShare.objects.filter(invoice__order__pool=pool_id, invoice__state__in=SHARED, company=company)
    net = paid.exclude(kind=CostShare.Kind.FEE).aggregate(total=Sum("net_cents"))["total"]
    if net is None:
        return None
    proven = StandAlone.objects.filter(pool=pool_id, company=company).values_list("proven", flat=True).first()
    return Alone(sum(cents or 0 for cents in prices), net, False if short and proven is not None else proven, short)


def _billed_in_part(order: PurchaseOrder) -> bool:
    """Whether more invoices of an order are awaited, or one is not shared out yet."""
    if order.state == OrderState.CLOSED:
        return False
    return order.supplier_invoices.exclude(state__in=SHARED).exists() or not all_billed(order)
