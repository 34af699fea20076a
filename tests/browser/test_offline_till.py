"""Phone and till side by side while the network is cut, restored and cut again, and both may die at any moment."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.utils.timezone import localdate
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from benefit_card.models import Card, EntryVerdict, OfflineEntry, PublishedList, Redemption, Standing
from benefit_card.services import lists
from merchants import services
from merchants.models import OfflinePolicy
from merchants.services import cashiers
from tests.browser.test_scanner import scan_by_usb, word
from tests.factories.benefit_card import TillFactory, card, offer, phone_code, print_code, token, typed_code
from tests.factories.companies import UserFactory
from tests.factories.merchants import owner

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WAIT = 15_000


@pytest.fixture
def till() -> Any:
    return TillFactory()


@pytest.fixture
def ready(open_till: Any, till: Any) -> Any:
    """Open a till and wait until it can do without network."""

    def start(**more: Any) -> Page:
        page: Page = open_till([("", 2)], token=token(till), **more)
        expect(page.locator("body")).to_have_attribute("data-offline", "green", timeout=WAIT)
        return page

    return start


@pytest.fixture
def phone(browser: Browser, live_server: Any) -> Iterator[Any]:
    """The card on a phone of its own."""
    made = card()
    made.person.user = UserFactory()
    made.person.save()
    made.activated_at = datetime.now(UTC)
    made.save()
    client = Client()
    client.force_login(made.person.user)
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="fr-FR")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/card/")
    expect(page.locator("#code svg path")).to_be_visible()
    yield made, page
    context.close()


def shown(page: Page) -> str:
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(page.locator("#code").screenshot())))
    assert len(found) == 1
    return str(found[0].text)


def sell(page: Page, text: str, price: str = "20") -> None:
    scan_by_usb(page, text)
    expect(page.locator("#amount")).to_be_focused(timeout=WAIT)
    page.locator("#amount").fill(price)
    page.keyboard.press("Enter")
    expect(word(page)).to_have_text("Acceptée", timeout=WAIT)


def waiting(page: Page, count: int) -> None:
    expect(page.locator("body")).to_have_attribute("data-waiting", str(count), timeout=WAIT)


def go_on(page: Page) -> None:
    page.locator("#result-next").click()


class TestPhoneAndTill:
    def test_work_without_network_and_everything_arrives_when_it_returns(self, ready, till, phone):
        offer(till.merchant)
        made, holder = phone
        page = ready()
        for cut in (1, 2):  # the network goes, comes back, and goes again
            for screen in (page, holder):
                screen.context.set_offline(True)
            expect(page.get_by_role("alert")).to_contain_text("la caisse continue seule")
            sell(page, shown(holder))
            expect(page.locator("#result-sentence")).to_contain_text("noté sur cette caisse")
            go_on(page)
            sell(page, print_code(made), "10")
            waiting(page, 2)
            assert Redemption.objects.count() == 2 * (cut - 1)
            for screen in (page, holder):
                screen.context.set_offline(False)
            waiting(page, 0)
            go_on(page)
        sold = Redemption.objects.order_by("pk")
        assert [row.shown for row in sold] == ["phone", "print"] * 2
        assert {row.standing for row in sold} == {Standing.OK} and all(row.arrived_at for row in sold)
        page.get_by_role("button", name="Prête sans réseau").click()
        expect(page.locator("#offline-rows li")).to_have_count(4)


class TestTheTill:
    def test_starts_without_network_and_keeps_its_queue_through_a_restart(self, ready, till):
        offer(till.merchant)
        page, made = ready(), card()
        expect(page.locator("body")).to_have_attribute("data-kept", "all", timeout=30_000)
        page.context.set_offline(True)
        sell(page, print_code(made))
        waiting(page, 1)
        page.reload()
        waiting(page, 1)
        sell(page, print_code(made), "30")
        waiting(page, 2)
        page.context.set_offline(False)
        waiting(page, 0)
        assert sorted(Redemption.objects.values_list("gross_cents", flat=True)) == [2000, 3000]

    def test_sends_again_what_the_server_took_before_it_died(self, ready, till):
        """The server commits and dies before it answers; then the browser dies too. Each sale is there once."""
        row = offer(till.merchant, per_person_limit=5)
        page, made = ready(), card()
        page.context.set_offline(True)
        for price in ("10", "20", "30"):
            sell(page, print_code(made), price)
            go_on(page)
        killed: list[int] = []

        def die(route: Route) -> None:
            killed.append(route.fetch().status)
            route.abort()

        page.route("**/redemptions/sync/", die)
        with page.expect_event("requestfailed", lambda request: "sync" in request.url, timeout=WAIT):
            page.context.set_offline(False)
        page.unroute("**/redemptions/sync/")
        page.reload()
        waiting(page, 0)
        assert killed[0] == 200
        assert (Redemption.objects.count(), OfflineEntry.objects.count()) == (3, 3)
        assert row.redemptions.filter(standing=Standing.OK).count() == 3

    def test_turns_a_sale_without_answer_into_one_of_its_own_under_the_same_id(self, ready, till):
        offer(till.merchant, per_person_limit=1, period="rolling", window_days=30)
        page, made = ready(), card()
        sent: list[str] = []

        def lose(route: Route) -> None:
            sent.append(json.loads(route.request.post_data or "")["client_id"])
            route.fetch()  # counted, but the till never hears of it
            route.abort()

        page.route("**/api/v1/redemptions/", lose)
        scan_by_usb(page, print_code(made))
        expect(page.locator("#amount")).to_be_focused(timeout=WAIT)
        page.locator("#amount").fill("20")
        page.keyboard.press("Enter")
        expect(word(page)).to_have_text("Acceptée", timeout=WAIT)
        page.unroute("**/api/v1/redemptions/")
        page.evaluate("() => window.dispatchEvent(new Event('online'))")
        waiting(page, 0)
        entry = OfflineEntry.objects.get()
        assert (str(entry.pk), entry.verdict) == (sent[0], EntryVerdict.REPLAYED)
        assert Redemption.objects.count() == 1
        go_on(page)
        scan_by_usb(page, print_code(made))  # the next scan says when and where, and from when on again
        expect(word(page)).to_have_text("Déjà utilisée", timeout=WAIT)
        again = localdate() + timedelta(days=30)
        for said in (f"({till.shop.name})", f"à partir du {again:%d/%m/%Y}"):
            expect(page.locator("#result-sentence")).to_contain_text(said)

    def test_undoes_a_sale_that_waits_and_leaves_a_trace(self, ready, till):
        offer(till.merchant, per_person_limit=2, combine="alone")
        page, made = ready(), card()
        page.context.set_offline(True)
        scan_by_usb(page, print_code(made))
        expect(page.locator("#amount")).to_be_focused(timeout=WAIT)
        for checked_later in (
            "les utilisations sont comptées plus tard",
            "les autres offres du jour sont vérifiées plus tard",
        ):
            expect(page.locator("#offers")).to_contain_text(checked_later)
        page.locator("#amount").fill("20")
        page.keyboard.press("Enter")
        expect(word(page)).to_have_text("Acceptée", timeout=WAIT)
        page.get_by_role("button", name="Annuler ce passage").click()
        expect(word(page)).to_have_text("Annulé")
        page.context.set_offline(False)
        waiting(page, 0)
        assert OfflineEntry.objects.get().code == "undone" and not Redemption.objects.exists()

    def test_says_what_it_cannot_do_alone(self, ready, till):
        """Case: per-offer policy; a listed card; a typed code; an old half minute: each says why."""
        offer(till.merchant, offline=OfflinePolicy.DYNAMIC)
        made, lost = card(), card()
        Card.objects.filter(pk=lost.pk).update(blocked_at=datetime.now(UTC))
        lists.revocations(at=datetime.now(UTC), changed=True)
        phone_code(made, at=datetime.now(UTC))  # its key is drawn now, and published before the till asks
        page = ready()
        page.context.set_offline(True)
        now = datetime.now(UTC)
        for text, said in [
            (print_code(lost), "Réseau nécessaire"),
            (print_code(made), "Aucune offre"),
            (phone_code(made, at=now, shift=-4), "Ancien code"),
            (print_code(made)[:-2] + ("00" if not print_code(made).endswith("00") else "10"), "Pas une carte ERB"),
        ]:
            scan_by_usb(page, text)
            expect(word(page)).to_contain_text(said, timeout=WAIT)
            go_on(page)
        page.fill("#code", typed_code(made))
        page.keyboard.press("Enter")
        expect(page.locator("#result-sentence")).to_contain_text("Un code tapé demande le réseau")

    @pytest.mark.parametrize(
        ("hours", "state", "limited", "unlimited"),
        [(25, "amber", False, True), (73, "red", False, False)],
    )
    def test_with_an_old_list_takes_what_the_policy_allows(self, ready, till, hours, state, limited, unlimited):
        """Case: list 25 h old: amber, unlimited accepted, limited blocked; 73 h: refused with reason."""
        offer(till.merchant, title="Limitée", per_person_limit=1)
        offer(till.merchant, title="Libre")
        made = card(at=datetime.now(UTC) - timedelta(days=6))
        page = ready()
        page.context.set_offline(True)
        page.evaluate(  # the till believes in a later hour: time passes for the list, not for the device
            f"() => {{ const now = Date.now; Date.now = () => now() + {hours} * 3600000;"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )
        scan_by_usb(page, print_code(made))
        if unlimited:
            expect(page.get_by_role("radio", name="Libre")).to_be_enabled(timeout=WAIT)
            expect(page.get_by_role("radio", name="Limitée")).to_be_disabled()
        else:
            expect(page.locator("#result-sentence")).to_contain_text("plus de trois jours", timeout=WAIT)
        expect(page.locator("body")).to_have_attribute("data-offline", state)

    def test_keeps_the_list_it_had_when_the_new_one_is_corrupted(self, ready, till):
        """Case: corrupted list signature → keep the previous list, banner. Before that: what changed is fetched, no more."""
        offer(till.merchant)
        page = ready()
        page.route("**/api/v1/revocations/", lambda route: route.abort())
        with page.expect_response("**/api/v1/revocations/*/changes/") as told:
            page.evaluate("() => window.dispatchEvent(new Event('online'))")
        assert told.value.json()["format"] == "erb-revocations-changes-1"
        page.wait_for_function(
            "async () => (await (await import('/static/benefit_card/till-db.js')).get('documents')).changes"
        )
        issued = PublishedList.objects.filter(kind="revocations").latest("number")
        issued.document["number"] += 1
        page.route("**/api/v1/revocations/**", lambda route: route.fulfill(json=issued.document))
        page.evaluate("() => window.dispatchEvent(new Event('online'))")
        expect(page.get_by_role("alert")).to_contain_text("n’a pas pu être vérifiée", timeout=WAIT)
        expect(page.locator("body")).to_have_attribute("data-offline", "green")

    def test_whose_clock_is_two_hours_off_says_so_and_needs_the_network(self, ready, till):
        """Case: till clock +2 h: banner online, redemption time = server time; offline D code refused with "horloge"."""
        offer(till.merchant)
        page, made = ready(), card()
        page.evaluate("() => { const now = Date.now; Date.now = () => now() + 2 * 3600000; }")
        sell(page, print_code(made))
        expect(page.get_by_role("alert")).to_contain_text("heure de cet appareil est fausse")
        assert abs(Redemption.objects.get().at - datetime.now(UTC)) < timedelta(minutes=2)
        go_on(page)
        page.context.set_offline(True)
        scan_by_usb(page, phone_code(made, at=datetime.now(UTC)))
        expect(word(page)).to_have_text("Horloge", timeout=WAIT)

    def test_that_was_revoked_keeps_its_queue_and_saves_it_as_a_file(self, ready, till, live_server):
        """Threat: stolen till phone: revoked device upload → 401, queue kept; the way out is a file the owner brings."""
        offer(till.merchant)
        boss = owner(till.merchant)
        page, made = ready(), card()
        page.context.set_offline(True)
        sell(page, print_code(made))
        services.revoke(actor=boss, till=till, at=datetime.now(UTC))
        page.context.set_offline(False)
        expect(word(page)).to_have_text("Caisse déconnectée", timeout=WAIT)
        expect(page.locator("#result-sentence")).to_contain_text("Passages encore en attente : 1")
        go_on(page)
        waiting(page, 1)
        page.get_by_role("button", name="1 à envoyer").click()
        with page.expect_download() as saved:
            page.get_by_role("button", name="Enregistrer un fichier pour ERB").click()
        (entry,) = json.loads(saved.value.path().read_text())["entries"]
        assert entry["amount"] == "20.00" and entry["signature"]
        assert not Redemption.objects.exists()
        client = Client()
        client.force_login(boss)
        office = page.context.browser.new_context(locale="fr-FR")
        office.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        desk = office.new_page()
        for verdict in ("Comptée", "Déjà connue"):  # brought twice, it counts once
            desk.goto(f"{live_server.url}/merchant/{till.merchant.pk}/without-network/")
            desk.locator("input[type=file]").set_input_files(saved.value.path())
            desk.get_by_role("button", name="Vérifier et compter").click()
            expect(desk.get_by_role("row", name="20,00")).to_contain_text(verdict)
        assert Redemption.objects.get().gross_cents == 2000


class TestPeopleAtTheTill:
    def test_say_who_works_and_practise_without_a_trace(self, ready, till):
        """Case: `specimen` card → grey "DÉMO" screen. A cashier opens the till with a PIN, and the card shown before is looked at.

        When the pass ends in the middle of a sale, the price typed and the card stay.
        """
        offer(till.merchant)
        cashiers.add(actor=owner(till.merchant), shop=till.shop, name="Zoé", pin="4711", at=datetime.now(UTC))
        page, made = ready(), card()

        def begin(pin: str) -> None:
            page.get_by_label("Code PIN").fill(pin)
            page.get_by_role("button", name="Commencer", exact=True).click()

        scan_by_usb(page, print_code(made))
        expect(page.get_by_label("Code PIN")).to_be_visible(timeout=WAIT)
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.locator("#cashier").evaluate("box => box.scrollWidth - box.clientWidth") == 0, "nothing is cut off"
        begin("4711")
        expect(page.locator("#amount")).to_be_focused(timeout=WAIT)
        page.locator("#amount").fill("30")
        with patch("benefit_card.services.cashiers.LIVES", timedelta(seconds=-1)):
            page.keyboard.press("Enter")
            expect(page.get_by_label("Code PIN")).to_be_visible(timeout=WAIT)
        begin("4711")
        expect(page.locator("#confirm")).to_be_focused()
        page.keyboard.press("Enter")
        expect(word(page)).to_have_text("Acceptée", timeout=WAIT)
        assert Redemption.objects.get().gross_cents == 3000
        go_on(page)
        expect(page.get_by_role("button", name="Zoé")).to_be_visible()
        page.get_by_role("button", name="Prête sans réseau").click()
        page.get_by_role("button", name="Commencer un entraînement").click()
        page.get_by_role("button", name="Montrer une carte de démonstration").click()
        page.locator("#amount").fill("20")
        page.keyboard.press("Enter")
        expect(word(page)).to_have_text("DÉMO")
        assert Redemption.objects.count() == 1
        assert [fault["id"] for fault in Axe().run(page).response["violations"]] == []
        go_on(page)
        page.get_by_role("button", name="Terminer l’entraînement").click()
        sell(page, print_code(made))
        assert [row.cashier.name for row in Redemption.objects.all()] == ["Zoé", "Zoé"]
