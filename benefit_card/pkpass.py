"""An Apple Wallet pass: files, a manifest of their hashes, and a detached PKCS #7 signature over the manifest.

Pure but for the certificate that is passed in. The pictures are made here: the house's mark.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

LEATHER = (0x8A, 0x44, 0x20)
WHITE = b"\xff\xff\xff"
MEDIA_TYPE = "application/vnd.apple.pkpass"
_DATE = (2020, 1, 1, 0, 0, 0)  # the same card gives the same files


@dataclass(frozen=True)
class Signer:
    """The certificate of the pass type, its key, and the authority's certificates between it and the root."""

    certificate: x509.Certificate
    key: RSAPrivateKey
    chain: Sequence[x509.Certificate] = ()


def _row(place: float, side: int) -> bytes:
    """One line of the mark: a white E on leather; `place` is how far down it lies, from 0 to 1."""
    bar = any(top <= place < top + 0.1 for top in (0.24, 0.45, 0.66))
    ends = (0.32, 0.7 if bar else 0.43) if 0.24 <= place < 0.76 else (0, 0)
    first, last = (round(end * side) for end in ends)
    return b"\0" + bytes(LEATHER) * first + WHITE * (last - first) + bytes(LEATHER) * (side - last)


def picture(side: int) -> bytes:
    """A PNG of the house's mark."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = b"".join(_row((line + 0.5) / side, side) for line in range(side))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def build(content: dict[str, Any], signer: Signer) -> bytes:
    """Return the .pkpass file of a pass."""
    files = {
        "pass.json": json.dumps(content, ensure_ascii=False, sort_keys=True).encode(),
        "icon.png": picture(29),
        "icon@2x.png": picture(58),
        "icon@3x.png": picture(87),
    }
    # SHA-1 is what the format asks for; the signature over the manifest is what protects it.
    sums = {name: hashlib.sha1(data, usedforsecurity=False).hexdigest() for name, data in files.items()}
    manifest = json.dumps(sums, sort_keys=True).encode()
    files |= {"manifest.json": manifest, "signature": _signature(manifest, signer)}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
    return out.getvalue()


def _signature(manifest: bytes, signer: Signer) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(signer.certificate, signer.key, hashes.SHA256())
    for certificate in signer.chain:
        builder = builder.add_certificate(certificate)
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])
