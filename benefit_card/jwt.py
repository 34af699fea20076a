"""JSON Web Tokens signed with RSA and SHA-256 (RS256), as Google reads them. Pure: no clock, no settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from .revocation import DocumentRefused, b64, unb64


def sign(claims: Mapping[str, Any], *, key: RSAPrivateKey, key_id: str = "") -> str:
    """The token of these claims."""
    head: dict[str, str] = {"alg": "RS256", "typ": "JWT"} | ({"kid": key_id} if key_id else {})
    body = ".".join(b64(_compact(part)) for part in (head, claims))
    return f"{body}.{b64(key.sign(body.encode(), PKCS1v15(), hashes.SHA256()))}"


def read(text: str, *, key: RSAPublicKey) -> dict[str, Any]:
    """The claims of a token this key signed; raises `DocumentRefused`. No other algorithm is known."""
    head, _dot, rest = text.partition(".")
    body, _dot, signature = rest.partition(".")
    try:
        if json.loads(unb64(head)).get("alg") != "RS256":
            raise DocumentRefused("another algorithm")
        key.verify(unb64(signature), f"{head}.{body}".encode(), PKCS1v15(), hashes.SHA256())
        claims = json.loads(unb64(body))
    except (InvalidSignature, ValueError, AttributeError) as error:
        raise DocumentRefused("not a token of this key") from error
    if not isinstance(claims, dict):
        raise DocumentRefused("not claims")
    return claims


def _compact(part: Mapping[str, Any]) -> bytes:
    return json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode()
