"""What was written in a supplier's name to the companies: paid or not as it says, contested, and exported for its books.

Source: BOI-TVA-DECLA-30-20-10: the supplier stays liable for the VAT, gets each document, has a time to contest it, and books
it. Nothing here is the association's money; who is told of a payment notes it beside the books.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from companies import audit, mail, money
from companies.access import require
from companies.billing import access, ledger, settlement, supplier_links
from companies.billing.models import (
    AccountKind,
    Contest,
    CreditNote,
    Invoice,
    InvoiceState,
    LedgerTransaction,
    SelfBillingMandate,
)
from companies.billing.models.payment import UNDER_WAY
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.templatetags.ui import euros


class NotInAName(DomainError):
    """The association's own invoice: money for it arrives by its bank or by Stripe, never by word."""

    code = "not_in_a_name"
    message = gettext_lazy("Invoice %(number)s is the association's own: only money that arrives pays it.")


class PaidElsewhere(DomainError):
    code = "suppliers_payment_changed"
    message = gettext_lazy("What is owed on this invoice changed, or a payment is on its way. Look at it again.")


class ContestTooLate(DomainError):
    code = "contest_too_late"
    message = gettext_lazy("The mandate gave %(days)s days to contest this document; they ended on %(day)s. Call ERB.")


class ContestReasonAsked(Invalid):
    code = "contest_reason_asked"
    message = gettext_lazy("Say in a few words what is wrong: ERB answers to it.")
    field = "reason"


def invoices_of(siren: str) -> QuerySet[Invoice]:
    """All invoices written in a supplier's name, under whatever version of its mandate, the newest first."""
    return Invoice.objects.filter(billing_mandate__siren=siren).select_related("company", "billing_mandate")


def credit_notes_of(siren: str) -> QuerySet[CreditNote]:
    rows = CreditNote.objects.filter(invoice__billing_mandate__siren=siren)
    return rows.select_related("invoice__company", "invoice__billing_mandate").order_by("-pk")


# Paid, as the supplier says -------------------------------------------------------------------------------------------
@transaction.atomic(durable=True)
def tell_paid(*, invoice: Invoice, cents: int, seen: int, actor: User | None, at: datetime) -> Invoice:
    """Note that the supplier got money for an invoice in its name; `actor` is None for the supplier by its link.

    `seen` is the balance of the page it was said on, so that a form sent twice counts once.
    Raises NotAllowed, NotInAName, PaidElsewhere.
    """
    require(actor is None or access.can_collect(actor))
    row = _locked(invoice)
    moving = row.payments.filter(state__in=UNDER_WAY).exists()
    if moving or seen != row.balance_cents or not row.is_payable or not 0 < cents <= row.balance_cents:
        raise PaidElsewhere
    prefix = f"told-paid-{row.pk}-"
    turn = LedgerTransaction.objects.filter(key__startswith=prefix).count() + 1
    sides = [
        ledger.Side(AccountKind.SUPPLIERS_OWN, cents),
        ledger.Side(AccountKind.SUPPLIERS_CLAIM, -cents, company=row.company, invoice=row),
    ]
    ledger.post(key=f"{prefix}{turn}", kind="told_paid", at=at, sides=sides, reason=row.number)
    _follow(row, actor, at=at)
    return row


@transaction.atomic(durable=True)
def take_back_word(*, invoice: Invoice, actor: User | None, at: datetime) -> Invoice:
    """The supplier did not get the money after all: the last such word is reversed. Raises NotAllowed, PaidElsewhere."""
    require(actor is None or access.can_collect(actor))
    row = _locked(invoice)
    said = LedgerTransaction.objects.filter(key__startswith=f"told-paid-{row.pk}-", reversed_by=None).last()
    if said is None or ledger.reverse(said, at=at, reason=row.number) is None:
        raise PaidElsewhere
    _follow(row, actor, at=at)
    return row


def is_told_paid(invoice: Invoice) -> bool:
    return LedgerTransaction.objects.filter(key__startswith=f"told-paid-{invoice.pk}-", reversed_by=None).exists()


def _locked(invoice: Invoice) -> Invoice:
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("company", "billing_mandate")
    row = rows.get(pk=invoice.pk)
    if not row.is_suppliers:
        raise NotInAName(number=row.number)
    return row


def _follow(row: Invoice, actor: User | None, *, at: datetime) -> None:
    to = settlement.by_balance(row, when_open=InvoiceState.DUE)
    settlement.set_invoice(row, to, at=at, actor=actor, label=str(row.seller["name"])[:60])


# Contested ------------------------------------------------------------------------------------------------------------
def contest_until(document: Invoice | CreditNote) -> date:
    """The last day on which the supplier may contest a document."""
    mandate = _invoice(document).billing_mandate
    return document.issued_on + timedelta(days=mandate.contest_days if mandate else 0)


def _invoice(document: Invoice | CreditNote) -> Invoice:
    return document if isinstance(document, Invoice) else document.invoice


