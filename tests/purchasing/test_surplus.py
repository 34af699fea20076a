"""Surplus between members: the rest of a pack, reservations that happen once, a hand-over both sides confirm."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from companies.errors import DomainError, NotAllowed
from companies.models import CompanyStatus, OutboxMail, Role
from companies.money import line_total
from companies.states import StateRefused
from purchasing.models import Commitment, ExchangeOffer, Reservation
from purchasing.rules.surplus import refusal, spare
from purchasing.services import hand_over, surplus
from purchasing.states_exchange import HOLDING
from tests.factories.companies import CompanyFactory, member, staff
from tests.factories.purchasing import RequestLineFactory
from tests.purchasing.back import Delivered, hours

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


class Market:
    """One company that offers, two that take."""

    def __init__(self, **draft):
        self.seller, self.first, self.second = (CompanyFactory(name=f"C{n}") for n in range(3))
        self.sells, self.takes, self.also = (member(c, Role.BUYER) for c in (self.seller, self.first, self.second))
        given = {"text": "Gants taille S", "quantity": 10, "unit_price_e4": 34_917} | draft
        self.offer = surplus.offer(actor=self.sells, company=self.seller, draft=surplus.Draft(**given), at=AT)

    def reserve(self, quantity, *, client_id=None, second=False, at=AT):
        actor, company = (self.also, self.second) if second else (self.takes, self.first)
        return surplus.reserve(
            actor=actor, company=company, offer=self.offer, quantity=quantity, client_id=client_id or uuid4(), at=at
        )

    def confirm(self, kept, *, giver, at=AT):
        actor, company = (self.sells, self.seller) if giver else (self.takes, self.first)
        return surplus.confirm(actor=actor, company=company, reservation=kept, at=at)

    def left(self):
        return ExchangeOffer.objects.get(pk=self.offer.pk).left


class TestTheRules:
    @given(st.integers(1, 60), st.integers(1, 12), st.lists(st.integers(-2, 70), max_size=12))
    def test_never_promise_more_than_is_offered_and_sell_out_to_the_last_unit(self, quantity, lot, asked):
        taken = 0
        for units in asked:
            if not refusal(units, quantity=quantity, taken=taken, lot=lot):
                taken += units
            assert 0 <= taken <= quantity
        rest = quantity - taken
        assert refusal(rest, quantity=quantity, taken=taken, lot=lot) == ("" if rest else "quantity")

    @given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 60))
    def test_call_spare_only_what_is_beyond_the_wish(self, received, wanted, offered):
        units = spare(received, wanted, offered)
        assert units == 0 or units + wanted + offered == received


@pytest.mark.django_db
class TestTheRestOfAPack:
    """Case: 10+2, 7, 12+5, 4+1 in packs of 12 → A 11, C 14: one and two units more than they wanted."""

    @pytest.fixture
    def goods(self):
        goods = Delivered()
        receipt = goods.receive(36)
        for letter in "ABCD":
            goods.hand_over(receipt, letter)
        return goods

    def share(self, goods, letter):
        return Commitment.objects.select_related("company").get(pool_line=goods.w.line, company__name=letter)

    def test_is_offered_in_one_tap_at_the_price_of_the_pool(self, goods):
        share = self.share(goods, "C")
        row = surplus.offer_rest(actor=goods.w.buyers["C"], commitment=share, at=hours(902))
        assert (row.quantity, row.unit_price_e4, row.text, row.vat_bp) == (2, 34_917, "Gants nitrile M", 2000)
        again = surplus.offer_rest(actor=goods.w.buyers["C"], commitment=share, at=hours(903))
        assert again == row and ExchangeOffer.objects.count() == 1

    def test_is_nothing_for_who_got_what_it_wanted(self, goods):
        with pytest.raises(surplus.NothingSpare):
            surplus.offer_rest(actor=goods.w.buyers["B"], commitment=self.share(goods, "B"), at=hours(902))

    def test_is_offered_by_its_own_company_only(self, goods):
        with pytest.raises(NotAllowed):
            surplus.offer_rest(actor=goods.w.buyers["A"], commitment=self.share(goods, "C"), at=hours(902))

    def test_stands_on_the_delivery_page_until_it_is_offered(self, goods, client):
        company, buyer = goods.w.companies["C"], goods.w.buyers["C"]
        client.force_login(buyer)
        page, tap = reverse("purchasing:delivery_list", args=[company.pk]), f"rest/{self.share(goods, 'C').pk}/"
        assert tap in client.get(page).content.decode()
        client.post(reverse("purchasing:offer_rest", args=[company.pk, self.share(goods, "C").pk]))
        assert tap not in client.get(page).content.decode()

    def test_tells_nobody_how_much_its_company_took_in_the_pool(self, goods, client):
        """Case I13: no member sees another member's quantity."""
        share = self.share(goods, "C")
        row = surplus.offer_rest(actor=goods.w.buyers["C"], commitment=share, at=hours(902))
        ExchangeOffer.objects.filter(pk=row.pk).update(expires_at=datetime(2100, 1, 1, tzinfo=UTC))
        client.force_login(goods.w.buyers["A"])
        other = goods.w.companies["A"]
        page = client.get(reverse("purchasing:exchange_offer", args=[other.pk, row.pk])).content.decode()
        told = client.get(reverse("purchasing_api:exchange_offer", args=[other.pk, row.pk])).json()
        assert "Gants nitrile M" in page and goods.w.pool.title not in page.replace("Gants nitrile M", "")
        assert told["quantity"] is None and told["left"] == 2 and "commitment" not in told

    def test_that_was_taken_off_may_be_offered_again(self, goods):
        share, buyer = self.share(goods, "C"), goods.w.buyers["C"]
        row = surplus.offer_rest(actor=buyer, commitment=share, at=hours(902))
        surplus.withdraw(actor=buyer, offer=row, at=hours(903))
        assert surplus.offer_rest(actor=buyer, commitment=share, at=hours(904)).quantity == 2

    def test_waits_until_it_is_in_the_companys_hands(self):
        goods = Delivered()
        goods.receive(36)
        assert hand_over and surplus.spare_of([self.share(goods, "C")]) == {}


