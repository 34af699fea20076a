"""Main job 2, at the counter: an offer is published, a till paired by camera, a card scanned from a phone, a sale undone."""

import io
import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, BrowserType, Locator, Page, expect

from tests.browser.fake_camera import film

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]

RUN = secrets.token_hex(2)  # another name at each run, so that a story may be told twice to the same demo
TITLE = f"12 % sur l’atelier {RUN}"
CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
WAIT = 30_000
Enter = Callable[..., Page]


@pytest.fixture
def enter(
    browser: Browser,
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    stack: Any,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> Iterator[Enter]:
    """Open a browser for a person of the story; with `filming` its camera looks at that code, turned and blurred."""
    closing: list[Any] = []
    mistakes: list[str] = []
    request.node.shots = shots = []

    def open_page(door: str, *, filming: str = "", state: Any = None, width: int = 390) -> Page:
        used = browser
        if filming:
            movie = film(tmp_path / f"{len(closing)}.y4m", [(filming, 4)], size=400, angle=14, blur=1.3)
            flags = [*browser_type_launch_args["args"], *CAMERA, f"--use-file-for-fake-video-capture={movie}"]
            used = browser_type.launch(**{**browser_type_launch_args, "args": flags})
        context = used.new_context(base_url=stack.base, viewport={"width": width, "height": 844}, storage_state=state)
        context.set_default_timeout(WAIT)
        context.add_cookies([{"name": "language", "value": "en", "url": stack.base}])
        page = context.new_page()
        page.on("pageerror", lambda error: mistakes.append(str(error)))
        closing.append(used if filming else context)
        shots.append(page)
        page.goto(door)
        return page

    yield open_page
    for opened in closing:
        opened.close()
    assert not mistakes


def read(code: Locator) -> str:
    """What a scanner reads from a screen."""
    expect(code).to_be_visible()
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(code.screenshot())))
    assert len(found) == 1
    return str(found[0].text)


def publish(owner: Page) -> None:
    owner.get_by_role("link", name="Offers", exact=True).first.click()
    owner.get_by_role("link", name="Create an offer").first.click()
    owner.get_by_label("Percentage off").fill("12")
    owner.get_by_label("Title").fill(TITLE)
    expect(owner.get_by_text(re.compile("On .?80[.,]00.* the customer pays .?70[.,]40"))).to_be_visible()
    owner.get_by_role("button", name="Save the offer").click()
    owner.get_by_role("button", name="Publish this offer").click()
    expect(owner.get_by_text("The offer is published.")).to_be_visible()


def pairing_code(owner: Page) -> str:
    owner.get_by_role("link", name="Tills", exact=True).first.click()
    owner.get_by_label("Name of the till").fill(f"Phone {RUN}")
    owner.get_by_role("button", name="Create a link code").click()
    return read(owner.locator("#pairing .qr__code"))


class TestACardAtTheTill:
    def test_goes_from_the_offer_to_both_histories_and_back(self, stack, enter: Enter):
        owner = enter(stack.door("Merchant"), width=1280)
        publish(owner)
        till = enter("/till/", filming=pairing_code(owner))
        expect(till.locator("#place")).to_contain_text(f"Phone {RUN}")
        paired = till.context.storage_state()

        holder = enter(stack.door("Employee"))
        holder.goto("/card/")
        if holder.url.endswith("/me/card/"):
            holder.get_by_role("button", name="Open my card").first.click()
        expect(holder.locator("#code svg path")).to_be_visible()
        counter = enter("/till/", filming=read(holder.locator("#code")), state=paired)
        expect(counter.locator("#holder")).to_have_text(holder.locator("#name").inner_text())
        counter.get_by_text(TITLE).click()
        counter.get_by_label("Price before discount, in euros").fill("50")
        counter.get_by_role("button", name=re.compile("Confirm: .*44.00 to pay")).click()
        expect(counter.locator("#result-word")).to_have_text("Accepted")

        owner.get_by_role("link", name="Today", exact=True).first.click()
        expect(owner.get_by_role("row").filter(has_text=TITLE)).to_contain_text("44")
        assert holder.locator("#name").inner_text() not in owner.locator("main").inner_text()
        holder.goto("/me/redemptions/")
        expect(holder.get_by_text(TITLE).first).to_be_visible()

        counter.get_by_role("button", name="Undo this sale").click()
        expect(counter.locator("#result-word")).to_have_text("Undone")
        owner.reload()
        expect(owner.get_by_role("row").filter(has_text=TITLE)).to_contain_text("undone")

    def test_is_none_of_the_employers_business(self, stack, enter: Enter):
        hr = enter(stack.door("Human resources"), width=1280)
        for address in ("/me/redemptions/", f"/merchant/{stack.facts['merchant']}/today/", "/api/v1/redemptions/"):
            answer = hr.request.get(address)
            assert answer.status in {401, 403, 404}, address
            assert TITLE not in json.dumps(answer.text())
