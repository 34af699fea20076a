"""Reserves: photos, the carrier's clock, substitutes, back-orders."""

import io
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from companies.errors import NotAllowed
from companies.models import AuditEntry, Document
from companies.pictures import PictureRefused
from purchasing.models import Receipt, ReceiptPhoto
from purchasing.services import delivery, reserves, shipment
from purchasing.services.delivery import Count
from tests.purchasing.back import Delivered, hours

pytestmark = pytest.mark.django_db(transaction=True)


SHADES = itertools.count(0x20)


def photo(name="quai.jpg"):
    """Another picture each time."""
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (0x8A, 2 * next(SHADES) % 256, 0x20)).save(out, "JPEG")
    return SimpleUploadedFile(name, out.getvalue(), "image/jpeg")


class TestReserves:
    def test_start_the_carriers_clock_of_three_days(self):
        """Friday 3 April 2026: Easter Monday is not counted, so Tuesday the 7th is the last day."""
        assert reserves.deadline(datetime(2026, 4, 3, 8, tzinfo=UTC)).isoformat() == "2026-04-08T00:00:00+02:00"
        assert reserves.deadline(datetime(2026, 6, 1, 23, tzinfo=UTC)).isoformat() == "2026-06-06T00:00:00+02:00"

    def test_are_no_matter_of_a_sound_delivery(self):
        d = Delivered()
        sound = d.receive(30)
        assert sound.reserves_until is None
        with pytest.raises(reserves.NoReserves):
            reserves.tell_carrier(actor=d.w.staff, receipt=sound, at=hours(901))

    def test_are_told_once(self):
        d = Delivered()
        damaged = d.receive(30, 2)
        first = reserves.tell_carrier(actor=d.w.staff, receipt=damaged, reference="1A 234", at=hours(902))
        again = reserves.tell_carrier(actor=d.w.staff, receipt=damaged, reference="other", at=hours(950))
        assert (first.carrier_told_at, again.carrier_reference) == (again.carrier_told_at, "1A 234")
        assert AuditEntry.objects.get(action="receipt.carrier_told").data["late"] is False

    def test_told_too_late_say_so_in_the_log(self):
        d = Delivered()
        damaged = d.receive(30, 2)
        late = damaged.reserves_until + timedelta(minutes=1)
        reserves.tell_carrier(actor=d.w.staff, receipt=damaged, at=late)
        assert AuditEntry.objects.get(action="receipt.carrier_told").data["late"] is True

    def test_remind_who_runs_the_pool(self):
        from purchasing import todo_back

        d = Delivered()
        damaged = d.receive(30, 2)
        found = [todo for todo in todo_back.for_staff(d.w.staff, hours(901)) if todo.due == damaged.reserves_until]
        assert len(found) == 1
        reserves.tell_carrier(actor=d.w.staff, receipt=damaged, at=hours(902))
        assert not [t for t in todo_back.for_staff(d.w.staff, hours(903)) if t.due == damaged.reserves_until]


class TestAPhoto:
    def test_comes_with_the_delivery_form(self, client, time_machine):
        d = Delivered()
        time_machine.move_to(hours(900))
        client.force_login(d.w.staff)
        data = {"number": 1, f"counted{d.line.pk}": "30", f"refused{d.line.pk}": "2", "photos": [photo(), photo()]}
        client.post(f"/orders/{d.order.pk}/receive/", data)
        receipt = Receipt.objects.get()
        assert receipt.photos.count() == 2
        page = client.get(f"/receipts/{receipt.pk}/photos/{receipt.photos.first().pk}/")
        assert page.headers["Content-Type"] == "image/jpeg"
        client.force_login(d.w.buyers["A"])
        assert client.get(f"/receipts/{receipt.pk}/photos/{receipt.photos.first().pk}/").status_code == 404

    def test_that_is_none_refuses_the_delivery_and_keeps_what_was_typed(self, client):
        d = Delivered()
        client.force_login(d.w.staff)
        bad = SimpleUploadedFile("x.jpg", b"<script>", "image/jpeg")
        page = client.post(
            f"/orders/{d.order.pk}/receive/", {"number": 1, f"counted{d.line.pk}": "29", "photos": [bad]}
        )
        assert page.status_code == 200 and 'value="29"' in page.content.decode()
        assert not Receipt.objects.exists() and not Document.objects.filter(kind="receipt_photo").exists()

    def test_is_added_later_up_to_a_dozen(self, client):
        d = Delivered()
        receipt = d.receive(30, 2)
        client.force_login(d.w.staff)
        client.post(f"/receipts/{receipt.pk}/photos/", {"photos": [photo() for _ in range(13)], "caption": "Palette"})
        assert set(ReceiptPhoto.objects.values_list("caption", flat=True)) == {"Palette"}
        assert ReceiptPhoto.objects.count() == reserves.MOST_PHOTOS
        with pytest.raises(PictureRefused):
            reserves.add_photo(actor=d.w.staff, receipt=receipt, content=b"no", at=hours(901))
        with pytest.raises(NotAllowed):
            reserves.add_photo(actor=d.w.buyers["A"], receipt=receipt, content=photo().read(), at=hours(901))

    def test_comes_over_rest(self, client):
        d = Delivered()
        receipt = d.receive(30, 2)
        client.force_login(d.w.staff)
        taken = photo().read()
        for _sent in range(2):  # the same picture twice is one
            sent = {"photo": SimpleUploadedFile("coin.jpg", taken, "image/jpeg"), "caption": "Coin"}
            assert client.post(f"/api/v1/receipts/{receipt.pk}/photos/", sent).status_code == 201
        assert receipt.photos.get().caption == "Coin"
        assert AuditEntry.objects.filter(action="receipt.photo_added").count() == 1


class TestASubstitute:
    def test_is_shown_to_who_gets_it_and_is_a_reserve(self, client):
        d = Delivered()
        counts = {d.line.pk: Count(36, 0, "", "Gants vinyle M")}
        receipt = delivery.receive(actor=d.w.staff, order=d.order, counts=counts, at=hours(900))
        assert Receipt.objects.get(pk=receipt.pk).reserves_until is not None
        client.force_login(d.w.buyers["A"])
        page = client.get(f"/company/{d.w.companies['A'].pk}/deliveries/").content.decode()
        assert "Gants vinyle M" in page


class TestABackOrder:
    def test_is_what_was_ordered_and_has_not_come(self, client):
        d = Delivered()
        d.receive(30, 2)
        assert delivery.open_quantity(d.line) == 8
        row = shipment.expect_rest(actor=d.w.staff, order=d.order, day=hours(1_000).date(), at=hours(901))
        assert row.expected_on == hours(1_000).date()
        with pytest.raises(shipment.DayWrong):
            shipment.expect_rest(actor=d.w.staff, order=d.order, day=hours(10).date(), at=hours(901))
        d.receive(8)
        with pytest.raises(shipment.NothingAwaited):
            shipment.expect_rest(actor=d.w.staff, order=d.order, day=hours(1_000).date(), at=hours(902))

    def test_given_up_closes_the_order_short(self):
        d = Delivered()
        d.receive(30)
        row = delivery.close_short(actor=d.w.staff, order=d.order, reason="Rupture", at=hours(901))
        assert row.state == "closed_short"
        with pytest.raises(delivery.NotReceivable):
            d.receive(6)
