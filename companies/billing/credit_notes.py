"""Correcting an invoice: a document of its own, never an edit."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from companies import audit, money
from companies.billing import billing_mandates, ledger, numbering, settlement
from companies.billing.models import (
    AccountKind,
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    InvoiceState,
    LegalModel,
    LineKind,
)
from companies.errors import DomainError
from companies.models import User


class CreditElsewhere(DomainError):
    """The document is not the one that is in force."""

    code = "credit_elsewhere"
    message = _("Invoice %(number)s took the place of this one: issue the credit note there.")


class CreditRefused(DomainError):
    """More would be taken back than was invoiced."""

    code = "credit_refused"
    message = _("The credit notes of a line can never come to more than the line itself.")


def issue(
    *,
    invoice: Invoice,
    nets: Mapping[int, int],
    reason: str,
    key: str,
    actor: User | None,
    at: datetime,
    vats: Mapping[int, int] | None = None,
) -> CreditNote:
    """Take back `nets` (line id → net cents) of an invoice, inside the caller's transaction; once per key.

    VAT is given back per line in the proportion it was charged, so that crediting a whole line gives back its whole VAT;
    `vats` says it to the cent where a sum with VAT is wanted.
    Raises CreditRefused, CreditElsewhere, and NoMandate when the supplier in whose name it would be revoked its mandate.
    """
    from companies.billing.tasks import render_credit_note

    locked = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=invoice.pk)
    earlier = CreditNote.objects.filter(key=key).first()
    if earlier is not None:
        return earlier
    _in_force(locked)
    lines = {line.pk: line for line in locked.lines.all()}
    if not nets or not set(nets) <= set(lines):
        raise CreditRefused
    charged = line_vats(locked, list(lines.values()))
    taken = dict(
        CreditNoteLine.objects.filter(line__in=lines).values_list("line").annotate(sum=Sum("net_cents")).order_by()
    )
    taken_vat = dict(
        CreditNoteLine.objects.filter(line__in=lines).values_list("line").annotate(sum=Sum("vat_cents")).order_by()
    )
    rows = []
    for pk, net in nets.items():
        whole, before = lines[pk].net_cents, taken.get(pk, 0)
        if net == 0 or net * whole < 0 or abs(before + net) > abs(whole):
            raise CreditRefused
        vat = vats[pk] if vats else money.divide(charged[pk] * (before + net), whole) - taken_vat.get(pk, 0)
        rows.append(CreditNoteLine(line=lines[pk], net_cents=net, vat_cents=vat))
    net_cents, vat_cents = sum(row.net_cents for row in rows), sum(row.vat_cents for row in rows)
    if net_cents + vat_cents <= 0:
        raise CreditRefused
    series = numbering.CREDIT_NOTE_SERIES
    if locked.billing_mandate is not None:  # in the supplier's name again, in its one series
        series = billing_mandates.in_force(locked.billing_mandate).series
    (number,) = numbering.take(series, at=at)
    note = CreditNote.objects.create(
        invoice=locked,
        number=numbering.text(series, numbering.year_of(at), number),
        key=key,
        reason=reason[:240],
        issued_at=at,
        issued_on=timezone.localdate(at),
        net_cents=net_cents,
        vat_cents=vat_cents,
        gross_cents=net_cents + vat_cents,
    )
    for row in rows:
        row.credit_note = note
    CreditNoteLine.objects.bulk_create(rows)
    ledger.post(key=f"credit-note-{note.pk}", kind="credit_note", at=at, reason=note.number, sides=_sides(note, rows))
    audit.record("creditnote.issued", target=note, at=at, actor=actor, company=locked.company, reason=reason)
    open_state = InvoiceState(locked.state)
    settlement.set_invoice(
        locked,
        settlement.by_balance(locked, when_open=open_state),
        at=at,
        actor=actor,
        reason=note.number,
        label="ERB",
    )
    render_credit_note.delay_on_commit(credit_note_id=note.pk)
    return note


def _in_force(invoice: Invoice) -> None:
    """Raises CreditElsewhere for an invoice that was replaced, and an advance that its final invoice deducted."""
    later = Invoice.objects.filter(Q(corrects=invoice) | Q(deductions__advance=invoice)).first()
    if later is not None:
        raise CreditElsewhere(number=later.number)


def taken(invoice: Invoice) -> dict[int, int]:
    """Net cents already taken back, by line."""
    rows = CreditNoteLine.objects.filter(line__invoice=invoice)
    return dict(rows.values_list("line").annotate(sum=Sum("net_cents")).order_by())


def line_vats(invoice: Invoice, lines: list[InvoiceLine]) -> dict[int, int]:
    """The VAT each line carries: its own where it was given, else its part of the rate's VAT (largest remainder)."""
    vats: dict[int, int] = {}
    for row in invoice.vat_rows.all():
        of_rate = [line for line in lines if line.vat_bp == row.vat_bp]
        if of_rate[0].vat_cents is not None:
            vats |= {line.pk: line.vat_cents or 0 for line in of_rate}
        elif all(line.net_cents >= 0 for line in of_rate):
            parts = money.share(row.vat_cents, [line.net_cents for line in of_rate])
            vats |= {line.pk: part for line, part in zip(of_rate, parts, strict=True)}
        else:  # a discount among them: each line's own VAT, what is left over on the largest
            own = {line.pk: money.vat(line.net_cents, line.vat_bp) for line in of_rate}
            largest = max(of_rate, key=lambda line: abs(line.net_cents)).pk
            own[largest] += row.vat_cents - sum(own.values())
            vats |= own
    return vats


def _sides(note: CreditNote, rows: list[CreditNoteLine]) -> list[ledger.Side]:
    invoice = note.invoice
    owed = ledger.debt(invoice, -note.gross_cents)
    if invoice.is_suppliers:
        return [owed, ledger.Side(AccountKind.SUPPLIERS_OWN, note.gross_cents)]
    goods = AccountKind.REBILLED if invoice.legal_model == LegalModel.AGENT else AccountKind.SALES
    fees = AccountKind.DUES if invoice.legal_model == LegalModel.DUES else AccountKind.FEES
    accounts = {LineKind.GOODS: goods, LineKind.FREIGHT: AccountKind.FREIGHT, LineKind.FEE: fees}
    if invoice.is_advance:  # no sale yet: what is due of its VAT follows with the balance
        return [
            owed,
            ledger.Side(AccountKind.ADVANCES, note.net_cents, company=invoice.company),
            *[ledger.Side(AccountKind.VAT_PENDING, row.vat_cents, vat_bp=row.line.vat_bp) for row in rows],
        ]
    sides = [owed]
    for row in rows:
        sides.append(ledger.Side(accounts[LineKind(row.line.kind)], row.net_cents))
        sides.append(ledger.Side(AccountKind.VAT_COLLECTED, row.vat_cents, vat_bp=row.line.vat_bp))
    return sides
