"""The proof sheet: every share with its source and the rule in words. It shows one company's own figures only (I13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import format_decimal
from django.db.models import Case, Sum, When
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from companies.models import Company
from companies.money import typed, unit_price
from companies.templatetags.ui import percent, quantity
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
            sums = _sums(invoice)
            steps = [_step(share, sums, companies) for share in shares]
            net, vat = sum(s.net_cents for s in shares), sum(s.vat_cents for s in shares)
            found.append(Document(invoice, steps, net, vat))
    return found


def _sums(invoice: SupplierInvoice) -> dict[tuple[int | None, str, bool], tuple[int, int]]:
    """By line, kind and sign of the share: the sum of the weights, and of the cents."""
    groups = invoice.shares.annotate(back=Case(When(net_cents__lt=0, then=True), default=False)).values(
        "line", "kind", "back"
    )
    rows = groups.annotate(weights=Sum("weight"), cents=Sum("net_cents")).order_by()
    return {(row["line"], row["kind"], row["back"]): (row["weights"], row["cents"]) for row in rows}


def _step(share: CostShare, sums: Mapping[tuple[int | None, str, bool], tuple[int, int]], companies: int) -> Step:
    """With few companies the sum of the weights would give a quantity away: the rule is said, the sum is not."""
    weights, cents = sums[share.line_id, share.kind, share.net_cents < 0]
    total = share.line.net_cents if share.line else share.net_cents
    if share.line is None and share.kind == CostShare.Kind.FAIRNESS and share.net_cents >= 0:
        total = cents  # what the guarantee costs in all: those who save carry it
    if share.line is not None:  # a discount or a credit has shares of both signs where a line has goods of both
        weights = sum(found for (line, _kind, _back), (found, _cents) in sums.items() if line == share.line_id)
    base = weights if companies > FEW and share.kind != CostShare.Kind.FEE else None
    return Step(_source(share), _rule(share, total, base), share, total, base)


def _source(share: CostShare) -> str:
    return share.line.text if share.line else str(share.get_kind_display())


def _rule(share: CostShare, total: int, base: int | None) -> str:
    values = {
        "weight": quantity(share.weight),
        "base": quantity(base),
        "total": figure(total),
        "euros": figure(share.weight),
        "all": figure(base or 0),
    }
    if share.kind == CostShare.Kind.FEE:
        rate = share.rule.removeprefix("fee_")
        return _("Fee of the association: %(rate)s of your net share of %(net)s €.") % {
            "rate": percent(int(rate)) if rate.isdigit() else "",
            "net": figure(share.weight),
        }
    if share.kind == CostShare.Kind.FAIRNESS:
        if share.rule[-1:].isdigit():
            return _(
                "%(percent)s\u00a0%% of the saving goes in proportion to the price alone: this is what it moves for you."
            ) % {"percent": share.rule.rsplit("_", 1)[1]}
        if share.net_cents < 0:
            said = _("You never pay more than buying alone: this is what the others carry for you.")
            if share.weight == -share.net_cents:
                said += " " + _("At one price for all you would pay %(more)s € more than alone.") % {
                    "more": figure(share.weight)
                }
            return said
        said = _("Nobody pays more than alone; you carry part of this in proportion to what you save.")
        if share.weight and base:
            said += " " + _("%(total)s € × %(euros)s € you save of %(all)s € saved by all.") % values
            said += " " + _("Exactly %(exact)s €.") % {"exact": _said(exact(total, share.weight, base))}
        return said
    text = _how(share, values, base)
    if base:
        text += " " + _("Exactly %(exact)s €.") % {"exact": _said(exact(total, share.weight, base))}
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


def figure(cents: int) -> str:
    """An amount as the reader writes it, without its sign."""
    return str(format_decimal(Decimal(cents) / 100, format="#,##0.00", locale=(get_language() or "fr")[:2]))


def _said(number: str) -> str:
    """`exact` in a sentence: with the reader's thousands."""
    value = Decimal(number.replace(",", "."))
    return str(format_decimal(value, format="#,##0.0000", locale=(get_language() or "fr")[:2]))


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
