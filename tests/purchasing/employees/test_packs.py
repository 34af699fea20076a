"""Employee pools with packs and freight, their order to the supplier, and cards that are reserved at the last moment."""

import io
import threading

import pytest
from django.db import connections
from django.urls import reverse
from lxml import etree
from pypdf import PdfReader

from companies.billing import personal
from companies.billing.models import Invoice, PersonalPayment, PersonalRefund
from companies.errors import NotAllowed
from companies.models import OutboxMail
from purchasing import links
from purchasing.models import EmployeeOrder, EmployeePayBack, EmployeePool, EmployeePurchase
from purchasing.services import employee_lock, employee_money, employee_purchase, employee_supplier
from purchasing.services.order import ORDER_SALT, AlreadyAnswered, Answer, ReasonMissing
from tests.factories.purchasing import SupplierFactory
from tests.purchasing.employees.world import AFTER, NOW, PERCENT, EmployeeWorld, check

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_once")]
TIERS = ((4, 1_000), (12, 900))


def packed(double, units=(5, 4), more=(0, 0), **given):
    """People take `units` of an article in packs of 6; freight 12.00 €."""
    frame = {"freight_cents": 1_200} | given.pop("frame", {})
    w = EmployeeWorld(double, tiers=TIERS, pack=6, people=len(units), frame=frame, **given)
    w.rows = [w.join(who, n, more=extra) for who, n, extra in zip(w.people, units, more, strict=True)]
    return w


def told(w):
    for row in w.rows:
        row.refresh_from_db()
    return [(row.lines.get().ordered, row.freight_cents, row.price_cents) for row in w.rows]


class TestPacksAndFreight:
    def test_fix_what_each_one_gets_and_pays_within_what_was_reserved(self, double):
        w = packed(double)
        assert [row.freight_most_cents for row in w.rows] == [1_200, 1_200]  # alone, either could reach the minimum
        w.lock()
        w.article.refresh_from_db()
        # 9 wanted, 12 ordered: the second tier; 3 are left for who opened it, with their freight.
        assert (w.article.unit_price_cents, w.article.rest) == (900, 3)
        assert told(w) == [(5, 500, 5_000), (4, 400, 4_000)]
        assert (w.pool.freight_due_cents, w.pool.rest_freight_cents) == (1_200, 300)
        assert [row.payment.own_cents for row in w.rows] == [6_200, 5_200]
        check(w.pool)

    def test_take_units_that_people_offer_before_the_opener_takes_any(self, double):
        w = packed(double, more=(2, 1))
        w.lock()
        w.article.refresh_from_db()
        assert ([row[0] for row in told(w)], w.article.rest) == ([7, 5], 0)
        check(w.pool)

    def test_are_rounded_down_when_the_opener_takes_nothing(self, double):
        w = packed(double, frame={"pack_rest": "fewer"})
        w.lock()
        w.article.refresh_from_db()
        assert ([row[0] for row in told(w)], w.article.rest) == ([3, 3], 0)
        check(w.pool)

    def test_cost_no_freight_from_the_franco_on(self, double):
        w = packed(double, frame={"franco_cents": 10_800})
        assert EmployeePool.objects.get().freight_due_cents is None
        w.lock()
        assert (w.pool.freight_due_cents, [row[1] for row in told(w)]) == (0, [0, 0])

    def test_are_said_before_joining(self, double):
        w = packed(double, units=(5,), more=(0,))
        asked = employee_purchase.quote(person=w.people[0], pool=w.pool, wanted={w.article.pk: 4}, more={}, at=NOW)
        # 4 wanted, 6 ordered at 10.00; 4/6 of the freight now, all of it if nobody else comes.
        assert (asked.freight_now_cents, asked.freight_most_cents, asked.now) == (800, 1_200, 4_800)

    def test_leave_subsidy_and_refunds_in_proportion(self, double):
        """case: refund of half; here 2 of 5 units with their freight, split back as they were paid."""
        w = packed(double, subsidy=PERCENT)
        w.lock()
        w.order()
        w.arrive(7)
        row = w.rows[0]
        ready = row.lines.get().ready
        w.hand_over(row, refused=2)
        employee_money.decide(actor=w.staff, row=EmployeePayBack.objects.get(), granted=True, at=AFTER)
        employee_money.carry_out(pool=w.pool, at=AFTER)
        made = PersonalRefund.objects.get()
        assert (made.cents, made.to_company_cents) == (2 * 900 + 200, 200)
        assert w.short() == 2
        employee_money.carry_out(pool=w.pool, at=AFTER)
        check(w.pool)
        assert ready == 4
        # All units of the other one would give back its freight to the cent.
        line = w.rows[1].lines.get()
        assert line.worth(4) == 4_000 and line.worth(1) + line.worth(3, 1) == 4_000

    def test_let_a_company_that_opened_buy_the_rest_with_vat(self, double):
        w = packed(double, own=True)
        w.lock()
        w.order()
        w.arrive(9)
        w.close()
        invoice = Invoice.objects.get()
        assert (invoice.company, invoice.gross_cents, invoice.vat_cents) == (w.company, 3_000, 500)
        w.pool.refresh_from_db()
        assert w.pool.rest_invoice == invoice
        check(w.pool)

    def test_fill_the_hole_of_a_card_that_failed(self, double):
        w = packed(double, units=(6, 6), more=(0, 0))
        fails(double, w.rows[1])
        w.lock()
        w.order()
        w.article.refresh_from_db()
        order = EmployeeOrder.objects.get()
        assert (w.article.rest, order.lines.get().quantity, order.lines.get().pack) == (0, 6, 6)


