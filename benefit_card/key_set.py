"""The set of public keys that scanners keep, signed by the root key whose private half stays offline.

Pure: no Django, no database, no clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .credential import Key, Use
from .revocation import (
    DocumentRefused,
    RevocationList,
    b64,
    check_signature,
    instant,
    read_changes,
    read_list,
    sign,
    unb64,
)

CONTEXT = b"ERB-keys-1\n"
FIRST_KID, LAST_KID = 1, 254  # 0 and 255 are never given, so that a blank or a full byte is no key


def write_key_set(keys: Iterable[Key], *, number: int, issued_at: datetime, root: Ed25519PrivateKey) -> dict[str, Any]:
    """The signed JSON document of a key set. Leaving a key out revokes everything it ever signed."""
    document = {
        "format": "erb-keys-1",
        "number": number,
        "issued_at": issued_at.isoformat(),
        "keys": [
            {
                "kid": key.kid,
                "use": key.use.value,
                "public": b64(key.public),
                "not_before": key.not_before.isoformat(),
                "accept_until": key.accept_until.isoformat(),
            }
            for key in sorted(keys, key=lambda key: key.kid)
        ],
    }
    return sign(document, key=root, context=CONTEXT)


def read_key_set(document: object, *, root: bytes) -> dict[int, Key]:
    """Check and open a key set; raises `DocumentRefused`."""
    if not isinstance(document, dict) or document.get("format") != "erb-keys-1":
        raise DocumentRefused("not a key set")
    check_signature(document, public=root, context=CONTEXT)
    keys: dict[int, Key] = {}
    try:
        for row in document["keys"]:
            key = Key(
                kid=row["kid"],
                use=Use(row["use"]),
                public=unb64(row["public"]),
                not_before=instant(row["not_before"]),
                accept_until=instant(row["accept_until"]),
            )
            if not FIRST_KID <= key.kid <= LAST_KID or len(key.public) != 32 or key.kid in keys:
                raise DocumentRefused("a key that cannot be")
            keys[key.kid] = key
    except (KeyError, TypeError, ValueError) as error:
        raise DocumentRefused("a key that cannot be read") from error
    return keys


def read_list_with(document: object, *, keys: dict[int, Key]) -> RevocationList:
    """Open a revocation list signed by a list key of the set; raises `DocumentRefused`.

    The list key must have counted when the list was issued: a list is judged by its age, not its key's.
    """
    key = _list_key(document, keys)
    return _of_its_time(read_list(document, public=key.public), key)


def read_changes_with(document: object, *, base: RevocationList, keys: dict[int, Key]) -> RevocationList:
    """Open what changed since a list that was opened before, by the same rules; raises `DocumentRefused`."""
    key = _list_key(document, keys)
    return _of_its_time(read_changes(document, base=base, public=key.public), key)


def _list_key(document: object, keys: dict[int, Key]) -> Key:
    kid = document.get("kid") if isinstance(document, dict) else None
    key = keys.get(kid) if isinstance(kid, int) else None
    if key is None or key.use != Use.LIST:
        raise DocumentRefused("signed by an unknown key")
    return key


def _of_its_time(opened: RevocationList, key: Key) -> RevocationList:
    if not key.counts(opened.issued_at):
        raise DocumentRefused("signed by a key that did not count then")
    return opened
