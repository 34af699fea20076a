"""The card in a phone's wallet: what it says, who hears of changes. Worth what the printed card is worth, and says so."""

import hashlib
import hmac
import logging
import ssl
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from benefit_card import keyring, sheets, short_code, signing, wallet_authority
from benefit_card.access import holds
from benefit_card.credential import end_of_day
from benefit_card.models import Card, WalletRegistration
from benefit_card.services.cards import print_text, typed_code
from companies import audit, deadlines, mail, outward
from companies.access import require
from companies.models import User

logger = logging.getLogger(__name__)
TIMEOUT = 10


def _mac(purpose: str, card_id: int) -> str:
    return hmac.digest(keyring.secret("wallets"), f"{purpose}:{card_id}".encode(), hashlib.sha256)[:16].hex()


def serial(card: Card) -> str:
    """The pass's number: the same at every download, and not to be guessed from another."""
    return f"{card.pk}-{_mac('serial', card.pk)}"


def token(card: Card) -> str:
    """What the wallet shows when it asks about this pass."""
    return _mac("token", card.pk)


def of_serial(text: str) -> Card | None:
    """The card of a pass; None for any number we did not give."""
    number = text.partition("-")[0]
    card = (
        Card.objects.select_related("person").filter(pk=number).first()
        if number.isdecimal() and len(number) < 19
        else None
    )
    return card if card and hmac.compare_digest(serial(card), text) else None


def changed_at(card: Card) -> datetime:
    """When the pass last changed; a card that was found again has nothing left of its block but this."""
    told = card.wallets.order_by("-changed_at").values_list("changed_at", flat=True).first()
    return max(at for at in (card.created_at, card.blocked_at, card.replaced_at, told) if at)


def holder_name(card: Card) -> str:
    """First name and initial; a dash for somebody who was erased."""
    person = card.person
    return "–" if person.erased_at else sheets.display_name(person.first_name, person.last_name)


def content(card: Card) -> dict[str, Any]:
    """What stands in the pass. Dark on white, no employer, first name and initial only."""
    worth = _(
        "This pass shows the same code as the printed card. It does not change: whoever copies it holds the card until you "
        "report it lost. Offers with limited uses may ask for the code of the ERB card on your phone, which changes every "
        "30 seconds."
    )
    field = {
        "key": "name",
        "label": _("Benefit card"),
        "value": holder_name(card),
    }
    typed = {"key": "typed", "label": _("Code to type"), "value": short_code.grouped(typed_code(card.status_index))}
    return {
        "formatVersion": 1,
        "passTypeIdentifier": settings.APPLE_PASS_TYPE,
        "teamIdentifier": settings.APPLE_TEAM,
        "serialNumber": serial(card),
        "organizationName": "ERB",
        "description": _("ERB benefit card"),
        "webServiceURL": mail.absolute(reverse("benefit_card:wallet_root")),
        "authenticationToken": token(card),
        "foregroundColor": "rgb(28, 37, 48)",
        "backgroundColor": "rgb(255, 255, 255)",
        "labelColor": "rgb(138, 68, 32)",
        "logoText": "ERB",
        "expirationDate": end_of_day(card.valid_until).isoformat(),
        "voided": bool(card.blocked_at or card.replaced_at),
        "barcodes": [{"format": "PKBarcodeFormatQR", "message": print_text(card), "messageEncoding": "iso-8859-1"}],
        "storeCard": {
            "primaryFields": [field],
            "auxiliaryFields": [typed],
            "backFields": [{"key": "worth", "label": _("What this pass is worth"), "value": worth}],
        },
    }


def file(card: Card) -> bytes:
    """The signed .pkpass of a card as it stands now."""
    return signing.unpacked(signing.ask("wallet", content=content(card)))


def download(*, actor: User, card: Card, at: datetime) -> bytes:
    """A holder takes the card into the wallet of a phone."""
    require(holds(actor, card))
    audit.record("card.wallet", target=card, at=at, actor=actor)
    return file(card)


def register(*, card: Card, device: str, push_token: str, at: datetime) -> bool:
    """A wallet wants to hear of changes; true when it is new."""
    _row, made = WalletRegistration.objects.update_or_create(
        card=card, device=device[:100], defaults={"push_token": push_token[:200]}, create_defaults={
            "push_token": push_token[:200], "registered_at": at, "changed_at": changed_at(card),
        },
    )  # fmt: skip
    return made


def unregister(*, card: Card, device: str) -> None:
    WalletRegistration.objects.filter(card=card, device=device).delete()


def changed_since(device: str, tag: str) -> tuple[list[str], str]:
    """The numbers of a device's passes that changed after a tag, and the tag of now."""
    rows = WalletRegistration.objects.filter(device=device).select_related("card__person")
    since = int(tag) if tag.isdecimal() and len(tag) < 19 else -1
    times = {serial(row.card): int(changed_at(row.card).timestamp()) for row in rows}
    fresh = [number for number, at in times.items() if at > since]
    return sorted(fresh), str(max(times.values(), default=0))


def push(card_ids: Iterable[int], *, at: datetime) -> int:
    """Tell the wallets of cards that something changed; return how many heard it. A wallet that is gone is forgotten.

    Apple's service speaks HTTP/2 alone, many pushes over one connection, and knows us by the certificate of the passes
    (Apple, "Sending notification requests to APNs"); an empty push makes the wallet ask for its pass.
    """
    rows = WalletRegistration.objects.filter(card__in=list(card_ids))
    rows.update(changed_at=at)
    if not settings.APPLE_PUSH_URL:
        return 0
    import httpx  # half a second that only the worker needs

    lines: list[Any] = []  # the connection, once it stands: each push over it has its own limit

    def opened(event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            lines.append(info["return_value"].get_extra_info("socket"))
            deadlines.hold(lines[-1])

    told, headers = 0, {"apns-topic": settings.APPLE_PASS_TYPE, "apns-push-type": "background"}
    with httpx.Client(base_url=settings.APPLE_PUSH_URL, http2=True, verify=_push_tls(), timeout=TIMEOUT) as client:
        for row in rows.order_by("pk"):
            try:
                with deadlines.within(outward.WHOLE):
                    for line in lines:
                        deadlines.hold(line)
                    path = f"/3/device/{quote(row.push_token, safe='')}"
                    answer = client.post(path, json={}, headers=headers, extensions={"trace": opened})
            except (httpx.HTTPError, TimeoutError) as error:
                logger.warning("a wallet was not told: %s", type(error).__name__)
                continue
            if answer.status_code == 410:
                row.delete()
            elif answer.is_success:
                told += 1
            else:
                logger.warning("a wallet was not told: %s", answer.status_code)
    return told


def _push_tls() -> ssl.SSLContext:
    """Who may answer (APPLE_PUSH_AUTHORITY, else the system's authorities) and the certificate that we show."""
    context = ssl.create_default_context(cafile=settings.APPLE_PUSH_AUTHORITY or None)
    context.load_cert_chain(wallet_authority.certificate_file())
    return context
