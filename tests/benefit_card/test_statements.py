"""A merchant's month: closed once, to the cent, and never changed by what happens later."""

from __future__ import annotations

import hashlib
import io
import uuid
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.db import DatabaseError, transaction
from django.urls import reverse
from pypdf import PdfReader

from benefit_card import months
from benefit_card.models import LineKind, Redemption, Shown, Standing, Statement, StatementLine
from benefit_card.services import erasure, statement_files, statements, voids
from companies.models import Document, OutboxMail
from tests.factories.benefit_card import TillFactory, card, offer
from tests.factories.companies import UserFactory, staff
from tests.factories.merchants import owner

pytestmark = pytest.mark.django_db
MARCH = date(2026, 3, 1)
CLOSE = datetime(2026, 4, 2, 3, 10, tzinfo=UTC)
NEXT = datetime(2026, 5, 2, 3, 10, tzinfo=UTC)
LAST_MINUTE = datetime(2026, 3, 31, 21, 55, tzinfo=UTC)  # 23:55 in Paris


@pytest.fixture
def shop():
    till = TillFactory()
    row = offer(till.merchant)
    made = card()

    def sell(at, cents=5_000, standing=Standing.OK, till=till, row=row, **more):
        return Redemption.objects.create(
            client_id=uuid.uuid4(), card=made, person=made.person, merchant=till.merchant, till=till, offer=row,
            offer_version=row.current, shown=Shown.PRINT, gross_cents=cents, discount_cents=cents // 10, period="ever",
            at=at, standing=standing, **more,
        )  # fmt: skip

    sell.till, sell.card = till, made
    return sell


class TestMonth:
    def test_begins_and_ends_at_midnight_in_paris(self):
        assert months.bounds(MARCH)[0] == datetime(2026, 2, 28, 23, 0, tzinfo=UTC)
        assert months.bounds(MARCH)[1] == datetime(2026, 3, 31, 22, 0, tzinfo=UTC)

    def test_is_over_a_day_later(self):
        assert months.last_closed(datetime(2026, 4, 1, 21, tzinfo=UTC)) == date(2026, 2, 1)
        assert months.last_closed(CLOSE) == MARCH


class TestClose:
    def test_takes_up_each_redemption_once_and_sums_to_the_cent(self, shop):
        kept, undone = shop(LAST_MINUTE, 4_999), shop(datetime(2026, 3, 3, 9, tzinfo=UTC), 1_250)
        voids.void(till=shop.till, client_id=undone.client_id, at=undone.at + timedelta(minutes=3))
        shop(LAST_MINUTE + timedelta(minutes=10), 777)  # April in Paris
        assert statements.make(at=CLOSE) == 1
        made = Statement.objects.get()
        assert (made.month, made.number) == (MARCH, "REL-2026-00001")
        assert (made.sales, made.voids, made.corrections) == (2, 1, 0)
        assert (made.gross_cents, made.discount_cents) == (4_999, 499)
        assert made.lines.filter(redemption=kept, kind=LineKind.SALE).exists()
        assert statements.differences(MARCH) == []

    def test_makes_nothing_the_second_time(self, shop):
        shop(LAST_MINUTE)
        assert [statements.make(at=CLOSE) for _run in range(3)] == [1, 0, 0]
        assert Statement.objects.count() == 1 and OutboxMail.objects.count() == 0
        assert statements.close(merchant=shop.till.merchant, month=MARCH, at=CLOSE) is None

    def test_gives_an_unbroken_number_to_each_merchant_and_none_to_whom_nothing_happened(self, shop):
        TillFactory()
        other = TillFactory()
        shop(LAST_MINUTE), shop(LAST_MINUTE, till=other, row=offer(other.merchant))
        assert statements.make(at=CLOSE) == 2
        assert list(Statement.objects.order_by("number").values_list("number", flat=True)) == [
            "REL-2026-00001",
            "REL-2026-00002",
        ]

    def test_mails_the_owners_once_with_the_pdf(self, shop):
        who = owner(shop.till.merchant)
        shop(LAST_MINUTE)
        statements.make(at=CLOSE)
        statements.make(at=CLOSE)
        mail = OutboxMail.objects.get(to=who.email)
        assert mail.attachments.get().name == "REL-2026-00001.pdf"


