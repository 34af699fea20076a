"""Rows by the million without a program in between: a model row is copied by PostgreSQL itself, some columns computed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


def multiply(model: Any, like: Any, count: int, **columns: str) -> int:
    """Copy the row `like` `count` times, with SQL in terms of `n` (1 … count) for some columns; the first new key."""
    from django.db import connection

    table = connection.ops.quote_name(model._meta.db_table)
    names = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    unknown = set(columns) - set(names)
    if unknown:
        raise ValueError(f"{table} has no {unknown}")
    quoted = [connection.ops.quote_name(name) for name in names]
    values = [columns.get(name, f"t.{quote}").replace("%", "%%") for name, quote in zip(names, quoted, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(max(id), 0) FROM {table}")
        first = int(cursor.fetchone()[0]) + 1
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(['id', *quoted])}) SELECT %s + n - 1, {', '.join(values)} "
            f"FROM {table} t, generate_series(1, %s::int) AS n WHERE t.id = %s ORDER BY n",
            [first, count, like.pk],
        )
        cursor.execute(f"SELECT setval(pg_get_serial_sequence(%s, 'id'), (SELECT max(id) FROM {table}))", [table])
    return first


@contextmanager
def bare(model: Any) -> Iterator[None]:
    """The table without its secondary indexes and foreign keys while it is filled, as one restores a dump."""
    from django.db import connection

    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i.indexrelid::regclass::text, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON '), c.conname, "
            "pg_get_constraintdef(c.oid) "
            "FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u' "
            "WHERE i.indrelid = %s::regclass AND NOT i.indisprimary",
            [table],
        )
        indexes: list[tuple[str, str, str | None, str | None]] = cursor.fetchall()
        cursor.execute("SET session_replication_role = replica")
        for name, _definition, constraint, _text in indexes:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {name}")
        yield
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        for _name, definition, constraint, text in indexes:
            cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {text}" if constraint else definition)
        cursor.execute("RESET maintenance_work_mem")


def sizes(model: Any) -> Mapping[str, float]:
    """Gigabytes of a table with all its parts, and of their indexes."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(pg_table_size(part)) / 1e9, sum(pg_indexes_size(part)) / 1e9 FROM ("
            "SELECT %s::regclass AS part UNION SELECT relid FROM pg_partition_tree(%s::regclass)) AS parts",
            [model._meta.db_table] * 2,
        )
        table, indexes = cursor.fetchone()
    return {"table": float(table), "indexes": float(indexes)}
