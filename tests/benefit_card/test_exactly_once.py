"""Sixteen tills at the same moment. Real threads, real PostgreSQL, and a proof that the harness can fail."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from django.db import connection, connections, transaction

from benefit_card.models import Quota, Redemption, Shown
from benefit_card.refusals import AlreadyVoided
from benefit_card.services import redemption, voids
from merchants.models import Offer, Till
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


def redeem(till: Till, code: str, row: Offer, client_id: uuid.UUID | None = None) -> redemption.Answer:
    return redemption.redeem(
        till=till,
        client_id=client_id or uuid.uuid4(),
        code=code,
        offer_id=row.pk,
        amount_cents=1000,
        version=None,
        at=datetime.now(UTC),
    )


def codes(answers: list[object]) -> Counter[object]:
    """How often each answer came; an exception, such as a deadlock, counts as itself."""
    return Counter(
        answer.body.get("code", answer.status) if isinstance(answer, redemption.Answer) else repr(answer)
        for answer in answers
    )


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
            assert {(body["shop"], bool(body["used_at"])) for body in refused} == {(till.shop.name, True)}
        assert Redemption.objects.count() == sum(Quota.objects.values_list("used", flat=True)) == 100

    def test_would_be_redeemed_too_often_by_check_then_insert(self, together):
        """The same harness over the naive way: it must see the fault, or it proves nothing."""
        till, made = TillFactory(), card()

        def naive(row: Offer) -> bool:
            with transaction.atomic():
                if Redemption.objects.filter(offer=row, person_id=made.person_id).count() >= 1:
                    return False
                Redemption.objects.create(
                    client_id=uuid.uuid4(), card=made, person_id=made.person_id, merchant=till.merchant, till=till,
                    offer=row, offer_version=row.current, shown=Shown.PRINT, gross_cents=1000, discount_cents=100,
                    period="ever", at=datetime.now(UTC),
                )  # fmt: skip
                return True

        accepted = []
        for _round in range(20):
            row = offer(till.merchant, per_person_limit=1)
            accepted.append(together(lambda _number, row=row: naive(row)).count(True))
        assert max(accepted) > 1, "the harness no longer finds the race it is there for"


class TestLimits:
    def test_of_person_and_stock_together_hold_without_deadlock(self, together):
        till = TillFactory()
        holders = [print_code(card()) for _holder in range(4)]
        for _round in range(10):
            row = offer(till.merchant, per_person_limit=2, stock=5)
            answers = codes(together(lambda number, row=row: redeem(till, holders[number % 4], row)))
            assert answers[201] == 5
            assert answers[201] + answers["limit_reached"] + answers["stock_used_up"] == 16
            assert Quota.objects.get(scope="stock", key=str(row.pk)).used == 5


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
