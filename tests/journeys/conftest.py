"""One running product for all journeys of a worker."""

from collections.abc import Iterator

import pytest

from tests.journeys.stack import Stack, free_port


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The demo with a small association, started once for the session."""
    running = Stack(port=free_port(), state_dir=tmp_path_factory.mktemp("demo"))
    running.start()
    yield running
    running.stop()
