"""The supplier's invoice as a file: kept as it came, and read when there is a structured invoice inside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core import signing
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import documents
from companies.access import require
from companies.billing.received import reading
from companies.billing.received.reading import ReadInvoice, ReadLine
from companies.billing.safe_xml import MOST_BYTES
from companies.errors import DomainError
from companies.models import Document, User
from purchasing import access
from purchasing.models import PurchaseOrder, PurchaseOrderLine

__all__ = ["MOST_BYTES", "initial", "kept", "take"]
SALT = "purchasing.supplier_file"
FREIGHT_WORDS = ("port", "transport", "livraison", "freight", "shipping", "fret")


class FileUnknown(DomainError):
    code = "supplier_file_unknown"
    message = _("The file was not found any more. Choose it again.")


@transaction.atomic(durable=True)
def take(actor: User, order: PurchaseOrder, content: bytes, name: str, *, at: datetime) -> tuple[str, ReadInvoice]:
    """Keep a supplier's file for an order; returns the signed word under which the form sends it back, and what it says.

    The same file again is the same document. Raises what `reading.read` raises: then nothing is kept.
    """
    require(access.can_run_pool(actor, order.pool))
    read = reading.read(content)
    media = "application/pdf" if content[:1024].lstrip().startswith(b"%PDF-") else "application/xml"
    ending = "pdf" if media == "application/pdf" else "xml"
    document = documents.store(
        kind="supplier_invoice",
        name=f"{order.number}-facture.{ending}",
        content=content,
        media_type=media,
        at=at,
    )
    earlier = Document.objects.filter(kind="supplier_invoice", sha256=document.sha256).exclude(pk=document.pk)
    first = earlier.order_by("created_at").first()
    if first is not None:
        document.delete()
        document = first
    return signing.dumps([order.pk, str(document.pk)], salt=SALT), read


def kept(word: str, order: PurchaseOrder) -> Document | None:
    """The document behind a signed word of this order; None when no file was sent."""
    if not word:
        return None
    try:
        number, pk = signing.loads(word, salt=SALT, max_age=86_400)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise FileUnknown from error
    document = Document.objects.filter(pk=pk, kind="supplier_invoice").first() if number == order.pk else None
    if document is None:
        raise FileUnknown
    return document


def initial(read: ReadInvoice, lines: Sequence[PurchaseOrderLine]) -> dict[str, Any]:
    """The form's values from what was read: lines found by reference, else by words, else by their order."""
    found: dict[str, Any] = {"number": read.number, "issued_on": read.issued_on, "due_on": read.due_on}
    goods = [row for row in read.lines if not _is_freight(row)]
    for row in read.lines:
        if _is_freight(row):
            found["freight"] = found.get("freight", 0) + row.net_cents
            found["freight_vat"] = row.vat_bp
    open_ = list(lines)
    for row in goods:
        line = _match(row, open_)
        if line is None:
            continue
        open_.remove(line)
        found[f"net{line.pk}"] = row.net_cents
        found[f"price{line.pk}"] = row.unit_price_e4
        found[f"quantity{line.pk}"] = int(row.quantity) if row.quantity == int(row.quantity) else None
    if read.net_cents is not None:
        rest = read.net_cents - sum(row.net_cents for row in read.lines)
        if rest > 0:
            found["freight"] = found.get("freight", 0) + rest  # a charge of the whole document
        elif rest < 0:
            found["discount"] = -rest
    return found


def _is_freight(row: ReadLine) -> bool:
    return any(word in row.text.lower().split() for word in FREIGHT_WORDS)


def _match(row: ReadLine, lines: Sequence[PurchaseOrderLine]) -> PurchaseOrderLine | None:
    for line in lines:
        if line.reference and line.reference.lower() == row.article.strip().lower():
            return line
    words = set(row.text.lower().split())
    scored = [(len(words & set(line.text.lower().split())), -line.position, line) for line in lines]
    if not scored:
        return None
    score, _position, best = max(scored, key=lambda item: item[:2])
    return best if score or len(lines) == 1 else None
