"""Doubles of the services that reach an employee's phone, over real HTTP, for the demo and the tests.

Google Wallet: `/gp/v/save/TOKEN` keeps the pass of a signed link and shows it, `/token` and `/walletobjects/v1/genericObject/ID`
are Google's, `/wallet/` shows every pass as a phone would. A text gateway: `POST /texts`; what it sent lies in a folder, one
file a text, that the demo's mail page reads. `/_control/down` makes the next answers 503.
"""

import argparse
import html
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from benefit_card import jwt
from benefit_card.revocation import DocumentRefused

TEXTS_TOKEN = "demo-texts"  # noqa: S105 - a double's
MOST_BYTES = 100_000
LONGEST_LINK = 2_000  # characters; Google asks for less than 1,800 in the token
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;background:#eceff1;color:#1c2530;margin:0}main{max-width:26rem;margin:0 auto;"
    "padding:1.25rem}article{background:#fff;border-radius:16px;border-top:10px solid #8a4420;padding:1rem 1.25rem;"
    "margin:1rem 0}.off{opacity:.6}code{overflow-wrap:anywhere;font-size:.75rem}h1{font-size:1.15rem}h2{margin:.1rem 0}"
)


class Phones:
    """Passes by id, access tokens given, and the folder of texts. A file keeps the passes over a restart."""

    def __init__(self, *, key: Path, state: Path | None = None, texts: Path | None = None) -> None:
        self.key, self.state, self.texts = key, state, texts
        self.lock = threading.Lock()
        self.tokens: set[str] = set()
        self.down = 0
        self.asked: list[tuple[str, str]] = []
        kept = json.loads(state.read_text()) if state and state.exists() else {}
        self.passes: dict[str, dict[str, Any]] = kept

    def account(self) -> tuple[str, Any]:
        """The test account: its address and public key."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        said = json.loads(self.key.read_text())
        return said["client_email"], load_pem_private_key(said["private_key"].encode(), None).public_key()

    def save(self, token: str) -> dict[str, Any] | None:
        """Keep the pass of a link; the one that is here already stays. None for a link that is not ours."""
        email, key = self.account()
        try:
            claims = jwt.read(token, key=key)
        except DocumentRefused:
            return None
        if (claims.get("iss"), claims.get("aud"), claims.get("typ")) != (email, "google", "savetowallet"):
            return None
        if len(token) > LONGEST_LINK:
            return None
        (made,) = claims["payload"]["genericObjects"]
        with self.lock:
            kept = self.passes.setdefault(made["id"], made)
            self._write()
        return kept

    def patch(self, name: str, change: dict[str, Any]) -> dict[str, Any] | None:
        with self.lock:
            if name not in self.passes:
                return None
            merged = {**self.passes[name], **change}
            self.passes[name] = {key: value for key, value in merged.items() if value is not None}
            self._write()
            return self.passes[name]

    def _write(self) -> None:
        if self.state:
            draft = self.state.with_suffix(".part")
            draft.write_text(json.dumps(self.passes))
            draft.replace(self.state)

    def text(self, said: dict[str, Any]) -> str:
        """Send a text; the same reference is the same text."""
        reference = str(said.get("reference") or secrets.token_hex(8))
        if self.texts:
            self.texts.mkdir(parents=True, exist_ok=True)
            known = list(self.texts.glob(f"*-{reference}.json"))
            if not known:
                draft = self.texts / f"{reference}.part"
                draft.write_text(json.dumps(said | {"at": time.time()}))
                draft.rename(self.texts / f"{time.time_ns()}-{reference}.json")
        return reference


def face(made: dict[str, Any]) -> str:
    """A pass as the wallet shows it."""

    def words(part: str) -> str:
        return html.escape(made.get(part, {}).get("defaultValue", {}).get("value", ""))

    code = made.get("barcode", {})
    state = html.escape(made["state"])
    lines = "".join(f"<p>{html.escape(text.get('body', ''))}</p>" for text in made.get("textModulesData", []))
    shown = f"<p>{html.escape(code.get('alternateText', ''))}</p><code>{html.escape(code.get('value', ''))}</code>"
    off = "" if state == "ACTIVE" else ' class="off"'
    return (
        f"<article{off}><p>{words('cardTitle')} · {words('subheader')}</p><h2>{words('header')}</h2>"
        f"<p><strong>{state}</strong></p>{shown if code else ''}{lines}</article>"
    )


class Handler(BaseHTTPRequestHandler):
    phones: Phones

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the address holds the pass."""

    def _answer(self, status: int, body: Any) -> None:
        page = isinstance(body, str)
        content = body.encode() if page else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8" if page else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _page(self, title: str, body: str, status: int = 200) -> None:
        head = (
            f"<!doctype html><html lang='en'><meta name='viewport' content='width=device-width'><title>{title}</title>"
        )
        self._answer(status, f"{head}<style>{STYLE}</style><main><h1>{title}</h1>{body}</main></html>")

    def _body(self) -> bytes:
        return self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MOST_BYTES))

    def _bearer(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _refused(self) -> bool:
        self.phones.asked.append((self.command, urlsplit(self.path).path))
        if self.phones.down > 0:
            self.phones.down -= 1
            self._answer(503, {"error": "down"})
            return True
        return False

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith("/gp/v/save/"):
            made = self.phones.save(path.rpartition("/")[2])
            if made is None:
                return self._page("This link is not a pass", "<p>Its signature is not of the test account.</p>", 400)
            return self._page("In Google Wallet (double)", face(made) + "<p><a href='/wallet/'>Every pass</a></p>")
        if path == "/wallet/":
            faces = "".join(face(made) for made in self.phones.passes.values())
            return self._page("Google Wallet (double)", faces or "<p>No pass yet.</p>")
        return self._answer(404, {})

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        if path == "/_control/down":
            self.phones.down = int(json.loads(body or b"{}").get("answers", 1))
            return self._answer(200, {})
        if self._refused():
            return None
        if path == "/token":
            return self._token(body)
        if path == "/texts":
            said = json.loads(body)
            if self._bearer() != TEXTS_TOKEN:
                return self._answer(401, {"error": "token"})
            if not str(said.get("to", "")).startswith("+") or not said.get("text"):
                return self._answer(400, {"error": "to and text are required"})
            return self._answer(202, {"id": self.phones.text(said)})
        return self._answer(404, {})

    def do_PATCH(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        if self._refused():
            return None
        if self._bearer() not in self.phones.tokens:
            return self._answer(401, {"error": "token"})
        made = self.phones.patch(unquote(path.rpartition("/")[2]), json.loads(body))
        return self._answer(200, made) if made else self._answer(404, {"error": "notFound"})

    def _token(self, body: bytes) -> None:
        assertion = parse_qs(body.decode()).get("assertion", [""])[0]
        email, key = self.phones.account()
        try:
            claims = jwt.read(assertion, key=key)
        except DocumentRefused:
            return self._answer(400, {"error": "invalid_grant"})
        if (
            claims.get("iss") != email
            or claims.get("exp", 0) < time.time()
            or "wallet_object" not in claims.get("scope", "")
        ):
            return self._answer(400, {"error": "invalid_grant"})
        token = secrets.token_hex(16)
        self.phones.tokens.add(token)
        return self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3599})


def serve(phones: Phones, port: int = 0) -> ThreadingHTTPServer:
    """A running double, to be served by the caller."""
    return ThreadingHTTPServer(("127.0.0.1", port), type("Handler", (Handler,), {"phones": phones}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Doubles of Google Wallet and of a text gateway.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", type=Path, required=True, help="the test account's key file, drawn by the product")
    parser.add_argument("--state", type=Path, required=True, help="file that keeps the passes")
    parser.add_argument("--texts", type=Path, required=True, help="folder that keeps the texts")
    options = parser.parse_args()
    serve(Phones(key=options.key, state=options.state, texts=options.texts), options.port).serve_forever()
