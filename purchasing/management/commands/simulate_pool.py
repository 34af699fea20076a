import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from purchasing.rules import simulate, simulate_input
from purchasing.rules.errors import RuleError


class Command(BaseCommand):
    help = "What-if of one pool line: reads JSON from FILE or standard input, prints JSON. Touches no database."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="a JSON file; - or nothing reads standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            result = simulate.run(simulate_input.loads(_read(file)))
        except RuleError as error:
            self._print({"error": {"code": error.code, "message": error.message, "field": error.field}})
            sys.exit(2)
        self._print(result)

    def _print(self, data: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(data, ensure_ascii=False))


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RuleError("invalid_json", "The text is not UTF-8.") from None
    except (OSError, ValueError):
        raise RuleError("unreadable", "This file cannot be read.", "file") from None
