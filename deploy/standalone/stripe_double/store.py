"""All state of the double in one SQLite file: objects, answered requests, deliveries, timers."""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

JSON = dict[str, Any]

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE TABLE IF NOT EXISTS requests (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,
    delivered REAL, last_status INTEGER);
CREATE TABLE IF NOT EXISTS timers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, due REAL NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS options (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
# What objects are looked up by: without an index each look-up reads all of its kind.
LOOKED_UP = ("payment_intent", "setup_intent", "payment_method", "customer", "charge")


class Store:
    """One connection behind one lock: a request is one transaction, and requests never overlap."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(SCHEMA)
        for name in LOOKED_UP:
            self._db.execute(
                f"CREATE INDEX IF NOT EXISTS objects_{name} ON objects (kind, json_extract(body, '$.{name}'), seq)"
            )
        self._lock = threading.RLock()
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is kept together or not at all."""
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._db.execute("BEGIN")
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if self._depth == 1:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # Objects -------------------------------------------------------------------------------------------------------
    @staticmethod
    def new_id(prefix: str) -> str:
        return f"{prefix}_{secrets.token_hex(12)}"

    def insert(self, body: JSON) -> JSON:
        self._db.execute(
            "INSERT INTO objects (id, kind, body) VALUES (?, ?, ?)", (body["id"], body["object"], json.dumps(body))
        )
        return body

    def save(self, body: JSON) -> JSON:
        self._db.execute("UPDATE objects SET body = ? WHERE id = ?", (json.dumps(body), body["id"]))
        return body

    def rename(self, old: str, new: str) -> None:
        """Give an object another id; the caller saves its body."""
        self._db.execute("UPDATE objects SET id = ? WHERE id = ?", (new, old))

    def get(self, object_id: str, kind: str = "") -> JSON | None:
        row = self._db.execute("SELECT kind, body FROM objects WHERE id = ?", (object_id,)).fetchone()
        if row is None or (kind and row[0] != kind):
            return None
        found: JSON = json.loads(row[1])
        return found

    def newest(self, kind: str, **where: str) -> Iterator[JSON]:
        """Objects of one kind, the newest first; `where` asks for fields of them that are looked up by."""
        if not where.keys() <= set(LOOKED_UP):
            raise KeyError(*where)
        asked = "".join(f" AND json_extract(body, '$.{name}') = ?" for name in where)
        rows = self._db.execute(
            f"SELECT body FROM objects WHERE kind = ?{asked} ORDER BY seq DESC",  # noqa: S608 names of ours only
            (kind, *where.values()),
        ).fetchall()
        return (json.loads(row[0]) for row in rows)

    # Idempotency ---------------------------------------------------------------------------------------------------
    def answered(self, key: str) -> tuple[str, int, JSON] | None:
        row = self._db.execute("SELECT fingerprint, status, body FROM requests WHERE key = ?", (key,)).fetchone()
        return None if row is None else (row[0], row[1], json.loads(row[2]))

    def remember(self, key: str, fingerprint: str, status: int, body: JSON) -> None:
        self._db.execute("INSERT INTO requests VALUES (?, ?, ?, ?)", (key, fingerprint, status, json.dumps(body)))

    def forget_requests(self) -> None:
        self._db.execute("DELETE FROM requests")

    # Deliveries of events ------------------------------------------------------------------------------------------
    def deliver(self, event_id: str, *, delay: float = 0.0) -> None:
        self._db.execute("INSERT INTO deliveries (event, due) VALUES (?, ?)", (event_id, time.time() + delay))

    def due_deliveries(self, now: float) -> list[tuple[int, str, int]]:
        return self._db.execute(
            "SELECT seq, event, attempts FROM deliveries WHERE delivered IS NULL AND due <= ? ORDER BY seq", (now,)
        ).fetchall()

    def delivered(self, seq: int, status: int) -> None:
        self._db.execute(
            "UPDATE deliveries SET delivered = ?, last_status = ?, attempts = attempts + 1 WHERE seq = ?",
            (time.time(), status, seq),
        )

    def postpone(self, seq: int, due: float, status: int) -> None:
        self._db.execute(
            "UPDATE deliveries SET due = ?, last_status = ?, attempts = attempts + 1 WHERE seq = ?", (due, status, seq)
        )

    def waiting(self) -> list[tuple[int, str]]:
        return self._db.execute("SELECT seq, event FROM deliveries WHERE delivered IS NULL ORDER BY seq").fetchall()

    def deliveries(self) -> list[JSON]:
        names = ("seq", "event", "due", "attempts", "delivered", "last_status")
        rows = self._db.execute(f"SELECT {', '.join(names)} FROM deliveries ORDER BY seq").fetchall()  # noqa: S608  # names from our own list
        return [dict(zip(names, row, strict=True)) for row in rows]

    def drop_delivery(self, seq: int) -> None:
        self._db.execute("DELETE FROM deliveries WHERE seq = ?", (seq,))

    # Timers and options --------------------------------------------------------------------------------------------
    def at(self, due: float, action: str, object_id: str) -> None:
        self._db.execute("INSERT INTO timers (due, action, object) VALUES (?, ?, ?)", (due, action, object_id))

    def due_timers(self, now: float) -> list[tuple[int, str, str]]:
        return self._db.execute(
            "SELECT seq, action, object FROM timers WHERE due <= ? ORDER BY due, seq", (now,)
        ).fetchall()

    def drop_timer(self, seq: int) -> None:
        self._db.execute("DELETE FROM timers WHERE seq = ?", (seq,))

    def drop_timers_of(self, object_id: str) -> None:
        self._db.execute("DELETE FROM timers WHERE object = ?", (object_id,))

    def option(self, name: str, default: str = "") -> str:
        row = self._db.execute("SELECT value FROM options WHERE name = ?", (name,)).fetchone()
        return default if row is None else str(row[0])

    def set_option(self, name: str, value: str) -> None:
        self._db.execute(
            "INSERT INTO options VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (name, value)
        )
