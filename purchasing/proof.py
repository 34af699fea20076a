"""The proof sheet: every share with its source and the rule in words. It shows one company's own figures only (I13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Sum
from django.utils.translation import gettext as _

from companies.models import Company
from companies.money import euros
from purchasing.models import CostShare, Pool, SupplierInvoice
from purchasing.rules.hints import FEW
from purchasing.states import SupplierInvoiceState

SHARED = (SupplierInvoiceState.SHARED, SupplierInvoiceState.INVOICED)


@dataclass(frozen=True, slots=True)
class Step:
    source: str
    rule: str
    share: CostShare
    total_cents: int
    weights: int | None

    @property
    def cents(self) -> int:
        return self.share.net_cents


@dataclass(frozen=True, slots=True)
class Document:
    invoice: SupplierInvoice
    steps: list[Step]
    net_cents: int
    vat_cents: int

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents


def of(pool: Pool, company: Company) -> list[Document]:
    """The company's shares of all invoices of a pool that are shared out."""
    found = []
    invoices = SupplierInvoice.objects.filter(order__pool=pool, state__in=SHARED).select_related("supplier")
    for invoice in invoices.order_by("pk"):
        shares = list(invoice.shares.filter(company=company).select_related("line").order_by("line__position", "pk"))
        if shares:
            companies = invoice.shares.values("company").distinct().count()
            weights: dict[int | None, int] = {
                row["line"]: row["total"]
                for row in invoice.shares.values("line").annotate(total=Sum("weight")).order_by()
            }
            steps = [_step(share, weights, companies) for share in shares]
            net, vat = sum(s.net_cents for s in shares), sum(s.vat_cents for s in shares)
            found.append(Document(invoice, steps, net, vat))
    return found


def _step(share: CostShare, weights: Mapping[int | None, int], companies: int) -> Step:
    """With few companies the sum of the weights would give a quantity away: the rule is said, the sum is not."""
    total = share.line.net_cents if share.line else share.net_cents
    base = weights.get(share.line_id, 0) if companies > FEW else None
    return Step(_source(share), _rule(share, total, base), share, total, base)


def _source(share: CostShare) -> str:
    return share.line.text if share.line else str(share.get_kind_display())


def _rule(share: CostShare, total: int, base: int | None) -> str:
    amount = euros(total).replace(".", ",")
    values = {"weight": share.weight, "base": base, "total": amount}
    if share.kind == CostShare.Kind.FEE:
        return _("Fee of the association on your net share.")
    if share.kind == CostShare.Kind.FAIRNESS:
        if share.net_cents < 0:
            return _("You never pay more than buying alone: this is what the others carry for you.")
        return _("Nobody pays more than alone; you carry part of this in proportion to what you save.")
    if share.rule == Pool.Freight.EQUAL:
        text = _("%(total)s € in equal parts.") % values
    elif share.rule == "value":
        text = _("%(total)s € in proportion to the value of the goods.") % values
    elif share.rule == Pool.Freight.WEIGHT:
        text = _("%(total)s € in proportion to the weight of the goods.") % values
    elif base is None:
        text = _("%(total)s € in proportion to the units received; you received %(weight)s.") % values
    else:
        text = _("%(total)s € × %(weight)s of %(base)s units received.") % values
    if share.rank:
        text += " " + _("One cent of the rounding is yours (place %(rank)s in the queue).") % {"rank": share.rank}
    return text


@dataclass(frozen=True, slots=True)
class Row:
    company: Company
    by_kind: dict[str, int]
    net_cents: int
    vat_cents: int

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents


@dataclass(frozen=True, slots=True)
class Table:
    kinds: list[tuple[str, str]]
    rows: list[Row]
    net_cents: int
    vat_cents: int

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents


def table(invoice: SupplierInvoice) -> Table:
    """All companies of one invoice side by side, for the association's staff."""
    shares: Sequence[CostShare] = list(invoice.shares.select_related("company").order_by("company__name", "pk"))
    used = {share.kind for share in shares}
    kinds = [(str(value), str(label)) for value, label in CostShare.Kind.choices if value in used]
    rows: dict[int, list[CostShare]] = {}
    for share in shares:
        rows.setdefault(share.company_id, []).append(share)
    built = [
        Row(
            held[0].company,
            {kind: sum(s.net_cents for s in held if s.kind == kind) for kind, _label in kinds},
            sum(s.net_cents for s in held),
            sum(s.vat_cents for s in held),
        )
        for held in rows.values()
    ]
    return Table(kinds, built, sum(r.net_cents for r in built), sum(r.vat_cents for r in built))
