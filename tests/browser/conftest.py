"""A till in a real Chromium, with a fake camera that plays a film."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, Page

from tests.browser.fake_camera import film

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's event loop runs in the test's thread
CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
Open = Callable[..., Page]


@pytest.fixture
def open_till(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any], live_server: Any, tmp_path: Path
) -> Iterator[Open]:
    """Open /till/ with a film before the camera; `token` is a paired till's, "" an unpaired device.

    The page's errors and everything the content security policy blocks fail the test.
    """
    opened: list[Browser] = []
    problems: list[str] = []

    def start(shots: list[tuple[str, int]], *, token: str = "", path: str = "/till/", **look: float) -> Page:
        movie = film(tmp_path / f"{len(opened)}.y4m", shots, **look)
        flags = [*browser_type_launch_args["args"], *CAMERA, f"--use-file-for-fake-video-capture={movie}"]
        browser = browser_type.launch(**{**browser_type_launch_args, "args": flags})
        opened.append(browser)
        page = browser.new_page(locale="fr-FR", viewport={"width": 390, "height": 844})
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
        if token:
            place = json.dumps({"shop": "Cordonnerie Vial", "till": "Comptoir"})
            page.add_init_script(
                "if (!sessionStorage.seeded) { sessionStorage.seeded = 1;"
                f"localStorage.setItem('erb.till.token', {json.dumps(json.dumps(token))});"
                f"localStorage.setItem('erb.till.place', {json.dumps(place)}); }}"
            )
        answer = page.goto(live_server.url + path)
        page.bring_to_front()  # a window behind another has no focus to give
        assert answer and "'wasm-unsafe-eval'" in answer.headers["content-security-policy"]
        return page

    yield start
    for browser in opened:
        browser.close()
    assert not problems


@pytest.fixture(autouse=True)
def _card_keys(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.CARD_KEY_DIR = str(tmp_path_factory.getbasetemp() / "card-keys")
    settings.CARD_HOST = ""
