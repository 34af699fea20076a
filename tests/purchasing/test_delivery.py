"""Deliveries: shared out by rule, never taken back, handed over, corrected by counter-receipts."""

import pytest
from django.db import IntegrityError, connection, transaction

from companies.errors import NotAllowed
from companies.models import AuditEntry, OutboxMail
from purchasing.forms.delivery import ReceiptForm
from purchasing.models import Allocation, Pool, Receipt, ReceiptLine, RequestLine
from purchasing.services import delivery, hand_over
from purchasing.services.delivery import Count
from tests.purchasing.back import AFTER, Delivered, hours, world

pytestmark = pytest.mark.django_db(transaction=True)


class TestADelivery:
    def test_of_everything_gives_everybody_what_was_granted(self):
        d = Delivered()
        d.receive(36)
        assert d.allocated() == {"A": 11, "B": 7, "C": 14, "D": 4}
        assert d.order.state == "received"
        d.w.pool.refresh_from_db()
        assert d.w.pool.state == "settling"
        assert set(RequestLine.objects.values_list("state", flat=True)) == {"received"}
        assert OutboxMail.objects.filter(key__startswith="ready:").count() == 4

    def test_of_30_is_shared_in_proportion(self):
        d = Delivered()
        d.receive(30)
        assert d.allocated() == {"A": 9, "B": 6, "C": 12, "D": 3}
        assert d.order.state == "part_received"

    def test_of_30_serves_the_earliest_first_by_policy(self):
        d = Delivered(shortage="first_come")
        d.receive(30)
        assert d.allocated() == {"A": 11, "B": 7, "C": 12}

    def test_in_three_parts_ends_like_one_and_takes_nothing_back(self):
        d = Delivered()
        before: dict[str, int] = {}
        for part in (1, 19, 16):
            d.receive(part)
            now = d.allocated()
            assert all(now.get(m, 0) >= n for m, n in before.items())
            before = now
        assert before == {"A": 11, "B": 7, "C": 14, "D": 4}

    def test_with_refused_units_shares_only_the_accepted(self):
        d = Delivered()
        receipt = d.receive(36, 6)
        assert sum(d.allocated().values()) == 30
        assert Receipt.objects.get(pk=receipt.pk).lines.get().refused == 6

    def test_refused_as_a_whole_gives_nobody_anything(self):
        d = Delivered()
        receipt = d.receive(12, 12)
        assert receipt.state == "refused"
        assert d.allocated() == {}

    def test_of_too_much_leaves_the_rest_over(self):
        d = Delivered()
        receipt = d.receive(40)
        assert receipt.lines.get().left_over == 4

    def test_entered_twice_counts_once(self):
        d = Delivered()
        assert d.receive(20, number=1).pk == d.receive(20, number=1).pk
        assert ReceiptLine.objects.count() == 1
        with pytest.raises(delivery.ReceiptTaken):
            d.receive(21, number=1)

    def test_is_for_who_runs_the_pool(self):
        d = Delivered()
        with pytest.raises(NotAllowed):
            delivery.receive(actor=d.w.buyers["A"], order=d.order, counts={d.line.pk: Count(1)}, at=hours(900))

    def test_respects_a_useful_minimum(self):
        """case: three members 10, 10, 10 with 20 received, the third min_useful=10 → 10, 10, 0."""
        w = world(tiers=((1, 10_000),), pack=1)
        for letter in "AB":
            w.commit(letter, 10)
        w.commit("C", 10, min_useful=10)
        w.lock()
        (row,) = delivery_order(w)
        delivery.receive(actor=w.staff, order=row, counts={row.lines.get().pk: Count(20)}, at=hours(900))
        rows = Allocation.objects.values_list("commitment__company__name", "quantity")
        assert dict(rows) == {"A": 10, "B": 10}


def delivery_order(w):
    from purchasing.services import order

    rows = order.prepare(actor=w.staff, pool=w.pool, at=AFTER)
    return [order.sign_and_send(actor=w.staff, order=row, at=AFTER) for row in rows]


