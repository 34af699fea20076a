"""What employees find: offers by words, hours, favourites and distance; the monthly mail and how to end it."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from django.contrib.staticfiles import finders
from django.urls import reverse

from benefit_card.models import Quota
from companies.models import OutboxMail, Person
from companies.tasks import _headers
from merchants import opening, selectors, town_map
from merchants.models import DigestChoice, Favourite, Kind
from merchants.services import discovery
from tests.factories.benefit_card import MerchantFactory, ShopFactory, card, offer
from tests.factories.companies import UserFactory

pytestmark = pytest.mark.django_db
TUESDAY = datetime(2026, 11, 3, 9, 5, tzinfo=UTC)
URL = "/me/offers/"


@pytest.fixture(autouse=True)
def _keys(settings, tmp_path_factory):
    settings.CARD_KEY_DIR = str(tmp_path_factory.getbasetemp() / "card-keys")


@pytest.fixture
def reader(client):
    made = card()
    user = UserFactory()
    Person.objects.filter(pk=made.person_id).update(user=user)
    client.force_login(user)
    return user, made


def shop(name="Chez Élodie", title="10 % sur les chaussures d'été", **terms):
    row = offer(MerchantFactory(name=name), title=title, **terms)
    ShopFactory(merchant=row.merchant, name=name, street="3 côte Jacquemart")
    return row


def bakery():
    words = {"category__slug": "pain", "category__name_fr": "Boulangerie", "category__name_en": "Bakery"}
    row = offer(MerchantFactory(name="Boulangerie du Pont", **words), title="Un pain offert")
    ShopFactory(merchant=row.merchant, street="1 quai Dauphin")
    return row


class TestSearch:
    @pytest.mark.parametrize("text", ["chaussure", "ELODIE", "élodie", "ete", "jacquem", "chaussures romans", "cote"])
    def test_finds_words_in_french_whatever_accents_plurals_and_endings(self, text):
        found = shop()
        bakery()
        assert list(selectors.find_offers(text=text, category=None, today=TUESDAY.date())) == [found]

    @pytest.mark.parametrize("text", ["boulangerie chaussure", "xyz", "' & | ! :*"])
    def test_finds_nothing_where_a_word_is_missing_and_survives_any_text(self, text):
        shop()
        found = list(selectors.find_offers(text=text, category=None, today=TUESDAY.date()))
        assert found == []


class TestHours:
    def test_know_exceptional_closures(self):
        hours, closed = {"2": [["09:00", "18:00"]]}, [["2026-11-01", "2026-11-03"]]
        assert opening.is_open(hours, TUESDAY) and not opening.is_open(hours, TUESDAY, closed)
        assert opening.is_open(hours, datetime(2026, 11, 10, 10), closed)

    def test_open_now_means_a_shop_that_is_open_and_an_offer_that_holds(self, client, reader):
        """Issue: discovery: open now."""
        week = {"2": [["09:00", "12:00"]]}
        terms = {
            "Toujours": {}, "À cette heure": {"hours": [["10:00", "11:00"], ["18:00", "19:00"]]},
            "Ce soir": {"hours": [["11:30", "12:15"], ["18:00", "19:00"]]}, "Demain": {"weekdays": 0b1111101},
            "Exclue": {"excluded": [["2026-11-03", "2026-11-03"]]}, "Fermé": {},
        }  # fmt: skip
        for title, said in terms.items():
            row = offer(MerchantFactory(), title=title, **said)
            ShopFactory(merchant=row.merchant, hours={} if title == "Fermé" else week)
        with time_machine.travel(TUESDAY, tick=False):  # 10:05 in Paris
            found = client.get(URL, {"open_now": "1"}).context["rows"]
            page = client.get(URL).content.decode()
        assert {row.current.title for row in found} == {"Toujours", "À cette heure"}
        assert page.count("pas à cette heure") == 3

    @pytest.mark.parametrize("text", ["demain", "31/02/2026", "15/08/2026 - 01/08/2026"])
    def test_refuse_what_is_no_day(self, text):
        with pytest.raises(ValueError):
            opening.parse_closures(text)


class TestList:
    def test_shows_the_uses_left_before_one_goes(self, client, reader):
        row = shop(kind=Kind.GIFT, gift="Un café", per_person_limit=3)
        assert "3 utilisations restantes" in client.get(URL).content.decode()
        Quota.objects.create(scope="person", key=f"{reader[1].holder_key}:{row.pk}", period="ever", used=3)
        assert "épuisée pour l" in client.get(URL).content.decode()

    def test_puts_favourites_on_top_and_nobody_else_sees_them(self, client, reader):
        shop("A"), shop("Z")
        last = shop("Zz")
        client.post(reverse("merchants:favourite", args=[last.merchant_id]))
        page = client.get(URL).content.decode()
        assert page.index("<strong>Zz</strong>") < page.index("<strong>A</strong>")
        assert client.get(URL, {"mine": "1"}).content.decode().count('class="offer-card"') == 1
        client.post(reverse("merchants:favourite", args=[last.merchant_id]))
        assert not Favourite.objects.exists()

    def test_equals_the_map(self, client, reader):
        for number, name in enumerate(("A", "B", "C")):
            row = shop(name)
            row.merchant.shops.update(lat=f"45.0{number}", lon=f"5.0{number}")
        unplaced = shop("Marché")
        page = client.get(URL).content.decode()
        on_map, names = page.split('<ol class="town__names">')
        assert re.findall(r'<text class="town__name"[^>]*>(\w)<', on_map) == ["A", "B", "C"], "names one can read"
        assert set(re.findall(r'<a href="#m(\d+)" data-dot', on_map)) == set(re.findall(r'<a href="#m(\d+)"', names))
        assert "Marché</p>" in names.split("</details>")[0]
        page = page.replace(f' id="m{unplaced.merchant_id}"', "")
        assert set(re.findall(r'<a href="#m(\d+)"', page)) == set(re.findall(r' id="m(\d+)"', page))
        assert page.count("data-lat=") == 3

    def test_has_a_constant_number_of_queries(self, client, reader, django_assert_max_num_queries):
        for number in range(12):
            shop(f"Shop {number}", per_person_limit=1)
        client.get(URL)
        with django_assert_max_num_queries(17):
            client.get(URL)

    def test_sends_no_position_anywhere(self):
        script = Path(finders.find("merchants/discovery.js")).read_text()
        assert "geolocation" in script and not re.search(r"fetch|XMLHttp|sendBeacon|https?://", script)


class TestMap:
    def test_keeps_every_shop_inside_the_picture(self):
        town = town_map.draw([(45.05, 5.04, 1, "A"), (45.03, 5.09, 2, "B"), (45.04, 5.06, 3, "C")])
        assert town is not None
        assert all(0 < dot.x < town.width and 0 < dot.y < town.height for dot in town.dots)

    @pytest.mark.parametrize(("shops", "least"), [(2, 1), (60, 20), (61, 0)])
    def test_writes_names_where_nothing_is_in_the_way(self, shops, least):
        places = random.Random(shops)
        rows = [(45 + places.random() / 50, 5 + places.random() / 25, n, "Boulangerie") for n in range(shops)]
        town = town_map.draw(rows)
        assert town is not None
        named = [dot for dot in town.dots if dot.name_x is not None]
        assert len(named) >= least
        boxes = [(dot.name_x, dot.name_y - 11, dot.name_x + 70, dot.name_y + 3) for dot in named]
        assert not any(
            one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
            for number, one in enumerate(boxes)
            for other in boxes[:number]
        )
        assert all(min(box[:2]) > 0 and box[2] < town.width and box[3] < town.height for box in boxes)


class TestDigest:
    def test_goes_once_a_month_to_who_asked_and_stops_with_one_click(self, client):
        wants, other = UserFactory(), UserFactory()
        discovery.choose_digest(user=wants, wanted=True, at=TUESDAY)
        row = shop()
        row.created_at = TUESDAY
        row.save()
        assert [discovery.send_digests(at=TUESDAY) for _run in range(2)] == [1, 0]
        mail = OutboxMail.objects.get()
        assert mail.to == wants.email != other.email and row.current.title in mail.body
        headers = _headers(mail)
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        path = "/" + headers["List-Unsubscribe"].strip("<>").split("/", 3)[3]
        client.get(path)
        assert DigestChoice.objects.get().stopped_at is None, "a mail scanner that follows links stops nothing"
        assert client.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
        assert DigestChoice.objects.get().stopped_at is not None
        assert client.post(reverse("merchants:digest_stop", args=["x:y"])).status_code == 404

    @pytest.mark.parametrize(
        "day, hour, left_alone", [(3, 7, True), (3, 9, False), (3, 17, True), (7, 10, True), (8, 10, True)]
    )
    def test_keeps_quiet_at_night_and_at_week_ends(self, day, hour, left_alone):
        assert discovery.quiet(datetime(2026, 11, day, hour, 30, tzinfo=UTC)) is left_alone

    def test_says_nothing_when_there_is_nothing_new(self):
        discovery.choose_digest(user=UserFactory(), wanted=True, at=TUESDAY)
        assert discovery.send_digests(at=TUESDAY) == 0
