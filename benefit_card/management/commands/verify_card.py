"""Check a card's text offline: `manage.py verify_card TEXT|- [--at TIME] [--keys FILE] [--revocations FILE]`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from benefit_card import credential, key_set, keyring
from benefit_card.credential import Check, Key, Verdict
from benefit_card.revocation import DocumentRefused, RevocationList

OFFLINE_SLACK = 2
LARGEST_FILE = 4_000_000


class Refused(Exception):
    """What was passed to the command cannot be used; carries the verdict that this means."""

    def __init__(self, verdict: Verdict, detail: str) -> None:
        super().__init__(detail)
        self.verdict = verdict


class Command(BaseCommand):
    help = "Verify a card's text without a network or a database; prints JSON, exits 0 when the card is valid."
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **options)

        def error(message: str) -> NoReturn:  # even a wrong call answers in JSON
            self.answer(Check(Verdict.MALFORMED), detail=message)

        parser.error = error  # type: ignore[method-assign]  # its exit codes are a promise to others
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", nargs="?", default="-", help="what the QR says; - reads it from standard input")
        parser.add_argument("--at", help="the instant to judge at, ISO 8601; without offset it is Paris time")
        parser.add_argument("--keys", help="a key set as served by /api/v1/card-keys/")
        parser.add_argument("--revocations", help="a list as served by /api/v1/revocations/")
        parser.add_argument("--root", help="the root public key in base64url; by default this installation's")

    def handle(self, *args: object, **options: Any) -> None:
        check, details = Check(Verdict.MALFORMED), []
        try:
            at = moment(options["at"])
            text = sys.stdin.buffer.read(4096).decode(errors="replace") if options["text"] == "-" else options["text"]
            known: dict[int, Key] = {}
            try:
                known = keys(options)
            except Refused as refusal:  # without keys, a text can still be malformed
                details.append(str(refusal))
            judge = partial(
                credential.verify,
                text.rstrip("\r\n"),
                keys=known,
                at=at,
                slack=OFFLINE_SLACK,
                host=settings.CARD_HOST or None,
            )
            check = judge()
            if options["revocations"] and check.verdict == Verdict.VALID:
                check = judge(revocations=revocations(options, known))
        except Refused as refusal:
            details.append(str(refusal))
            check = Check(refusal.verdict, check.token)
        except (OverflowError, ValueError) as error:
            details.append(str(error))
            check = Check(Verdict.MALFORMED)
        self.answer(check, detail="; ".join(details))

    def answer(self, check: Check, *, detail: str) -> NoReturn:
        """Print the verdict and leave with its exit code."""
        body = {
            "verdict": check.verdict.value,
            "kind": check.kind,
            "index": check.index,
            "generation": check.generation,
            "expires": check.expires,
        }
        if detail:
            body["detail"] = detail
        self.stdout.write(json.dumps(body))
        sys.exit(0 if check.verdict == Verdict.VALID else 1)


def moment(text: str | None) -> datetime:
    if text is None:
        return timezone.now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(Verdict.MALFORMED, "--at is not a time in ISO 8601") from None
    return at if at.utcoffset() is not None else at.replace(tzinfo=credential.PARIS)


def read(path: Path, verdict: Verdict) -> object:
    """Read a JSON file of reasonable size, or refuse with the verdict that its absence means."""
    try:
        with path.open("rb") as file:
            return json.loads(file.read(LARGEST_FILE))
    except (OSError, ValueError, RecursionError) as error:
        raise Refused(verdict, f"{path.name} cannot be read: {type(error).__name__}") from None


def keys(options: dict[str, Any]) -> dict[int, Key]:
    path = Path(options["keys"]) if options["keys"] else keyring.published_path()
    try:
        root = keyring.root_public(options["root"])
        return key_set.read_key_set(read(path, Verdict.UNKNOWN_KEY), root=root)
    except (DocumentRefused, OSError) as error:
        raise Refused(Verdict.UNKNOWN_KEY, f"the key set is refused: {error}") from None


def revocations(options: dict[str, Any], known: dict[int, Key]) -> RevocationList:
    try:
        document = read(Path(options["revocations"]), Verdict.STALE_LIST)
        return key_set.read_list_with(document, keys=known)
    except DocumentRefused as error:
        raise Refused(Verdict.STALE_LIST, f"the revocation list is refused: {error}") from None
