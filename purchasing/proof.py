"""The proof sheet: every share with its source and the rule in words. It shows one company's own figures only (I13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from companies.models import Company
from companies.money import euros, typed, unit_price
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
    amount = typed(euros(total))
    values = {
        "weight": share.weight,
        "base": base,
        "total": amount,
        "euros": typed(euros(share.weight)),
        "all": typed(euros(base or 0)),
    }
    if share.kind == CostShare.Kind.FEE:
        return _("Fee of the association on your net share.")
    if share.kind == CostShare.Kind.FAIRNESS:
        if share.rule[-1:].isdigit():
            return _(
                "%(percent)s\u00a0%% of the saving goes in proportion to the price alone: this is what it moves for you."
            ) % {"percent": share.rule.rsplit("_", 1)[1]}
        if share.net_cents < 0:
            return _("You never pay more than buying alone: this is what the others carry for you.")
        return _("Nobody pays more than alone; you carry part of this in proportion to what you save.")
    text = _how(share, values, base)
    if base:
        text += " " + _("Exactly %(exact)s €.") % {"exact": exact(total, share.weight, base)}
    if share.rank:
        text += " " + _("One cent of the rounding is yours (place %(rank)s in the queue).") % {"rank": share.rank}
    return text


def _how(share: CostShare, values: dict[str, Any], base: int | None) -> str:
    """The rule in words; with few companies the sum of the weights would give one away and is left out."""
    if share.rule == Pool.Freight.EQUAL:
        return _("%(total)s € in equal parts.") % values
    if base is None:
        words = {
            "value": _("%(total)s € in proportion to the value of the goods; yours are worth %(euros)s €."),
            Pool.Freight.WEIGHT: _("%(total)s € in proportion to the weight of the goods; yours weigh %(weight)s g."),
            Pool.Freight.DROP_POINT: _("%(total)s € by delivery place; you have %(weight)s."),
        }
        units = _("%(total)s € in proportion to the units received that this invoice bills; yours are %(weight)s.")
    else:
        words = {
            "value": _("%(total)s € × %(euros)s € of %(all)s € of goods."),
            Pool.Freight.WEIGHT: _("%(total)s € × %(weight)s g of %(base)s g."),
            Pool.Freight.DROP_POINT: _("%(total)s € × %(weight)s of %(base)s delivery places."),
        }
        units = _("%(total)s € × %(weight)s of the %(base)s units received that this invoice bills.")
    return words.get(share.rule, units) % values


def exact(total_cents: int, weight: int, base: int) -> str:
    """The unrounded share in euros, cut after four decimals: who has the largest rest gets the next cent.

    >>> exact(12570, 11, 36)
    '38,4083'
    """
    sign = "-" if total_cents < 0 else ""
    return sign + typed(unit_price(abs(total_cents) * weight * 100 // base))


@dataclass(frozen=True, slots=True)
class Row:
    company: Company
    parts: list[tuple[str, int]]  # label of the kind, cents
    net_cents: int
    vat_cents: int

    @property
    def gross_cents(self) -> int:
        return self.net_cents + self.vat_cents


@dataclass(frozen=True, slots=True)
class Table:
    kinds: list[tuple[str, str]]
    rows: list[Row]
    sums: list[tuple[str, int]]
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
            [(label, sum(s.net_cents for s in held if s.kind == kind)) for kind, label in kinds],
            sum(s.net_cents for s in held),
            sum(s.vat_cents for s in held),
        )
        for held in rows.values()
    ]
    sums = [(label, sum(s.net_cents for s in shares if s.kind == kind)) for kind, label in kinds]
    return Table(kinds, built, sums, sum(r.net_cents for r in built), sum(r.vat_cents for r in built))
