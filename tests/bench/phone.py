"""How long the installed card takes to open: with network and without, in a real Chromium, also one that was just started."""

import os
import shutil
import statistics
import tempfile
from typing import Any

from tests.bench.book import Book
from tests.bench.place import Place
from tests.bench.server import running

OPENINGS, STARTS = 15, 7
# Noted by the page itself: from the moment the address was called until the code stands on the screen.
SEEN = """new MutationObserver(() => {
  if (window.codeAt === undefined && document.querySelector("#code svg path")) window.codeAt = performance.now();
}).observe(document, {childList: true, subtree: true});"""


def measure(place: Place, book: Book) -> None:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        book.failures["phone"] = "no Chromium on this machine"
        return
    cookie = _signed_in(place)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play, tempfile.TemporaryDirectory() as profile:

        def started() -> Any:
            context = play.chromium.launch_persistent_context(
                profile, executable_path=chromium, args=["--no-sandbox", "--disable-gpu"], locale="fr-FR",
                viewport={"width": 360, "height": 740},
            )  # fmt: skip
            context.add_init_script(SEEN)
            return context

        with running("serve", log=place.directory / "phone.log") as (port, _seconds):
            base = f"http://127.0.0.1:{port}"
            context = started()
            context.add_cookies([{"name": "sessionid", "value": cookie, "url": base}])
            page = context.new_page()
            page.goto(f"{base}/card/")
            page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
            page.wait_for_timeout(3_000)  # the worker keeps the files
            for offline in (False, True):
                context.set_offline(offline)
                name = "offline" if offline else "online"
                _note(book, name, [_opened(page, base) for _time in range(OPENINGS)])
            context.close()
        _note(book, "offline_just_started", [_first(started(), base) for _time in range(STARTS)])


def _first(context: Any, base: str) -> float:
    """The first page of a browser that was just started, with no server there: its worker and files come from the disk."""
    seen = _opened(context.new_page(), base)
    context.close()
    return seen


def _signed_in(place: Place) -> str:
    """The session of an employee whose card was opened on a phone."""
    _ = place.seed
    from django.test import Client

    from benefit_card.models import Card

    client = Client()
    held = Card.objects.current().filter(blocked_at=None, activated_at__isnull=False, person__user__isnull=False)
    user = held.select_related("person__user").order_by("pk")[0].person.user
    if user is None:
        raise RuntimeError("nobody of the seed has an opened card")
    client.force_login(user)
    return client.cookies["sessionid"].value


def _opened(page: Any, base: str) -> float:
    page.goto("about:blank")
    page.goto(f"{base}/card/")
    page.wait_for_function("() => window.codeAt !== undefined")
    return float(page.evaluate("() => window.codeAt"))


def _note(book: Book, name: str, times: list[float]) -> None:
    where = f"{len(times)} openings until the code stands, Chromium, " + (
        "make serve on the same machine" if name == "online" else "network cut, aim below 1,000"
    )
    book.note("phone", f"card_opens_{name}_median_ms", statistics.median(times), "ms", where)
    book.note("phone", f"card_opens_{name}_slowest_ms", max(times), "ms", where)
