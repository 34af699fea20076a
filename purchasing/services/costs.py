"""Who carries which cent of a supplier's invoice: the rules applied to rows, nothing saved here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from companies.money import divide, percent_of, share
from purchasing.models import (
    Allocation,
    Commitment,
    CostShare,
    Pool,
    PurchaseOrder,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.rules import shares
from purchasing.services.delivery import claimants

FEE_VAT_BP = 2000
Kind = SupplierInvoiceLine.Kind


def spread(total: int, bases: Sequence[int]) -> list[int]:
    """Share `total` by bases of any sign: the positive ones carry the rounding."""
    if all(base >= 0 for base in bases):
        return share(total, bases) if any(bases) else [0] * len(bases)
    whole = sum(bases)
    parts = [divide(total * base, whole) if whole else 0 for base in bases]
    largest = max(range(len(bases)), key=lambda i: bases[i])
    parts[largest] += total - sum(parts)
    return parts


@dataclass(slots=True)
class _Basis:
    """Who takes part and with how much: companies in the order of their commitments, units received per order line."""

    companies: list[int]
    units: dict[int, dict[str, int]]
    commitments: dict[tuple[int, int], Commitment]
    grams: dict[int, int | None]
    places: dict[int, set[int | None]]


def _basis(order: PurchaseOrder) -> _Basis:
    basis = _Basis([], {}, {}, {}, {})
    first: dict[int, tuple[datetime, int]] = {}
    for line in order.lines.select_related("pool_line"):
        held = claimants(line.pool_line_id)
        got = received_by(held)
        basis.units[line.pk] = {str(c.company_id): got.get(c.pk, 0) for c in held}
        for c in held:
            basis.commitments[line.pk, c.company_id] = c
            at = (c.committed_at or order.created_at, c.pk)
            first[c.company_id] = min(first.get(c.company_id, at), at)
            if got.get(c.pk):
                basis.places.setdefault(c.company_id, set()).add(c.site_id)
            weight = line.pool_line.unit_weight_grams
            known = basis.grams.get(c.company_id, 0)
            added = None if weight is None or known is None else known + weight * got.get(c.pk, 0)
            basis.grams[c.company_id] = added
    basis.companies = sorted(first, key=lambda pk: first[pk])
    return basis


def received_by(held: Sequence[Commitment]) -> dict[int, int]:
    """Units allocated so far, by commitment id."""
    rows = Allocation.objects.filter(commitment__in=held).values_list("commitment").annotate(total=Sum("quantity"))
    return dict(rows.order_by())


def cost_shares(invoice: SupplierInvoice) -> list[CostShare]:
    """The unsaved shares of an invoice: goods, freight, discount, equalisation, fee, each with its rule and rank."""
    order, pool = invoice.order, invoice.order.pool
    basis = _basis(order)
    lines = {str(line.pk): line for line in invoice.lines.order_by("position")}
    goods = [
        shares.Goods(source, line.vat_bp, line.net_cents, basis.units[line.order_line_id])
        for source, line in lines.items()
        if line.kind == Kind.GOODS and line.order_line_id
    ]
    charges = [
        shares.Charge(source, line.kind, -line.net_cents if line.kind == Kind.DISCOUNT else line.net_cents, line.vat_bp)
        for source, line in lines.items()
        if line.kind != Kind.GOODS
    ]
    first = not order.supplier_invoices.filter(pk__lt=invoice.pk).exists()
    capped = pool.fairness == Pool.Fairness.STAND_ALONE_CAP and first
    parties = [
        shares.Party(
            str(pk),
            basis.grams.get(pk),
            _stand_alone(order, basis, pk) if capped else None,
            len(basis.places.get(pk, ())),
        )
        for pk in basis.companies
    ]
    model = pool.legal_model
    statement = shares.settle(parties, goods, charges, freight=pool.freight, model=model, stand_alone_cap=capped)
    rows = [
        _row(invoice, lines.get(part.source), part, basis, pool)
        for part in statement.parts
        if part.cents or part.weight
    ]
    rows += _fees(invoice, statement, pool)
    _set_vat(rows, model)
    return rows


def _stand_alone(order: PurchaseOrder, basis: _Basis, company_id: int) -> int | None:
    costs = [c.stand_alone_cents for (_line, pk), c in basis.commitments.items() if pk == company_id]
    return None if any(cost is None for cost in costs) else sum(cost or 0 for cost in costs)


def _row(
    invoice: SupplierInvoice, line: SupplierInvoiceLine | None, part: shares.Part, basis: _Basis, pool: Pool
) -> CostShare:
    company = int(part.member)
    order_line = line.order_line_id if line else None
    rule = {shares.GOODS: "received_units", shares.FREIGHT: pool.freight, shares.DISCOUNT: "value"}
    return CostShare(
        invoice=invoice,
        line=line,
        kind=part.kind,
        company_id=company,
        commitment=basis.commitments.get((order_line or 0, company)),
        quantity=basis.units[order_line].get(part.member) if order_line else None,
        weight=part.weight,
        rule=rule.get(part.kind, pool.fairness),
        rank=part.rank,
        net_cents=part.cents,
        vat_bp=part.vat_bp,
        vat_cents=0,
    )


def _fees(invoice: SupplierInvoice, statement: shares.Statement, pool: Pool) -> list[CostShare]:
    """The association's fee on each company's net; it is ours, not the supplier's."""
    rows = []
    for member, by_rate in statement.net.items():
        cents = percent_of(sum(by_rate.values()), pool.fee_bp)
        if cents > 0:
            rows.append(
                CostShare(
                    invoice=invoice,
                    kind=CostShare.Kind.FEE,
                    company_id=int(member),
                    weight=sum(by_rate.values()),
                    rule=f"fee_{pool.fee_bp}",
                    net_cents=cents,
                    vat_bp=FEE_VAT_BP,
                    vat_cents=0,
                )
            )
    return rows


def _set_vat(rows: Sequence[CostShare], model: str) -> None:
    """VAT per company and rate: shares of the supplier's in agent and listing, of the own base in resale."""
    ours = [row for row in rows if model == shares.RESALE or row.kind != CostShare.Kind.FEE]
    net: dict[str, dict[int, int]] = {}
    for row in ours:
        by_rate = net.setdefault(str(row.company_id), {})
        by_rate[row.vat_bp] = by_rate.get(row.vat_bp, 0) + row.net_cents
    vat, _rounding = shares.vat_shares(net, model)
    for member, by_rate in vat.items():
        for rate, total in by_rate.items():
            mine = [row for row in ours if str(row.company_id) == member and row.vat_bp == rate]
            for row, cents in zip(mine, spread(total, [r.net_cents for r in mine]), strict=True):
                row.vat_cents = cents
    for row in rows:
        if row not in ours:
            row.vat_cents = percent_of(row.net_cents, row.vat_bp)
