"""Tools for tests that kill the product in the middle of its work and look at what is left."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psycopg

from tests.journeys.stack import ROOT

PATIENCE = 120


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
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    return one(stack, waiting, f"INSERT INTO%{table}%" if table else "%") > 0


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
