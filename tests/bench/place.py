"""A scratch installation: its own state directory, embedded servers, database and processes, gone at the end."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class Run:
    """How a child process went: its time, the most memory any one of its processes took, and what they took together."""

    seconds: float
    peak_mb: float
    together_mb: float
    output: str


def measured(command: list[str], *, environment: dict[str, str]) -> Run:
    """Run a command and watch it. Raises when it fails."""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True)
        watch = _Watch(child.pid)
        watch.start()
        _pid, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - started
        watch.over.set()
        watch.join()
        output.seek(0)
        said = output.read()
    if child.returncode:
        raise RuntimeError(f"{' '.join(command[:4])} failed: {said[-2000:]}")
    return Run(seconds, usage.ru_maxrss / 1024, watch.most / 1024 / 1024, said)


class _Watch(threading.Thread):
    """Adds up the resident memory of a process and its descendants, ten times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            self.most = max(self.most, sum(_resident(pid) for pid in _family(self.pid)))


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        found += map(int, children.split())
    return found


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@dataclass
class Place:
    """`python` runs children in it; `facts` fills it with the association on first use."""

    directory: Path
    region: bool = False
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def make(cls, *, region: bool = False) -> "Place":
        directory = Path(tempfile.mkdtemp(prefix="erb-bench-"))
        atexit.register(shutil.rmtree, directory, ignore_errors=True)  # after the servers, which stop before it
        place = cls(directory, region)
        for name in ("DATABASE_URL", "BROKER_URL", "CACHE_URL"):
            os.environ.pop(name, None)
        os.environ |= {"STATE_DIR": str(directory / "state"), "STATIC_ROOT": str(directory / "static"), "DB_POOL": "0"}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "deploy.settings", "LOG_LEVEL": "ERROR"}
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        call_command("translations", "--compile", verbosity=0)
        call_command("collectstatic", verbosity=0, interactive=False)
        return place

    def python(self, *words: str, **environment: str) -> Run:
        return measured([sys.executable, *map(str, words)], environment=os.environ | environment)

    @cached_property
    def seed(self) -> Run:
        """The association of the demo, seeded once."""
        return self.python("manage.py", "seed", "--scale", "erb", "--json", str(self.directory / "seed.json"))

    @cached_property
    def staffed(self) -> Any:
        """A member company of its own with somebody in human resources and 4,000 employees, imported."""
        from tests.bench.imports import company_with_hr

        return company_with_hr("Banc de quatre mille")