@transaction.atomic(durable=True)
def contest(*, document: Invoice | CreditNote, reason: str, at: datetime) -> Contest:
    """The supplier says no to a document in its name; once per document. Raises ContestTooLate, ContestReasonAsked."""
    invoice = _invoice(document)
    field = "invoice" if isinstance(document, Invoice) else "credit_note"
    earlier = Contest.objects.filter(**{field: document}).first()
    if earlier is not None:
        return earlier
    last = contest_until(document)
    if invoice.billing_mandate is None or timezone.localdate(at) > last:
        days = invoice.billing_mandate.contest_days if invoice.billing_mandate else 0
        raise ContestTooLate(days=days, day=f"{last:%d/%m/%Y}")
    if not reason.strip():
        raise ContestReasonAsked
    row = Contest.objects.create(**{field: document}, reason=reason.strip()[:500], made_at=at)
    audit.record(
        "invoice.contested", target=invoice, at=at, actor=None, actor_label=str(invoice.seller["name"])[:60],
        company=invoice.company, reason=row.reason, data={"number": document.number},
    )  # fmt: skip
    return row


@transaction.atomic(durable=True)
def answer(*, contest: Contest, words: str, actor: User, at: datetime) -> Contest:
    """What the staff did about it; a correction itself is a credit note. Raises NotAllowed, ContestReasonAsked."""
    require(access.can_collect(actor))
    if not words.strip():
        raise ContestReasonAsked
    Contest.objects.filter(pk=contest.pk, answered_at=None).update(
        answer=words.strip()[:500], answered_at=at, answered_by=actor
    )
    contest.refresh_from_db()
    invoice = _invoice(contest.document)
    audit.record(
        "invoice.contest_answered", target=invoice, at=at, actor=actor, company=invoice.company, reason=contest.answer
    )
    return contest


def open_contests() -> QuerySet[Contest]:
    rows = Contest.objects.filter(answered_at=None)
    return rows.select_related("invoice__company", "credit_note__invoice__company")


# Told and exported ----------------------------------------------------------------------------------------------------
def tell_supplier(mandate: SelfBillingMandate, *, count: int, cents: int, key: str, at: datetime) -> None:
    """One mail for what was just written in a supplier's name, inside the caller's transaction."""
    if not (address := str(mandate.party.get("email", ""))):
        return
    mail.queue(
        to=address,
        template="billing/mail/in_your_name",
        context={
            "seller": mandate.party["name"],
            "writer": settings.SELLER["name"],
            "count": count,
            "amount": euros(cents),
            "days": mandate.contest_days,
            "url": mail.absolute(supplier_links.path(mandate)),
        },
        key=f"in-your-name-{key}",
        language="fr",
        at=at,
    )


def months_of(siren: str) -> list[dict[str, Any]]:
    """Per month what was written in a supplier's name: how many documents and how much, the newest first."""
    found: dict[date, list[int]] = {}
    for on, cents, sign in [
        *((on, cents, 1) for on, cents in invoices_of(siren).values_list("issued_on", "gross_cents")),
        *((on, cents, -1) for on, cents in credit_notes_of(siren).values_list("issued_on", "gross_cents")),
    ]:
        entry = found.setdefault(on.replace(day=1), [0, 0])
        entry[0] += 1
        entry[1] += sign * cents
    return [{"month": month, "count": n, "cents": cents} for month, (n, cents) in sorted(found.items(), reverse=True)]


def month_csv(siren: str, month: date) -> Iterator[str]:
    """What was written in a supplier's name in a month, one line per document and rate of VAT: for its books."""
    from companies.billing.exports import rows_csv

    head = [_("Number"), _("Document"), _("Corrects"), _("Issued on"), _("Due on"), _("Buyer"), "SIREN", _("VAT no."),
            _("Rate"), _("Base excl. VAT"), _("VAT"), _("Still owed"), _("State")]  # fmt: skip
    return rows_csv([head, *_month_rows(siren, month)])


def _month_rows(siren: str, month: date) -> Iterator[list[object]]:
    of_month = {"issued_on__year": month.year, "issued_on__month": month.month}
    documents: list[Invoice | CreditNote] = [
        *invoices_of(siren).filter(**of_month).prefetch_related("vat_rows"),
        *credit_notes_of(siren).filter(**of_month).prefetch_related("lines__line"),
    ]
    for document in sorted(documents, key=lambda row: row.number):
        invoice, credits = _invoice(document), isinstance(document, CreditNote)
        for rate, base, vat in _rates(document):
            yield [
                document.number,
                _("Credit note") if credits else _("Invoice"),
                invoice.number if credits else "",
                f"{document.issued_on:%d/%m/%Y}",
                "" if credits else f"{invoice.due_on:%d/%m/%Y}",
                *(invoice.buyer["name"], invoice.buyer["siren"], invoice.buyer["vat_no"]),
                f"{rate / 100:g}".replace(".", ","),
                *(_amount(-base if credits else base), _amount(-vat if credits else vat)),
                "" if credits else _amount(invoice.balance_cents),
                "" if credits else invoice.get_state_display(),
            ]


def _rates(document: Invoice | CreditNote) -> list[tuple[int, int, int]]:
    if isinstance(document, Invoice):
        return [(row.vat_bp, row.base_cents, row.vat_cents) for row in document.vat_rows.all()]
    from companies.billing.layout import sums_by_rate

    return [(rate, base, vat) for rate, (base, vat) in sums_by_rate(list(document.lines.all())).items()]


def _amount(cents: int) -> str:
    return money.euros(cents).replace(".", ",")
