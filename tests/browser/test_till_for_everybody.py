"""The till for whoever cannot use its camera, its colours or its sounds: the typed code, one announcement, no movement."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect

from tests.factories.benefit_card import TillFactory, card, offer, token, typed_code
from tests.factories.companies import UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
REFUSED = "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', '{name}'));"
FAULTS = {
    "denied": REFUSED.replace("{name}", "NotAllowedError"),
    "missing": REFUSED.replace("{name}", "NotFoundError"),
    "insecure": "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});",
    # A picture of a canvas stands for the camera; its track ends as iOS ends one in the background.
    "lost": """navigator.mediaDevices.getUserMedia = async () => {
        const stream = document.createElement("canvas").getContext("2d").canvas.captureStream(5);
        const [track] = stream.getVideoTracks();
        window.lose = () => { track.stop(); track.dispatchEvent(new Event("ended")); };
        return stream; };""",
}
HEARD = """() => { window.heard = [];
  const note = node => { const said = node.textContent.trim(); if (said) heard.push(said); };
  for (const node of document.querySelectorAll("[role=status], [role=alert], [aria-live]"))
    new MutationObserver(() => note(node)).observe(node, {childList: true, characterData: true, subtree: true}); }"""


@pytest.fixture
def open_with(browser: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """A paired till whose browser was changed by a script before the page began."""
    contexts = []

    def start(till: Any, script: str = "", **more: Any) -> Page:
        context = browser.new_context(locale="fr-FR", viewport={"width": 390, "height": 844}, **more)
        contexts.append(context)
        place = json.dumps({"shop": "Cordonnerie Vial", "till": "Comptoir"})
        context.add_init_script(
            f"localStorage.setItem('erb.till.token', {json.dumps(json.dumps(token(till)))});"
            f"localStorage.setItem('erb.till.place', {json.dumps(place)}); {script}"
        )
        page = context.new_page()
        page.goto(f"{live_server.url}/till/", wait_until="domcontentloaded")
        return page

    yield start
    for context in contexts:
        context.close()


class TestWithoutCamera:
    def test_the_typed_code_is_two_tabs_away_and_the_till_says_why(self, open_with):
        """Case: camera denied, no camera, insecure context, stream lost → a typed-code path within 2 tabs."""
        till, made = TillFactory(), card()
        offer(till.merchant)
        said = {}
        for state, script in FAULTS.items():
            page = open_with(till, script, is_mobile=True, has_touch=True)  # nothing has the focus when it opens
            if state == "lost":
                page.wait_for_function("() => window.lose && document.querySelector('#camera').srcObject")
                page.evaluate("() => lose()")
            expect(page.locator("body")).to_have_attribute("data-camera", state)
            expect(page.locator("#camera-note")).to_be_visible()
            said[state] = page.locator("#camera-note").inner_text()
            for _tab in range(2):
                page.keyboard.press("Tab")
                if page.evaluate("() => document.activeElement.id") == "code":
                    break
            assert page.evaluate("() => document.activeElement.id") == "code", state
            page.keyboard.type(typed_code(made))
            page.keyboard.press("Enter")
            expect(page.locator("#holder")).to_contain_text(made.person.first_name)
            page.context.close()
        assert len(set(said.values())) == 4


# Two lenses, and what the till asks of them; what it buzzes and plays.
SENSES = """window.asked = []; window.felt = []; window.played = []; window.stopped = 0;
  const lens = id => ({kind: "videoinput", deviceId: id, label: id});
  navigator.mediaDevices.enumerateDevices = async () => [lens("wide"), lens("close")];
  navigator.mediaDevices.getUserMedia = async ({video}) => {
    const id = video.deviceId?.exact ?? "wide";
    asked.push(id);
    const pen = document.createElement("canvas").getContext("2d");
    setInterval(() => pen.fillRect(0, 0, 9, 9), 50); // a picture that never moves never begins to play
    const stream = pen.canvas.captureStream(10);
    const [track] = stream.getVideoTracks();
    track.getSettings = () => ({deviceId: id});
    const stop = track.stop.bind(track);
    track.stop = () => { window.stopped++; stop(); };
    return stream; };
  navigator.vibrate = pattern => felt.push(pattern);
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (when) { played.push(this.frequency.value); return start.call(this, when); };
"""


class TestSenses:
    def test_another_lens_is_remembered_and_the_camera_comes_back_from_the_background(self, open_with):
        """Issue: lens choice and recovery after background: iOS kills the picture without a word."""
        page = open_with(TillFactory(), SENSES)
        expect(page.locator("body")).to_have_attribute("data-camera", "scanning")
        page.get_by_role("button", name="Changer d’objectif").click()
        page.wait_for_function("() => asked.length === 2")
        assert page.evaluate("() => [asked, stopped]") == [["wide", "close"], 1]
        expect(page.locator("body")).to_have_attribute("data-camera", "scanning")
        for hidden in ("true", "false"):
            page.evaluate(
                f"() => {{ Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}});"
                " document.dispatchEvent(new Event('visibilitychange')); }"
            )
        page.wait_for_function("() => asked.length === 3")
        assert page.evaluate("() => [asked, stopped]") == [["wide", "close", "close"], 2]
        page.reload()
        page.wait_for_function("() => asked.length === 1")
        assert page.evaluate("() => asked") == ["close"]

    def test_a_yes_and_a_no_are_heard_and_felt_apart(self, open_with):
        """Issue: colour + icon + word + sound + vibration."""
        till, made = TillFactory(), card()
        offer(till.merchant)
        page = open_with(till, SENSES)
        page.locator("#code").click()
        page.keyboard.type("12345")
        page.keyboard.press("Enter")
        expect(page.locator("#result")).to_have_attribute("data-tone", "no")
        page.wait_for_function("() => played.length === 2")
        assert page.evaluate("() => [felt, played]") == [[[120, 80, 120]], [220, 165]]
        page.locator("#result-next").click()
        page.fill("#code", typed_code(made))
        page.keyboard.press("Enter")
        expect(page.locator("#amount")).to_be_focused()
        page.keyboard.type("20")
        page.keyboard.press("Enter")
        expect(page.locator("#result")).to_have_attribute("data-tone", "ok")
        page.wait_for_function("() => played.length === 4")
        assert page.evaluate("() => [felt[1], played.slice(2)]") == [80, [880, 1320]]


class TestAResult:
    def test_is_announced_once_and_told_by_word_and_picture(self, open_with):
        """Case: screen reader: scan result announced once; understandable in greyscale, sound off."""
        page = open_with(TillFactory(), FAULTS["missing"])
        expect(page.locator("#code")).to_be_visible()
        page.evaluate(HEARD)
        page.fill("#code", "12345")
        page.keyboard.press("Enter")
        word = page.locator("#result-word")
        expect(word).to_have_text("Vérifiez le code")
        expect(page.locator("#live")).to_contain_text("Vérifiez le code")
        heard = [said for said in page.evaluate("() => heard") if "Vérifiez le code" in said]
        assert len(heard) == 1
        icons = page.locator("#result svg:visible")
        assert icons.count() == 1 and icons.first.get_attribute("data-icon") == "no"
        expect(page.locator("#result-sentence")).not_to_be_empty()

    def test_loses_nothing_at_200_percent_zoom(self, open_with):
        """Case: 200 % zoom and 320 px width without loss: 640 px of screen at 200 % are 320 px for the page."""
        page = open_with(TillFactory(), FAULTS["missing"], device_scale_factor=2)
        page.set_viewport_size({"width": 320, "height": 568})
        page.fill("#code", "12345")
        page.keyboard.press("Enter")
        for part in ("#result-word", "#result-sentence", "#result-next"):
            box = page.locator(part).bounding_box()
            assert box and box["x"] >= 0 and box["x"] + box["width"] <= 320, part
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 320


class TestTheCard:
    def test_moves_in_steps_when_less_movement_is_asked_for(self, browser, live_server):
        """Case: reduced motion respected: the ring steps every five seconds and nothing else moves."""
        made = card()
        made.person.user = UserFactory()
        made.person.save()
        made.activated_at = datetime.now(UTC)
        made.save()
        client = Client()
        client.force_login(made.person.user)
        cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
        found = {}
        for motion in ("reduce", "no-preference"):
            context = browser.new_context(locale="fr-FR", reduced_motion=motion, viewport={"width": 360, "height": 740})
            context.add_cookies([cookie])
            page = context.new_page()
            page.goto(f"{live_server.url}/card/")
            expect(page.locator("#code svg path")).to_be_visible()
            page.evaluate("() => { const into = 12_345; Date.now = () => 1_772_535_600_000 + into; }")
            page.wait_for_function(
                "() => { const to = Number(document.querySelector('#ring').getAttribute('stroke-dashoffset'));"
                " return to > 30 && to < 45; }"  # drawn with the time set above, not with the real one
            )
            found[motion] = float(page.locator("#ring").get_attribute("stroke-dashoffset") or 0)
            if motion == "reduce":
                assert page.evaluate("() => document.getAnimations().length") == 0
            context.close()
        assert found["reduce"] == pytest.approx(10 / 30 * 100, abs=0.01) != found["no-preference"]
