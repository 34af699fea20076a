"""A credit follows the shares: over the companies by what they were charged, then over the lines of their invoices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from companies.billing import credit_notes
from companies.billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from companies.errors import DomainError
from companies.models import User
from companies.money import divide, euros, share, typed
from purchasing.models import Claim, ClaimCredit, Commitment, CostShare, Pool, SupplierInvoice
from purchasing.rules.shares import ranked
from purchasing.services.settlement import billed_rows
from purchasing.states import SupplierInvoiceState

COSTS = (CostShare.Kind.FREIGHT, CostShare.Kind.FEE)


class NothingCharged(DomainError):
    code = "nothing_charged"
    message = _("The companies were not invoiced for these goods yet. Settle the supplier's invoice first.")


class CreditTooLarge(DomainError):
    code = "credit_too_large"
    message = _("At most %(left)s € can still be credited for these goods.")
    field = "credit"


@dataclass(slots=True)
class Charged:
    """What one company was charged for the goods of a claim, and what of it can still be credited, by invoice line."""

    net_cents: int
    left: dict[int, int]  # invoice line → cents; empty where the supplier bills the companies itself
    goods_cents: int = 0  # all goods of the same invoices, whatever the claim is about
    costs: dict[int, tuple[int, int]] = field(default_factory=dict)  # freight and fee: line → charged, left


def split(claim: Claim, cents: int, *, with_costs: bool = False) -> list[ClaimCredit]:
    """The unsaved parts of a credit of goods, in the order of the commitments. Raises NothingCharged, CreditTooLarge (I15).

    `with_costs` gives freight and fee back too, in the proportion of the goods credited.
    """
    charged = charged_for(claim)
    if not charged:
        raise NothingCharged
    order = list(charged)
    parts = ranked(cents, [charged[pk].net_cents for pk in order])
    rows = [
        ClaimCredit(claim=claim, company_id=pk, weight=charged[pk].net_cents, rank=rank, net_cents=got)
        for pk, (got, rank) in zip(order, parts, strict=True)
    ]
    listing = claim.order.pool.legal_model == Pool.LegalModel.LISTING
    for row in rows:
        held = charged[row.company_id]
        room = held.net_cents if listing else sum(held.left.values())
        if row.net_cents > room:
            most = sum(held.net_cents if listing else sum(held.left.values()) for held in charged.values())
            raise CreditTooLarge(left=typed(euros(most)))
        if with_costs:
            row.costs_cents = sum(_costs(held, row.net_cents).values())
            row.net_cents += row.costs_cents
    return [row for row in rows if row.net_cents]


def _costs(held: Charged, goods_cents: int) -> dict[int, int]:
    """Of each line of freight and fee the part that belongs to the credited goods, never more than is left of it."""
    parts = {
        line: min(left, divide(charged * goods_cents, held.goods_cents)) for line, (charged, left) in held.costs.items()
    }
    return {line: part for line, part in parts.items() if part > 0}


def issue(rows: list[ClaimCredit], *, reason: str, actor: User, at: datetime) -> None:
    """Credit notes for saved parts, one per invoice concerned, inside the caller's transaction; once per claim and invoice."""
    for row in rows:
        held = charged_for(row.claim)[row.company_id]
        goods = row.net_cents - row.costs_cents
        parts = _spread(held.left, goods) | (_costs(held, goods) if row.costs_cents else {})
        row.notes.add(*_notes(parts, reason=reason, key=f"claim-{row.claim_id}", actor=actor, at=at))


def _spread(left: Mapping[int, int], cents: int) -> dict[int, int]:
    """Cents over invoice lines, by what of each can still be credited."""
    lines = [pk for pk, room in left.items() if room]
    return dict(zip(lines, share(cents, [left[pk] for pk in lines]), strict=True)) if lines else {}


def credit_lines(
    left: Mapping[int, int], cents: int, *, reason: str, key: str, actor: User, at: datetime
) -> list[CreditNote]:
    """Spread cents over invoice lines by what of each can still be credited: one note per invoice, once per key and it."""
    return _notes(_spread(left, cents), reason=reason, key=key, actor=actor, at=at)


def _notes(parts: Mapping[int, int], *, reason: str, key: str, actor: User, at: datetime) -> list[CreditNote]:
    by_invoice: dict[int, dict[int, int]] = {}
    for line in InvoiceLine.objects.filter(pk__in=parts).order_by("pk"):
        if parts[line.pk]:
            by_invoice.setdefault(line.invoice_id, {})[line.pk] = parts[line.pk]
    return [
        credit_notes.issue(
            invoice=invoice, nets=by_invoice[invoice.pk], reason=reason, key=f"{key}-{invoice.pk}", actor=actor, at=at
        )
        for invoice in Invoice.objects.filter(pk__in=by_invoice).order_by("pk")
    ]


def charged_for(claim: Claim) -> dict[int, Charged]:
    """Per company, earliest commitment first, the goods of the claim's lines (of all lines when it names none)."""
    wanted = set(claim.lines.values_list("order_line", flat=True))
    invoices = list(claim.order.supplier_invoices.filter(state=SupplierInvoiceState.INVOICED).order_by("pk"))
    rows = [
        (row, line)
        for invoice in invoices
        for row, line in billed_lines(invoice)
        if claim.company_id in (None, row.company_id) and row.net_cents > 0
    ]
    taken = taken_back([line.pk for _row, line in rows if line is not None])
    found: dict[int, Charged] = {}
    for row, line in sorted((pair for pair in rows if _is_goods(pair[0])), key=lambda pair: _age(pair[0])):
        assert row.line is not None
        if not wanted or row.line.order_line_id in wanted:
            held = found.setdefault(row.company_id, Charged(0, {}))
            held.net_cents += row.net_cents
            if line is not None:
                held.left[line.pk] = line.net_cents - taken.get(line.pk, 0)
    for row, line in rows:
        charged = found.get(row.company_id)
        if charged is None:
            continue
        if _is_goods(row):
            charged.goods_cents += row.net_cents
        elif row.kind in COSTS and line is not None:
            charged.costs[line.pk] = (line.net_cents, line.net_cents - taken.get(line.pk, 0))
    return found


def taken_back(lines: list[int]) -> dict[int, int]:
    """Net cents of invoice lines already credited, for whatever reason."""
    rows = CreditNoteLine.objects.filter(line__in=lines).values_list("line")
    return dict(rows.annotate(total=Sum("net_cents")).order_by())


def _is_goods(row: CostShare) -> bool:
    return row.kind == CostShare.Kind.GOODS and row.line is not None


def _age(row: CostShare) -> tuple[str, int]:
    commitment: Commitment | None = row.commitment
    moment = commitment.committed_at if commitment is not None else None
    return (moment.isoformat() if moment else "", row.company_id)


def billed_lines(invoice: SupplierInvoice) -> list[tuple[CostShare, InvoiceLine | None]]:
    """Each share with the line of the company's invoice that was made of it; without one in the listing model."""
    by_invoice = billed_rows(invoice)
    lines: Mapping[tuple[str, int], InvoiceLine] = {
        (line.invoice.key, line.position): line
        for line in InvoiceLine.objects.filter(invoice__key__in=by_invoice).select_related("invoice")
    }
    made = {
        row.pk: lines.get((key, position))
        for key, rows in by_invoice.items()
        for position, row in enumerate(rows, start=1)
    }
    shares = invoice.shares.select_related("company", "line__order_line", "commitment").order_by("company_id", "pk")
    return [(row, made.get(row.pk)) for row in shares]
