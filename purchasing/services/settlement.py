"""The supplier's invoice: matched with order and receipts, shared to the cent, billed to the companies once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.billing import billing_mandates, bulk, in_name, invoices, purchases
from companies.billing.models import Invoice, LineKind, SelfBillingMandate
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.money import percent_of
from companies.states import move
from purchasing import access, mails_back
from purchasing.models import (
    CostShare,
    Pool,
    PurchaseOrder,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.services import billing_end, claims, commission, spending, telling
from purchasing.services.billed_lines import InvoiceIn, LineIn, vat_by_line, with_rates, with_units
from purchasing.services.costs import cost_shares
from purchasing.services.pool import locked
from purchasing.services.three_way import differences, expected_net, expected_of, within_tolerance
from purchasing.states import SUPPLIER_INVOICE, OrderState, SupplierInvoiceState
from purchasing.unit_words import units

__all__ = ["InvoiceIn", "LineIn", "expected_net"]  # what callers of this service say and ask

BILLABLE = (
    OrderState.PART_RECEIVED,
    OrderState.RECEIVED,
    OrderState.CLOSED_SHORT,
    OrderState.BILLED,
)
Kind = SupplierInvoiceLine.Kind


class NotBillable(DomainError):
    code = "order_not_billable"
    message = _("Nothing of this order was received yet: there is nothing to pay.")


class InvoiceKnown(DomainError):
    code = "supplier_invoice_known"
    message = _("Invoice %(number)s of this supplier was already entered with other amounts.")
    field = "number"


class InvoiceEmpty(Invalid):
    code = "supplier_invoice_empty"
    message = _("Enter at least one line of the invoice.")
    field = "lines"


class ReasonMissing(Invalid):
    code = "reason_missing"
    message = _("The invoice differs from what was ordered and received. Say why you accept or refuse it.")
    field = "reason"


class NothingToRefuse(DomainError):
    code = "no_difference"
    message = _("The invoice is not higher than expected: there is nothing to refuse.")


@transaction.atomic(durable=True)
def record(*, actor: User, order: PurchaseOrder, draft: InvoiceIn, at: datetime) -> SupplierInvoice:
    """Enter a supplier's invoice and match it. The same number with the same amounts is the same invoice.

    It ends matched, or disputed when something differs from order and receipts by more than the installation tolerates:
    then whoever runs the pool is told and decides.
    """
    require(access.can_run_pool(actor, order.pool))
    locked(order.pool)
    order = (
        PurchaseOrder.objects.select_for_update(of=("self",))
        .select_related("pool", "supplier", "quote")
        .get(pk=order.pk)
    )
    if not draft.lines:
        raise InvoiceEmpty
    net = sum(line.net_cents for line in draft.lines)
    earlier = SupplierInvoice.objects.filter(supplier=order.supplier, number=draft.number).first()
    if earlier is not None:
        if earlier.order_id == order.pk and earlier.net_cents == net:
            return earlier
        raise InvoiceKnown(number=draft.number)
    if order.state not in BILLABLE:
        raise NotBillable
    lines = with_rates(with_units(order, draft.lines))
    if order.pool.legal_model == Pool.LegalModel.MANDATE:
        lines = _rates_of(mandate_of(order), lines)
    vat = vat_by_line(lines)
    invoice = SupplierInvoice.objects.create(
        order=order,
        supplier=order.supplier,
        number=draft.number,
        issued_on=draft.issued_on,
        due_on=draft.due_on,
        net_cents=net,
        vat_cents=sum(vat),
        gross_cents=net + sum(vat),
        document=draft.document,
        recorded_by=actor,
        recorded_at=at,
    )
    names = {line.pk: line.text for line in order.lines.all()}
    SupplierInvoiceLine.objects.bulk_create(
        SupplierInvoiceLine(
            invoice=invoice,
            position=position,
            kind=line.kind,
            order_line_id=line.order_line,
            text=line.text or names.get(line.order_line or 0, "") or str(Kind(line.kind).label),
            quantity=line.quantity,
            unit_price_e4=line.unit_price_e4,
            net_cents=line.net_cents,
            vat_bp=line.vat_bp or 0,
            vat_cents=cents,
        )
        for position, (line, cents) in enumerate(zip(lines, vat, strict=True), start=1)
    )
    invoice.expected_net_cents = expected_of(invoice)
    invoice.save(update_fields=["expected_net_cents"])
    audit.record("supplierinvoice.received", target=invoice, at=at, actor=actor, data={"net_cents": net})
    found = differences(invoice)
    to = SupplierInvoiceState.MATCHED if within_tolerance(found) else SupplierInvoiceState.DISPUTED
    move(
        invoice, to, table=SUPPLIER_INVOICE, at=at, actor=actor, data={"differences": [row.as_data() for row in found]}
    )
    if to == SupplierInvoiceState.DISPUTED:
        mails_back.invoice_differs(invoice, found, at=at)
    return invoice


def mandate_of(order: PurchaseOrder) -> SelfBillingMandate:
    """The mandate by which the association writes an order's invoices in its supplier's name. Raises NoMandate."""
    found = billing_mandates.to_members(order.supplier.siren)
    if found is None:
        raise billing_mandates.NoMandate(seller=order.supplier.name)
    return found


def _rates_of(mandate: SelfBillingMandate, lines: Sequence[LineIn]) -> list[LineIn]:
    """A supplier without a VAT number charges none, whatever the articles' rates are (CGI art. 293 B)."""
    return list(lines) if mandate.party.get("vat_no") else [replace(line, vat_bp=0) for line in lines]


