"""Invoicing suppliers their commissions: one invoice per supplier and month, credit notes for what was given back.

Source: CGI art. 289, I, 3: one invoice for all services to the same buyer whose tax falls due in the same civil month. What
Stripe kept back was a sale of the day it was kept (CGI art. 269, 2, c: the tax on services is due when they are paid), so it is
in the books already: the invoice books the sale once more, and the settlement that follows takes the first one back.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from companies import audit
from companies.access import require
from companies.billing import access, credit_notes, fec, invoices, ledger, settlement
from companies.billing.models import (
    AccountKind,
    CreditNote,
    Customer,
    Invoice,
    InvoiceState,
    LegalModel,
    LineKind,
    SupplierFee,
)
from companies.billing.supplier_fees import PARTY, IdentityAsked
from companies.models import Company, CompanyStatus, User

STRIPE = "Stripe"


def open_fees() -> QuerySet[SupplierFee]:
    """Commissions that stand on no invoice and no credit note yet."""
    return SupplierFee.objects.filter(invoice_line=None, credit_note=None, set_off_at=None)


def open_sums() -> dict[int, int]:
    """What is not invoiced yet, by supplier, in cents with VAT, whatever month it is of."""
    sums = open_fees().order_by().values_list("customer").annotate(sum=Sum("net_cents") + Sum("vat_cents"))
    return dict(sums)


def without_address() -> int:
    """How many suppliers owe a commission that may not be invoiced, because their address is not complete."""
    rows = Customer.objects.filter(fees__in=open_fees()).distinct()
    return rows.filter(Q(street="") | Q(postcode="") | Q(city="")).count()


def invoice_months(*, at: datetime) -> int:
    """Invoice every supplier what it owes for the months that ended; returns how many documents. Safe to run twice."""
    first = fec.start_of(timezone.localdate(at).replace(day=1))
    count = 0
    due = open_fees().filter(earned_at__lt=first).order_by("customer").values_list("customer", flat=True).distinct()
    for pk in list(due):
        row = Customer.objects.get(pk=pk)
        if row.has_address:  # without one nothing may be written to it: the staff's page asks for it
            count += len(_write(row, until=first, actor=None, at=at))
    return count


def invoice_now(*, customer: Customer, actor: User, at: datetime) -> list[Invoice | CreditNote]:
    """Invoice a supplier all it owes, also of this month. Raises NotAllowed, IdentityAsked."""
    require(access.can_collect(actor))
    return _write(customer, until=at + timedelta(microseconds=1), actor=actor, at=at)


@transaction.atomic(durable=True)
def _write(customer: Customer, *, until: datetime, actor: User | None, at: datetime) -> list[Invoice | CreditNote]:
    """One invoice of what was earned, and a credit note for each part given back of what was invoiced before."""
    row = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    if not row.has_address:
        raise IdentityAsked(name=row.name)
    fees = list(
        open_fees().filter(customer=row, earned_at__lt=until).select_related("corrects__invoice_line__invoice")
        .select_for_update(of=("self",)).order_by("earned_at", "pk")
    )  # fmt: skip
    made: list[Invoice | CreditNote] = []
    earned = [fee for fee in fees if fee.corrects is None]
    given_back = [fee for fee in fees if fee.corrects is not None]
    invoice = _invoice(row, earned, given_back, actor=actor, at=at)
    if invoice is not None:
        made.append(invoice)
    made += [_credited(fee, actor=actor, at=at) for fee in given_back if fee.corrects and fee.corrects.invoice_line]
    return made


def _invoice(
    customer: Customer,
    earned: Sequence[SupplierFee],
    given_back: Sequence[SupplierFee],
    *,
    actor: User | None,
    at: datetime,
) -> Invoice | None:
    """What was earned less what of it was given back before it was invoiced; None when nothing is left."""
    groups = [[fee, *(back for back in given_back if back.corrects_id == fee.pk)] for fee in earned]
    for group in [group for group in groups if not sum(fee.gross_cents for fee in group)]:
        SupplierFee.objects.filter(pk__in=[fee.pk for fee in group]).update(set_off_at=at)
        groups.remove(group)
    if not groups:
        return None
    kept = [group for group in groups if group[0].kept]
    kept_cents = sum(fee.gross_cents for group in kept for fee in group)
    company = Company.objects.filter(siren=customer.siren).exclude(status=CompanyStatus.LEFT).first()
    today, last = timezone.localdate(at), timezone.localdate(groups[-1][0].earned_at)
    whole = all(group[0].kept for group in groups)
    days = company.payment_days if company else customer.payment_days
    with override("fr"):
        notes = _("Commissions up to %(day)s") % {"day": f"{last:%d/%m/%Y}"}
    invoice = invoices.issue(
        company=company,
        customer=None if company else customer,
        lines=[_line(group) for group in groups],
        at=at,
        due_on=today if whole else today + timedelta(days=days),
        source="supplier-fees",
        key=f"supplier-fees-{customer.pk}-{groups[-1][0].pk}",
        actor=actor,
        legal_model=LegalModel.LISTING,
        supply_on=last,
        notes=notes,
        kept_cents=kept_cents,
    )
    for line, group in zip(invoice.lines.order_by("position"), groups, strict=True):
        SupplierFee.objects.filter(pk__in=[fee.pk for fee in group]).update(invoice_line=line)
        for fee in group:
            fee.invoice_line = line
    if kept:
        _settle(invoice, [fee for group in kept for fee in group], key=f"fee-kept-{invoice.pk}", at=at)
    return invoice


def _line(group: Sequence[SupplierFee]) -> invoices.LineDraft:
    """One line for a commission less what was given back of it; its VAT is the one that was booked."""
    net, vat = sum(fee.net_cents for fee in group), sum(fee.vat_cents for fee in group)
    return invoices.LineDraft(group[0].label, 1, "", None, net, group[0].vat_bp, vat_cents=vat, kind=LineKind.FEE)


def _settle(invoice: Invoice, fees: Sequence[SupplierFee], *, key: str, at: datetime) -> None:
    """What Stripe kept or gave back pays the document: the sale that was booked on that day is now the invoice's."""
    net = sum(fee.net_cents for fee in fees)
    sides = [ledger.debt(invoice, -sum(fee.gross_cents for fee in fees)), ledger.Side(AccountKind.FEES, net)]
    rates = {fee.vat_bp for fee in fees}
    sides += [
        ledger.Side(AccountKind.VAT_COLLECTED, sum(fee.vat_cents for fee in fees if fee.vat_bp == rate), vat_bp=rate)
        for rate in sorted(rates)
    ]
    ledger.post(key=key, kind="fee_kept", at=at, sides=sides, reason=invoice.number)
    still = InvoiceState.DUE if invoice.is_settled else InvoiceState(invoice.state)
    to = settlement.by_balance(invoice, when_open=still)
    settlement.set_invoice(invoice, to, at=at, label=STRIPE)


