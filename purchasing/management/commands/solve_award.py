import json
import sys
from argparse import ArgumentParser
from math import isfinite
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from purchasing.rules import award
from purchasing.rules.award.report import report
from purchasing.rules.errors import RuleError
from purchasing.rules.simulate_input import loads

MOST_SECONDS = 3600


class Command(BaseCommand):
    help = "The cheapest award of a tender: reads JSON from FILE or standard input, prints JSON. Touches no database."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", default="-", help="a JSON file; - or nothing reads standard input")
        parser.add_argument("--seconds", default="60", help="time for the whole answer, 60 when left out")

    def handle(self, *args: Any, file: str, seconds: str | float, **options: Any) -> None:
        try:
            limit = _seconds(seconds)
            instance = award.parse(loads(_read(file)))
        except RuleError as error:
            self._print({"error": {"code": error.code, "message": error.message, "field": error.field}})
            sys.exit(2)
        result = award.solve(instance, seconds=limit)
        self._print(report(instance, result))
        if result.evaluation is None:
            sys.exit(3)

    def _print(self, data: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(data, ensure_ascii=False))


def _seconds(value: str | float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not isfinite(seconds) or not 0 < seconds <= MOST_SECONDS:
        raise RuleError("out_of_range", f"Write a number of seconds above 0, at most {MOST_SECONDS}.", "seconds")
    return seconds


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RuleError("invalid_json", "The text is not UTF-8.") from None
    except (OSError, ValueError):
        raise RuleError("unreadable", "This file cannot be read.", "file") from None
