"""The first minutes of a newcomer."""

import json
import re
import subprocess
import urllib.request
from email import message_from_bytes, policy

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.stack import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("journeys")]


@pytest.fixture
def page(browser: Browser, stack):
    context = browser.new_context(base_url=stack.base, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.mistakes = []
    page.on("pageerror", lambda error: page.mistakes.append(str(error)))
    page.on("console", lambda message: page.mistakes.append(message.text) if message.type == "error" else None)
    yield page
    context.close()


def read(stack, path):
    with urllib.request.urlopen(f"{stack.base}{path}", timeout=10) as answer:
        return answer.read().decode()


class TestTheDemo:
    def test_says_that_everything_works(self, stack):
        health = json.loads(read(stack, "/healthz"))
        assert health == {
            "status": "ok",
            "checks": {
                "database": "ok",
                "broker": "ok",
                "worker": "ok",
                "signing": "ok",
                "migrations": "ok",
                "months": "ok",
            },
        }

    @pytest.mark.parametrize(
        "role",
        [
            "Association staff",
            "Administrator",
            "Buyer",
            "Approver",
            "Human resources",
            "Accountant",
            "Employee",
            "Merchant",
        ],
    )
    def test_opens_the_home_page_of_each_role_without_an_error(self, stack, page: Page, role):
        page.goto(stack.door(role))
        expect(page.locator("h1")).to_be_visible()
        assert "/demo/in/" not in page.url and page.mistakes == []

    def test_signs_in_with_the_code_of_the_mail(self, stack, page: Page):
        email = stack.facts["buyer_email"]
        page.goto("/accounts/login/")
        page.locator("main input[type=email]").first.fill(email)
        page.keyboard.press("Enter")
        code_field = page.locator("main input[name=code]")
        expect(code_field).to_be_visible()
        code_field.fill(self.code_sent_to(stack, email))
        page.keyboard.press("Enter")
        expect(page.locator(".scopes__name")).to_be_visible()

    @staticmethod
    def code_sent_to(stack, email):
        """The code in the newest caught mail to an address."""
        for path in sorted((stack.state_dir / "mails").glob("*.eml"), reverse=True):
            mail = message_from_bytes(path.read_bytes(), policy=policy.default)
            if mail["to"] == email:
                return re.search(r"^\s*([A-Z0-9]{4}-?[A-Z0-9]{2,4})\s*$", mail.get_body().get_content(), re.M).group(1)
        raise AssertionError("no mail")

    def test_changes_the_language_and_remembers_it(self, stack, page: Page):
        page.goto("/")
        expect(page.locator("html")).to_have_attribute("lang", "fr")
        page.get_by_role("button", name="EN").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        page.goto("/accounts/login/")
        expect(page.locator("html")).to_have_attribute("lang", "en")

    def test_keeps_the_audit_chain_intact(self, stack):
        done = subprocess.run(
            [str(ROOT / ".venv/bin/python"), "manage.py", "verify_audit"],
            cwd=ROOT,
            env={"STATE_DIR": str(stack.state_dir), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
