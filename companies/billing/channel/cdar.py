"""Life-cycle messages (Cross Domain Acknowledgement and Response, UN/CEFACT D22B, as XP Z12-012 uses it)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from lxml import etree

from companies import money
from companies.billing import safe_xml
from companies.billing.models import StatusCode
from companies.errors import Invalid

SPACE = "urn:un:unece:uncefact:data:standard:"
RSM, RAM, UDT = (
    f"{SPACE}CrossDomainAcknowledgementAndResponse:100",
    f"{SPACE}ReusableAggregateBusinessInformationEntity:100",
    f"{SPACE}UnqualifiedDataType:100",
)
PROFILE = "urn.cpro.gouv.fr:1p0:CDV:invoice"


COLLECTED = "MEN"  # montant encaissé: what a status 212 tells of each rate


class StatusUnreadable(Invalid):
    code = "status_unreadable"
    message = _("The life-cycle message cannot be read.")


@dataclass(frozen=True)
class Message:
    """A status about one invoice of a seller."""

    number: str
    code: int
    at: datetime
    seller_siren: str = ""
    reason_code: str = ""
    reason: str = ""
    type_code: str = "380"
    issued_on: date | None = None
    received: tuple[tuple[int, int], ...] = ()  # of 212: what was received with its VAT, by rate (basis points, cents)


def write(message: Message, *, own_id: str) -> bytes:
    """The XML of a status."""
    root = etree.Element(f"{{{RSM}}}CrossDomainAcknowledgementAndResponse", nsmap={"rsm": RSM, "ram": RAM, "udt": UDT})

    def add(parent: Any, name: str, text: str = "", space: str = RAM, **attributes: str) -> Any:
        node = etree.SubElement(parent, f"{{{space}}}{name}", **attributes)
        node.text = text or None
        return node

    def moment(parent: Any, name: str, text: str, form: str) -> None:
        add(add(parent, name), "DateTimeString", text, UDT, format=form)

    stamp = f"{message.at.astimezone(UTC):%Y%m%d%H%M%S}"
    context = add(root, "ExchangedDocumentContext", space=RSM)
    add(add(context, "GuidelineSpecifiedDocumentContextParameter"), "ID", PROFILE)
    head = add(root, "ExchangedDocument", space=RSM)
    add(head, "ID", own_id)
    moment(head, "IssueDateTime", stamp, "204")
    answer = add(root, "AcknowledgementDocument", space=RSM)
    add(add(answer, "MultipleReferencesIndicator"), "Indicator", "false", UDT)
    add(answer, "TypeCode", "23")
    moment(answer, "IssueDateTime", stamp, "204")
    about = add(answer, "ReferenceReferencedDocument")
    add(about, "IssuerAssignedID", message.number)
    add(about, "TypeCode", message.type_code)
    if message.issued_on:
        moment(about, "FormattedIssueDateTime", f"{message.issued_on:%Y%m%d}", "102")
    add(about, "ProcessConditionCode", str(message.code))
    if message.seller_siren:
        add(add(about, "IssuerTradeParty"), "GlobalID", message.seller_siren, schemeID="0002")
    if message.received:
        status = add(about, "SpecifiedDocumentStatus")
        for vat_bp, cents in message.received:
            part = add(status, "SpecifiedDocumentCharacteristic")
            add(part, "TypeCode", COLLECTED)
            add(part, "ValuePercent", f"{vat_bp // 100}.{vat_bp % 100:02d}")
            add(part, "ValueAmount", money.euros(cents), currencyID="EUR")
    if message.reason or message.reason_code:
        status = add(about, "SpecifiedDocumentStatus")
        if message.reason_code:
            add(status, "ReasonCode", message.reason_code)
        add(status, "Reason", message.reason)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def read(content: bytes) -> Message:
    """The status in a file. Raises StatusUnreadable and what safe reading raises."""
    root = safe_xml.read(content, limit=1024 * 1024)
    if root.tag != f"{{{RSM}}}CrossDomainAcknowledgementAndResponse":
        raise StatusUnreadable

    def text(path: str) -> str:
        node = root.find("/".join(f"{{*}}{part}" for part in path.split("/")))
        return (node.text or "").strip() if node is not None else ""

    about = "AcknowledgementDocument/ReferenceReferencedDocument"
    code, stamp = text(f"{about}/ProcessConditionCode"), text("ExchangedDocument/IssueDateTime/DateTimeString")
    try:
        at = datetime.strptime(stamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        known = int(code) in StatusCode.values
    except ValueError as error:
        raise StatusUnreadable from error
    number = text(f"{about}/IssuerAssignedID")
    if not number or not known:
        raise StatusUnreadable
    return Message(
        number=number[:60],
        code=int(code),
        at=at,
        seller_siren=text(f"{about}/IssuerTradeParty/GlobalID")[:9],
        reason_code=text(f"{about}/SpecifiedDocumentStatus/ReasonCode")[:24],
        reason=text(f"{about}/SpecifiedDocumentStatus/Reason")[:240],
        type_code=text(f"{about}/TypeCode")[:4] or "380",
    )
