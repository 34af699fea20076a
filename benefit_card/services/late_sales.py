"""Sales without network that need a person: a queue brought as a file, and entries that were late or went beyond a limit."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from benefit_card import limits, refusals
from benefit_card.models import EntryVerdict, LateDecision, OfflineEntry
from benefit_card.offline_entry import Entry
from benefit_card.revocation import DocumentRefused, unb64
from benefit_card.services import offline, voids
from companies import audit, mail
from companies.access import is_staff, require
from companies.errors import DomainError
from companies.models import User
from merchants.access import owns
from merchants.models import Merchant, Till

FORMAT = "erb-offline-1"
MOST_BYTES, MOST_ENTRIES = 1_000_000, 500
Row = tuple[dict[str, Any], Entry | None]
# Who may decide what: (verdict, the association's staff?) → decisions.
DECISIONS: dict[tuple[str, bool], tuple[LateDecision, ...]] = {
    (EntryVerdict.LATE, True): (LateDecision.HONOURED, LateDecision.REFUSED),
    (EntryVerdict.CONFLICT, True): (LateDecision.KEPT, LateDecision.UNDONE),
    (EntryVerdict.LATE, False): (LateDecision.WITHDRAWN,),
    (EntryVerdict.CONFLICT, False): (LateDecision.WITHDRAWN,),
}


class QueueFileRefused(DomainError):
    """Not what a till saves."""

    code = "queue_file_refused"
    message = _(
        "This is not a file that a till saved. On the till, choose “Save as a file for ERB” and take that file."
    )
    status = 400


class QueueFileOfNobody(DomainError):
    """No till of this merchant has the key that signed the file."""

    code = "queue_file_of_nobody"
    message = _("No till here has the key of this file. It belongs to another merchant, or its till never had network.")
    status = 400


class DecisionMissing(DomainError):
    """A decision that fits, with a reason, on at least one entry."""

    code = "late_decision_missing"
    message = _("Tick at least one sale, choose what to do and say why.")
    status = 400


def open_file(content: bytes) -> tuple[bytes, list[Any]]:
    """The device's public key and the entries of a file; raises `QueueFileRefused`."""
    try:
        if len(content) > MOST_BYTES:
            raise QueueFileRefused(field="file")
        document = json.loads(content)
        point, entries = unb64(document["public_key"]), document["entries"]
        if document["format"] != FORMAT or not isinstance(entries, list) or not 0 < len(entries) <= MOST_ENTRIES:
            raise QueueFileRefused(field="file")
    except (DocumentRefused, UnicodeDecodeError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise QueueFileRefused(field="file") from error
    return point, entries


def take_file(
    *, actor: User, merchant: Merchant | None, point: bytes, rows: Sequence[Row], at: datetime
) -> tuple[Till, list[dict[str, Any]]]:
    """Reconcile a file's entries exactly as if the till had sent them; `merchant` None stands for the staff's door.

    A till that was cut off may not send any more, but what it sold before counts. Taking a file twice, or the till sending
    the same sales later, changes nothing: the entry's id decides.
    """
    require(is_staff(actor) if merchant is None else owns(actor, merchant))
    limits.spend(limits.QUEUE_FILES_PER_ACCOUNT, actor.pk)
    tills = Till.objects.select_related("shop__merchant").filter(device_key=point)
    till = (tills if merchant is None else tills.filter(shop__merchant=merchant)).order_by("-pk").first()
    if till is None:
        raise QueueFileOfNobody(field="file")
    answers = offline.sync(till=till, rows=rows, at=at)
    verdicts = dict(Counter(answer["verdict"] for answer in answers))
    with transaction.atomic(durable=True):
        audit.record("till.queue_file", target=till, at=at, actor=actor, data={"entries": len(rows), **verdicts})
    return till, answers


def decide(
    *, actor: User, entries: Sequence[OfflineEntry], decision: str, reason: str, at: datetime
) -> tuple[int, list[tuple[OfflineEntry, str]]]:
    """Decide late sales or conflicts of one merchant; return how many, and those a rule stands against, with its sentence.

    Of two people at once one decides; what was decided stays. The owners are told in one mail when the staff decided.
    """
    staff, reason = is_staff(actor), " ".join(reason.split())[:300]
    if not entries or not reason or any(decision not in DECISIONS.get((row.verdict, staff), ()) for row in entries):
        raise DecisionMissing(field="reason")
    require(staff or all(owns(actor, row.till.shop.merchant) for row in entries))
    done, against = [], []
    for row in entries:
        try:
            if _decide(row, actor=actor, decision=LateDecision(decision), reason=reason, at=at):
                done.append(row)
        except refusals.TillRefusal as refusal:
            against.append((row, refusal.sentence))
    for merchant in {row.till.shop.merchant for row in done} if staff else ():
        mine = [row for row in done if row.till.shop.merchant == merchant]
        _tell(merchant, mine, decision=LateDecision(decision), reason=reason, at=at)
    return len(done), against


def _decide(row: OfflineEntry, *, actor: User, decision: LateDecision, reason: str, at: datetime) -> bool:
    """One entry; false when it was decided before. A correction that was made is not made twice."""
    if row.decided_at is not None:
        return False
    takes_off = decision == LateDecision.UNDONE or (
        decision == LateDecision.WITHDRAWN and row.verdict == EntryVerdict.CONFLICT
    )
    if takes_off:
        with suppress(refusals.AlreadyVoided):
            voids.void(till=row.till, client_id=row.client_id, at=at, actor=actor, correction=True)
    with transaction.atomic(durable=True):
        told = {"decided_at": at, "decided_by": actor, "decision": decision, "reason": reason}
        if not OfflineEntry.objects.filter(pk=row.pk, decided_at=None).update(**told):
            return False
        if decision == LateDecision.HONOURED:
            offline.honour(row, at=at)
        audit.record(f"offlineentry.{decision}", target=row, at=at, actor=actor, reason=reason)
    return True


def _tell(
    merchant: Merchant, rows: Sequence[OfflineEntry], *, decision: LateDecision, reason: str, at: datetime
) -> None:
    """One mail to each owner about what was decided together."""
    names = hashlib.sha256(",".join(sorted(str(row.pk) for row in rows)).encode()).hexdigest()[:24]
    with transaction.atomic(durable=True):
        for role in merchant.roles.select_related("user").filter(user__is_active=True):
            mail.queue(
                to=role.user.email, template="benefit_card/mail/late_decided",
                context={
                    "count": len(rows), "decision": decision.label, "reason": reason, "merchant": merchant.name,
                    "address": mail.absolute(reverse("benefit_card:merchant_late", args=[merchant.pk])),
                },
                key=f"late:{names}:{decision}:{role.user_id}", language=role.user.language, at=at,
            )  # fmt: skip
