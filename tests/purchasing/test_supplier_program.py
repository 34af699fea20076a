"""A supplier's program by its signed links, and the last steps of an order over REST: what the pages do, by the same services."""

from datetime import timedelta

import pytest
from django.utils import timezone

from companies.models import AuditEntry
from purchasing import links
from purchasing.models import Claim, HandOver, PurchaseOrder
from purchasing.services import claims, order
from tests.purchasing.back import AFTER, Delivered

pytestmark = pytest.mark.django_db(transaction=True)


def send(client, path, body=None):
    """Status and body of a POST."""
    answer = client.post(f"/api/v1/{path}", body or {}, "application/json")
    return answer.status_code, answer.json()


class TestASuppliersProgram:
    def test_acknowledges_changes_ships_and_answers_a_claim_by_its_links(self, client):
        """API: with the signed link alone; every message twice is one; a dead link is not found."""
        d = Delivered()
        token, later = links.new_token(order.ORDER_SALT), timezone.now() + timedelta(days=9)
        PurchaseOrder.objects.update(token_hash=links.digest(token), token_expires_at=later)
        where = f"supplier-orders/{token}/"
        seen = client.get(f"/api/v1/{where}").json()
        assert (seen["state"], seen["answerable"], seen["lines"][0]["quantity"]) == ("sent", True, 36)
        early = send(client, where + "ship/", {"expected_on": "2000-01-01"})
        assert (early[0], early[1]["code"]) == (400, "expected_day_invalid")
        line = seen["lines"][0]["id"]
        more = {"changes": [{"line": line, "quantity": 37, "unit_price": "3.4917"}]}
        assert send(client, where, more)[1]["code"] == "order_change_invalid"
        for _time in range(2):
            code, said = send(client, where, {"reference": "ARC-7", "delivery_on": str(later.date())})
            assert (code, said["state"], said["expected_on"]) == (200, "acknowledged", str(later.date()))
        assert d.order.acknowledgements.count() == 1
        day = str((later + timedelta(days=1)).date())
        said = {"expected_on": day, "delivery_note": "BL-9", "parcels": 4}
        for _time in range(2):
            assert send(client, where + "ship/", said)[1]["expected_on"] == day
        (note,) = AuditEntry.objects.filter(action="purchaseorder.shipped")
        assert (note.actor, note.actor_label) == (None, d.w.supplier.name)
        assert AuditEntry.objects.filter(action="companyorder.shipped").count() == 4
        assert send(client, where + "ship/", said | {"parcels": 0})[1]["code"] == "invalid"
        assert client.get(f"/api/v1/{where}labels/").content.startswith(b"%PDF")
        assert client.get("/api/v1/supplier-orders/x/").status_code == 404
        page = client.post(f"/q/order/{token}/", {"ship": "1", "arrives_on": "2000-01-01"}).content.decode()
        assert 'name="arrives_on"' in page and AuditEntry.objects.filter(action="purchaseorder.shipped").count() == 1

        d.order.refresh_from_db()
        assert d.receive(36).number == 1  # the announced delivery is the one that is counted
        word = claims.Word("damaged", "Percés", {line: 2})
        claim = claims.open_claim(actor=d.w.buyers["A"], order=d.order, word=word, company=d.w.companies["A"], at=AFTER)
        key = links.new_token(claims.SALT)
        Claim.objects.filter(pk=claim.pk).update(token_hash=links.digest(key), token_expires_at=later)
        shown = client.get(f"/api/v1/supplier-claims/{key}/").json()
        assert (shown["order"], shown["lines"]) == (d.order.number, [{"line": line, "quantity": 2}])
        assert send(client, f"supplier-claims/{key}/", {"verdict": "refuse"})[0] == 400
        for _time in range(2):
            said = send(client, f"supplier-claims/{key}/", {"verdict": "accept", "offered": "6.98", "text": "Avoir"})[1]
            assert (said["state"], [row["offered"] for row in said["answers"]]) == ("answered", ["6.98"])


class TestTheLastStepsOverRest:
    def test_refuse_without_a_reason_and_do_what_the_pages_do(self, client):
        """API for whoever runs the pool; the other roles are rows of the access table."""
        d = Delivered()
        client.force_login(d.w.staff)
        mine = f"orders/{d.order.pk}/"
        assert send(client, mine + "cancel/")[1]["code"] == "reason_missing"
        receipt = d.receive(12, notes="Un carton écrasé")
        assert send(client, mine + "cancel/", {"reason": "Essai"})[1]["code"] == "state_refused"
        assert send(client, f"receipts/{receipt.pk}/carrier/", {"reference": "RAR 1"})[1]["carrier_told_at"]
        part = d.hand_over(receipt, "A")
        client.force_login(d.w.buyers["A"])
        contest = {"verdict": "contest", "note": "Il en manque"}
        path = f"companies/{d.w.companies['A'].pk}/hand-overs/{part.pk}/"
        assert send(client, path, contest)[1]["state"] == "contested"
        client.force_login(d.w.staff)
        assert send(client, f"hand-overs/{part.pk}/resolve/")[1]["code"] == "reason_missing"
        assert send(client, f"hand-overs/{part.pk}/resolve/", {"note": "Recompté"})[1]["state"] == "resolved"
        day = str((timezone.now() + timedelta(days=3)).date())
        assert send(client, mine + "expect-rest/", {"expected_on": day})[1]["expected_on"] == day
        assert send(client, mine + "expect-rest/")[1]["code"] == "expected_day_invalid"
        assert send(client, mine + "close-short/")[1]["code"] == "reason_missing"
        assert send(client, mine + "close-short/", {"reason": "Rupture"})[1]["state"] == "closed_short"
        assert send(client, mine + "billing-over/", {"reason": "Tout"})[1]["code"] == "billing_still_open"
        assert HandOver.objects.filter(state="resolved").count() == 1

    def test_of_a_claim_record_the_answer_and_ask_again(self, client):
        d = Delivered()
        d.receive(36)
        client.force_login(d.w.staff)
        body = {"order": d.order.pk, "kind": "damaged", "text": "Percés", "lines": [{"line": d.line.pk, "quantity": 3}]}
        code, claim = send(client, "claims/", body)
        assert code == 201
        assert send(client, f"claims/{claim['id']}/remind/")[0] == 200
        said = send(client, f"claims/{claim['id']}/answer/", {"verdict": "replace", "text": "On relivre"})[1]
        assert (said["state"], said["answers"][0]["verdict"]) == ("answered", "replace")
        assert send(client, f"claims/{claim['id']}/photos/")[0] == 400