@transaction.atomic(durable=True)
def accept(*, actor: User, invoice: SupplierInvoice, at: datetime, reason: str = "") -> SupplierInvoice:
    """Accept the invoice as it is; with a difference the reason is kept."""
    require(access.can_run_pool(actor, invoice.order.pool))
    invoice = _locked(invoice)
    if invoice.state == SupplierInvoiceState.ACCEPTED:
        return invoice
    if invoice.state == SupplierInvoiceState.DISPUTED and not reason.strip():
        raise ReasonMissing
    move(
        invoice,
        SupplierInvoiceState.ACCEPTED,
        table=SUPPLIER_INVOICE,
        at=at,
        actor=actor,
        reason=reason.strip(),
        accepted_by=actor,
        accepted_at=at,
    )
    _book(invoice, at=at)
    return invoice


def _book(invoice: SupplierInvoice, *, at: datetime) -> None:
    """Post what the association owes the supplier; in the listing model the companies owe it themselves."""
    lines = [purchases.Bought(line.kind == Kind.FREIGHT, line.net_cents, line.vat_bp, line.vat_cents)
             for line in invoice.lines.all()]  # fmt: skip
    purchases.post(
        key=f"purchasing-{invoice.pk}",
        legal_model=invoice.order.pool.legal_model,
        lines=lines,
        reason=f"{invoice.supplier.name} {invoice.number}",
        at=at,
    )


@transaction.atomic(durable=True)
def refuse_difference(*, actor: User, invoice: SupplierInvoice, reason: str, at: datetime) -> SupplierInvoice:
    """Pay and share only what was expected: the rest is claimed from the supplier, the companies never carry it."""
    require(access.can_run_pool(actor, invoice.order.pool))
    if not reason.strip():
        raise ReasonMissing
    invoice = _locked(invoice)
    excess = invoice.net_cents - invoice.expected_net_cents
    if excess <= 0:
        raise NothingToRefuse
    main = max(invoice.lines.filter(kind=Kind.GOODS), key=lambda line: line.net_cents)
    last = invoice.lines.order_by("position").last()
    SupplierInvoiceLine.objects.create(
        invoice=invoice,
        position=(last.position if last else 0) + 1,
        kind=Kind.DISCOUNT,
        text=gettext("Difference refused, claimed from the supplier"),
        net_cents=-excess,
        vat_bp=main.vat_bp,
        vat_cents=-percent_of(excess, main.vat_bp),
    )
    move(
        invoice,
        SupplierInvoiceState.ACCEPTED,
        table=SUPPLIER_INVOICE,
        at=at,
        actor=actor,
        reason=reason.strip(),
        data={"claimed_cents": excess},
        accepted_by=actor,
        accepted_at=at,
    )
    _book(invoice, at=at)
    claims.open_difference(invoice, excess, reason=reason.strip(), actor=actor, at=at)
    return invoice


def _locked(invoice: SupplierInvoice) -> SupplierInvoice:
    locked(invoice.order.pool)
    return (
        SupplierInvoice.objects.select_for_update(of=("self",))
        .select_related("order__pool", "order__quote", "supplier")
        .get(pk=invoice.pk)
    )


@transaction.atomic(durable=True)
def share_out(*, actor: User, invoice: SupplierInvoice, at: datetime) -> SupplierInvoice:
    """Split an accepted invoice between the companies, to the cent. A second call finds it done."""
    require(access.can_run_pool(actor, invoice.order.pool))
    invoice = _locked(invoice)
    if invoice.state in (SupplierInvoiceState.SHARED, SupplierInvoiceState.INVOICED):
        return invoice
    move(invoice, SupplierInvoiceState.SHARED, table=SUPPLIER_INVOICE, at=at, actor=actor)
    shares = CostShare.objects.bulk_create(cost_shares(invoice), batch_size=1_000)
    telling.tell(telling.SHARE, "shared", invoice.pk, (share.company_id for share in shares), at=at, actor=actor)
    spending.charge(invoice.order, at=at)
    commission.earn(invoice, at=at)
    return invoice


