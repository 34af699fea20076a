"""What django-allauth is told about our accounts."""

import base64
import hashlib
from functools import lru_cache
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest

from companies.services.roles import confirm_address


class Adapter(DefaultAccountAdapter):
    """Accounts begin with an invitation, never with a sign-up form."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: Any) -> None:
        """Open the session; a code read in the mailbox proves the address."""
        super().login(request, user)
        if any(record.get("method") == "code" for record in get_authentication_records(request, user)):
            confirm_address(user)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        context.setdefault("association", "ERB")
        super().send_mail(template_prefix, email, context)


@lru_cache(maxsize=4)
def _box(*keys: str) -> MultiFernet:
    digests = (hashlib.sha256(b"second factor secrets|" + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class SecondFactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticator apps and recovery codes are encrypted, so that a copy of the database opens no account."""

    def encrypt(self, text: str) -> str:
        return self._keys().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._keys().decrypt(encrypted_text.encode()).decode()

    def _keys(self) -> MultiFernet:
        return _box(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