class TestACounterReceipt:
    def test_takes_back_what_is_still_in_store_only(self):
        d = Delivered()
        first = d.receive(36)
        d.hand_over(first, "A")
        d.receive(-10, corrects=first)
        assert sum(d.allocated().values()) == 26
        assert d.allocated()["A"] == 11
        assert d.order.state == "part_received"

    def test_never_takes_back_more_than_came(self):
        d = Delivered()
        first = d.receive(10)
        with pytest.raises(delivery.TooMuchTakenBack):
            d.receive(-11, corrects=first)

    def test_then_the_right_delivery_is_shared_as_ever(self):
        d = Delivered()
        first = d.receive(36)
        d.receive(-36, corrects=first)
        d.receive(30)
        assert d.allocated() == {"A": 9, "B": 6, "C": 12, "D": 3}


class TestAHandOver:
    def test_is_given_once_and_confirmed_by_the_company(self):
        d = Delivered()
        receipt = d.receive(36)
        row = d.hand_over(receipt, "A")
        assert d.hand_over(receipt, "A").handed_at == row.handed_at
        row = hand_over.answer(actor=d.w.buyers["A"], row=row, confirmed=True, at=hours(902))
        assert row.state == "confirmed"

    def test_contested_needs_words_and_is_resolved(self):
        d = Delivered()
        row = d.hand_over(d.receive(36), "B")
        with pytest.raises(delivery.ReasonMissing):
            hand_over.answer(actor=d.w.buyers["B"], row=row, confirmed=False, at=hours(902))
        row = hand_over.answer(actor=d.w.buyers["B"], row=row, confirmed=False, note="Carton ouvert", at=hours(902))
        assert row.state == "contested"
        assert hand_over.resolve(actor=d.w.staff, row=row, note="Remplacé", at=hours(903)).state == "resolved"

    def test_is_answered_by_the_own_company_only(self):
        d = Delivered()
        row = d.hand_over(d.receive(36), "A")
        with pytest.raises(NotAllowed):
            hand_over.answer(actor=d.w.buyers["B"], row=row, confirmed=True, at=hours(902))


class TestTheDatabase:
    def test_refuses_units_without_an_owner(self):
        d = Delivered()
        d.receive(30)
        with pytest.raises(IntegrityError), transaction.atomic():
            ReceiptLine.objects.update(counted=31)
        assert connection.is_usable()


class TestACorrection:
    def test_needs_a_reason_whoever_corrects_by_whatever_door(self, client):
        """I8: service and REST refuse a counter-receipt without a reason; with one it is for who runs the pool, and the
        reason stands with everything it moved."""
        d = Delivered()
        first = d.receive(36)
        lead, other = d.w.buyers["B"], d.w.buyers["C"]
        Pool.objects.filter(pk=d.w.pool.pk).update(lead=lead)
        d.order.pool.refresh_from_db()
        counts, audited = {d.line.pk: Count(-30)}, AuditEntry.objects.count()
        body = {"lines": [{"line": d.line.pk, "counted": -30}], "corrects": first.pk}
        for actor in (d.w.staff, lead):
            client.force_login(actor)
            for notes in ("", "  "):
                with pytest.raises(delivery.ReasonMissing):
                    delivery.receive(
                        actor=actor, order=d.order, counts=counts, corrects=first, notes=notes, at=hours(901)
                    )
            answer = client.post(f"/api/v1/orders/{d.order.pk}/receipts/", body, "application/json")
            assert (answer.status_code, answer.json()["code"]) == (400, "reason_missing")
        client.force_login(other)
        why = body | {"notes": "Recompté"}
        assert client.post(f"/api/v1/orders/{d.order.pk}/receipts/", why, "application/json").status_code in (403, 404)
        with pytest.raises(NotAllowed):
            d.w.staff, keep = other, d.w.staff
            d.receive(-30, corrects=first)
        d.w.staff = keep
        assert (Receipt.objects.count(), AuditEntry.objects.count()) == (1, audited)
        client.force_login(lead)
        assert client.post(f"/api/v1/orders/{d.order.pk}/receipts/", why, "application/json").status_code == 201
        reasons = {e.action: e.reason for e in AuditEntry.objects.order_by("pk")[audited:]}
        assert reasons["receipt.accepted_with_reserves"] == reasons["purchaseorder.part_received"] == "Recompté"

    def test_asks_why_and_for_no_papers(self):
        form = ReceiptForm({"number": 2}, lines=[], correction=True)
        assert set(form.errors) == {"notes"} and "delivery_note" not in form.fields
        assert ReceiptForm({"number": 2}, lines=[]).is_valid()