@transaction.atomic(durable=True)
def issue_invoices(*, actor: User, invoice: SupplierInvoice, at: datetime, quietly: bool = False) -> list[Invoice]:
    """One invoice per company from the shares, through billing; numbers and amounts are given once.

    `quietly` is for past business that is only written down: nothing is mailed and no file is rendered.
    """
    require(is_staff(actor))
    invoice = _locked(invoice)
    if invoice.state == SupplierInvoiceState.INVOICED:
        return list(member_invoices(invoice))
    order, pool = invoice.order, invoice.order.pool
    move(invoice, SupplierInvoiceState.INVOICED, table=SUPPLIER_INVOICE, at=at, actor=actor)
    mandate = mandate_of(order) if pool.legal_model == Pool.LegalModel.MANDATE else None
    wanted = [
        _arguments(key, rows, invoice, mandate, at=at)
        for key, rows in billed_rows(invoice).items()
        if sum(row.net_cents + row.vat_cents for row in rows) > 0
    ]
    if quietly:
        issued = bulk.issue_many([invoices.prepare(**arguments) for arguments in wanted])
    else:
        issued = [invoices.issue(**arguments, actor=actor) for arguments in wanted]
    if pool.legal_model == Pool.LegalModel.RESALE:
        purchases.post_rounding(
            key=f"purchasing-{invoice.pk}-rounding",
            invoices=issued,
            vat=purchases.by_rate((line.vat_bp, line.vat_cents) for line in invoice.lines.all()),
            reason=f"{invoice.supplier.name} {invoice.number}",
            at=at,
        )
    if mandate is not None and not quietly:
        theirs = [row for row in issued if row.is_suppliers]
        total = sum(row.gross_cents for row in theirs)
        in_name.tell_supplier(mandate, count=len(theirs), cents=total, key=f"purchasing-{invoice.pk}", at=at)
    billing_end.close_billed(order, pool, actor=actor, at=at)
    return issued


def billed_rows(invoice: SupplierInvoice) -> dict[str, list[CostShare]]:
    """The shares that are billed, by the key of the invoice to be: one line of it each, in this order.

    In the listing model that is the association's fee only; under a mandate the fee has an invoice of its own, because the
    other one is the supplier's.
    """
    model = invoice.order.pool.legal_model
    by_invoice: dict[str, list[CostShare]] = {}
    shared = invoice.shares.select_related("company", "line__order_line").order_by("company_id", "pk")
    for row in shared:
        fee = row.kind == CostShare.Kind.FEE
        if model != Pool.LegalModel.LISTING or fee:
            apart = fee and model == Pool.LegalModel.MANDATE
            by_invoice.setdefault(key_of(invoice, row.company_id, fee=apart), []).append(row)
    return by_invoice


def key_of(invoice: SupplierInvoice, company_id: int, *, fee: bool = False) -> str:
    return f"purchasing-{invoice.pk}-{company_id}{'-fee' if fee else ''}"


def keys_of(invoice: SupplierInvoice, company_id: int) -> list[str]:
    """The keys of the invoices that a company may have got of a supplier's invoice."""
    return [key_of(invoice, company_id), key_of(invoice, company_id, fee=True)]


def member_invoices(invoice: SupplierInvoice) -> list[Invoice]:
    """The invoices made from a supplier's invoice."""
    companies = invoice.shares.values_list("company_id", flat=True).distinct()
    keys = [key for pk in companies for key in keys_of(invoice, pk)]
    return list(Invoice.objects.filter(key__in=keys).select_related("company").order_by("company__name"))


def _arguments(
    key: str,
    rows: Sequence[CostShare],
    invoice: SupplierInvoice,
    mandate: SelfBillingMandate | None,
    *,
    at: datetime,
) -> dict[str, Any]:
    """What billing needs to know for one company's invoice."""
    order, pool = invoice.order, invoice.order.pool
    own_vat = pool.legal_model in (Pool.LegalModel.RESALE, Pool.LegalModel.MANDATE)
    company = rows[0].company
    model, in_whose_name = pool.legal_model, None
    if mandate is not None:
        fee = rows[0].kind == CostShare.Kind.FEE
        model, in_whose_name = (Pool.LegalModel.LISTING, None) if fee else (pool.legal_model, mandate)
    last = order.receipts.filter(counted_at__isnull=False).order_by("arrived_at").last()
    day = timezone.localdate(at)
    with override("fr"):
        drafts = [_draft(row, own_vat) for row in rows]
    return {
        "company": company,
        "lines": drafts,
        "at": at,
        "due_on": day + timedelta(days=company.payment_days),
        "source": "purchasing",
        "key": key,
        "legal_model": model,
        "billing_mandate": in_whose_name,
        "supply_on": timezone.localdate(last.arrived_at) if last and last.arrived_at else day,
        "order_reference": order.number,
        "notes": pool.title,
    }


def _draft(row: CostShare, own_vat: bool) -> invoices.LineDraft:
    goods = row.kind == CostShare.Kind.GOODS
    kinds: Mapping[str, str] = {CostShare.Kind.FREIGHT: "freight", CostShare.Kind.FEE: "fee"}
    text = row.line.text if row.line and goods else str(row.get_kind_display())
    return invoices.LineDraft(
        description=text,
        quantity=(row.quantity or 1) if goods else 1,
        unit=units(row.quantity or 1, row.line.order_line.unit) if goods and row.line and row.line.order_line else "",
        unit_price_e4=row.line.order_line.unit_price_e4 if goods and row.line and row.line.order_line else None,
        net_cents=row.net_cents,
        vat_bp=row.vat_bp,
        vat_cents=None if own_vat else row.vat_cents,
        kind=LineKind(kinds.get(row.kind, "goods")),
    )
