"""What a till is told, and what is written when it sells."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benefit_card import credential, short_code
from benefit_card.models import Quota, Redemption, RedemptionRequest, SigningKey
from benefit_card.services import cards as card_services
from benefit_card.services import specimens
from benefit_card.services.keys import withdraw_key
from companies.models import AuditEntry, CompanyStatus
from merchants.models import Kind, Offer, OfferState, Period, Till
from tests.factories.benefit_card import (
    TillFactory,
    card,
    offer,
    phone_code,
    print_code,
    publish,
    sale,
    typed_code,
)
from tests.factories.companies import EmploymentFactory, UserFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)  # a Tuesday, noon in Paris


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
def look(at_till, till, clock):
    def look(code, *, at=None):
        return at_till(at or till).post("/api/v1/scans/", {"code": code}, format="json")

    return look


class TestScan:
    @pytest.mark.parametrize("kind", ["print", "phone", "typed"])
    def test_shows_first_name_initial_and_offers(self, look, till, kind):
        made, row = card(), offer(till.merchant, per_person_limit=2, period=Period.MONTH)
        code = {"print": print_code(made), "phone": phone_code(made, at=NOON), "typed": typed_code(made)}[kind]
        answer = look(code)
        assert answer.status_code == 200, answer.data
        assert answer.data["verdict"] == "valid" and answer.data["kind"] == kind
        assert answer.data["holder"] == {
            "first_name": made.person.first_name,
            "initial": made.person.last_name[0].upper(),
        }
        (deal,) = answer.data["offers"]
        assert (deal["id"], deal["remaining_uses"], deal["usable"]) == (row.pk, 2, True)
        assert not Redemption.objects.exists()

    def test_never_tells_the_surname_or_the_employer(self, look, till):
        made = card()
        offer(till.merchant)
        text = str(look(print_code(made)).data)
        assert made.person.last_name not in text
        assert made.person.employments.get().company.name not in text

    def test_reads_a_typed_code_in_any_spelling(self, look):
        made = card()
        code = typed_code(made)
        assert look(f"{code[:3]} {code[3:6]}-{code[6:]}".lower()).status_code == 200

    def test_answers_alike_for_unknown_blocked_ended_suspended_and_left(self, look):
        blocked, ended, suspended = card(), card(), card()
        type(blocked).objects.filter(pk=blocked.pk).update(blocked_at=NOON)
        ended.person.employments.update(ends_on=date(2026, 3, 2))
        company = suspended.person.employments.get().company
        type(company).objects.filter(pk=company.pk).update(status=CompanyStatus.SUSPENDED, suspended_at=NOON)
        codes = [print_code(made) for made in (blocked, ended, suspended)] + ["0003NQK8N1"]
        answers = [look(code) for code in codes]
        assert {answer.status_code for answer in answers} == {404}
        assert len({str(answer.data) for answer in answers}) == 1
        assert answers[0].data["code"] == "card_refused"

    def test_accepts_a_card_whose_other_employer_is_suspended(self, look):
        made = card()
        EmploymentFactory(person=made.person, company__suspended=True)
        assert look(print_code(made)).status_code == 200

    def test_of_somebody_with_two_employers_ends_with_the_later(self, look, clock):
        made = card(ends_on=date(2026, 3, 10))
        EmploymentFactory(person=made.person, ends_on=date(2026, 3, 20))
        type(made).objects.filter(pk=made.pk).update(valid_until=date(2028, 12, 31))
        made.refresh_from_db()
        clock.move_to(datetime(2026, 3, 20, 22, 59, 59, tzinfo=UTC))
        assert look(print_code(made)).status_code == 200
        clock.move_to(datetime(2026, 3, 20, 23, 0, 0, tzinfo=UTC))
        assert look(print_code(made)).data["code"] == "card_refused"

    def test_refuses_other_half_minutes(self, look, till):
        """Threat: screenshot to a colleague: slot −3, +3."""
        made = card()
        for shift, status in ((-1, 200), (0, 200), (1, 200), (2, 409), (-2, 409), (-3, 409), (3, 409)):
            answer = look(phone_code(made, at=NOON, shift=shift))
            assert answer.status_code == status, shift
            assert status == 200 or answer.data["code"] == "wrong_slot"

    def test_refuses_one_phone_code_at_two_merchants_and_keeps_a_signal(self, look, clock, mailoutbox, till):
        made = card()
        made.person.user = UserFactory()
        made.person.save()
        code, other = phone_code(made, at=NOON), TillFactory()
        assert look(code).status_code == 200
        clock.shift(20)
        answers = [look(code, at=other) for _again in range(2)]
        assert [answer.data["code"] for answer in answers] == ["code_seen_elsewhere"] * 2
        assert look(code).status_code == 200

    def test_tells_what_is_wrong_with_a_code(self, look, till):
        made = card()
        text = print_code(made)
        forged = text[:-4] + ("0000" if not text.endswith("0000") else "1111")
        assert look("not a code").data["code"] == "code_malformed"
        assert look(text + " ").data["code"] == "code_malformed"
        assert look(text.lower()).data["code"] == "code_malformed"
        assert look(forged).data["code"] in {"code_forged", "code_malformed"}
        assert look(text + "\r\n").status_code == 200
        withdraw_key(actor=None, kid=made.print_kid, reason="leaked", at=NOON)
        assert look(text).data["code"] == "unknown_key"

    def test_says_that_a_card_was_replaced(self, look):
        old = card()
        holder = UserFactory()
        old.person.user = holder
        old.person.save()
        new = card_services.replace(actor=holder, card=old, at=NOON)
        assert new.generation == 1 and new.status_index != old.status_index
        assert look(print_code(old)).data["code"] == "card_replaced"
        assert look(typed_code(old)).data["code"] == "card_refused"
        assert look(print_code(new)).status_code == 200

    def test_is_limited_per_till_and_minute(self, look):
        """Decision "Rate limits": 60 scans a minute and till."""
        assert look(print_code(card())).status_code == 200
        cache.incr(f"limit:scan:{Till.objects.get().pk}", 57)
        text = print_code(card())
        assert [look(text).status_code for _look in range(3)] == [200, 200, 429]

    def test_is_limited_per_card_and_minute_but_not_for_specimens(self, look):
        """Decision "Rate limits": 5 attempts a minute and card."""
        text = print_code(card())
        assert [look(text).status_code for _look in range(6)] == [200] * 5 + [429]
        assert look(print_code(card())).status_code == 200
        specimen = specimens.code(at=NOON)
        assert {look(specimen).status_code for _look in range(6)} == {200}

    def test_slows_down_a_till_that_types(self, look):
        """Decision "Rate limits": 10 typed codes a minute and till."""
        answers = [look(short_code.from_number(number)).status_code for number in range(11)]
        assert answers == [404] * 10 + [429]

    def test_locks_a_till_after_thirty_wrong_codes(self, look):
        wrong = [look("ERB").status_code for _guess in range(10)]
        assert set(wrong) == {400}
        for name in ("typed", "scan"):
            cache.delete(f"limit:{name}:{Till.objects.get().pk}")
        cache.incr(f"limit:wrong:{Till.objects.get().pk}", 20)
        assert look(typed_code(card())).status_code == 429

    def test_needs_a_till(self, client):
        assert client.post("/api/v1/scans/", {"code": "x"}).status_code == 401


class TestRedeem:
    def test_takes_the_discount_and_writes_it_down_once(self, sell, till):
        made, row = card(), offer(till.merchant, per_person_limit=2, stock=10)
        body = sale(made, row)
        answer = sell(body)
        assert answer.status_code == 201, answer.data
        assert (answer.data["discount"], answer.data["to_pay"], answer.data["remaining_uses"]) == ("4.99", "44.91", 1)
        redemption = Redemption.objects.get()
        assert (redemption.gross_cents, redemption.discount_cents, redemption.person) == (4990, 499, made.person)
        assert {(quota.scope, quota.used) for quota in Quota.objects.all()} == {("person", 1), ("stock", 1)}
        entry = AuditEntry.objects.get(action="redemption.accepted")
        assert (entry.target_id, entry.company_id, entry.actor_id) == (str(redemption.pk), None, None)

    def test_returns_the_first_result_when_the_till_retries(self, sell, till, clock):
        made, row = card(), offer(till.merchant, per_person_limit=1, stock=5)
        body = sale(made, row)
        first = sell(body)
        clock.shift(3600)
        type(made).objects.filter(pk=made.pk).update(blocked_at=NOON)
        Offer.objects.update(state=OfferState.ENDED)
        again = sell(body)
        assert (again.status_code, again.data) == (201, first.data)
        assert Redemption.objects.count() == 1

    def test_repeats_a_refusal_too(self, sell, till):
        """Case: a refusal is replayed from the stored response."""
        made, row = card(), offer(till.merchant)
        Offer.objects.update(state=OfferState.PAUSED)
        body = sale(made, row)
        first = sell(body)
        Offer.objects.update(state=OfferState.PUBLISHED)
        again = sell(body)
        assert (first.status_code, first.data["code"]) == (404, "offer_unknown")
        assert again.data == first.data
        assert first["Content-Type"] == again["Content-Type"] == "application/problem+json"
        assert not Redemption.objects.exists()

    @pytest.mark.parametrize("change", [{"amount": "49.91"}, {"offer": 0}, {"code": "typed"}])
    def test_refuses_the_same_id_with_another_body(self, sell, till, change):
        """Threat: network retry / double tap: same id, other body."""
        made, row, second = card(), offer(till.merchant), offer(till.merchant)
        body = sale(made, row)
        assert sell(body).status_code == 201
        change = {"offer": second.pk} if "offer" in change else change
        change = {"code": typed_code(made)} if "code" in change else change
        answer = sell(body | change)
        assert (answer.status_code, answer.data["code"]) == (409, "client_id_reused")
        assert Redemption.objects.count() == 1

    def test_refuses_the_same_id_from_another_till(self, sell, till):
        """Case: a client id belongs to one till."""
        made, row = card(), offer(till.merchant)
        body = sale(made, row)
        sell(body)
        assert sell(body, at=TillFactory(shop=till.shop)).data["code"] == "client_id_reused"

    def test_says_when_and_where_a_limit_was_reached(self, sell, till):
        made, row = card(), offer(till.merchant, per_person_limit=1)
        assert sell(sale(made, row)).status_code == 201
        answer = sell(sale(made, row))
        assert (answer.status_code, answer.data["code"]) == (409, "limit_reached")
        assert answer.data["used_at"] == "2026-03-03T12:00:00+01:00"
        assert answer.data["shop"] == till.shop.name
        assert Quota.objects.get().used == 1

    def test_gives_back_the_person_quota_when_the_stock_is_gone(self, sell, till):
        row = offer(till.merchant, per_person_limit=5, stock=1)
        assert sell(sale(card(), row)).status_code == 201
        assert sell(sale(card(), row)).data["code"] == "stock_used_up"
        assert {(quota.scope, quota.used) for quota in Quota.objects.all()} == {("person", 1), ("stock", 1)}

    def test_counts_a_person_and_not_a_card(self, sell, till):
        made, row = card(), offer(till.merchant, per_person_limit=1)
        holder = UserFactory()
        made.person.user = holder
        made.person.save()
        assert sell(sale(made, row)).status_code == 201
        new = card_services.replace(actor=holder, card=made, at=NOON)
        assert sell(sale(new, row)).data["code"] == "limit_reached"

    def test_counts_in_calendar_periods_of_paris(self, sell, till, clock):
        made, row = card(), offer(till.merchant, per_person_limit=1, period=Period.MONTH)
        clock.move_to(datetime(2026, 3, 31, 21, 59, tzinfo=UTC))
        assert sell(sale(made, row)).status_code == 201
        assert sell(sale(made, row)).data["code"] == "limit_reached"
        clock.move_to(datetime(2026, 3, 31, 22, 0, tzinfo=UTC))
        assert sell(sale(made, row)).status_code == 201

    def test_survives_a_limit_that_is_lowered_and_raised(self, sell, look, till):
        """Case: limit lowered from 5 to 2 when 3 used → remaining 0 (not −1), no error; raised back."""
        made, row = card(), offer(till.merchant, per_person_limit=5)
        for _use in range(3):
            assert sell(sale(made, row)).status_code == 201
        publish(row, number=2, per_person_limit=2)
        assert look(print_code(made)).data["offers"][0]["remaining_uses"] == 0
        assert sell(sale(made, row)).data["code"] == "limit_reached"
        publish(row, number=3, per_person_limit=4)
        assert sell(sale(made, row)).data["remaining_uses"] == 0

    def test_applies_the_version_that_was_scanned_for_a_while(self, sell, till, clock):
        made, row = card(), offer(till.merchant, percent=20)
        publish(row, number=2, percent=5)
        answer = sell(sale(made, row, amount="10.00", offer_version=1))
        assert (answer.data["discount"], answer.data["changed"]) == ("2.00", True)
        clock.shift(16 * 60)
        assert sell(sale(made, row, offer_version=1)).data["code"] == "offer_changed"
        assert sell(sale(made, row, amount="10.00")).data["discount"] == "0.50"
        assert sell(sale(made, row, offer_version=9)).data["code"] == "offer_unknown"

    def test_allows_the_cashier_time_after_a_phone_was_scanned(self, sell, look, till, clock):
        made, row = card(), offer(till.merchant)
        code = phone_code(made, at=NOON)
        assert look(code).status_code == 200
        clock.shift(120)
        assert sell(sale(made, row, code=code)).status_code == 201
        assert sell(sale(made, row, code=phone_code(made, at=NOON, shift=1))).data["code"] == "wrong_slot"

    def test_does_not_keep_a_phone_code_alive_by_using_it(self, sell, look, till, clock):
        made, row = card(), offer(till.merchant)
        code = phone_code(made, at=NOON)
        key = f"benefit_card.looked:{till.pk}:{made.status_index}:{credential.absolute_slot(NOON)}"
        assert look(code).status_code == 200
        cache.touch(key, 1)  # Valkey keeps its own time: let nearly all of the five minutes be over
        clock.shift(240)
        assert sell(sale(made, row, code=code)).status_code == 201
        time.sleep(1.1)
        assert sell(sale(made, row, code=code)).data["code"] == "wrong_slot"

    @pytest.mark.parametrize(
        ("terms", "amount", "code"),
        [
            ({"weekdays": 1}, "10.00", "offer_closed"),
            ({"starts_on": date(2026, 3, 4)}, "10.00", "offer_closed"),
            ({"ends_on": date(2026, 3, 2)}, "10.00", "offer_closed"),
            ({"min_spend_cents": 2000}, "19.99", "below_minimum"),
            ({"stock": 0}, "10.00", "stock_used_up"),
            ({}, "0.00", "amount_invalid"),
            ({}, "-1", "amount_invalid"),
            ({}, "1e5", "amount_invalid"),
            ({}, "10000.01", "amount_invalid"),
        ],
    )
    def test_keeps_the_rules_of_the_offer(self, sell, till, terms, amount, code):
        answer = sell(sale(card(), offer(till.merchant, **terms), amount=amount))
        assert answer.data["code"] == code
        assert not Redemption.objects.exists() and not Quota.objects.exists()

    def test_hands_out_a_gift_without_a_price(self, sell, till):
        row = offer(till.merchant, kind=Kind.GIFT, gift="Un lacet", per_person_limit=1)
        answer = sell(sale(card(), row, amount="0.00"))
        assert (answer.status_code, answer.data["to_pay"], answer.data["remaining_uses"]) == (201, "0.00", 0)

    def test_refuses_the_offer_of_another_merchant(self, sell, till):
        row = offer(TillFactory().merchant)
        assert sell(sale(card(), row)).data["code"] == "offer_unknown"

    def test_rejects_nonsense(self, sell, till):
        made, row = card(), offer(till.merchant)
        for change in ({"client_id": "1"}, {"code": "x" * 400}, {"offer": "abc"}, {"amount": None}, {"code": "\x00"}):
            assert sell(sale(made, row) | change).status_code == 400, change

    def test_costs_six_statements_with_the_look_up(self, at_till, till, clock):
        made, row = card(), offer(till.merchant, per_person_limit=3, stock=9)
        type(till).objects.update(last_seen_at=None)
        code = print_code(made)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert at_till(till).post("/api/v1/scans/", {"code": code}, format="json").status_code == 200
            assert at_till(till).post("/api/v1/redemptions/", sale(made, row), format="json").status_code == 201
        statements = [
            query["sql"] or "the prepared look-up"
            for query in queries
            if not (query["sql"] or "").startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
        ]
        keys = [sql for sql in statements if sql.startswith('SELECT "benefit_card_signingkey"')]
        assert len(statements) - len(keys) <= 6, statements
        assert len(keys) <= 1  # once for each process

    def test_of_a_code_whose_key_was_withdrawn_meanwhile_is_refused_at_once(self, at_till, till, clock):
        """Case: emergency: the key is withdrawn elsewhere, and this process has read it before."""
        made, row = card(), offer(till.merchant)
        assert at_till(till).post("/api/v1/redemptions/", sale(made, row), format="json").status_code == 201
        shown = (print_code(made), specimens.code(at=NOON))
        SigningKey.objects.filter(kid=made.print_kid).update(withdrawn_at=NOON)
        for code in shown:
            answer = at_till(till).post("/api/v1/redemptions/", sale(made, row, code=code), format="json")
            assert answer.data["code"] == "unknown_key"


class TestVoid:
    def undo(self, at_till, till, client_id):
        return at_till(till).post(f"/api/v1/redemptions/{client_id}/void/")

    def test_gives_the_use_back_once(self, sell, at_till, till):
        """Case: void then redeem again: quota restored once."""
        made, row = card(), offer(till.merchant, per_person_limit=1, stock=1)
        body = sale(made, row)
        sell(body)
        assert self.undo(at_till, till, body["client_id"]).status_code == 200
        assert self.undo(at_till, till, body["client_id"]).data["code"] == "already_voided"
        assert {quota.used for quota in Quota.objects.all()} == {0}
        assert sell(sale(made, row)).status_code == 201
        assert sell(sale(made, row)).data["code"] == "limit_reached"

    def test_of_a_void_is_refused(self, sell, at_till, till):
        """Case: void of a void refused."""
        body = sale(card(), offer(till.merchant))
        sell(body)
        self.undo(at_till, till, body["client_id"])
        undone = Redemption.objects.get(voids__isnull=False)
        assert self.undo(at_till, till, undone.client_id).data["code"] == "void_of_void"

    def test_is_refused_after_a_quarter_of_an_hour(self, sell, at_till, till, clock):
        body = sale(card(), offer(till.merchant))
        sell(body)
        clock.shift(15 * 60 + 1)
        assert self.undo(at_till, till, body["client_id"]).data["code"] == "void_too_late"

    def test_is_not_for_another_merchant(self, sell, at_till, till):
        body = sale(card(), offer(till.merchant))
        sell(body)
        answer = self.undo(at_till, TillFactory(), body["client_id"])
        assert (answer.status_code, answer.data["code"]) == (404, "redemption_unknown")
        assert self.undo(at_till, till, uuid.uuid4()).status_code == 404

    def test_shows_in_the_list_of_the_day(self, sell, at_till, till, django_assert_max_num_queries):
        made, row = card(), offer(till.merchant)
        bodies = [sale(made, row) for _sale in range(3)]
        for body in bodies:
            sell(body)
        self.undo(at_till, till, bodies[0]["client_id"])
        with django_assert_max_num_queries(2):
            rows = at_till(till).get("/api/v1/redemptions/?today=1").data["results"]
        assert [(row["voided"], row["can_void"], row["to_pay"]) for row in rows] == [
            (False, True, "44.91"),
            (False, True, "44.91"),
            (True, False, "44.91"),
        ]
        assert made.person.first_name not in str(rows)


class TestRequest:
    def test_keeps_no_code(self, sell, till):
        made = card()
        sell(sale(made, offer(till.merchant)))
        text = str(RedemptionRequest.objects.values())
        assert print_code(made) not in text
        assert typed_code(made) not in text
