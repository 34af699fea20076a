"""Sixteen tills at the same moment. Real threads, real PostgreSQL, and a proof that the harness can fail."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import F
from django.utils import timezone

from benefit_card import months
from benefit_card.entry_form import read_entry
from benefit_card.models import Card, OfflineEntry, Quota, Redemption, Shown, Undone
from benefit_card.quota import PARTS, SPLIT_FROM, part_name
from benefit_card.refusals import AlreadyVoided
from benefit_card.services import offline, offline_runs, redemption, statements, voids
from benefit_card.services.parts import balance
from merchants.models import Offer, Period, Till
from tests.benefit_card.device import Device
from tests.factories.benefit_card import TillFactory, card, offer, print_code

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 16
Together = Callable[[Callable[[int], object]], list[object]]


@pytest.fixture
def together() -> Iterator[Together]:
    """Run one call in each of 16 threads, all released by one barrier; connections stay open between rounds."""
    barrier = Barrier(THREADS)

    def released(call: Callable[[int], object], number: int) -> object:
        connection.ensure_connection()
        barrier.wait(timeout=30)
        try:
            return call(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        yield lambda call: list(pool.map(lambda number: released(call, number), range(THREADS)))
        list(pool.map(lambda _number: (barrier.wait(timeout=30), connections.close_all()), range(THREADS)))


def redeem(
    till: Till, code: str, row: Offer, client_id: uuid.UUID | None = None, at: datetime | None = None
) -> redemption.Answer:
    return redemption.redeem(
        till=till,
        client_id=client_id or uuid.uuid4(),
        code=code,
        offer_id=row.pk,
        amount_cents=1000,
        version=None,
        at=at or datetime.now(UTC),
    )


def codes(answers: list[object]) -> Counter[object]:
    """How often each answer came; an exception, such as a deadlock, counts as itself."""
    return Counter(
        answer.body.get("code", answer.status) if isinstance(answer, redemption.Answer) else repr(answer)
        for answer in answers
    )


def insert(row: Offer, till: Till, made: Card, **more: Any) -> Redemption:
    """A redemption without any counter, as the naive ways write it."""
    said = {"client_id": uuid.uuid4(), "at": datetime.now(UTC), **more}
    return Redemption.objects.create(
        card=made, person_id=made.person_id, merchant=till.merchant, till=till, offer=row, offer_version=row.current,
        shown=Shown.PRINT, gross_cents=1000, discount_cents=100, period="ever", **said,
    )  # fmt: skip


def next_month() -> datetime:
    """Noon of the first day of next month: its redemptions lie in another table."""
    return months.bounds(months.after(datetime.now(UTC).date()))[0] + timedelta(hours=12)


def overrun(attempt: Callable[[Offer], int], till: Till, *, allowed: int, terms: dict[str, Any]) -> bool:
    """Whether a naive way lets more through than allowed, within 20 rounds: else the harness proves nothing."""
    return any(attempt(offer(till.merchant, **terms)) > allowed for _round in range(20))


class TestSingleUseOffer:
    def test_is_redeemed_exactly_once_by_sixteen_tills_in_a_hundred_rounds(self, together):
        """Case, and Threat "parallel redemption": 16 at once, single use → one 201, fifteen 409; 100 runs."""
        till = TillFactory()
        code = print_code(card())
        for _round in range(100):
            row = offer(till.merchant, per_person_limit=1)
            answers = together(lambda _number, row=row: redeem(till, code, row))
            assert codes(answers) == {201: 1, "limit_reached": 15}
            refused = [answer.body for answer in answers if answer.status == 409]
            first = timezone.localtime(Redemption.objects.get(offer=row).at).isoformat()
            assert {(body["shop"], body["used_at"]) for body in refused} == {(till.shop.name, first)}
        assert Redemption.objects.count() == sum(Quota.objects.values_list("used", flat=True)) == 100

    def test_would_be_redeemed_too_often_by_check_then_insert(self, together):
        """The same harness over the naive way: it must see the fault, or it proves nothing."""
        till, made = TillFactory(), card()

        def naive(row: Offer) -> bool:
            with transaction.atomic():
                if Redemption.objects.filter(offer=row, person_id=made.person_id).count() >= 1:
                    return False
                insert(row, till, made)
                return True

        one = {"per_person_limit": 1}
        assert overrun(lambda row: together(lambda _number: naive(row)).count(True), till, allowed=1, terms=one)


class TestLimits:
    def test_of_person_and_stock_together_hold_without_deadlock(self, together):
        """Case: several quota rows in sorted order."""
        till = TillFactory()
        holders = [print_code(card()) for _holder in range(4)]
        for _round in range(10):
            row = offer(till.merchant, per_person_limit=2, stock=5)
            answers = codes(together(lambda number, row=row: redeem(till, holders[number % 4], row)))
            assert answers[201] == 5
            assert answers[201] + answers["limit_reached"] + answers["stock_used_up"] == 16
            assert Quota.objects.get(scope="stock", key=str(row.pk)).used == 5


class TestRollingWindow:
    """case: rolling windows hold under concurrency, sixteen tills at once."""

    TERMS = {"per_person_limit": 2, "period": Period.ROLLING, "window_days": 30}

    def test_allows_as_many_as_it_says_to_sixteen_tills(self, together):
        """Case: a rolling window under concurrency."""
        till = TillFactory()
        code = print_code(card())
        for _round in range(10):
            row = offer(till.merchant, **self.TERMS)
            assert codes(together(lambda _number, row=row: redeem(till, code, row))) == {201: 2, "limit_reached": 14}
            assert len(Quota.objects.get(key__endswith=f":{row.pk}").days) == 2

    def test_would_be_overrun_by_check_then_insert(self, together):
        """Case: the harness sees the naive way fail for a rolling window."""
        till, made = TillFactory(), card()

        def naive(row: Offer) -> bool:
            with transaction.atomic():
                since = datetime.now(UTC) - timedelta(days=30)
                if Redemption.objects.filter(offer=row, person_id=made.person_id, at__gt=since).count() >= 2:
                    return False
                insert(row, till, made)
                return True

        assert overrun(lambda row: together(lambda _number: naive(row)).count(True), till, allowed=2, terms=self.TERMS)


class TestSplitStock:
    """case: a hot stock in parts is sold to the last use and not beyond."""

    def test_is_sold_to_the_last_use_by_sixteen_tills(self, together):
        """Case: a hot stock in sub-counters is sold exactly."""
        till = TillFactory()
        holders = [print_code(card()) for _holder in range(4)]
        for left in (1, 5, 15, 3):
            row = offer(till.merchant, stock=SPLIT_FROM, per_person_limit=9)
            Quota.objects.create(scope="stock", key=str(row.pk), period="ever", used=SPLIT_FROM - left)
            answers = codes(together(lambda number, row=row: redeem(till, holders[number % 4], row)))
            assert answers == {201: left, "stock_used_up": 16 - left}
            parts = Quota.objects.filter(scope="stock", key=str(row.pk)).values_list("used", "cap")
            assert sum(used for used, _cap in parts) == sum(cap for _used, cap in parts) == SPLIT_FROM

    def test_would_be_oversold_by_check_then_insert(self, together):
        """Case: Reading the sum of the parts and then counting one of them up is not enough."""
        till = TillFactory()

        def naive(row: Offer, number: int) -> bool:
            with transaction.atomic():
                parts = Quota.objects.filter(scope="stock", key=str(row.pk))
                if sum(parts.values_list("used", flat=True)) >= 2:
                    return False
                parts.filter(period=part_name(number % PARTS)).update(used=F("used") + 1)
                return True

        def sold(row: Offer) -> int:
            balance(offer_id=row.pk, stock=SPLIT_FROM)
            return together(lambda number: naive(row, number)).count(True)

        assert overrun(sold, till, allowed=2, terms={"stock": SPLIT_FROM})


class TestCombination:
    def test_of_two_offers_that_exclude_each_other_happens_for_neither_order(self, together):
        """case: of an offer that stands alone and another at the same moment, one kind wins."""
        till = TillFactory()
        code = print_code(card())
        alone, other = offer(till.merchant, combine="alone", stock=9), offer(till.merchant, per_person_limit=9)
        answers = together(lambda number: redeem(till, code, (alone, other)[number % 2]))
        assert codes(answers) == {201: 8, "not_combinable": 8}
        assert len(set(Redemption.objects.values_list("offer", flat=True))) == 1


class TestRetry:
    def test_of_one_sale_by_sixteen_requests_is_one_sale_and_one_answer(self, together):
        """Threat: network retry / double tap: same id ×16."""
        till = TillFactory()
        code = print_code(card())
        for _round in range(10):
            row, client_id = offer(till.merchant, per_person_limit=1, stock=3), uuid.uuid4()
            answers = together(lambda _number, row=row, client_id=client_id: redeem(till, code, row, client_id))
            assert {answer.status for answer in answers} == {201}
            assert all(answer.body == answers[0].body for answer in answers)
            assert Redemption.objects.filter(offer=row).count() == 1

    def test_around_the_end_of_a_month_is_one_sale(self, together):
        """Case: the same id while one month's table ends and the next begins; the request decides, not the table."""
        till = TillFactory()
        code = print_code(card())
        times = (datetime.now(UTC), next_month())
        for _round in range(5):
            row, client_id = offer(till.merchant), uuid.uuid4()
            answers = together(
                lambda number, row=row, client_id=client_id: redeem(till, code, row, client_id, times[number % 2])
            )
            assert codes(answers) == {201: 16} and all(answer.body == answers[0].body for answer in answers)
            assert Redemption.objects.filter(client_id=client_id).count() == 1

    def test_would_be_two_sales_without_the_request(self):
        """The tables of two months do not see each other's ids: the harness above can fail."""
        till, made = TillFactory(), card()
        row, client_id = offer(till.merchant), uuid.uuid4()
        insert(row, till, made, client_id=client_id)
        with pytest.raises(IntegrityError):
            insert(row, till, made, client_id=client_id)
        insert(row, till, made, client_id=client_id, at=next_month())
        assert Redemption.objects.filter(client_id=client_id).count() == 2


