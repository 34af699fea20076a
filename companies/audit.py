"""The audit log: recorded with the change, sealed into a hash chain right after, verified on demand."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models, transaction
from django.utils import timezone

from companies.models import AuditEntry, AuditSeal, Company, User

SEAL_LOCK = 0x45524201  # any constant: the advisory lock that lets one process seal at a time
SEAL_CHUNK = 5_000
VERIFY_CHUNK = 2_000
UNSEALED_PATIENCE = timedelta(minutes=10)


def label(target: models.Model) -> str:
    """The stable name of a kind of row in the log, for instance `purchasing.pool`."""
    return target._meta.label_lower


def record(
    action: str,
    *,
    target: models.Model,
    at: datetime,
    actor: User | None,
    actor_label: str = "",
    company: Company | None = None,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Write one entry; call it inside the transaction of the change. `actor_label` names who is no user (a till, a supplier)."""
    AuditEntry.objects.create(
        action=action,
        at=at,
        actor=actor,
        actor_label=actor_label,
        target_type=label(target),
        target_id=str(target.pk),
        company=company,
        reason=reason,
        data=data or {},
    )


def entry(
    action: str,
    *,
    target: models.Model,
    at: datetime,
    actor: User | None,
    company: Company | None = None,
    data: dict[str, Any] | None = None,
    **more: Any,
) -> AuditEntry:
    """An unsaved entry, for services that write many at once with `bulk_create`."""
    return AuditEntry(
        action=action,
        at=at,
        actor=actor,
        target_type=label(target),
        target_id=str(target.pk),
        company=company,
        data=data or {},
        **more,
    )


COLUMNS = ("at", "action", "actor_id", "actor_label", "target_type", "target_id", "company_id", "reason", "data")


def record_many(
    action: str,
    targets: Iterable[Any],
    *,
    at: datetime,
    actor: User | None,
    actor_label: str = "",
    reason: str = "",
    data: Callable[[Any], dict[str, Any]] = lambda target: {},
    kind: str = "",
) -> None:
    """Write one entry for each target with COPY: tens of thousands in a fraction of a second. In the caller's transaction.

    The company of an entry is the target's own, where it has one. `kind` names targets that are not rows themselves.
    """
    who = actor.pk if actor else None
    table = connection.ops.quote_name(AuditEntry._meta.db_table)
    names = ", ".join(connection.ops.quote_name(name) for name in COLUMNS)
    encode = DjangoJSONEncoder().encode
    when = at.isoformat()  # written out once
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for target in targets:
            company = getattr(target, "company_id", None) or getattr(getattr(target, "company", None), "pk", None)
            named = kind or label(target)
            content = encode(data(target))
            copy.write_row((when, action, who, actor_label, named, str(target.pk), company, reason, content))


@dataclass(frozen=True, slots=True)
class _Part:
    pk: int
    company_id: int


def record_for(
    companies: Iterable[int],
    action: str,
    pk: int,
    *,
    kind: str,
    at: datetime,
    actor: User | None,
    actor_label: str = "",
    reason: str = "",
) -> None:
    """Note for each company what happened to something that is not its own, so that its program hears of it (webhooks).

    `kind` names the company's part of the row `pk`: the timeline of the row itself keeps one line per event.
    """
    if parts := [_Part(pk, company) for company in sorted(set(companies))]:
        record_many(action, parts, at=at, actor=actor, actor_label=actor_label, reason=reason, kind=kind)


def history(target: models.Model) -> models.QuerySet[AuditEntry]:
    """What happened to a row, oldest first, with who did it."""
    return (
        AuditEntry.objects.filter(target_type=label(target), target_id=str(target.pk))
        .select_related("actor")
        .order_by("id")
    )


def digest(previous: bytes, row: AuditEntry) -> bytes:
    """SHA-256 of the previous hash and the canonical JSON of an entry.

    The canonical form sorts keys, has no spaces, and gives times in UTC with microseconds, so that it does not depend on the
    session that reads it.
    """
    content = {
        "id": row.pk,
        "at": row.at.astimezone(tz=timezone.get_fixed_timezone(0)).isoformat(timespec="microseconds"),
        "action": row.action,
        "actor": row.actor_id,
        "actor_label": row.actor_label,
        "target": [row.target_type, row.target_id],
        "company": row.company_id,
        "reason": row.reason,
        "data": row.data,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(previous + text.encode()).digest()


def seal() -> int:
    """Append all unsealed entries to the chain and return how many. Safe to run at the same time twice, or after a crash."""
    sealed = 0
    while True:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEAL_LOCK])
                if not cursor.fetchone()[0]:
                    return sealed
            last = AuditSeal.objects.order_by("-seq").first()
            seq, previous = (last.seq, bytes(last.hash)) if last else (0, b"")
            rows = list(AuditEntry.objects.filter(seal__isnull=True).order_by("id")[:SEAL_CHUNK])
            seals = []
            for row in rows:
                seq, previous = seq + 1, digest(previous, row)
                seals.append(AuditSeal(seq=seq, entry=row, hash=previous))
            AuditSeal.objects.bulk_create(seals)
        sealed += len(rows)
        if len(rows) < SEAL_CHUNK:
            return sealed


@dataclass(frozen=True)
class Verdict:
    """Result of a verification: entries checked, and the first break in words (empty when intact)."""

    checked: int
    unsealed: int
    broken: str


def verify(*, at: datetime) -> Verdict:
    """Recompute the whole chain. Finds altered, removed, inserted and reordered entries; memory stays flat."""
    checked, previous = 0, b""
    while seals := list(AuditSeal.objects.filter(seq__gt=checked).order_by("seq")[:VERIFY_CHUNK]):
        entries = AuditEntry.objects.in_bulk([row.entry_id for row in seals])
        for row in seals:
            if row.seq != checked + 1:
                return Verdict(checked, 0, f"seal {checked + 1} is missing")
            if (found := entries.get(row.entry_id)) is None:
                return Verdict(checked, 0, f"entry {row.entry_id} (seal {row.seq}) was removed")
            previous = digest(previous, found)
            if previous != bytes(row.hash):
                return Verdict(checked, 0, f"entry {row.entry_id} (seal {row.seq}) was altered")
            checked += 1
    unsealed = AuditEntry.objects.filter(seal__isnull=True)
    old = unsealed.filter(at__lt=at - UNSEALED_PATIENCE).order_by("id").first()
    if old is not None:
        return Verdict(checked, unsealed.count(), f"entry {old.pk} of {old.at:%Y-%m-%d %H:%M} was never sealed")
    return Verdict(checked, unsealed.count(), "")
