"""The letters of meetings; queued in the caller's transaction, once per key."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.urls import reverse

from companies import mail
from companies.models import Document, Meeting, User


def tell(
    meeting: Meeting,
    people: Iterable[User],
    template: str,
    key: str,
    *,
    at: datetime,
    attachments: Sequence[Document] = (),
) -> None:
    """Mail everybody named, each in their language."""
    link = mail.absolute(reverse("companies:meeting", args=[meeting.pk]))
    for user in people:
        mail.queue(
            to=user.email,
            template=f"companies/mail/{template}",
            context={"user": user, "meeting": meeting, "link": link},
            key=f"{key}:{user.pk}",
            language=user.language,
            attachments=attachments,
            at=at,
        )
