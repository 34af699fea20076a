"""A member's program that listens on a local port: keeps what it is sent and answers with `status`, after `drips` if any."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


class Program(HTTPServer):
    """`heard` are (headers, body) of each message in the order they came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Listener)
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.status, self.drips, self.cut = 204, 0, threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/reçu du jour?from=erb"

    def read(self, secret: str) -> list[dict[str, Any]]:
        """What was heard since the last time; fails on a signature that is not Standard Webhooks' with this secret."""
        told, self.heard = self.heard, []
        return [self._checked(headers, body, secret) for headers, body in told]

    def _checked(self, headers: dict[str, str], body: bytes, secret: str) -> dict[str, Any]:
        head = {name.lower(): value for name, value in headers.items()}
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(secret.removeprefix("whsec_"))
        mac = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert hmac.compare_digest(head["webhook-signature"], f"v1,{mac}")
        return dict(json.loads(body))


class _Listener(BaseHTTPRequestHandler):
    server: Program

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((dict(self.headers), body))
        for _byte in range(self.server.drips):
            try:
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            except OSError:
                self.server.cut.set()
                return
            time.sleep(0.01)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def listening() -> Iterator[Program]:
    server = Program()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
