"""Run the double until SIGTERM or Ctrl-C: see the package's docstring for the command."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from deploy.standalone.stripe_double import DEFAULT_PORT
from deploy.standalone.stripe_double.server import serve
from deploy.standalone.stripe_double.store import Store
from deploy.standalone.stripe_double.webhooks import Postman
from deploy.standalone.stripe_double.world import World


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="stripe_double", description="A stand-in for api.stripe.com.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT)
    parser.add_argument("--state", required=True, help="SQLite file that keeps everything")
    parser.add_argument("--webhook", default="", help="where events are posted; empty sends none")
    parser.add_argument("--secret", default="whsec_double", help="signs the events")
    parser.add_argument("--sepa-delay", type=float, default=8.0, help="seconds until a debit is settled")
    parser.add_argument("--public-url", default="", help="how a browser reaches this program")
    options = parser.parse_args(argv)
    Path(options.state).parent.mkdir(parents=True, exist_ok=True)
    store = Store(options.state)
    world = World(store, options.public_url, options.sepa_delay)
    postman = Postman(world, options.webhook, options.secret)
    server = serve(world, postman, options.port)
    if not options.public_url:
        world.url = f"http://127.0.0.1:{server.server_port}"
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    postman.start()
    threading.Thread(target=server.serve_forever, args=(0.1,), name="http", daemon=True).start()
    sys.stdout.write(f"stripe double on {world.url}\n")
    sys.stdout.flush()
    stopped.wait()
    server.shutdown()
    server.server_close()
    postman.stop()
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
