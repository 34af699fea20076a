"""The README's pictures, taken from the demo: `python -m tests.screenshots`."""

import tempfile
from pathlib import Path

import psycopg
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import CHROMIUM
from tests.journeys.stack import ROOT, Stack, free_port

FOLDER = ROOT / "deploy" / "screenshots"
COMMITTING = "SELECT id FROM purchasing_pool WHERE state = 'committing' ORDER BY closes_at, id LIMIT 1"
COMPARED = """
    SELECT t.pool_id FROM purchasing_tender t JOIN purchasing_tenderinvitation i ON i.tender_id = t.id
    WHERE t.state IN ('opened', 'awarded') GROUP BY t.pool_id ORDER BY count(*) DESC, t.pool_id LIMIT 1"""


def one(stack: Stack, sql: str, *values: object) -> tuple:
    with psycopg.connect(stack.database_url) as connection:
        row = connection.execute(sql, values).fetchone()
    assert row is not None, sql
    return row


def page(browser: Browser, stack: Stack, door: str, width: int) -> Page:
    context = browser.new_context(base_url=stack.base, viewport={"width": width, "height": 780}, device_scale_factor=1)
    shown = context.new_page()
    if door:
        shown.goto(door)
    return shown


def take(shown: Page, address: str, name: str) -> None:
    shown.goto(address)
    shown.wait_for_timeout(1_500)
    shown.screenshot(path=FOLDER / f"{name}-{shown.viewport_size['width']}.png")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="erb-shots-") as folder, sync_playwright() as playwright:
        stack = Stack(port=free_port(), state_dir=Path(folder) / "demo").start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            home = stack.facts["home_company"]
            buyer = page(browser, stack, stack.door("Buyer"), 360)
            take(buyer, f"/company/{home}/pools/{one(stack, COMMITTING)[0]}/commit/", "commit")
            staff = page(browser, stack, stack.door("Association staff"), 1280)
            take(staff, f"/pools/{one(stack, COMPARED)[0]}/quotes/", "compare")
            take(page(browser, stack, stack.door("Employee"), 360), "/card/", "card")
            till = page(browser, stack, f"{stack.base}/demo/till/", 360)
            till.locator("#pair-form button").click()
            till.locator("#code-form").wait_for()
            till.wait_for_timeout(1_000)
            till.screenshot(path=FOLDER / "till-360.png")
        finally:
            browser.close()
            stack.stop()


if __name__ == "__main__":
    main()