def _credited(fee: SupplierFee, *, actor: User | None, at: datetime) -> CreditNote:
    """A credit note for a commission that was given back after it was invoiced."""
    assert fee.corrects and fee.corrects.invoice_line
    line = fee.corrects.invoice_line
    note = credit_notes.issue(
        invoice=line.invoice,
        nets={line.pk: -fee.net_cents},
        vats={line.pk: -fee.vat_cents},
        reason=fee.label,
        key=f"supplier-fee-{fee.pk}",
        actor=actor,
        at=at,
    )
    SupplierFee.objects.filter(pk=fee.pk).update(credit_note=note)
    if fee.kept:
        locked = Invoice.objects.select_for_update(of=("self",)).select_related("company", "customer")
        _settle(locked.get(pk=line.invoice_id), [fee], key=f"fee-kept-back-{fee.pk}", at=at)
    return note


@transaction.atomic(durable=True)
def change_identity(*, customer: Customer, actor: User, at: datetime, payment_days: int, **said: str) -> Customer:
    """How a supplier is named and reached on its next invoices; what was issued stays as it is. Raises NotAllowed."""
    require(access.can_collect(actor))
    row = Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
    values = {name: value for name, value in said.items() if name in PARTY} | {"payment_days": payment_days}
    changed = sorted(name for name, value in values.items() if getattr(row, name) != value)
    if changed:
        Customer.objects.filter(pk=row.pk).update(**values)
        audit.record("customer.changed", target=row, at=at, actor=actor, data={"fields": changed})
        row.refresh_from_db()
    return row
