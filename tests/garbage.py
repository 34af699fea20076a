"""What nobody means to send: texts, JSON and files, and every name that a view or a form of ours reads."""

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

from lxml import html

ROOMS = ["companies", "merchants", "benefit_card", "purchasing"]  # companies: and its money
MEANT = ["1", "a@b.example", "2026-12-01", "12,50", "yes", "percent"]
GARBAGE = [
    "9" * 5_000, str(2**63 - 1), "=cmd|' /C calc'!A0", "<img src=x onerror=alert(1)>\u202e\ufeff", "²", "-1",
    "9999-12-31T23:59", "", "x" * 10**4, "nan", "1e308", "00000000-0000-0000-0000-000000000000",
]  # fmt: skip
JSON_BODIES = [
    "null",
    "[]",
    "3",
    '"x"',
    "{}",
    "[" * 50_000,
    '{"a":' * 50_000,
    "NaN",
    "\udc80".encode("utf-8", "replace").decode(),
]
VALUES = [None, True, [], {}, [[]], -1, 2**70, 1e308, "\0", "x" * 10_000, "²", "9999-12-31", {"a": {"b": []}}]


def names() -> tuple[list[str], list[str]]:
    """Every name that a view reads without a form, and every name at all."""
    raw, formed = set(), set()
    for room in ROOMS:
        for path in Path(room).rglob("*.py"):
            if "migrations" not in path.parts:
                text = path.read_text()
                raw |= set(re.findall(r"(?:POST|GET)(?:\.get|\.getlist)?[\[(]\"(\w+)\"", text))
                formed |= set(re.findall(r"^    (\w+)(?:: Any)? = (?:forms\.|serializers\.|_?[A-Z]\w+)\(?", text, re.M))
    return sorted(raw), sorted(raw | formed)


RAW, NAMES = names()
LISTED = {"q", "page", "status", "show", "kind", "site", "state", "category", "month", "year", "first", "last", "open_now", "mine",
          "group", "view", "role", "company", "merchant", "sort", "cursor", "limit", "since", "lot"}  # fmt: skip


def bomb() -> bytes:
    """A PNG of 10,000 × 10,000 in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1_251 * 100)))
        + chunk(b"IEND", b"")
    )


FILES = {
    "a.svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "a.png": bomb(),
    "a.json": b'{"entries":' + b"[" * 50_000,
    "a.csv": b"Nom;Pr\xe9nom\n=1+1;" + b"x" * 100_000,
    "a.xlsx": b"PK\x03\x04" + bytes(200),
    "\0.csv": b"\0" * 100,
}


ODD = [
    "",
    "\0",
    "9" * 400,
    str(2**63),
    "-1",
    "1e308",
    "nan",
    "²",
    "9999-12-31",
    "0001-01-01",
    "x" * 10**4,
    "[]",
    "12,345,6",
]


def forms_of(page: str, address: str) -> list[tuple[str, dict[str, str]]]:
    """Where each form of a page is sent, and its fields as they stand there."""
    found = []
    for form in html.fromstring(page).forms if "<form" in page else []:
        if form.method.lower() == "post":
            fields = dict.fromkeys(filter(None, form.fields.keys()), "") | dict(form.form_values())
            fields.pop("csrfmiddlewaretoken", None)
            found.append((str(form.action or address), fields))
    return found


def spoilt(fields: dict[str, str], chance: Random) -> Iterator[dict[str, str]]:
    """A form with nonsense in all its fields, then in one after the other of an else good one."""
    for odd in chance.sample(ODD, 2):
        yield dict.fromkeys(fields, odd)
    for name in chance.sample(sorted(fields), min(len(fields), 3)):
        yield fields | {name: chance.choice(ODD)}


def typed(chance: Random) -> dict[str, str]:
    """A form filled in at random: some fields as they are meant, some not."""
    share = chance.random()
    return {name: chance.choice(MEANT if chance.random() < share else GARBAGE) for name in NAMES}
