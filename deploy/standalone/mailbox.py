"""A mail server's stand-in: every mail of the demo becomes a file that the mail catcher page shows."""

import email
import email.policy
import json
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage as Parsed
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class Backend(BaseEmailBackend):
    """Writes each mail to MAIL_DIR, complete before it is visible."""

    def send_messages(self, email_messages: "list[EmailMessage]") -> int:  # type: ignore[override]  # the address gives more than the base asks
        folder = Path(settings.MAIL_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            name = f"{time.time_ns()}-{uuid.uuid4().hex[:8]}"
            draft = folder / f"{name}.part"
            draft.write_bytes(message.message().as_bytes())
            draft.rename(folder / f"{name}.eml")
        return len(email_messages)


@dataclass(frozen=True)
class Caught:
    """One caught mail, ready to be shown."""

    name: str
    to: str
    subject: str
    date: str
    body: str
    attachments: list[str]


def read(name: str) -> Parsed:
    """The parsed mail of a file name; raises FileNotFoundError."""
    path = Path(settings.MAIL_DIR) / f"{name}.eml"
    if "/" in name or not path.is_file():
        raise FileNotFoundError(name)
    parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(parsed, Parsed)
    return parsed


def caught(limit: int = 100) -> list[Caught]:
    """The newest mails first."""
    folder = Path(settings.MAIL_DIR)
    names = sorted((path.stem for path in folder.glob("*.eml")), reverse=True)[:limit] if folder.is_dir() else []
    return [_shown(name) for name in names]


@dataclass(frozen=True)
class Text:
    """One text message that the double of the gateway sent."""

    to: str
    body: str
    at: datetime


def texts(limit: int = 20) -> list[Text]:
    """The newest texts first."""
    found = sorted((settings.STATE_DIR / "texts").glob("*.json"), reverse=True)[:limit]
    rows = [json.loads(path.read_text()) for path in found]
    return [Text(row["to"], row["text"], datetime.fromtimestamp(row["at"], UTC)) for row in rows]


def _shown(name: str) -> Caught:
    parsed = read(name)
    body = parsed.get_body(preferencelist=("plain",))
    return Caught(
        name=name,
        to=str(parsed["to"]),
        subject=str(parsed["subject"]),
        date=str(parsed["date"]),
        body=body.get_content() if body else "",
        attachments=[part.get_filename() or "" for part in parsed.iter_attachments()],
    )
