"""Sales made without network arrive: one verdict for each, all kept, none counted twice.

An entry's row is the first thing its transaction writes, so that of two copies at once the second waits and repeats
the first answer. Then the same statement as at the counter moves the quotas. Where they have no room left the sale is a
conflict: kept, honoured towards the merchant, never rolled back (design of the card, "Clock, replay, offline queue").
What is plain goes together (`offline_runs`), everything else in a transaction of its own.
"""

import uuid
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from benefit_card import credential, refusals
from benefit_card.models import Card, EntryVerdict, OfflineEntry, Redemption, RedemptionRequest, Standing
from benefit_card.offline_entry import Entry, signed_by
from benefit_card.services import offline_rules, offline_runs, voids
from benefit_card.services.arrivals import Arrived, Outcome, checked, claim, counted, keep, too_late
from benefit_card.services.booking import Full, Sale, complete, write
from benefit_card.services.parts import Unbalanced, balance
from benefit_card.services.redemption import ATTEMPTS, limit_of
from companies import audit
from companies.errors import DomainError
from merchants.models import Till

MOST_ENTRIES = 50
UNDONE = "undone"
CONFLICTS_ALLOWED, CONFLICTS_WITHIN = 2, timedelta(days=90)


def sync(*, till: Till, rows: Sequence[tuple[dict[str, Any], Entry | None]], at: datetime) -> list[dict[str, Any]]:
    """Take in entries, oldest first as they come. `None` stands for an unreadable one."""
    if till.device_key is None:
        raise refusals.DeviceKeyMissing
    keys = offline_rules.Keys()
    answers: list[dict[str, Any]] = []
    while len(answers) < len(rows):
        run = offline_runs.begin(till=till, rows=rows[len(answers) :], at=at, keys=keys)
        together = offline_runs.take(run, till=till, at=at) if len(run) > 1 else None
        if together is None:  # one at a time, the one that ended the run included
            alone = rows[len(answers) :][: len(run) or 1]
            together = [take(till=till, raw=raw, entry=entry, at=at, keys=keys) for raw, entry in alone]
        answers += together
    return answers


def take(
    *, till: Till, raw: dict[str, Any], entry: Entry | None, at: datetime, keys: offline_rules.Keys
) -> dict[str, Any]:
    """Give one entry its verdict. The same entry again, also at the same moment, gets `replayed` and the first answer."""
    for _attempt in range(ATTEMPTS):
        try:
            return _take(till=till, raw=raw, entry=entry, at=at, keys=keys)
        except Unbalanced as parts:  # everything is undone, and begins anew
            balance(offer_id=parts.offer_id, stock=parts.stock)
    raise refusals.TillBusy


def _take(
    *, till: Till, raw: dict[str, Any], entry: Entry | None, at: datetime, keys: offline_rules.Keys
) -> dict[str, Any]:
    arrived = Arrived.of(raw, entry)
    client_id, digest = arrived.client_id, arrived.digest
    with transaction.atomic(durable=True):
        if claim(till, [arrived], at=at):
            outcome = _outcome(till, arrived, at=at, keys=keys)
            (answer,) = keep({client_id: outcome})
            if outcome.verdict == EntryVerdict.CONFLICT:
                _limit_to_online(client_id, at=at)
        else:
            answer = _again(till, client_id, digest=digest)
    if entry and entry.undone and till.device_key and signed_by(raw, bytes(till.device_key)):
        _undo(till, client_id)
    return answer


def _undo(till: Till, client_id: uuid.UUID) -> None:
    """A sale taken back at the till, which had reached us all the same: at the counter, or sent a moment before."""
    sold = (
        Redemption.objects.filter(client_id=client_id, merchant=till.shop.merchant_id)
        .values_list("at", flat=True)
        .first()
    )
    if sold is not None:
        with suppress(refusals.TillRefusal):
            voids.void(till=till, client_id=client_id, at=sold)


def _again(till: Till, client_id: uuid.UUID, *, digest: str) -> dict[str, Any]:
    kept = OfflineEntry.objects.select_related("till__shop").get(pk=client_id)
    if kept.till.shop_id != till.shop_id or kept.body_hash != digest:
        refusal = refusals.ClientIdReused()
        return Outcome.of(refusal).answer(client_id)
    return {**kept.response, "verdict": EntryVerdict.REPLAYED.value}


