"""One sale a till made without network, as its device wrote and signed it.

The signature is ECDSA P-256 over SHA-256 of `ERB-offline-1\\n` and the canonical JSON of the entry (keys sorted, no spaces,
ASCII), as 64 bytes r‖s in base64url: what every browser's WebCrypto can make with a key that cannot be copied.
Pure: no Django, no database, no clock.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from .revocation import DocumentRefused, canonical, unb64

CONTEXT = b"ERB-offline-1\n"
_NAMELESS = uuid.UUID("6f2b7f0e-5f3f-4f0a-9d55-26100e7b0001")


@dataclass(frozen=True)
class Entry:
    """What the device said. `cashier` is the pass of the cashier who worked; `undone` a sale taken back before it was sent."""

    client_id: uuid.UUID
    seq: int
    code: str
    offer: int
    offer_version: int
    amount: str
    scanned_at: datetime
    list_number: int | None = None
    list_issued_at: datetime | None = None
    cashier: str = ""
    undone: bool = False


@lru_cache(maxsize=1024)  # a till signs all its entries with one key
def public_point(raw: bytes) -> ec.EllipticCurvePublicKey:
    """A device's public key from its 65 bytes; raises `DocumentRefused`."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError as error:
        raise DocumentRefused("not a point of the curve") from error


def signed_by(document: dict[str, Any], public: bytes) -> bool:
    """Whether the device whose key this is signed exactly this entry."""
    try:
        signature = unb64(document.get("signature"))
        if len(signature) != 64:
            return False
        pair = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        public_point(public).verify(pair, CONTEXT + canonical(document), ec.ECDSA(hashes.SHA256()))
    except (DocumentRefused, InvalidSignature, ValueError):
        return False
    return True


def nameless_id(document: object) -> uuid.UUID:
    """The name of an entry that brought none: the same broken entry is the same row, however often it is sent."""
    text = json.dumps(document, sort_keys=True, default=str)
    return uuid.uuid5(_NAMELESS, hashlib.sha256(text.encode()).hexdigest())
