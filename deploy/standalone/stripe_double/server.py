"""The WSGI application: routes, parameters, errors and Idempotency-Key in Stripe's manner."""

import base64
import email
import email.policy
import hashlib
import json
import re
import socketserver
import wsgiref.simple_server
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from deploy.standalone.stripe_double import checkout, connect, control, pages, payments, refunds, resources
from deploy.standalone.stripe_double.store import JSON, LOOKED_UP
from deploy.standalone.stripe_double.webhooks import Postman, visible
from deploy.standalone.stripe_double.world import ApiError, World, integer, invalid

Handler = Callable[..., JSON]
KINDS = {
    "customers": "customer",
    "payment_methods": "payment_method",
    "setup_intents": "setup_intent",
    "payment_intents": "payment_intent",
    "charges": "charge",
    "refunds": "refund",
    "disputes": "dispute",
    "files": "file",
    "events": "event",
    "mandates": "mandate",
    "balance_transactions": "balance_transaction",
    "checkout/sessions": "checkout.session",
    "accounts": "account",
    "account_links": "account_link",
    "transfers": "transfer",
    "transfers/reversals": "transfer_reversal",
    "application_fees": "application_fee",
}
FILTERS = ("customer", "payment_intent", "charge", "type", "status", "transfer_group", "transfer")
CREATE: dict[str, Handler] = {
    "customers": resources.create_customer,
    "payment_methods": resources.create_payment_method,
    "setup_intents": resources.create_setup_intent,
    "payment_intents": payments.create_payment_intent,
    "refunds": refunds.create_refund,
    "files": refunds.create_file,
    "checkout/sessions": checkout.create_session,
    "accounts": connect.create_account,
    "account_links": connect.create_link,
    "transfers": connect.create_transfer,
}
UPDATE: dict[str, Handler] = {
    "customers": resources.update_customer,
    "payment_intents": payments.update_payment_intent,
    "disputes": refunds.answer_dispute,
}
ACT: dict[tuple[str, str], Handler] = {
    ("payment_methods", "attach"): resources.attach_payment_method,
    ("payment_methods", "detach"): resources.detach_payment_method,
    ("setup_intents", "confirm"): resources.confirm_setup_intent,
    ("setup_intents", "cancel"): resources.cancel_setup_intent,
    ("payment_intents", "confirm"): payments.confirm_payment_intent,
    ("payment_intents", "capture"): payments.capture_payment_intent,
    ("payment_intents", "cancel"): payments.cancel_payment_intent,
    ("transfers", "reversals"): connect.reverse,
    ("disputes", "close"): lambda world, key, params: refunds.close_dispute(world, key, {}),
    ("checkout/sessions", "expire"): lambda world, key, params: checkout.expire_session(world, key),
}
ROUTE = re.compile(rf"^/v1/(?P<kind>{'|'.join(KINDS)})(?:/(?P<id>[\w]+)(?:/(?P<verb>\w+))?)?$")


def parse(text: str) -> JSON:
    """Stripe's form encoding as nested objects.

    >>> parse("a[b]=1&c[0][d]=2&c[1][d]=3&e[]=4")
    {'a': {'b': '1'}, 'c': [{'d': '2'}, {'d': '3'}], 'e': ['4']}
    """
    tree: JSON = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        path = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        branch = tree
        for step, following in zip(path, [*path[1:], None], strict=True):
            place = step or str(len(branch))
            if following is None:
                branch[place] = value
            else:
                branch = branch.setdefault(place, {})
    lists = _lists(tree)
    return lists if isinstance(lists, dict) else {}


def flattened(kind: str, content: bytes) -> str:
    """An upload as a form: the file by its name, type, size and hash, so that a repeat is the same request."""
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    found: list[tuple[str, str]] = []
    for part in email.message_from_bytes(head + content, policy=email.policy.HTTP).iter_parts():
        name = str(part.get_param("name", "", "Content-Disposition"))
        body = part.get_payload(decode=True)
        assert isinstance(body, bytes)
        if (file := part.get_filename()) is None:
            found.append((name, body.decode().strip()))
        else:
            found += [(name, hashlib.sha256(body).hexdigest()), ("filename", file), ("size", str(len(body)))]
    return urlencode(found)


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdigit() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(inner) for name, inner in value.items()}


def expand(world: World, body: Any, path: list[str]) -> None:
    """Replace the id at `path` by its object, in place."""
    if isinstance(body, list):
        for one in body:
            expand(world, one, path)
    elif isinstance(body, dict) and path and path[0] in body:
        inner = body[path[0]]
        if isinstance(inner, str):
            inner = body[path[0]] = world.store.get(inner) or inner
        expand(world, inner, path[1:])