def _outcome(till: Till, arrived: Arrived, *, at: datetime, keys: offline_rules.Keys) -> Outcome:
    try:
        entry = checked(till, arrived)
        if entry.undone:
            return Outcome(EntryVerdict.ACCEPTED, UNDONE)
        if known := _known(till, entry, digest=arrived.digest):
            return known
        if late := too_late(entry, at=at):
            return late
        sale, doubt = offline_rules.judge(till=till, entry=entry, digest=arrived.digest, at=at, keys=keys)
        return settle(sale, doubt=doubt)
    except DomainError as refusal:
        return Outcome.of(refusal)


def _known(till: Till, entry: Entry, *, digest: str) -> Outcome | None:
    """The same sale, sent at the counter before its answer was lost. A refusal nobody heard makes way for the sale."""
    request = RedemptionRequest.objects.select_for_update().filter(pk=entry.client_id).first()
    if request is None:
        return None
    if request.till.shop_id != till.shop_id or request.body_hash != digest:
        raise refusals.ClientIdReused
    if request.status != 201:
        request.delete()
        return None
    return _repeated(request)


def _repeated(request: RedemptionRequest) -> Outcome:
    used, stock_used = Redemption.objects.values_list("seq", "stock_seq").get(client_id=request.pk)
    return Outcome(EntryVerdict.REPLAYED, redemption=complete(request.response, used, stock_used))


def settle(sale: Sale, *, doubt: refusals.TillRefusal | None = None) -> Outcome:
    """Count a sale, or keep it as a conflict when nothing was left or the card was blocked meanwhile."""
    if doubt is None:
        try:
            with transaction.atomic() if sale.counters else nullcontext():  # nothing to undo where nothing is limited
                written = write(sale)
        except Full as full:
            doubt = limit_of(sale, full)
        else:
            if written.redemption_id is None:  # its twin at the counter committed while we judged
                return _repeated(RedemptionRequest.objects.get(pk=sale.client_id))
            return counted(sale, written)
    return counted(sale, write(sale, standing=Standing.CONFLICT), doubt=doubt)


def honour(kept: OfflineEntry, *, at: datetime) -> Outcome:
    """Count a late sale that a person decided to honour, inside the caller's transaction; raises what forbids it.

    It is judged by the rules of the moment of the scan, as any entry; what was doubtful then becomes a conflict.
    """
    said = {name: value for name, value in kept.said.items() if value is not None}
    times = {name: datetime.fromisoformat(said[name]) for name in ("scanned_at", "list_issued_at") if name in said}
    shown = credential.to_text(bytes(kept.evidence)) if kept.evidence else ""
    entry = Entry(**{**said, **times, "client_id": kept.client_id, "code": shown})
    keys = offline_rules.Keys()
    sale, doubt = offline_rules.judge(till=kept.till, entry=entry, digest=kept.body_hash, at=at, keys=keys)
    outcome = settle(sale, doubt=doubt)
    if outcome.verdict == EntryVerdict.CONFLICT:
        _limit_to_online(kept.client_id, at=at)
    return outcome


def _limit_to_online(client_id: uuid.UUID, *, at: datetime) -> None:
    """After two sales beyond a person's limit within 90 days, tills without network refuse the card; a human goes on."""
    row = Redemption.objects.select_related("card").get(client_id=client_id)
    if row.card is None or row.card.online_only_at is not None:
        return
    beyond = Redemption.objects.filter(
        card=row.card, standing=Standing.CONFLICT, offer_version__per_person_limit__isnull=False,
        at__gte=at - CONFLICTS_WITHIN,
    )  # fmt: skip
    if beyond.count() >= CONFLICTS_ALLOWED and Card.objects.filter(pk=row.card.pk, online_only_at=None).update(
        online_only_at=at
    ):
        audit.record("card.online_only", target=row.card, at=at, actor=None, actor_label="system")
        from benefit_card.tasks import publish_revocations

        publish_revocations.delay_on_commit()


def register_key(*, till: Till, point: bytes, at: datetime) -> None:
    """Keep the device's public key, once: another device with a copied token cannot put its own in its place."""
    if till.device_key is not None and bytes(till.device_key) == point:
        return
    if not Till.objects.filter(pk=till.pk, device_key__isnull=True).update(device_key=point):
        raise refusals.DeviceKeyKnown
    till.device_key = point
    audit.record("till.device_key", target=till, at=at, actor=None, actor_label=f"till {till.pk}")
