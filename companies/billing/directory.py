"""The central directory (annuaire), read through the platform: who receives where. Asked before sending, kept with its age."""

import re
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

from companies.billing.channel.port import ChannelDown, EInvoiceChannel, Line
from companies.billing.models import DirectoryEntry
from companies.errors import DomainError, Invalid
from companies.models import Company

FRESH, FRESH_MISSING = timedelta(days=7), timedelta(hours=12)
ADDRESS = re.compile(r"\d{9}(_[0-9A-Za-z._-]{1,100})?")
PLATFORMS = {"WK": _("an approved platform"), "DFH": _("the public portal: no platform was chosen")}
STATUSES = {"Enabled": _("takes invoices"), "Upcoming": _("from a later day on"), "Disabled": _("takes none any more")}


class NotInDirectory(DomainError):
    code = "not_in_directory"
    message = _(
        "%(company)s is in no directory under SIREN %(siren)s: no platform receives its invoices. It must choose an approved "
        "platform; until then the PDF goes by mail."
    )


class AddressNotOpen(DomainError):
    code = "address_not_open"
    message = _(
        "The directory does not deliver to %(address)s. It delivers to: %(others)s. Change the company's electronic address."
    )


class IdentifierRefused(Invalid):
    code = "directory_identifier_refused"
    message = _("Type a SIREN (9 digits), a SIRET (14 digits) or an electronic address that begins with the SIREN.")
    field = "q"


class NoDirectory(DomainError):
    code = "no_directory"
    message = _(
        "This installation reaches its platform by folder or mailbox: the directory is read on the platform's own pages."
    )


def identifier(given: str) -> str:
    """What may be asked for. Raises IdentifierRefused.

    >>> identifier("552 100 554")
    '552100554'
    """
    text = "".join(given.split())
    if not (re.fullmatch(r"\d{14}", text) or ADDRESS.fullmatch(text)):
        raise IdentifierRefused
    return text


def search(way: EInvoiceChannel, given: str) -> list[Line]:
    """Ask the directory now. Raises IdentifierRefused, NoDirectory, ChannelDown."""
    found = way.directory(identifier(given))
    if found is None:
        raise NoDirectory
    return found


def look_up(way: EInvoiceChannel, company: Company, *, at: datetime) -> DirectoryEntry | None:
    """Ask about a company and keep the answer; None when this way to the platform has no directory. Raises ChannelDown."""
    found = way.directory(company.siren)
    if found is None:
        return None
    row, _new = DirectoryEntry.objects.update_or_create(
        company=company, defaults={"lines": [asdict(line) for line in found], "looked_at": at}
    )
    return row


def known(way: EInvoiceChannel, company: Company, *, at: datetime) -> DirectoryEntry | None:
    """What the directory says, asked again when it is old. Old words serve while the platform is away."""
    row = DirectoryEntry.objects.filter(company=company).first()
    if row is not None and row.looked_at > at - (FRESH if row.open_lines else FRESH_MISSING):
        return row
    try:
        return look_up(way, company, at=at)
    except ChannelDown:
        if row is None:
            raise
        return row


def check(way: EInvoiceChannel, company: Company | None, address: str, *, at: datetime) -> None:
    """Raises NotInDirectory or AddressNotOpen when the directory does not deliver there, ChannelDown when nobody knows."""
    row = known(way, company, at=at) if company else None
    if row is None or company is None:
        return
    addresses = [line["address"] for line in row.open_lines]
    if not addresses:
        raise NotInDirectory(company=company.name, siren=company.siren)
    if address not in addresses:
        raise AddressNotOpen(address=address, others=", ".join(addresses))


def in_words(line: dict[str, str] | Line) -> dict[str, Any]:
    """A line as a page shows it."""
    data = line if isinstance(line, dict) else asdict(line)
    return data | {
        "status_words": STATUSES.get(data["status"], data["status"]),
        "platform_words": PLATFORMS.get(data["platform"], data["platform"]),
        "open": data["status"] == "Enabled",
    }
