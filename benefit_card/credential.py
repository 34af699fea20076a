"""What a card's QR says and how it is checked: signed print tokens, phone day passes, nothing else.

Two payloads (design of the card, "Payloads"), both with Ed25519 over "ERB1" and the first bytes:

* print, 73 bytes: `0x11 · kid · index u32 · expiry day u16 · generation · signature 64`
* phone, 106 bytes: `0x12 · kid · index u32 · day u16 · anchor 16 · signature 64 · slot u16 · preimage 16`

Numbers are big-endian. An expiry day is a calendar day in Paris, a pass day a UTC day (always 86,400 seconds, so that
clock changes never break the hash chain); both count days from 1 January 1970. A pass carries anchor = Hᴺ(seed) with
N = 2,880 slots of 30 seconds; slot t shows Hᴺ⁻ᵗ(seed), and whoever checks hashes it t times.

There is no algorithm field to confuse, no second spelling of the same bytes and no name in a code.
Pure: no Django, no database, no clock, no randomness that is not passed in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from . import base45
from .revocation import RevocationList

PARIS = ZoneInfo("Europe/Paris")
CONTEXT = b"ERB1"
PREFIX = "ERB1:"
PRINT, PHONE = 0x11, 0x12
PRINT_HEADER, PHONE_HEADER, SIGNATURE, LINK = 9, 24, 64, 16
PRINT_SIZE = PRINT_HEADER + SIGNATURE
PASS_SIZE = PHONE_HEADER + SIGNATURE  # the part of a phone code that lasts a day
PHONE_SIZE = PASS_SIZE + 2 + LINK
SLOTS, SLOT_SECONDS = 2880, 30
LONGEST_TEXT = 256
_EPOCH = date(1970, 1, 1)


class Verdict(StrEnum):
    """The answer to "may this text be accepted now?", the most fundamental refusal first."""

    VALID = "valid"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    FORGED = "forged"
    EXPIRED = "expired"
    WRONG_SLOT = "wrong_slot"
    REVOKED = "revoked"
    STALE_LIST = "stale_list"


class Use(StrEnum):
    """What a key may sign. A key of one use never vouches for another."""

    PRINT = "print"
    PHONE = "phone"
    LIST = "list"


class Malformed(ValueError):
    """The text is not one of our codes."""


@dataclass(frozen=True)
class Key:
    """The public half of a signing key and the time in which its signatures count."""

    kid: int
    use: Use
    public: bytes
    not_before: datetime
    accept_until: datetime

    def counts(self, at: datetime) -> bool:
        return self.not_before <= at < self.accept_until


@dataclass(frozen=True)
class PrintToken:
    raw: bytes
    kid: int
    index: int
    expires_on: date
    generation: int


@dataclass(frozen=True)
class PhoneCode:
    raw: bytes
    kid: int
    index: int
    day: int
    anchor: bytes
    slot: int
    preimage: bytes

    @property
    def absolute_slot(self) -> int:
        """Slots since 1970, so that the window runs on across midnight."""
        return self.day * SLOTS + self.slot


@dataclass(frozen=True)
class Check:
    """A verdict and what could be read; `token` is None when the text is malformed."""

    verdict: Verdict
    token: PrintToken | PhoneCode | None = None

    @property
    def kind(self) -> str | None:
        return None if self.token is None else "print" if isinstance(self.token, PrintToken) else "phone"

    @property
    def index(self) -> int | None:
        return None if self.token is None else self.token.index

    @property
    def generation(self) -> int | None:
        return self.token.generation if isinstance(self.token, PrintToken) else None

    @property
    def expires(self) -> str | None:
        """The last day of a print token, or the end of a phone code's own slot, in ISO 8601."""
        if isinstance(self.token, PrintToken):
            return self.token.expires_on.isoformat()
        if isinstance(self.token, PhoneCode):
            return slot_start(self.token.absolute_slot + 1).astimezone(PARIS).isoformat()
        return None


# ---------------------------------------------------------------- days and slots


def day_number(day: date) -> int:
    """Days since 1970, as the payloads count them.

    >>> day_number(date(2026, 1, 1))
    20454
    """
    number = (day - _EPOCH).days
    if not 0 <= number <= 0xFFFF:
        raise ValueError(f"{day} does not fit in a card")
    return number


def utc_day(at: datetime) -> int:
    return day_number(at.astimezone(UTC).date())


def absolute_slot(at: datetime) -> int:
    """Slots of 30 s since 1970 at an instant."""
    return int(at.timestamp()) // SLOT_SECONDS


def slot_start(slot: int) -> datetime:
    return datetime.fromtimestamp(slot * SLOT_SECONDS, UTC)


def end_of_day(day: date) -> datetime:
    """The first instant after a calendar day in Paris, also on the two nights when the clock changes."""
    return datetime.combine(day + timedelta(days=1), time.min, PARIS)


# ---------------------------------------------------------------- writing


def print_token(*, key: Ed25519PrivateKey, kid: int, index: int, expires_on: date, generation: int) -> bytes:
    """Sign the 73 bytes of a printed card. Ed25519 draws no randomness: the same card gives the same bytes."""
    header = bytes([PRINT, kid]) + index.to_bytes(4, "big") + day_number(expires_on).to_bytes(2, "big")
    header += bytes([generation])
    return header + key.sign(CONTEXT + header)


