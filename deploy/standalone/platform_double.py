"""A double of an approved platform's flow service (AFNOR XP Z12-013) over real HTTP, for the demo and the tests.

It knows one client, keeps flows in memory, answers a posted invoice with the statuses 200 and 203, and has levers under
`/_control/` that play the other side: `status` (the reader approves, refuses …), `deliver` (a supplier's invoice arrives),
`down` (the next answers are 503).
"""

import argparse
import base64
import email.parser
import email.policy
import hashlib
import json
import secrets
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

CLIENT = ("erb", "secret")
SPACE = "urn:un:unece:uncefact:data:standard:"
MOST_BYTES = 60 * 1024 * 1024


def cdar(number: str, code: int, reason: str = "", reason_code: str = "", siren: str = "") -> bytes:
    """A life-cycle message as a platform writes it."""
    stamp = f"{datetime.now(UTC):%Y%m%d%H%M%S}"
    said = f"<ram:ReasonCode>{reason_code}</ram:ReasonCode><ram:Reason>{reason}</ram:Reason>"
    said = f"<ram:SpecifiedDocumentStatus>{said}</ram:SpecifiedDocumentStatus>" if reason else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rsm:CrossDomainAcknowledgementAndResponse xmlns:rsm="{SPACE}CrossDomainAcknowledgementAndResponse:100"
 xmlns:ram="{SPACE}ReusableAggregateBusinessInformationEntity:100" xmlns:udt="{SPACE}UnqualifiedDataType:100">
<rsm:ExchangedDocument><ram:ID>{secrets.token_hex(6)}</ram:ID><ram:IssueDateTime>
<udt:DateTimeString format="204">{stamp}</udt:DateTimeString></ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:AcknowledgementDocument><ram:TypeCode>23</ram:TypeCode><ram:ReferenceReferencedDocument>
<ram:IssuerAssignedID>{number}</ram:IssuerAssignedID><ram:TypeCode>380</ram:TypeCode>
<ram:ProcessConditionCode>{code}</ram:ProcessConditionCode>
<ram:IssuerTradeParty><ram:GlobalID schemeID="0002">{siren}</ram:GlobalID></ram:IssuerTradeParty>{said}
</ram:ReferenceReferencedDocument></rsm:AcknowledgementDocument></rsm:CrossDomainAcknowledgementAndResponse>""".encode()


class Flows:
    """What passed through, newest last."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.tokens: set[str] = set()
        self.down = 0
        self.lock = threading.Lock()
        self.directory: dict[str, list[dict[str, Any]]] = {}  # lines by SIREN, as a lever set them

    def lines_of(self, filters: dict[str, Any]) -> list[dict[str, Any]]:
        """Lines of a SIREN or a SIRET. Who was not set by a lever receives at its SIREN, its SIRET and its desks."""
        asked = str((filters.get("siren") or filters.get("siret") or {}).get("value", ""))
        siren = asked[:9]
        usual = [siren, *[f"{siren}_{desk}" for desk in ("ACHATS", "COMPTA")]]
        lines = self.directory.get(siren, [{"addressingIdentifier": address} for address in usual])
        whole = [
            {"siren": siren, "siret": "", "directoryLineStatus": "Enabled", "platformType": "WK"} | x for x in lines
        ]
        return [line for line in whole if len(asked) == 9 or line["siret"] == asked]

    def line(self, address: str) -> dict[str, Any] | None:
        found = self.lines_of({"siren": {"value": address[:9]}})
        return next((line for line in found if line["addressingIdentifier"] == address), None)

    def keep(self, content: bytes, **facts: Any) -> dict[str, Any]:
        row = {
            "flowId": secrets.token_hex(12),
            "submittedAt": datetime.now(UTC).isoformat(),
            "updatedAt": datetime.now(UTC).isoformat(),
            "acknowledgement": {"status": "Ok", "details": []},
            **facts,
            "content": content,
        }
        with self.lock:
            self.rows.append(row)
        return row

    def posted(self, info: dict[str, Any], content: bytes) -> tuple[int, dict[str, Any]]:
        """A document of the client: the same tracking and content is the same flow."""
        if info.get("sha256") not in (None, hashlib.sha256(content).hexdigest()):
            return 400, {"errorCode": "SHA256", "errorMessage": "The hash does not fit the file."}
        if not info.get("flowSyntax") or not info.get("name"):
            return 400, {"errorCode": "FLOW_INFO", "errorMessage": "flowSyntax and name are required."}
        for row in self.rows:
            if row["flowDirection"] == "Out" and row["trackingId"] == info.get("trackingId"):
                return 202, visible(row)
        row = self.keep(content, **info, flowDirection="Out")
        if info.get("flowSyntax") == "FRR":
            row["acknowledgement"] = judged(content)
        if info.get("flowType") in ("CustomerInvoice", "SupplierInvoice"):
            number = str(info.get("trackingId"))
            for code in (200, 203):
                self.keep(
                    cdar(number, code), name=f"{number}-{code}.xml", trackingId="", flowSyntax="CDAR",
                    flowType="CustomerInvoiceLC", flowDirection="In",
                )  # fmt: skip
        return 202, visible(row)

    def found(self, where: dict[str, Any], limit: int) -> list[dict[str, Any]]:
        since = where.get("updatedAfter")
        kinds, ways = where.get("flowType"), where.get("flowDirection")
        with self.lock:
            rows = list(self.rows)
        return [
            visible(row)
            for row in rows
            if (not kinds or row["flowType"] in kinds)
            and (not ways or row["flowDirection"] in ways)
            and (not since or datetime.fromisoformat(row["updatedAt"]) >= datetime.fromisoformat(since))
        ][-limit:]


