"""Who works at a till, and cards that only show how it works."""

import io
from datetime import UTC, datetime

import pytest
import time_machine
from pypdf import PdfReader

from benefit_card.models import Card, Quota, Redemption, RedemptionRequest
from benefit_card.services import cards as card_services
from benefit_card.services import specimens
from companies.errors import NotAllowed
from companies.models import AuditEntry
from merchants.services import cashiers
from tests.benefit_card.device import Device
from tests.factories.benefit_card import ShopFactory, TillFactory, card, offer, print_code, sale
from tests.factories.companies import UserFactory
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)
PIN = "4711"


@pytest.fixture
def till():
    return TillFactory(last_seen_at=NOON)


@pytest.fixture
def cashier(till):
    return cashiers.add(actor=owner(till.merchant), shop=till.shop, name="Zoé", pin=PIN, at=NOON)


@pytest.fixture
def ask(at_till, till):
    def ask(path, body, *, at=None):
        return at_till(at or till).post(f"/api/v1/{path}/", body, format="json")

    with time_machine.travel(NOON, tick=False) as clock:
        ask.clock = clock
        yield ask


def sign_in(ask, cashier, pin=PIN, **more):
    return ask("tills/cashier", {"cashier": cashier.pk, "pin": pin}, **more)


class TestCashier:
    def test_opens_the_till_with_a_pin_and_stands_on_every_sale(self, ask, till, cashier):
        made, row = card(), offer(till.merchant)
        for path, body in (("scans", {"code": print_code(made)}), ("redemptions", sale(made, row))):
            answer = ask(path, body)
            assert (answer.status_code, answer.data["code"]) == (403, "cashier_required")
        text = sign_in(ask, cashier).data["cashier_pass"]
        assert ask("scans", {"code": print_code(made), "cashier": text}).status_code == 200
        assert ask("redemptions", sale(made, row, cashier=text)).status_code == 201
        assert Redemption.objects.get().cashier == cashier

    def test_is_locked_out_after_five_wrong_pins_even_with_the_right_one(self, ask, cashier):
        """Threat: stolen till phone: PIN per cashier."""
        assert [sign_in(ask, cashier, "0815").status_code for _try in range(5)] == [403] * 5
        assert sign_in(ask, cashier).status_code == 429
        assert AuditEntry.objects.filter(action="till.pin_wrong").count() == 5

    def test_works_in_one_shop_only(self, ask, till, cashier):
        """A pass is bound to its till, a PIN to its shop."""
        other = TillFactory(last_seen_at=NOON)
        assert sign_in(ask, cashier, at=other).status_code == 403
        second = TillFactory(shop=till.shop, last_seen_at=NOON)
        text = sign_in(ask, cashier).data["cashier_pass"]
        assert ask("scans", {"code": print_code(card()), "cashier": text}, at=second).status_code == 403

    def test_that_left_and_a_pass_of_yesterday_sell_nothing(self, ask, till, cashier):
        made, row = card(), offer(till.merchant)
        text = sign_in(ask, cashier).data["cashier_pass"]
        ask.clock.shift(17 * 3600)
        assert ask("redemptions", sale(made, row, cashier=text)).status_code == 403
        text = sign_in(ask, cashier).data["cashier_pass"]
        other = cashiers.add(actor=owner(till.merchant), shop=till.shop, name="Ali", pin="9023", at=NOON)
        cashiers.remove(actor=owner(till.merchant), cashier=cashier, at=NOON)
        assert ask("redemptions", sale(made, row, cashier=text)).status_code == 403
        assert sign_in(ask, other, "9023").status_code == 200

    def test_is_named_on_sales_made_without_network_also_after_the_evening(self, ask, till, cashier):
        made, row = card(), offer(till.merchant)
        text = sign_in(ask, cashier).data["cashier_pass"]
        ask.clock.shift(20 * 3600)
        entry = Device(till).entry(made, row, at=NOON, cashier=text)
        assert ask("redemptions/sync", {"entries": [entry]}).data["results"][0]["verdict"] == "accepted"
        assert Redemption.objects.get().cashier == cashier

    @pytest.mark.parametrize("pin", ["123", "0000", "1234", "4321", "12ab", "1234567"])
    def test_has_no_pin_that_everybody_tries_first(self, till, pin):
        with pytest.raises(cashiers.PinTooSimple):
            cashiers.add(actor=owner(till.merchant), shop=till.shop, name="A", pin=pin, at=NOON)

    def test_is_looked_after_by_the_owner_on_a_page(self, client, till):
        client.force_login(owner(till.merchant))
        url = f"/merchant/{till.merchant.pk}/cashiers/"
        body = {"shop": till.shop.pk, "name": "Zoé", "pin": PIN}
        assert client.post(url, body, follow=True).status_code == 200
        again = client.post(url, body)
        assert "Un caissier porte déjà ce nom" in again.content.decode()
        row = till.shop.cashiers.get()
        assert row.name.encode() in client.get(url).content and PIN not in row.pin_hash
        client.post(f"{url}{row.pk}/pin/", {"pin": "9024"})
        client.post(f"{url}{row.pk}/remove/")
        row.refresh_from_db()
        assert row.removed_at and AuditEntry.objects.filter(action__startswith="cashier.").count() == 3
        with pytest.raises(NotAllowed):
            cashiers.remove(actor=UserFactory(), cashier=row, at=NOON)


