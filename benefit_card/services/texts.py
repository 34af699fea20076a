"""A card on the phone of somebody without any e-mail: the letter's code and a text message with six digits.

The number is known while its text is on its way, and nobody's afterwards: a keyed hash stays, which lets the same phone in
again. The company never learns that there is one.
"""

import hashlib
import hmac
import logging
import re
import secrets
import uuid
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from benefit_card import keyring, limits, sms
from benefit_card.models import HolderPhone, PhoneCode, TextMessage
from benefit_card.services import activation
from companies.errors import DomainError
from companies.models import NO_ADDRESS, Person, User

LIVES = timedelta(minutes=10)
ATTEMPTS, MOST_SENDINGS = 5, 5
KEPT = timedelta(days=1)


class NumberRefused(DomainError):
    """Not a mobile number we send texts to."""

    code = "number_refused"
    message = _("Type a French mobile number, such as 06 12 34 56 78.")
    status = 400


class NumberTaken(DomainError):
    """The phone opens somebody else's card."""

    code = "number_taken"
    message = _("This number already opens another person's card. Use a number of your own.")


class DigitsRefused(DomainError):
    """One answer for wrong, used and expired digits."""

    code = "digits_refused"
    message = _("These digits are wrong or too old. Check the last text, or ask for a new one.")


def normal(text: str) -> str:
    """A number as +33612345678; raises `NumberRefused` for what is no mobile number of the countries we serve."""
    digits = re.sub(r"[\s.\-()/]", "", text)
    digits = re.sub(r"^(?:00|\+)", "+", digits)
    if re.fullmatch(r"0\d{9}", digits):
        digits = "+33" + digits[1:]
    digits = re.sub(r"^\+330(?=\d{9}$)", "+33", digits)
    prefixes = tuple(settings.SMS_PREFIXES)
    if not re.fullmatch(r"\+\d{8,15}", digits) or not digits.startswith(prefixes):
        raise NumberRefused(field="number")
    if digits.startswith("+33") and len(digits) != 12:
        raise NumberRefused(field="number")
    return digits


def _hash(purpose: str, text: str) -> str:
    return hmac.digest(keyring.secret("phones"), f"{purpose}:{text}".encode(), hashlib.sha256)[:16].hex()


def hash_number(number: str) -> str:
    """What stays of a number: only who holds the secret and the number can tell that they belong together."""
    return _hash("number", number)


def request_activation(*, code: str, number: str, at: datetime) -> uuid.UUID:
    """Send digits to the phone of whoever has the letter; return the challenge. Raises a refusal."""
    number = normal(number)
    row = activation.usable(code, at=at).first()
    if row is None:
        raise activation.ActivationRefused
    limits.spend(limits.TEXTS_PER_CARD, row.card_id)
    return _challenge(number, at=at, activation_id=row.pk)


def request_sign_in(*, number: str, at: datetime) -> uuid.UUID:
    """Send digits to a phone that opens a card. An unknown one gets nothing, and the answer is the same."""
    number = normal(number)
    known = HolderPhone.objects.filter(number_hash=hash_number(number)).exists()
    return _challenge(number, at=at, silent=not known)


@transaction.atomic(durable=True)
def _challenge(number: str, *, at: datetime, activation_id: int | None = None, silent: bool = False) -> uuid.UUID:
    limits.spend(limits.TEXTS_PER_NUMBER, hash_number(number))
    if silent:
        return uuid.uuid4()
    limits.spend(("texts", settings.SMS_PER_DAY, timedelta(days=1)), "all")
    digits = f"{secrets.randbelow(1_000_000):06}"
    row = PhoneCode.objects.create(
        activation_id=activation_id, number_hash=hash_number(number), code_hash="", created_at=at, expires_at=at + LIVES
    )
    PhoneCode.objects.filter(pk=row.pk).update(code_hash=_hash(f"digits:{row.pk}", digits))
    words = _now("ERB: %(digits)s is your code. It counts for 10 minutes. Give it to nobody.") % {"digits": digits}
    host = urlsplit(settings.PUBLIC_URL).hostname
    text = TextMessage.objects.create(
        key=f"code:{row.pk}", to=number, body=f"{words}\n\n@{host} #{digits}", queued_at=at, expires_at=at + LIVES
    )
    from benefit_card.tasks import send_text

    send_text.delay_on_commit(text_id=text.pk)
    return row.pk


