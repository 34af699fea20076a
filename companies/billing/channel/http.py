"""The flow service of an approved platform over HTTP, as of AFNOR XP Z12-013: flows are posted, searched and fetched."""

import hashlib
import json
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import requests

from companies.billing.channel.port import CDAR, ChannelDown, ChannelRefused, Incoming, Parcel

TIMEOUT = (5, 30)
PAGE = 50
MOST_BYTES = 50 * 1024 * 1024
INVOICES = ("SupplierInvoice",)
STATUSES = ("CustomerInvoiceLC", "SupplierInvoiceLC")


class Platform:
    name = "http"

    def __init__(self, base: str, client_id: str, client_secret: str) -> None:
        self.base = base.rstrip("/")
        self.client = (client_id, client_secret)
        self._token, self._until = "", 0.0

    def _headers(self) -> dict[str, str]:
        """A bearer token (OAuth 2, client credentials), kept until shortly before it ends."""
        if time.monotonic() > self._until:
            answer = self._asked(
                "POST", "/oauth/token", data={"grant_type": "client_credentials"}, auth=self.client, signed=False
            ).json()
            self._token = str(answer["access_token"])
            self._until = time.monotonic() + max(5, int(answer.get("expires_in", 300)) - 30)
        return {"Authorization": f"Bearer {self._token}"}

    def _asked(self, method: str, path: str, *, signed: bool = True, **options: Any) -> requests.Response:
        try:
            headers = self._headers() if signed else {}
            answer = requests.request(method, self.base + path, headers=headers, timeout=TIMEOUT, **options)
        except requests.RequestException as error:
            raise ChannelDown from error
        if answer.status_code == 401:
            self._until = 0.0
            raise ChannelDown
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ChannelDown
        if answer.status_code >= 400:
            raise ChannelRefused(why=_why(answer))
        return answer

    def send(self, parcel: Parcel) -> str:
        flow = {
            "trackingId": parcel.tracking,
            "name": parcel.name,
            "flowSyntax": parcel.syntax,
            "processingRule": "B2B",
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

    def fetch(self, since: datetime | None) -> Iterator[Incoming]:
        where: dict[str, Any] = {"flowDirection": ["In"], "flowType": [*INVOICES, *STATUSES]}
        if since is not None:
            where["updatedAfter"] = since.isoformat()
        found = self._asked("POST", "/v1/flows/search", json={"limit": PAGE, "where": where}).json()
        for row in found.get("results", []):
            flow = str(row["flowId"])
            content = self._asked("GET", f"/v1/flows/{flow}", params={"docType": "Original"}, stream=True)
            at = datetime.fromisoformat(row["updatedAt"]) if row.get("updatedAt") else None
            body = content.raw.read(MOST_BYTES + 1, decode_content=True)
            content.close()
            yield Incoming(flow[:80], str(row.get("name") or flow), body, row.get("flowType") in STATUSES, at)

    def taken(self, incoming: Incoming, *, refused: bool) -> None:
        """Nothing to do: what was seen is left out by its time and by its flow."""


def _why(answer: requests.Response) -> str:
    try:
        return str(answer.json().get("errorMessage") or answer.status_code)[:200]
    except ValueError:
        return str(answer.status_code)