@pytest.mark.django_db
class TestAReservation:
    def test_is_of_one_offer_however_often_its_form_is_sent(self):
        market = Market()
        draft = surplus.Draft(text="Gants taille S ", quantity=10, unit_price_e4=34_917)
        assert surplus.offer(actor=market.sells, company=market.seller, draft=draft, at=AT) == market.offer
        market.reserve(1)
        again = surplus.offer(actor=market.sells, company=market.seller, draft=draft, at=AT)
        assert again != market.offer and ExchangeOffer.objects.count() == 2

    def test_is_priced_to_the_cent_and_takes_part_of_the_offer(self):
        market = Market()
        kept = market.reserve(3)
        assert (kept.net_cents, kept.vat_cents, kept.gross_cents) == (line_total(3, 34_917), 210, 1_258)
        assert market.left() == 7

    def test_that_is_retried_is_the_same_reservation(self):
        market, try_ = Market(), uuid4()
        assert market.reserve(3, client_id=try_) == market.reserve(3, client_id=try_)
        assert market.left() == 7 and Reservation.objects.count() == 1

    @pytest.mark.parametrize(
        ("quantity", "refusal"),
        [(0, surplus.QuantityWrong), (11, surplus.NotSoMany), (3, surplus.LotsOnly)],
    )
    def test_of_a_wrong_quantity_is_refused_and_changes_nothing(self, quantity, refusal):
        market = Market(lot=4)
        with pytest.raises(refusal):
            market.reserve(quantity)
        assert market.left() == 10 and not Reservation.objects.exists()

    def test_may_take_the_odd_rest_of_lots(self):
        market = Market(lot=4)
        market.reserve(8)
        assert market.reserve(2, second=True).quantity == 2

    def test_of_the_own_offer_is_refused(self):
        market = Market()
        with pytest.raises(surplus.OwnOffer):
            surplus.reserve(
                actor=market.sells, company=market.seller, offer=market.offer, quantity=1, client_id=uuid4(), at=AT
            )

    def test_needs_a_buyer_of_a_member(self):
        market = Market()
        market.first.status, market.first.suspended_at = CompanyStatus.SUSPENDED, AT
        market.first.save()
        with pytest.raises(NotAllowed):
            market.reserve(1)

    def test_of_an_offer_whose_day_or_whose_seller_is_gone_is_refused_before_the_clock_says_so(self):
        market = Market()
        end = market.offer.expires_at
        market.reserve(1, at=end - timedelta(seconds=1))
        with pytest.raises(surplus.NotOnOffer):
            market.reserve(1, at=end)
        market.seller.status, market.seller.suspended_at = CompanyStatus.SUSPENDED, AT
        market.seller.save()
        with pytest.raises(surplus.NotOnOffer):
            market.reserve(1)
        assert ExchangeOffer.objects.get().state == "open" and Reservation.objects.count() == 1

    def test_ends_when_nobody_collects_and_the_units_are_on_offer_again(self):
        market = Market()
        kept = market.reserve(10)
        later = AT + timedelta(days=surplus.HOLD_DAYS)
        assert surplus.sweep(at=later - timedelta(seconds=1)) == 0
        assert surplus.sweep(at=later) == 1 and surplus.sweep(at=later) == 0
        kept.refresh_from_db()
        assert (kept.state, market.left()) == ("expired", 10)
        assert OutboxMail.objects.filter(key__startswith="reservation-end:").count() == 2

    def test_that_is_overdue_does_not_keep_units_from_the_next(self):
        market = Market()
        market.reserve(10)
        assert market.reserve(10, second=True, at=AT + timedelta(days=8)).quantity == 10

    def test_is_done_when_both_sides_say_so(self):
        market = Market()
        kept = market.reserve(4)
        assert market.confirm(kept, giver=True).state == "given"
        assert market.confirm(kept, giver=True).state == "given"  # a second click
        assert market.confirm(kept, giver=False).state == "done"

    def test_that_one_side_denies_is_reserved_again(self):
        market = Market()
        kept = market.confirm(market.reserve(4), giver=True)
        deny = {"actor": market.takes, "company": market.first, "reservation": kept, "at": AT}
        with pytest.raises(surplus.ReasonMissing):
            surplus.deny(note=" ", **deny)
        kept = surplus.deny(note="Personne n’est venu", **deny)
        assert kept.state == "reserved" and kept.given_at is None and market.left() == 6

    def test_that_was_collected_cannot_be_called_off(self):
        market = Market()
        kept = market.confirm(market.reserve(4), giver=True)
        with pytest.raises(StateRefused):
            surplus.cancel(actor=market.takes, reservation=kept, at=AT)

    def test_called_off_by_the_seller_needs_a_reason_that_the_other_reads(self):
        market = Market()
        kept = market.reserve(4)
        with pytest.raises(surplus.ReasonMissing):
            surplus.cancel(actor=market.sells, reservation=kept, at=AT)
        surplus.cancel(actor=market.sells, reservation=kept, note="Vendu ailleurs", at=AT)
        mail = OutboxMail.objects.get(key__startswith="reservation-end:")
        assert mail.to == market.takes.email and "Vendu ailleurs" in mail.body and market.left() == 10

    def test_is_not_a_strangers_to_touch(self):
        market = Market()
        kept = market.reserve(4)
        with pytest.raises(NotAllowed):
            surplus.cancel(actor=market.also, reservation=kept, at=AT)
        with pytest.raises(NotAllowed):
            surplus.confirm(actor=market.also, company=market.second, reservation=kept, at=AT)

    def test_survives_the_end_of_its_offer(self):
        market = Market()
        kept = market.reserve(4)
        surplus.withdraw(actor=market.sells, offer=market.offer, at=AT)
        assert market.confirm(kept, giver=True).state == "given"
        with pytest.raises(surplus.NotOnOffer):
            market.reserve(1, second=True)

    def test_keeps_its_price_when_the_offer_changes(self):
        market = Market()
        kept = market.reserve(4)
        with pytest.raises(surplus.BelowTaken):
            self.change(market, 3)
        self.change(market, 6)
        kept.refresh_from_db()
        assert (kept.unit_price_e4, market.left()) == (34_917, 2)

    def change(self, market, quantity):
        end = AT + timedelta(days=20)
        surplus.change(
            actor=market.sells, offer=market.offer, quantity=quantity, unit_price_e4=99, expires_at=end, at=AT
        )

    def test_beyond_the_offer_is_refused_by_the_database_too(self):
        market = Market()
        with pytest.raises(IntegrityError), transaction.atomic():
            ExchangeOffer.objects.filter(pk=market.offer.pk).update(taken=11)
        with pytest.raises(IntegrityError), transaction.atomic():
            ExchangeOffer.objects.filter(pk=market.offer.pk).update(taken=1)
            connection.check_constraints()


