"""One running product for all journeys of a worker."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from tests.journeys.keyboard import by_keyboard
from tests.journeys.stack import Stack, free_port

expect.set_options(timeout=20_000)  # four processes and a browser share the machine with other tests


def already_running() -> Stack | None:
    """JOURNEY_STACK=port:state_dir:log names a demo that runs already, for who writes a journey."""
    if not (given := os.environ.get("JOURNEY_STACK")):
        return None
    port, state_dir, log = given.split(":")
    return Stack(port=int(port), state_dir=Path(state_dir), lines=Path(log).read_text().splitlines())


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, prepared: Callable[[Path], Path]) -> Iterator[Stack]:
    """The demo of a small association, started once for the session."""
    if (given := already_running()) is not None:
        yield given
        return
    running = Stack(port=free_port(), state_dir=prepared(tmp_path_factory.mktemp("demo")))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def survivor(tmp_path_factory: pytest.TempPathFactory, prepared: Callable[[Path], Path]) -> Iterator[Stack]:
    """A small association of its own that may be killed, in a directory whose path has a space."""
    if (given := already_running()) is not None:
        yield given
        return
    spaced = tmp_path_factory.mktemp("a state") / "of the association"
    running = Stack(port=free_port(), state_dir=prepared(spaced))
    running.start()
    yield running
    running.stop()


@pytest.fixture
def people(browser: Browser, stack, request):
    """Opens a browser for each person of the story, in English; a mistake in a console fails the journey.

    People at a desk (1280 px) use the keyboard alone, people with a phone (360 px) their finger.
    """
    contexts, mistakes, desks = [], [], []
    request.node.shots = shots = []

    def enter(door: str = "", *, width: int = 1280) -> Page:
        context = browser.new_context(base_url=stack.base, viewport={"width": width, "height": 800})
        context.set_default_timeout(30_000)
        context.add_cookies([{"name": "language", "value": "en", "url": stack.base}])
        page = context.new_page()
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        contexts.append(context)
        shots.append(page)
        if width >= 1000:
            desks.append(page)
        if door:
            page.goto(door)
        return page

    with by_keyboard(desks):
        yield enter
    for context in contexts:
        context.close()
    assert not mistakes


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Keep what each browser showed when a journey broke, in the folder for temporary files."""
    report = yield
    if report.when == "call" and report.failed and (shots := getattr(item, "shots", None)):
        for number, page in enumerate(shots):
            path = Path(tempfile.gettempdir()) / f"broken-{number}.png"
            with contextlib.suppress(Error):  # a machine short of time has no picture to give
                page.screenshot(path=path)
            report.sections.append((f"browser {number}", f"{page.url} → {path}"))
    return report
