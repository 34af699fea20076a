"""The service account that signs for Google Wallet: the file Google gives, or a test account of demo and tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from benefit_card import keyring

TEST_FILE = "google-test.json"


@dataclass(frozen=True)
class Account:
    """Who signs, with which key, and where it gets its access."""

    email: str
    key: rsa.RSAPrivateKey
    key_id: str
    token_uri: str


def available() -> bool:
    """Whether the card can be offered to Google Wallet here."""
    return bool(settings.GOOGLE_WALLET_KEY) or (
        settings.WALLET_TEST_AUTHORITY and bool(settings.GOOGLE_WALLET_API_BASE)
    )


def account() -> Account:
    """The account; raises `RuntimeError` where there is none."""
    if settings.GOOGLE_WALLET_KEY:
        return _read(Path(settings.GOOGLE_WALLET_KEY))
    if not settings.WALLET_TEST_AUTHORITY:
        raise RuntimeError("GOOGLE_WALLET_KEY names the key file of the service account")
    path = keyring.directory() / TEST_FILE
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(_test_account()))
        draft.replace(path)
    return _read(path)


@lru_cache(maxsize=4)
def _parsed(path: Path, _changed: float) -> Account:
    said = json.loads(path.read_text())
    key = serialization.load_pem_private_key(said["private_key"].encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise RuntimeError("Google's service accounts sign with RSA")
    return Account(said["client_email"], key, said.get("private_key_id", ""), said.get("token_uri", ""))


def _read(path: Path) -> Account:
    return _parsed(path, path.stat().st_mtime)


def _test_account() -> dict[str, str]:
    """A key that Google never saw: its links open the double's page and nothing else. Its tokens come from the API's host."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return {
        "type": "service_account",
        "client_email": "erb@test-account.invalid",
        "private_key_id": "test",
        "private_key": pem,
    }
