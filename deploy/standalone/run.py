"""The whole product on one machine: `python -m deploy.standalone.run demo|serve`.

Starts (or joins) the embedded servers, migrates, seeds on the first start, then runs web server, worker, beat and, in the
demo, the Stripe double, until Ctrl-C or SIGTERM ends them all. `serve` uses DATABASE_URL and BROKER_URL when given.
"""

import os
import shlex
import signal
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from itertools import islice
from pathlib import Path

from deploy.standalone import servers

BASE_DIR = Path(__file__).resolve().parent.parent.parent
READY_WITHIN = 240  # seconds


def main(mode: str) -> int:
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a plain exit gives the embedded servers back
    port = int(os.environ.get("PORT", "8000"))
    if not _free(port):
        sys.stderr.write(f"Port {port} is in use. Choose another: PORT={port + 10} make {mode}\n")
        return 1
    state_dir = Path(os.environ.get("STATE_DIR", BASE_DIR / ".standalone")).expanduser().resolve()
    os.environ.update(_environment(mode, port, state_dir))
    _prepare(mode, state_dir)
    return _run(mode, port, state_dir, started)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _environment(mode: str, port: int, state_dir: Path) -> dict[str, str]:
    """What every process of the run is told."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "deploy.settings",
        "PORT": str(port),
        "STATE_DIR": str(state_dir),
        "STATIC_ROOT": os.environ.get(
            "STATIC_ROOT", str(state_dir / "static")
        ),  # two runs must not write the same files
        "DB_POOL": "10",
        "CARD_SIGNS": "1",  # while the demo is filled, and the signer; the processes beside it go without
        "PYTHONUNBUFFERED": "1",
    }
    if not (os.environ.get("DATABASE_URL") and os.environ.get("BROKER_URL")):
        held = servers.hold(state_dir)
        servers.ensure_database(held.database_url)
        environment |= {"DATABASE_URL": held.database_url, "BROKER_URL": held.broker_url, "CACHE_URL": held.cache_url}
        for name in ["SECRET_KEY", "STRIPE_WEBHOOK_SECRET"]:
            environment[name] = os.environ.get(name) or servers.kept_secret(state_dir, name)
    if mode == "demo":
        double, phones = islice(filter(_free, range(port + 1, port + 50)), 2)
        environment |= {
            "DEMO": "1",
            "STRIPE_API_KEY": "sk_test_double",
            "STRIPE_API_BASE": f"http://127.0.0.1:{double}",
            "STRIPE_CHECKOUT_ORIGIN": f"http://127.0.0.1:{double}",
            "STRIPE_CONNECT_ORIGIN": f"http://127.0.0.1:{double}",
            "STRIPE_DOUBLE_PORT": str(double),
            "GOOGLE_WALLET_API_BASE": f"http://127.0.0.1:{phones}",
            "GOOGLE_WALLET_SAVE_BASE": f"http://127.0.0.1:{phones}/gp/v/save",
            "SMS_GATEWAY_URL": f"http://127.0.0.1:{phones}/texts",
            "SMS_GATEWAY_TOKEN": "demo-texts",
            "PHONE_DOUBLE_PORT": str(phones),
        }
    return environment


def _prepare(mode: str, state_dir: Path) -> None:
    """Bring the database, translations and static files up to date; fill an empty demo."""
    import django
    import pgtrigger
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("translations", "--compile", verbosity=0)  # before anything reads, and remembers, a catalogue
    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    seeded = state_dir / "seeded"
    if mode == "demo" and not seeded.exists():
        sys.stdout.write("First start: filling the association (about a minute)…\n")
        sys.stdout.flush()
        with pgtrigger.ignore():  # what nobody may empty, but nothing has happened yet
            call_command("flush", verbosity=0, interactive=False)  # what an interrupted first start left
        call_command("seed", scale=os.environ.get("SEED_SCALE", "erb"), json=state_dir / "seed.json")
        seeded.touch()
    connection.close()


def _run(mode: str, port: int, state_dir: Path, started: float) -> int:
    from honcho.manager import Manager

    def kept(*command: str) -> str:
        return shlex.join([sys.executable, "-m", "deploy.standalone.keep", *command])

    python = sys.executable
    manager = Manager()
    workers = "2" if mode == "serve" else "1"
    host = os.environ.get("HOST", "127.0.0.1")
    manager.add_process(
        "web",
        kept(
            *(
                python,
                "-m",
                "granian",
                "--interface",
                "wsgi",
                "--host",
                host,
                "--port",
                str(port),
                "--workers",
                workers,
            ),
            *(
                "--blocking-threads",
                "8",
                "--backlog",
                "1024",
                "--respawn-failed-workers",
                "--respawn-interval",
                "0.5",
                "--no-access-log",
                "--log-level",
                "warning",
            ),
            "deploy.wsgi:application",
        ),
        cwd=str(BASE_DIR),
        env=os.environ | {"CARD_SIGNS": "0"},
    )
    celery = [python, "-m", "celery", "-A", "deploy"]
    quiet = os.environ | {"DB_POOL": "0", "CARD_SIGNS": "0"}
    signs = ["--queues=signing", *(["--concurrency=2"] if mode == "serve" else ["--pool=solo"])]
    manager.add_process(
        "signer",
        kept(*celery, "worker", *signs, "--hostname=signer@%h", "--loglevel=WARNING"),
        cwd=str(BASE_DIR),
        env=quiet | {"CARD_SIGNS": "1"},
    )
    manager.add_process(
        "worker", kept(*celery, "worker", "--concurrency=2", "--loglevel=WARNING"), cwd=str(BASE_DIR), env=quiet
    )
    manager.add_process("beat", kept(*celery, "beat", "--loglevel=WARNING", "--pidfile="), cwd=str(BASE_DIR), env=quiet)
    if mode == "demo":
        manager.add_process(
            "stripe",
            kept(
                *(python, "-m", "deploy.standalone.stripe_double", "--port", os.environ["STRIPE_DOUBLE_PORT"]),
                *("--state", str(state_dir / "stripe.sqlite3"), "--secret=" + os.environ["STRIPE_WEBHOOK_SECRET"]),
                *("--webhook", f"http://127.0.0.1:{port}/webhooks/stripe/"),
            ),
            cwd=str(BASE_DIR),
            env=quiet,
        )
        keys = os.environ.get("CARD_KEY_DIR", str(state_dir / "card-keys"))
        manager.add_process(
            "phones",
            kept(
                *(python, "-m", "deploy.standalone.phone_double", "--port", os.environ["PHONE_DOUBLE_PORT"]),
                *("--key", f"{keys}/google-test.json", "--state", str(state_dir / "google-wallet.json")),
                *("--texts", str(state_dir / "texts")),
            ),
            cwd=str(BASE_DIR),
            env=quiet,
        )
    threading.Thread(target=_announce, args=(mode, port, started), daemon=True).start()
    manager.loop()
    return 0 if manager.returncode in {0, 130, 143, -15, -2, None} else int(manager.returncode)


def _announce(mode: str, port: int, started: float) -> None:
    """Say when everything answers, and in the demo how to sign in as each role."""
    for _ in range(READY_WITHIN * 4):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.25)
    else:
        sys.stderr.write("Not ready: look at /healthz and at the lines above.\n")
        return
    lines = [f"ERB Services is ready after {time.monotonic() - started:.0f} s: http://127.0.0.1:{port}/"]
    if mode == "demo":
        from deploy.standalone import demo

        lines += demo.table(f"http://127.0.0.1:{port}")
    sys.stdout.write("\n".join(["", *lines, ""]) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "demo"))