def judged(content: bytes) -> dict[str, Any]:
    """What the platform says of an e-report: it must be a report with its period and something in it."""
    wanted = (b"<ReportDocument>", b"<ReportPeriod>", b"RoleCode")
    whole = all(mark in content for mark in wanted) and (b"<Invoice>" in content or b"<Transactions>" in content)
    if whole:
        return {"status": "Ok", "details": []}
    detail = {"item": "report", "level": "Error", "reasonCode": "REJ_SEMAN", "reasonMessage": "Rapport incomplet."}
    return {"status": "Error", "details": [detail]}


def visible(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "content"}


class Handler(BaseHTTPRequestHandler):
    flows: Flows

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _answer(self, status: int, body: Any) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(body, bytes) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> bytes:
        return self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MOST_BYTES))

    def _refused(self) -> bool:
        if self.flows.down > 0:
            self.flows.down -= 1
            self._answer(503, {"errorMessage": "down"})
            return True
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.flows.tokens:
            self._answer(401, {"errorMessage": "token"})
            return True
        return False

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v1/healthcheck":
            return self._answer(200, {"status": "ok"})
        if self._refused():
            return None
        if path.startswith("/v1/directory-line/code:"):
            found = self.flows.line(path.partition(":")[2])
            return self._answer(200, found) if found else self._answer(404, {"errorMessage": "unknown line"})
        row = next((row for row in self.flows.rows if path == f"/v1/flows/{row['flowId']}"), None)
        if row and "docType=Metadata" in urlsplit(self.path).query:
            return self._answer(200, visible(row))
        return self._answer(200, row["content"]) if row else self._answer(404, {"errorMessage": "unknown flow"})

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        if path == "/oauth/token":
            return self._token()
        if path.startswith("/_control/"):
            return self._control(path.rpartition("/")[2], json.loads(body or b"{}"))
        if self._refused():
            return None
        if path == "/v1/flows/search":
            asked = json.loads(body)
            found = self.flows.found(asked.get("where", {}), int(asked.get("limit", 25)))
            return self._answer(200, {"limit": asked.get("limit", 25), "results": found})
        if path == "/v1/directory-line/search":
            return self._answer(200, {"results": self.flows.lines_of(json.loads(body).get("filters", {}))})
        if path == "/v1/flows":
            parts = self._parts(body)
            return self._answer(*self.flows.posted(json.loads(parts.get("flowInfo", b"{}")), parts.get("file", b"")))
        return self._answer(404, {"errorMessage": "unknown"})

    def _token(self) -> None:
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        if base64.b64decode(given).decode() != ":".join(CLIENT):
            return self._answer(400, {"error": "invalid_client", "errorMessage": "invalid client"})
        token = secrets.token_hex(16)
        self.flows.tokens.add(token)
        return self._answer(200, {"access_token": token, "token_type": "Bearer", "expires_in": 300})

    def _parts(self, body: bytes) -> dict[str, bytes]:
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        return {
            str(part.get_param("name", header="Content-Disposition")): part.get_payload(decode=True)  # type: ignore[misc]  # a parameter of a form part is a word
            for part in message.iter_parts()
        }

    def _control(self, lever: str, data: dict[str, Any]) -> None:
        common = {"trackingId": "", "flowDirection": "In"}
        if lever == "down":
            self.flows.down = int(data.get("answers", 1))
        elif lever == "status":
            message = cdar(**data)
            kind = {"flowSyntax": "CDAR", "flowType": "CustomerInvoiceLC", "name": "status.xml"}
            self.flows.keep(message, **common, **kind)
        elif lever == "deliver":
            kind = {"flowSyntax": "Factur-X", "flowType": "SupplierInvoice", "name": data["name"]}
            self.flows.keep(base64.b64decode(data["content"]), **common, **kind)
        elif lever == "directory":
            self.flows.directory[str(data["siren"])] = list(data["lines"])
        elif lever == "expire":
            self.flows.tokens.clear()
        elif lever != "flows":
            return self._answer(404, {})
        return self._answer(200, {"flows": [visible(row) for row in self.flows.rows]})


def serve(port: int = 0) -> ThreadingHTTPServer:
    """A running double, to be served by the caller."""
    handler = type("Handler", (Handler,), {"flows": Flows()})
    return ThreadingHTTPServer(("127.0.0.1", port), handler)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A double of an approved platform (XP Z12-013).")
    parser.add_argument("--port", type=int, required=True)
    serve(parser.parse_args().port).serve_forever()
