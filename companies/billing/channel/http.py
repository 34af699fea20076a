"""The flow service of an approved platform over HTTP, as of AFNOR XP Z12-013: flows are posted, searched and fetched."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from companies import deadlines
from companies.billing.channel.port import CDAR, ChannelDown, ChannelRefused, Incoming, Line, Parcel
from companies.sessions import Session

TIMEOUT = (5, 30)  # seconds for a step
WHOLE = 120  # and for all of a call: invoices may be large, but nobody drips
PAGE = 50
MOST_BYTES = 50 * 1024 * 1024
INVOICES = ("SupplierInvoice",)
STATUSES = ("CustomerInvoiceLC", "SupplierInvoiceLC")


RULES = {
    "AggregatedCustomerTransactionReport": "B2C",
    "UnitaryCustomerTransactionReport": "B2BInt",
    "UnitaryCustomerPaymentReport": "B2BInt",
    "MultiFlowReport": "B2BInt",
}


class Platform:
    name = "http"

    def __init__(self, base: str, client_id: str, client_secret: str, directory_base: str = "") -> None:
        self.base = base.rstrip("/")
        self.directory_base = directory_base.rstrip("/") or self.base
        self.client = (client_id, client_secret)
        self._token, self._until = "", 0.0
        self.session = Session(WHOLE)

    def _headers(self) -> dict[str, str]:
        """A bearer token (OAuth 2, client credentials), kept until shortly before it ends."""
        if time.monotonic() > self._until:
            answer = self._asked(
                "POST", "/oauth/token", data={"grant_type": "client_credentials"}, auth=self.client, signed=False
            ).json()
            self._token = str(answer["access_token"])
            self._until = time.monotonic() + max(5, int(answer.get("expires_in", 300)) - 30)
        return {"Authorization": f"Bearer {self._token}"}

    def _asked(
        self, method: str, path: str, *, signed: bool = True, missing: bool = False, base: str = "", **options: Any
    ) -> requests.Response:
        try:
            headers = self._headers() if signed else {}
            url = (base or self.base) + path
            answer = self.session.request(method, url, headers=headers, timeout=TIMEOUT, **options)
        except requests.RequestException as error:
            raise ChannelDown from error
        if answer.status_code == 401:
            self._until = 0.0
            raise ChannelDown
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ChannelDown
        if answer.status_code == 404 and missing:
            return answer
        if answer.status_code >= 400:
            raise ChannelRefused(why=_why(answer))
        return answer

    def directory(self, identifier: str) -> list[Line] | None:
        """The directory service of XP Z12-013: lines of a SIREN or a SIRET are searched, an address is read by its code."""
        ask = partial(self._asked, base=self.directory_base)
        if not identifier.isdigit():
            answer = ask("GET", f"/v1/directory-line/code:{identifier}", missing=True)
            return [] if answer.status_code == 404 else [_line(answer.json())]
        by = "siret" if len(identifier) == 14 else "siren"
        where = {"filters": {by: {"op": "strict", "value": identifier}}, "limit": PAGE}
        answer = ask("POST", "/v1/directory-line/search", missing=True, json=where)
        if answer.status_code in (204, 404):
            return []
        return [_line(row) for row in answer.json().get("results") or []]

    def send(self, parcel: Parcel) -> str:
        flow = {
            "trackingId": parcel.tracking,
            "name": parcel.name,
            "flowSyntax": parcel.syntax,
            "processingRule": RULES.get(parcel.flow_type, "B2B"),
            "flowType": parcel.flow_type or ("CustomerInvoiceLC" if parcel.syntax == CDAR else "CustomerInvoice"),
            "sha256": hashlib.sha256(parcel.content).hexdigest(),
        }
        kind = "application/pdf" if parcel.name.endswith(".pdf") else "application/xml"
        files = {
            "flowInfo": (None, json.dumps(flow), "application/json"),
            "file": (parcel.name, parcel.content, kind),
        }
        answer = self._asked("POST", "/v1/flows", files=files)
        try:
            return str(answer.json()["flowId"])[:80]
        except (ValueError, KeyError, TypeError) as error:
            raise ChannelDown from error

    def verdict(self, flow_id: str) -> tuple[bool, str] | None:
        found = self._asked("GET", f"/v1/flows/{flow_id}", params={"docType": "Metadata"}).json()
        said = found.get("acknowledgement") or {}
        if said.get("status") not in ("Ok", "Error"):
            return None
        words = [str(one.get("reasonMessage") or one.get("reasonCode") or "") for one in said.get("details") or []]
        return said["status"] == "Ok", "; ".join(word for word in words if word)[:240]

    def fetch(self, since: datetime | None) -> Iterator[Incoming]:
        where: dict[str, Any] = {"flowDirection": ["In"], "flowType": [*INVOICES, *STATUSES]}
        if since is not None:
            where["updatedAfter"] = since.isoformat()
        found = self._asked("POST", "/v1/flows/search", json={"limit": PAGE, "where": where}).json()
        for row in found.get("results", []):
            flow = str(row["flowId"])
            at = datetime.fromisoformat(row["updatedAt"]) if row.get("updatedAt") else None
            body = self._file(flow)
            yield Incoming(flow[:80], str(row.get("name") or flow), body, row.get("flowType") in STATUSES, at)

    def _file(self, flow: str) -> bytes:
        """A document as far as we would ever read it."""
        self._headers()  # its own call, before the clock of this one
        try:
            with deadlines.within(self.session.seconds):
                content = self._asked("GET", f"/v1/flows/{flow}", params={"docType": "Original"}, stream=True)
                with content:
                    return bytes(content.raw.read(MOST_BYTES + 1, decode_content=True))
        except (OSError, HTTPError) as error:
            raise ChannelDown from error

    def taken(self, incoming: Incoming, *, refused: bool) -> None:
        """Nothing to do: what was seen is left out by its time and by its flow."""


def _line(row: dict[str, Any]) -> Line:
    return Line(
        address=str(row.get("addressingIdentifier", ""))[:125],
        siret=str(row.get("siret") or "")[:14],
        status=str(row.get("directoryLineStatus") or "Disabled")[:12],
        platform=str(row.get("platformType") or "")[:12],
    )


def _why(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("errorMessage") or answer.status_code)[:200]
    except ValueError:
        return str(answer.status_code)
