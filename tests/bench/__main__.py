"""`python -m tests.bench [AREA…] [--region]`."""

import argparse
import sys
import time
import traceback
from importlib import import_module

from tests.bench.book import Book, surroundings
from tests.bench.place import Place

# The award comes first: it tells the memory of its solver from that of all children so far.
AREAS = [
    "award",
    "seed",
    "imports",
    "cards",
    "tills",
    "sync",
    "pages",
    "pools",
    "invoices",
    "matching",
    "codes",
    "phone",
    "flood",
    "start",
    "region",  # last: its millions of rows would weigh on the others
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure; nothing here passes or fails.")
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"some of: {', '.join(AREAS)}; all when left out")
    parser.add_argument("--region", action="store_true", help="also seed 22,000 companies and 220,000 employees (long)")
    given = parser.parse_args()
    if unknown := set(given.areas) - set(AREAS):
        parser.error(f"unknown area: {', '.join(sorted(unknown))}")
    place = Place.make(region=given.region)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        book = Book(surroundings(cursor.fetchone()[0]))
    print(book.surroundings)
    for area in [name for name in AREAS if not given.areas or name in given.areas]:
        started = time.monotonic()
        try:
            import_module(f"tests.bench.{area}").measure(place, book)
        except Exception as error:
            traceback.print_exc()
            book.failures[area] = f"{type(error).__name__}: {error}"
        print(book.table(area), f"\n   ({time.monotonic() - started:.0f} s)", flush=True)
        book.save()
    return 1 if book.failures else 0


if __name__ == "__main__":
    sys.exit(main())