class TestSync:
    def test_of_the_same_entries_by_sixteen_at_once_counts_each_once(self, together):
        """Case: a queue that is sent again while it is still being taken in."""
        till = TillFactory()
        device, made = Device(till), card()
        row = offer(till.merchant, per_person_limit=9)
        entries = [device.entry(made, row, at=datetime.now(UTC)) for _entry in range(3)]

        def send(number: int) -> Counter[str]:
            mine = entries if number % 2 else entries[::-1]
            answers = offline.sync(till=till, rows=[read_entry(raw) for raw in mine], at=datetime.now(UTC))
            return Counter(answer["verdict"] for answer in answers)

        answers = together(send)
        assert sum((answer for answer in answers), Counter()) == {"accepted": 3, "replayed": 45}
        assert Redemption.objects.count() == OfflineEntry.objects.count() == Quota.objects.get().used == 3

    def test_answers_each_fate_once_and_repeats_it(self, together):
        """Case: what never became a sale has no request behind it: only the entry's own claim tells the first sending."""
        till = TillFactory()
        device, made, now = Device(till), card(), datetime.now(UTC)
        once, free = offer(till.merchant, per_person_limit=1), offer(till.merchant)
        offline.sync(till=till, rows=[read_entry(device.entry(made, once, at=now))], at=now)
        for _round in range(3):
            entries = {
                "conflict": device.entry(made, once, at=now),
                "late": device.entry(made, free, at=now - timedelta(days=8)),
                "refused": device.entry(made, free, at=now, amount="0"),
                "accepted": device.entry(made, free, at=now, undone=True),
            }

            def send(_number: int, entries: Any = entries) -> list[tuple[str, str]]:
                rows = [read_entry(raw) for raw in entries.values()]
                return [(row["first"], row["verdict"]) for row in offline.sync(till=till, rows=rows, at=now)]

            answers = together(send)
            for place, fate in enumerate(entries):
                assert Counter(answer[place] for answer in answers) == {(fate, fate): 1, (fate, "replayed"): 15}
        assert Redemption.objects.count() == 4 and Quota.objects.get().used == 1

    def test_of_queues_with_the_same_cards_in_any_order_holds_the_limit_without_deadlock(self, together, monkeypatch):
        """Case: eight queues over one set of cards, each sent twice at once; a deadlock would be swallowed, here it is not."""
        monkeypatch.setattr(offline_runs, "DatabaseError", ZeroDivisionError)
        till = TillFactory()
        device, now, cards = Device(till), datetime.now(UTC), [card() for _holder in range(6)]
        row = offer(till.merchant, per_person_limit=6)
        queues = [[device.entry(made, row, at=now) for made in cards] for _till in range(8)]

        def send(number: int) -> Counter[str]:
            mine = queues[number // 2] if number % 2 else queues[number // 2][::-1]
            answers = offline.sync(till=till, rows=[read_entry(raw) for raw in mine], at=now)
            return Counter(answer["verdict"] for answer in answers)

        answers = together(send)
        assert sum((answer for answer in answers), Counter()) == {"accepted": 36, "conflict": 12, "replayed": 48}
        assert list(Quota.objects.values_list("used", flat=True)) == [6] * 6


class TestStatement:
    def test_of_a_month_is_closed_once_by_sixteen_under_one_number(self, together):
        """Issue 4: immutable number: two workers that close at once make one statement, and no number is lost."""
        till, made = TillFactory(), card()
        row, march = offer(till.merchant), date(2026, 3, 1)
        insert(row, till, made, at=datetime(2026, 3, 5, 9, tzinfo=UTC))
        close = datetime(2026, 4, 2, 1, tzinfo=UTC)
        made_now = together(lambda _number: statements.close(merchant=till.merchant, month=march, at=close))
        assert Counter(type(one).__name__ for one in made_now) == {"Statement": 1, "NoneType": 15}
        other = TillFactory()
        insert(offer(other.merchant), other, made, at=datetime(2026, 3, 6, 9, tzinfo=UTC))
        following = statements.close(merchant=other.merchant, month=march, at=close)
        assert following is not None and following.number.endswith("00002")


class TestVoid:
    def test_is_won_by_one_of_sixteen(self, together):
        """Case: two parallel voids → one succeeds."""
        till = TillFactory()
        code = print_code(card())
        row, client_id = offer(till.merchant, per_person_limit=1), uuid.uuid4()
        redeem(till, code, row, client_id)
        answers = together(lambda _number: voids.void(till=till, client_id=client_id, at=datetime.now(UTC)))
        assert sum(isinstance(answer, Redemption) for answer in answers) == 1
        assert sum(isinstance(answer, AlreadyVoided) for answer in answers) == 15
        assert Quota.objects.get().used == 0
        assert redeem(till, code, row).status == 201

    def test_in_two_months_is_refused_by_the_key_alone(self):
        """Case: without any lock, two rows that undo one sale from two tables; without the trigger both would stand."""
        till, made = TillFactory(), card()
        row = offer(till.merchant)
        sale = insert(row, till, made)
        insert(row, till, made, voids=sale)
        with pytest.raises(IntegrityError):
            insert(row, till, made, voids=sale, at=next_month())
        assert Undone.objects.get().redemption == sale
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE benefit_card_redemption DISABLE TRIGGER pgtrigger_undone_once_46e10")
            try:
                insert(row, till, made, voids=sale, at=next_month())
            finally:
                cursor.execute("ALTER TABLE benefit_card_redemption ENABLE TRIGGER pgtrigger_undone_once_46e10")
        assert Redemption.objects.filter(voids=sale).count() == 2
