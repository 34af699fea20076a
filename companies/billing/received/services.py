"""The inbox of received invoices: taken in once, then approved, refused with a reason, or marked paid."""

import hashlib
from datetime import datetime
from typing import Protocol

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import is_staff, require
from companies.billing.models import ReceivedInvoice, ReceivedLine, ReceivedState, Status, StatusCode
from companies.billing.models.einvoice import RECEIVED_TRANSITIONS
from companies.billing.received import reading
from companies.documents import store
from companies.errors import DomainError, Invalid
from companies.models import User
from companies.states import move

MEDIA = {"facturx": "application/pdf", "pdf": "application/pdf", "cii": "application/xml", "ubl": "application/xml"}
# Reasons of a refusal (XP Z12-012, list of status 210), and in words.
REASONS = {
    "QTE_ERR": _("The quantity is not what was received"),
    "PU_ERR": _("The unit price is not what was ordered"),
    "LIVR_INCOMP": _("The delivery is incomplete"),
    "CMD_ERR": _("The order number is missing or wrong"),
    "DOUBLE_FACT": _("It was invoiced before"),
    "MONTANTTOTAL_ERR": _("The total is wrong"),
    "TX_TVA_ERR": _("The VAT rate is wrong"),
    "DEST_ERR": _("It is not for us"),
    "NON_CONFORME": _("A legal mention is missing"),
    "AUTRE": _("Another reason"),
}


class Decision(Protocol):
    """What a person decides about a received invoice."""

    def __call__(self, *, received: ReceivedInvoice, actor: User, at: datetime) -> ReceivedInvoice: ...


class InvoiceReceivedBefore(DomainError):
    code = "invoice_received_before"
    message = _("Invoice %(number)s of %(seller)s was received before, on %(day)s. Nothing was changed.")


class FileReceivedBefore(InvoiceReceivedBefore):
    """A plain PDF, of which no number and no supplier was read."""

    message = _("The file %(name)s was received before, on %(day)s. Nothing was changed.")


class RefusalReasonAsked(Invalid):
    code = "refusal_reason_asked"
    message = _("Choose a reason and say in a few words what is wrong: the supplier reads it.")
    field = "reason"


def upload(*, content: bytes, name: str, actor: User, at: datetime) -> ReceivedInvoice:
    """Take in a file a member of the staff was sent. Raises what reading raises, and InvoiceReceivedBefore."""
    require(is_staff(actor))
    return take(content=content, name=name, source="upload", at=at, actor=actor)


def take(
    *, content: bytes, name: str, source: str, at: datetime, actor: User | None = None, flow_id: str = ""
) -> ReceivedInvoice:
    """Read and keep a received invoice, once: the same file, or the same number of a supplier, is refused."""
    found = reading.read(content)
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic(durable=True):
        earlier = ReceivedInvoice.objects.filter(sha256=digest).first()
        if earlier is None and found.seller_siren:
            earlier = ReceivedInvoice.objects.filter(seller_siren=found.seller_siren, number=found.number).first()
        if earlier is not None:
            raise _before(earlier)
        document = store(
            kind="received_invoice", name=_file_name(name), content=content, media_type=MEDIA[found.format], at=at
        )
        try:
            with transaction.atomic():
                row = ReceivedInvoice.objects.create(
                    document=document,
                    sha256=digest,
                    format=found.format,
                    source=source,
                    flow_id=flow_id,
                    type_code=found.type_code,
                    number=found.number or document.name.rpartition(".")[0][:60] or document.name[:60],
                    seller_name=found.seller_name,
                    seller_siren=found.seller_siren,
                    seller_vat_no=found.seller_vat_no,
                    seller_iban=found.seller_iban,
                    issued_on=found.issued_on,
                    due_on=found.due_on,
                    order_reference=found.order_reference,
                    net_cents=found.net_cents,
                    vat_cents=found.vat_cents,
                    gross_cents=found.gross_cents,
                    vat=found.vat,
                    problems=found.problems,
                    received_at=at,
                )
        except IntegrityError:
            raise _before(ReceivedInvoice.objects.filter(seller_siren=found.seller_siren).latest("pk")) from None
        ReceivedLine.objects.bulk_create(
            ReceivedLine(
                invoice=row,
                position=position,
                text=line.text,
                article=line.article,
                quantity=line.quantity,
                unit=line.unit,
                unit_price_e4=line.unit_price_e4,
                net_cents=line.net_cents,
                vat_bp=line.vat_bp,
            )
            for position, line in enumerate(found.lines, 1)
        )
        Status.objects.create(received=row, code=StatusCode.AVAILABLE, at=at, incoming=True)
        audit.record(
            "receivedinvoice.received",
            target=row,
            at=at,
            actor=actor,
            actor_label="" if actor else source,
            data={"sha256": digest, "format": found.format},
        )
    return row


