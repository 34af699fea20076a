"""announced → arrived → counted | refused: what the supplier says, what is noted at the door, what somebody counts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from companies.models import AuditEntry, OutboxMail
from purchasing import links, todo_back
from purchasing.models import Allocation, PurchaseOrder, Receipt
from purchasing.services import delivery, door, order, order_end, reserves, shipment
from tests.purchasing.back import Delivered, hours
from tests.purchasing.test_reserves import photo

pytestmark = pytest.mark.django_db
DAY = timezone.localdate(hours(800))


class TestAnAnnouncedDelivery:
    def test_is_corrected_under_its_note_and_another_note_is_another_delivery(self):
        d = Delivered()

        def say(day=0, **said):
            return shipment.announce(order=d.order, day=DAY + timedelta(days=day), at=hours(790), **said)

        first = say(parcels=3)
        assert say(1, delivery_note="BL-1", parcels=4) == first
        assert say(1, delivery_note="BL-1", parcels=4) == first
        second = say(5, delivery_note="BL-2")
        rows = Receipt.objects.order_by("number").values_list("number", "state", "announced_for", "parcels")
        assert list(rows) == [
            (1, "announced", DAY + timedelta(days=1), 4),
            (2, "announced", DAY + timedelta(days=5), None),
        ]
        assert second.number == 2
        for refused in ({"parcels": 0}, {"day": -40}):
            with pytest.raises((shipment.ParcelsWrong, shipment.DayWrong)):
                say(**refused)
        shipment.arrive(actor=d.w.staff, order=d.order, receipt=second, at=hours(800))
        assert say(9, delivery_note="BL-2").number == 3  # what has arrived is not announced again

    def test_arrives_once_is_counted_in_its_own_row_and_starts_the_clock_at_the_door(self):
        """States of a delivery: announced → arrived → counted → accepted with reserves → allocated; told from the arrival on."""
        d = Delivered()
        row = shipment.announce(order=d.order, day=DAY, delivery_note="BL-1", parcels=4, at=hours(790))
        for _time in range(2):
            shipment.arrive(actor=d.w.staff, order=d.order, receipt=row, parcels=3, at=hours(800))
        row.refresh_from_db()
        assert (row.state, row.arrived_at, row.parcels, row.counted_at) == ("arrived", hours(800), 3, None)
        with pytest.raises(delivery.NotReceivable):
            d.receive(-1, corrects=row)
        counted = d.receive(24, notes="Un colis mouillé")
        assert (counted.pk, counted.number, counted.state, counted.delivery_note) == (row.pk, 1, "allocated", "BL-1")
        assert counted.arrived_at == hours(800)
        plain = d.receive(12, 1)
        assert (plain.number, plain.arrived_at) == (2, hours(900))
        assert plain.reserves_until - counted.reserves_until >= timedelta(days=3)

    def test_that_nobody_announced_is_noted_and_the_longest_waiting_is_counted_first(self):
        d = Delivered()
        shipment.announce(order=d.order, day=DAY, delivery_note="BL-1", at=hours(790))
        here = shipment.arrive(actor=d.w.staff, order=d.order, at=hours(795))
        assert (here.number, here.state) == (2, "arrived")
        assert d.receive(12).number == 2
        assert d.receive(24, number=1).number == 1
        assert d.receive(24, number=1).number == 1
        assert Receipt.objects.count() == 2 and d.order.state == "received"
        with pytest.raises(shipment.NothingAwaited):
            shipment.arrive(actor=d.w.staff, order=d.order, at=hours(910))

    def test_is_seen_by_all_concerned_without_its_size_by_companies(self, client):
        d = Delivered()
        token, later = links.new_token(order.ORDER_SALT), timezone.now() + timedelta(days=9)
        PurchaseOrder.objects.update(
            token_hash=links.digest(token), token_expires_at=later, state="acknowledged", expected_on=later.date()
        )
        client.cookies["language"] = "en"
        form = {"ship": "1", "arrives_on": str(later.date()), "parcels": "4", "delivery_note": "BL-1"}
        assert "4 parcels" in client.post(f"/q/order/{token}/", form, follow=True).content.decode()
        client.force_login(d.w.staff)
        page = client.get(f"/orders/{d.order.pk}/").content.decode()
        assert "4 parcels" in page and "It has arrived" in page
        row = Receipt.objects.get()
        assert "On the road" in client.get(f"/receipts/{row.pk}/").content.decode()
        client.post(f"/orders/{d.order.pk}/arrived/", {"receipt": row.pk, "parcels": "99999"})
        assert Receipt.objects.get().state == "announced"
        said = client.post(f"/api/v1/orders/{d.order.pk}/arrivals/", {"receipt": row.pk}, "application/json").json()
        assert (said["state"], said["parcels"], said["counted_at"]) == ("arrived", 4, None)
        assert [t.title for t in todo_back.for_staff(d.w.staff, timezone.now())].count("Compter une livraison") == 1
        form = client.get(f"/orders/{d.order.pk}/receive/").content.decode()
        assert 'name="number" value="1"' in form and 'value="BL-1"' in form
        client.force_login(d.w.buyers["A"])
        mine = client.get(f"/company/{d.w.companies['A'].pk}/deliveries/").content.decode()
        assert "Arrived, being counted" in mine and "parcel" not in mine
        told = client.get(f"/api/v1/companies/{d.w.companies['A'].pk}/orders/{d.order.pk}/").json()["coming"]
        assert [row["state"] for row in told] == ["arrived"] and "parcels" not in told[0]

    def test_is_refused_whole_at_the_door_once_with_reason_and_photo_and_the_order_goes_on(self, client):
        """States of a delivery: arrived → refused. The supplier is told with the photo; the order still waits for all of it."""
        d = Delivered()
        PurchaseOrder.objects.update(email="ventes@fournisseur.test")
        first = shipment.announce(order=d.order, day=DAY, delivery_note="BL-1", parcels=4, at=hours(790))
        who = {"actor": d.w.staff, "order": d.order, "number": 1, "at": hours(800)}
        with pytest.raises(door.WhyRefused):
            door.refuse(reason=" ", **who)
        rows = [door.refuse(reason="Palette renversée", photos=[photo().read()], **who) for _time in range(2)]
        assert rows == [first, first]
        first.refresh_from_db()
        assert (first.state, first.arrived_at, first.counted_at) == ("refused", hours(800), None)
        assert (first.notes, first.reserves_until) == ("Palette renversée", reserves.deadline(hours(800)))
        mail = OutboxMail.objects.get(to="ventes@fournisseur.test")
        assert "Palette renversée" in mail.body and "BL-1" in mail.body and len(mail.attachments.all()) == 1
        assert d.order.state == "sent" and not Allocation.objects.exists()
        for refused in (lambda: d.receive(36, number=1), lambda: d.receive(-1, corrects=first, notes="Non")):
            with pytest.raises((delivery.ReceiptTaken, delivery.TooMuchTakenBack)):
                refused()
        client.force_login(d.w.staff)
        client.cookies["language"] = "en"
        address = f"/orders/{d.order.pk}/refuse/"
        form = {"number": 2, "notes": "", "parcels": "7", "photos": photo()}
        page = client.post(address, form).content.decode()
        assert 'value="7"' in page and "Say why in a few words." in page
        page = client.post(address, form | {"notes": "Wrong goods", "photos": photo()}, follow=True).content.decode()
        assert "Refused at the door" in page and "Wrong goods" in page and "7 parcels" in page
        assert "Tell the carrier of the reserves" in page and "Open a claim" in page and "Correct this" not in page
        api = f"/api/v1/orders/{d.order.pk}/refusals/"
        said = client.post(api, {"reason": "Encore", "number": 3, "photo": photo()})
        assert (said.status_code, said.json()["state"], said.json()["number"]) == (201, "refused", 3)
        assert client.post(api, {"number": 4}).status_code == 400
        assert d.receive(36, number=4).state == "allocated" and d.order.state == "received"
        with pytest.raises(door.DeliveryDecided):
            door.refuse(reason="Trop tard", **who | {"number": 4})

    @pytest.mark.parametrize("end", ["received", "short", "cancelled"])
    def test_announced_of_an_order_that_ends_never_came(self, end):
        """An order ends: what is announced ends with it; what stands at the door is counted or refused first."""
        d = Delivered()
        row = shipment.announce(order=d.order, day=DAY, delivery_note="BL-1", at=hours(790))
        if end != "cancelled":
            d.receive(12, number=7)
        here = shipment.arrive(actor=d.w.staff, order=d.order, at=hours(795))
        who = {"actor": d.w.staff, "order": d.order, "reason": "Rupture", "at": hours(901)}
        ending = {"short": delivery.close_short, "cancelled": order.cancel}.get(end)
        if ending is not None:
            with pytest.raises(order_end.Uncounted):
                ending(**who)
            door.refuse(actor=d.w.staff, order=d.order, reason="Abîmé", number=here.number, at=hours(900))
            ending(**who)
        else:
            d.receive(24, number=here.number)
        row.refresh_from_db()
        last = AuditEntry.objects.get(action="receipt.never_came")
        assert (row.state, last.reason) == ("never_came", "" if end == "received" else "Rupture")