class TestAfterClose:
    def test_a_void_is_a_correction_line_in_the_next_statement_and_the_old_pdf_keeps_its_hash(self, shop):
        """Case: void after the statement is closed → correction line in next statement, old PDF hash unchanged."""
        sale = shop(LAST_MINUTE)
        statements.make(at=CLOSE)
        old = Statement.objects.get()
        before = (old.sha256, old.pdf.sha256, hashlib.sha256(bytes(old.pdf.content)).hexdigest(), old.gross_cents)
        voids.void(till=shop.till, client_id=sale.client_id, at=CLOSE + timedelta(days=3), correction=True)
        assert statements.make(at=NEXT) == 1
        new = Statement.objects.get(month=date(2026, 4, 1))
        assert (new.sales, new.corrections, new.gross_cents, new.discount_cents) == (0, 1, -5_000, -500)
        old = Statement.objects.get(pk=old.pk)
        assert (
            old.sha256,
            old.pdf.sha256,
            hashlib.sha256(bytes(old.pdf.content)).hexdigest(),
            old.gross_cents,
        ) == before
        printed = PdfReader(io.BytesIO(bytes(new.pdf.content))).pages[0].extract_text()
        assert "vente du 31/03/2026 23:55" in " ".join(printed.split()), "the paper names the sale that is taken back"
        assert b"correction" in bytes(new.csv.content) and str(sale.client_id).encode() in bytes(new.csv.content)

    def test_a_sale_made_without_network_that_arrives_later_is_in_the_next(self, shop):
        shop(datetime(2026, 3, 2, 9, tzinfo=UTC))
        statements.make(at=CLOSE)
        shop(LAST_MINUTE, 1_111, arrived_at=CLOSE + timedelta(days=1))
        statements.make(at=NEXT)
        assert Statement.objects.get(month=date(2026, 4, 1)).gross_cents == 1_111

    def test_what_is_written_a_moment_after_the_close_waits_for_the_next(self, shop):
        """Issue 4: corrections on the next: one statement a month, and none of an older month after a newer one."""
        shop(LAST_MINUTE)
        statements.make(at=CLOSE)
        shop(LAST_MINUTE, 222)  # committed while the month was being closed
        shop(LAST_MINUTE + timedelta(days=2), 333)
        assert statements.close(merchant=shop.till.merchant, month=MARCH, at=CLOSE) is None
        statements.make(at=NEXT)
        assert list(Statement.objects.order_by("month").values_list("gross_cents", flat=True)) == [5_000, 555]
        shop(LAST_MINUTE, 444)
        assert statements.close(merchant=shop.till.merchant, month=MARCH, at=NEXT) is None

    def test_nothing_changes_a_statement(self, shop):
        shop(LAST_MINUTE)
        statements.make(at=CLOSE)
        made = Statement.objects.get()
        other = Document.objects.exclude(pk=made.pdf_id).get()
        for change in ({"gross_cents": 1}, {"number": "x"}, {"pdf": other}):
            with pytest.raises(DatabaseError), transaction.atomic():
                Statement.objects.update(**change)
        for gone in (StatementLine, Statement):
            with pytest.raises(DatabaseError), transaction.atomic():
                gone.objects.all()._raw_delete("default")

    def test_an_erased_person_leaves_the_totals_and_the_file(self, shop):
        """Case: Erasure request — statement totals unchanged."""
        shop(LAST_MINUTE)
        statements.close(merchant=shop.till.merchant, month=MARCH, at=CLOSE)
        content = bytes(Statement.objects.get().csv.content)
        shop.card.person.user = UserFactory()
        shop.card.person.save()
        erasure.erase_oneself(actor=shop.card.person.user, confirmed=True, at=CLOSE)
        made = Statement.objects.get()
        assert bytes(made.csv.content) == content and hashlib.sha256(content).hexdigest() == made.sha256
        assert statements.differences(MARCH) == [] and statement_files.pdf(made).startswith(b"%PDF")


class TestConflict:
    def test_of_two_offline_tills_both_are_in_their_statements_and_reconcile(self, shop):
        """Case: Two offline tills, single-use gift → one ok, one conflict; both in their statements, to the cent."""
        other = TillFactory(shop__merchant=shop.till.merchant)
        at = datetime(2026, 3, 8, 9, tzinfo=UTC)
        shop(at, 999, arrived_at=at + timedelta(hours=2))
        shop(at + timedelta(minutes=1), 888, Standing.CONFLICT, till=other, arrived_at=at + timedelta(hours=3))
        statements.make(at=CLOSE)
        made = Statement.objects.get()
        assert (made.sales, made.conflicts, made.gross_cents) == (2, 1, 1_887)
        assert set(made.lines.values_list("kind", flat=True)) == {"sale", "conflict"}
        assert statements.differences(MARCH) == []


class TestPages:
    def test_give_the_owner_the_files_ten_times_an_hour_and_nobody_else(self, shop, client):
        """Threat: malicious CSV: an offer named like a formula is text in the file of the statement."""
        shop(LAST_MINUTE, row=offer(shop.till.merchant, title="=1+1"))
        statements.make(at=CLOSE)
        made, merchant = Statement.objects.get(), shop.till.merchant
        client.force_login(owner(merchant))
        assert made.number in client.get(reverse("benefit_card:statements", args=[merchant.pk])).content.decode()
        (row,) = client.get(reverse("merchant_statements", args=[merchant.pk])).json()["results"]
        assert (row["number"], row["gross"], row["sha256"]) == (made.number, "50.00", made.sha256)
        urls = [reverse(f"benefit_card:statement_{kind}", args=[merchant.pk, made.pk]) for kind in ("csv", "pdf")]
        csv, pdf = (client.get(url) for url in urls)
        assert hashlib.sha256(csv.content).hexdigest() == made.sha256 and pdf.content[:4] == b"%PDF"
        assert shop.card.person.last_name not in csv.content.decode() and ";'=1+1;" in csv.content.decode()
        assert [client.get(urls[0]).status_code for _n in range(9)] == [200] * 8 + [302]
        for stranger in (owner(TillFactory().merchant), staff()):
            client.force_login(stranger)
            assert client.get(urls[0]).status_code == 404

    def test_show_the_staff_sums_and_no_sale(self, shop, client, django_assert_max_num_queries):
        sale = shop(LAST_MINUTE)
        statements.make(at=CLOSE)
        client.force_login(staff())
        with django_assert_max_num_queries(16):
            page = client.get(reverse("benefit_card:staff_statements")).content.decode()
        assert str(sale.client_id) not in page and shop.till.merchant.name not in page
        assert "au centime" in page
        cache.clear()  # not compared since the cache was emptied: the page asks the worker instead of waiting
        with patch("benefit_card.tasks.check_statements.delay_on_commit") as asked:
            pages = [client.get(reverse("benefit_card:staff_statements")).content.decode() for _turn in range(2)]
        assert all("rapprochement avec les lignes en cours" in page for page in pages) and asked.call_count == 1
        statements.check()
        assert (
            "rapprochement avec les lignes en cours"
            not in client.get(reverse("benefit_card:staff_statements")).content.decode()
        )
        assert client.post(reverse("benefit_card:staff_statements")).status_code == 302
