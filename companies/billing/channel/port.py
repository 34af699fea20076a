"""What we ask of an approved platform, whichever way it is reached."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from companies.errors import DomainError

FACTURX, CDAR, FRR = "Factur-X", "CDAR", "FRR"


class ChannelDown(DomainError):
    """The platform does not answer; the document waits and is sent later."""

    code = "platform_down"
    message = _("The invoicing platform does not answer. The document is sent later by itself.")
    status = 503


class ChannelRefused(DomainError):
    """The platform will not take the document: sending it again would change nothing."""

    code = "platform_refused"
    message = _("The invoicing platform refuses the document: %(why)s")


@dataclass(frozen=True)
class Parcel:
    """A document on its way out. The same `tracking` is the same document, however often it is sent."""

    tracking: str
    name: str
    content: bytes
    syntax: str  # Factur-X, CDAR or FRR (e-reporting)
    flow_type: str = ""  # as XP Z12-013 names it; empty: by the syntax


@dataclass(frozen=True)
class Incoming:
    """A document that came in. `about` names ours when it is a status."""

    flow_id: str
    name: str
    content: bytes
    is_status: bool
    at: datetime | None = None


@dataclass(frozen=True)
class Line:
    """One address of the central directory."""

    address: str
    siret: str
    status: str  # Enabled, Upcoming or Disabled
    platform: str  # WK: an approved platform; DFH: the public portal


class EInvoiceChannel(Protocol):
    """Implementations never touch the database, and are never called inside a transaction."""

    name: str

    def send(self, parcel: Parcel) -> str:
        """Hand over a document; returns the platform's name for it. Raises ChannelDown, ChannelRefused."""

    def verdict(self, flow_id: str) -> tuple[bool, str] | None:
        """Whether the platform took a flow, and its words; None while it has not said, or never does. Raises ChannelDown."""

    def directory(self, identifier: str) -> list[Line] | None:
        """Lines of the central directory for a SIREN, a SIRET or an address; empty when nobody is there.

        None when this way has no directory. Raises ChannelDown, ChannelRefused.
        """

    def fetch(self, since: datetime | None) -> Iterator[Incoming]:
        """Documents that came since a time, the oldest first; more than once is allowed. Raises ChannelDown."""

    def taken(self, incoming: Incoming, *, refused: bool) -> None:
        """Say that a document was read, or cannot be; it is not fetched again where the way allows that."""


@lru_cache(maxsize=4)
def _made(kind: str, *options: str) -> EInvoiceChannel:
    from companies.billing.channel import folder, http, mailbox

    adapters = {"folder": folder.Folder, "mailbox": mailbox.Mailbox, "http": http.Platform}
    return adapters[kind](*options)


def channel() -> EInvoiceChannel:
    """The installation's way to its platform."""
    kind = settings.EINVOICE_CHANNEL
    options = {
        "folder": (str(settings.EINVOICE_DIR),),
        "mailbox": (str(settings.EINVOICE_DIR), settings.EINVOICE_MAILBOX),
        "http": (settings.EINVOICE_API_BASE, settings.EINVOICE_CLIENT_ID, settings.EINVOICE_CLIENT_SECRET)
        + ((settings.EINVOICE_DIRECTORY_BASE,) if settings.EINVOICE_DIRECTORY_BASE else ()),
    }
    return _made(kind, *options[kind])


@contextmanager
def one_at_a_time(name: str) -> Iterator[bool]:
    """Whether nobody else does this now; the lock ends with the connection, so a killed worker holds nothing back."""
    key = zlib.crc32(name.encode())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
