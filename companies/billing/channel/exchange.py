"""Between our rows and the platform: documents go out once, statuses and invoices come in once, whatever dies between."""

import logging
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Q, QuerySet

from companies import audit
from companies.billing import directory, printing
from companies.billing.channel import cdar
from companies.billing.channel.port import CDAR, FACTURX, ChannelDown, ChannelRefused, EInvoiceChannel, Incoming, Parcel
from companies.billing.models import (
    CreditNote,
    EInvoicing,
    Invoice,
    ReceivedInvoice,
    SelfBilled,
    Status,
    StatusCode,
    Transmission,
    TransmissionState,
)
from companies.billing.models.einvoice import TRANSMISSION_TRANSITIONS
from companies.billing.received import services
from companies.errors import DomainError
from companies.models import Company, User
from companies.states import move

log = logging.getLogger(__name__)
BATCH = 100
MOST_ATTEMPTS = 32_767  # as many as the column holds
OVERLAP = timedelta(hours=2)  # a platform's clock may differ from ours; what comes twice is known by its flow
BY_PLATFORM = "platform"
CREDIT_NOTE = "381"
ABOUT = ("invoice__company", "credit_note__invoice__company", "self_billed__mandate__company")
FOLLOWS = {
    StatusCode.RECEIVED: TransmissionState.DELIVERED,
    StatusCode.AVAILABLE: TransmissionState.DELIVERED,
    StatusCode.TAKEN: TransmissionState.DELIVERED,
    StatusCode.APPROVED: TransmissionState.APPROVED,
    StatusCode.REFUSED: TransmissionState.REFUSED,
    StatusCode.REJECTED: TransmissionState.REJECTED,
}


def address_of(company: Company) -> str:
    """A company's electronic address: its own, else its SIREN."""
    row = EInvoicing.objects.filter(company=company).first()
    return row.address if row else company.siren


def switch_of(company: Company) -> date:
    """From which day a company gets its invoices through the platform."""
    row = EInvoicing.objects.filter(company=company).first()
    return row.switch_on if row else date.fromisoformat(settings.EINVOICE_SWITCH_ON)


@transaction.atomic(durable=True)
def set_address(*, company: Company, address: str, switch_on: date, actor: User, at: datetime) -> EInvoicing:
    """Say how a company is reached."""
    from companies.access import is_staff, require

    require(is_staff(actor))
    row, _new = EInvoicing.objects.update_or_create(
        company=company, defaults={"address": address.strip(), "switch_on": switch_on}
    )
    data = {"address": row.address, "switch_on": str(switch_on)}
    audit.record("einvoicing.changed", target=row, at=at, actor=actor, company=company, data=data)
    return row


def flow_type(document: Invoice | CreditNote | SelfBilled) -> str:
    """What the platform calls it: a document in a seller's name is, for the one who sends it, a supplier's."""
    return "SupplierInvoice" if isinstance(document, SelfBilled) else "CustomerInvoice"


def hand_over(document: Invoice | CreditNote | SelfBilled, *, at: datetime) -> Transmission | None:
    """Leave a document for the platform when its company is reached there on its day of issue; once.

    What is written in a seller's name goes there from the day the association itself must issue.
    """
    if isinstance(document, SelfBilled):
        if document.issued_on < date.fromisoformat(settings.EINVOICE_SWITCH_ON):
            return None
        return Transmission.objects.get_or_create(self_billed=document, defaults={"created_at": at})[0]
    company = (document if isinstance(document, Invoice) else document.invoice).company
    if document.issued_on < (switch_of(company) if company else date.fromisoformat(settings.EINVOICE_SWITCH_ON)):
        return None
    field = "invoice" if isinstance(document, Invoice) else "credit_note"
    row, _new = Transmission.objects.get_or_create(**{field: document}, defaults={"created_at": at})
    return row


def send_waiting(channel: EInvoiceChannel, *, at: datetime) -> int:
    """Send what waits, documents first, then statuses; returns how many left.

    Never tried goes first: what the directory delivers nowhere waits, tried last each time, and holds back nothing.
    """
    count = 0
    rows = Transmission.objects.filter(state=TransmissionState.WAITING).select_related(*ABOUT)
    try:
        for row in rows.order_by(F("tried_at").asc(nulls_first=True), "pk").iterator(chunk_size=BATCH):
            count += _sent(channel, row, at=at)
        for status in _statuses().iterator(chunk_size=BATCH):
            count += _told(channel, status, at=at)
    except ChannelDown as down:
        log.warning("platform: %s", down)
    return count


def _sent(channel: EInvoiceChannel, row: Transmission, *, at: datetime) -> bool:
    """Hand one document over; True when it left. Sent twice after a crash, it has the same tracking. Raises ChannelDown."""
    document, mine = row.about, Transmission.objects.filter(pk=row.pk)
    mine.update(attempts=min(row.attempts + 1, MOST_ATTEMPTS), tried_at=at)
    try:
        directory.check(channel, *_reader(document), at=at)
        made = printing.file_of(document, at=at)
        flow = channel.send(Parcel(document.number, made.name, bytes(made.content), FACTURX, flow_type(document)))
    except (directory.NotInDirectory, directory.AddressNotOpen) as unknown:  # it waits; the others go on
        mine.update(error=unknown.sentence[:240], attempts=row.attempts)
        return False
    except ChannelDown as down:
        mine.update(error=down.sentence[:240])
        raise
    except ChannelRefused as refusal:
        with transaction.atomic(durable=True):
            _step(row, TransmissionState.REJECTED, at=at, reason=refusal.sentence, error=refusal.sentence[:240])
        return False
    with transaction.atomic(durable=True):
        _step(row, TransmissionState.SENT, at=at, flow_id=flow, sent_at=at, channel=channel.name, error="")
    return True


