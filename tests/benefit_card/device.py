"""A till's device in Python: it signs what it sells without network as the browser does."""

import uuid
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from benefit_card.offline_entry import CONTEXT
from benefit_card.revocation import b64, canonical
from merchants.models import Till
from tests.factories.benefit_card import print_code


class Device:
    """A device whose key the till knows."""

    def __init__(self, till: Till) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.seq = 0
        self.till = till
        till.device_key = self.point
        till.save(update_fields=["device_key"])

    @property
    def point(self) -> bytes:
        public = self.key.public_key()
        return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    def sign(self, entry: dict[str, Any]) -> dict[str, Any]:
        r, s = decode_dss_signature(self.key.sign(CONTEXT + canonical(entry), ec.ECDSA(hashes.SHA256())))
        return {**entry, "signature": b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))}

    def entry(self, made: Any, row: Any, *, at: datetime, code: str = "", **more: Any) -> dict[str, Any]:
        """One signed sale of 49.90 at a moment, with a fresh list."""
        self.seq += 1
        said = {
            "client_id": str(uuid.uuid4()),
            "seq": self.seq,
            "code": code or print_code(made),
            "offer": row.pk,
            "offer_version": row.current.number,
            "amount": "49.90",
            "scanned_at": at.isoformat(),
            "list_number": 1,
            "list_issued_at": at.isoformat(),
        }
        return self.sign({**said, **more})
