"""A folder a person, or the platform's own program, empties and fills: out/, in/, done/, refused/."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from companies.billing.channel.port import ChannelDown, Incoming, Line, Parcel

MOST_BYTES = 50 * 1024 * 1024
MOST_FILES = 200
ENDINGS = {".pdf", ".xml"}


def is_status(content: bytes) -> bool:
    return b"CrossDomainAcknowledgementAndResponse" in content[:4_000]


class Folder:
    name = "folder"

    def __init__(self, directory: str) -> None:
        self.root = Path(directory)

    def _place(self, name: str) -> Path:
        place = self.root / name
        place.mkdir(parents=True, exist_ok=True)
        return place

    def send(self, parcel: Parcel) -> str:
        """Write the file whole or not at all; the same document overwrites itself."""
        try:
            target = self._place("out") / parcel.name
            half = target.with_suffix(".part")
            half.write_bytes(parcel.content)
            half.replace(target)
        except OSError as error:
            raise ChannelDown from error
        return f"folder-{parcel.tracking}"

    def verdict(self, flow_id: str) -> tuple[bool, str] | None:
        """Nobody answers here: a person reads the answer on the platform's own pages."""
        return None

    def directory(self, identifier: str) -> list[Line] | None:
        return None

    def fetch(self, since: datetime | None) -> Iterator[Incoming]:
        try:
            files = sorted(path for path in self._place("in").iterdir() if path.suffix.lower() in ENDINGS)
        except OSError as error:
            raise ChannelDown from error
        for path in files[:MOST_FILES]:
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes() if path.stat().st_size <= MOST_BYTES else b""
            digest = hashlib.sha256(content + path.name.encode()).hexdigest()[:24]
            at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            yield Incoming(f"folder-{digest}", path.name, content, is_status(content), at)

    def taken(self, incoming: Incoming, *, refused: bool) -> None:
        source = self._place("in") / incoming.name
        if source.exists():
            source.replace(self._place("refused" if refused else "done") / incoming.name)
