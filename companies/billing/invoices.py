"""Issuing invoices: drafts in, a numbered and immutable document out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, money
from companies.billing import advance_books, billing_mandates, exemptions, ledger, numbering, terms
from companies.billing.models import (
    AccountKind,
    Customer,
    DocumentType,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceVat,
    LegalModel,
    LineKind,
    MandatePurpose,
    SelfBillingMandate,
)
from companies.billing.seller import buyer, seller
from companies.errors import DomainError
from companies.models import Company, User

RATES = frozenset({0, 210, 550, 1000, 2000})


class InvoiceRefused(DomainError):
    """The drafts do not make an invoice."""

    code = "invoice_refused"


class SupplierInvoicesThis(DomainError):
    """Money for a supplier would be collected: a payment service that needs a licence (CMF art. L314-1, L521-1)."""

    code = "supplier_invoices_this"
    message = _(
        "In the listing model the supplier invoices goods and freight to each company and collects them itself. "
        "The association invoices its fee only: it may not take in money for suppliers."
    )


@dataclass(frozen=True)
class LineDraft:
    """One line to invoice. `vat_cents` is given when it is a share of a supplier's VAT; None computes VAT per rate.

    `exemption` says why a line of rate zero carries no VAT (a key of exemptions.EXEMPTIONS); empty takes the usual one.
    """

    description: str
    quantity: int
    unit: str
    unit_price_e4: int | None
    net_cents: int
    vat_bp: int
    vat_cents: int | None = None
    kind: LineKind = LineKind.GOODS
    exemption: str = ""


def with_vat(draft: LineDraft, vat_cents: int) -> LineDraft:
    """A line whose VAT is given."""
    return replace(draft, vat_cents=vat_cents)


@dataclass(frozen=True)
class Prepared:
    """An invoice that lacks only its number, with everything that belongs to it. Nothing is saved."""

    invoice: Invoice
    lines: list[InvoiceLine]
    vat_rows: list[InvoiceVat]
    sides: list[ledger.Side]


def vat_rows(lines: Sequence[LineDraft], usual: str = exemptions.OTHER) -> list[InvoiceVat]:
    """Base and VAT per rate: shares are added up where they were given, else VAT is computed once on the base, half up.

    `usual` is the exemption of lines of rate zero that name none.
    """
    rows = []
    for rate in sorted({line.vat_bp for line in lines}, reverse=True):
        of_rate = [line for line in lines if line.vat_bp == rate]
        given = [line.vat_cents for line in of_rate if line.vat_cents is not None]
        if given and len(given) != len(of_rate):
            raise InvoiceRefused(_("The VAT of one rate must be given for all of its lines or for none."))
        reasons = {line.exemption or usual for line in of_rate} if rate == 0 else {""}
        if len(reasons) > 1 or not reasons <= {"", *exemptions.EXEMPTIONS}:
            raise InvoiceRefused(_("Lines without VAT need one and the same reason that the law knows."))
        base = sum(line.net_cents for line in of_rate)
        vat = sum(given) if given else money.vat(base, rate)
        rows.append(InvoiceVat(vat_bp=rate, base_cents=base, vat_cents=vat, exemption=reasons.pop()))
    return rows


def prepare(
    *,
    company: Company | None,
    lines: Sequence[LineDraft],
    at: datetime,
    due_on: date,
    source: str,
    key: str,
    legal_model: str,
    supply_on: date,
    order_reference: str = "",
    notes: str = "",
    language: str = "fr",
    delivery: Mapping[str, str] | None = None,
    type_code: str = DocumentType.INVOICE,
    corrects: Invoice | None = None,
    billing_mandate: SelfBillingMandate | None = None,
    customer: Customer | None = None,
    kept_cents: int = 0,
) -> Prepared:
    """Check the drafts and compute the totals. Raises InvoiceRefused with the reason, TermsRefused for a day too late.

    With a `billing_mandate` the invoice is its seller's own: its identity, its VAT, its series; NoMandate when it is not for
    what is sold to members.
    """
    to = company or customer
    if to is None or (company and customer):
        raise InvoiceRefused(_("An invoice goes to a company or to a supplier."))
    if not lines:
        raise InvoiceRefused(_("There is nothing to invoice: no line was given."))
    if legal_model not in LegalModel.values:
        raise InvoiceRefused(_("The legal model of this invoice is unknown."))
    if unknown := {line.vat_bp for line in lines} - RATES:
        raise InvoiceRefused(_("%(rate)s is not a VAT rate."), rate=f"{min(unknown) / 100:g}\u00a0%")
    if (legal_model == LegalModel.MANDATE) is (billing_mandate is None):
        raise InvoiceRefused(_("The legal model of this invoice is unknown."))
    if legal_model == LegalModel.LISTING and any(line.kind != LineKind.FEE for line in lines):
        raise SupplierInvoicesThis
    rows = vat_rows(lines, _usual_exemption(legal_model, billing_mandate))
    if billing_mandate is not None:
        if billing_mandate.purpose != MandatePurpose.MEMBERS:
            raise billing_mandates.NoMandate(seller=billing_mandate.party["name"])
        billing_mandates.require_vat_number(billing_mandate, rows)
    if not to.vat_no and any(row.exemption and exemptions.EXEMPTIONS[row.exemption].needs_vat_no for row in rows):
        raise InvoiceRefused(_("Without the buyer's VAT number this invoice cannot leave the VAT to the buyer."))
    terms.check(due_on, issued_on=timezone.localdate(at))
    net = sum(line.net_cents for line in lines)
    vat = sum(row.vat_cents for row in rows)
    if net + vat <= 0:
        raise InvoiceRefused(_("The total is not above zero. Issue a credit note instead of an invoice."))
    invoice = Invoice(
        company=company,
        customer=customer,
        key=key,
        source=source,
        type_code=type_code,
        corrects=corrects,
        legal_model=legal_model,
        nature=nature(lines),
        issued_at=at,
        issued_on=timezone.localdate(at),
        supply_on=supply_on,
        due_on=due_on,
        order_reference=order_reference,
        notes=notes,
        language=language,
        delivery=dict(delivery or {}),
        billing_mandate=billing_mandate,
        seller=dict(billing_mandate.party) if billing_mandate else seller(),
        buyer=buyer(to),
        net_cents=net,
        vat_cents=vat,
        gross_cents=net + vat,
        kept_cents=kept_cents,
        balance_cents=net + vat,
    )
    stored = [
        InvoiceLine(
            position=position,
            kind=line.kind,
            description=line.description[:240],
            quantity=line.quantity,
            unit=line.unit,
            unit_price_e4=line.unit_price_e4,
            net_cents=line.net_cents,
            vat_bp=line.vat_bp,
            vat_cents=line.vat_cents,
        )
        for position, line in enumerate(lines, 1)
    ]
    return Prepared(invoice, stored, rows, sides_of(invoice, lines, rows))


def _usual_exemption(legal_model: str, mandate: SelfBillingMandate | None) -> str:
    """Why a line of rate zero that names no reason carries no VAT."""
    if legal_model == LegalModel.DUES:
        return exemptions.ASSOCIATION
    return "franchise" if mandate is not None and not mandate.party.get("vat_no") else exemptions.OTHER


def nature(lines: Sequence[LineDraft]) -> str:
    """Goods, services or mixed; freight follows the goods it carries."""
    kinds = {LineKind(line.kind) for line in lines}
    if kinds <= {LineKind.FEE}:
        return "services"
    return "mixed" if LineKind.FEE in kinds else "goods"


def sides_of(invoice: Invoice, lines: Sequence[LineDraft], rows: Sequence[InvoiceVat]) -> list[ledger.Side]:
    """The posting of an invoice: the company owes the gross; revenue by kind of line, VAT by rate.

    An advance invoice is no sale yet, and its VAT is due only when it is paid.
    """
    company = invoice.company
    sides = [ledger.debt(invoice, invoice.gross_cents)]
    if invoice.is_suppliers:  # no sale and no VAT of ours: noted beside the books
        return [*sides, ledger.Side(AccountKind.SUPPLIERS_OWN, -invoice.gross_cents)]
    if invoice.is_advance:
        sides.append(ledger.Side(AccountKind.ADVANCES, -invoice.net_cents, company=company))
        return sides + [ledger.Side(AccountKind.VAT_PENDING, -row.vat_cents, vat_bp=row.vat_bp) for row in rows]
    goods = AccountKind.REBILLED if invoice.legal_model == LegalModel.AGENT else AccountKind.SALES
    fees = AccountKind.DUES if invoice.legal_model == LegalModel.DUES else AccountKind.FEES
    accounts = {LineKind.GOODS: goods, LineKind.FREIGHT: AccountKind.FREIGHT, LineKind.FEE: fees}
    revenue: dict[AccountKind, int] = {}
    for line in lines:
        kind = accounts[LineKind(line.kind)]
        revenue[kind] = revenue.get(kind, 0) + line.net_cents
    sides += [ledger.Side(kind, -cents) for kind, cents in revenue.items()]
    sides += [ledger.Side(AccountKind.VAT_COLLECTED, -row.vat_cents, vat_bp=row.vat_bp) for row in rows]
    return sides


def _deduct(prepared: Prepared, advances: Sequence[Invoice]) -> list[advance_books.Left]:
    """Take the paid advances of the order off a final invoice, before it is saved."""
    invoice = prepared.invoice
    deducted = advance_books.deductible(advances, invoice.gross_cents)
    invoice.prepaid_cents = sum(one.gross_cents for one in deducted)
    invoice.balance_cents = invoice.asked_cents
    if not invoice.asked_cents:
        invoice.state = InvoiceState.PAID
    assert invoice.company  # suppliers order nothing, so they pay no advance
    prepared.sides[:1] = [ledger.debt(invoice, invoice.asked_cents), *advance_books.sides_of(invoice.company, deducted)]
    return deducted


def issue(
    *,
    company: Company | None,
    lines: Sequence[LineDraft],
    at: datetime,
    due_on: date,
    source: str,
    key: str,
    actor: User | None,
    legal_model: str,
    supply_on: date,
    order_reference: str = "",
    notes: str = "",
    delivery: Mapping[str, str] | None = None,
    type_code: str = DocumentType.INVOICE,
    corrects: Invoice | None = None,
    billing_mandate: SelfBillingMandate | None = None,
    customer: Customer | None = None,
    kept_cents: int = 0,
) -> Invoice:
    """Issue an invoice inside the caller's transaction; the same key returns the first one and changes nothing.

    The number is given here, unbroken. The PDF is rendered and mailed to the company's accountants after commit, in their
    language. `delivery` (name, street, postcode, city) is given when the goods went elsewhere than to the buyer's address.
    Paid advance invoices of the same order are deducted, what they are too large by is credited and kept for the company;
    those nobody paid are taken back, so nothing is asked twice.
    `customer` is given instead of the company for a commission to a supplier; its file goes to the supplier's address, and
    `kept_cents` of it were kept back by Stripe (supplier_invoicing.py).
    Raises InvoiceRefused when there is nothing to pay, a rate is unknown or VAT is given for some lines of a rate only,
    TermsRefused when it is due later than the law allows. With a `billing_mandate` it is written in that seller's name and
    numbered in its own series, and NoMandate is raised when the mandate was revoked.
    """
    from companies.billing import advance_returns
    from companies.billing.printing import language_of

    if billing_mandate is not None:
        billing_mandate = billing_mandates.in_force(billing_mandate)
    numbering.lock(series_of(billing_mandate), at=at)
    earlier = Invoice.objects.filter(key=key).first()
    if earlier is not None:
        return earlier
    prepared = prepare(
        company=company,
        lines=lines,
        at=at,
        due_on=due_on,
        source=source,
        key=key,
        legal_model=legal_model,
        supply_on=supply_on,
        order_reference=order_reference,
        notes=notes,
        language=language_of(company) if company else "fr",
        delivery=delivery,
        type_code=type_code,
        corrects=corrects,
        billing_mandate=billing_mandate,
        customer=customer,
        kept_cents=kept_cents,
    )
    final = type_code == DocumentType.INVOICE and billing_mandate is None
    advances = advance_books.open_for(company, order_reference) if final and company else []
    if advances:
        advance_returns.fit(advances, prepared.invoice, actor=actor, at=at)
    invoice = _save(prepared, advances, actor=actor, at=at)
    if advances:
        advance_returns.unpaid(advances, invoice, actor=actor, at=at)
    return invoice


def series_of(mandate: SelfBillingMandate | None) -> str:
    """In which series an invoice is numbered: the association's, or the one of who it is written for."""
    return mandate.series if mandate is not None else numbering.INVOICE_SERIES


