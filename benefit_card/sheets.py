"""Print sheets: ID-1 cards, ten to an A4 page, with cut marks and vector codes.

Chunks of 400 cards, each set in a process of its own, keep memory flat; they are joined in the order given.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from . import qr, typesetting

CHUNK = 400
_FONTS = ["Inter", "Liberation Sans", "DejaVu Sans", "Libertinus Serif"]
_MONO = ["DejaVu Sans Mono"]  # comes with the renderer


@dataclass(frozen=True)
class Face:
    """What one card shows: the text of its QR, first name and initial, the grouped short code, its last day."""

    text: str
    name: str
    code: str
    valid: str


@dataclass(frozen=True)
class Labels:
    """The words of the sheet, already in the reader's language."""

    title: str
    card: str
    code: str
    found: str
    language: str = "fr"


def display_name(first_name: str, last_name: str) -> str:
    """First name and initial: all that a card and a till ever show of a name.

    >>> display_name("Élodie", "Martin")
    'Élodie M.'
    """
    initial = last_name.strip()[:1].upper()
    return f"{first_name.strip()} {initial}." if initial else first_name.strip()


def render(
    faces: Sequence[Face], *, labels: Labels, single: bool = False, on_chunk: Callable[[int], None] = lambda done: None
) -> bytes:
    """Return one PDF of all the faces, in their order; `on_chunk` hears how many are done.

    `single` makes pages of the size of a card, as card printers (CR80) take them, instead of sheets with cut marks.
    """
    parts: list[bytes] = []
    remaining, done = iter(faces), 0
    while chunk := list(islice(remaining, CHUNK)):
        parts.append(_render_chunk(chunk, labels, single=single))
        done += len(chunk)
        on_chunk(done)
    if len(parts) == 1:
        return parts[0]
    from pypdf import PdfWriter

    writer, joined = PdfWriter(), io.BytesIO()
    for part in parts:
        writer.append(io.BytesIO(part))
    writer.add_metadata({"/Title": labels.title})
    writer.write(joined)
    return joined.getvalue()


def _render_chunk(faces: Sequence[Face], labels: Labels, *, single: bool) -> bytes:
    data = {
        "title": labels.title,
        "single": single,
        "lang": labels.language,
        "fonts": _FONTS,
        "mono": _MONO,
        "labels": {"card": labels.card, "code": labels.code, "found": labels.found},
        "cards": [
            {
                "svg": qr.symbol(face.text, version=qr.PRINT_VERSION).svg,
                "name": face.name[:60],
                "name_pt": _points(face.name),
                "code": face.code,
                "valid": face.valid,
            }
            for face in faces
        ],
    }
    return typesetting.set_pages(json.dumps(data))


def _points(name: str) -> float:
    """The letter size at which a name fits on its two lines."""
    return 13 if len(name) <= 20 else 10.5 if len(name) <= 32 else 8
