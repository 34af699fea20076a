"""The key set and the revocation list as scanners fetch them."""

import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from benefit_card import keyring, signing
from benefit_card.credential import Key
from benefit_card.key_set import write_key_set
from benefit_card.models import Card, PublishedList, SigningKey
from benefit_card.revocation import bitmap, canonical, padded_bits, write_changes, write_list
from benefit_card.services.keys import list_key

LIST_LOCK = 0x45524303
FRESH = timedelta(minutes=15)
ASKED_AGAIN = 20  # seconds until the signer is asked again for the same
KEPT, KEPT_FOR = 96, timedelta(hours=26)  # so many issues, and all of a day: who asks once a day asks what changed


def _latest(kind: str) -> PublishedList | None:
    return PublishedList.objects.filter(kind=kind).order_by("-number").first()


def issued_at() -> datetime | None:
    """When the last list of blocked cards was signed: the signer's sign of life."""
    latest = _latest("revocations")
    return latest.issued_at if latest else None


def _publish(kind: str, *, digest: str, document: dict[str, object], number: int, at: datetime) -> PublishedList:
    PublishedList.objects.filter(kind=kind, number__lte=number - KEPT, issued_at__lt=at - KEPT_FOR).delete()
    return PublishedList.objects.create(kind=kind, number=number, issued_at=at, digest=digest, document=document)


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LIST_LOCK])


def _served(kind: str, *, at: datetime, wanted: bool) -> PublishedList:
    """What was signed last. Where a newer one is wanted the signer is asked for it, and nobody waits: a till sees how old its
    list is, and the offers say what an old one is good for. Only when there is none at all one has to be waited for.
    """
    latest = _latest(kind)
    if latest is None:
        signing.ask("publish", at=at.isoformat())
        latest = _latest(kind)
        if latest is None:
            raise signing.SignerAway
    elif wanted and cache.add(f"benefit_card.asked:{kind}:{latest.number}", 1, ASKED_AGAIN):
        from benefit_card.tasks import refresh_lists

        with suppress(OperationalError):  # the broker is away: the clock asks as well
            refresh_lists.apply_async(retry=False)
    return latest


def key_set(*, at: datetime) -> PublishedList:
    """The key set that says what holds now; a new number only when something changed. Elsewhere than in the signer: the last."""
    if not settings.CARD_SIGNS:
        latest = _latest("keys")
        return _served("keys", at=at, wanted=latest is None or latest.digest != _digest(_standing(at)))
    list_key(at=at)  # a set without the key of the lists would be of no use
    keys = _standing(at)
    digest = _digest(keys)
    latest = _latest("keys")
    if latest is not None and latest.digest == digest:
        return latest
    with transaction.atomic():
        _lock()
        latest = _latest("keys")
        if latest is not None and latest.digest == digest:
            return latest
        number = latest.number + 1 if latest else 1
        document = write_key_set(keys, number=number, issued_at=at, root=keyring.root_key())
        issued = _publish("keys", digest=digest, document=document, number=number, at=at)
        transaction.on_commit(lambda: keyring.publish(document))
    return issued


def _standing(at: datetime) -> list[Key]:
    rows = SigningKey.objects.filter(withdrawn_at__isnull=True, accept_until__gt=at)
    return [row.public_key() for row in rows]


def _digest(keys: list[Key]) -> str:
    return hashlib.sha256(repr(sorted(keys, key=lambda key: key.kid)).encode()).hexdigest()


def revocations(*, at: datetime, changed: bool = False) -> PublishedList:
    """The list of cards no till may take without asking, at most a quarter of an hour old: revoked ones, and those that
    were limited to the network. `changed` asks for a new one now. Elsewhere than in the signer: the last one that it signed.
    """
    latest = _latest("revocations")
    if not settings.CARD_SIGNS:
        return _served("revocations", at=at, wanted=changed or latest is None or at - latest.issued_at >= FRESH)
    if latest is not None and not changed and at - latest.issued_at < FRESH:
        return latest
    with transaction.atomic():
        _lock()
        latest = _latest("revocations")
        size = padded_bits(Card.objects.count())
        highest = Card.objects.order_by("-status_index").values_list("status_index", flat=True).first() or 0
        size = max(size, padded_bits(highest * 24 // 25))
        listed = [Card.objects.revoked(at=at), Card.objects.current().filter(online_only_at__isnull=False)]
        indexes = {place for cards in listed for place in cards.order_by().values_list("status_index", flat=True)}
        digest = hashlib.sha256(bitmap(indexes, size=size)).hexdigest()
        kid, key = list_key(at=at)
        number = latest.number + 1 if latest else 1
        document = write_list(indexes, size=size, number=number, issued_at=at, kid=kid, key=key)
        return _publish("revocations", digest=digest, document=document, number=number, at=at)


def changes(*, since: int, at: datetime) -> dict[str, Any] | None:
    """What changed in the list of revoked cards since an older one; None when that is not kept, or the whole is shorter."""
    issue = revocations(at=at)
    name = f"benefit_card.changes:{since}:{issue.number}"
    found: dict[str, Any] | None = cache.get(name)
    if found is None:
        base = PublishedList.objects.filter(kind="revocations", number=since).first()
        found = write_changes(issue.document, base=base.document) if base else None
        if found is not None:  # what nobody has is not remembered: anybody may ask for any number
            cache.set(name, found, FRESH.total_seconds())
    return found


def etag(document: dict[str, Any]) -> str:
    """Changes with every signed document, and with nothing else."""
    return f'"{hashlib.sha256(canonical(document)).hexdigest()[:32]}"'
