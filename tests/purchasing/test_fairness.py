"""The sentence of the fairness rule: on the pool's page, on the proof sheet and on its paper, with the same two numbers."""

import csv
from datetime import date
from decimal import ROUND_DOWN, Decimal
from io import BytesIO

import pytest
from django.urls import reverse
from django.utils import translation
from pypdf import PdfReader

from companies.states import move
from purchasing.models import Commitment, PriceTier, Quote, QuoteLine, StandAlone, Supplier, TenderInvitation
from purchasing.rules.alone import Market
from purchasing.services import alone, delivery, order
from purchasing.services.bulk import move_needs, needs_of
from purchasing.services.delivery import Count
from purchasing.services.settlement import InvoiceIn, LineIn
from purchasing.states import ORDER, POOL
from tests.purchasing.back import AFTER, CLOSES, OPENED, World, hours, world
from tests.purchasing.billed import Billed

pytestmark = pytest.mark.django_db


@pytest.fixture
def billed(client):
    """A pays 44.49 in the pool and would pay 52.13 alone; B nobody knows."""
    b = Billed(fairness="stand_alone_cap")
    Commitment.objects.filter(company=b.w.companies["A"]).update(stand_alone_cents=5_213)
    Commitment.objects.filter(company=b.w.companies["B"]).update(stand_alone_cents=None)
    b.share()
    client.cookies["language"] = "fr"
    return b


class TestTheSentence:
    def test_says_alone_and_in_the_pool_wherever_a_company_looks(self, client, billed):
        company, pool = billed.w.companies["A"], billed.w.pool
        client.force_login(billed.w.buyers["A"])
        for name in ("company_pool", "proof"):
            page = client.get(reverse(f"purchasing:{name}", args=[company.pk, pool.pk])).content.decode()
            assert "52,13" in page and "44,49" in page and "jamais plus qu" in page
        paper = client.get(reverse("purchasing:proof_pdf", args=[company.pk, pool.pk])).content
        text = PdfReader(BytesIO(paper)).pages[0].extract_text()
        assert "52,13" in text and "44,49" in text

    def test_is_left_out_where_nobody_knows_the_price_alone(self, client, billed):
        company, pool = billed.w.companies["B"], billed.w.pool
        client.force_login(billed.w.buyers["B"])
        with translation.override("fr"):
            page = client.get(reverse("purchasing:company_pool", args=[company.pk, pool.pk])).content.decode()
        assert "Seul " not in page and "jamais plus qu" not in page


class TestTheProofOfTheGuarantee:
    def test_is_computed_again_from_the_sheet_alone(self, client):
        """Fairness: A pays 44.49 at one price, alone 40.00. C saves 3.38 and D 3.82: they carry A's 4.49, 2.11 and 2.38."""
        b = Billed(fairness="stand_alone_cap")
        for letter, cents in {"A": 4_000, "B": None, "C": 6_000, "D": 2_000}.items():
            Commitment.objects.filter(company=b.w.companies[letter]).update(stand_alone_cents=cents)
        b.share()
        client.cookies["language"] = "en"
        paid = {}
        for letter in "ACD":
            company = b.w.companies[letter]
            client.force_login(b.w.buyers[letter])
            sheet = client.get(reverse("purchasing:proof_csv", args=[company.pk, b.w.pool.pk])).content.decode(
                "utf-8-sig"
            )
            rows = [[cell.replace(",", ".") for cell in row] for row in csv.reader(sheet.splitlines(), delimiter=";")][
                1:
            ]
            for _invoice, _line, rule, total, weight, of, exact, rank, net, *_vat in rows:
                if of:  # the exact share cut to cents, and one more for whoever has a rank or the largest rest
                    share = Decimal(total) * int(weight) / int(of)
                    assert abs(Decimal(net) - share) < Decimal("0.01") and Decimal(exact) == share.quantize(
                        Decimal("0.0001"), ROUND_DOWN
                    )
                    assert bool(rank) == (Decimal(net) > share) or "saved by all" in rule
            paid[letter] = rows[-1]
        assert {letter: row[8] for letter, row in paid.items()} == {"A": "-4.49", "C": "2.11", "D": "2.38"}
        assert paid["C"][3:7] == ["4.49", "338", "720", "2.1078"]
        assert "you would pay 4.49 € more than alone" in paid["A"][2]


def two_quotes(**pool) -> World:
    """Ten or more at 10.00 with 30.00 freight wins; another quote sells each at 12.00 with 5.00 freight."""
    w = world(tiers=((1, 100_000),), pack=1, freight_cents=3_000, fairness="stand_alone_cap", **pool)
    other = Supplier.objects.create(name="Autre fournisseur", category="protection", city="Romans")
    invitation = TenderInvitation.objects.create(
        tender=w.pool.tenders.get(),
        supplier=other,
        email="autre@example.org",
        state="lost",
        token_hash=f"quote-{other.pk}",
        expires_at=CLOSES,
    )
    quote = Quote.objects.create(
        invitation=invitation, valid_until=date(2026, 12, 31), freight_cents=500, saved_at=OPENED
    )
    PriceTier.objects.create(quote_line=QuoteLine.objects.create(quote=quote, pool_line=w.line), unit_price_e4=120_000)
    Quote.objects.filter(pk=quote.pk).update(submitted_at=OPENED)
    return w


