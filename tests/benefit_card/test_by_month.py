"""Redemptions lie in a table for each month: they land where their sale was, and a question about days opens few tables."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.core import checks
from django.db import IntegrityError, connection, transaction

from benefit_card import months
from benefit_card.entry_form import read_entry
from benefit_card.models import Redemption, Shown, Signal, Undone
from benefit_card.services import offline, partitions
from tests.benefit_card.device import Device
from tests.factories.benefit_card import TillFactory, card, offer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 31, 20, tzinfo=UTC)  # ten in the evening of the last day of March
LONG_AGO = datetime(2019, 3, 31, 21, 59, tzinfo=UTC)  # a minute before April in Paris


@pytest.fixture(autouse=True)
def _last_evening_of_march():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def sell():
    till, made = TillFactory(), card()
    row = offer(till.merchant)

    def sell(at: datetime, **more) -> Redemption:
        return Redemption.objects.create(
            client_id=uuid.uuid4(), card=made, person=made.person, merchant=till.merchant, till=till, offer=row,
            offer_version=row.current, shown=Shown.PRINT, gross_cents=100, discount_cents=1, period="ever", at=at, **more,
        )  # fmt: skip

    sell.till, sell.card, sell.offer = till, made, row
    return sell


def table(row: Redemption) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM benefit_card_redemption WHERE id = %s", [row.pk])
        return cursor.fetchone()[0]


class TestMonth:
    def test_takes_what_was_sold_in_it_up_to_midnight_in_paris(self, sell):
        """case: March ends at midnight in Paris, and numbers begin with the month."""
        assert partitions.ensure(since=LONG_AGO, until=LONG_AGO + timedelta(minutes=2)) == 2
        assert partitions.ensure(since=LONG_AGO, until=LONG_AGO + timedelta(minutes=2)) == 0
        march, april = sell(LONG_AGO), sell(LONG_AGO + timedelta(minutes=1))
        assert (table(march), table(april)) == ("benefit_card_redemption_2019_03", "benefit_card_redemption_2019_04")
        assert march.pk // months.PER_MONTH == 2019 * 12 + 3 and march.pk < april.pk
        assert partitions.outside() == 0

    def test_takes_a_late_sale_into_the_month_in_which_it_was_made(self, sell):
        """case: a sale made without network arrives after the end of its month."""
        partitions.ensure(since=NOW, until=NOW + timedelta(days=5))
        entry = read_entry(Device(sell.till).entry(sell.card, sell.offer, at=NOW))
        (answer,) = offline.sync(till=sell.till, rows=[entry], at=NOW + timedelta(days=5))
        assert answer["verdict"] == "accepted"
        row = Redemption.objects.get()
        assert (table(row), row.arrived_at) == ("benefit_card_redemption_2026_03", NOW + timedelta(days=5))

    def test_refuses_a_number_of_another_month(self, sell):
        with pytest.raises(IntegrityError, match="redemption_number_begins_with_its_month"), transaction.atomic():
            sell(NOW, id=months.first_number(LONG_AGO) + 1)

    def test_without_a_table_loses_nothing_and_is_reported(self, sell):
        """case: the worker stood still for months, and the tills went on."""
        row = sell(LONG_AGO)
        assert table(row) == "benefit_card_redemption_other"
        assert partitions.ensure(since=LONG_AGO, until=LONG_AGO) == 0
        (warning,) = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
        assert warning.id == "benefit_card.W001"

    def test_takes_up_its_rows_once_it_has_a_table(self, sell, caplog):
        """case: two months without a table: sales, an undoing and what points at them move whole, others stay where they are."""
        here, april = sell(NOW), LONG_AGO + timedelta(minutes=1)
        sold, undone, later = sell(LONG_AGO), sell(LONG_AGO), sell(april)
        back = sell(april, voids=undone)
        signal = Signal.objects.create(kind="elsewhere", key="x:1", redemption=sold, raised_at=NOW)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        before = list(Redemption.objects.order_by("pk").values())
        partitions.prepare(at=NOW)
        assert [table(row) for row in (sold, undone, later, back)] == [
            f"benefit_card_redemption_2019_{month}" for month in ("03", "03", "04", "04")
        ]
        assert table(here) != "benefit_card_redemption_other" and partitions.outside() == 0
        assert list(Redemption.objects.order_by("pk").values()) == before
        assert list(Undone.objects.values_list("pk", "by")) == [(undone.pk, back.pk)]
        assert "2 redemptions of 2019-03-01 were moved" in caplog.text
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated")
            assert cursor.fetchone() == (0,)
        for gone, error in ((sold, signal), (back, undone)):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    "DELETE FROM benefit_card_redemption WHERE id = %s; SET CONSTRAINTS ALL IMMEDIATE", [gone.pk]
                )
            assert error.pk
        with pytest.raises(IntegrityError, match="undone"), transaction.atomic():
            sell(april, voids=undone)
        assert partitions.prepare(at=NOW) == 0

    def test_is_missed_by_the_health_page_before_it_comes(self, sell):
        partitions.prepare(at=NOW)
        assert partitions.missing(at=NOW) == []
        assert partitions.missing(at=LONG_AGO) == [date(2019, 3, 1), date(2019, 4, 1)]

    def test_has_its_table_long_before_it_comes(self, sell):
        partitions.prepare(at=NOW)
        assert table(sell(datetime(2026, 6, 30, 12, tzinfo=UTC))) == "benefit_card_redemption_2026_06"


class TestQuestionAboutDays:
    def test_opens_the_tables_of_their_months_and_no_other(self, sell):
        """case: a dashboard of one month does not touch the years before."""
        partitions.ensure(since=LONG_AGO, until=LONG_AGO + timedelta(days=300))
        start, end = months.bounds(date(2019, 6, 1))
        plan = Redemption.objects.counted().filter(merchant=sell.till.merchant).between(start, end).explain()
        assert set(_opened(plan)) == {"benefit_card_redemption_2019_06", "benefit_card_redemption_other"}

    def test_by_number_opens_one(self, sell):
        partitions.prepare(at=NOW)
        row = sell(NOW)
        assert set(_opened(Redemption.objects.filter(pk=row.pk).explain())) == {"benefit_card_redemption_2026_03"}


def _opened(plan: str) -> list[str]:
    words = plan.replace("(", " ").split()
    tables = [after for before, after in pairwise(words) if before == "on"]
    return [found for found in tables if found.startswith("benefit_card_redemption_") and "idx" not in found]
