"""Opening a card on a phone, with a code from a letter or a link sent to the work address.

The company never learns the private address: the employee types it, and the proof goes from us to that mailbox.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from benefit_card import keyring, limits, short_code
from benefit_card.access import can_issue, holds
from benefit_card.models import ActivationCode, Card
from companies import audit, mail
from companies.access import require
from companies.errors import DomainError
from companies.models import Company, Employment, Person, User

LIVES = timedelta(days=60)
SALT = "benefit_card.activation"


class ActivationRefused(DomainError):
    """One answer for unknown, used and expired codes."""

    code = "activation_refused"
    message = _("This code is unknown, already used or too old. Ask your human resources for a new letter.")


class AddressTaken(DomainError):
    """The address belongs to somebody else's card."""

    code = "address_taken"
    message = _("This address already opens another person's card. Use an address of your own.")


def _hash(code: str) -> str:
    return hmac.digest(keyring.secret("codes"), b"activate" + code.encode(), hashlib.sha256)[:16].hex()


def draw_codes(cards: Iterable[Card], *, channel: str, at: datetime) -> dict[int, str]:
    """Draw a new code for each card and return them by card id; earlier unused ones of the channel stop working."""
    cards = list(cards)
    codes = {card.pk: short_code.from_number(secrets.randbits(short_code.BITS)) for card in cards}
    with transaction.atomic():
        ActivationCode.objects.filter(card__in=cards, channel=channel, used_at=None).delete()
        ActivationCode.objects.bulk_create(
            ActivationCode(card_id=pk, code_hash=_hash(code), channel=channel, created_at=at, expires_at=at + LIVES)
            for pk, code in codes.items()
        )
    return codes


@transaction.atomic(durable=True)
def send_links(*, actor: User, company: Company, cards: Iterable[Card], at: datetime) -> int:
    """Mail a link to the work address of each holder who has one and has not opened the card; return how many."""
    require(can_issue(actor, company))
    waiting = [card for card in cards if card.state == "ready"]
    addresses = dict(
        Employment.objects.filter(company=company, person__in=[card.person_id for card in waiting])
        .exclude(email="")
        .values_list("person_id", "email")
    )
    waiting = [card for card in waiting if card.person_id in addresses]
    codes = draw_codes(waiting, channel="email", at=at)
    for card in waiting:
        _mail_link(card.person, codes[card.pk], addresses[card.person_id], at=at)
    audit.record(
        "company.activation_links_sent",
        target=company,
        at=at,
        actor=actor,
        company=company,
        data={"sent": len(waiting)},
    )
    return len(waiting)


def _mail_link(person: Person, code: str, address: str, *, at: datetime) -> None:
    token = signing.dumps({"code": code, "email": address.lower()}, salt=SALT)
    mail.queue(
        to=address,
        template="benefit_card/mail/activation",
        context={
            "name": person.first_name,
            "address": mail.absolute(reverse("benefit_card:activate_confirm", args=[token])),
        },
        key=f"activation:{_hash(code)}:{_hash(address.lower())}",
        at=at,
    )


def usable(code: str, *, at: datetime) -> "QuerySet[ActivationCode]":
    try:
        code = short_code.read(code)
    except short_code.ShortCodeRefused:
        raise ActivationRefused from None
    return _open_codes(at).filter(code_hash=_hash(code))


def _open_codes(at: datetime) -> "QuerySet[ActivationCode]":
    return ActivationCode.objects.filter(
        used_at=None, expires_at__gt=at, card__replaced_at=None, card__blocked_at=None
    ).select_related("card__person")


def of_row(pk: int, *, at: datetime) -> ActivationCode:
    """A code that was found usable a moment ago, locked inside the caller's transaction; raises `ActivationRefused`."""
    row = _open_codes(at).filter(pk=pk).select_for_update(of=("self",)).first()
    if row is None:
        raise ActivationRefused
    return row


@transaction.atomic(durable=True)
def request_link(*, code: str, email: str, at: datetime) -> None:
    """Send the link that opens the card to the address its holder typed; raises `ActivationRefused`."""
    row = usable(code, at=at).first()
    if row is None:
        raise ActivationRefused
    limits.spend(limits.LINKS_PER_LETTER, row.pk)
    _mail_link(row.card.person, short_code.read(code), email, at=at)


@transaction.atomic(durable=True)
def activate(*, token: str, at: datetime) -> tuple[User, bool]:
    """Open the card for the owner of the mailbox the token was sent to; return the account and whether it is new."""
    try:
        said = signing.loads(token, salt=SALT, max_age=LIVES)
    except signing.BadSignature:
        raise ActivationRefused from None
    row = usable(said["code"], at=at).select_for_update(of=("self",)).first()
    if row is None:
        raise ActivationRefused
    return complete(row, at=at, account=lambda person: _account_of(person, said["email"]))


def _account_of(person: Person, email: str) -> tuple[User, bool]:
    user = User.objects.filter(email=email).first()
    if user is None:
        return User.objects.create_user(email, str(person)), True
    if Person.objects.filter(user=user).exists():
        raise AddressTaken
    return user, False


def complete(
    row: ActivationCode, *, at: datetime, account: "Callable[[Person], tuple[User, bool]]"
) -> tuple[User, bool]:
    """Use up a locked code and open its card; `account` gives a holder without one an account, and says if it is new."""
    person, new = Person.objects.select_for_update().get(pk=row.card.person_id), False
    if person.user is None:
        person.user, new = account(person)
        person.save(update_fields=["user"])
    row.used_at = at
    row.save(update_fields=["used_at"])
    _open(row.card, actor=person.user, at=at)
    return person.user, new


@transaction.atomic(durable=True)
def open_own(*, actor: User, card: Card, at: datetime) -> None:
    """Open the card of somebody who is signed in as its holder already."""
    require(holds(actor, card))
    _open(card, actor=actor, at=at)


def _open(card: Card, *, actor: User | None, at: datetime) -> None:
    if Card.objects.filter(pk=card.pk, activated_at=None, replaced_at=None).update(activated_at=at):
        audit.record("card.activated", target=card, at=at, actor=actor)
    card.activated_at = card.activated_at or at
