"""Of several test workers one migrates its database, the others copy it: they would spend half a minute on the same."""

import fcntl
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings

MODEL = "test_erb_migrated"


class Migrated:
    """The way of one worker to its database. `shared` is a folder that all workers of the run see."""

    def __init__(self, shared: Path) -> None:
        self.done = shared / "migrated"
        self.lock = (shared / "migrated.lock").open("w")
        self.first = False

    def before(self, mine: str) -> None:
        """Wait for who migrates and copy the result; or be the first, and let the others wait until `after`."""
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        if not self.done.exists():
            self.first = True
            return
        with _administrator() as admin:
            if not admin.execute("SELECT FROM pg_database WHERE datname = %s", [mine]).fetchone():
                admin.execute(f'CREATE DATABASE "{mine}" TEMPLATE "{MODEL}"')
        self.lock.close()

    def after(self, mine: str) -> None:
        """Keep a copy of what the first worker migrated. Nobody may be connected to it."""
        if not self.first:
            return
        with _administrator() as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{MODEL}"')
            admin.execute(f'CREATE DATABASE "{MODEL}" TEMPLATE "{mine}"')
        self.done.touch()
        self.lock.close()


def _administrator() -> psycopg.Connection[Any]:
    given = settings.DATABASES["default"]
    return psycopg.connect(
        host=given["HOST"], port=given["PORT"], user=given["USER"], password=given["PASSWORD"], dbname="postgres",
        autocommit=True,
    )  # fmt: skip
