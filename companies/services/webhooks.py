"""Telling members' programs what happened: signed, at least once, from the sealed log.

An event is a link of the audit chain (its number never changes and never repeats), so nothing that was committed is
missed and nothing is told that was rolled back. Headers and signature are those of Standard Webhooks 1.0
(https://www.standardwebhooks.com), for which most languages have a verifying library.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from companies import audit, outward
from companies.access import can_administer, require
from companies.errors import DomainError
from companies.models import AuditSeal, Company, User, WebhookDelivery, WebhookEndpoint

# What a program may be told, and the kinds of log entries behind it. Never people, cards or their use.
TOPICS: dict[str, tuple[str | Promise, tuple[str, ...]]] = {
    "requests": (_("requests and their lines"), ("purchaserequest.", "requestline.")),
    "tenders": (
        _("tenders: suppliers asked, a quote received (who leads the pool), closed, opened, awarded, cancelled"),
        ("companytender.",),
    ),
    "commitments": (_("commitments"), ("commitment.",)),
    "orders": (_("orders: sent, answered or changed by the supplier, arrived, cancelled"), ("companyorder.",)),
    "deliveries": (_("goods ready to collect and handed over"), ("handover.",)),
    "shares": (_("the company's shares of suppliers' invoices"), ("companyshare.",)),
    "claims": (_("claims"), ("claim.",)),
    "exchange": (
        _("offers between members, their reservations, questions, answers and reviews"),
        ("exchangeoffer.", "reservation.", "buyerquestion.", "supplierreview."),
    ),
    "employee-pools": (
        _("employees' group purchases: opened, ordered, counted at work"),
        ("employeepool.", "employeeorder.", "companyemployeepool."),
    ),
    "meetings": (_("meetings of working groups that its people are invited to"), ("companymeeting.",)),
    "invoices": (_("invoices, credit notes and payments"), ("invoice.", "creditnote.", "payment.", "reminder.")),
}
CHUNK = 500
MOST = 10  # addresses of one company
PAUSES = [timedelta(seconds=s) for s in (10, 60, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 36_000)]
PATIENCE = timedelta(days=3)
KEPT = timedelta(days=30)
CLAIM = timedelta(minutes=2)


class TopicsMissing(DomainError):
    code = "webhook_topics_missing"
    message = _("Choose what the program wants to be told.")
    field = "topics"


class TooManyAddresses(DomainError):
    code = "webhook_too_many"
    message = _("A company has at most ten addresses. Remove one that is not used any more.")


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """The `webhook-signature` of a message: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.

    >>> signature("whsec_MDEyMzQ1Njc4OWFiY2RlZg==", message_id="erb_1", timestamp=1, body=b"{}")
    'v1,aDaDSLvsWx23mAnB7FVj/hS54fls3PXD3J1Zd7Yartk='
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


@transaction.atomic(durable=True)
def create(*, company: Company, url: str, topics: Iterable[str], actor: User, at: datetime) -> WebhookEndpoint:
    """Note an address; what happens from now on is told to it. Its `secret` is shown to the administrator once."""
    require(can_administer(actor, company))
    wanted = sorted(set(topics))
    if not wanted or not set(wanted) <= set(TOPICS):
        raise TopicsMissing
    outward.addresses_of(url)
    Company.objects.select_for_update(of=("self",)).get(pk=company.pk)
    if company.webhooks.count() >= MOST:
        raise TooManyAddresses
    row = WebhookEndpoint.objects.create(
        company=company,
        url=url,
        topics=wanted,
        secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        position=AuditSeal.objects.aggregate(last=Max("seq"))["last"] or 0,
        created_by=actor,
        created_at=at,
    )
    audit.record(
        "webhook.created", target=row, at=at, actor=actor, company=company, data={"url": url, "topics": wanted}
    )
    return row


@transaction.atomic(durable=True)
def remove(*, endpoint: WebhookEndpoint, actor: User, at: datetime) -> None:
    """Forget an address and what waits for it; doing it again changes nothing."""
    require(can_administer(actor, endpoint.company))
    data = {"url": endpoint.url}
    audit.record("webhook.removed", target=endpoint, at=at, actor=actor, company=endpoint.company, data=data)
    endpoint.delete()


@transaction.atomic(durable=True)
def resume(*, endpoint: WebhookEndpoint, actor: User, at: datetime) -> None:
    """Try an address again that was given up; what waited is sent now."""
    require(can_administer(actor, endpoint.company))
    if WebhookEndpoint.objects.filter(pk=endpoint.pk).update(disabled_at=None, failing_since=None):
        endpoint.deliveries.filter(delivered_at=None).update(next_at=at, attempts=0)
        audit.record("webhook.resumed", target=endpoint, at=at, actor=actor, company=endpoint.company)