def _statuses() -> QuerySet[Status]:
    """What we have to say; nothing of a plain PDF, of which the platform knows no number and no supplier."""
    about = ("received", "transmission__invoice", "transmission__credit_note", "transmission__self_billed")
    waiting = Status.objects.filter(incoming=False, sent_at=None).exclude(received__format="pdf")
    return waiting.order_by("at", "pk").select_related(*about)


def _told(channel: EInvoiceChannel, status: Status, *, at: datetime) -> bool:
    """Send one status; what the platform refuses is not told again. Raises ChannelDown."""
    flow = ""
    try:
        flow = channel.send(Parcel(f"status-{status.pk}", f"status-{status.pk}.xml", _message(status), CDAR))
    except ChannelRefused as refusal:
        log.warning("status %s: %s", status.pk, refusal)
    Status.objects.filter(pk=status.pk).update(sent_at=at, flow_id=flow)
    return bool(flow)


def _reader(document: Invoice | CreditNote | SelfBilled) -> tuple[Company | None, str]:
    """Who receives a document, and at which address it says so."""
    if isinstance(document, SelfBilled):
        return document.mandate.company, str(document.seller.get("e_address") or document.seller["siren"])
    invoice = document.invoice if isinstance(document, CreditNote) else document
    return invoice.company, str(invoice.buyer.get("e_address") or invoice.buyer["siren"])


def _step(row: Transmission, to: TransmissionState, *, at: datetime, reason: str = "", **changes: Any) -> None:
    if to not in TRANSMISSION_TRANSITIONS[row.state]:
        return
    move(
        row,
        to,
        table=TRANSMISSION_TRANSITIONS,
        at=at,
        actor=None,
        actor_label=BY_PLATFORM,
        company=row.company,
        reason=reason[:240],
        **changes,
    )


def _message(status: Status) -> bytes:
    if status.received is not None:
        about = status.received
        number, siren, kind, day = about.number, about.seller_siren, about.type_code, about.issued_on
    else:
        assert status.transmission is not None
        document = status.transmission.about
        kind = CREDIT_NOTE if isinstance(document, CreditNote) else document.type_code
        siren = (document.invoice if isinstance(document, CreditNote) else document).seller["siren"]
        number, day = document.number, document.issued_on
    money_in = tuple((rate, cents) for rate, cents in status.parts)
    said = cdar.Message(number, status.code, status.at, siren, status.reason_code, status.reason, kind, day, money_in)
    return cdar.write(said, own_id=f"ERB-{status.pk}")


def take_in(channel: EInvoiceChannel, *, at: datetime) -> int:
    """Take what came: statuses and invoices; a file that cannot be read is put apart and never stops the others."""
    last = max(
        (
            found
            for found in (
                Status.objects.filter(incoming=True).exclude(flow_id="").aggregate(last=Max("at"))["last"],
                ReceivedInvoice.objects.exclude(flow_id="").aggregate(last=Max("received_at"))["last"],
            )
            if found
        ),
        default=None,
    )
    count = 0
    for incoming in channel.fetch(last - OVERLAP if last else None):
        if _known(incoming):
            channel.taken(incoming, refused=False)
            continue
        try:
            if incoming.is_status:
                take_status(incoming)
            else:
                services.take(
                    content=incoming.content, name=incoming.name, source=channel.name, at=at, flow_id=incoming.flow_id
                )
        except DomainError as refusal:
            log.warning("%s from the platform: %s", incoming.name, refusal)
            channel.taken(incoming, refused=True)
            continue
        channel.taken(incoming, refused=False)
        count += 1
    return count


def _known(incoming: Incoming) -> bool:
    return (
        Status.objects.filter(flow_id=incoming.flow_id).exists()
        or ReceivedInvoice.objects.filter(flow_id=incoming.flow_id).exists()
    )


@transaction.atomic(durable=True)
def take_status(incoming: Incoming) -> Status | None:
    """Keep a status about a document of ours, or about one we received, and let the transmission follow it; once."""
    message = cdar.read(incoming.content)
    named = Q(invoice__number=message.number) | Q(credit_note__number=message.number)
    row = Transmission.objects.filter(named | Q(self_billed__number=message.number)).select_related(*ABOUT).first()
    theirs = None
    if row is None:
        theirs = ReceivedInvoice.objects.filter(number=message.number, seller_siren=message.seller_siren).first()
        if theirs is None:
            raise cdar.StatusUnreadable
    try:
        with transaction.atomic():
            status = Status.objects.create(
                transmission=row,
                received=theirs,
                code=message.code,
                reason=message.reason,
                reason_code=message.reason_code,
                at=message.at,
                incoming=True,
                flow_id=incoming.flow_id,
            )
    except IntegrityError:
        return None
    if row is not None and (to := FOLLOWS.get(StatusCode(message.code))):
        row = Transmission.objects.select_for_update(of=("self",)).select_related(*ABOUT).get(pk=row.pk)
        _step(row, to, at=message.at, reason=message.reason)
    return status
