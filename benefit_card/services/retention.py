"""Retention: what may no longer be known is forgotten every night, and a report counts it.

Periods (design of the card, "Privacy"): identified redemptions 24 months, then the link to the person goes and the sums
stay; scans that became no redemption 7 days; people who left at most 3 months; lines of staff lists 90 days; counters
until their period is over.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from benefit_card.credential import PARIS
from benefit_card.models import (
    ErasedHolder,
    GooglePass,
    OfflineEntry,
    Redemption,
    RedemptionRequest,
    RetentionReport,
    Signal,
    SignalKind,
    SignalState,
    WalletRegistration,
)
from benefit_card.quota import PERSON, ROLLING, VISIT, period_of
from benefit_card.services import erasure, texts
from companies.models import Person, User
from companies.services import imports
from companies.services.erasure import forget_account, long_gone
from merchants.models.offer import LONGEST_WINDOW

IDENTIFIED = timedelta(days=730)
SCANS = timedelta(days=7)
LEAVERS = timedelta(days=85)  # a run that fails for some nights still keeps the three months
IMPORTS = timedelta(days=90)
COUNTERS = timedelta(days=31)  # a sale made without network may arrive a week late, a correction a month later
EMPTIED = timedelta(days=7)
CHUNK = 5_000


def run(*, at: datetime, actor: User | None = None) -> RetentionReport:
    """Forget what is due, each kind in transactions of its own, and keep a report. Running twice forgets nothing more."""
    steps: dict[str, Callable[[datetime], int]] = {
        "redemptions": _unlink,
        "scans": _scans,
        "leavers": _leavers,
        "import_lines": lambda now: imports.forget(before=now - IMPORTS),
        "counters": _counters,
        "wallets": _wallets,
        "texts": lambda now: texts.forget(at=now),
        "erased_holders": _holders,
    }
    counts = {name: step(at) for name, step in steps.items()}
    return RetentionReport.objects.create(at=at, counts=counts, actor=actor)


def _unlink(at: datetime) -> int:
    """Take the person and the card off redemptions older than 24 months, in chunks.

    Each is found through an index, where months that were done before have nothing left, and changed by its number.
    """
    done = 0
    for named in (Q(person__isnull=False), Q(card__isnull=False)):
        changed = CHUNK
        while changed == CHUNK:
            with transaction.atomic(durable=True):
                old = Redemption.objects.filter(named, at__lt=at - IDENTIFIED).values_list("pk", flat=True)[:CHUNK]
                changed = Redemption.objects.filter(pk__in=list(old)).update(person=None, card=None)
            done += changed
    return done


def _scans(at: datetime) -> int:
    """Drop refused scans, and the codes of entries that were not honoured."""
    gone, _kinds = RedemptionRequest.objects.filter(created_at__lt=at - SCANS).exclude(status=201).delete()
    codes = OfflineEntry.objects.filter(received_at__lt=at - SCANS, verdict="refused").exclude(evidence=b"")
    old = OfflineEntry.objects.filter(received_at__lt=at - IDENTIFIED).exclude(evidence=b"")
    return gone + codes.update(evidence=b"") + old.update(evidence=b"")


def _leavers(at: datetime) -> int:
    """Erase people who left, unless they contest something that nobody has decided yet."""
    disputed = set(
        Signal.objects.filter(kind=SignalKind.CONTESTED, state=SignalState.OPEN).values_list("card__person", flat=True)
    )
    done = 0
    for person in long_gone(before=at - LEAVERS):
        if person.pk in disputed:
            continue
        with transaction.atomic(durable=True):
            locked = Person.objects.select_for_update().filter(pk=person.pk, erased_at=None).first()
            if locked is not None:
                user = locked.user
                erasure.forget(locked, at=at, why="left")
                _close(user, at=at)
                done += 1
    return done


def _close(user: User | None, *, at: datetime) -> None:
    """Close the account of somebody who has nothing left to do here."""
    if user is None or user.memberships.exists() or user.merchant_roles.exists() or hasattr(user, "staff_role"):
        return
    forget_account(user, at=at)


def _wallets(at: datetime) -> int:
    """Drop the wallets of erased people, once they had time to fetch the pass that names nobody."""
    erased = {"card__person__erased_at__lt": at - EMPTIED}
    gone, _kinds = WalletRegistration.objects.filter(**erased).delete()
    told, _kinds = GooglePass.objects.filter(told_at__gt=F("card__person__erased_at"), **erased).delete()
    return gone + told


def _counters(at: datetime) -> int:
    """Drop counters of persons whose period is over."""
    day = (at - COUNTERS).astimezone(PARIS).date()
    done = 0
    for name, length in (("day", 10), ("week", 8), ("month", 7), ("year", 4)):
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM benefit_card_quota WHERE scope = ANY(%s) AND length(period) = %s AND period < %s "
                "AND period <> 'ever'",
                [[PERSON, VISIT], length, period_of(name, day)],
            )
            done += cursor.rowcount
    return done + _windows(day)


def _windows(day: date) -> int:
    """Forget the days of rolling windows that no window reaches any more."""
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {"scope": PERSON, "period": ROLLING, "day": day - timedelta(days=LONGEST_WINDOW)}
        cursor.execute(
            "UPDATE benefit_card_quota q SET days = k.days, used = cardinality(k.days) FROM (SELECT key, ARRAY(SELECT d FROM "
            "unnest(days) d WHERE d >= %(day)s) AS days FROM benefit_card_quota WHERE scope = %(scope)s AND period = %(period)s "
            "AND %(day)s > ANY(days) FOR UPDATE) k WHERE q.scope = %(scope)s AND q.key = k.key AND q.period = %(period)s",
            parameters,
        )
        cursor.execute(
            "DELETE FROM benefit_card_quota WHERE scope = %(scope)s AND period = %(period)s AND cardinality(days) = 0",
            parameters,
        )
        return cursor.rowcount


def _holders(at: datetime) -> int:
    return ErasedHolder.objects.filter(until__lt=timezone.localdate(at)).delete()[0]