def _before(earlier: ReceivedInvoice) -> DomainError:
    if not earlier.is_read:
        return FileReceivedBefore(name=earlier.document.name, day=f"{earlier.received_at:%d/%m/%Y}")
    return InvoiceReceivedBefore(
        number=earlier.number, seller=earlier.seller_name or "?", day=f"{earlier.received_at:%d/%m/%Y}"
    )


def _file_name(name: str) -> str:
    """A stranger's file name, fit for a header."""
    plain = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())
    return plain.replace('"', "").strip()[-120:] or "invoice"


def _locked(received: ReceivedInvoice) -> ReceivedInvoice:
    return ReceivedInvoice.objects.select_for_update(of=("self",)).get(pk=received.pk)


def _decide(
    received: ReceivedInvoice, to: str, code: StatusCode, *, actor: User, at: datetime, reason: str = "", why: str = ""
) -> ReceivedInvoice:
    """Move the invoice and leave the status for the platform."""
    row = _locked(received)
    if row.state == to:
        return row
    refusal = reason[:240] if why else ""
    move(row, to, table=RECEIVED_TRANSITIONS, at=at, actor=actor, reason=reason, data={"code": why}, refusal=refusal)
    Status.objects.create(
        received=row, code=code, at=at, incoming=False, reason=reason[:240], reason_code=why, by=actor
    )
    return row


@transaction.atomic(durable=True)
def approve(*, received: ReceivedInvoice, actor: User, at: datetime, reason: str = "") -> ReceivedInvoice:
    """The invoice is right, or accepted with its difference; the supplier is told (205)."""
    require(is_staff(actor))
    return _decide(received, "approved", StatusCode.APPROVED, actor=actor, at=at, reason=reason.strip())


@transaction.atomic(durable=True)
def approve_matched(*, received: ReceivedInvoice, actor: User, at: datetime) -> ReceivedInvoice:
    """Approve for the room that has matched the invoice with order and receipt and checked who asks."""
    if received.state != ReceivedState.RECEIVED:
        return received
    return _decide(received, "approved", StatusCode.APPROVED, actor=actor, at=at)


@transaction.atomic(durable=True)
def refuse(*, received: ReceivedInvoice, actor: User, at: datetime, why: str, reason: str) -> ReceivedInvoice:
    """The supplier must correct it; the reason goes back to it (210). Raises RefusalReasonAsked."""
    require(is_staff(actor))
    if why not in REASONS or not reason.strip():
        raise RefusalReasonAsked
    return _decide(received, "refused", StatusCode.REFUSED, actor=actor, at=at, reason=reason.strip(), why=why)


@transaction.atomic(durable=True)
def mark_paid(*, received: ReceivedInvoice, actor: User, at: datetime) -> ReceivedInvoice:
    """The supplier's money has left (211)."""
    require(is_staff(actor))
    return _decide(received, "paid", StatusCode.PAYMENT_SENT, actor=actor, at=at)


def tolerated(expected_cents: int, billed_cents: int) -> bool:
    """Whether a difference with order and receipt may pass without a person: by amount and by part (settings)."""
    difference = abs(billed_cents - expected_cents)
    most_bp = abs(expected_cents) * int(settings.INVOICE_TOLERANCE_BP) // 10_000
    return difference <= min(int(settings.INVOICE_TOLERANCE_CENTS), most_bp)
