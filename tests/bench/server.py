"""The real server (`make serve`) on a free port, and clients that keep their connection."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.place import ROOT

READY_WITHIN = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(mode: str, *, log: Path, **environment: str) -> Iterator[tuple[int, float]]:
    """Start the product; gives its port and the seconds until /healthz said yes. Stops it at the end."""
    port, started = free_port(), time.monotonic()
    with log.open("w") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.standalone.run", mode],
            cwd=ROOT,
            env=os.environ | environment | {"PORT": str(port)},
            stdout=lines,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(port, process, log)
            yield port, time.monotonic() - started
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"the server did not get ready: {log.read_text()[-2000:]}")


class Caller:
    """One keep-alive connection that posts JSON and remembers how long each answer took."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Content-Type": "application/json", **headers}
        self.seconds: list[float] = []

    def post(self, path: str, body: dict[str, object]) -> int:
        started = time.perf_counter()
        self.connection.request("POST", path, json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        answer.read()
        self.seconds.append(time.perf_counter() - started)
        return answer.status


class Visitor:
    """One keep-alive connection of somebody who is signed in and opens pages."""

    def __init__(self, port: int, user: Any) -> None:
        from django.conf import settings
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
        from django.contrib.sessions.backends.db import SessionStore

        from companies.second_factor import VOUCHED

        session = SessionStore()
        session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[VOUCHED] = True
        session.create()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}

    def get(self, path: str) -> int:
        self.connection.request("GET", path, headers=self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status


def together(work: list[Callable[[], None]]) -> float:
    """Run each in a thread of its own, all at once; the seconds until the last ended. Raises what one of them raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(len(work) + 1)

    def guarded(task: Callable[[], None]) -> None:
        gate.wait()
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in work]
    for thread in threads:
        thread.start()
    gate.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return time.perf_counter() - started
