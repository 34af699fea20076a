"""Corrective invoices (type 384): a new invoice in the place of one that was wrong.

Only the difference reaches the books: what is left of the old invoice is reversed, the new one is posted, and the money
that stood on the old one moves with it. The old document stays as it was issued.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import access, advance_books, credit_notes, invoices, ledger, settlement
from companies.billing.models import (
    AccountKind,
    DocumentType,
    Invoice,
    InvoiceLine,
    InvoiceState,
)
from companies.errors import DomainError, Invalid
from companies.models import User


class NotCorrectable(DomainError):
    code = "invoice_not_correctable"
    message = _("This invoice cannot be replaced: %(why)s")


class CorrectionReasonAsked(Invalid):
    code = "correction_reason_asked"
    message = _("Say in a few words what was wrong: it stands on the new invoice.")
    field = "reason"


UNDER_WAY = _("a payment is under way. Wait until it has arrived or failed.")
REPLACED = _("it was replaced already.")
GIVEN_UP = _("its debt was given up.")
IN_A_NAME = _("it was written in a supplier's name. Issue a credit note, and a new invoice by the mandate.")
CREDITED = _("nothing is left of it after its credit notes.")
COMMISSION = _("it is a supplier's commission. Issue a credit note instead.")
ADVANCE = _("it is an advance invoice, or deducts one. Issue a credit note instead.")


def why_not(invoice: Invoice) -> str:
    """Why an invoice cannot be replaced, in words; empty when it can."""
    if Invoice.objects.filter(corrects=invoice).exists():
        return str(REPLACED)
    if invoice.is_suppliers:
        return str(IN_A_NAME)
    if invoice.customer_id is not None or invoice.kept_cents:
        return str(COMMISSION)
    if invoice.is_advance or invoice.prepaid_cents:
        return str(ADVANCE)
    if invoice.state == InvoiceState.COLLECTING:
        return str(UNDER_WAY)
    if invoice.state == InvoiceState.WRITTEN_OFF:
        return str(GIVEN_UP)
    return "" if advance_books.left_of(invoice).gross_cents > 0 else str(CREDITED)


def drafts_of(invoice: Invoice) -> list[invoices.LineDraft]:
    """The lines of an invoice less what was credited, to begin a correction with."""
    taken, exemptions = credit_notes.taken(invoice), {row.vat_bp: row.exemption for row in invoice.vat_rows.all()}
    return [_draft(line, taken.get(line.pk, 0), exemptions[line.vat_bp]) for line in invoice.lines.all()]


def _draft(line: InvoiceLine, taken: int, exemption: str) -> invoices.LineDraft:
    draft = invoices.LineDraft(
        description=line.description,
        quantity=line.quantity,
        unit=line.unit,
        unit_price_e4=line.unit_price_e4,
        net_cents=line.net_cents,
        vat_bp=line.vat_bp,
        kind=line.kind,  # type: ignore[arg-type]  # a choice field reads as its word
        exemption=exemption,
    )
    return replace(draft, net_cents=line.net_cents - taken, unit_price_e4=None) if taken else draft


@transaction.atomic(durable=True)
def issue(
    *,
    invoice: Invoice,
    lines: Sequence[invoices.LineDraft],
    reason: str,
    due_on: date,
    supply_on: date,
    order_reference: str,
    key: str,
    actor: User,
    at: datetime,
) -> Invoice:
    """Replace an issued invoice; once. Raises NotAllowed, CorrectionReasonAsked, NotCorrectable, InvoiceRefused, TermsRefused."""
    require(access.can_collect(actor))
    if not reason.strip():
        raise CorrectionReasonAsked
    old = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=invoice.pk)
    earlier = Invoice.objects.filter(key=f"correction-{key}").first()
    if earlier is not None:
        return earlier
    if why := why_not(old):
        raise NotCorrectable(why=why)
    new = invoices.issue(
        company=old.company,
        lines=lines,
        at=at,
        due_on=due_on,
        source=old.source,
        key=f"correction-{key}",
        actor=actor,
        legal_model=old.legal_model,
        supply_on=supply_on,
        order_reference=order_reference,
        notes=reason.strip(),
        delivery=old.delivery,
        type_code=DocumentType.CORRECTIVE,
        corrects=old,
    )
    _reverse(old, new, at=at)
    _move_money(old, new, at=at)
    settlement.set_invoice(old, InvoiceState.CREDITED, at=at, actor=actor, reason=new.number)
    settlement.set_invoice(
        new, settlement.by_balance(new, when_open=InvoiceState(new.state)), at=at, actor=actor, reason=old.number
    )
    audit.record(
        "invoice.replaced", target=old, at=at, actor=actor, company=old.company, reason=reason.strip()[:240],
        data={"by": new.number},
    )  # fmt: skip
    return new


def _reverse(old: Invoice, new: Invoice, *, at: datetime) -> None:
    """Take what is left of the old posting back: each line and each rate less its credit notes."""
    rows = advance_books.left_of(old)
    posted = invoices.sides_of(old, drafts_of(old), [])[1:]
    sides = [ledger.Side(AccountKind.RECEIVABLE, -rows.gross_cents, company=old.company, invoice=old)]
    sides += [ledger.Side(side.kind, -side.cents) for side in posted]
    sides += [ledger.Side(AccountKind.VAT_COLLECTED, cents, vat_bp=rate) for rate, cents in rows.vat.items()]
    ledger.post(key=f"replaced-{old.pk}", kind="replaced", at=at, sides=sides, reason=f"{old.number} · {new.number}")


def _move_money(old: Invoice, new: Invoice, *, at: datetime) -> None:
    """What was paid on the old invoice pays the new one; what is more stays where the payment is, to be sent back."""
    cents = min(-ledger.owed([old])[old.pk], new.gross_cents)
    if cents > 0:
        sides = [
            ledger.Side(AccountKind.RECEIVABLE, cents, company=old.company, invoice=old),
            ledger.Side(AccountKind.RECEIVABLE, -cents, company=old.company, invoice=new),
        ]
        ledger.post(key=f"moved-{old.pk}", kind="moved", at=at, sides=sides, reason=f"{old.number} · {new.number}")
