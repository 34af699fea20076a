"""Backup and restore as an operator runs them: programs, a PostgreSQL database of their own, files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from deploy.standalone import servers

pytestmark = pytest.mark.xdist_group("backup")  # one database server for all, not one for each worker
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Place:
    """A database and a key directory, and the environment of a command that works on them."""

    name: str
    directory: Path
    running: servers.Servers

    @property
    def url(self) -> str:
        return self.running.database_url.replace("/erb?", f"/{self.name}?")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": self.url,
            "BROKER_URL": self.running.broker_url,
            "STATE_DIR": str(self.directory / "state"),
            "CARD_KEY_DIR": str(self.directory / "keys"),
            "SECRET_KEY": "x" * 50,
            "STRIPE_WEBHOOK_SECRET": "whsec_test",
        }
        return subprocess.run(
            [sys.executable, "manage.py", *map(str, words)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def sql(self, query: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(query, parameters)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def origin(prepared, tmp_path_factory):
    """A small association with a year of history and keys, on a database server of its own."""
    state_dir = prepared(tmp_path_factory.mktemp("origin") / "state")
    place = Place("erb", state_dir.parent, servers.hold(state_dir))
    keys = place.directory / "keys"
    keys.mkdir()
    (keys / "print-001.key").write_text("the key that signs cards")
    yield place
    database = servers._short_directory(state_dir) / "postgres" / "postmaster.pid"
    os.kill(int(database.read_text().split()[0]), signal.SIGQUIT)  # at once: nobody reads these files again
    servers.stop(state_dir)


@pytest.fixture(scope="module")
def places(origin, tmp_path_factory):
    """Makes databases on that server: empty ones, or copies of another place with its keys."""

    def make(like: Place | None = None) -> Place:
        place = Place(f"backup_{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("place"), origin.running)
        with psycopg.connect(place.url.replace(f"/{place.name}?", "/postgres?"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {place.name} TEMPLATE {like.name if like else 'template0'}")
        if like:
            shutil.copytree(like.directory / "keys", place.directory / "keys")
        return place

    return make


@pytest.fixture(scope="module")
def saved(origin, tmp_path_factory):
    directory = tmp_path_factory.mktemp("backups") / "monday"
    done = origin.run("backup", directory)
    assert done.returncode == 0, done.stderr
    return directory


@pytest.fixture(scope="module")
def restored(saved, places):
    """A place that the backup was brought back to; for looking only, spoil a copy of it."""
    target = places()
    done = target.run("restore", saved)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


@pytest.fixture
def damaged(saved, tmp_path):
    """A copy of the backup that a test may spoil."""
    copy = tmp_path / "copy"
    for path in saved.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(saved)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(saved)).write_bytes(path.read_bytes())
    return copy


class TestABackup:
    def test_comes_back_whole_in_an_empty_database(self, origin, saved, restored):
        target = restored
        promised = json.loads((saved / "manifest.json").read_text())
        assert promised["tables"]["companies_person"]["rows"] >= 160
        for name, table in promised["tables"].items():
            assert target.sql(f'SELECT count(*) FROM "{name}"') == [(table["rows"],)]
        people = "SELECT * FROM companies_person ORDER BY id"
        assert target.sql(people) == origin.sql(people)
        assert (target.directory / "keys/print-001.key").read_text() == "the key that signs cards"
        assert (target.directory / "keys/print-001.key").stat().st_mode & 0o077 == 0
        assert target.run("verify_audit").returncode == 0

    def test_gives_new_rows_new_numbers_after_the_restore(self, restored, places):
        target = places(like=restored)
        [(highest,)] = target.sql("SELECT max(id) FROM companies_person")
        query = "INSERT INTO companies_person (first_name, last_name) VALUES ('Neuve', 'Personne') RETURNING id"
        assert target.sql(query)[0][0] > highest

    def test_never_overwrites_another_backup(self, origin, saved):
        before = (saved / "manifest.json").read_bytes()
        done = origin.run("backup", saved)
        assert done.returncode == 1 and "not empty" in done.stderr
        assert (saved / "manifest.json").read_bytes() == before

    def test_does_not_save_a_broken_audit_chain(self, restored, places, tmp_path):
        target = places(like=restored)
        target.sql("ALTER TABLE companies_auditentry DISABLE TRIGGER USER")
        target.sql(
            "INSERT INTO companies_auditentry (at, action, target_type, target_id) VALUES (now(), 'a', 'b', 'c')"
        )
        assert target.run("verify_audit").returncode == 0  # sealed now
        target.sql("UPDATE companies_auditentry SET reason = 'changed behind everybody''s back'")
        done = target.run("backup", tmp_path / "new")
        assert done.returncode == 1 and "altered" in done.stderr
        assert not (tmp_path / "new" / "manifest.json").exists()


class TestARestore:
    def test_refuses_a_database_with_people_in_it_and_changes_nothing(self, origin, saved):
        before = origin.sql("SELECT count(*) FROM companies_person")
        done = origin.run("restore", saved)
        assert done.returncode == 1 and "--replace" in done.stderr
        assert origin.sql("SELECT count(*) FROM companies_person") == before

    def test_replaces_when_told_to_and_keeps_the_old_keys_beside(self, saved, restored, places):
        target = places(like=restored)
        target.sql("INSERT INTO companies_person (first_name, last_name) VALUES ('Trop', 'Tard')")
        (target.directory / "keys/print-002.key").write_text("drawn later")
        done = target.run("restore", saved, "--replace")
        assert done.returncode == 0, done.stderr
        assert target.sql("SELECT count(*) FROM companies_person WHERE last_name = 'Tard'") == [(0,)]
        assert not (target.directory / "keys/print-002.key").exists()
        assert [path.read_text() for path in target.directory.glob("keys.before-*/print-002.key")] == ["drawn later"]

    @pytest.mark.parametrize("name", ["database.dump", "card-keys/print-001.key"])
    def test_refuses_a_damaged_file_and_changes_nothing(self, damaged, places, name):
        target = places()
        content = bytearray((damaged / name).read_bytes())
        content[len(content) // 2] ^= 1
        (damaged / name).write_bytes(content)
        done = target.run("restore", damaged)
        assert done.returncode == 1 and "damaged" in done.stderr
        assert target.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]

    def test_tells_when_a_table_did_not_come_back_as_it_was(self, damaged, places):
        manifest = json.loads((damaged / "manifest.json").read_text())
        manifest["tables"]["companies_person"]["sha256"] = "0" * 64
        (damaged / "manifest.json").write_text(json.dumps(manifest))
        done = places().run("restore", damaged)
        assert done.returncode == 1 and "companies_person" in done.stderr

    def test_refuses_a_backup_of_a_newer_version(self, damaged, places):
        manifest = json.loads((damaged / "manifest.json").read_text())
        manifest["migrations"].append("companies.9999_from_the_future")
        (damaged / "manifest.json").write_text(json.dumps(manifest))
        done = places().run("restore", damaged)
        assert done.returncode == 1 and "newer version" in done.stderr

    def test_keeps_the_old_database_when_the_dump_fails_half_way(self, damaged, restored, places):
        target = places(like=restored)
        dump = damaged / "database.dump"
        dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])
        manifest = json.loads((damaged / "manifest.json").read_text())
        import hashlib

        manifest["files"]["database.dump"] = hashlib.sha256(dump.read_bytes()).hexdigest()
        (damaged / "manifest.json").write_text(json.dumps(manifest))
        done = target.run("restore", damaged, "--replace")
        assert done.returncode == 1
        assert target.sql("SELECT count(*) FROM companies_person")[0][0] >= 160

    def test_says_that_a_directory_is_not_a_backup(self, tmp_path, places):
        done = places().run("restore", tmp_path)
        assert done.returncode == 1 and "not a backup" in done.stderr