class TestThePriceAlone:
    def test_is_prepared_before_the_lock_which_computes_only_what_changed(self, monkeypatch):
        w = two_quotes()
        for letter in "ABC":
            w.commit(letter, 10)
        asked = []
        price = Market.price
        monkeypatch.setattr(Market, "price", lambda self, wanted, **how: asked.append(wanted) or price(self, wanted))
        assert alone.prepare(pool=w.pool, at=AFTER) == 3
        w.commit("A", 11, at=hours(9))
        asked.clear()
        monkeypatch.setattr(alone, "prepare", lambda **_: 0)  # as if it came just after
        w.lock()
        assert asked == [{w.line.pk: 11}]
        assert dict(Commitment.objects.values_list("company__name", "stand_alone_cents")) == {
            "A": 13_700,
            "B": 12_500,
            "C": 12_500,
        }

    def test_is_about_what_was_granted_not_about_what_was_wished(self):
        """Wished 10 and 2 more for the pack: 12 units come and are paid, so 12 units alone are the measure."""
        w = world(fairness="stand_alone_cap")
        w.commit("A", 10, 2)
        w.lock()
        assert StandAlone.objects.get().wanted == {str(w.line.pk): 12}

    def test_is_raised_to_what_the_solver_proves(self):
        w = two_quotes()
        w.commit("A", 10)
        w.lock()
        row = StandAlone.objects.get()
        StandAlone.objects.update(cents=row.cents - 700, proven=False, tried=False)
        Commitment.objects.update(stand_alone_cents=row.cents - 700)
        assert alone.due(AFTER) == [w.pool.pk]
        assert alone.prove_all(pool=w.pool, at=AFTER) == 1
        again = StandAlone.objects.get()
        assert (again.cents, again.proven, again.tried) == (12_500, True, True)
        assert Commitment.objects.get().stand_alone_cents == 12_500
        assert alone.due(AFTER) == []


class TestAfterAShortage:
    def test_compares_the_units_that_came(self, client):
        """12 and 8 granted; 6 and 4 came with all the freight: 78.00 and 52.00 at one price, alone 77.00 and 53.00.
        Capped at what was granted (149.00 and 101.00) the first would pay 1.00 more than alone."""
        b = Billed.__new__(Billed)
        b.w = two_quotes()
        b.w.commit("A", 12)
        b.w.commit("B", 8)
        b.w.lock()
        bill(b, came=10, goods=10_000, freight=3_000)
        assert b.total() == [7_700, 5_300]
        assert sorted(Commitment.objects.values_list("stand_alone_cents", "alone_received_cents")) == [
            (10_100, 5_300),
            (14_900, 7_700),
        ]
        client.cookies["language"] = "en"
        client.force_login(b.w.buyers["B"])
        page = client.get(reverse("purchasing:proof", args=[b.w.companies["B"].pk, b.w.pool.pk])).content.decode()
        assert "Less came than you were granted" in page and "53.00" in page.replace(",", ".")

    def test_says_so_when_no_way_to_share_keeps_the_promise(self, client):
        """Five came for two of them at 10.00 with 30.00 freight: 80.00 in all, alone 41.00 and 29.00."""
        b = Billed.__new__(Billed)
        b.w = two_quotes()
        b.w.commit("A", 12)
        b.w.commit("B", 8)
        b.w.lock()
        bill(b, came=5, goods=5_000, freight=3_000)
        assert b.total() == [4_800, 3_200]
        client.cookies["language"] = "en"
        client.force_login(b.w.buyers["A"])
        page = client.get(reverse("purchasing:proof", args=[b.w.companies["A"].pk, b.w.pool.pk])).content.decode()
        assert "no way to share exists" in page and "nobody ever pays more" not in page


def bill(b, *, came, goods, freight):
    """Order, receive less than ordered, end the order, and share the supplier's invoice."""
    (b.order,) = order.prepare(actor=b.w.staff, pool=b.w.pool, at=AFTER)
    move(b.order, "sent", table=ORDER, at=AFTER, actor=b.w.staff, sent_at=AFTER, signed_by=b.w.staff)
    move_needs(needs_of(b.w.pool.pk), "ordered", at=AFTER, actor=b.w.staff)
    move(b.w.pool, "ordered", table=POOL, at=AFTER, actor=b.w.staff)
    line = b.order.lines.get()
    delivery.receive(actor=b.w.staff, order=b.order, counts={line.pk: Count(came)}, at=hours(900))
    b.order.refresh_from_db()
    delivery.close_short(actor=b.w.staff, order=b.order, reason="Rupture", at=hours(910))
    lines = [LineIn("goods", goods, 2000, line.pk, came, 100_000), LineIn("freight", freight, 2000)]
    b.draft = InvoiceIn("F-1", date(2026, 4, 10), lines)
    b.invoice = b.record()
    b.share("test")
