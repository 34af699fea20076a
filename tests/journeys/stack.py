"""The whole product as a newcomer starts it, in processes of its own, for tests that drive it from outside."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
READY_WITHIN = 240


def free_port() -> int:
    """A port with a free neighbour, for the Stripe double."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def without_test_settings() -> dict[str, str]:
    """The environment of a newcomer: no trace of the tests and of their servers."""
    ours = ("PYTEST", "DJANGO", "DATABASE_URL", "BROKER_URL")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


def parent_of(pid: int) -> int:
    """The parent of a process; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@dataclass
class Stack:
    """A running demo: its address, its sign-in links by role label, the facts its seed wrote."""

    port: int
    state_dir: Path
    scale: str = "tiny"
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def facts(self) -> dict:
        return json.loads((self.state_dir / "seed.json").read_text())

    @property
    def double(self) -> str:
        """Where the Stripe double of this run listens."""
        return next(found.group(1) for text in self.lines if (found := re.search(r"stripe double on (\S+)", text)))

    @property
    def database_url(self) -> str:
        """For looking at rows from outside, and for moving a deadline."""
        return f"postgresql://postgres@/erb?host={self.state_dir}/postgres"

    def start(self) -> "Stack":
        environment = without_test_settings() | {
            "PORT": str(self.port),
            "STATE_DIR": str(self.state_dir),
            "SEED_SCALE": self.scale,
        }
        self.lines.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deploy.standalone.run", "demo"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if any("Stop with Ctrl-C" in line for line in self.lines):
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.stop()
        raise AssertionError("the demo did not get ready:\n" + "".join(self.lines[-60:]))

    def _read(self) -> None:
        process = self.process
        assert process is not None and process.stdout is not None
        self.lines.extend(process.stdout)

    def stop(self) -> int:
        """End every process as Ctrl-C would, and return the exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        code = self.process.returncode
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        return code

    def door(self, label: str) -> str:
        """The address that signs in as the first role whose label begins so (`Buyer`, `Approver`, …)."""
        for line in self.lines:
            found = re.match(rf"\s+{label}.*?(http://\S+)", line)
            if found:
                return found.group(1)
        raise AssertionError(f"no door for {label}")

    def pids(self, words: str) -> list[int]:
        """Processes of this run whose command line holds some words, deepest first."""
        out = subprocess.run(["pgrep", "-f", words], capture_output=True, text=True, check=False).stdout
        mine = []
        for pid in map(int, out.split()):
            try:
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if f"STATE_DIR={self.state_dir}".encode() in environment and b"standalone.keep" not in command:
                mine.append(pid)
        return mine

    def kill(self, words: str) -> int:
        """Kill without mercy every process of a kind (`granian`, `celery`); its keeper starts it again."""
        pids = self.pids(words)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return len(pids)

    def kill_child(self, words: str) -> int:
        """Kill only the processes that another one of their kind watches over: it starts them again at once."""
        pids = self.pids(words)
        children = [pid for pid in pids if parent_of(pid) in pids]
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        return len(children)

    def wait_healthy(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.base}/healthz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise AssertionError("the product did not come back")