def _save(prepared: Prepared, advances: Sequence[Invoice], *, actor: User | None, at: datetime) -> Invoice:
    """Number the invoice, write it with its posting, and have its file made after commit."""
    from companies.billing.tasks import render_invoice

    invoice = prepared.invoice
    deducted = _deduct(prepared, advances) if advances else []
    series = series_of(invoice.billing_mandate)
    (number,) = numbering.take(series, at=at)
    invoice.number = numbering.text(series, numbering.year_of(at), number)
    invoice.save(force_insert=True)
    for line in prepared.lines:
        line.invoice = invoice
    for row in prepared.vat_rows:
        row.invoice = invoice
    InvoiceLine.objects.bulk_create(prepared.lines)
    InvoiceVat.objects.bulk_create(prepared.vat_rows)
    advance_books.write(invoice, deducted)
    ledger.post(key=f"invoice-{invoice.pk}", kind="invoice", at=at, sides=prepared.sides, reason=invoice.number)
    data = {"number": invoice.number, "gross_cents": invoice.gross_cents, "source": invoice.source}
    if invoice.type_code != DocumentType.INVOICE:
        data["type"] = invoice.type_code
    if deducted:
        data["deducted"] = [one.advance.number for one in deducted]
    audit.record("invoice.issued", target=invoice, at=at, actor=actor, company=invoice.company, data=data)
    render_invoice.delay_on_commit(invoice_id=invoice.pk)
    return invoice