def feed(*, at: datetime) -> int:
    """Write deliveries for what was sealed since the last time. Safe to run twice and by two workers."""
    last = AuditSeal.objects.aggregate(last=Max("seq"))["last"] or 0
    behind = WebhookEndpoint.objects.filter(disabled_at=None, position__lt=last).order_by("pk")
    return sum(_feed(pk, at=at) for pk in behind.values_list("pk", flat=True))


def _feed(pk: int, *, at: datetime) -> int:
    made = 0
    while True:
        with transaction.atomic(durable=True):
            rows = WebhookEndpoint.objects.select_for_update(skip_locked=True, of=("self",))
            endpoint = rows.filter(pk=pk, disabled_at=None).first()
            if endpoint is None:
                return made
            window = AuditSeal.objects.filter(seq__gt=endpoint.position).order_by("seq")[:CHUNK]
            seals = list(window.select_related("entry"))
            if not seals:
                return made
            kinds = tuple(kind for topic in endpoint.topics for kind in TOPICS[topic][1])
            fresh = [
                WebhookDelivery(
                    endpoint=endpoint, seq=seal.seq, event=seal.entry.action, payload=payload(seal), created_at=at, next_at=at
                )
                for seal in seals
                if seal.entry.company_id == endpoint.company_id and seal.entry.action.startswith(kinds)
            ]  # fmt: skip
            WebhookDelivery.objects.bulk_create(fresh, ignore_conflicts=True)
            WebhookEndpoint.objects.filter(pk=pk).update(position=seals[-1].seq)
            made += len(fresh)


def payload(seal: AuditSeal) -> dict[str, Any]:
    """What is sent: which row changed and how. The program reads the row itself over the API, with its token's rights."""
    entry = seal.entry
    data = {"kind": entry.target_type, "id": entry.target_id, "company": entry.company_id}
    return {"type": entry.action, "timestamp": entry.at.isoformat(), "seq": seal.seq, "data": data}


def due(*, at: datetime) -> list[int]:
    """Deliveries to send now."""
    rows = WebhookDelivery.objects.filter(next_at__lte=at, endpoint__disabled_at=None)
    return list(rows.order_by("next_at", "pk").values_list("pk", flat=True)[:CHUNK])


def deliver(*, delivery_id: int, at: datetime) -> bool:
    """Send one delivery unless another worker does; True when it arrived. Any 2xx answer counts."""
    claimed = WebhookDelivery.objects.filter(pk=delivery_id, next_at__lte=at).update(next_at=at + CLAIM)
    if not claimed:
        return False
    row = WebhookDelivery.objects.select_related("endpoint").get(pk=delivery_id)
    body = json.dumps(row.payload, separators=(",", ":"), ensure_ascii=False).encode()
    message_id, stamp = f"erb_{row.seq}_{row.endpoint_id}", int(at.timestamp())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "ERB-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature(row.endpoint.secret, message_id=message_id, timestamp=stamp, body=body),
    }
    status, trouble = None, ""
    try:
        status = outward.post(row.endpoint.url, body, headers)
    except (OSError, DomainError) as error:
        trouble = str(error)[:200] or type(error).__name__
    if status is not None and 200 <= status < 300:
        _arrived(row, status, at=at)
        return True
    _failed(row, status, trouble, at=at)
    return False


def _arrived(row: WebhookDelivery, status: int, *, at: datetime) -> None:
    WebhookDelivery.objects.filter(pk=row.pk).update(
        delivered_at=at, next_at=None, status=status, error="", attempts=row.attempts + 1
    )
    WebhookEndpoint.objects.filter(pk=row.endpoint_id, failing_since__isnull=False).update(failing_since=None)


def _failed(row: WebhookDelivery, status: int | None, trouble: str, *, at: datetime) -> None:
    """Try later; an address that fails for three days is given up and its administrator told on the page."""
    pause = PAUSES[row.attempts] if row.attempts < len(PAUSES) else None
    WebhookDelivery.objects.filter(pk=row.pk).update(
        next_at=at + pause if pause else None, status=status, error=trouble, attempts=row.attempts + 1
    )
    WebhookEndpoint.objects.filter(pk=row.endpoint_id, failing_since=None).update(failing_since=at)
    with transaction.atomic():
        since = at - PATIENCE
        if WebhookEndpoint.objects.filter(pk=row.endpoint_id, disabled_at=None, failing_since__lt=since).update(
            disabled_at=at
        ):
            company = row.endpoint.company
            audit.record(
                "webhook.given_up", target=row.endpoint, at=at, actor=None, actor_label="clock", company=company
            )


def forget(*, at: datetime) -> int:
    """Drop deliveries older than thirty days that nobody waits for."""
    old = WebhookDelivery.objects.filter(created_at__lt=at - KEPT, next_at=None)
    return old.delete()[0]