def chain(value: bytes, steps: int) -> bytes:
    """Hash so many times. Written out: a phone's day is 2,880 of them."""
    sha256 = hashlib.sha256
    for _ in range(steps):
        value = sha256(b"ERBc" + value).digest()[:LINK]
    return value


def day_pass(*, key: Ed25519PrivateKey, kid: int, index: int, day: int, seed: bytes) -> bytes:
    """Sign the 88 bytes that a phone keeps for one UTC day. Whoever has the seed can show every slot of that day."""
    if len(seed) != LINK:
        raise ValueError("a seed has 16 bytes")
    header = bytes([PHONE, kid]) + index.to_bytes(4, "big") + day.to_bytes(2, "big") + chain(seed, SLOTS)
    return header + key.sign(CONTEXT + header)


def phone_code(prefix: bytes, *, seed: bytes, slot: int) -> bytes:
    """The 106 bytes that a phone shows during one slot of the pass `prefix`."""
    if len(prefix) != PASS_SIZE or not 0 <= slot < SLOTS:
        raise ValueError("not a day pass, or no slot of a day")
    return prefix + slot.to_bytes(2, "big") + chain(seed, SLOTS - slot)


def to_text(payload: bytes) -> str:
    """The text of the QR: upper case only, so that it stays in the alphanumeric mode."""
    return PREFIX + base45.encode(payload)


def to_url(payload: bytes, *, host: str) -> str:
    """The text of a QR that a plain phone camera can open; the fragment never reaches a server."""
    return f"HTTPS://{host.upper()}/C#" + base64.b32encode(payload).decode().rstrip("=")


# ---------------------------------------------------------------- reading


def from_text(text: str, *, host: str | None = None) -> bytes:
    """Return the bytes of a code, in its one spelling; raise `Malformed` for everything else."""
    if len(text) > LONGEST_TEXT or not text.isascii():
        raise Malformed("too long, or letters that no code has")
    if text.startswith(PREFIX):
        try:
            return base45.decode(text.removeprefix(PREFIX))
        except base45.Base45Refused as error:
            raise Malformed(str(error)) from error
    start = f"HTTPS://{host.upper()}/C#" if host else ""
    if start and text.startswith(start):
        letters = text.removeprefix(start)
        try:
            payload = base64.b32decode(letters + "=" * (-len(letters) % 8))
        except ValueError as error:
            raise Malformed("not base 32") from error
        if to_url(payload, host=host or "") != text:  # an unused last bit would give a second spelling
            raise Malformed("second spelling")
        return payload
    raise Malformed("not one of our codes")


def parse(payload: bytes) -> PrintToken | PhoneCode:
    """Cut the bytes into their fields, without checking the signature."""
    if len(payload) == PRINT_SIZE and payload[0] == PRINT:
        return PrintToken(
            raw=payload,
            kid=payload[1],
            index=int.from_bytes(payload[2:6], "big"),
            expires_on=_EPOCH + timedelta(days=int.from_bytes(payload[6:8], "big")),
            generation=payload[8],
        )
    if len(payload) == PHONE_SIZE and payload[0] == PHONE:
        slot = int.from_bytes(payload[PASS_SIZE : PASS_SIZE + 2], "big")
        if slot >= SLOTS:
            raise Malformed("no slot of a day")
        return PhoneCode(
            raw=payload,
            kid=payload[1],
            index=int.from_bytes(payload[2:6], "big"),
            day=int.from_bytes(payload[6:8], "big"),
            anchor=payload[8:PHONE_HEADER],
            slot=slot,
            preimage=payload[PASS_SIZE + 2 :],
        )
    raise Malformed("wrong length or type")


@lru_cache(maxsize=256)
def _public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)


def _signed(token: PrintToken | PhoneCode, key: Key) -> bool:
    header = PRINT_HEADER if isinstance(token, PrintToken) else PHONE_HEADER
    try:
        _public(key.public).verify(token.raw[header : header + SIGNATURE], CONTEXT + token.raw[:header])
    except InvalidSignature:
        return False
    return isinstance(token, PrintToken) or chain(token.preimage, token.slot) == token.anchor


def verify(
    text: str,
    *,
    keys: Mapping[int, Key],
    at: datetime,
    revocations: RevocationList | None = None,
    slack: int = 1,
    host: str | None = None,
) -> Check:
    """Judge a card's text at an instant.

    `slack` is the number of slots a phone code may be early or late (1 online, 2 offline). With a revocation list, a
    revoked card is refused; a list older than 72 hours refuses print tokens, which nothing else proves fresh.
    """
    try:
        token = parse(from_text(text, host=host))
    except Malformed:
        return Check(Verdict.MALFORMED)
    key = keys.get(token.kid)
    if key is None or not key.counts(at):
        return Check(Verdict.UNKNOWN_KEY, token)
    if key.use != (Use.PRINT if isinstance(token, PrintToken) else Use.PHONE) or not _signed(token, key):
        return Check(Verdict.FORGED, token)
    if isinstance(token, PrintToken) and at >= end_of_day(token.expires_on):
        return Check(Verdict.EXPIRED, token)
    if isinstance(token, PhoneCode) and abs(token.absolute_slot - absolute_slot(at)) > slack:
        return Check(Verdict.WRONG_SLOT, token)
    if revocations is not None:
        if revocations.revoked(token.index):
            return Check(Verdict.REVOKED, token)
        if isinstance(token, PrintToken) and (revocations.too_old(at) or not revocations.covers(token.index)):
            return Check(Verdict.STALE_LIST, token)
    return Check(Verdict.VALID, token)
