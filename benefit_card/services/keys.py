"""Keys that sign cards: drawn when needed, rotated by time, published before use, withdrawn at once."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from benefit_card import keyring, signing
from benefit_card.credential import PARIS, Key, Use
from benefit_card.key_set import FIRST_KID, LAST_KID
from benefit_card.models import KeyUse, SigningKey
from companies import audit
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.models import User

KEY_LOCK = 0x45524302
CARDS_PER_KEY = 500  # what a leaked print key costs to print again ...
CARDS_PER_KEY_REGION = 20_000  # ... and beyond FEW_KEYS, because a key number is one byte
FEW_KEYS = 120
PRINT_YEARS = 3
PHONE_SIGNS = timedelta(days=30)
PHONE_COUNTS_AFTER = timedelta(days=8)
PUBLISHED_BEFORE = timedelta(hours=24)


class KeysUsedUp(DomainError):
    """All 254 key numbers are taken."""

    code = "keys_used_up"
    message = _("All key numbers are taken. Withdraw the oldest keys before new cards are made.")


def current_keys() -> dict[int, Key]:
    """Every key that may still count."""
    return {row.kid: row.public_key() for row in SigningKey.objects.filter(withdrawn_at__isnull=True)}


class Remembered(Mapping[int, Key]):
    """Keys by their number, each read once by this process, so that a scan costs neither query nor cache for it.

    A key never changes but for being withdrawn. Whoever looks here therefore asks `stands` as well; a scan does so in the statement that
    reads the card.
    """

    def __init__(self) -> None:
        self.keys_read: dict[int, Key] = {}

    def __getitem__(self, kid: int) -> Key:
        if kid not in self.keys_read:
            row = SigningKey.objects.filter(pk=kid, withdrawn_at__isnull=True).first()
            if row is None:
                raise KeyError(kid)
            self.keys_read[kid] = row.public_key()
        return self.keys_read[kid]

    def __iter__(self) -> Iterator[int]:
        return iter(dict(self.keys_read))

    def __len__(self) -> int:
        return len(self.keys_read)

    def forget(self) -> None:
        self.keys_read.clear()


remembered = Remembered()


def stands(kid: int | None) -> bool:
    """Whether a key was not withdrawn; a code that was typed needs none."""
    return kid is None or SigningKey.objects.filter(pk=kid, withdrawn_at__isnull=True).exists()


def lock_keys() -> None:
    """One process at a time draws keys; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [KEY_LOCK])


@transaction.atomic
def _draw(use: Use, *, not_before: datetime, sign_until: datetime, accept_until: datetime) -> SigningKey:
    taken = set(SigningKey.objects.values_list("kid", flat=True))
    free = [kid for kid in range(FIRST_KID, LAST_KID + 1) if kid not in taken]
    if not free:
        raise KeysUsedUp
    public = signing.unpacked(signing.ask("half", use=use.value, kid=free[0]))
    drawn = SigningKey.objects.create(
        kid=free[0],
        use=use.value,
        public=public,
        not_before=not_before,
        sign_until=sign_until,
        accept_until=accept_until,
    )
    transaction.on_commit(_publish_set, robust=True)  # at once when there is no transaction: the row must be there
    return drawn


def _publish_set() -> None:
    """Issue the key set with the new key at once, so that scanners and `verify_card` know it before the next beat."""
    from benefit_card.services import lists

    lists.key_set(at=timezone.now())  # elsewhere than in the signer this asks for it


@transaction.atomic
def reserve_print_key(*, cards: int, at: datetime) -> SigningKey:
    """Count `cards` on a print key of this year that has room for them; call it in the transaction that makes them."""
    lock_keys()
    limit = CARDS_PER_KEY if SigningKey.objects.count() < FEW_KEYS else max(CARDS_PER_KEY_REGION, cards)
    usable = SigningKey.objects.filter(
        use=KeyUse.PRINT, withdrawn_at__isnull=True, not_before__lte=at, sign_until__gt=at, cards__lte=limit - cards
    )
    key = usable.order_by("kid").last()
    if key is None:
        year = at.astimezone(PARIS).year
        key = _draw(
            Use.PRINT,
            not_before=at - timedelta(minutes=5),
            sign_until=datetime(year + 1, 1, 1, tzinfo=PARIS).astimezone(UTC),
            accept_until=datetime(year + PRINT_YEARS + 1, 1, 1, tzinfo=PARIS).astimezone(UTC),
        )
    key.cards += cards
    key.save(update_fields=["cards"])
    return key


def specimen_key(*, at: datetime) -> int:
    """The number of a print key that signs now, for a specimen; drawn when there is none."""
    usable = SigningKey.objects.filter(
        use=KeyUse.PRINT, withdrawn_at__isnull=True, not_before__lte=at, sign_until__gt=at
    ).order_by("kid")
    kid: int | None = usable.values_list("kid", flat=True).first()
    return reserve_print_key(cards=0, at=at).kid if kid is None else kid


def _rolling(use: Use, *, at: datetime) -> SigningKey:
    """The key of a use that signs now; its successor is drawn, thus published, at least a day before it takes over."""
    rows = SigningKey.objects.filter(use=use.value, withdrawn_at__isnull=True)
    key = rows.filter(not_before__lte=at, sign_until__gt=at).order_by("sign_until").first()
    last = rows.order_by("sign_until").last()
    if key is not None and last is not None and last.sign_until > at + 2 * PUBLISHED_BEFORE:
        return key
    with transaction.atomic():
        lock_keys()
        key = rows.filter(not_before__lte=at, sign_until__gt=at).order_by("sign_until").first()
        if key is None:
            key = _roll(use, start=at - timedelta(minutes=5), at=at)
        last = rows.order_by("sign_until").last() or key
        if last.sign_until <= at + 2 * PUBLISHED_BEFORE:
            _roll(use, start=last.sign_until, at=at)
    return key


def _roll(use: Use, *, start: datetime, at: datetime) -> SigningKey:
    until = max(start, at) + PHONE_SIGNS
    return _draw(use, not_before=start, sign_until=until, accept_until=until + PHONE_COUNTS_AFTER)


def phone_key(*, at: datetime) -> tuple[int, Ed25519PrivateKey]:
    """The number and private half of the key that signs phone passes now."""
    key = _rolling(Use.PHONE, at=at)
    return key.kid, keyring.private_key(use=key.use, kid=key.kid)


def list_key(*, at: datetime) -> tuple[int, Ed25519PrivateKey]:
    """The number and private half of the key that signs revocation lists now."""
    key = _rolling(Use.LIST, at=at)
    return key.kid, keyring.private_key(use=key.use, kid=key.kid)


@transaction.atomic(durable=True)
def withdraw_key(*, actor: User | None, kid: int, reason: str, at: datetime) -> None:
    """Stop a key at once: everything it signed is refused from the next scan on. Staff, or the command line (None)."""
    require(actor is None or is_staff(actor))
    key = SigningKey.objects.select_for_update().get(pk=kid)
    if key.withdrawn_at is None:
        key.withdrawn_at = at
        key.save(update_fields=["withdrawn_at"])
        audit.record("signingkey.withdrawn", target=key, at=at, actor=actor, reason=reason)
        transaction.on_commit(
            _publish_set, robust=True
        )  # tills that work alone hear of it at their next look, not later


def last_day(*, at: datetime) -> date:
    """The last day of a card printed now: the end of the second year after this one, which its key outlives."""
    return date(at.astimezone(PARIS).year + PRINT_YEARS - 1, 12, 31)
