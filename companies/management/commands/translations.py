"""Extract, merge and compile the translations with Babel alone, so that no machine needs GNU gettext."""

import io
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils.translation.reloader import translation_file_changed
from django.utils.translation.template import templatize

from companies import typography

KEYWORDS = {
    **dict.fromkeys(["_", "_now", "gettext", "gettext_lazy", "gettext_noop"], None),
    **dict.fromkeys(["ngettext", "ngettext_lazy"], (1, 2)),
    **dict.fromkeys(["pgettext", "pgettext_lazy"], ((1, "c"), 2)),
    "npgettext": ((1, "c"), 2, 3),
}
ROOMS = ["companies", "companies/billing", "merchants", "benefit_card", "purchasing", "deploy"]


class Command(BaseCommand):
    help = "Refresh every room's French catalogue from its code and templates, and compile all of them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--compile", action="store_true", help="only compile")
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; exit 1 when a sentence has no French, or breaks where French print never breaks",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = 0
        known: dict[tuple[Any, str | None], tuple[str, Any]] = {}
        for room in ROOMS:
            path = Path(settings.BASE_DIR) / room / "locale/fr/LC_MESSAGES/django.po"
            catalogue = self._read(path)
            if not options["compile"]:
                catalogue = self._refresh(catalogue, Path(settings.BASE_DIR) / room)
            blank = [m for m in catalogue if m.id and (not _filled(m.string) or m.fuzzy)]
            missing += len(blank)
            for message in blank if not options["compile"] else []:
                self.stdout.write(f"{room}: no French for {message.id!r}")
            if not options["compile"]:
                missing += self._tell_apart(room, catalogue, known) + self._set(room, catalogue)
            if options["check"]:
                continue
            if not options["compile"] and len(catalogue):
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    write_po(file, catalogue, width=120, omit_header=False, no_location=True, sort_output=True)
            if path.exists():
                draft = path.with_suffix(f".{os.getpid()}")
                with draft.open("wb") as file:
                    write_mo(file, catalogue)
                draft.replace(
                    path.with_suffix(".mo")
                )  # whoever starts meanwhile reads the old one or the new one, whole
                translation_file_changed(None, path.with_suffix(".mo"))  # this process forgets what it read before
        if options["check"] and missing:
            raise SystemExit(1)

    def _tell_apart(self, room: str, catalogue: Catalog, known: dict[tuple[Any, str | None], tuple[str, Any]]) -> int:
        """Django looks a sentence up in one book made of all rooms: two meanings of it need two contexts."""
        clashes = 0
        for message in catalogue:
            key = (str(message.id), message.context)
            where, french = known.setdefault(key, (room, message.string))
            if message.id and _filled(message.string) and _filled(french) and str(french) != str(message.string):
                clashes += 1
                self.stdout.write(
                    f"{room}: {message.id!r} is {message.string!r} here and {french!r} in {where}: agree, or give one a context"
                )
        return clashes

    def _set(self, room: str, catalogue: Catalog) -> int:
        """Set each French sentence as it is printed, and count those that were not."""
        found = 0
        for message in catalogue:
            if not message.id or not _filled(message.string):
                continue
            forms = message.string if isinstance(message.string, tuple | list) else (message.string,)
            printed = tuple(typography.french(form or "") for form in forms)
            if printed != tuple(forms):
                found += 1
                self.stdout.write(f"{room}: spaces or apostrophes of {message.string!r}: run manage.py translations")
                message.string = printed if isinstance(message.string, tuple | list) else printed[0]
        return found

    @staticmethod
    def _read(path: Path) -> Catalog:
        if not path.exists():
            return Catalog(locale="fr", charset="utf-8", fuzzy=False)
        with path.open("rb") as file:
            return read_po(file, locale="fr", charset="utf-8")

    @staticmethod
    def _refresh(old: Catalog, room: Path) -> Catalog:
        """The sentences of the code now, with the French known so far; what is gone from the code goes."""
        fresh = Catalog(locale="fr", charset="utf-8", fuzzy=False)
        fresh.mime_headers = old.mime_headers
        for message, context in sorted(_sentences(room), key=lambda row: (str(row[0]), row[1] or "")):
            known = old.get(message if isinstance(message, str) else message[0], context)
            fresh.add(message, known.string if known else None, context=context, flags=known.flags if known else ())
        return fresh


def _filled(text: Any) -> bool:
    return all(text) if isinstance(text, tuple | list) else bool(text)


def _sentences(room: Path) -> set[tuple[Any, str | None]]:
    found: set[tuple[Any, str | None]] = set()
    nested = [room / other.name for other in room.iterdir() if (other / "apps.py").exists()]
    for path in sorted([*room.rglob("*.py"), *room.rglob("*.html"), *room.rglob("*.txt"), *room.rglob("*.typ")]):
        if any(path.is_relative_to(child) for child in nested) or "migrations" in path.parts:
            continue
        source = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            if "{%" not in source:
                continue
            source = f"({templatize(source)})"  # in brackets, indentation means nothing to the tokenizer
        for _line, message, _comments, context in extract("python", io.BytesIO(source.encode()), keywords=KEYWORDS):
            text = message if isinstance(message, str) else tuple(message)
            if text:
                found.add((text, context))
    return found