@pytest.mark.django_db
class TestAnOffer:
    def test_is_told_to_members_that_ask_for_the_same(self):
        asking = RequestLineFactory(approved=True, text="Gants nitrile taille M", unit="box").request
        RequestLineFactory(approved=True, text="Ramette de papier A4", unit="box")
        Market(text="gant nitrile, taille M", unit="box")
        assert set(OutboxMail.objects.values_list("to", flat=True)) == {asking.requester.email}

    def test_hidden_by_the_association_says_why(self):
        market, person = Market(), staff()
        with pytest.raises(NotAllowed):
            surplus.moderate(actor=market.sells, offer=market.offer, hide=True, reason="x", at=AT)
        surplus.moderate(actor=person, offer=market.offer, hide=True, reason="Matériel interdit à la vente", at=AT)
        with pytest.raises(surplus.NotOnOffer):
            market.reserve(1)
        row = surplus.moderate(actor=person, offer=market.offer, hide=False, reason="Vérifié", at=AT)
        assert row.state == "open"

    def test_ends_with_its_day_and_can_be_prolonged(self):
        market = Market()
        surplus.sweep(at=AT + timedelta(days=31))
        market.offer.refresh_from_db()
        assert market.offer.state == "expired"
        later = AT + timedelta(days=40)
        surplus.change(
            actor=market.sells,
            offer=market.offer,
            quantity=10,
            unit_price_e4=1,
            expires_at=later,
            at=later - timedelta(1),
        )
        assert ExchangeOffer.objects.get().state == "open"

    def test_list_takes_the_same_queries_whatever_its_length(self, client, django_assert_max_num_queries):
        market = Market()
        for number in range(12):
            draft = surplus.Draft(f"Palettes {number}", 5, 10_000, expires_at=AT + timedelta(days=90))
            surplus.offer(actor=market.sells, company=market.seller, draft=draft, at=AT)
        client.force_login(market.takes)
        with django_assert_max_num_queries(24):
            page = client.get(reverse("purchasing:exchange", args=[market.first.pk]), {"q": "palette"})
        assert page.content.decode().count("Palettes") >= 12

    def test_is_made_changed_and_reserved_by_forms_that_lose_nothing(self, client):
        market = Market()
        client.force_login(market.takes)
        new = reverse("purchasing:offer_new", args=[market.first.pk])
        typed = {
            "text": "Palettes EPAL",
            "quantity": "20",
            "unit": "piece",
            "price": "abc",
            "vat_bp": "2000",
            "lot": "",
        }
        page = client.post(new, typed)
        assert page.status_code == 200 and "Palettes EPAL" in page.content.decode()
        made = client.post(new, typed | {"price": "6,10"})
        row = ExchangeOffer.objects.get(text="Palettes EPAL")
        assert made.status_code == 302 and row.unit_price_e4 == 61_000
        client.force_login(market.also)
        act = reverse("purchasing:offer_act", args=[market.second.pk, row.pk, "reserve"])
        refused = client.post(act, {"quantity": "21", "client_id": str(uuid4())})
        assert refused.status_code == 200 and "20" in refused.content.decode()
        done = client.post(act, {"quantity": "5", "client_id": str(uuid4())})
        assert done.status_code == 302 and Reservation.objects.get().net_cents == 3_050


