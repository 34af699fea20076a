"""Files beside a request: a drawing, a photo, a data sheet."""

import re
from datetime import datetime
from hashlib import sha256

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit, documents
from companies.access import require
from companies.errors import DomainError, Invalid
from companies.models import User
from purchasing import access
from purchasing.models import PurchaseRequest, RequestFile, RequestLine
from purchasing.states import RequestState

MAX_FILE = 5 * 1024 * 1024
MOST_FILES = 10
# What a file begins with says what it is; its name says nothing.
KINDS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
WRITABLE = (RequestState.DRAFT, RequestState.RETURNED, RequestState.SUBMITTED)


class FileRefused(Invalid):
    code = "file_refused"
    message = _("Send a PDF, PNG or JPEG of at most 5 MB.")
    field = "file"


class TooManyFiles(DomainError):
    code = "too_many_files"
    message = _("A request holds at most ten files.")


class RequestDecided(DomainError):
    code = "request_decided"
    message = _("This request is decided: its files stay as they were approved.")


def plain_name(name: str) -> str:
    """A file name without anything a header or a file system could stumble over."""
    return re.sub(r"[^\w.\- ]", "_", name).strip()[-120:] or "fichier"


@transaction.atomic(durable=True)
def add(
    *,
    actor: User,
    request: PurchaseRequest,
    name: str,
    content: bytes,
    line: RequestLine | None = None,
    at: datetime,
) -> RequestFile:
    """Keep a file with a request that is not decided yet."""
    require(access.can_request(actor, request.company))
    request = PurchaseRequest.objects.select_for_update(of=("self",)).select_related("company").get(pk=request.pk)
    if request.state not in WRITABLE:
        raise RequestDecided
    if again := request.files.filter(line=line, document__sha256=sha256(content).hexdigest()).first():
        return again  # the same form or call twice
    media_type = next((kind for start, kind in KINDS.items() if content.startswith(start)), "")
    if not media_type or len(content) > MAX_FILE:
        raise FileRefused
    if request.files.count() >= MOST_FILES:
        raise TooManyFiles
    kept = documents.store(
        kind="request_file",
        name=plain_name(name),
        content=content,
        media_type=media_type,
        company=request.company,
        at=at,
    )
    row = request.files.create(line=line, document=kept, added_by=actor, added_at=at)
    audit.record(
        "purchaserequest.file_added",
        target=request,
        at=at,
        actor=actor,
        company=request.company,
        data={"name": kept.name},
    )
    return row
