"""Tools for tests that kill the product in the middle of its work and look at what is left."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import psycopg
import requests

from tests.journeys.stack import ROOT

PATIENCE = 120
# What the worker writes by itself, whatever people do meanwhile.
BACKGROUND = ["benefit_card_publishedlist", "benefit_card_monthlyuse", "benefit_card_statement", "billing_transmission"]
BACKGROUND += ["billing_status", "billing_einvoicing", "billing_bookscheck", "billing_reminder", "billing_planneddebit"]
BACKGROUND += ["purchasing_standalone", "billing_directoryentry", "billing_ereport"]


def database(stack):
    """A connection to the embedded database of a running stack."""
    elsewhere = stack.state_dir / "data-is-in.txt"
    data = type(stack.state_dir)(elsewhere.read_text().strip()) if elsewhere.exists() else stack.state_dir
    socket = (data / "postgres/postmaster.pid").read_text().splitlines()[4]
    return psycopg.connect(host=socket, user="postgres", dbname="erb", autocommit=True)


def ask(stack, query, *parameters):
    with database(stack) as connection:
        cursor = connection.execute(query, parameters)
        return cursor.fetchall() if cursor.description else []


def one(stack, query, *parameters):
    return ask(stack, query, *parameters)[0][0]


@contextlib.contextmanager
def held(stack, table, mode="SHARE"):
    """Let nobody write to a table (EXCLUSIVE: nor lock a row): whoever is about to stands still until we let go."""
    with database(stack) as connection, connection.transaction():
        connection.execute(f"LOCK TABLE {table} IN {mode} MODE")
        yield


def stands_still(stack, table=""):
    """True once somebody waits for a lock, or for the lock of one table."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    return one(stack, f"{waiting} AND relation = '{table}'::regclass" if table else waiting) > 0


@contextlib.contextmanager
def asleep(stack, words):
    """Put processes to sleep for a while, as a machine does that is short of time."""
    pids = stack.pids(words)
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def until(condition, *, seconds=PATIENCE, every=0.05):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError("it did not happen in time")


def manage(stack, *words):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "DJANGO"))}
    environment.pop("DATABASE_URL", None)
    environment["STRIPE_API_BASE"] = stack.double
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, words)],
        cwd=ROOT,
        env=environment | {"STATE_DIR": str(stack.state_dir)},
        capture_output=True,
        text=True,
        check=False,
    )


def kill_worker(stack):
    assert stack.kill("celery -A deploy worker") > 0
    # The sweeper takes up what was silent for two minutes; here these minutes pass at once.
    ask(
        stack,
        "UPDATE companies_job SET beat_at = beat_at - interval '3 minutes' WHERE state IN ('queued', 'running')",
    )


# What beat and the worker change meanwhile in rows that people's steps only add.
MOVED = {"billing_invoice": " - 'state' - 'balance_cents' - 'document_id'"}


def fingerprint(stack, rooms):
    """A print of every row of some rooms' tables."""
    tables = ask(
        stack,
        f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^({rooms})_' AND relname <> ALL(%s) "
        "ORDER BY relname",
        BACKGROUND,
    )
    # Everything but signs of life, which are written whatever becomes of the rest.
    prints = (
        f"SELECT '{table}', md5(coalesce(string_agg(r, '|' ORDER BY r), '')) "
        f"FROM (SELECT (to_jsonb(t) - 'last_seen_at' - 'seen_at'{MOVED.get(table, '')})::text AS r FROM {table} t) rows"
        for (table,) in tables
    )
    return dict(ask(stack, " UNION ALL ".join(prints)))


def changed(before, after):
    return sorted(table for table in after if before[table] != after[table])


def killed_half_way(stack, send, rooms, table="companies_auditentry"):
    """Send a request, kill the web server in the middle of it, and see that nothing of it is left.

    Every step writes its entry in the log last, so it is caught with all its other rows written.
    """
    before = fingerprint(stack, rooms)
    trouble, answered = [], []

    def call():
        try:
            answered.append(send())
        except requests.RequestException as error:
            trouble.append(error)

    with held(stack, table):
        thread = threading.Thread(target=call)
        thread.start()
        until(lambda: stands_still(stack, table) or not thread.is_alive(), every=0.02)
        assert not answered, f"it was answered: {answered[0].status_code} {answered[0].text[:300]}"
        assert stack.kill_child("granian") > 0
        thread.join()
    stack.wait_healthy()
    assert trouble, "nobody noticed the kill"
    left = changed(before, fingerprint(stack, rooms))
    assert left == [], f"half a step was kept: {left}"
    # A key whose first request never answered is free again after a minute; here this minute passes at once.
    ask(
        stack,
        "UPDATE companies_idempotentreply SET created_at = created_at - interval '2 minutes' WHERE status IS NULL",
    )
    return before


def worker_killed_half_way(stack, task, table):
    """Give the worker a task, as code, and kill it where it is about to write to a table."""
    with held(stack, table):
        assert manage(stack, "shell", "-c", task).returncode == 0
        until(lambda: stands_still(stack, table))
        kill_worker(stack)
