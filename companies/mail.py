"""Mail that is neither lost nor sent twice: an outbox row in the caller's transaction, sent after commit."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from companies.models import NO_ADDRESS, Document, OutboxMail


def absolute(path: str) -> str:
    """The public address of a path of ours."""
    return f"{settings.PUBLIC_URL}{path}"


def queue(
    *,
    to: str,
    template: str,
    context: dict[str, Any],
    key: str,
    language: str = "fr",
    attachments: Sequence[Document] = (),
    unsubscribe: str = "",
    at: datetime,
) -> OutboxMail:
    """Queue one mail; the same `key` queues it once. Renders `<template>.subject.txt` and `<template>.txt` in the language."""
    from companies.tasks import send_mail

    reachable = not to.endswith(f"@{NO_ADDRESS}")  # nobody reads there: kept as written, never sent
    existing = OutboxMail.objects.filter(key=key).first()
    if existing is not None:
        return existing
    with translation.override(language):
        context = {**context, "public_url": settings.PUBLIC_URL}
        subject = " ".join(render_to_string(f"{template}.subject.txt", context).split())
        body = render_to_string(f"{template}.txt", context).strip() + "\n"
    mail, created = OutboxMail.objects.get_or_create(
        key=key,
        defaults={
            "to": to,
            "language": language,
            "subject": subject[:250],
            "body": body,
            "queued_at": at,
            "unsubscribe": unsubscribe,
            "sent_at": None if reachable else at,
        },
    )
    if created and reachable:
        if attachments:
            mail.attachments.set(attachments)
        send_mail.delay_on_commit(mail_id=mail.pk)
    return mail
