"""What employees pay: reserved, taken, given back, refunded in proportion."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from companies import money
from companies.billing import checking, ledger, personal
from companies.billing.models import AccountKind, LedgerTransaction, PersonalPayment
from companies.billing.payments import PaymentServiceDown
from companies.billing.payments import personal as at_stripe
from companies.errors import NotAllowed
from tests.factories.companies import EmploymentFactory, UserFactory, staff

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]


@pytest.fixture
def job():
    employment = EmploymentFactory()
    employment.person.user = UserFactory()
    employment.person.save()
    return employment


def reserve(job, price=18_000, subsidy=1_500, key="c-1", actor=None):
    return personal.authorise(
        person=job.person, company=job.company, key=key, subject="Granulés, 2 palettes", price_cents=price,
        subsidy_cents=subsidy, return_path="/me/", actor=actor or job.person.user, at=timezone.now(),
    )  # fmt: skip


def held(job, double, **more):
    row = reserve(job, **more)
    double.pays(row.url)
    return at_stripe.refresh(payment_id=row.pk, at=timezone.now())


def books(job):
    return (
        ledger.balance(AccountKind.SUBSIDIES, company=job.company),
        ledger.balance(AccountKind.EMPLOYEES),
        ledger.balance(AccountKind.STRIPE) + ledger.balance(AccountKind.BANK_CHARGES),
    )


class TestAuthorise:
    def test_reserves_the_persons_part_and_books_nothing(self, double, job):
        row = held(job, double)
        assert (row.state, row.own_cents) == ("authorised", 16_500)
        assert double.intent()["amount_capturable"] == 16_500
        assert not LedgerTransaction.objects.exists()

    def test_is_one_per_key_and_finds_its_page_again(self, double, job):
        assert reserve(job).url == reserve(job).url
        assert PersonalPayment.objects.count() == 1

    def test_asks_again_on_a_new_page_when_the_old_one_has_ended(self, double, job):
        first = reserve(job)
        with double.store.transaction():
            double.store.save(double.store.get(first.session_id) | {"status": "expired"})
        second = reserve(job)
        assert second.pk == first.pk
        assert second.session_id != first.session_id

    def test_is_only_for_the_person(self, double, job):
        with pytest.raises(NotAllowed):
            reserve(job, actor=UserFactory())

    @pytest.mark.parametrize(("price", "subsidy"), [(0, 0), (100, 101), (100, -1), (100, 60)])
    def test_refuses_amounts_that_do_not_fit(self, double, job, price, subsidy):
        with pytest.raises(personal.AmountRefused):
            reserve(job, price, subsidy)

    def test_declined_by_the_bank_is_told_by_the_page_and_reserves_nothing(self, double, job):
        row = reserve(job)
        double.pays(row.url, number="4000000000000002")
        assert at_stripe.refresh(payment_id=row.pk, at=timezone.now()).state == "open"


class TestCapture:
    def test_takes_what_was_reserved_once(self, double, job):
        row = held(job, double)
        for _twice in range(2):
            row = personal.capture(payment=row, at=timezone.now())
        assert (row.state, row.captured_cents, row.captured_subsidy_cents) == ("captured", 18_000, 1_500)
        assert books(job) == (1_500, -18_000, 16_500)
        assert not checking.first_break()

    def test_takes_less_in_proportion_when_less_arrived(self, double, job):
        row = personal.capture(payment=held(job, double), cents=9_000, at=timezone.now())
        assert (row.captured_cents, row.captured_subsidy_cents) == (9_000, 750)
        assert double.intent()["amount_received"] == 8_250
        assert books(job) == (750, -9_000, 8_250)

    def test_of_nothing_reserved_is_refused(self, double, job):
        with pytest.raises(personal.NotHeld):
            personal.capture(payment=reserve(job), at=timezone.now())

    def test_is_made_up_for_by_the_sweeper_when_stripe_was_down(self, double, job):
        row = held(job, double)
        double.lever("fail", requests=3)
        with pytest.raises(PaymentServiceDown):
            personal.capture(payment=row, at=timezone.now())
        with pytest.raises(personal.NotHeld):
            personal.release(payment=row, at=timezone.now())  # decided is decided
        at_stripe.sweep(at=timezone.now() + timedelta(minutes=3))
        row.refresh_from_db()
        assert row.state == "captured"

    def test_needs_no_card_when_the_company_pays_everything(self, double, job):
        row = reserve(job, 4_000, 4_000)
        assert row.state == "authorised"
        assert personal.capture(payment=row, at=timezone.now()).state == "captured"
        assert books(job) == (4_000, -4_000, 0)


class TestRelease:
    def test_gives_back_what_was_reserved_and_closes_an_open_page(self, double, job):
        row = personal.release(payment=held(job, double), at=timezone.now())
        assert row.state == "released"
        assert double.intent()["status"] == "canceled"
        other = personal.release(payment=reserve(job, key="c-2"), at=timezone.now())
        assert other.state == "released"
        assert not LedgerTransaction.objects.exists()

    def test_of_what_was_taken_is_refused(self, double, job):
        row = personal.capture(payment=held(job, double), at=timezone.now())
        with pytest.raises(personal.NotHeld):
            personal.release(payment=row, at=timezone.now())


class TestRefund:
    def test_of_half_goes_back_in_proportion(self, double, job):
        """case: subsidy 10 % capped 15.00 on 180.00 → 15.00; refund of half 90.00 → 7.50 to the company, 82.50."""
        row = personal.capture(payment=held(job, double), at=timezone.now())
        for _twice in range(2):
            made = personal.refund(payment=row, cents=9_000, key="r", reason="x", actor=staff(), at=timezone.now())
        assert (made.to_company_cents, made.to_person_cents, made.state) == (750, 8_250, "succeeded")
        assert books(job) == (750, -9_000, 8_250)
        with pytest.raises(personal.RefundRefused):
            personal.refund(payment=row, cents=9_001, key="s", reason="x", actor=staff(), at=timezone.now())
        with pytest.raises(NotAllowed):
            personal.refund(payment=row, cents=1, key="t", reason="x", actor=job.person.user, at=timezone.now())
        assert not checking.first_break()

    @given(
        st.integers(1, 10**6).flatmap(lambda price: st.tuples(st.just(price), st.integers(0, price))),
        st.lists(st.integers(1, 10**5), min_size=1, max_size=9),
    )
    def test_in_parts_gives_back_each_sides_whole_and_never_more(self, sides, parts):
        """The split of `refund`, on the running total."""
        (price, subsidy), before, company = sides, 0, 0
        for part in [*parts, price]:
            part = min(part, price - before)
            now = money.divide(subsidy * (before + part), price)
            assert 0 <= now - company <= part
            before, company = before + part, now
        assert (before, company) == (price, subsidy)


class TestEvents:
    def test_bring_the_news_of_a_reservation_twice_and_in_any_order(self, double, job):
        row = reserve(job)
        double.pays(row.url)
        for body in reversed(double.events()):
            double.post(body)
            double.post(body)
        row.refresh_from_db()
        assert (row.state, row.method_hint) == ("authorised", "visa … 4242")
