"""The signed documents that offline scanners keep: which cards are revoked, which keys count.

A revocation list is a bitmap indexed by the random status index of a card, padded so that its size does not tell how
many cards there are. Both documents are flat JSON with a signature over a context and their canonical form (keys
sorted, no spaces, ASCII), so that a browser can check them with `JSON.stringify` and WebCrypto.
Pure: no Django, no database, no clock.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PADDING_BITS = 131_072
LARGEST_BITS = 64 * PADDING_BITS
AMBER, STALE = timedelta(hours=24), timedelta(hours=72)
LIST_CONTEXT = b"ERB-revocations-1\n"


class DocumentRefused(ValueError):
    """A signed document is broken, or signed by somebody else."""


@dataclass(frozen=True)
class RevocationList:
    """A list as it is asked: `number` grows with each list, `bits` is the bitmap, most significant bit first."""

    number: int
    issued_at: datetime
    bits: bytes

    def revoked(self, index: int) -> bool:
        return self.covers(index) and bool(self.bits[index >> 3] & 0x80 >> (index & 7))

    def covers(self, index: int) -> bool:
        return index < len(self.bits) * 8

    def age(self, at: datetime) -> str:
        """green: today's list; amber: limited offers wait for a newer one; red: too old for a printed card."""
        passed = at - self.issued_at
        return "green" if passed <= AMBER else "amber" if passed <= STALE else "red"

    def too_old(self, at: datetime) -> bool:
        return self.age(at) == "red"


def padded_bits(cards: int) -> int:
    """The size of the index space for so many cards: whole steps of 131,072, at most 96 % full.

    >>> padded_bits(4_000), padded_bits(1_000_000)
    (131072, 1048576)
    """
    return PADDING_BITS * max(1, -(-cards * 25 // (PADDING_BITS * 24)))


def bitmap(indexes: Iterable[int], *, size: int) -> bytes:
    """Set the bit of every index, most significant bit of a byte first.

    >>> bitmap([0, 9], size=16).hex()
    '8040'
    """
    bits = bytearray(size // 8)
    for index in indexes:
        bits[index >> 3] |= 0x80 >> (index & 7)
    return bytes(bits)


def canonical(document: dict[str, Any]) -> bytes:
    """The bytes that are signed: everything but the signature, in one spelling.

    >>> canonical({"b": 1, "a": "x", "signature": "…"})
    b'{"a":"x","b":1}'
    """
    body = {name: value for name, value in document.items() if name != "signature"}
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text: object) -> bytes:
    """Strict reading of unpadded base64url; raises `DocumentRefused`."""
    try:
        data = base64.b64decode(str(text) + "=" * (-len(str(text)) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise DocumentRefused("not base 64") from error
    if b64(data) != text:
        raise DocumentRefused("second spelling of base 64")
    return data


def sign(document: dict[str, Any], *, key: Ed25519PrivateKey, context: bytes) -> dict[str, Any]:
    return {**document, "signature": b64(key.sign(context + canonical(document)))}


def check_signature(document: dict[str, Any], *, public: bytes, context: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(
            unb64(document.get("signature")), context + canonical(document)
        )
    except (InvalidSignature, ValueError) as error:
        raise DocumentRefused("the signature does not match") from error


def instant(value: object) -> datetime:
    """An ISO 8601 instant with its offset; raises `DocumentRefused`."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise DocumentRefused("not an instant") from error
    if at.utcoffset() is None:
        raise DocumentRefused("an instant without offset")
    return at


def write_list(
    revoked: Iterable[int], *, size: int, number: int, issued_at: datetime, kid: int, key: Ed25519PrivateKey
) -> dict[str, Any]:
    """The signed JSON document of a list: about 0.6 kB for 4,000 cards."""
    raw = bitmap(revoked, size=size)
    document = {
        "format": "erb-revocations-1",
        "number": number,
        "issued_at": issued_at.isoformat(),
        "kid": kid,
        "size": size,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bitmap": b64(zlib.compress(raw, 9)),
    }
    return sign(document, key=key, context=LIST_CONTEXT)


def read_list(document: object, *, public: bytes) -> RevocationList:
    """Check and open a list; raises `DocumentRefused`, so that a scanner keeps the list it had."""
    if not isinstance(document, dict) or document.get("format") != "erb-revocations-1":
        raise DocumentRefused("not a revocation list")
    check_signature(document, public=public, context=LIST_CONTEXT)
    size, number = document.get("size"), document.get("number")
    if not isinstance(size, int) or not isinstance(number, int) or size % 8 or not 0 < size <= LARGEST_BITS:
        raise DocumentRefused("no size or number")
    try:
        raw = zlib.decompressobj().decompress(unb64(document.get("bitmap")), size // 8 + 1)
    except zlib.error as error:
        raise DocumentRefused("the bitmap cannot be unpacked") from error
    if len(raw) * 8 != size or hashlib.sha256(raw).hexdigest() != document.get("sha256"):
        raise DocumentRefused("the bitmap is not the one that was signed")
    return RevocationList(number=number, issued_at=instant(document.get("issued_at")), bits=raw)
