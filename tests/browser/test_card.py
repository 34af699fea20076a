"""The card on a phone: right to the second, readable by a scanner, without network, quiet for screen readers."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from benefit_card import credential
from benefit_card.services import scan
from benefit_card.services.keys import current_keys
from tests.factories.benefit_card import TillFactory, card, offer
from tests.factories.companies import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def holder(browser: Browser, live_server: Any) -> Iterator[tuple[Any, Page]]:
    """A card that was opened on this phone, and the phone, signed in."""
    made = card()
    made.person.user = UserFactory()
    made.person.save()
    made.activated_at = datetime.now(UTC)
    made.save()
    client = Client()
    client.force_login(made.person.user)
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, locale="fr-FR", color_scheme="dark", service_workers="allow"
    )
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    context.add_init_script(
        "Object.defineProperty(navigator, 'wakeLock', {value: {request: async kind => {"
        " window.awake = kind; return {released: false}; }}});"
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto(f"{live_server.url}/card/")
    expect(page.locator("#code svg path")).to_be_visible()
    yield made, page
    context.close()
    assert not problems


def shown(page: Page) -> str:
    """What a scanner reads from the phone's screen."""
    picture = Image.open(io.BytesIO(page.locator("#code").screenshot()))
    found = zxingcpp.read_barcodes(picture)
    assert len(found) == 1
    return str(found[0].text)


class TestCardOnThePhone:
    def test_shows_a_code_the_till_accepts_now(self, holder):
        made, page = holder
        found, presented = scan.look(till=TillFactory(), code=shown(page), at=datetime.now(UTC))
        assert (presented.shown, found.card_id) == ("phone", made.pk)
        assert page.evaluate("() => window.awake") == "screen", "the phone stays awake while the card shows"

    def test_is_dark_on_white_in_dark_mode_at_version_seven(self, holder):
        _made, page = holder
        assert page.locator("#code svg").get_attribute("viewBox") == "0 0 53 53"  # 45 modules and the quiet zone
        assert page.locator("#code svg rect").get_attribute("fill") == "#fff"

    def test_draws_the_next_code_after_half_a_minute_without_announcing_it(self, holder):
        """Case: screen reader: 30 s refresh silent."""
        _made, page = holder
        first = shown(page)
        assert page.locator("[aria-live], [role=status]:visible, [role=alert]:visible").count() == 0
        page.evaluate("() => { const now = Date.now; Date.now = () => now() + 30_000; }")
        page.wait_for_timeout(1200)
        assert shown(page) != first

    def test_opens_without_network(self, holder):
        _made, page = holder
        page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_timeout(1500)  # the worker fetches the files once more for itself
        page.context.set_offline(True)
        page.reload()
        expect(page.locator("#code svg path")).to_be_visible()
        expect(page.locator("#note")).to_contain_text("Sans réseau, votre carte fonctionne jusqu’au")
        assert shown(page).startswith("ERB1:")

    def test_shows_codes_that_count_for_seven_days_without_network(self, holder):
        """Decision 2: phone passes are pre-loaded for 7 days; a new code every 30 s with the phone offline."""
        _made, page = holder
        page.context.set_offline(True)
        seen, last = set(), ""
        for days in (0, 1, 3, 6):
            page.evaluate(f"() => {{ window.before ??= Date.now; Date.now = () => before() + {days} * 86_400_000; }}")
            expect(page.locator("#code svg")).to_be_visible()
            page.wait_for_function("last => document.querySelector('#code path').getAttribute('d') !== last", arg=last)
            last = page.locator("#code path").get_attribute("d")
            at = datetime.fromtimestamp(page.evaluate("() => Date.now()") / 1000, UTC)
            check = credential.verify(shown(page), keys=current_keys(), at=at)
            assert check.verdict == credential.Verdict.VALID, days
            seen.add(check.token.raw)
        assert len(seen) == 4
        page.evaluate("() => { Date.now = () => before() + 7 * 86_400_000; }")
        expect(page.locator("#message")).to_contain_text("une semaine")

    def test_hides_the_company_until_it_is_asked_for(self, holder):
        made, page = holder
        company = made.person.employments.get().company.name
        expect(page.locator("#company")).to_be_hidden()
        page.get_by_role("button", name="Entreprise").click()
        expect(page.locator("#company")).to_have_text(company)

    def test_is_forgotten_when_another_person_signs_in(self, holder, live_server):
        _made, page = holder
        client = Client()
        client.force_login(UserFactory())
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        page.context.add_cookies([cookie])
        page.evaluate("() => window.dispatchEvent(new Event('online'))")
        expect(page.locator("#code-box")).to_be_hidden()
        assert page.evaluate("() => localStorage.getItem('erb.card')") is None

    def test_fits_a_small_phone_and_axe_finds_nothing(self, holder):
        _made, page = holder
        offer(TillFactory().shop.merchant, title="10 % sur toutes les chaussures", per_person_limit=2)
        page.set_viewport_size({"width": 320, "height": 640})
        page.reload()
        expect(page.locator("#now")).to_contain_text("2 utilisations")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 320
        assert [fault["id"] for fault in Axe().run(page).response["violations"]] == []
