"""Many rows through a state machine at once, each with its audit entry. Under the lock of their pool."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from django.db import connection, models

from companies import audit
from companies.models import User
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
    model: type[models.Model] | None = None,
) -> None:
    """Move rows the caller has locked; `fields` were set on them and are saved with the state. All or none.

    With `model` the rows may be any objects that have a `pk`, a `state`, a `company_id` and those fields.
    """
    if not rows:
        return
    model = model or type(rows[0])
    was = {row.pk: str(row.state) for row in rows}
    for row in rows:
        if to not in table.get(row.state, frozenset()):
            labels = dict(cast("models.Field[Any, Any]", model._meta.get_field("state")).flatchoices)
            raise StateRefused(state=str(labels.get(row.state, row.state)))
        row.state = to
    write_many(rows, ["state", *fields], model=model, was=was)
    action = f"{model._meta.model_name}.{to}"
    label = "" if actor else CLOCK
    audit.record_many(
        action,
        rows,
        at=at,
        actor=actor,
        actor_label=label,
        reason=reason,
        data=lambda row: {"from": was[row.pk]},
        kind=model._meta.label_lower,
    )


def write_many(
    rows: Sequence[Any],
    fields: Sequence[str],
    *,
    model: type[models.Model] | None = None,
    was: Mapping[Any, str] | None = None,
) -> None:
    """Save some columns of many rows with one statement: thousands of rows in a fraction of a second.

    `bulk_update` asks the planner to read one CASE per row and column, which takes ten times as long. With `was` only
    rows still in that state are written; one that is not refuses all of them.
    """
    if not rows:
        return
    model = model or type(rows[0])
    columns = [cast("models.Field[Any, Any]", model._meta.get_field(name)) for name in fields]
    key = model._meta.pk
    assert key is not None
    quote = connection.ops.quote_name
    types = [
        field.rel_db_type(connection) if isinstance(field, models.ForeignKey) else field.db_type(connection)
        for field in columns
    ]
    names = [quote(str(field.column)) for field in columns]
    sets = ", ".join(f"{name} = v.{name}" for name in names)
    values = [[row.pk for row in rows], *([getattr(row, field.attname) for row in rows] for field in columns)]
    kinds, aliases, guard = [key.rel_db_type(connection), *types], ["id", *names], ""
    if was is not None:
        values, kinds, aliases = [*values, [was[row.pk] for row in rows]], [*kinds, "text"], [*aliases, "was"]
        guard = " AND t.state = v.was"
    arrays = ", ".join(f"%s::{_plain(kind)}[]" for kind in kinds)
    sql = (
        f"UPDATE {quote(model._meta.db_table)} AS t SET {sets} "  # noqa: S608  # names of our own columns
        f"FROM unnest({arrays}) AS v({', '.join(aliases)}) WHERE t.{quote(str(key.column))} = v.id{guard}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        if cursor.rowcount != len(rows):
            raise RuntimeError(f"{model.__name__}: {cursor.rowcount} of {len(rows)} rows written")


def _plain(kind: str | None) -> str:
    """The type of a column without its check or its length, as an array element."""
    return str(kind).split("(", 1)[0].split(" CHECK", 1)[0]


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
