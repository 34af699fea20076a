"""One running product for all journeys of a worker."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.stack import Stack, free_port


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo with a small association, started once for the session."""
    if given := os.environ.get(
        "JOURNEY_STACK"
    ):  # port:state_dir:log of a demo that runs already, for who writes a journey
        port, state_dir, log = given.split(":")
        yield Stack(port=int(port), state_dir=Path(state_dir), lines=Path(log).read_text().splitlines())
        return
    running = Stack(port=free_port(), state_dir=tmp_path_factory.mktemp("demo"))
    running.start()
    yield running
    running.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Keep what each browser showed when a journey broke, in the folder for temporary files."""
    report = yield
    if report.when == "call" and report.failed and (shots := getattr(item, "shots", None)):
        for number, page in enumerate(shots):
            path = Path(tempfile.gettempdir()) / f"broken-{number}.png"
            page.screenshot(path=path)
            report.sections.append((f"browser {number}", f"{page.url} → {path}"))
    return report
