"""Signed single-purpose links for people without an account. Only the hash of a link is stored."""

import hashlib
import secrets

from django.core import signing

QUOTE_SALT = "purchasing.quote"


def new_token(salt: str = QUOTE_SALT) -> str:
    """A random token with our signature, so that a guess is refused without asking the database."""
    return signing.Signer(salt=salt, sep=".").sign(secrets.token_urlsafe(18))


def is_ours(token: str, salt: str = QUOTE_SALT) -> bool:
    try:
        signing.Signer(salt=salt, sep=".").unsign(token)
    except signing.BadSignature:
        return False
    return True


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