class Double:
    """`with Double(...)` is not needed: `app` is WSGI, `postman` is a thread the caller starts."""

    def __init__(self, world: World, postman: Postman) -> None:
        self.world, self.postman = world, postman

    def app(self, environ: JSON, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        length = int(environ.get("CONTENT_LENGTH") or 0)
        content = environ["wsgi.input"].read(length) if length else b""
        kind = environ.get("CONTENT_TYPE", "")
        text = flattened(kind, content) if kind.startswith("multipart/") else content.decode()
        if not path.startswith("/v1/"):
            page = pages.respond if not path.startswith("/_control/") else control.respond
            status, headers, content = page(self, method, path, environ, text)
            start_response(status, headers)
            return [content]
        code, body, replayed = self.api(method, path, environ, text)
        headers = [
            ("Content-Type", "application/json"),
            ("Request-Id", self.world.store.new_id("req")),
            ("Stripe-Version", "2026-10-28.endive"),
        ]
        if replayed:
            headers.append(("Idempotent-Replayed", "true"))
        start_response(f"{code} {'OK' if code == 200 else 'Refused'}", headers)
        return [json.dumps(visible(body)).encode()]

    def api(self, method: str, path: str, environ: JSON, text: str) -> tuple[int, JSON, bool]:
        """Status, body, and whether the answer is an old one given again."""
        store = self.world.store
        with store.transaction():
            fault = control.next_fault(self.world)
        if fault == "before":
            return 500, {"error": {"type": "api_error", "message": "The double was told to fail."}}, False
        try:
            with store.transaction():
                code, body, replayed = self._idempotent(method, path, environ, text)
        except ApiError as refusal:
            return refusal.status, refusal.body, False
        if fault == "after":
            return 500, {"error": {"type": "api_error", "message": "The double was told to lose its answer."}}, False
        return code, body, replayed

    def _idempotent(self, method: str, path: str, environ: JSON, text: str) -> tuple[int, JSON, bool]:
        account = authenticate(environ)
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "") if method == "POST" else ""
        fingerprint = hashlib.sha256(f"{path}\n{text}".encode()).hexdigest()
        earlier = self.world.store.answered(f"{account}:{key}") if key else None
        if earlier is not None:
            if earlier[0] != fingerprint:
                message = (
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                    f"Try using a key other than '{key}' if you meant to execute a different request."
                )
                raise ApiError(400, "idempotency_error", message)
            return earlier[1], earlier[2], True
        params = parse(text if method == "POST" else environ.get("QUERY_STRING", ""))
        wanted = params.pop("expand", [])
        try:
            code, body = 200, self.dispatch(method, path, params)
        except ApiError as refusal:
            if not refusal.keep:
                raise
            code, body = refusal.status, refusal.body
        for name in wanted if isinstance(wanted, list) else [wanted]:
            expand(self.world, body, str(name).split("."))
        if key:
            self.world.store.remember(f"{account}:{key}", fingerprint, code, body)
        return code, body, False

    def dispatch(self, method: str, path: str, params: JSON) -> JSON:
        found = ROUTE.match(path)
        if found is None:
            raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)
        kind, key, verb = found["kind"], found["id"], found["verb"]
        if method == "GET":
            if key is None:
                return self.listing(kind, params)
            if kind == "checkout/sessions":
                session = checkout.retrieve_session(self.world, key)
                return {"object": "list", "data": session["_lines"], "has_more": False} if verb else session
            if kind == "customers" and verb == "payment_methods":
                return self.listing("payment_methods", params | {"customer": key})
            if kind == "transfers" and verb == "reversals":
                self.world.find(key, "transfer")
                return self.listing("transfers/reversals", params | {"transfer": key})
            if verb is None:
                return self.world.find(key, KINDS[kind])
        elif method == "DELETE" and kind == "customers" and key and not verb:
            return resources.delete_customer(self.world, key, params)
        elif method == "POST" and key is None and kind in CREATE:
            return CREATE[kind](self.world, params)
        elif method == "POST" and key and verb is None and kind in UPDATE:
            return UPDATE[kind](self.world, key, params)
        elif method == "POST" and (kind, verb) in ACT:
            return ACT[kind, verb](self.world, key, params)
        raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)

    def listing(self, kind: str, params: JSON) -> JSON:
        """Newest first, filtered, with Stripe's cursors."""
        limit = min(integer(params, "limit", default=10, least=1), 100)
        since = integer(params.get("created") or {}, "gte", default=0)
        known = {name: str(params[name]) for name in FILTERS if name in params and name in LOOKED_UP}
        rows = [
            row
            for row in self.world.store.newest(KINDS[kind], **known)
            if row["created"] >= since and all(row.get(name) == params[name] for name in FILTERS if name in params)
        ]
        if "starting_after" in params:
            places = [place for place, row in enumerate(rows) if row["id"] == params["starting_after"]]
            rows = rows[places[0] + 1 :] if places else []
        return {"object": "list", "url": f"/v1/{kind}", "data": rows[:limit], "has_more": len(rows) > limit}


def authenticate(environ: JSON) -> str:
    """The secret key; live keys and publishable keys are refused."""
    scheme, _, rest = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme == "Basic":
        rest = base64.b64decode(rest + "==").decode(errors="replace").rstrip(":")
    if not rest.startswith(("sk_test_", "rk_test_")):
        raise ApiError(401, "invalid_request_error", "Invalid API Key provided: this double takes sk_test_ keys only.")
    return rest


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 64


class QuietHandler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Silence: the demo's console belongs to the product."""

    def address_string(self) -> str:
        return str(self.client_address[0])


def serve(world: World, postman: Postman, port: int) -> Server:
    """A listening server; the caller runs `serve_forever` and starts the postman."""
    server = Server(("127.0.0.1", port), QuietHandler)
    server.set_app(Double(world, postman).app)
    return server