def fails(double, row):
    """The bank takes the reservation back before it is charged."""
    with double.store.transaction():
        intent = double.store.get(row.payment.intent_id)
        double.store.save(intent | {"status": "canceled"})


@pytest.fixture
def sent(double):
    """An order of 9 + 3 at its supplier, with the token of its link."""
    supplier = SupplierFactory(name="Bois du Vercors")
    supplier.contacts.get_or_create(email="commandes@example.org", defaults={"receives_tenders": True})
    w = packed(double, frame={"freight_cents": 1_200, "supplier": supplier})
    w.lock()
    w.order()
    w.token = links.new_token(ORDER_SALT)
    EmployeeOrder.objects.update(token_hash=links.digest(w.token))
    w.sent = EmployeeOrder.objects.get()
    w.line = w.sent.lines.get()
    return w


def change(w, quantity=12, price=None, instead=""):
    price = w.line.unit_price_e4 if price is None else price
    answer = Answer(changes={w.line.pk: (quantity, price)}, substitutes={w.line.pk: instead} if instead else {})
    return employee_supplier.acknowledge(order=w.sent, answer=answer, at=AFTER)


class TestTheOrder:
    def test_is_mailed_with_its_link_and_carries_itself_as_order_x(self, sent):
        """The same paper, data and link as a company's order; no name of a person."""
        (mail,) = OutboxMail.objects.filter(to=sent.sent.email)
        assert "/q/order/" in mail.body and mail.attachments.count() == 1
        assert (sent.line.quantity, sent.line.pack, sent.line.net_cents) == (12, 6, 9_000)
        assert (sent.sent.goods_cents, sent.sent.freight_cents, sent.sent.vat_cents) == (9_000, 1_000, 2_000)
        reader = PdfReader(io.BytesIO(bytes(sent.pool.order_file.content)))
        (xml,) = reader.attachments["order-x.xml"]
        found = etree.fromstring(xml)
        assert found.findtext(".//{*}ExchangedDocument/{*}ID") == sent.pool.order_number
        text = "".join(page.extract_text() for page in reader.pages)
        assert sent.company.name in text and not any(str(person) in text for person in sent.people)

    def test_is_acknowledged_by_the_link_once(self, sent, client):
        address = reverse("purchasing:supplier_order", args=[sent.token])
        assert "Palette" in client.get(address).content.decode()
        assert client.post(address, {"reference": "AR-7"}).status_code == 302
        sent.sent.refresh_from_db()
        assert (sent.sent.state, sent.sent.acknowledgements.get().reference) == ("acknowledged", "AR-7")
        assert client.get(reverse("purchasing:supplier_order_pdf", args=[sent.token])).status_code == 200
        with pytest.raises(AlreadyAnswered):
            change(sent, 6)
        assert OutboxMail.objects.filter(key__startswith="employee-order-answered").count() == 1
        assert client.get(reverse("purchasing:supplier_order", args=[links.new_token(ORDER_SALT)])).status_code == 404

    def test_with_fewer_units_takes_the_rest_first_and_pays_the_others_back(self, sent):
        change(sent, 7)
        with pytest.raises(NotAllowed):
            employee_supplier.decide_change(actor=sent.hr, order=sent.sent, accepted=True, at=AFTER)
        for _twice in range(2):
            employee_supplier.decide_change(actor=sent.staff, order=sent.sent, accepted=True, at=AFTER)
        employee_money.carry_out(pool=sent.pool, at=AFTER)
        sent.article.refresh_from_db()
        assert sent.article.rest_missing == 3
        assert [row.lines.get().missing for row in sent.rows] == [1, 1]
        assert sorted(PersonalRefund.objects.values_list("cents", flat=True)) == [1_000, 1_000]
        sent.line.refresh_from_db()
        assert (sent.line.quantity, sent.line.pack) == (7, 1)
        check(sent.pool)

    def test_with_another_price_leaves_what_people_paid(self, sent):
        change(sent, price=80_000)
        order = employee_supplier.decide_change(actor=sent.staff, order=sent.sent, accepted=True, at=AFTER)
        assert (order.state, order.goods_cents) == ("accepted", 9_600)
        assert [row[2] for row in told(sent)] == [5_000, 4_000] and not EmployeePayBack.objects.exists()

    def test_with_another_article_is_told_to_everybody_who_bought_it(self, sent):
        change(sent, instead="Palette de 65 sacs")
        employee_supplier.decide_change(actor=sent.staff, order=sent.sent, accepted=True, at=AFTER)
        letters = OutboxMail.objects.filter(key__startswith="employee-substituted")
        assert {letter.to for letter in letters} == {person.user.email for person in sent.people}
        assert "65 sacs" in letters[0].body

    def test_refused_with_a_reason_waits_for_another_answer(self, sent):
        change(sent, 6)
        with pytest.raises(ReasonMissing):
            employee_supplier.decide_change(actor=sent.staff, order=sent.sent, accepted=False, at=AFTER)
        employee_supplier.decide_change(actor=sent.staff, order=sent.sent, accepted=False, reason="Trop peu", at=AFTER)
        employee_supplier.acknowledge(order=sent.sent, answer=Answer(), at=AFTER)
        sent.sent.refresh_from_db()
        assert sent.sent.state == "acknowledged"


