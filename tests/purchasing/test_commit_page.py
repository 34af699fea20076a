"""The last evening: what a company sees, pays and may not learn."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from purchasing.models import Commitment, Pool
from purchasing.services import progress
from purchasing.services import standing as standings
from tests.purchasing.back import OPENED, hours, world

pytestmark = pytest.mark.django_db(transaction=True)
TIERS = ((1, 42_000), (100, 36_000), (250, 31_500), (500, 29_500))


def page_of(w, letter, **data):
    """The commitment page as a buyer of the company opens it."""
    client = Client(headers={"host": "localhost"})
    client.force_login(w.buyers[letter])
    return client, f"/company/{w.companies[letter].pk}/pools/{w.pool.pk}/commit/"


def typed(w, **quantities):
    lines = list(w.pool.lines.order_by("position"))
    return {f"line{lines[int(n[1:]) - 1].pk}-quantity": str(q) for n, q in quantities.items()}


def text(response):
    return re.sub(r"[\s\u202f\xa0]+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def open_pool(time_machine):
    time_machine.move_to(hours(30))
    return world(tiers=TIERS, pack=1, line_count=40, freight_cents=3_500, franco_cents=50_000)


class TestTheBill:
    def test_is_what_would_be_paid_now_with_what_is_typed_and_keeps_nothing(self, open_pool):
        w = open_pool
        for letter in "ABCD":
            w.commit(letter, 20)
        w.company("E", need=15)
        client, path = page_of(w, "E")
        answer = client.post(path + "preview/", typed(w, l1=20, l2=5), HTTP_HX_REQUEST="true")
        # 100 in all on the first line: 3.60 for everybody; nobody else is on the second one.
        assert "72,00 € 20" in text(answer)
        assert "At most" not in text(answer) or "5" in text(answer)
        assert not Commitment.objects.filter(company=w.companies["E"]).exists()

    def test_proposes_the_need_and_says_what_it_would_cost(self, open_pool):
        w = open_pool
        for letter in "ABCD":
            w.commit(letter, 20)
        w.company("E", need=15)
        client, path = page_of(w, "E")
        page = client.get(path)
        assert 'value="15"' in page.content.decode()
        assert "63,00 € 15" in text(page)  # 95 in all: still 4.20

    def test_shows_every_refusal_and_loses_nothing_typed(self, open_pool):
        w = open_pool
        w.company("E")
        client, path = page_of(w, "E")
        lines = list(w.pool.lines.order_by("position"))
        sent = typed(w, l1=20, l2=30) | {f"line{lines[0].pk}-price_cap": "0,01", f"line{lines[1].pk}-min_useful": "31"}
        page = client.post(path, sent | {"action": "commit"}).content.decode()
        assert page.count("is-wrong") == 2
        assert 'value="0,01"' in page and 'value="30"' in page
        assert not Commitment.objects.exists()

    def test_of_forty_lines_is_confirmed_with_one_tap(self, open_pool):
        w = open_pool
        w.company("E")
        client, path = page_of(w, "E")
        sent = typed(w, **{f"l{n}": n for n in range(1, 41)}) | {"action": "commit"}
        assert client.post(path, sent).status_code == 302
        assert Commitment.objects.filter(state="committed", company=w.companies["E"]).count() == 40


class TestFewCompanies:
    """case: Two members only in a pool: B must not deduce A's quantity from the total."""

    def test_see_a_band_and_a_bill_that_gives_no_quantity_away(self, open_pool):
        """case: two members only, on the page."""
        w = open_pool
        w.commit("A", 41)
        w.commit("B", 29)
        client, path = page_of(w, "B")
        page = text(client.get(path))
        assert "60 à 80 %" in page
        assert not re.search(r"\b(41|70)\b", page)

    @pytest.mark.parametrize("secret", [40, 60, 75, 160])
    def test_learn_nothing_by_trying_quantities(self, open_pool, secret):
        """case: two members only. Whatever A committed, every preview B can ask for reads the same."""
        w = open_pool
        w.commit("A", secret)
        w.company("B")
        client, path = page_of(w, "B")
        seen = [text(client.post(path + "preview/", typed(w, l1=n))) for n in (10, 25, 60, 90)]
        bills = [re.search(r"At most ([\d,]+ €)|Au plus ([\d,]+ €)", page) for page in seen]
        assert all(bills)
        # The price of the own quantity alone and the whole freight: 10 × 4.20 + 35.
        assert "77,00 €" in seen[0]

    def test_pay_their_exact_share_once_four_take_part(self, open_pool):
        w = open_pool
        for letter, quantity in [("A", 40), ("B", 30), ("C", 20), ("D", 10)]:
            w.commit(letter, quantity)
        standing = standings.read(w.pool)
        bill = progress.bill(standing, w.companies["A"])
        assert not bill.at_most
        assert bill.total_cents == 14_400 + 1_400  # 40 of 100 units at 3.60, and 40 % of 35.00


class TestAPoolOfManyLines:
    def test_takes_the_same_queries_for_26_and_for_60_lines_and_1_and_6_companies(self, time_machine):
        time_machine.move_to(hours(30))
        counts = {}
        for lines, companies in ((26, 1), (60, 6)):
            w = world(tiers=TIERS, pack=1, line_count=lines)
            rows = list(w.pool.lines.order_by("position"))
            for letter in "ABCDEF"[:companies]:
                company = w.company(letter)
                Commitment.objects.bulk_create(
                    Commitment(
                        pool_line=line, company=company, state="committed", quantity=5, committed_at=OPENED, version=1
                    )
                    for line in rows
                )
            for name, user, path in (
                ("commit", w.buyers["A"], f"/company/{w.companies['A'].pk}/pools/{w.pool.pk}/commit/"),
                ("company", w.buyers["A"], f"/company/{w.companies['A'].pk}/pools/{w.pool.pk}/"),
                ("pool", w.staff, f"/pools/{w.pool.pk}/"),
                ("goods", w.staff, f"/pools/{w.pool.pk}/goods/"),
            ):
                client = Client(headers={"host": "localhost"})
                client.force_login(user)
                client.get(path)
                counts.setdefault(name, []).append(_queries(client, path))
        assert {name: few == many for name, (few, many) in counts.items()} == dict.fromkeys(counts, True), counts


def _queries(client, path):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


class TestTheLastDay:
    def test_ends_at_the_second(self, open_pool, time_machine):
        w = open_pool
        w.company("A")
        client, path = page_of(w, "A")
        Pool.objects.filter(pk=w.pool.pk).update(closes_at=timezone.now())
        page = client.post(path, typed(w, l1=5) | {"action": "commit"})
        assert page.status_code == 200
        assert 'value="5"' in page.content.decode()  # what was typed is still there
        assert not Commitment.objects.exists()