@pytest.mark.django_db(transaction=True)
class TestTwoCompaniesAtTheSameMoment:
    def test_never_get_the_same_unit(self):
        """Exactly once: eight tries for five units, one each: five reservations, three refusals, nothing lost."""
        market, barrier = Market(quantity=5), Barrier(8)

        def one(number):
            connection.ensure_connection()
            barrier.wait(timeout=30)
            try:
                return market.reserve(1, second=number % 2 == 0)
            except DomainError as error:
                return error.code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(one, range(8)))
        assert sorted(a for a in answers if isinstance(a, str)) == ["offer_too_few_left"] * 3
        assert market.left() == 0 and Reservation.objects.count() == 5


class OfferMachine(RuleBasedStateMachine):
    """One offer driven through random steps; a refusal changes nothing, the units always add up."""

    @initialize(quantity=st.integers(1, 12), lot=st.integers(1, 4))
    def open(self, quantity, lot):
        self.market, self.now = Market(quantity=quantity, lot=min(lot, quantity)), AT

    def attempt(self, step):
        before = self.snapshot()
        try:
            step()
        except DomainError:
            assert self.snapshot() == before

    def snapshot(self):
        return (
            ExchangeOffer.objects.values_list("state", "taken", "quantity").get(),
            list(Reservation.objects.order_by("pk").values_list("state", "quantity")),
        )

    def any_reservation(self, number):
        rows = list(Reservation.objects.select_related("offer__company", "company").order_by("pk"))
        return rows[number % len(rows)] if rows else None

    @rule(quantity=st.integers(0, 13), second=st.booleans(), try_=st.integers(1, 6))
    def reserve(self, quantity, second, try_):
        self.attempt(lambda: self.market.reserve(quantity, second=second, client_id=UUID(int=try_), at=self.now))

    @rule(number=st.integers(0, 5), what=st.sampled_from(["confirm", "deny", "cancel"]), giver=st.booleans())
    def act(self, number, what, giver):
        kept = self.any_reservation(number)
        if kept is None:
            return
        company = kept.offer.company if giver else kept.company
        actor = {self.market.seller: self.market.sells, self.market.first: self.market.takes}.get(
            company, self.market.also
        )
        more = {"company": company} if what != "cancel" else {}
        more |= {"note": "x"} if what != "confirm" else {}
        self.attempt(lambda: getattr(surplus, what)(actor=actor, reservation=kept, at=self.now, **more))

    @rule(days=st.integers(1, 5))
    def wait(self, days):
        self.now += timedelta(days=days)
        surplus.sweep(at=self.now)

    @rule(quantity=st.integers(0, 15))
    def change(self, quantity):
        end = self.now + timedelta(days=20)
        self.attempt(
            lambda: surplus.change(
                actor=self.market.sells, offer=self.market.offer, quantity=quantity, unit_price_e4=1, expires_at=end,
                at=self.now,
            )
        )  # fmt: skip

    @rule()
    def withdraw(self):
        self.attempt(lambda: surplus.withdraw(actor=self.market.sells, offer=self.market.offer, at=self.now))

    @invariant()
    def units_add_up(self):
        row = ExchangeOffer.objects.get()
        held = sum(Reservation.objects.filter(state__in=HOLDING).values_list("quantity", flat=True))
        assert row.taken == held <= row.quantity
        done = Reservation.objects.filter(state="done")
        assert not done.filter(given_by=None).exists() and not done.filter(received_by=None).exists()
        connection.check_constraints()


@pytest.mark.django_db
class TestAnyStory:
    def test_of_an_offer_keeps_its_units_together(self):
        class Rolled(OfferMachine):
            def __init__(self):
                super().__init__()
                self.mark = transaction.savepoint()

            def teardown(self):
                transaction.savepoint_rollback(self.mark)

        run_state_machine_as_test(
            Rolled,
            settings=settings(
                max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
