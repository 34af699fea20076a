"""An entry of a till's queue as it arrived, what became of it, and its row: written first, completed last."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.numeric import Int8

from benefit_card import refusals
from benefit_card.models import EntryVerdict
from benefit_card.offline_entry import Entry, nameless_id, signed_by
from benefit_card.services import offline_rules
from benefit_card.services.booking import Sale, Written, complete
from companies import prepared
from companies.errors import DomainError
from merchants.models import Till

LATE = timedelta(days=7)
_CLAIM = """
INSERT INTO benefit_card_offlineentry
  (client_id, till_id, seq, body_hash, evidence, said, verdict, code, response, scanned_at, received_at)
SELECT a.client_id, %(till)s, a.seq, a.digest, a.evidence, a.said::jsonb, 'refused', '', '{}', a.scanned_at, %(at)s
FROM unnest(%(ids)s::uuid[], %(seqs)s::bigint[], %(digests)s::text[], %(evidence)s::bytea[], %(said)s::text[],
            %(scanned)s::timestamptz[]) AS a (client_id, seq, digest, evidence, said, scanned_at)
ORDER BY a.client_id
ON CONFLICT (client_id) DO NOTHING
"""
_KEEP = """
UPDATE benefit_card_offlineentry e SET verdict = a.verdict, code = a.code, response = a.response::jsonb
FROM unnest(%(ids)s::uuid[], %(verdicts)s::text[], %(codes)s::text[], %(responses)s::text[])
     AS a (client_id, verdict, code, response)
WHERE e.client_id = a.client_id
"""


@dataclass(frozen=True)
class Arrived:
    """A document of a till with the entry read from it; None for one that cannot be read."""

    raw: dict[str, Any]
    entry: Entry | None
    client_id: uuid.UUID
    digest: str

    @classmethod
    def of(cls, raw: dict[str, Any], entry: Entry | None) -> "Arrived":
        if entry is None:
            return cls(raw, None, nameless_id(raw), "")
        return cls(raw, entry, entry.client_id, offline_rules.digest(entry))

    @property
    def said(self) -> str:
        """What is kept of the words of the device: all but the code, whose bytes are kept as evidence."""
        fields = asdict(self.entry) if self.entry else {}
        return json.dumps({name: value for name, value in fields.items() if name != "code"}, default=str)


@dataclass(frozen=True)
class Outcome:
    """What became of one entry, as the till is told and as it is kept."""

    verdict: EntryVerdict
    code: str = ""
    title: str = ""
    redemption: dict[str, Any] | None = None

    @classmethod
    def of(cls, refusal: DomainError, verdict: EntryVerdict = EntryVerdict.REFUSED) -> "Outcome":
        return cls(verdict, refusal.code, refusal.sentence)

    def answer(self, client_id: uuid.UUID) -> dict[str, Any]:
        return {
            "client_id": str(client_id),
            "verdict": self.verdict.value,
            "first": self.verdict.value,
            "code": self.code,
            "title": self.title,
            "redemption": self.redemption,
        }


def claim(till: Till, arrived: Sequence[Arrived], *, at: datetime) -> int:
    """Write the rows of entries before anything else; how many of them were not here before.

    In the order of their ids, so that the same queue sent twice at once, in whatever order, waits and never deadlocks.
    """
    values: dict[str, Any] = {
        "till": Int8(till.pk), "at": at, "ids": [one.client_id for one in arrived],
        "seqs": [Int8(one.entry.seq if one.entry else 0) for one in arrived],
        "digests": [one.digest for one in arrived],
        "evidence": [offline_rules.evidence(one.entry.code if one.entry else "") for one in arrived],
        "said": [one.said for one in arrived], "scanned": [one.entry.scanned_at if one.entry else None for one in arrived],
    }  # fmt: skip
    with prepared.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        return int(cursor.rowcount)


def keep(outcomes: Mapping[uuid.UUID, Outcome]) -> list[dict[str, Any]]:
    """Complete the rows of entries in the transaction that claimed them; the answers, in the same order."""
    answers = [outcome.answer(client_id) for client_id, outcome in outcomes.items()]
    values: dict[str, Any] = {
        "ids": list(outcomes), "verdicts": [outcome.verdict.value for outcome in outcomes.values()],
        "codes": [outcome.code for outcome in outcomes.values()], "responses": [json.dumps(answer) for answer in answers],
    }  # fmt: skip
    with prepared.cursor() as cursor:
        cursor.execute(_KEEP, values)
    return answers


def checked(till: Till, arrived: Arrived) -> Entry:
    """The entry, if its device wrote it while it was linked; raises the refusal that is kept."""
    if arrived.entry is None:
        raise refusals.EntryMalformed
    if till.device_key is None or not signed_by(arrived.raw, bytes(till.device_key)):
        raise refusals.SignatureInvalid
    if till.revoked_at and arrived.entry.scanned_at > till.revoked_at:
        raise refusals.SoldAfterRevocation
    return arrived.entry


def too_late(entry: Entry, *, at: datetime) -> Outcome | None:
    """After seven days a person decides."""
    return Outcome.of(refusals.TooLate(), EntryVerdict.LATE) if at - entry.scanned_at > LATE else None


def counted(sale: Sale, written: Written, *, doubt: DomainError | None = None) -> Outcome:
    """A sale that was booked: counted, or kept as a conflict with its reason."""
    redemption = complete(sale.body, written.used, written.stock_used)
    if doubt is None:
        return Outcome(EntryVerdict.ACCEPTED, redemption=redemption)
    return Outcome(EntryVerdict.CONFLICT, doubt.code, doubt.sentence, redemption)
