"""Tills: a code pairs one device once; a revoked device is refused at once."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import User
from merchants import access
from merchants.models import MerchantStatus, PairingCode, Shop, Till
from merchants.services.offers import MerchantNotActive

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford: no I, L, O, U
LENGTH = 8  # 40 bits that live ten minutes and work once
LIFETIME = timedelta(minutes=10)
PREFIX = "ERB-TILL:"  # what the pairing QR holds before the code; never an address, so a phone camera opens nothing
_LOOK_ALIKES = str.maketrans({"I": "1", "L": "1", "O": "0", " ": None, "-": None, "\u00a0": None})


class PairingRefused(DomainError):
    """One answer for unknown, used, too old, and for a merchant that may not trade."""

    code = "pairing_refused"
    message = _(
        "This link code is unknown, already used or older than ten minutes. Create a new one in the merchant space."
    )


def digest(secret: str) -> str:
    """What is kept of a pairing code or a till token."""
    return hashlib.sha256(secret.encode()).hexdigest()


def tidy(code: str) -> str:
    """A code as it was drawn, whatever the case, spaces or look-alike letters it was typed with.

    >>> tidy("ol2i-abcd")
    '0121ABCD'
    """
    return code.strip().upper().removeprefix(PREFIX).translate(_LOOK_ALIKES)


@transaction.atomic(durable=True)
def create_pairing(*, actor: User, shop: Shop, till_name: str, at: datetime) -> tuple[PairingCode, str]:
    """Draw a pairing code for a new till and return it with its row; the code itself is kept nowhere."""
    require(access.can_manage(actor, shop.merchant))
    if shop.merchant.status != MerchantStatus.ACTIVE or shop.closed_at is not None:
        raise MerchantNotActive
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    row = PairingCode.objects.create(
        shop=shop,
        till_name=till_name,
        code_hash=digest(code),
        created_by=actor,
        created_at=at,
        expires_at=at + LIFETIME,
    )
    audit.record("till.pairing_code", target=shop, at=at, actor=actor, data={"till": till_name})
    return row, code


@transaction.atomic(durable=True)
def pair(*, code: str, at: datetime) -> tuple[Till, str]:
    """Turn a pairing code into a till and return it with its token, which is shown this once.

    Of devices that send the same code at the same moment one wins: the guarded update uses the code up.
    """
    row = (
        PairingCode.objects.select_related("shop__merchant", "created_by")
        .filter(code_hash=digest(tidy(code)), shop__closed_at__isnull=True)
        .filter(shop__merchant__status=MerchantStatus.ACTIVE)
        .first()
    )
    # Conditions on the row itself only: with a join Django updates `pk IN (SELECT …)`, which PostgreSQL does not check
    # again after waiting for the winner's lock.
    fresh = PairingCode.objects.filter(pk=row.pk, used_at__isnull=True, expires_at__gt=at) if row else None
    if row is None or fresh is None or not fresh.update(used_at=at):
        raise PairingRefused(field="code")
    token = secrets.token_urlsafe(32)
    till = Till.objects.create(shop=row.shop, name=row.till_name, token_hash=digest(token), paired_at=at)
    PairingCode.objects.filter(pk=row.pk).update(till=till)
    audit.record("till.paired", target=till, at=at, actor=row.created_by, data={"shop": row.shop_id})
    return till, token


@transaction.atomic(durable=True)
def revoke(*, actor: User, till: Till, at: datetime) -> None:
    """Cut a device off. Its next request is refused; revoking twice changes nothing."""
    require(access.can_manage(actor, till.shop.merchant))
    if Till.objects.filter(pk=till.pk, revoked_at__isnull=True).update(revoked_at=at):
        audit.record("till.revoked", target=till, at=at, actor=actor)
