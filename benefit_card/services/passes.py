"""Day passes: what a phone keeps for a week so that it can show a fresh code every half minute without a network."""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from benefit_card import credential, keyring, selectors, short_code, signing
from benefit_card.credential import PARIS
from benefit_card.models import Card
from benefit_card.services.cards import typed_code
from benefit_card.services.keys import stands
from companies.errors import DomainError

DAYS = 7


class CardNotUsable(DomainError):
    """The holder's card cannot be shown now."""

    code = "card_not_usable"
    message = _("Your card cannot be used at present. Ask your company, or report it lost to get a new one.")


class CardNotActivated(DomainError):
    """The holder has not opened the card on a phone yet."""

    code = "card_not_activated"
    message = _("Open your card on this phone first.")


def seed(index: int, generation: int, day: int) -> bytes:
    """The secret of one card and one day, derived: whoever reads the database cannot show a card."""
    text = f"{index}:{generation}:{day}".encode()
    return hmac.digest(keyring.secret("seeds"), text, hashlib.sha256)[: credential.LINK]


def check_usable(card: Card, *, at: datetime) -> list[str]:
    """Return the names of the holder's employers; raise when the card gives no right today."""
    employers = selectors.employers_of(card.person, at)
    if card.blocked_at or card.replaced_at or card.valid_until < at.astimezone(PARIS).date() or not employers:
        raise CardNotUsable
    return employers


def week(card: Card, *, at: datetime) -> dict[str, Any]:
    """The passes of seven UTC days, today first, as the card's page keeps them.

    `token_prefix_hex` is the 88 bytes of a pass (24 of header, 64 of signature); slot s of its day shows
    "ERB1:" + base45(prefix ‖ s as u16 ‖ H^(2880-s)(seed)) with H(x) = SHA-256("ERBc" ‖ x) cut to 16 bytes.
    """
    if card.activated_at is None:
        raise CardNotActivated
    employers = check_usable(card, at=at)
    first = credential.utc_day(at)
    days = list(range(first, first + DAYS))
    made = signing.ask("days", index=card.status_index, generation=card.generation, days=days, at=at.isoformat())
    passes = [
        {
            "day": day,
            "kid": made["kid"],
            "token_prefix_hex": prefix,
            "seed_hex": seed(card.status_index, card.generation, day).hex(),
        }
        for day, prefix in zip(days, made["prefixes"], strict=True)
    ]
    return {
        "server_time": timezone.localtime(at).isoformat(),
        "short_code": short_code.grouped(typed_code(card.status_index)),
        "holder": {"first_name": card.person.first_name, "initial": card.person.initial},
        "companies": employers,
        "valid_until": card.valid_until.isoformat(),
        "renew_after": timezone.localtime(at + timedelta(days=1)).isoformat(),
        "passes": passes,
    }


def code_now(card: Card, *, at: datetime) -> str:
    """The text a phone would show now, for a page without JavaScript. What was signed for a day is remembered for that day:
    without its seed it shows nothing.
    """
    day, slot = divmod(credential.absolute_slot(at), credential.SLOTS)
    place = {"index": card.status_index, "generation": card.generation}
    name = f"benefit_card.day:{card.status_index}:{card.generation}:{day}"
    kept: dict[str, Any] | None = cache.get(name)
    if kept is None or not stands(kept["kid"]):
        kept = signing.ask("days", **place, days=[day], at=at.isoformat())
        cache.set(name, kept, 86_400)
    drawn = seed(**place, day=day)
    return credential.to_text(credential.phone_code(bytes.fromhex(kept["prefixes"][0]), seed=drawn, slot=slot))
