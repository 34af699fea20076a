"""Many rows through a state machine at once, each with its audit entry. Under the lock of their pool."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import models

from companies import audit
from companies.models import AuditEntry, User
from companies.states import StateRefused
from purchasing.models import PooledNeed
from purchasing.states import REQUEST_LINE, LineState, Table

CLOCK = "clock"


def move_many(
    rows: Sequence[Any],
    to: str,
    *,
    table: Table,
    at: datetime,
    actor: User | None,
    fields: Sequence[str] = (),
    reason: str = "",
) -> None:
    """Move rows the caller has locked; `fields` were set on them and are saved with the state. All or none."""
    if not rows:
        return
    model: type[models.Model] = type(rows[0])
    entries = []
    for row in rows:
        if to not in table.get(row.state, frozenset()):
            raise StateRefused(state=row.get_state_display())
        was, row.state = row.state, to
        entries.append(
            audit.entry(
                f"{model._meta.model_name}.{to}",
                target=row,
                at=at,
                actor=actor,
                company=getattr(row, "company", None),
                data={"from": str(was)},
                reason=reason,
                actor_label="" if actor else CLOCK,
            )
        )
    model._default_manager.bulk_update(rows, ["state", *fields], batch_size=500)
    AuditEntry.objects.bulk_create(entries, batch_size=1_000)


def needs_of(pool_id: int, **filters: Any) -> models.QuerySet[PooledNeed]:
    """The living needs of a pool with what a move needs to know about them."""
    return (
        PooledNeed.objects.filter(pool_line__pool_id=pool_id, released_at__isnull=True, **filters)
        .select_related("request_line__request__company")
        .order_by("request_line_id")
    )


def move_needs(needs: Iterable[PooledNeed], to: str, *, at: datetime, actor: User | None, reason: str = "") -> None:
    """Move the request lines of needs, those from which the move is allowed."""
    lines = [n.request_line for n in needs if to in REQUEST_LINE.get(n.request_line.state, frozenset())]
    for line in lines:
        line.company = line.request.company  # type: ignore[attr-defined]  # the audit entry says whose it is
    move_many(lines, to, table=REQUEST_LINE, at=at, actor=actor, reason=reason)


def release(needs: Iterable[PooledNeed], *, reason: str, at: datetime, actor: User | None) -> None:
    """Give needs back as approved, free for another pool."""
    rows = list(needs)
    move_needs(rows, LineState.APPROVED, at=at, actor=actor, reason=reason)
    PooledNeed.objects.filter(pk__in=[n.pk for n in rows]).update(released_at=at, release_reason=reason[:200])
