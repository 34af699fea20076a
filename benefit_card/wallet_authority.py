"""The certificate that signs wallet passes: Apple's from the settings, or one of a test authority in demo and tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.conf import settings

from benefit_card import keyring
from benefit_card.pkpass import Signer

TEST_FILE = "wallet-test.pem"


def available() -> bool:
    """Whether passes can be signed here."""
    return bool(settings.APPLE_WALLET_CERTIFICATE) or settings.WALLET_TEST_AUTHORITY


def signer() -> Signer:
    """The signer of passes; raises `RuntimeError` where there is none."""
    return _read(certificate_file())


def certificate_file() -> Path:
    """The PEM with certificate, key and intermediate: it signs passes, and Apple's push service knows us by it."""
    if settings.APPLE_WALLET_CERTIFICATE:
        return Path(settings.APPLE_WALLET_CERTIFICATE)
    if not settings.WALLET_TEST_AUTHORITY:
        raise RuntimeError("APPLE_WALLET_CERTIFICATE names the file with certificate, key and intermediate")
    path = keyring.directory() / TEST_FILE
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_bytes(_test_authority())
        draft.replace(path)
    return path


@lru_cache(maxsize=4)
def _parsed(path: Path, _changed: float) -> Signer:
    text = path.read_bytes()
    first, *others = x509.load_pem_x509_certificates(text)
    key = serialization.load_pem_private_key(text[text.index(b"-----BEGIN PRIVATE KEY") :], password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise RuntimeError("passes are signed with RSA")
    return Signer(first, key, others)


def _read(path: Path) -> Signer:
    return _parsed(path, path.stat().st_mtime)


def _test_authority() -> bytes:
    """Certificate, authority and key as one PEM. No phone trusts it: that is what tells demo from production."""
    now = datetime.now(UTC)
    root, leaf = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _key in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ERB test authority")])
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.USER_ID, settings.APPLE_PASS_TYPE),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Pass Type ID: {settings.APPLE_PASS_TYPE}"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, settings.APPLE_TEAM),
        ]
    )

    def certificate(subject: x509.Name, key: rsa.RSAPrivateKey, *, ca: bool) -> bytes:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(root, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    secret = leaf.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate(name, leaf, ca=False) + certificate(authority, root, ca=True) + secret
