"""Giving up a debt: one person of the staff asks, another decides."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.billing import access, ledger, settlement, third_party
from companies.billing.models import AccountKind, DebitState, Invoice, InvoiceState, PlannedDebit, WriteOff
from companies.errors import DomainError
from companies.models import User
from companies.templatetags.ui import euros


class WriteOffRefused(DomainError):
    """There is nothing to give up, or it was asked already."""

    code = "write_off_refused"
    message = _("Only an open invoice with something owed and nothing on its way can be given up, and only once.")


class MoreOwed(DomainError):
    """A payment was taken back meanwhile: the two persons would not agree to the same sum."""

    code = "write_off_changed"
    message = _("%(owed)s are owed now, more than when it was asked. Refuse it and ask again.")


class SamePerson(DomainError):
    """The second person is the first."""

    code = "second_person_needed"
    message = _("Somebody else of the staff must decide: who asked cannot.")
    status = 403


@transaction.atomic(durable=True)
def ask(*, invoice: Invoice, reason: str, actor: User, at: datetime) -> WriteOff:
    """Propose to give up what is still owed on an invoice."""
    require(access.can_collect(actor))
    row = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=invoice.pk)
    third_party.require_own(row)
    if not row.is_payable or row.write_offs.filter(state="asked").exists():
        raise WriteOffRefused
    asked = WriteOff.objects.create(
        invoice=row, amount_cents=row.balance_cents, reason=reason[:240], asked_by=actor, asked_at=at
    )
    audit.record(
        "invoice.write_off_asked", target=row, at=at, actor=actor, company=row.company, reason=reason,
        data={"cents": row.balance_cents},
    )  # fmt: skip
    return asked


@transaction.atomic(durable=True)
def decide(*, write_off: WriteOff, agreed: bool, actor: User, at: datetime) -> WriteOff:
    """The second person agrees, and the debt leaves the receivables; or refuses, and nothing changes."""
    require(access.can_collect(actor))
    invoice = Invoice.objects.select_for_update(of=("self",)).select_related("company").get(pk=write_off.invoice_id)
    row = WriteOff.objects.select_for_update(of=("self",)).get(pk=write_off.pk)
    if row.state != "asked":
        raise WriteOffRefused
    if agreed and row.asked_by_id == actor.pk:
        raise SamePerson
    if agreed and not invoice.is_payable:
        raise WriteOffRefused
    if agreed and invoice.balance_cents > row.amount_cents:
        raise MoreOwed(owed=euros(invoice.balance_cents))
    amount = min(row.amount_cents, invoice.balance_cents)
    WriteOff.objects.filter(pk=row.pk).update(
        state="done" if agreed else "refused", decided_by=actor, decided_at=at, amount_cents=amount
    )
    if agreed:
        ledger.post(
            key=f"write-off-{row.pk}",
            kind="write_off",
            at=at,
            reason=invoice.number,
            sides=[
                ledger.Side(AccountKind.BAD_DEBTS, amount),
                ledger.debt(invoice, -amount),
            ],
        )
        PlannedDebit.objects.filter(invoice=invoice, state=DebitState.PLANNED).update(
            state=DebitState.CANCELLED, reason="written off"
        )
        settlement.set_invoice(invoice, InvoiceState.WRITTEN_OFF, at=at, actor=actor, reason=row.reason)
    else:
        audit.record(
            "invoice.write_off_refused", target=invoice, at=at, actor=actor, company=invoice.company, reason=row.reason
        )
    row.refresh_from_db()
    return row
