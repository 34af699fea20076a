"""Background work of the room. Every task takes ids and may run twice."""

import hashlib
from datetime import timedelta
from io import StringIO
from urllib.parse import urlsplit

from celery import shared_task
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from companies import audit, jobs
from companies.models import Heartbeat, Job, JobState, OutboxMail
from companies.services import imports, webhooks

MAIL_ATTEMPTS = 12
STALE_JOB = timedelta(minutes=2)


@shared_task(name="companies.seal_audit")
def seal_audit() -> int:
    """Append what was recorded since the last run to the audit chain."""
    return audit.seal()


@shared_task(name="companies.send_mail", autoretry_for=(OSError,), retry_backoff=True, max_retries=3)
def send_mail(*, mail_id: int) -> None:
    """Send one mail of the outbox. The row lock keeps a second worker from sending it too."""
    with transaction.atomic():
        mail = OutboxMail.objects.select_for_update(skip_locked=True).filter(pk=mail_id, sent_at__isnull=True).first()
        if mail is None or mail.attempts >= MAIL_ATTEMPTS:
            return
        message = EmailMessage(mail.subject, mail.body, to=[mail.to], headers=_headers(mail))
        for document in mail.attachments.all():
            message.attach(document.name, bytes(document.content), document.media_type)
        mail.attempts += 1
        try:
            message.send()
            mail.sent_at, mail.last_error = timezone.now(), ""
        except OSError as error:
            mail.last_error = str(error)[:500]
        mail.save(update_fields=["attempts", "sent_at", "last_error"])


def _headers(mail: OutboxMail) -> dict[str, str]:
    """The same Message-ID at each attempt.

    A worker that dies after the mail server took a mail sends it once more; mail systems show one mail per Message-ID.
    """
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    headers = {"X-ERB-Key": mail.key, "Message-ID": f"<{hashlib.sha256(mail.key.encode()).hexdigest()[:32]}@{host}>"}
    if mail.unsubscribe:  # RFC 2369 and RFC 8058: the mail program shows a button that stops such mails
        headers["List-Unsubscribe"] = f"<{mail.unsubscribe}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


@shared_task(name="companies.sweep_mail")
def sweep_mail() -> None:
    """Send again the mails that stayed behind: the broker was away, or a worker died."""
    late = OutboxMail.objects.filter(
        sent_at__isnull=True, queued_at__lt=timezone.now() - timedelta(seconds=20), attempts__lt=MAIL_ATTEMPTS
    )
    for mail_id in late.order_by("pk").values_list("pk", flat=True)[:500]:
        send_mail.delay(mail_id=mail_id)


@shared_task(name="companies.sweep_jobs")
def sweep_jobs() -> None:
    """Send again the jobs that gave no sign of life for two minutes."""
    now = timezone.now()
    stale = Job.objects.filter(state__in=[JobState.QUEUED, JobState.RUNNING], beat_at__lt=now - STALE_JOB)
    for job in stale.order_by("created_at")[:100]:
        Job.objects.filter(pk=job.pk).update(beat_at=now)
        jobs.send(job)


@shared_task(name="companies.heartbeat")
def heartbeat() -> None:
    """Leave a sign of life of beat and worker for /healthz."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"at": timezone.now()})


@shared_task(name="companies.feed_webhooks")
def feed_webhooks() -> None:
    """Write and send what members' programs want to be told; what failed is tried again when its time comes."""
    at = timezone.now()
    webhooks.feed(at=at)
    for delivery_id in webhooks.due(at=at):
        deliver_webhook.delay(delivery_id=delivery_id)


@shared_task(name="companies.deliver_webhook")
def deliver_webhook(*, delivery_id: int) -> None:
    """Send one message to a member's program."""
    webhooks.deliver(delivery_id=delivery_id, at=timezone.now())


@shared_task(name="companies.forget_webhooks")
def forget_webhooks() -> int:
    """Drop messages to programs older than thirty days."""
    return webhooks.forget(at=timezone.now())


@shared_task(name="companies.clear_sessions")
def clear_sessions() -> None:
    """Drop sessions that expired."""
    call_command("clearsessions", stdout=StringIO())


@shared_task(name="companies.read_staff_list")
def read_staff_list(*, job_id: str, **_later: object) -> None:
    """Dry run of a staff list."""
    if job := jobs.begin(job_id):
        imports.dry_run(job=job, at=timezone.now())


@shared_task(name="companies.apply_staff_list")
def apply_staff_list(*, job_id: str, **_later: object) -> None:
    """Apply a reviewed staff list, whole or not at all."""
    if job := jobs.begin(job_id):
        imports.apply(job=job, at=timezone.now())


@shared_task(name="companies.undo_staff_list")
def undo_staff_list(*, job_id: str, **_later: object) -> None:
    """Put back what an import changed."""
    if job := jobs.begin(job_id):
        imports.undo(job=job, at=timezone.now())


@shared_task(name="companies.forget_imports")
def forget_imports() -> int:
    """Drop files and lines of imports older than three months; the counts and the audit entries stay."""
    return imports.forget(before=timezone.now() - timedelta(days=90))
