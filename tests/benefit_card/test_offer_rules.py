"""Rules of offers at the till: windows, first visits, employers, combinations, excluded days, stocks in parts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from benefit_card import quota
from benefit_card.models import Quota, Redemption
from benefit_card.services import retention
from benefit_card.services.parts import balance
from companies.models import Company, Site
from merchants.models import Kind, Period
from tests.benefit_card.device import Device
from tests.factories.benefit_card import TillFactory, card, offer, print_code, publish, sale

NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)  # a Tuesday, noon in Paris
DAY = timedelta(days=1)
BIG = quota.SPLIT_FROM


@pytest.fixture
def till():
    return TillFactory(last_seen_at=NOON)


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def sell(at_till, till, clock):
    def sell(body, *, at=None):
        return at_till(at or till).post("/api/v1/redemptions/", body, format="json")

    return sell


@pytest.fixture
def deals(at_till, till, clock):
    def deals(made):
        answer = at_till(till).post("/api/v1/scans/", {"code": print_code(made)}, format="json")
        return {deal["id"]: deal for deal in answer.data["offers"]}

    return deals


def undo(at_till, till, body):
    return at_till(till).post(f"/api/v1/redemptions/{body['client_id']}/void/")


@pytest.mark.django_db
class TestRollingWindow:
    TERMS = {"per_person_limit": 2, "period": Period.ROLLING, "window_days": 30}

    def test_allows_two_in_any_thirty_days_and_says_when_again(self, sell, deals, till, clock):
        """case: rolling windows ("30 days") hold over calendar months, counted in days of Paris."""
        made, row = card(), offer(till.merchant, **self.TERMS)
        assert sell(sale(made, row)).data["remaining_uses"] == 1
        clock.shift(20 * DAY)
        assert sell(sale(made, row)).data["remaining_uses"] == 0
        refused = sell(sale(made, row))
        assert (refused.data["code"], refused.data["again_on"]) == ("limit_reached", "2026-04-02")
        shown = deals(made)[row.pk]
        assert (shown["usable"], shown["again_on"]) == (False, "2026-04-02")
        assert (shown["shop"], shown["used_at"]) == (till.shop.name, refused.data["used_at"])
        clock.move_to(datetime(2026, 4, 1, 21, 59, 59, tzinfo=UTC))
        assert sell(sale(made, row)).data["code"] == "limit_reached"
        clock.move_to(datetime(2026, 4, 1, 22, 0, 0, tzinfo=UTC))  # midnight in Paris, summer time since three days
        assert deals(made)[row.pk]["remaining_uses"] == 1
        assert sell(sale(made, row)).data["remaining_uses"] == 0

    def test_gets_a_use_back_from_a_void_and_only_once(self, sell, at_till, till, clock):
        """case: void then redeem again, for a window: the quota is restored once."""
        made, row = card(), offer(till.merchant, **self.TERMS)
        bodies = [sale(made, row), sale(made, row)]
        assert [sell(body).status_code for body in bodies] == [201, 201]
        assert undo(at_till, till, bodies[1]).status_code == 200
        assert undo(at_till, till, bodies[1]).data["code"] == "already_voided"
        assert Quota.objects.get().days == [NOON.date()]
        assert [sell(sale(made, row)).status_code for _again in range(2)] == [201, 409]

    def test_repeats_the_first_answer_to_a_retry(self, sell, till, clock):
        """case: client times out after commit, retries → original response."""
        made, row = card(), offer(till.merchant, **self.TERMS)
        body = sale(made, row)
        first = sell(body).data
        sell(sale(made, row))
        clock.shift(5 * DAY)
        assert sell(body).data == first

    def test_counts_a_late_sale_against_later_ones(self, sell, till, clock, at_till):
        """Case: A sale made without network arrives two days late, after two others: the third in thirty days."""
        made, row = card(), offer(till.merchant, **self.TERMS)
        late = Device(till).entry(made, row, at=NOON)
        clock.shift(2 * DAY)
        assert [sell(sale(made, row)).status_code for _use in range(2)] == [201, 201]
        answer = at_till(till).post("/api/v1/redemptions/sync/", {"entries": [late]}, format="json").data["results"][0]
        assert (answer["verdict"], answer["code"]) == ("conflict", "limit_reached")
        assert Quota.objects.get().used == 2

    def test_survives_a_lowered_limit_and_a_longer_window(self, sell, deals, till, clock):
        """case: limit lowered when more are used → remaining 0 (not −1), no error; raised back."""
        made, row = card(), offer(till.merchant, **self.TERMS)
        sell(sale(made, row)), sell(sale(made, row))
        publish(row, number=2, **{**self.TERMS, "per_person_limit": 1})
        assert deals(made)[row.pk]["remaining_uses"] == 0
        publish(row, number=3, **{**self.TERMS, "per_person_limit": 3, "window_days": 90})
        assert deals(made)[row.pk]["remaining_uses"] == 1

    def test_is_forgotten_when_no_window_reaches_it(self, sell, till):
        made, row = card(), offer(till.merchant, **self.TERMS)
        sell(sale(made, row))
        retention.run(at=NOON + 390 * DAY)
        assert Quota.objects.get().used == 1
        retention.run(at=NOON + 399 * DAY)
        assert not Quota.objects.exists()


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 12), st.integers(1, 4))
def test_a_window_never_holds_more_than_its_limit_in_whatever_order_uses_arrive(numbers, window, limit):
    first, days = date(2026, 3, 1), []
    for number in numbers:
        day = first + number * DAY
        allowed = quota.fits(days, day, window=window, limit=limit)
        naive = all(
            sum(start <= used < start + window * DAY for used in [*days, day]) <= limit
            for start in (first + n * DAY for n in range(-15, 45))
        )
        assert allowed == naive
        if allowed:
            days.append(day)
        free = quota.next_free(days, day, window=window, limit=limit)
        assert free >= day and quota.fits(days, free, window=window, limit=limit)


@pytest.mark.django_db
class TestCalendarPeriods:
    @pytest.mark.parametrize(
        ("period", "last", "first"),
        [
            (Period.DAY, "2026-03-28T22:59:59", "2026-03-28T23:00:00"),  # the night that loses an hour
            (Period.DAY, "2026-03-29T21:59:59", "2026-03-29T22:00:00"),
            (Period.DAY, "2026-10-24T21:59:59", "2026-10-24T22:00:00"),  # the night that gains one
            (Period.DAY, "2026-10-25T22:59:59", "2026-10-25T23:00:00"),
            (Period.WEEK, "2026-03-29T21:59:59", "2026-03-29T22:00:00"),
            (Period.WEEK, "2026-10-25T22:59:59", "2026-10-25T23:00:00"),
            (Period.MONTH, "2026-03-31T21:59:59", "2026-03-31T22:00:00"),
            (Period.YEAR, "2026-12-31T22:59:59", "2026-12-31T23:00:00"),
        ],
    )
    def test_change_at_midnight_in_paris_also_when_the_clocks_change(self, sell, till, clock, period, last, first):
        """case: calendar periods in Europe/Paris, on both DST nights."""
        clock.move_to(datetime.fromisoformat(f"{last}+00:00"))
        made, row = card(), offer(till.merchant, per_person_limit=1, period=period)
        assert [sell(sale(made, row)).status_code for _use in range(2)] == [201, 409]
        clock.move_to(datetime.fromisoformat(f"{first}+00:00"))
        assert [sell(sale(made, row)).status_code for _use in range(2)] == [201, 409]


@pytest.mark.django_db
class TestHolder:
    @pytest.mark.parametrize(
        ("terms", "employment", "eligible"),
        [
            ({"companies": "mine"}, {}, True),
            ({"companies": "other"}, {}, False),
            ({"sites": "mine"}, {}, True),
            ({"sites": "other"}, {}, False),
            ({"companies": "other", "sites": "mine"}, {}, True),
            ({"sizes": ["50-249"]}, {}, True),
            ({"sizes": ["1-9", "10-49", "250+"]}, {}, False),
            ({"contract": "open"}, {}, True),
            ({"contract": "fixed"}, {}, False),
            ({"contract": "fixed"}, {"ends_on": date(2026, 3, 3)}, True),
            ({"contract": "open"}, {"ends_on": date(2026, 3, 3)}, False),
            ({"companies": "mine", "sizes": ["250+"]}, {}, False),
        ],
    )
    def test_gets_the_offers_meant_for_the_employer_and_contract(self, sell, deals, till, terms, employment, eligible):
        made = card(**employment)
        job = made.person.employments.get()
        Company.objects.filter(pk=job.company_id).update(headcount=60)
        job.site = Site.objects.create(company=job.company, name="Atelier")
        job.save()
        mine = {"companies": job.company_id, "sites": job.site_id}
        said = {
            name: [mine[name] + (9_999 if value == "other" else 0)]
            if isinstance(value, str) and name in mine
            else value
            for name, value in terms.items()
        }
        row = offer(till.merchant, **said)
        assert (row.pk in deals(made)) is eligible
        answer = sell(sale(made, row))
        assert answer.data.get("code") == (None if eligible else "not_eligible")
        if not eligible:
            assert job.company.name not in str(answer.data) and not Redemption.objects.exists()

    def test_has_to_meet_everything_with_one_employment(self, deals, till):
        made = card(ends_on=date(2026, 12, 31))
        other = card().person.employments.get()
        row = offer(till.merchant, companies=[other.company_id], contract="fixed")
        made.person.employments.create(company=other.company, starts_on=date(2026, 1, 1))
        assert row.pk not in deals(made)

    def test_is_new_at_a_merchant_until_the_day_after_the_first_visit(self, sell, deals, till, clock):
        made, usual = card(), offer(till.merchant)
        row = offer(till.merchant, first_visit=True, per_person_limit=1)
        sell(sale(made, usual))
        clock.shift(timedelta(hours=2))
        assert deals(made)[row.pk]["usable"], "the same day is the same visit"
        clock.shift(DAY)
        assert deals(made)[row.pk]["code"] == "not_first_visit"
        assert sell(sale(made, row)).data["code"] == "not_first_visit"
        newcomer = card()
        assert [sell(sale(newcomer, row)).data.get("code") for _use in range(2)] == [None, "limit_reached"]

    def test_was_never_there_when_the_sale_was_undone(self, sell, at_till, deals, till, clock):
        made, body = card(), None
        row = offer(till.merchant, first_visit=True, per_person_limit=1)
        body = sale(made, offer(till.merchant))
        sell(body), undo(at_till, till, body)
        clock.shift(DAY)
        assert deals(made)[row.pk]["usable"]

    def test_is_given_what_no_till_can_know_without_network_and_it_is_not_counted(self, at_till, till, clock):
        """Case: Decision 0032: honoured as a conflict, because the till could not look it up."""
        made, device = card(), Device(till)
        row = offer(till.merchant, companies=[0], per_person_limit=1)
        answer = at_till(till).post(
            "/api/v1/redemptions/sync/", {"entries": [device.entry(made, row, at=NOON)]}, format="json"
        )
        assert [(entry["verdict"], entry["code"]) for entry in answer.data["results"]] == [("conflict", "not_eligible")]
        assert not Quota.objects.exists()


@pytest.mark.django_db
class TestCombination:
    def test_of_an_offer_that_stands_alone_is_refused_in_both_orders(self, sell, deals, till):
        alone, five = offer(till.merchant, combine="alone"), offer(till.merchant)
        one, other = card(), card()
        assert sell(sale(one, alone)).status_code == 201
        assert deals(one)[five.pk]["code"] == "not_combinable"
        assert sell(sale(one, five)).data["code"] == "not_combinable"
        assert sell(sale(one, alone)).status_code == 201, "its own limit decides about the same offer"
        assert [sell(sale(other, row)).data.get("code") for row in (five, alone)] == [None, "not_combinable"]

    def test_with_gifts_only_lets_gifts_through(self, sell, till):
        row = offer(till.merchant, combine="gifts")
        gift, five = offer(till.merchant, kind=Kind.GIFT, gift="Un café"), offer(till.merchant)
        made = card()
        found = [sell(sale(made, which)).data.get("code") for which in (gift, row, five, gift)]
        assert found == [None, None, "not_combinable", None]

    def test_ends_with_the_day_in_paris_and_with_a_void(self, sell, at_till, till, clock):
        alone, five = offer(till.merchant, combine="alone"), offer(till.merchant)
        made = card()
        body = sale(made, alone)
        sell(body)
        assert undo(at_till, till, body).status_code == 200
        assert sell(sale(made, five)).status_code == 201
        clock.move_to(datetime(2026, 3, 3, 23, 0, tzinfo=UTC))
        assert sell(sale(made, alone)).status_code == 201

    def test_is_a_matter_of_one_merchant(self, sell, till):
        elsewhere = TillFactory()
        made, alone = card(), offer(till.merchant, combine="alone")
        assert sell(sale(made, alone)).status_code == 201
        assert sell(sale(made, offer(elsewhere.merchant, combine="alone")), at=elsewhere).status_code == 201

    def test_made_without_network_is_honoured_as_a_conflict(self, sell, at_till, till, clock):
        """Case: an exclusion no offline till can know."""
        made, device = card(), Device(till)
        alone, five = offer(till.merchant, combine="alone"), offer(till.merchant)
        sell(sale(made, alone))
        entry = device.entry(made, five, at=NOON)
        answer = at_till(till).post("/api/v1/redemptions/sync/", {"entries": [entry]}, format="json")
        assert [(row["verdict"], row["code"]) for row in answer.data["results"]] == [("conflict", "not_combinable")]

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["any", "gifts", "alone"]), st.booleans()), max_size=5)
    )
    def test_is_judged_alike_in_python_and_in_the_statement(self, uses):
        said = [quota.token(number, kind="gift" if gift else "percent", combine=mode) for number, mode, gift in uses]
        for mine in said:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT NOT EXISTS (SELECT 1 FROM unnest(%(used)s::bigint[]) t (token) WHERE t.token / 8 <> %(offer)s "
                    "AND ((t.token >> 1) & 3 = 2 OR %(mode)s = 2 OR (%(mode)s = 1 AND t.token & 1 = 0) "
                    "OR ((t.token >> 1) & 3 = 1 AND NOT %(gift)s)))",
                    {"used": said, "offer": mine // 8, "mode": mine >> 1 & 3, "gift": bool(mine & 1)},
                )
                assert cursor.fetchone()[0] == quota.combines(mine, said)


@pytest.mark.django_db
class TestHours:
    def test_are_several_spans_in_paris_and_the_till_is_told_when(self, sell, deals, at_till, till, clock):
        """case: weekdays and hours: noon and evening, past midnight, on both DST nights; before and after, why not."""
        row, made = offer(till.merchant, hours=[["11:30", "12:15"], ["22:00", "01:00"]], weekdays=0b1111011), card()
        assert sell(sale(made, row)).status_code == 201
        clock.move_to(datetime(2026, 3, 3, 11, 15, tzinfo=UTC))
        shown = deals(made)[row.pk]
        assert shown["code"] == sell(sale(made, row)).data["code"] == "offer_closed"
        assert "11\u00a0h\u00a030" in shown["reason"] and "1\u00a0h" in shown["reason"]
        for moment, open_ in (
            ("2026-03-28T23:59:59", True),  # 00:59:59 in Paris, an hour before the clock jumps
            ("2026-03-29T00:00:00", False),
            ("2026-03-29T20:00:00", True),  # 22:00 of summer
            ("2026-10-25T20:59:59", False),  # 21:59:59 of winter
            ("2026-10-25T21:00:00", True),
            ("2026-03-04T21:30:00", False),  # a Wednesday, which is not an evening of the offer
            ("2026-03-04T23:30:00", False),  # and its night
        ):
            cache.clear()  # one card, looked at more often than a minute allows
            clock.move_to(datetime.fromisoformat(f"{moment}+00:00"))
            assert deals(made)[row.pk]["usable"] is open_, moment
        (pack,) = at_till(till).get("/api/v1/tills/pack/").data["offers"]
        assert pack["hours"] == [["11:30", "12:15"], ["22:00", "01:00"]] and "22" in pack["when"]

    def test_of_a_sale_without_network_are_judged_at_the_moment_of_the_scan(self, at_till, till, clock):
        row, device = offer(till.merchant, hours=[["11:30", "12:15"], ["18:00", "19:00"]]), Device(till)
        made, moments = (
            [card() for _sale in range(3)],
            [NOON, NOON + timedelta(minutes=15), NOON + timedelta(hours=6, minutes=30)],
        )
        clock.move_to(NOON + timedelta(hours=8))
        entries = [device.entry(one, row, at=at) for one, at in zip(made, moments, strict=True)]
        answer = at_till(till).post("/api/v1/redemptions/sync/", {"entries": entries}, format="json")
        found = [(entry["verdict"], entry["code"]) for entry in answer.data["results"]]
        assert found == [("accepted", ""), ("refused", "offer_closed"), ("accepted", "")]


@pytest.mark.django_db
class TestExcludedDays:
    def test_close_the_offer_and_the_evening_that_began_on_them(self, sell, till, clock):
        row = offer(till.merchant, excluded=[["2026-03-03", "2026-03-04"]])
        assert sell(sale(card(), row)).data["code"] == "offer_closed"
        clock.move_to(datetime(2026, 3, 4, 23, 0, tzinfo=UTC))
        assert sell(sale(card(), row)).status_code == 201


@given(st.lists(st.integers(0, 50), min_size=8, max_size=8), st.integers(0, 600))
def test_the_caps_of_the_parts_add_up_to_the_stock_and_never_take_a_use_back(used, stock):
    found = quota.caps(used, stock)
    assert sum(found) == max(stock, sum(used))
    assert all(cap >= count for cap, count in zip(found, used, strict=True))


@pytest.mark.django_db
class TestSplitStock:
    def test_counts_in_parts_and_tells_what_is_left_of_all(self, sell, deals, till):
        row = offer(till.merchant, stock=BIG)
        made = card()
        lefts = [sell(sale(made, row)).data["remaining_uses"] for _use in range(12)]
        assert lefts == list(range(BIG - 1, BIG - 13, -1))
        parts = Quota.objects.filter(scope="stock", key=str(row.pk))
        assert parts.count() == quota.PARTS and sum(parts.values_list("used", flat=True)) == 12
        assert sum(parts.values_list("cap", flat=True)) == BIG
        assert sum(1 for used in parts.values_list("used", flat=True) if used) > 2
        assert deals(made)[row.pk]["remaining_uses"] == BIG - 12

    def test_takes_over_what_was_counted_in_one_row_and_sells_to_the_last(self, sell, till):
        row = offer(till.merchant, stock=BIG)
        Quota.objects.create(scope="stock", key=str(row.pk), period="ever", used=BIG - 3)
        answers = [sell(sale(card(), row)).data.get("code") for _use in range(5)]
        assert answers == [None, None, None, "stock_used_up", "stock_used_up"]
        assert sum(Quota.objects.values_list("used", flat=True)) == BIG

    def test_lowered_below_what_is_used_leaves_nothing_and_raised_leaves_the_rest(self, sell, deals, till):
        """case: limit lowered → remaining 0 (not −1), no error; raised back → for a stock in parts."""
        row, made = offer(till.merchant, stock=BIG), card()
        for _use in range(4):
            sell(sale(made, row))
        publish(row, number=2, stock=3)
        assert deals(made)[row.pk]["remaining_uses"] == 0
        assert sell(sale(made, row)).data["code"] == "stock_used_up"
        publish(row, number=3, stock=5)
        assert [sell(sale(made, row)).data.get("code") for _use in range(2)] == [None, "stock_used_up"]

    def test_gets_back_from_a_void_what_was_taken_from_its_part(self, sell, at_till, till):
        """Case: void of a sale from a sub-counter."""
        row = offer(till.merchant, stock=BIG)
        balance(offer_id=row.pk, stock=BIG)
        body = sale(card(), row)
        assert sell(body).status_code == 201
        assert undo(at_till, till, body).status_code == 200
        assert set(Quota.objects.values_list("used", flat=True)) == {0}

    def test_is_counted_for_sales_made_without_network(self, at_till, till, clock):
        row, device = offer(till.merchant, stock=BIG), Device(till)
        Quota.objects.create(scope="stock", key=str(row.pk), period="ever", used=BIG - 1)
        entries = [device.entry(card(), row, at=NOON) for _sale in range(2)]
        answer = at_till(till).post("/api/v1/redemptions/sync/", {"entries": entries}, format="json")
        assert [row["verdict"] for row in answer.data["results"]] == ["accepted", "conflict"]


@pytest.mark.django_db
def test_every_rule_together_costs_six_statements_with_the_look_up(at_till, till, clock):
    """Look-up and redemption stay at six statements whatever an offer asks."""
    made = card()
    company = made.person.employments.get().company_id
    row = offer(
        till.merchant, per_person_limit=3, period=Period.ROLLING, window_days=30, stock=BIG, companies=[company],
        combine="alone", excluded=[["2026-07-14", "2026-07-14"]],
    )  # fmt: skip
    balance(offer_id=row.pk, stock=BIG)
    type(till).objects.update(last_seen_at=None)
    with CaptureQueriesContext(connection) as queries:
        at_till(till).post("/api/v1/scans/", {"code": print_code(made)}, format="json")
        assert at_till(till).post("/api/v1/redemptions/", sale(made, row), format="json").status_code == 201
    ours = [
        q["sql"] or "look-up"
        for q in queries
        if not (q["sql"] or "").startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
    ]
    assert len([sql for sql in ours if "signingkey" not in sql]) <= 6, ours