def _proven(challenge: uuid.UUID, digits: str, *, at: datetime) -> PhoneCode:
    """The challenge whose digits these are; each try counts, also one that fails. Raises `DigitsRefused`."""
    open_ = PhoneCode.objects.filter(pk=challenge, used_at=None, expires_at__gt=at, attempts__lt=ATTEMPTS)
    if not open_.update(attempts=F("attempts") + 1):
        raise DigitsRefused(field="digits")
    row = PhoneCode.objects.get(pk=challenge)
    given = _hash(f"digits:{row.pk}", re.sub(r"\s", "", digits))
    if not hmac.compare_digest(given, row.code_hash):
        raise DigitsRefused(field="digits")
    return row


def enter(*, challenge: uuid.UUID, digits: str, at: datetime) -> tuple[User, bool]:
    """Open the card, or let its holder in again; return the account and whether the phone may sign it in.

    An account that existed before, or may do more than show a card, is not signed in by a text message.
    """
    row = _proven(challenge, digits, at=at)
    with transaction.atomic(durable=True):
        if not PhoneCode.objects.filter(pk=row.pk, used_at=None).update(used_at=at):
            raise DigitsRefused(field="digits")
        if row.activation_id is None:
            return _again(row.number_hash)
        letter = activation.of_row(row.activation_id, at=at)
        return activation.complete(letter, at=at, account=lambda person: _account(person, row.number_hash, at=at))


def _again(number_hash: str) -> tuple[User, bool]:
    phone = HolderPhone.objects.select_related("person__user").filter(number_hash=number_hash).first()
    user = phone.person.user if phone else None
    if user is None or not user.is_active or not _only_a_card(user):
        raise DigitsRefused(field="digits")
    return user, True


def _only_a_card(user: User) -> bool:
    return not (user.memberships.exists() or user.merchant_roles.exists() or hasattr(user, "staff_role"))


def _account(person: Person, number_hash: str, *, at: datetime) -> tuple[User, bool]:
    """A new account without an address, known by its phone."""
    if HolderPhone.objects.filter(number_hash=number_hash).exists():
        raise NumberTaken
    user = User.objects.create_user(f"{secrets.token_hex(12)}@{NO_ADDRESS}", str(person))
    HolderPhone.objects.create(person=person, number_hash=number_hash, since=at)
    return user, True


# ---------------------------------------------------------------- sending


def deliver(*, text_id: int, at: datetime) -> bool:
    """Send one text and forget its number. The row lock keeps a second worker from sending it too."""
    with transaction.atomic():
        text = TextMessage.objects.select_for_update(skip_locked=True).filter(pk=text_id).exclude(to="").first()
        if text is None:
            return False
        if text.expires_at > at and text.attempts < MOST_SENDINGS:
            text.attempts += 1
            try:
                sms.send(to=text.to, text=text.body, reference=f"erb-{_hash('reference', text.key)}")
                text.sent_at, text.last_error = at, ""
            except sms.NotSent as trouble:
                text.last_error = str(trouble)[:200]
                logging.getLogger(__name__).warning("a text was not sent: %s", trouble)
        if text.sent_at or text.expires_at <= at or text.attempts >= MOST_SENDINGS:
            text.to = text.body = ""
        text.save(update_fields=["attempts", "sent_at", "last_error", "to", "body"])
    return text.sent_at is not None


def sweep(*, at: datetime) -> int:
    """Send what stayed behind, and empty what is too old."""
    waiting = TextMessage.objects.exclude(to="").filter(queued_at__lt=at - timedelta(seconds=20)).order_by("pk")
    return sum(deliver(text_id=pk, at=at) for pk in waiting.values_list("pk", flat=True)[:500])


def forget(*, at: datetime) -> int:
    """Drop challenges and the traces of texts of more than a day ago."""
    codes, _kinds = PhoneCode.objects.filter(created_at__lt=at - KEPT).delete()
    texts, _kinds = TextMessage.objects.filter(queued_at__lt=at - KEPT).delete()
    return codes + texts
