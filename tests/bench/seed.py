"""How long the demonstration data takes, room by room."""

import os
import re
import tempfile

from tests.bench.book import Book
from tests.bench.place import ROOT, Place, Run, measured

ROOM = re.compile(r"^([\w.]+): ([\d.]+) s$", re.M)


def measure(place: Place, book: Book) -> None:
    _write(book, place.seed, "erb", "70 companies, 4,000 employees, a year of history")
    if place.region:
        with tempfile.TemporaryDirectory(prefix="erb-bench-") as directory:
            import sys

            environment = os.environ | {"STATE_DIR": directory}
            for words in (["migrate", "-v0"], ["seed", "--scale", "region"]):
                run = measured([sys.executable, str(ROOT / "manage.py"), *words], environment=environment)
        _write(book, run, "region", "22,000 companies, 220,000 employees")


def _write(book: Book, run: Run, scale: str, conditions: str) -> None:
    book.note("seed", f"seed_{scale}_seconds", run.seconds, "s", conditions)
    for room, seconds in ROOM.findall(run.output):
        book.note("seed", f"seed_{scale}_{room}_seconds", float(seconds), "s")
    book.note("seed", f"seed_{scale}_peak_rss", run.peak_mb, "MB", "largest process")
