"""How long a newcomer waits: the first start of the demo with its seed, and the second."""

import re

from tests.bench.book import Book
from tests.bench.place import Place
from tests.bench.server import running


def measure(place: Place, book: Book) -> None:
    here = str(place.directory / "demo")
    for which in ("first", "second"):
        log = place.directory / f"{which}.log"
        with running("demo", log=log, STATE_DIR=here) as (_port, seconds):
            pass
        target = "with seed at scale erb, libraries installed" if which == "first" else "target < 15 s"
        book.note("start", f"demo_{which}_start_seconds", seconds, "s", f"servers, web, worker, beat, double; {target}")
        if which == "first":
            for room, spent in re.findall(r"^([\w.]+): ([\d.]+) s$", log.read_text(), re.M):
                book.note("start", f"demo_first_start_{room}_seconds", float(spent), "s")
