"""By mail: documents go to the platform's address; what comes in lies in a Maildir that the mail server fills."""

import hashlib
import mailbox
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.core.mail import EmailMessage

from companies.billing.channel.folder import ENDINGS, MOST_BYTES, MOST_FILES, is_status
from companies.billing.channel.port import ChannelDown, Incoming, Line, Parcel


class Mailbox:
    name = "mailbox"

    def __init__(self, directory: str, address: str) -> None:
        self.path, self.address = Path(directory) / "maildir", address

    def send(self, parcel: Parcel) -> str:
        """One mail for each document, with our tracking in its subject."""
        message = EmailMessage(subject=parcel.tracking, body=parcel.name, to=[self.address])
        kind = "application/pdf" if parcel.name.endswith(".pdf") else "application/xml"
        message.attach(parcel.name, parcel.content, kind)
        try:
            message.send()
        except OSError as error:
            raise ChannelDown from error
        return f"mail-{parcel.tracking}"

    def verdict(self, flow_id: str) -> tuple[bool, str] | None:
        """Nobody answers here: a person reads the answer on the platform's own pages."""
        return None

    def directory(self, identifier: str) -> list[Line] | None:
        return None

    def fetch(self, since: datetime | None) -> Iterator[Incoming]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        box = mailbox.Maildir(str(self.path), create=True)
        for key in sorted(box.keys())[:MOST_FILES]:
            message = box[key]
            at = datetime.fromtimestamp(message.get_date(), UTC)
            for place, part in enumerate(message.walk()):
                name = part.get_filename() or ""
                if Path(name).suffix.lower() not in ENDINGS:
                    continue
                content = part.get_payload(decode=True)
                if not isinstance(content, bytes) or len(content) > MOST_BYTES:
                    content = b""
                digest = hashlib.sha256(content).hexdigest()[:24]
                yield Incoming(f"mail-{digest}-{place}", name, content, is_status(content), at)
            # Kept until it was read once; the next round removes it.
            if message.get_subdir() == "cur":
                box.discard(key)
            else:
                message.set_subdir("cur")
                box[key] = message

    def taken(self, incoming: Incoming, *, refused: bool) -> None:
        """Nothing to do: the mail goes with the next round."""
