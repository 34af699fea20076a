"""A small association seeded once for the whole run; each product the tests start begins from a copy of it."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.standalone import servers
from tests.journeys.stack import ROOT, without_test_settings

SEED = """
import os
from pathlib import Path
from deploy.standalone import run
directory = Path(os.environ["STATE_DIR"])
os.environ.update(run._environment("demo", int(os.environ["PORT"]), directory))
run._prepare("demo", directory)
"""
DATA = ("postgres", "valkey")
NOT_COPIED = (*DATA, "run", "holders.json", "servers.lock", "data-is-in.txt")


def copy_to(state_dir: Path, shared: Path) -> None:
    """Fill an empty state directory with what the first start of a small demo leaves.

    `shared` is a folder that all workers of the run see: the first of them seeds there, the others wait.
    """
    shared.mkdir(exist_ok=True)
    original = shared / "state"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (original / "seeded").exists():
            _seed(original)
    for name in DATA:
        shutil.copytree(_data(original) / name, _data(state_dir) / name)
    if os.geteuid() == 0:  # the database runs as a user of its own
        subprocess.run(
            ["chown", "-R", "--reference", _data(original) / "postgres", _data(state_dir) / "postgres"], check=True
        )
    shutil.copytree(
        original, state_dir, ignore=lambda _folder, names: [n for n in names if n in NOT_COPIED], dirs_exist_ok=True
    )


def _seed(original: Path) -> None:
    environment = without_test_settings() | {"STATE_DIR": str(original), "SEED_SCALE": "tiny", "PORT": "8000"}
    done = subprocess.run(
        [sys.executable, "-c", SEED], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _at_rest(original)


def _at_rest(original: Path) -> None:
    """The database is stopped as its last holder ends, within a minute at most: on a loaded machine it may take another."""
    _let_through(original)
    for _try in range(5):
        if not (_data(original) / "postgres" / "postmaster.pid").exists():
            return
        servers.stop(original)
    raise AssertionError("the seeded database does not stop: its files cannot be copied")


def _let_through(directory: Path) -> None:
    """Its own user must reach the database's files; another test run that begins meanwhile closes the common folder."""
    temporary = Path(tempfile.gettempdir()).resolve()
    for folder in directory.resolve().parents:
        if folder.is_relative_to(temporary) and folder != temporary and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o011)


def _data(state_dir: Path) -> Path:
    return servers._short_directory(state_dir.resolve())
