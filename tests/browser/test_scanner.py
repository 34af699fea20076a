"""The till in a real Chromium: camera, USB scanner, typed code, bad networks, foreign codes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from benefit_card.models import Redemption
from merchants import services
from merchants.models import Till
from merchants.services.tills import PREFIX
from tests.factories.benefit_card import (
    ShopFactory,
    TillFactory,
    card,
    offer,
    phone_code,
    print_code,
    token,
    typed_code,
)
from tests.factories.merchants import owner

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WAIT = 15_000
# A French keyboard understands the American keystrokes of a scanner as these characters.
AZERTY = {"Digit1": "&", "Digit2": "é", "Digit3": '"', "KeyQ": "a", "KeyA": "q", "KeyZ": "w", "KeyW": "z", "KeyM": ","}
SHIFTED = {"$": "Digit4", "%": "Digit5", "*": "Digit8", "+": "Equal", ":": "Semicolon"}
PLAIN = {" ": "Space", "-": "Minus", ".": "Period", "/": "Slash"}


def keystroke(character: str) -> dict[str, Any]:
    """What the browser is told when a scanner with an American layout types on a French computer."""
    if character in SHIFTED:
        return {"code": SHIFTED[character], "key": "§", "shiftKey": True}
    code = PLAIN.get(character) or (f"Key{character}" if character.isalpha() else f"Digit{character}")
    return {"code": code, "key": AZERTY.get(code, character.lower()), "shiftKey": character.isalpha()}


def scan_by_usb(page: Page, text: str, rest: int = 0) -> None:
    """Press the keys of a code and Enter; a wireless scanner rests for so many milliseconds half way and before Enter."""
    keys = [*[keystroke(character) for character in text], {"code": "Enter", "key": "Enter"}]
    page.evaluate(
        """async ([keys, rest]) => { for (const [place, key] of keys.entries()) {
             if (rest && [keys.length >> 1, keys.length - 1].includes(place)) await new Promise(go => setTimeout(go, rest));
             (document.activeElement ?? document.body)
               .dispatchEvent(new KeyboardEvent("keydown", {...key, bubbles: true, cancelable: true})); } }""",
        [keys, rest],
    )


def word(page: Page) -> Any:
    return page.locator("#result-word")


class TestCamera:
    def test_reads_a_turned_and_blurred_card_and_the_sale_takes_one_amount_and_one_confirmation(self, open_till):
        till, made = TillFactory(), card()
        row = offer(till.merchant, title="10 % sur tout")
        page = open_till([("", 3), (print_code(made), 6)], token=token(till), angle=24, blur=1.5, noise=12)
        expect(page.locator("#holder")).to_contain_text(made.person.first_name, timeout=WAIT)
        page.get_by_label("Prix avant remise, en euros").fill("12,50")
        page.get_by_role("button", name="Valider : 11,25 € à payer").click()
        expect(word(page)).to_have_text("Acceptée")
        expect(page.get_by_role("status").first).to_contain_text("Le client paie 11,25 €")
        sale = Redemption.objects.get()
        assert (sale.offer_id, sale.gross_cents, sale.discount_cents, sale.shown) == (row.pk, 1250, 125, "print")

    def test_reads_the_code_of_a_phone(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant)
        page = open_till([(phone_code(made, at=datetime.now(UTC)), 4)], token=token(till), size=420, angle=-8)
        expect(page.locator("#holder")).to_contain_text(made.person.first_name, timeout=WAIT)

    def test_pairs_the_till_with_the_code_on_the_owners_screen(self, open_till):
        shop = ShopFactory(name="Cordonnerie Vial")
        _row, code = services.create_pairing(
            actor=owner(shop.merchant), shop=shop, till_name="Comptoir", at=datetime.now(UTC)
        )
        page = open_till([(PREFIX + code, 4)])
        expect(page.locator("#place")).to_have_text("Cordonnerie Vial · Comptoir", timeout=WAIT)
        assert Till.objects.get().shop == shop

    def test_never_follows_a_foreign_code_and_goes_on_with_the_next_card(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant)
        foreign = "HTTPS://EVIL.EXAMPLE/C"
        page = open_till([(foreign, 12), (print_code(made), 12)], token=token(till))
        address, asked, opened = page.url, [], []
        page.context.on("request", lambda request: asked.append(request.url))
        page.context.on("page", lambda window: opened.append(window.url))
        page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
        for hostile in ("javascript:alert(1)", "HTTPS://EVIL.EXAMPLE/C#AAAA", "//evil.example"):
            scan_by_usb(page, hostile)
            expect(word(page)).to_have_text("Pas une carte ERB", timeout=WAIT)
            page.locator("#result-next").click()
        expect(page.locator("#holder")).to_contain_text(made.person.first_name, timeout=WAIT)
        assert page.url == address and not opened
        assert [url for url in asked if not url.startswith(page.url.partition("/till")[0])] == []


class TestUsbScanner:
    @pytest.mark.parametrize(("focused", "rest"), [("#code", 0), ("#today-open", 0), ("#code", 1_200)])
    def test_is_understood_on_a_french_keyboard_wherever_the_cursor_stands(self, open_till, focused, rest):
        till, made = TillFactory(), card()
        offer(till.merchant)
        page = open_till([("", 2)], token=token(till))
        page.locator(focused).focus()
        scan_by_usb(page, print_code(made), rest)
        expect(page.locator("#holder")).to_contain_text(made.person.first_name)


class TestTypedCode:
    def test_waits_for_the_first_key_and_the_whole_sale_needs_no_mouse(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant)
        page = open_till([("", 2)], token=token(till))
        expect(page.locator("#code")).to_be_focused()
        page.keyboard.type(typed_code(made).lower())
        page.keyboard.press("Enter")
        expect(page.locator("#amount")).to_be_focused()
        page.keyboard.type("20")
        page.keyboard.press("Enter")
        expect(word(page)).to_have_text("Acceptée")
        page.keyboard.press("Enter")
        expect(page.locator("#code")).to_be_visible()
        assert Redemption.objects.get().shown == "typed"

    def test_is_not_taken_for_a_scan_when_a_quick_hand_paused_once(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant)
        page = open_till([("", 2)], token=token(till))
        expect(page.locator("#code")).to_be_focused()
        code = typed_code(made).replace(" ", "").lower()
        page.keyboard.type(code[:2])
        page.wait_for_timeout(300)
        page.keyboard.type(code[2:])
        page.keyboard.press("Enter")
        expect(page.locator("#amount")).to_be_focused()

    def test_that_is_mistyped_gets_a_sentence_and_asks_nobody(self, open_till):
        page = open_till([("", 2)], token=token(TillFactory()))
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "/scans/" in request.url else None)
        page.fill("#code", "12345")
        page.keyboard.press("Enter")
        expect(word(page)).to_have_text("Vérifiez le code")
        assert not asked


class TestBadNetwork:
    def sell(self, page: Page, made: Any) -> None:
        page.fill("#code", typed_code(made))
        page.keyboard.press("Enter")
        expect(page.locator("#amount")).to_be_focused()
        page.keyboard.type("20")
        page.keyboard.press("Enter")

    def test_that_loses_the_answer_counts_the_sale_once(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant)
        page = open_till([("", 2)], token=token(till))
        bodies: list[Any] = []

        def lose_the_first(route: Route) -> None:
            bodies.append(json.loads(route.request.post_data or ""))
            if len(bodies) == 1:
                assert route.fetch().status == 201  # counted, but the till never hears of it
                route.abort()
            else:
                route.continue_()

        page.route("**/api/v1/redemptions/", lose_the_first)
        self.sell(page, made)
        expect(word(page)).to_have_text("Acceptée", timeout=WAIT)
        assert len(bodies) == 2 and bodies[0] == bodies[1]
        assert Redemption.objects.count() == 1

    def test_that_stays_silent_is_named_and_survives_a_reload(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant)
        page = open_till([("", 2)], token=token(till))
        page.route("**/api/v1/redemptions/", lambda route: route.abort())
        self.sell(page, made)
        expect(word(page)).to_have_text("Sans réponse", timeout=WAIT)
        page.unroute("**/api/v1/redemptions/")
        page.reload()
        expect(word(page)).to_have_text("Sans réponse")
        page.get_by_role("button", name="Réessayer").click()
        expect(word(page)).to_have_text("Acceptée")
        assert Redemption.objects.count() == 1


class TestTill:
    def test_undoes_a_sale_and_shows_it_in_the_days_list(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant, title="10 % sur tout")
        page = open_till([("", 2)], token=token(till))
        TestBadNetwork().sell(page, made)
        page.get_by_role("button", name="Annuler ce passage").click()
        expect(word(page)).to_have_text("Annulé")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Aujourd’hui").click()
        expect(page.locator("#today-rows")).to_contain_text("annulé")

    def test_that_was_revoked_forgets_everything(self, open_till):
        till, made = TillFactory(), card()
        page = open_till([("", 2)], token=token(till))
        # Green: all it fetches as it opens has come, so that the code is what tells it.
        expect(page.locator("body")).to_have_attribute("data-offline", "green", timeout=20_000)
        services.revoke(actor=owner(till.merchant), till=till, at=datetime.now(UTC))
        page.fill("#code", typed_code(made))
        page.keyboard.press("Enter")
        expect(word(page)).to_have_text("Caisse déconnectée")
        assert page.evaluate("() => localStorage.getItem('erb.till.token')") is None
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Relier cette caisse au magasin")).to_be_visible()

    def test_says_plainly_when_the_network_is_gone(self, open_till):
        page = open_till([("", 2)], token=token(TillFactory()))
        page.context.set_offline(True)
        expect(page.get_by_role("alert")).to_contain_text("Pas de réseau")
        page.context.set_offline(False)
        expect(page.get_by_role("alert")).to_be_hidden()

    def test_has_no_fault_axe_can_find_on_any_of_its_screens(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant)
        offer(till.merchant, kind="gift", gift="un café")
        page = open_till([("", 2)], token=token(till))
        faults = {"scan": Axe().run(page).response["violations"]}
        page.fill("#code", typed_code(made))
        page.keyboard.press("Enter")
        expect(page.locator("#holder")).to_be_visible()
        faults["sale"] = Axe().run(page).response["violations"]
        page.get_by_role("button", name="Abandonner").click()
        page.fill("#code", "1")
        page.keyboard.press("Enter")
        expect(word(page)).to_be_visible()
        faults["result"] = Axe().run(page).response["violations"]
        assert {screen: [fault["id"] for fault in found] for screen, found in faults.items() if found} == {}

    def test_lets_the_arrow_keys_walk_through_several_offers(self, open_till):
        till, made = TillFactory(), card()
        offer(till.merchant, title="First", percent=10)
        offer(till.merchant, title="Second", percent=20)
        page = open_till([("", 2)], token=token(till))
        page.fill("#code", typed_code(made))
        page.keyboard.press("Enter")
        expect(page.get_by_role("radio").first).to_be_focused()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        page.keyboard.type("10")
        expect(page.get_by_role("button", name="Valider : 8,00 € à payer")).to_be_visible()

    @pytest.mark.parametrize("width", [320, 360, 1280])
    def test_fits_its_screen_without_scrolling_sideways(self, open_till, width):
        till, made = TillFactory(), card()
        offer(till.merchant, title="Une offre au titre particulièrement long pour un petit écran")
        page = open_till([("", 2)], token=token(till))
        page.set_viewport_size({"width": width, "height": 640})
        page.fill("#code", typed_code(made))
        page.keyboard.press("Enter")
        expect(page.locator("#amount")).to_be_visible()
        page.fill("#amount", "12,50")
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        box = page.get_by_role("button", name="Valider").bounding_box()
        assert box and box["y"] + box["height"] <= 640 and box["height"] >= 64