class TestSpecimen:
    def test_is_shown_as_such_and_never_counted(self, ask, till):
        """Case: `specimen` card → grey "DÉMO" screen, never counted in statements, quotas or dashboards."""
        row = offer(till.merchant, per_person_limit=2)
        code = specimens.code(at=NOON)
        for shown in (code, specimens.typed()):
            look = ask("scans", {"code": shown}).data
            assert (look["demo"], look["holder"]["first_name"], look["offers"][0]["usable"]) == (True, "Démo", True)
            answer = ask("redemptions", sale(None, row, code=shown))
            assert (answer.status_code, answer.data["demo"], answer.data["discount"]) == (200, True, "4.99")
        for table in (Redemption, RedemptionRequest, Quota, Card):
            assert not table.objects.exists()

    def test_can_be_printed_and_every_one_on_paper_scans_as_such(self, ask, till):
        """Issue 4: specimen cards."""
        page = PdfReader(io.BytesIO(specimens.sheet(at=NOON))).pages[0].extract_text()
        offer(till.merchant)
        for place in range(specimens.ON_PAPER):
            assert specimens.typed(place) in page
        assert ask("scans", {"code": specimens.code(at=NOON, place=specimens.ON_PAPER - 1)}).data["demo"] is True

    def test_brought_by_a_till_without_network_is_refused_and_not_counted(self, ask, till):
        entry = Device(till).entry(None, offer(till.merchant), at=NOON, code=specimens.code(at=NOON))
        assert ask("redemptions/sync", {"entries": [entry]}).data["results"][0]["verdict"] == "refused"
        assert not Redemption.objects.exists()

    def test_has_a_place_no_card_is_ever_given(self, monkeypatch):
        drawn = iter(range(10_000))
        monkeypatch.setattr(card_services.secrets, "randbelow", lambda _space: next(drawn))
        assert card().status_index >= specimens.PLACES


class TestTraining:
    def test_judges_real_cards_and_writes_nothing(self, ask, till):
        made, row = card(), offer(till.merchant, per_person_limit=1)
        answer = ask("redemptions", sale(made, row, training=True))
        assert (answer.status_code, answer.data["demo"], answer.data["remaining_uses"]) == (200, True, 0)
        below = ask("redemptions", sale(made, row, training=True, amount="0"))
        assert below.data["code"] == "amount_invalid"
        assert not Redemption.objects.exists() and not RedemptionRequest.objects.exists()
        assert ask("redemptions", sale(made, row)).data["remaining_uses"] == 0


class TestPairing:
    def test_is_limited_per_address_by_a_counter(self, client):
        ShopFactory()
        answers = [
            client.post("/api/v1/tills/pair/", {"code": "ABCDEFGH"}, content_type="application/json").status_code
            for _guess in range(11)
        ]
        assert answers == [409] * 10 + [429]