@pytest.mark.django_db(transaction=True)
class TestACardReservedAtTheLastMoment:
    def test_is_released_when_its_purchase_is_left_out_meanwhile(self, double, monkeypatch):
        """The order leaves an unpaid purchase out while its card is being reserved: reserved after that, never charged."""
        w = EmployeeWorld(double, people=2)
        w.join(w.people[0], 2)
        late = w.join(w.people[1], 3)
        fails(double, late)
        w.lock()
        late = EmployeePurchase.objects.get(pk=late.pk)
        again = employee_purchase.pay(actor=late.person.user, row=late, at=NOW)
        seen, real, threads = threading.Event(), personal.apply, []

        def heard(**what):
            seen.set()
            return real(**what)

        def reserve():
            try:
                personal.look(payment=again, at=AFTER)
            finally:
                seen.set()
                connections.close_all()

        def meanwhile(*args, **more):
            double.pays(again.url)
            threads.append(threading.Thread(target=reserve))
            threads[0].start()
            seen.wait(timeout=30)
            return sending(*args, **more)

        sending = employee_supplier.send
        monkeypatch.setattr(personal, "apply", heard)
        monkeypatch.setattr(employee_supplier, "send", meanwhile)
        w.order()
        threads[0].join(timeout=30)
        employee_lock.settle(pool=w.pool, at=AFTER)
        late.refresh_from_db()
        again.refresh_from_db()
        assert (late.state, again.state, again.captured_cents) == ("dropped", "released", 0)
        assert double.store.get(again.intent_id)["amount_received"] == 0
        check(w.pool)

    def test_is_charged_when_it_came_first_and_the_order_waits(self, double):
        w = EmployeeWorld(double, people=2)
        w.join(w.people[0], 2)
        late = w.join(w.people[1], 3)
        fails(double, late)
        w.lock()
        late = EmployeePurchase.objects.get(pk=late.pk)
        again = employee_purchase.pay(actor=late.person.user, row=late, at=NOW)
        double.pays(again.url)
        double.lever("fail", requests=4)  # reserved, and Stripe falls silent before it is charged
        personal.apply(payment_id=again.pk, seen=personal.Seen("authorised", intent_id="x"), at=AFTER)
        with pytest.raises(employee_lock.StillCharging):
            w.order()
        double.lever("fail", requests=0)
        employee_lock.settle(pool=w.pool, at=AFTER)
        w.order()
        late.refresh_from_db()
        assert (late.state, PersonalPayment.objects.get(pk=again.pk).state) == ("locked", "captured")
        check(w.pool)

    def test_of_a_purchase_that_ended_meanwhile_is_given_back_at_once(self, double):
        w = EmployeeWorld(double, people=2)
        row = w.commit(w.people[0], 2)
        payment = employee_purchase.pay(actor=row.person.user, row=row, at=NOW)
        w.withdraw(w.people[0])
        double.pays(payment.url)
        personal.look(payment=payment, at=NOW)  # the very event that tells of it
        payment.refresh_from_db()
        assert (payment.state, EmployeePurchase.objects.get().state) == ("released", "withdrawn")
