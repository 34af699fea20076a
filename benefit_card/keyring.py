"""Private keys of the card, kept as files of CARD_KEY_DIR and never in the database.

`root.key` signs key sets (keep it offline in production and only copy `root.pub` here), `print-001.key` and the like
sign cards; only the signer opens them (`benefit_card.signing`). `codes.secret` turns status indexes into typed codes. The
directory is 0700, its files 0600.
"""

from __future__ import annotations

import json
import os
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from . import signing
from .revocation import b64, unb64


def directory() -> Path:
    path = Path(settings.CARD_KEY_DIR)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def _read_or_draw(name: str) -> bytes:
    """Return the 32 secret bytes of a file, drawing them once. Two processes that draw at once agree on one winner."""
    path = directory() / name
    while True:
        try:
            return unb64(path.read_text().strip())
        except FileNotFoundError:
            draft = path.with_name(f".{name}.{secrets.token_hex(8)}")
            draft.touch(mode=0o600)
            draft.write_text(b64(secrets.token_bytes(32)))
            try:
                os.link(draft, path)  # fails when the file exists: the first process wins
            except FileExistsError:
                pass
            finally:
                draft.unlink()


def _private(path: str, name: str) -> Ed25519PrivateKey:
    if not settings.CARD_SIGNS:
        raise signing.NotHere(name)
    return _opened(path, name)


@lru_cache(maxsize=512)
def _opened(path: str, name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_read_or_draw(name))


def private_key(*, use: str, kid: int) -> Ed25519PrivateKey:
    """The private half of a key, drawn at its first use."""
    return _private(str(settings.CARD_KEY_DIR), f"{use}-{kid:03d}.key")


def root_key() -> Ed25519PrivateKey:
    return _private(str(settings.CARD_KEY_DIR), "root.key")


def root_public(text: str | None = None) -> bytes:
    """The root key's public half: as given, else `root.pub`, else from the root key itself, which the signer has."""
    if text:
        return unb64(text)
    public = directory() / "root.pub"
    if public.exists():
        return unb64(public.read_text().strip())
    return _root(str(settings.CARD_KEY_DIR))


@lru_cache(maxsize=4)
def _root(_path: str) -> bytes:
    return signing.unpacked(signing.ask("root"))


@lru_cache(maxsize=8)
def _secret(path: str, name: str) -> bytes:
    return _read_or_draw(name)


def secret(name: str) -> bytes:
    """A symmetric secret of the card, such as the one behind the typed codes."""
    return _secret(str(settings.CARD_KEY_DIR), f"{name}.secret")


def published_path() -> Path:
    """Where the last published key set lies, for checks without a database."""
    return Path(settings.CARD_KEY_DIR) / "card-keys.json"


def publish(document: dict[str, Any]) -> None:
    draft = published_path().with_suffix(f".{secrets.token_hex(8)}")
    directory()
    draft.write_text(json.dumps(document))
    draft.replace(published_path())
    if not (directory() / "root.pub").exists():
        (directory() / "root.pub").write_text(b64(root_key().public_key().public_bytes_raw()))
