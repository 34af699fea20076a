"""Who carries which cent of a supplier's invoice: the rules applied to rows, nothing saved here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from companies.money import divide, percent_of, share
from purchasing.models import (
    Commitment,
    CostShare,
    Pool,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.rules import shares
from purchasing.services import alone
from purchasing.services.billed_units import Units, arrivals, billed_by, through
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
    """Who takes part and with how much: companies in the order of their commitments, the units each line bills."""

    companies: list[int]
    units: dict[int, dict[str, int]]  # line of the invoice → company → units
    commitments: dict[tuple[int, int], Commitment]
    grams: dict[int, int | None]
    places: dict[int, set[int | None]]
    carried: list[shares.Goods]  # what an invoice without goods is about: all that came


def _basis(invoice: SupplierInvoice) -> _Basis:
    basis = _Basis([], {}, {}, {}, {}, [])
    order = invoice.order
    billed: dict[int, list[tuple[int, Units]]] = {}
    parts = billed_by(invoice)
    for row in invoice.lines.filter(pk__in=parts):
        billed.setdefault(row.order_line_id or 0, []).append((row.pk, parts[row.pk]))
    come = {} if parts else arrivals(order)
    first: dict[int, tuple[datetime, int]] = {}
    for line in order.lines.select_related("pool_line"):
        held = claimants(line.pool_line_id)
        whose = {c.pk: c.company_id for c in held}
        got: Units = through(come[line.pk], sum(d.accepted for d in come[line.pk])) if line.pk in come else {}
        if got:
            units = {str(whose[pk]): n for pk, n in got.items() if pk in whose}
            basis.carried.append(shares.Goods("", line.vat_bp, line.net_cents, units))
        for source, units_of in billed.get(line.pk, []):
            basis.units[source] = {str(company): units_of.get(pk, 0) for pk, company in whose.items()}
            for pk, n in units_of.items():
                got[pk] = got.get(pk, 0) + n
        for c in held:
            basis.commitments[line.pk, c.company_id] = c
            at = (c.committed_at or order.created_at, c.pk)
            first[c.company_id] = min(first.get(c.company_id, at), at)
            if got.get(c.pk):
                basis.places.setdefault(c.company_id, set()).add(c.site_id)
            weight = line.pool_line.unit_weight_grams
            known = basis.grams.get(c.company_id, 0)
            none = weight is None and got.get(c.pk)
            basis.grams[c.company_id] = None if none or known is None else known + (weight or 0) * got.get(c.pk, 0)
    basis.companies = sorted(first, key=lambda pk: first[pk])
    return basis


def _so_far(invoice: SupplierInvoice) -> tuple[dict[int, int], dict[int, int]]:
    """What the other shared invoices of the order cost each company, and what the promise moved there."""
    rows = CostShare.objects.filter(invoice__order=invoice.order).exclude(invoice=invoice)
    uniform = rows.exclude(kind__in=[CostShare.Kind.FEE, CostShare.Kind.FAIRNESS])
    moved = rows.filter(kind=CostShare.Kind.FAIRNESS)
    one, two = (
        dict(found.order_by().values_list("company").annotate(total=Sum("net_cents"))) for found in (uniform, moved)
    )
    return one, two


def cost_shares(invoice: SupplierInvoice) -> list[CostShare]:
    """The unsaved shares of an invoice: goods, freight, discount, equalisation, fee, each with its rule and rank.

    Goods follow the units the invoice bills. Nobody pays more than alone over all invoices of the order together.
    """
    order, pool = invoice.order, invoice.order.pool
    basis = _basis(invoice)
    lines = {str(line.pk): line for line in invoice.lines.order_by("position")}
    goods = [
        shares.Goods(source, line.vat_bp, line.net_cents, basis.units.get(line.pk, {}))
        for source, line in lines.items()
        if line.kind == Kind.GOODS and line.order_line_id
    ]
    charges = [
        shares.Charge(source, line.kind, -line.net_cents if line.kind == Kind.DISCOUNT else line.net_cents, line.vat_bp)
        for source, line in lines.items()
        if line.kind != Kind.GOODS
    ]
    capped = pool.fairness == Pool.Fairness.STAND_ALONE_CAP
    paid, moved = _so_far(invoice) if capped else ({}, {})
    most = alone.caps(order, basis.commitments) if capped else {}
    parties = [
        shares.Party(
            str(pk),
            basis.grams.get(pk),
            most.get(pk),
            len(basis.places.get(pk, ())),
            paid.get(pk, 0),
            moved.get(pk, 0),
        )
        for pk in basis.companies
    ]
    model = pool.legal_model
    statement = shares.settle(
        parties,
        goods,
        charges,
        freight=pool.freight,
        model=model,
        stand_alone_cap=capped,
        mix=pool.fairness_mix,
        carried=basis.carried,
    )
    rows = [
        _row(invoice, lines.get(part.source), part, basis, pool)
        for part in statement.parts
        if part.cents or part.weight
    ]
    rows += _fees(invoice, statement, pool)
    _set_vat(rows, model)
    return rows


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
        quantity=basis.units.get(line.pk, {}).get(part.member) if line and order_line else None,
        weight=part.weight,
        rule=rule.get(part.kind, f"{pool.fairness}_{pool.fairness_mix}" if pool.fairness_mix else pool.fairness),
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
    """VAT per company and rate: shares of the supplier's in agent and listing, of the own base in resale and under a mandate."""
    ours = [row for row in rows if model == shares.RESALE or row.kind != CostShare.Kind.FEE]
    if model == Pool.LegalModel.MANDATE:  # each is an invoice of the supplier's own, with the VAT of its own base
        model = shares.RESALE
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
