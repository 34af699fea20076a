"""Cashiers: who works at a shop's tills, told apart by a PIN. No account, no address, only the hash of the PIN."""

import re
from datetime import datetime

from django.contrib.auth.hashers import check_password, make_password
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from companies import audit
from companies.access import require
from companies.errors import DomainError
from companies.models import User
from merchants import access
from merchants.models import Cashier, Shop


class PinTooSimple(DomainError):
    """Not four to six digits, or one of those everybody tries first."""

    code = "pin_too_simple"
    message = _("Choose four to six digits that nobody guesses: not all the same, not in a row.")


class CashierExists(DomainError):
    """Two cashiers of one name could not be told apart."""

    code = "cashier_exists"
    message = _("There is a cashier of this name already. Add a letter.")


def check_pin(pin: str) -> None:
    """Raise for a PIN that is easily guessed."""
    rows = "0123456789012", "9876543210987"
    if not re.fullmatch(r"\d{4,6}", pin) or len(set(pin)) == 1 or any(pin in row for row in rows):
        raise PinTooSimple(field="pin")


@transaction.atomic(durable=True)
def add(*, actor: User, shop: Shop, name: str, pin: str, at: datetime) -> Cashier:
    """Let somebody work at a shop's tills. From the first cashier on, its tills ask who works."""
    require(access.can_manage(actor, shop.merchant))
    check_pin(pin)
    try:
        with transaction.atomic():
            row = Cashier.objects.create(shop=shop, name=name.strip(), pin_hash=make_password(pin), created_at=at)
    except IntegrityError:
        raise CashierExists(field="name") from None
    audit.record("cashier.added", target=row, at=at, actor=actor, data={"shop": shop.pk})
    return row


@transaction.atomic(durable=True)
def set_pin(*, actor: User, cashier: Cashier, pin: str, at: datetime) -> None:
    """Give a cashier another PIN."""
    require(access.can_manage(actor, cashier.shop.merchant))
    check_pin(pin)
    Cashier.objects.filter(pk=cashier.pk, removed_at=None).update(pin_hash=make_password(pin))
    audit.record("cashier.pin_set", target=cashier, at=at, actor=actor)


@transaction.atomic(durable=True)
def remove(*, actor: User, cashier: Cashier, at: datetime) -> None:
    """Somebody left: the tills refuse from the next sale on. What was sold keeps the name."""
    require(access.can_manage(actor, cashier.shop.merchant))
    if Cashier.objects.filter(pk=cashier.pk, removed_at=None).update(removed_at=at):
        audit.record("cashier.removed", target=cashier, at=at, actor=actor)


def pin_matches(cashier: Cashier, pin: str) -> bool:
    return check_password(pin, cashier.pin_hash)
