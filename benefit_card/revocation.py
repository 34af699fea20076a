"""The signed documents that offline scanners keep: which cards are revoked, which keys count.

A revocation list is a bitmap indexed by the random status index of a card, padded so that its size does not tell how
many cards there are. Both documents are flat JSON with a signature over a context and their canonical form (keys
sorted, no spaces, ASCII), so that a browser can check them with `JSON.stringify` and WebCrypto.

A list also carries a signature over its head alone: number, time, size and digest of the bitmap. So whoever keeps an older
list needs only the places that changed: what comes out has to have the digest that the head vouches for.
Pure: no Django, no database, no clock.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
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
HEAD_CONTEXT = b"ERB-revocations-head-1\n"
_HEAD = ("issued_at", "kid", "number", "sha256", "size")


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
    document["head"] = sign(_head(document), key=key, context=HEAD_CONTEXT)["signature"]
    return sign(document, key=key, context=LIST_CONTEXT)


def _head(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document.get(name) for name in _HEAD}


def read_list(document: object, *, public: bytes) -> RevocationList:
    """Check and open a list; raises `DocumentRefused`, so that a scanner keeps the list it had."""
    if not isinstance(document, dict) or document.get("format") != "erb-revocations-1":
        raise DocumentRefused("not a revocation list")
    check_signature(document, public=public, context=LIST_CONTEXT)
    size, number = _size_and_number(document)
    try:
        raw = zlib.decompressobj().decompress(unb64(document.get("bitmap")), size // 8 + 1)
    except zlib.error as error:
        raise DocumentRefused("the bitmap cannot be unpacked") from error
    return _as_signed(document, number=number, size=size, raw=raw)


def _size_and_number(document: dict[str, Any]) -> tuple[int, int]:
    size, number = document.get("size"), document.get("number")
    if not isinstance(size, int) or not isinstance(number, int) or size % 8 or not 0 < size <= LARGEST_BITS:
        raise DocumentRefused("no size or number")
    return size, number


def _as_signed(document: dict[str, Any], *, number: int, size: int, raw: bytes) -> RevocationList:
    if len(raw) * 8 != size or hashlib.sha256(raw).hexdigest() != document.get("sha256"):
        raise DocumentRefused("the bitmap is not the one that was signed")
    return RevocationList(number=number, issued_at=instant(document.get("issued_at")), bits=raw)


# ---------------------------------------------------------------- what changed since an older list


def write_changes(document: dict[str, Any], *, base: dict[str, Any]) -> dict[str, Any] | None:
    """What turns the list `base` into the list `document`, both our own; None when the whole list has to be fetched.

    Nothing is signed anew: the list's head is.
    """
    if "head" not in document or base["size"] != document["size"]:
        return None
    old, new = (zlib.decompress(unb64(known["bitmap"])) for known in (base, document))
    flips = b64(pack(differences(old, new)))
    if len(flips) >= len(document["bitmap"]):
        return None
    told = {"format": "erb-revocations-changes-1", "base": base["number"], "flips": flips}
    return {**told, **_head(document), "signature": document["head"]}


def read_changes(document: object, *, base: RevocationList, public: bytes) -> RevocationList:
    """Turn a list that was checked before into the one these changes lead to; raises `DocumentRefused` and keeps `base`."""
    if not isinstance(document, dict) or document.get("format") != "erb-revocations-changes-1":
        raise DocumentRefused("no changes of a revocation list")
    check_signature({**_head(document), "signature": document.get("signature")}, public=public, context=HEAD_CONTEXT)
    size, number = _size_and_number(document)
    if document.get("base") != base.number or size != len(base.bits) * 8 or number < base.number:
        raise DocumentRefused("changes of another list")
    raw = bytearray(base.bits)
    for index in unpack(unb64(document.get("flips")), size=size):
        raw[index >> 3] ^= 0x80 >> (index & 7)
    return _as_signed(document, number=number, size=size, raw=bytes(raw))


def differences(old: bytes, new: bytes) -> list[int]:
    """The places at which two bitmaps of one size differ, ascending.

    >>> differences(bytes([0x80, 0, 1]), bytes([0, 0, 3]))
    [0, 22]
    """
    other = (int.from_bytes(old) ^ int.from_bytes(new)).to_bytes(len(old))
    touched = (found.start() for found in re.finditer(rb"[^\0]", other))
    return [8 * at + bit for at in touched for bit in range(8) if other[at] & 0x80 >> bit]


def pack(places: Iterable[int]) -> bytes:
    """Ascending numbers as the gaps between them, seven bits a byte, the high bit on all but a gap's last byte.

    >>> pack([0, 1, 130]).hex(), pack([300]).hex()
    ('00008001', 'ac02')
    """
    packed, before = bytearray(), -1
    for place in places:
        gap, before = place - before - 1, place
        while gap > 0x7F:
            packed.append(0x80 | gap & 0x7F)
            gap >>= 7
        packed.append(gap)
    return bytes(packed)


def unpack(packed: bytes, *, size: int) -> list[int]:
    """The numbers that `pack` wrote, all below `size`; raises `DocumentRefused`.

    >>> unpack(bytes.fromhex("00008001"), size=131)
    [0, 1, 130]
    """
    places, place, gap, shift = [], -1, 0, 0
    for byte in packed:
        gap |= (byte & 0x7F) << shift
        if byte & 0x80 and shift < 28:
            shift += 7
            continue
        place += gap + 1
        if place >= size:
            raise DocumentRefused("a place beyond the list")
        places.append(place)
        gap = shift = 0
    if shift:
        raise DocumentRefused("changes that end early")
    return places
